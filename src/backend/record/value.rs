//! Values as a service takes them: JSON by type, and the text of a key.

use jiff::civil::{Date, Time};
use serde_json::{Number, Value as Json};

use crate::value::{Scalar, Value};

/// A field's value: numbers with their digits, dates as text, timestamps in RFC 3339 and UTC, times as
/// `14:05:30.000Z`, a list as `a;b` and an empty one as null.
///
/// # Errors
///
/// What cannot be written as it is: the reason, for the caller. Nothing is altered.
pub(super) fn json(value: &Value) -> Result<Json, &'static str> {
    Ok(match value {
        Value::Null => Json::Null,
        Value::Boolean(value) => Json::Bool(*value),
        Value::Integer(value) => Json::from(*value),
        Value::Float(value) => Number::from_f64(*value).map(Json::Number).ok_or("expected a finite number")?,
        Value::Decimal(value) => {
            let number: Result<Number, _> = value.to_plain_string().parse();
            Json::Number(number.map_err(|_| "expected a number")?)
        }
        Value::List(items) if items.is_empty() => Json::Null,
        Value::List(items) => {
            let items: Result<Vec<String>, _> = items.iter().map(item).collect();
            Json::String(items?.join(";"))
        }
        Value::Json(_) => return Err("expected a single value"),
        Value::Text(text) => Json::String(text.to_string()),
        Value::Time(time) => Json::String(format!("{}Z", clock(*time)?)),
        Value::Timestamp(utc) => Json::String(format!("{}T{}Z", day(utc.date())?, clock(utc.time())?)),
        Value::Date(date) => Json::String(day(*date)?),
        Value::Uuid(uuid) => Json::String(uuid.hyphenated().to_string()),
    })
}

/// An element of a list, which `;` would end.
fn item(value: &Value) -> Result<String, &'static str> {
    let text = match json(value)? {
        Json::String(text) => text,
        other => other.to_string(),
    };
    if text.contains(';') {
        return Err("expected elements without `;`, which stands between them");
    }
    Ok(text)
}

/// A day of the years that Salesforce has.
fn day(date: Date) -> Result<String, &'static str> {
    match date.year() {
        1700..=4000 => Ok(date.to_string()),
        _ => Err("expected a year from 1700 to 4000"),
    }
}

/// A time of day with three digits of a second: Salesforce counts milliseconds.
fn clock(time: Time) -> Result<String, &'static str> {
    let (millis, rest) = (time.subsec_nanosecond() / 1_000_000, time.subsec_nanosecond() % 1_000_000);
    if rest != 0 {
        return Err("expected a fraction of a second of at most 3 digits");
    }
    Ok(format!("{:02}:{:02}:{:02}.{millis:03}", time.hour(), time.minute(), time.second()))
}

/// Whether values of a type can name a record.
pub(super) fn names_a_record(scalar: Scalar) -> bool {
    matches!(scalar, Scalar::String | Scalar::Integer | Scalar::Decimal | Scalar::Uuid)
}

/// The most characters of a key: those of the longest field that can be an external id.
const MAX_KEY: usize = 255;

/// The text of a key, which becomes one segment of an address.
///
/// # Errors
///
/// What would be no segment, or another one: the reason.
pub(super) fn key(value: &Value) -> Result<String, &'static str> {
    let named = matches!(value, Value::Text(_) | Value::Integer(_) | Value::Decimal(_) | Value::Uuid(_));
    let text = value.text().filter(|_| named).ok_or("expected text or a number that names a record")?;
    match &*text {
        "" => Err("expected text that names a record"),
        "." | ".." => Err("expected text that names a record, not only dots"),
        _ if text.chars().count() > MAX_KEY => Err("expected at most 255 characters"),
        _ => Ok(text.into_owned()),
    }
}
