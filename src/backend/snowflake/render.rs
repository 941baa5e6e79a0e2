//! Values on their way out: the cells of a result (FACTS 3.3) as JSON (SPEC 5).
//!
//! What a column's cells become depends on its type alone and is found once for each result. A cell is always a text or null;
//! one that is not as its type promises is refused, never guessed at.

use std::borrow::Cow;

use jiff::{SignedDuration, civil};
use serde::Deserialize;
use serde_json::{Number, Value as Json};

use crate::backend::{Failure, FailureKind};

/// A column as a result describes it.
#[derive(Clone, Debug, Deserialize)]
pub struct RowType {
    /// Its name.
    pub name: String,
    /// Its type, in small letters.
    #[serde(rename = "type")]
    pub kind: String,
}

/// A column whose cells can be rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    rendering: Rendering,
}

/// What cells of a type are, and what they become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rendering {
    /// Digits of a decimal number, up to 38.
    Decimal,
    /// A decimal number, maybe with an exponent, or a word for what is none.
    Real,
    Text,
    /// `true` or `false`.
    Boolean,
    /// Hexadecimal digits.
    Binary,
    /// Days since 1970.
    Date,
    /// Seconds since midnight.
    Time,
    /// Seconds since 1970, of no zone.
    Wall,
    /// Seconds since 1970.
    Instant,
    /// Seconds since 1970, and an offset in minutes plus 1440.
    Zoned,
    /// JSON, but for `undefined`.
    Document,
}

impl Column {
    /// How the cells of a column are rendered.
    ///
    /// # Errors
    ///
    /// For a type without JSON, with the cast to write.
    pub fn of(column: RowType) -> Result<Self, Failure> {
        match Rendering::of(&column.kind) {
            Some(rendering) => Ok(Self { name: column.name, rendering }),
            None => Err(Failure::new(FailureKind::Other, unrenderable(&column.name, &column.kind))),
        }
    }

    /// A cell as JSON.
    ///
    /// # Errors
    ///
    /// For one that is not as its type promises. The message names the column, not what stands in the cell.
    pub fn cell(&self, cell: Option<String>) -> Result<Json, Failure> {
        let Some(cell) = cell else { return Ok(Json::Null) };
        self.rendering.json(cell).ok_or_else(|| {
            let message = format!("column `{}` has a value that is not as its type promises", self.name);
            Failure::new(FailureKind::Other, message)
        })
    }
}

/// What is wrong with a column of a type that has no JSON.
pub fn unrenderable(name: &str, kind: &str) -> String {
    let kind: String = kind.chars().filter(|char| char.is_ascii_alphanumeric() || *char == '_').take(64).collect();
    format!("column `{name}` is of type {kind}, which has no JSON; write `TO_VARCHAR(column)` instead")
}

impl Rendering {
    fn of(kind: &str) -> Option<Self> {
        Some(match kind {
            "fixed" => Self::Decimal,
            "real" => Self::Real,
            "text" => Self::Text,
            "boolean" => Self::Boolean,
            "binary" => Self::Binary,
            "date" => Self::Date,
            "time" => Self::Time,
            "timestamp_ntz" => Self::Wall,
            "timestamp_ltz" => Self::Instant,
            "timestamp_tz" => Self::Zoned,
            // A geography comes as an object, in GeoJSON.
            "variant" | "object" | "array" | "map" | "vector" | "geography" | "geometry" => Self::Document,
            _ => return None,
        })
    }

    fn json(self, cell: String) -> Option<Json> {
        Some(match self {
            Self::Decimal => number(&cell)?,
            Self::Real => match cell.as_str() {
                "NaN" => "NaN".into(),
                "inf" => "Infinity".into(),
                "-inf" => "-Infinity".into(),
                _ => number(&cell)?,
            },
            Self::Text => Json::String(cell),
            Self::Boolean => match cell.as_str() {
                "true" => true.into(),
                "false" => false.into(),
                _ => return None,
            },
            Self::Binary => {
                let bytes = hex::decode(&cell).ok()?;
                format!("\\x{}", hex::encode(bytes)).into()
            }
            Self::Date => {
                let days = SignedDuration::from_hours(cell.parse::<i32>().ok().map(i64::from)? * 24);
                date(EPOCH.checked_add(days).ok()?)?.into()
            }
            Self::Time => {
                let since = seconds(&cell)?;
                let day = SignedDuration::from_hours(24);
                let time =
                    civil::Time::midnight().checked_add(since).ok().filter(|_| !since.is_negative() && since < day)?;
                clock(time).into()
            }
            Self::Wall => datetime(&cell, "")?.into(),
            Self::Instant => datetime(&cell, "+00:00")?.into(),
            Self::Zoned => {
                let (seconds, offset) = cell.split_once(' ')?;
                // The instant does not depend on it.
                offset.parse().ok().filter(|offset: &i32| (0..=2880).contains(offset))?;
                datetime(seconds, "+00:00")?.into()
            }
            Self::Document => serde_json::from_str(&document(&cell)).ok()?,
        })
    }
}

/// The day from whose midnight dates and instants are counted.
const EPOCH: civil::Date = civil::date(1970, 1, 1);

/// A number with its digits as they are. One that begins with its point gets a zero before it.
fn number(text: &str) -> Option<Json> {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let number: Number = match digits.starts_with('.') {
        true => format!("{sign}0{digits}").parse().ok()?,
        false => text.parse().ok()?,
    };
    Some(Json::Number(number))
}

/// A number of seconds with up to 9 decimals.
fn seconds(text: &str) -> Option<SignedDuration> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) || whole.is_empty() || fraction.len() > 9 {
        return None;
    }
    let nanos: i32 = format!("{fraction:0<9}").parse().ok()?;
    let seconds: i64 = whole.parse().ok()?;
    let since = SignedDuration::new(seconds, nanos);
    Some(if negative { -since } else { since })
}

/// Seconds since 1970 as date and time of a zone.
fn datetime(cell: &str, zone: &str) -> Option<String> {
    let datetime = EPOCH.at(0, 0, 0, 0).checked_add(seconds(cell)?).ok()?;
    Some(format!("{}T{}{zone}", date(datetime.date())?, clock(datetime.time())))
}

/// A date of the years 1 to 9999: others have no form that everybody reads.
fn date(date: civil::Date) -> Option<String> {
    let year = date.year();
    (1..=9999).contains(&year).then(|| format!("{year:04}-{:02}-{:02}", date.month(), date.day()))
}

/// A time with as many decimals as it needs.
fn clock(time: civil::Time) -> String {
    let mut text = format!("{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second());
    let nanos = time.subsec_nanosecond();
    if nanos != 0 {
        text += &format!(".{nanos:09}");
        text.truncate(text.trim_end_matches('0').len());
    }
    text
}

/// Words that stand in Snowflake's documents and are not JSON, and what becomes of them.
const WORDS: [(&str, &str); 6] = [
    ("undefined", "null"),
    ("NaN", "\"NaN\""),
    ("-Infinity", "\"-Infinity\""),
    ("Infinity", "\"Infinity\""),
    ("-inf", "\"-Infinity\""),
    ("inf", "\"Infinity\""),
];

/// A document as JSON: an array's SQL NULL is `null`, and numbers that JSON does not have are texts.
fn document(cell: &str) -> Cow<'_, str> {
    let mut written = String::new();
    let (mut kept, mut at) = (0, 0);
    while let Some(found) = cell[at..].find(['"', 'u', 'N', 'I', 'i', '-']) {
        at += found;
        if cell[at..].starts_with('"') {
            at = end_of_text(cell, at);
        } else if let Some((word, json)) = WORDS.iter().find(|(word, _)| cell[at..].starts_with(word)) {
            written += &cell[kept..at];
            written += json;
            at += word.len();
            kept = at;
        } else {
            at += 1;
        }
    }
    if kept == 0 {
        return Cow::Borrowed(cell);
    }
    written += &cell[kept..];
    Cow::Owned(written)
}

/// Where a text ends that begins at `start`; the end of all where it does not.
fn end_of_text(json: &str, start: usize) -> usize {
    let mut escaped = false;
    for (at, byte) in json.bytes().enumerate().skip(start + 1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    json.len()
}

#[cfg(test)]
mod tests;
