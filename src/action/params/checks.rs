//! What a value of the right type must also be: within a range, of a length, one of a list, of a form.

use std::cmp::Ordering;

use regex::Regex;

use super::coerce::Reason;
use crate::value::Value;

/// The restrictions on one value, or on each element of a list.
#[derive(Debug, Default)]
pub struct Checks {
    pub one_of: Option<Vec<Value>>,
    pub min: Option<Value>,
    pub max: Option<Value>,
    pub min_length: Option<u64>,
    pub max_length: Option<u64>,
    pub pattern: Option<Pattern>,
}

/// A pattern that the whole value must match.
#[derive(Debug)]
pub struct Pattern {
    /// As the author wrote it.
    pub source: String,
    /// With anchors.
    pub regex: Regex,
}

impl Checks {
    /// Says what was expected if the value is not that.
    pub fn check(&self, value: &Value) -> Result<(), Reason> {
        if let Some(min) = &self.min
            && compare(value, min) == Some(Ordering::Less)
        {
            return Err(format!("expected at least {}", text(min)).into());
        }
        if let Some(max) = &self.max
            && compare(value, max) == Some(Ordering::Greater)
        {
            return Err(format!("expected at most {}", text(max)).into());
        }
        if let Value::Text(text) = value {
            self.check_text(text)?;
        }
        match &self.one_of {
            Some(values) if !values.contains(value) => Err(one_of(values.iter().map(text)).into()),
            _ => Ok(()),
        }
    }

    fn check_text(&self, text: &str) -> Result<(), Reason> {
        if self.min_length.is_some() || self.max_length.is_some() {
            let length = text.chars().count() as u64;
            if let Some(min) = self.min_length.filter(|&min| length < min) {
                return Err(format!("expected at least {}", count(min, "character")).into());
            }
            if let Some(max) = self.max_length.filter(|&max| length > max) {
                return Err(format!("expected at most {}", count(max, "character")).into());
            }
        }
        match &self.pattern {
            Some(pattern) if !pattern.regex.is_match(text) => {
                let source: String = pattern.source.chars().take(100).collect();
                Err(format!("expected text that matches {source}").into())
            }
            _ => Ok(()),
        }
    }
}

/// The order of two values of one type that has an order.
pub fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Integer(a), Value::Integer(b)) => Some(a.cmp(b)),
        (Value::Decimal(a), Value::Decimal(b)) => Some(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Date(a), Value::Date(b)) => Some(a.cmp(b)),
        (Value::Time(a), Value::Time(b)) => Some(a.cmp(b)),
        (Value::Timestamp(a), Value::Timestamp(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

/// "expected one of …", the first 20 words of a long list.
pub fn one_of(words: impl ExactSizeIterator<Item = String>) -> String {
    let rest = if words.len() > 20 { ", …" } else { "" };
    format!("expected one of {}{rest}", words.take(20).collect::<Vec<_>>().join(", "))
}

/// "1 element", "3 elements".
pub fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

fn text(value: &Value) -> String {
    value.text().unwrap_or_default().into_owned()
}
