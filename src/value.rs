//! One type system for parameters, binds and rows' sources: what a caller's text becomes (SPEC 4).
//!
//! Nothing here parses or prints: `action/` coerces, `backend/` binds.

use std::{fmt, sync::Arc};

use bigdecimal::BigDecimal;
use jiff::civil;

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
    /// `timestamp`, to the microsecond.
    Timestamp(jiff::Timestamp),
    /// `uuid`.
    Uuid(uuid::Uuid),
    /// `json`, as compact JSON text: numbers keep their digits.
    Json(Arc<str>),
    /// A list of scalars, none of them a list.
    List(Arc<[Value]>),
}
