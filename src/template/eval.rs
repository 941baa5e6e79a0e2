//! What an expression gives for the values of a call. The types were checked at load, so that the only surprises left are
//! values that a type cannot hold.
//!
//! The meaning is MiniJinja's, with one exception: undefined and null are in no order with anything, so that
//! `{% if amount < 5 %}` does not hold for an amount that was not sent.

use std::{borrow::Cow, cmp::Ordering, ops::Range};

use bigdecimal::{BigDecimal, ToPrimitive, Zero};

use super::{
    filters,
    tree::{Comparison, Expr, Kind, LoopField, Type},
};
use crate::value::{ParamType, Scalar, Value};

/// Where the values of parameters come from.
pub(super) trait Lookup<'v> {
    /// The value of a parameter; `None` is undefined.
    fn param(&self, param: usize) -> Result<Option<&'v Value>, Halt>;
}

/// A loop that is being run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'v> {
    /// The whole list.
    pub items: &'v [Value],
    /// The current element.
    pub index: usize,
}

/// Why evaluation stops.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Halt {
    /// A list that must not be empty is.
    EmptyList(usize),
    /// A parameter is needed and undefined.
    Undefined {
        /// The parameter.
        param: Option<usize>,
        /// Where in the template.
        range: Range<usize>,
    },
    /// A value cannot be represented.
    Value {
        /// The parameter, if it is exactly one.
        param: Option<usize>,
        /// What was expected.
        reason: &'static str,
    },
    /// The parameter has no value yet: only while shapes are explored.
    Unassigned(usize),
}

type Found<'v> = Result<Option<Cow<'v, Value>>, Halt>;

/// The value of an expression; `None` is undefined.
pub(super) fn value<'v>(expr: &'v Expr, lookup: &impl Lookup<'v>, frames: &[Frame<'v>]) -> Found<'v> {
    Ok(Some(match &expr.kind {
        Kind::Const(value) => Cow::Borrowed(value),
        Kind::Param(param) => return Ok(lookup.param(*param)?.map(Cow::Borrowed)),
        Kind::Item { depth, .. } => {
            return Ok(frames.get(*depth).and_then(|frame| frame.items.get(frame.index)).map(Cow::Borrowed));
        }
        Kind::Loop(LoopField::Index, depth) => {
            let index = frames.get(*depth).map_or(0, |frame| frame.index + 1);
            Cow::Owned(Value::Integer(i64::try_from(index).unwrap_or(i64::MAX)))
        }
        Kind::Concat(parts) => Cow::Owned(concat(expr, parts, lookup, frames)?),
        Kind::Filter(filter, input) => {
            let input = defined(input, lookup, frames)?;
            let argument = |argument: &'v Expr| defined(argument, lookup, frames);
            let refused = |reason| Halt::Value { param: expr.only_param(), reason };
            Cow::Owned(filters::apply(filter, &input, argument, refused)?)
        }
        Kind::Default(input, fallback) => {
            let found = match value(input, lookup, frames)? {
                Some(found) => found,
                None => match value(fallback, lookup, frames)? {
                    Some(found) => found,
                    None => return Ok(None),
                },
            };
            match expr.ty {
                Type::Of(ParamType { scalar, list: false }) => widen(found, scalar),
                _ => found,
            }
        }
        Kind::Loop(..)
        | Kind::Defined(_)
        | Kind::IsNull(_)
        | Kind::Compare(..)
        | Kind::OneOf(..)
        | Kind::In(..)
        | Kind::Not(_)
        | Kind::And(..)
        | Kind::Or(..)
        | Kind::Invalid => Cow::Owned(Value::Boolean(truth(expr, lookup, frames)?)),
    }))
}

/// The value of an expression that must not be undefined.
pub(super) fn defined<'v>(
    expr: &'v Expr,
    lookup: &impl Lookup<'v>,
    frames: &[Frame<'v>],
) -> Result<Cow<'v, Value>, Halt> {
    value(expr, lookup, frames)?.ok_or_else(|| Halt::Undefined { param: expr.only_param(), range: expr.range.clone() })
}

/// Whether a condition holds.
pub(super) fn truth<'v>(expr: &'v Expr, lookup: &impl Lookup<'v>, frames: &[Frame<'v>]) -> Result<bool, Halt> {
    Ok(match &expr.kind {
        Kind::And(a, b) => truth(a, lookup, frames)? && truth(b, lookup, frames)?,
        Kind::Or(a, b) => truth(a, lookup, frames)? || truth(b, lookup, frames)?,
        Kind::Not(a) => !truth(a, lookup, frames)?,
        Kind::Defined(a) => value(a, lookup, frames)?.is_some(),
        Kind::IsNull(a) => matches!(value(a, lookup, frames)?.as_deref(), Some(Value::Null)),
        Kind::Compare(comparison, a, b) => {
            let (a, b) = (value(a, lookup, frames)?, value(b, lookup, frames)?);
            compare(*comparison, a.as_deref(), b.as_deref())
        }
        Kind::OneOf(a, items) => {
            let a = value(a, lookup, frames)?;
            for item in items {
                if equal(a.as_deref(), value(item, lookup, frames)?.as_deref()) {
                    return Ok(true);
                }
            }
            false
        }
        Kind::In(a, b) => {
            let (a, b) = (value(a, lookup, frames)?, value(b, lookup, frames)?);
            match (a.as_deref(), b.as_deref()) {
                (a, Some(Value::List(items))) => items.iter().any(|item| equal(a, Some(item))),
                (Some(Value::Text(a)), Some(Value::Text(b))) => b.contains(&**a),
                _ => false,
            }
        }
        Kind::Loop(LoopField::First, depth) => frames.get(*depth).is_some_and(|frame| frame.index == 0),
        Kind::Loop(LoopField::Last, depth) => {
            frames.get(*depth).is_some_and(|frame| frame.index + 1 == frame.items.len())
        }
        Kind::Invalid => false,
        Kind::Const(_)
        | Kind::Param(_)
        | Kind::Item { .. }
        | Kind::Loop(LoopField::Index, _)
        | Kind::Concat(_)
        | Kind::Filter(..)
        | Kind::Default(..) => value(expr, lookup, frames)?.as_deref().is_some_and(is_true),
    })
}

fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Boolean(value) => *value,
        Value::Integer(value) => *value != 0,
        Value::Float(value) => *value != 0.0,
        Value::Decimal(value) => !value.is_zero(),
        Value::Text(value) => !value.is_empty(),
        Value::List(items) => !items.is_empty(),
        Value::Date(_) | Value::Time(_) | Value::Timestamp(_) | Value::Uuid(_) | Value::Json(_) => true,
    }
}

fn concat<'v>(expr: &Expr, parts: &'v [Expr], lookup: &impl Lookup<'v>, frames: &[Frame<'v>]) -> Result<Value, Halt> {
    let mut text = String::new();
    let mut null = false;
    for part in parts {
        match filters::text(&*defined(part, lookup, frames)?) {
            Some(part) => text += &part,
            None => null = true,
        }
        if text.len() > filters::MAX_TEXT_BYTES {
            return Err(Halt::Value { param: expr.only_param(), reason: filters::TOO_LONG });
        }
    }
    Ok(if null { Value::Null } else { Value::Text(text.into()) })
}

/// The same number in a type that holds it: the type of a placeholder must not depend on whether a default was used.
fn widen(value: Cow<'_, Value>, scalar: Scalar) -> Cow<'_, Value> {
    match (&*value, scalar) {
        (Value::Integer(n), Scalar::Decimal) => Cow::Owned(Value::Decimal(BigDecimal::from(*n))),
        (Value::Integer(n), Scalar::Float) => Cow::Owned(Value::Float(*n as f64)),
        (Value::Decimal(n), Scalar::Float) => Cow::Owned(Value::Float(n.to_f64().unwrap_or_default())),
        _ => value,
    }
}

fn equal(a: Option<&Value>, b: Option<&Value>) -> bool {
    match (a, b) {
        (None, None) | (Some(Value::Null), Some(Value::Null)) => true,
        (Some(a), Some(b)) => order(a, b) == Some(Ordering::Equal),
        _ => false,
    }
}

fn compare(comparison: Comparison, a: Option<&Value>, b: Option<&Value>) -> bool {
    let order = || a.zip(b).and_then(|(a, b)| order(a, b));
    match comparison {
        Comparison::Equal => equal(a, b),
        Comparison::NotEqual => !equal(a, b),
        Comparison::Less => order().is_some_and(Ordering::is_lt),
        Comparison::LessOrEqual => order().is_some_and(Ordering::is_le),
        Comparison::Greater => order().is_some_and(Ordering::is_gt),
        Comparison::GreaterOrEqual => order().is_some_and(Ordering::is_ge),
    }
}

/// The order of two values of one class of types; null is in no order.
fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        (Value::Integer(a), Value::Integer(b)) => Some(a.cmp(b)),
        (Value::Decimal(a), Value::Decimal(b)) => Some(a.cmp(b)),
        (Value::Integer(a), Value::Decimal(b)) => Some(BigDecimal::from(*a).cmp(b)),
        (Value::Decimal(a), Value::Integer(b)) => Some(a.cmp(&BigDecimal::from(*b))),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Float(a), Value::Integer(b)) => a.partial_cmp(&(*b as f64)),
        (Value::Integer(a), Value::Float(b)) => (*a as f64).partial_cmp(b),
        (Value::Float(a), Value::Decimal(b)) => a.partial_cmp(&b.to_f64()?),
        (Value::Decimal(a), Value::Float(b)) => a.to_f64()?.partial_cmp(b),
        (Value::Boolean(a), Value::Boolean(b)) => Some(a.cmp(b)),
        (Value::Date(a), Value::Date(b)) => Some(a.cmp(b)),
        (Value::Time(a), Value::Time(b)) => Some(a.cmp(b)),
        (Value::Timestamp(a), Value::Timestamp(b)) => Some(a.cmp(b)),
        (Value::Uuid(a), Value::Uuid(b)) => Some(a.cmp(b)),
        _ => None,
    }
}
