//! Values on their way out (SPEC 5).
//!
//! What a column's values become depends on its type alone and is found once for each result. Where the type of a text is
//! told by its charset, the type's name is not asked.

use std::fmt::Write;

use serde_json::{Number, Value as Json};
use sqlx::{
    Column as _, Decode, MySql, Row, Type, TypeInfo, ValueRef,
    error::BoxDynError,
    mysql::{MySqlColumn, MySqlRow, MySqlTypeInfo},
};

/// The most bytes of one row, so that its JSON is not made as well; sqlx has read the whole row by then. No answer is near it.
const MAX_ROW_BYTES: usize = 64 * 1024 * 1024;

/// How the values of a type are read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rendering {
    Signed,
    Unsigned,
    Single,
    Double,
    Decimal,
    Bits,
    Date,
    /// A date and a time of no zone.
    Datetime,
    /// The same, stored as an instant and sent in the session's zone, which is UTC.
    Timestamp,
    Time,
    Text,
    Bytes,
    Json,
    Null,
}

impl Rendering {
    /// How values of a type are rendered; `None` where they cannot be.
    pub(super) fn of(info: &MySqlTypeInfo) -> Option<Self> {
        let name = info.name();
        Some(match name {
            // A display width of 1, which both the signed and the unsigned have.
            "BOOLEAN" if *info == <u8 as Type<MySql>>::type_info() => Self::Unsigned,
            "BOOLEAN" | "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" => Self::Signed,
            "YEAR" => Self::Unsigned,
            _ if name.ends_with(" UNSIGNED") => Self::Unsigned,
            "FLOAT" => Self::Single,
            "DOUBLE" => Self::Double,
            "DECIMAL" => Self::Decimal,
            "BIT" => Self::Bits,
            "DATE" => Self::Date,
            "DATETIME" => Self::Datetime,
            "TIMESTAMP" => Self::Timestamp,
            "TIME" => Self::Time,
            "JSON" => Self::Json,
            "NULL" => Self::Null,
            "SET" => Self::Text,
            "GEOMETRY" => return None,
            _ if <str as Type<MySql>>::compatible(info) => Self::Text,
            _ if <[u8] as Type<MySql>>::compatible(info) => Self::Bytes,
            _ => return None,
        })
    }
}

/// What to write where a type cannot be rendered.
pub(super) const CAST: &str = "write `ST_AsText(column)` or `ST_AsGeoJSON(column)` instead";

/// How each column of a result is rendered, or what is wrong with one.
pub(super) fn renderings(columns: &[MySqlColumn]) -> Result<Vec<Rendering>, String> {
    columns
        .iter()
        .map(|column| {
            let info = column.type_info();
            Rendering::of(info).ok_or_else(|| {
                format!("column `{}` is of type {}, which has no JSON; {CAST}", column.name(), info.name())
            })
        })
        .collect()
}

/// A row's values.
pub(super) fn decode(row: &MySqlRow, renderings: &[Rendering]) -> Result<Vec<Json>, sqlx::Error> {
    let mut values = Vec::with_capacity(renderings.len());
    let mut room = MAX_ROW_BYTES;
    for (index, rendering) in renderings.iter().enumerate() {
        let value = row.try_get_raw(index)?;
        if value.is_null() {
            values.push(Json::Null);
            continue;
        }
        let json = <&[u8] as Decode<MySql>>::decode(value).and_then(|bytes| {
            room = room.checked_sub(bytes.len()).ok_or_else(|| format!("a row of more than {MAX_ROW_BYTES} bytes"))?;
            json(*rendering, bytes)
        });
        values.push(json.map_err(|source| sqlx::Error::ColumnDecode { index: index.to_string(), source })?);
    }
    Ok(values)
}

/// A value that is not null as JSON, from its bytes in the binary protocol.
fn json(rendering: Rendering, bytes: &[u8]) -> Result<Json, BoxDynError> {
    Ok(match rendering {
        Rendering::Signed => match *bytes {
            [a] => i64::from(i8::from_le_bytes([a])),
            [a, b] => i64::from(i16::from_le_bytes([a, b])),
            [a, b, c, d] => i64::from(i32::from_le_bytes([a, b, c, d])),
            _ => i64::from_le_bytes(bytes.try_into()?),
        }
        .into(),
        Rendering::Unsigned => {
            let mut wide = [0; 8];
            wide.get_mut(..bytes.len()).ok_or("an integer of more than 8 bytes")?.copy_from_slice(bytes);
            u64::from_le_bytes(wide).into()
        }
        Rendering::Bits => {
            let mut wide = [0; 8];
            let start = 8usize.checked_sub(bytes.len()).ok_or("more than 64 bits")?;
            wide[start..].copy_from_slice(bytes);
            u64::from_be_bytes(wide).into()
        }
        Rendering::Single => {
            let value = f32::from_le_bytes(bytes.try_into()?);
            whole(&format!("{value:?}"))?.unwrap_or_else(|| value.into())
        }
        Rendering::Double => {
            let value = f64::from_le_bytes(bytes.try_into()?);
            whole(&format!("{value:?}"))?.unwrap_or_else(|| value.into())
        }
        Rendering::Decimal => Json::Number(decimal(std::str::from_utf8(bytes)?)?),
        Rendering::Date => date(length_prefixed(bytes)?)?.map_or(Json::Null, Json::String),
        Rendering::Datetime => datetime(length_prefixed(bytes)?, "")?.map_or(Json::Null, Json::String),
        Rendering::Timestamp => datetime(length_prefixed(bytes)?, "+00:00")?.map_or(Json::Null, Json::String),
        Rendering::Time => time(length_prefixed(bytes)?)?.into(),
        Rendering::Text => std::str::from_utf8(bytes)?.into(),
        Rendering::Bytes => format!("\\x{}", hex::encode(bytes)).into(),
        Rendering::Json => serde_json::from_slice(bytes)?,
        Rendering::Null => Json::Null,
    })
}

/// A float that is a whole number is written as one.
fn whole(text: &str) -> Result<Option<Json>, BoxDynError> {
    Ok(text.strip_suffix(".0").map(str::parse).transpose()?.map(Json::Number))
}

/// A decimal's digits as they are, but for the zeros that ZEROFILL writes before them.
fn decimal(text: &str) -> Result<Number, BoxDynError> {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let whole = digits.find('.').unwrap_or(digits.len());
    let zeros = digits[..whole].bytes().take_while(|byte| *byte == b'0').count();
    let digits = &digits[zeros.min(whole.saturating_sub(1))..];
    Ok(format!("{sign}{digits}").parse()?)
}

fn length_prefixed(bytes: &[u8]) -> Result<&[u8], BoxDynError> {
    let (length, rest) = bytes.split_first().ok_or("a value without its length")?;
    rest.get(..usize::from(*length)).ok_or_else(|| "a value that is cut short".into())
}

/// A date; `None` for the zero date, which stands for no date (to MySQL itself, `'0000-00-00' IS NULL` is true of a column
/// that may not be null). One that is zero in part, as `2026-00-00`, is told as it is.
fn date(bytes: &[u8]) -> Result<Option<String>, BoxDynError> {
    match *bytes {
        [] | [0, 0, 0, 0, ..] => Ok(None),
        [low, high, month, day, ..] => Ok(Some(date_text(u16::from_le_bytes([low, high]), month, day))),
        _ => Err("a date that is cut short".into()),
    }
}

fn datetime(bytes: &[u8], zone: &str) -> Result<Option<String>, BoxDynError> {
    let Some([low, high, month, day]) = bytes.first_chunk() else {
        return if bytes.is_empty() { Ok(None) } else { Err("a date that is cut short".into()) };
    };
    if bytes.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    let mut text = date_text(u16::from_le_bytes([*low, *high]), *month, *day) + "T";
    clock(0, &bytes[4..], &mut text)?;
    text += zone;
    Ok(Some(text))
}

fn date_text(year: u16, month: u8, day: u8) -> String {
    format!("{year:04}-{month:02}-{day:02}")
}

/// A time is a span here: up to 838 hours, in both directions.
fn time(bytes: &[u8]) -> Result<String, BoxDynError> {
    let Some(([negative, a, b, c, d], rest)) = bytes.split_first_chunk() else {
        return if bytes.is_empty() { Ok("00:00:00".into()) } else { Err("a time that is cut short".into()) };
    };
    let mut text = if *negative == 0 { String::new() } else { "-".into() };
    clock(u32::from_le_bytes([*a, *b, *c, *d]), rest, &mut text)?;
    Ok(text)
}

/// Hours, minutes, seconds and microseconds, of which the last or all may be left out where they are 0.
fn clock(days: u32, bytes: &[u8], out: &mut String) -> Result<(), BoxDynError> {
    let (hours, minutes, seconds) = match *bytes {
        [] => (0, 0, 0),
        [hours, minutes, seconds, ..] => (hours, minutes, seconds),
        _ => return Err("a time that is cut short".into()),
    };
    let hours = u64::from(days) * 24 + u64::from(hours);
    write!(out, "{hours:02}:{minutes:02}:{seconds:02}")?;
    if let Some(micros) = bytes.get(3..7) {
        let micros = u32::from_le_bytes(micros.try_into()?);
        if micros != 0 {
            write!(out, ".{micros:06}")?;
            out.truncate(out.trim_end_matches('0').len());
        }
    }
    Ok(())
}
