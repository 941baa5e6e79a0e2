//! One type system for parameters, binds and rows' sources: what a caller's text becomes (SPEC 4), and how it is shown.
//!
//! Nothing here parses: `action/` coerces, `backend/` binds.

use std::{borrow::Cow, fmt, sync::Arc};

use bigdecimal::BigDecimal;
use jiff::civil;
use serde_json::{Number, Value as Json};

/// Stands for a sensitive value wherever values are shown.
pub const MASK: &str = "***";

/// A type without a list around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scalar {
    /// Text.
    String,
    /// 64-bit signed whole number.
    Integer,
    /// Exact decimal of at most 38 digits.
    Decimal,
    /// 64-bit float without NaN and infinities.
    Float,
    /// True or false.
    Boolean,
    /// Calendar date.
    Date,
    /// Time of day, to the microsecond.
    Time,
    /// Instant, to the microsecond.
    Timestamp,
    /// UUID.
    Uuid,
    /// JSON document.
    Json,
    /// One of the author's words, each standing for the author's SQL text.
    Choice,
}

impl Scalar {
    /// The name that authors write and messages print.
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Decimal => "decimal",
            Self::Float => "float",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Time => "time",
            Self::Timestamp => "timestamp",
            Self::Uuid => "uuid",
            Self::Json => "json",
            Self::Choice => "choice",
        }
    }
}

/// The type of a parameter or of an expression: a scalar, or a list of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ParamType {
    /// The type, or the type of the elements.
    pub scalar: Scalar,
    /// Whether it is a list.
    pub list: bool,
}

impl ParamType {
    /// A single value of this type.
    pub const fn one(scalar: Scalar) -> Self {
        Self { scalar, list: false }
    }
}

impl fmt::Display for ParamType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.scalar.name(), if self.list { "[]" } else { "" })
    }
}

/// A value after coercion: typed, owned and cheap to clone.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// SQL's NULL, of whichever type its place has.
    Null,
    /// `boolean`.
    Boolean(bool),
    /// `integer`.
    Integer(i64),
    /// `float`; never NaN or infinite.
    Float(f64),
    /// `decimal`; the scale is kept as sent (`1.10`).
    Decimal(BigDecimal),
    /// `string`, and the word of a `choice`.
    Text(Arc<str>),
    /// `date`.
    Date(civil::Date),
    /// `time`, to the microsecond.
    Time(civil::Time),
    /// `timestamp`, to the microsecond: the instant as date and time in UTC, which unlike `jiff::Timestamp` reaches to
    /// the end of the year 9999, a usual mark for "for ever".
    Timestamp(civil::DateTime),
    /// `uuid`.
    Uuid(uuid::Uuid),
    /// `json`, as compact JSON text: numbers keep their digits.
    Json(Arc<str>),
    /// A list of scalars, none of them a list.
    List(Arc<[Value]>),
}

impl Value {
    /// The text that coerces to this value again: what a database without the type is given, and what traces show. Dates
    /// are `YYYY-MM-DD`, times `HH:MM:SS[.ffffff]`, timestamps both with a blank between, in UTC; a decimal keeps its
    /// scale and has no exponent. `None` for null and for lists.
    pub fn text(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            Self::Null | Self::List(_) => return None,
            Self::Boolean(value) => if *value { "true" } else { "false" }.into(),
            Self::Integer(value) => value.to_string().into(),
            Self::Float(value) => format!("{value:?}").into(),
            Self::Decimal(value) => value.to_plain_string().into(),
            Self::Text(text) | Self::Json(text) => Cow::Borrowed(text),
            Self::Date(date) => date_text(*date).into(),
            Self::Time(time) => time_text(*time).into(),
            Self::Timestamp(utc) => format!("{} {}", date_text(utc.date()), time_text(utc.time())).into(),
            Self::Uuid(uuid) => uuid.hyphenated().to_string().into(),
        })
    }

    /// The value as `binds` of traces, dry runs and tests show it: integers, floats, booleans and JSON documents as
    /// themselves, everything else as its [`text`](Self::text).
    pub fn to_json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Boolean(value) => Json::Bool(*value),
            Self::Integer(value) => Json::Number((*value).into()),
            Self::Float(value) => Number::from_f64(*value).map_or(Json::Null, Json::Number),
            Self::Json(text) => serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.to_string())),
            Self::List(items) => items.iter().map(Self::to_json).collect(),
            _ => self.text().map_or(Json::Null, |text| Json::String(text.into_owned())),
        }
    }
}

fn date_text(date: civil::Date) -> String {
    format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day())
}

fn time_text(time: civil::Time) -> String {
    let mut text = format!("{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second());
    let micros = time.subsec_nanosecond() / 1_000;
    if micros != 0 {
        text += &format!(".{micros:06}");
    }
    text
}
