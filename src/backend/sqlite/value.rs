//! Values on their way in and out (SPEC 4 "What is bound", SPEC 5).
//!
//! SQLite has integers, reals, text and blobs, and each value has its own type whatever its column says. So a boolean comes
//! back as 0 or 1 and JSON as text: that is what the database holds.

use serde_json::Value as Json;
use sqlx::{
    Arguments, Decode, Row, Sqlite, TypeInfo, ValueRef,
    error::BoxDynError,
    sqlite::{SqliteArguments, SqliteRow, SqliteValueRef},
};

use crate::{template::Bind, value::Value};

/// The most bytes of texts and blobs in one row, so that its JSON is not made as well; SQLite, which would give a gigabyte for
/// each value, and sqlx have read the whole row by then. No answer is near it.
const MAX_ROW_BYTES: usize = 64 * 1024 * 1024;

/// The arguments of a statement.
pub(super) fn arguments(binds: &[Bind]) -> Result<SqliteArguments, BoxDynError> {
    let mut arguments = SqliteArguments::default();
    arguments.reserve(binds.len(), 0);
    for bind in binds {
        match &bind.value {
            Value::Null => arguments.add(None::<i64>),
            Value::Boolean(value) => arguments.add(i64::from(*value)),
            Value::Integer(value) => arguments.add(*value),
            Value::Float(value) => arguments.add(*value),
            Value::Text(text) | Value::Json(text) => arguments.add(text.clone()),
            // The rest has a text that SQLite's own date functions and comparisons understand.
            other => match other.text() {
                Some(text) => arguments.add(text.into_owned()),
                None => Err("a list must be spread".into()),
            },
        }?;
    }
    Ok(arguments)
}

/// A row's values, each by its own type.
pub(super) fn decode(row: &SqliteRow) -> Result<Vec<Json>, sqlx::Error> {
    let mut room = MAX_ROW_BYTES;
    let decode = |index: usize| {
        let value = row.try_get_raw(index)?;
        value_json(value, &mut room).map_err(|source| sqlx::Error::ColumnDecode { index: index.to_string(), source })
    };
    (0..row.len()).map(decode).collect()
}

/// A value as JSON; `room` is what is left of the row's bytes.
fn value_json(value: SqliteValueRef<'_>, room: &mut usize) -> Result<Json, BoxDynError> {
    let mut take = |bytes: usize| {
        *room = room.checked_sub(bytes).ok_or_else(|| format!("a row of more than {MAX_ROW_BYTES} bytes"))?;
        Ok::<_, BoxDynError>(())
    };
    if value.is_null() {
        return Ok(Json::Null);
    }
    let kind = value.type_info();
    Ok(match kind.name() {
        "INTEGER" => <i64 as Decode<Sqlite>>::decode(value)?.into(),
        "TEXT" => {
            let text = <&str as Decode<Sqlite>>::decode(value)?;
            take(text.len())?;
            text.into()
        }
        "REAL" => real(Decode::<Sqlite>::decode(value)?),
        "BLOB" => {
            let bytes = <&[u8] as Decode<Sqlite>>::decode(value)?;
            take(bytes.len())?;
            format!("\\x{}", hex::encode(bytes)).into()
        }
        other => return Err(format!("a value of type {other}").into()),
    })
}

/// SQLite has no NaN; infinities are text, because JSON has none.
fn real(value: f64) -> Json {
    if value.is_finite() {
        return value.into();
    }
    if value > 0.0 { "Infinity" } else { "-Infinity" }.into()
}
