//! Values on their way in (SPEC 4 "What is bound"), in MySQL's binary form:
//! <https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_binary_resultset.html>.

use jiff::civil;
use sqlx::{
    Arguments, Encode, MySql, Type,
    encode::IsNull,
    error::BoxDynError,
    mysql::{MySqlArguments, MySqlTypeInfo},
    types::{BigDecimal, time},
};

use crate::{
    template::Bind,
    value::{Scalar, Value},
};

/// The arguments of a statement.
pub(super) fn arguments(binds: &[Bind]) -> Result<MySqlArguments, BoxDynError> {
    let mut arguments = MySqlArguments::default();
    arguments.reserve(binds.len(), binds.len() * 16);
    for bind in binds {
        arguments.add(Argument(bind))?;
    }
    Ok(arguments)
}

/// A bind as the protocol wants it. Its type is that of its place, so that null does not make another statement of it.
struct Argument<'a>(&'a Bind);

impl Type<MySql> for Argument<'_> {
    fn type_info() -> MySqlTypeInfo {
        <str as Type<MySql>>::type_info()
    }
}

impl Encode<'_, MySql> for Argument<'_> {
    fn produces(&self) -> Option<MySqlTypeInfo> {
        Some(match self.0.ty.scalar {
            Scalar::Integer | Scalar::Boolean => <i64 as Type<MySql>>::type_info(),
            Scalar::Float => <f64 as Type<MySql>>::type_info(),
            Scalar::Decimal => <BigDecimal as Type<MySql>>::type_info(),
            Scalar::Date => <time::Date as Type<MySql>>::type_info(),
            Scalar::Time => <time::Time as Type<MySql>>::type_info(),
            Scalar::Timestamp => <time::PrimitiveDateTime as Type<MySql>>::type_info(),
            Scalar::String | Scalar::Uuid | Scalar::Json | Scalar::Choice => <str as Type<MySql>>::type_info(),
        })
    }

    fn encode_by_ref(&self, out: &mut Vec<u8>) -> Result<IsNull, BoxDynError> {
        match (self.0.ty.scalar, &self.0.value) {
            (_, Value::Null) => return Ok(IsNull::Yes),
            (Scalar::Integer | Scalar::Boolean, Value::Boolean(value)) => {
                out.extend_from_slice(&i64::from(*value).to_le_bytes());
            }
            (Scalar::Integer | Scalar::Boolean, Value::Integer(value)) => out.extend_from_slice(&value.to_le_bytes()),
            (Scalar::Float, Value::Float(value)) => out.extend_from_slice(&value.to_le_bytes()),
            (Scalar::Date, Value::Date(value)) => {
                out.push(4);
                date(*value, out)?;
            }
            (Scalar::Time, Value::Time(value)) => {
                // No sign and no days.
                out.extend_from_slice(&[12, 0, 0, 0, 0, 0]);
                time(*value, out);
            }
            (Scalar::Timestamp, Value::Timestamp(value)) => {
                out.push(11);
                date(value.date(), out)?;
                time(value.time(), out);
            }
            (Scalar::String | Scalar::Uuid | Scalar::Json | Scalar::Choice | Scalar::Decimal, value) => {
                let text = value.text().ok_or("a list must be spread")?;
                return <&str as Encode<MySql>>::encode_by_ref(&&*text, out);
            }
            (scalar, _) => return Err(format!("the value is no {}", scalar.name()).into()),
        }
        Ok(IsNull::No)
    }
}

fn date(date: civil::Date, out: &mut Vec<u8>) -> Result<(), BoxDynError> {
    let year = u16::try_from(date.year()).map_err(|_| "a year before Christ")?;
    out.extend_from_slice(&year.to_le_bytes());
    out.extend_from_slice(&[date.month().unsigned_abs(), date.day().unsigned_abs()]);
    Ok(())
}

fn time(time: civil::Time, out: &mut Vec<u8>) {
    out.extend_from_slice(&[time.hour(), time.minute(), time.second()].map(i8::unsigned_abs));
    let micros = time.subsec_nanosecond().unsigned_abs() / 1_000;
    out.extend_from_slice(&micros.to_le_bytes());
}
