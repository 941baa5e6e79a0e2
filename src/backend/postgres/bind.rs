//! Parameters: values in the binary form of the type that a placeholder has on the database (SPEC 4 "What is bound").
//!
//! A value that the type cannot hold is refused here, before anything is sent, as far as the type alone tells: what depends
//! on the database (labels of an enum, lengths, checks) it finds out by itself.

use std::borrow::Cow;

use bigdecimal::{BigDecimal, ToPrimitive};
use jiff::{SignedDuration, Timestamp, civil, tz::TimeZone};
use sqlx::{
    TypeInfo,
    postgres::{PgTypeInfo, PgTypeKind},
};

use super::{numeric, oid};
use crate::value::{ParamType, Scalar, Value};

/// What a placeholder's type takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Encoder {
    Bool,
    Int2,
    Int4,
    Int8,
    Oid,
    Float4,
    Float8,
    Numeric,
    /// The text itself.
    Text,
    /// A text of less than 64 bytes.
    Name,
    /// A version and the text.
    Versioned,
    /// `"char"`: one byte.
    Char,
    /// `\x…`.
    Bytea,
    Uuid,
    Json,
    /// JSON after a version.
    Jsonb,
    Date,
    Time,
    Timetz,
    Timestamp,
    Timestamptz,
    /// An array of elements of this type.
    Array(u32, Box<Self>),
}

/// The value is none of its placeholder's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unfit;

impl Encoder {
    /// The encoder of a type; `None` where it has none: the database then has to read a text.
    pub(super) fn of(info: &PgTypeInfo) -> Option<Self> {
        let id = info.oid().map_or(0, |oid| oid.0);
        Some(match (info.kind(), id) {
            (PgTypeKind::Domain(base), _) => return Self::of(base),
            (PgTypeKind::Array(element), _) if !matches!(id, oid::INT2VECTOR | oid::OIDVECTOR) => {
                Self::Array(element.oid()?.0, Box::new(Self::of(element)?))
            }
            (PgTypeKind::Enum(_), _) => Self::Text,
            (_, oid::BOOL) => Self::Bool,
            (_, oid::INT2) => Self::Int2,
            (_, oid::INT4) => Self::Int4,
            (_, oid::INT8) => Self::Int8,
            (_, oid::OID) => Self::Oid,
            (_, oid::FLOAT4) => Self::Float4,
            (_, oid::FLOAT8) => Self::Float8,
            (_, oid::NUMERIC) => Self::Numeric,
            (_, oid::TEXT | oid::VARCHAR | oid::BPCHAR | oid::UNKNOWN | oid::CSTRING | oid::XML | oid::REFCURSOR) => {
                Self::Text
            }
            (_, oid::NAME) => Self::Name,
            (_, oid::CHAR) => Self::Char,
            (_, oid::BYTEA) => Self::Bytea,
            (_, oid::UUID) => Self::Uuid,
            (_, oid::JSON) => Self::Json,
            (_, oid::JSONB) => Self::Jsonb,
            (_, oid::DATE) => Self::Date,
            (_, oid::TIME) => Self::Time,
            (_, oid::TIMETZ) => Self::Timetz,
            (_, oid::TIMESTAMP) => Self::Timestamp,
            (_, oid::TIMESTAMPTZ) => Self::Timestamptz,
            (PgTypeKind::Simple, _) => match oid::extension(info.name()) {
                Some("citext") => Self::Text,
                Some("ltree" | "lquery" | "ltxtquery") => Self::Versioned,
                _ => return None,
            },
            _ => return None,
        })
    }

    /// Whether values of this declared type can ever be one of the type.
    pub(super) fn takes(&self, declared: ParamType) -> bool {
        use Scalar::{Boolean, Date, Decimal, Float, Integer, Json, String, Time, Timestamp, Uuid};
        if let Self::Array(_, element) = self {
            return declared.list && element.takes(ParamType::one(declared.scalar));
        }
        let numbers = [Integer, Decimal, Float];
        !declared.list
            && match self {
                Self::Text | Self::Name => true,
                _ if declared.scalar == String => true,
                Self::Bool => matches!(declared.scalar, Boolean | Integer),
                Self::Int2 | Self::Int4 | Self::Int8 | Self::Oid | Self::Float4 | Self::Float8 | Self::Numeric => {
                    numbers.contains(&declared.scalar)
                }
                Self::Json | Self::Jsonb => {
                    matches!(declared.scalar, Json | Boolean) || numbers.contains(&declared.scalar)
                }
                Self::Uuid => declared.scalar == Uuid,
                Self::Time | Self::Timetz => declared.scalar == Time,
                Self::Date | Self::Timestamp | Self::Timestamptz => matches!(declared.scalar, Date | Timestamp),
                Self::Char | Self::Bytea | Self::Versioned | Self::Array(..) => false,
            }
    }

    /// Whether every value of a declared type is one of the type.
    pub(super) fn holds(&self, declared: ParamType) -> bool {
        if let Self::Array(_, element) = self {
            return declared.list && element.holds(ParamType::one(declared.scalar));
        }
        !declared.list
            && match declared.scalar {
                // Texts of many types are texts: whether one of them is meant is for the database to say.
                Scalar::String | Scalar::Choice => true,
                Scalar::Integer => matches!(self, Self::Int8 | Self::Numeric | Self::Json | Self::Jsonb),
                Scalar::Decimal => matches!(self, Self::Numeric | Self::Json | Self::Jsonb),
                Scalar::Float => matches!(self, Self::Float8 | Self::Numeric | Self::Json | Self::Jsonb),
                Scalar::Boolean => matches!(self, Self::Bool | Self::Json | Self::Jsonb),
                Scalar::Date => matches!(self, Self::Date | Self::Timestamp | Self::Timestamptz),
                Scalar::Time => matches!(self, Self::Time | Self::Timetz),
                Scalar::Timestamp => matches!(self, Self::Timestamp | Self::Timestamptz),
                Scalar::Uuid => *self == Self::Uuid,
                Scalar::Json => matches!(self, Self::Json | Self::Jsonb),
            }
    }

    /// Writes a value that is not null. `zone` is that of a timestamp's wall clock.
    pub(super) fn write(&self, value: &Value, zone: Option<&TimeZone>, out: &mut Vec<u8>) -> Result<(), Unfit> {
        match self {
            Self::Bool => out.push(u8::from(truth(value)?)),
            Self::Int2 => out.extend(i16::try_from(whole(value)?).map_err(|_| Unfit)?.to_be_bytes()),
            Self::Int4 => out.extend(i32::try_from(whole(value)?).map_err(|_| Unfit)?.to_be_bytes()),
            Self::Int8 => out.extend(whole(value)?.to_be_bytes()),
            Self::Oid => out.extend(u32::try_from(whole(value)?).map_err(|_| Unfit)?.to_be_bytes()),
            Self::Float4 => out.extend(narrow(float(value)?)?.to_be_bytes()),
            Self::Float8 => out.extend(float(value)?.to_be_bytes()),
            Self::Numeric => numeric::write(&decimal(value)?, out)?,
            Self::Text => text(value, out)?,
            Self::Name => {
                let start = out.len();
                text(value, out)?;
                if out.len() - start > 63 {
                    return Err(Unfit);
                }
            }
            Self::Versioned => {
                out.push(1);
                text(value, out)?;
            }
            Self::Char => match value.text().as_deref().map(str::as_bytes) {
                Some([byte]) => out.push(*byte),
                _ => return Err(Unfit),
            },
            Self::Bytea => {
                let hex = value.text().and_then(|text| hex::decode(text.strip_prefix("\\x")?).ok());
                out.extend(hex.ok_or(Unfit)?);
            }
            Self::Uuid => match value {
                Value::Uuid(uuid) => out.extend(uuid.as_bytes()),
                Value::Text(text) => out.extend(uuid::Uuid::parse_str(text.trim()).map_err(|_| Unfit)?.as_bytes()),
                _ => return Err(Unfit),
            },
            Self::Json => text(value, out)?,
            Self::Jsonb => {
                out.push(1);
                text(value, out)?;
            }
            Self::Date => out.extend(days(value, zone)?.to_be_bytes()),
            Self::Time => out.extend(time(value)?.to_be_bytes()),
            Self::Timetz => {
                out.extend(time(value)?.to_be_bytes());
                out.extend(0_i32.to_be_bytes());
            }
            Self::Timestamp => out.extend(wall_clock(value, zone)?.to_be_bytes()),
            Self::Timestamptz => out.extend(instant(value)?.to_be_bytes()),
            Self::Array(id, element) => array(*id, element, value, zone, out)?,
        }
        Ok(())
    }
}

fn array(id: u32, element: &Encoder, value: &Value, zone: Option<&TimeZone>, out: &mut Vec<u8>) -> Result<(), Unfit> {
    let Value::List(items) = value else { return Err(Unfit) };
    let nulls = items.contains(&Value::Null);
    out.extend(i32::from(!items.is_empty()).to_be_bytes());
    out.extend(i32::from(nulls).to_be_bytes());
    out.extend(id.to_be_bytes());
    if !items.is_empty() {
        out.extend(i32::try_from(items.len()).map_err(|_| Unfit)?.to_be_bytes());
        out.extend(1_i32.to_be_bytes());
    }
    for item in items.iter() {
        let start = out.len();
        out.extend((-1_i32).to_be_bytes());
        if *item != Value::Null {
            element.write(item, zone, out)?;
            let length = i32::try_from(out.len() - start - 4).map_err(|_| Unfit)?;
            out[start..start + 4].copy_from_slice(&length.to_be_bytes());
        }
    }
    Ok(())
}

/// The words are PostgreSQL's.
fn truth(value: &Value) -> Result<bool, Unfit> {
    match value {
        Value::Boolean(value) => Ok(*value),
        Value::Integer(0) => Ok(false),
        Value::Integer(1) => Ok(true),
        Value::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "on" | "1" => Ok(true),
            "false" | "f" | "no" | "n" | "off" | "0" => Ok(false),
            _ => Err(Unfit),
        },
        _ => Err(Unfit),
    }
}

fn whole(value: &Value) -> Result<i64, Unfit> {
    match value {
        Value::Integer(value) => Ok(*value),
        Value::Decimal(value) if value.is_integer() => value.to_i64().ok_or(Unfit),
        Value::Float(value) if value.fract() == 0.0 => {
            BigDecimal::try_from(*value).ok().and_then(|v| v.to_i64()).ok_or(Unfit)
        }
        Value::Text(text) => text.trim().parse().map_err(|_| Unfit),
        _ => Err(Unfit),
    }
}

fn float(value: &Value) -> Result<f64, Unfit> {
    match value {
        Value::Float(value) => Ok(*value),
        Value::Integer(value) => Ok(*value as f64),
        Value::Decimal(value) => value.to_plain_string().parse().map_err(|_| Unfit),
        Value::Text(text) => {
            let text = text.trim();
            let number: f64 = text.parse().map_err(|_| Unfit)?;
            let written_out = text.trim_start_matches(['+', '-']).starts_with(['i', 'I']);
            if number.is_infinite() && !written_out { Err(Unfit) } else { Ok(number) }
        }
        _ => Err(Unfit),
    }
}

/// As `float4`, unless it is too large or too small for one.
fn narrow(value: f64) -> Result<f32, Unfit> {
    let narrow = value as f32;
    let lost = (narrow.is_infinite() && value.is_finite()) || (narrow == 0.0 && value != 0.0);
    if lost { Err(Unfit) } else { Ok(narrow) }
}

/// The digits of a number.
fn decimal(value: &Value) -> Result<Cow<'_, str>, Unfit> {
    match value {
        Value::Integer(_) | Value::Decimal(_) => value.text().ok_or(Unfit),
        // Without an exponent.
        Value::Float(value) => Ok(value.to_string().into()),
        Value::Text(text) => Ok(text.trim().into()),
        _ => Err(Unfit),
    }
}

/// PostgreSQL has no text with a zero byte.
fn text(value: &Value, out: &mut Vec<u8>) -> Result<(), Unfit> {
    let text = value.text().ok_or(Unfit)?;
    if text.as_bytes().contains(&0) {
        return Err(Unfit);
    }
    out.extend(text.as_bytes());
    Ok(())
}

/// Days since 2000-01-01.
fn days(value: &Value, zone: Option<&TimeZone>) -> Result<i32, Unfit> {
    let date = match value {
        Value::Date(date) => *date,
        Value::Timestamp(utc) => match in_zone(*utc, zone) {
            local if local.time() == civil::Time::midnight() => local.date(),
            _ => return Err(Unfit),
        },
        Value::Text(text) => match text.trim() {
            "infinity" => return Ok(i32::MAX),
            "-infinity" => return Ok(i32::MIN),
            text => text.parse().map_err(|_| Unfit)?,
        },
        _ => return Err(Unfit),
    };
    i32::try_from(micros(date.to_datetime(civil::Time::midnight())) / 86_400_000_000).map_err(|_| Unfit)
}

/// Microseconds since midnight.
fn time(value: &Value) -> Result<i64, Unfit> {
    let time = match value {
        Value::Time(time) => *time,
        Value::Text(text) => text.trim().parse().map_err(|_| Unfit)?,
        _ => return Err(Unfit),
    };
    Ok(micros(civil::date(2000, 1, 1).to_datetime(time)))
}

/// Microseconds since 2000-01-01 on the wall clock.
fn wall_clock(value: &Value, zone: Option<&TimeZone>) -> Result<i64, Unfit> {
    match value {
        Value::Timestamp(utc) => Ok(micros(in_zone(*utc, zone))),
        Value::Date(date) => Ok(micros(date.to_datetime(civil::Time::midnight()))),
        Value::Text(text) => match text.trim() {
            "infinity" => Ok(i64::MAX),
            "-infinity" => Ok(i64::MIN),
            text => text.parse().map(micros).map_err(|_| Unfit),
        },
        _ => Err(Unfit),
    }
}

/// Microseconds since 2000-01-01 in UTC, which is also the session's zone.
fn instant(value: &Value) -> Result<i64, Unfit> {
    match value {
        Value::Text(text) => match text.trim().parse::<Timestamp>() {
            Ok(instant) => Ok(micros(TimeZone::UTC.to_datetime(instant))),
            Err(_) => wall_clock(value, None),
        },
        _ => wall_clock(value, None),
    }
}

/// What the clock of a zone shows. The last days of the year 9999, past the end of what zones know, have the last offset.
fn in_zone(utc: civil::DateTime, zone: Option<&TimeZone>) -> civil::DateTime {
    let Some(zone) = zone else { return utc };
    let instant = TimeZone::UTC.to_timestamp(utc).unwrap_or(Timestamp::MAX);
    let offset = SignedDuration::from_secs(zone.to_offset(instant).seconds().into());
    utc.checked_add(offset).unwrap_or(utc)
}

fn micros(time: civil::DateTime) -> i64 {
    let since = time.duration_since(civil::date(2000, 1, 1).at(0, 0, 0, 0));
    i64::try_from(since.as_micros()).expect("ten thousand years of microseconds fit")
}
