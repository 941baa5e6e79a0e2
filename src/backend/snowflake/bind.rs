//! Values on their way in (SPEC 4 "What is bound"), as the SQL API takes them (FACTS 3.2): `{"1": {"type", "value"}}`, each value
//! a text or null. No value is ever part of a statement's text.

use jiff::civil;
use serde_json::{Map, Value as Json, json};

use crate::{
    backend::{Failure, FailureKind},
    template::{Bind, Dialect},
    value::{Scalar, Value},
};

/// The day from whose midnight dates and instants are counted.
const EPOCH: civil::Date = civil::date(1970, 1, 1);

/// The bindings of a statement, one for each placeholder.
///
/// # Errors
///
/// Of kind [`InvalidValue`](FailureKind::InvalidValue), for a value that Snowflake cannot hold.
pub fn bindings(binds: &[Bind]) -> Result<Map<String, Json>, Failure> {
    let invalid = |reason: String| Failure::new(FailureKind::InvalidValue, reason);
    binds
        .iter()
        .enumerate()
        .map(|(at, bind)| {
            let value = match bind.value {
                Value::Null => Json::Null,
                ref value => Json::String(text(bind.ty.scalar, value).map_err(invalid)?),
            };
            // The type is that of the place, so that a null has it as well.
            Ok(((at + 1).to_string(), json!({ "type": type_of(bind.ty.scalar), "value": value })))
        })
        .collect()
}

/// The type that a parameter's values are bound with.
fn type_of(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::Integer => "FIXED",
        Scalar::Float => "REAL",
        Scalar::Boolean => "BOOLEAN",
        Scalar::Date => "DATE",
        Scalar::Time => "TIME",
        Scalar::Timestamp => "TIMESTAMP_LTZ",
        // A decimal's digits are converted by the column, or by the author's cast: FIXED is documented for integers only.
        Scalar::String | Scalar::Decimal | Scalar::Uuid | Scalar::Json | Scalar::Choice => "TEXT",
    }
}

/// A value as the text that its type takes.
fn text(scalar: Scalar, value: &Value) -> Result<String, String> {
    if let Some(reason) = Dialect::Snowflake.refuses(value) {
        return Err(reason.into());
    }
    Ok(match (scalar, value) {
        (Scalar::Date, Value::Date(date)) => date.duration_since(EPOCH).as_millis().to_string(),
        (Scalar::Time, Value::Time(time)) => time.duration_since(civil::Time::midnight()).as_nanos().to_string(),
        (Scalar::Timestamp, Value::Timestamp(utc)) => utc.duration_since(EPOCH.at(0, 0, 0, 0)).as_nanos().to_string(),
        (Scalar::Integer, Value::Integer(_))
        | (Scalar::Float, Value::Float(_))
        | (Scalar::Boolean, Value::Boolean(_))
        | (Scalar::String | Scalar::Decimal | Scalar::Uuid | Scalar::Json | Scalar::Choice, _) => {
            value.text().ok_or("a list must be spread")?.into_owned()
        }
        (scalar, _) => return Err(format!("the value is no {}", scalar.name())),
    })
}

#[cfg(test)]
mod tests;
