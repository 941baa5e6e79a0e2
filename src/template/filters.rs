//! The filters: pure functions of values. A filter of null gives null.

use std::borrow::Cow;

use bigdecimal::RoundingMode;

use super::{
    eval::Halt,
    tree::{Expr, Filter},
};
use crate::value::Value;

/// The names that may follow `|`.
pub(super) const NAMES: [&str; 12] = [
    "upper",
    "lower",
    "trim",
    "length",
    "default",
    "replace",
    "round",
    "abs",
    "contains",
    "starts_with",
    "ends_with",
    "spread",
];

/// A text that an expression makes may have this many bytes: `replace` could multiply two parameters.
pub(super) const MAX_TEXT_BYTES: usize = 1024 * 1024;
/// What a caller reads whose text became longer.
pub(super) const TOO_LONG: &str = "expected a shorter text";

/// Applies a filter. `argument` evaluates an argument, `refused` makes an error of a reason.
pub(super) fn apply<'v>(
    filter: &'v Filter,
    input: &Value,
    argument: impl Fn(&'v Expr) -> Result<Cow<'v, Value>, Halt>,
    refused: impl Fn(&'static str) -> Halt,
) -> Result<Value, Halt> {
    let text = |text: String| {
        if text.len() > MAX_TEXT_BYTES { Err(refused(TOO_LONG)) } else { Ok(Value::Text(text.into())) }
    };
    match (filter, input) {
        (Filter::Upper, Value::Text(input)) => text(input.to_uppercase()),
        (Filter::Lower, Value::Text(input)) => text(input.to_lowercase()),
        (Filter::Trim, Value::Text(input)) => text(input.trim().to_owned()),
        (Filter::Length, Value::Text(input)) => Ok(count(input.chars().count())),
        (Filter::Length, Value::List(items)) => Ok(count(items.len())),
        (Filter::Replace(from, to), Value::Text(input)) => match (&*argument(from)?, &*argument(to)?) {
            (Value::Text(from), Value::Text(to)) => {
                let found = input.matches(&**from).count();
                if input.len().saturating_add(found.saturating_mul(to.len())) > MAX_TEXT_BYTES {
                    return Err(refused(TOO_LONG));
                }
                text(input.replace(&**from, to))
            }
            _ => Ok(Value::Null),
        },
        (Filter::Contains, Value::Text(input)) => text(format!("%{}%", escape(input))),
        (Filter::StartsWith, Value::Text(input)) => text(format!("{}%", escape(input))),
        (Filter::EndsWith, Value::Text(input)) => text(format!("%{}", escape(input))),
        (Filter::Abs, Value::Integer(input)) => input
            .checked_abs()
            .map(Value::Integer)
            .ok_or_else(|| refused("expected a number that has an absolute value")),
        (Filter::Abs, Value::Decimal(input)) => Ok(Value::Decimal(input.abs())),
        (Filter::Abs, Value::Float(input)) => Ok(Value::Float(input.abs())),
        (Filter::Round(_), Value::Integer(input)) => Ok(Value::Integer(*input)),
        (Filter::Round(digits), Value::Decimal(input)) => {
            let digits = i64::from(*digits);
            Ok(Value::Decimal(if input.fractional_digit_count() > digits {
                input.with_scale_round(digits, RoundingMode::HalfUp)
            } else {
                input.clone()
            }))
        }
        (Filter::Round(digits), Value::Float(input)) => {
            let factor = 10f64.powi(i32::try_from(*digits).unwrap_or(i32::MAX));
            let rounded = (input * factor).round() / factor;
            if rounded.is_finite() {
                Ok(Value::Float(rounded))
            } else {
                Err(refused("expected a number that can be rounded"))
            }
        }
        _ => Ok(Value::Null),
    }
}

/// Escapes LIKE's wildcards with `\`.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

fn count(n: usize) -> Value {
    Value::Integer(i64::try_from(n).unwrap_or(i64::MAX))
}

/// The text of a value that has exactly one, for `~`: the same that is bound where the value stands by itself.
pub(super) fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Boolean(_) | Value::Float(_) | Value::Timestamp(_) | Value::Json(_) => None,
        _ => value.text(),
    }
}
