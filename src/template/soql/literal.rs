//! The literals of SOQL: each value as Salesforce's grammar writes it, or why it cannot be written.
//!
//! Sources: Salesforce's own grammar, npm `@salesforce/soql-common`, and
//! <https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select_dateformats.htm>.

use std::ops::RangeInclusive;

use jiff::civil;

use super::{Role, TokenKind};
use crate::value::{ParamType, Scalar, Value};

/// The most characters of a text in a condition
/// (<https://developer.salesforce.com/docs/atlas.en-us.salesforce_app_limits_cheatsheet.meta/salesforce_app_limits_cheatsheet/salesforce_app_limits_platform_soslsoql.htm>).
const MAX_CHARACTERS: usize = 4_000;
/// One more than the most rows that OFFSET skips
/// (<https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select_offset.htm>).
const MORE_THAN_OFFSET: i64 = 2_001;
/// The years that Salesforce has.
const YEARS: RangeInclusive<i16> = 1700..=4000;

/// What was expected of a value that has no literal, for the caller.
pub(super) type Expected = &'static str;

/// The literal of a value.
pub(super) fn literal(value: &Value, role: Role) -> Result<String, Expected> {
    match (value, role) {
        (Value::Text(text), Role::Value | Role::Text) => quoted(text),
        (Value::Text(text), Role::Pattern) => pattern(text),
        (Value::Uuid(uuid), Role::Value | Role::Text) => Ok(format!("'{}'", uuid.hyphenated())),
        (Value::Integer(..=-1), Role::Count | Role::Offset) => Err("expected a number that is not negative"),
        (Value::Integer(MORE_THAN_OFFSET..), Role::Offset) => Err("expected at most 2000"),
        (Value::Integer(number), Role::Value | Role::Count | Role::Offset | Role::Degrees) => Ok(number.to_string()),
        (Value::Decimal(number), Role::Value | Role::Degrees) => Ok(number.to_plain_string()),
        // Without an exponent, unlike its debug form.
        (Value::Float(number), Role::Value | Role::Degrees) => Ok(number.to_string()),
        (Value::Boolean(true), Role::Value) => Ok("TRUE".into()),
        (Value::Boolean(false), Role::Value) => Ok("FALSE".into()),
        (Value::Date(date), Role::Value) => day(*date),
        (Value::Time(time), Role::Value) => Ok(format!("{}.{:03}Z", seconds(*time), millis(*time)?)),
        (Value::Timestamp(utc), Role::Value) => Ok(match millis(utc.time())? {
            0 => format!("{}T{}Z", day(utc.date())?, seconds(utc.time())),
            millis => format!("{}T{}.{millis:03}Z", day(utc.date())?, seconds(utc.time())),
        }),
        (Value::Null, Role::Value) => Ok("NULL".into()),
        (Value::Null, _) => Err("expected a value, got null"),
        _ => Err("expected a value that SOQL can write here"),
    }
}

/// The kind of the one token that the literal of a value of this type is.
pub(super) fn kind(ty: ParamType, value: &Value) -> TokenKind {
    match ty.scalar {
        _ if *value == Value::Null => TokenKind::Word,
        Scalar::String | Scalar::Uuid => TokenKind::String,
        Scalar::Boolean => TokenKind::Word,
        Scalar::Integer | Scalar::Decimal | Scalar::Float | Scalar::Date | Scalar::Time | Scalar::Timestamp => {
            TokenKind::Number
        }
        // They have no literal, and their templates do not compile.
        Scalar::Json | Scalar::Choice => TokenKind::Unknown,
    }
}

/// A text in which every character stands for itself.
fn quoted(text: &str) -> Result<String, Expected> {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('\'');
    for c in text.chars() {
        character(c, &mut literal)?;
    }
    literal.push('\'');
    within(text.chars().count(), literal)
}

/// A pattern of LIKE whose wildcards are escaped with `\`: in a literal after LIKE these escapes are written, and mean, the
/// same.
fn pattern(text: &str) -> Result<String, Expected> {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('\'');
    let mut length = 0;
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        length += 1;
        match c {
            '\\' => match characters.next() {
                Some(escaped @ ('%' | '_' | '\\')) => literal.extend(['\\', escaped]),
                _ => return Err("expected a pattern in which each `\\` escapes a sign"),
            },
            c => character(c, &mut literal)?,
        }
    }
    literal.push('\'');
    within(length, literal)
}

fn within(length: usize, literal: String) -> Result<String, Expected> {
    if length > MAX_CHARACTERS { Err("expected at most 4000 characters") } else { Ok(literal) }
}

/// Writes a character of a text. Salesforce documents `\f`, too, and its grammar refuses it.
fn character(c: char, literal: &mut String) -> Result<(), Expected> {
    match c {
        '\\' => literal.push_str(r"\\"),
        '\'' => literal.push_str(r"\'"),
        '"' => literal.push_str(r#"\""#),
        '\n' => literal.push_str(r"\n"),
        '\r' => literal.push_str(r"\r"),
        '\t' => literal.push_str(r"\t"),
        '\u{8}' => literal.push_str(r"\b"),
        '\0' => return Err("expected a text without NUL characters"),
        c if c.is_control() => *literal += &format!("\\u{:04X}", u32::from(c)),
        c => literal.push(c),
    }
    Ok(())
}

fn day(date: civil::Date) -> Result<String, Expected> {
    if !YEARS.contains(&date.year()) {
        return Err("expected a year from 1700 to 4000");
    }
    Ok(format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day()))
}

fn seconds(time: civil::Time) -> String {
    format!("{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second())
}

/// Salesforce counts milliseconds.
fn millis(time: civil::Time) -> Result<i32, Expected> {
    match time.subsec_nanosecond() {
        nanos if nanos % 1_000_000 == 0 => Ok(nanos / 1_000_000),
        _ => Err("expected a fraction of a second of at most 3 digits"),
    }
}
