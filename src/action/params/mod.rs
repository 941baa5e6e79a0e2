//! Parameters: what a caller sent becomes typed values, or a list of everything that is wrong with it (SPEC 4).
//!
//! Where SPEC 4 leaves a choice: with `allow_empty`, text of blanks is a value as well, since text is never trimmed. An
//! element of a list is never absent: null and blank elements are refused. Fields repeated in a form are elements as they
//! are; only a single text is split at its commas. One JSON number or boolean is a list of one.

mod checks;
mod coerce;
mod compile;
mod schema;

use std::{borrow::Cow, collections::HashMap, fmt};

use jiff::tz::TimeZone;
use serde_json::Value as Json;

use crate::{
    action::variables::{Input, Variables, is_blank, trim},
    diagnostic::suggest,
    template,
    value::{MASK, ParamType, Scalar, Value},
};
use checks::{Checks, count, one_of};
use coerce::Reason;

pub use compile::is_param_name;

/// The most bad parameters of a call that are reported.
const MAX_BAD: usize = 100;
/// The most characters of a name or value that are shown to a caller.
const MAX_SHOWN: usize = 100;
/// The most unknown names of a call for which a near one is looked for.
const MAX_SUGGESTIONS: usize = 10;
/// Up to so many parameters are found by looking through them.
const FEW: usize = 8;

/// The parameters of an action, compiled.
#[derive(Debug, Default)]
pub struct Params {
    list: Vec<Param>,
    /// Places in `list` by name, where there are more than [`FEW`].
    places: HashMap<String, usize>,
    templates: Vec<template::Param>,
}

/// One parameter, compiled.
#[derive(Debug)]
pub struct Param {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: ParamType,
    /// Whether it is `***` wherever values are shown.
    pub sensitive: bool,
    /// Whether JSON null is a value.
    pub nullable: bool,
    /// What it means when it is not sent.
    pub absent: Absent,
    /// What it is, for people.
    pub description: Option<String>,
    /// A value that a caller might send.
    pub example: Option<Json>,
    allow_empty: bool,
    zone: TimeZone,
    /// The words of a `choice`.
    words: Vec<String>,
    checks: Checks,
    min_items: u64,
    max_items: u64,
}

/// What a parameter is when it is not sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Absent {
    /// The call is refused.
    Refused,
    /// It is undefined.
    Undefined,
    /// It has this value.
    Default(Value),
}

/// One bad parameter of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct BadParam {
    /// `missing_parameter`, `invalid_parameter` or `unknown_parameter`.
    pub code: &'static str,
    /// Its name, as declared or as sent; cut at 100 characters.
    pub parameter: String,
    /// What was expected, and for an unknown one a suggestion.
    pub reason: String,
    /// What came, cut at 100 characters; `***` for a sensitive one. Absent for a missing one, and for an unknown one,
    /// which may be a misspelt sensitive one.
    pub got: Option<String>,
}

impl BadParam {
    /// A value of a declared parameter that cannot be used: also for what only a template or a database finds out.
    pub fn invalid(param: &Param, reason: impl Into<String>, got: Option<&str>) -> Self {
        let got = got.map(|got| if param.sensitive { MASK.into() } else { cut(got) });
        Self { code: "invalid_parameter", parameter: cut(&param.name), reason: reason.into(), got }
    }

    /// The text for people, such as `customer_id: expected an integer, got "12a"`.
    pub fn message(&self) -> String {
        match &self.got {
            Some(got) => format!("{}: {}, got \"{got}\"", self.parameter, self.reason),
            None => format!("{}: {}", self.parameter, self.reason),
        }
    }
}

impl Params {
    /// The parameters in the order of the file.
    pub fn list(&self) -> &[Param] {
        &self.list
    }

    /// The parameters as templates see them, in the same order; also those whose type could not be read.
    pub fn for_templates(&self) -> &[template::Param] {
        &self.templates
    }

    /// Coerces what a caller sent. One value for each parameter in order, `None` for undefined; or everything that is
    /// wrong: declared parameters in the order of the file, then unknown ones as sent, at most 100.
    pub fn decode(&self, variables: &Variables<'_>, allow_extra: bool) -> Result<Vec<Option<Value>>, Vec<BadParam>> {
        let mut values = vec![None; self.list.len()];
        let mut bad: Vec<(usize, BadParam)> = Vec::new();
        let mut unknown = Vec::new();
        for (name, input) in &variables.0 {
            let Some(at) = self.place(name) else {
                unknown.push(name);
                continue;
            };
            match self.list[at].read(input) {
                Ok(value) => values[at] = value,
                Err(error) => {
                    bad.push((at, error.about(&self.list[at])));
                    // Not absent: the default does not apply, and it is not missing.
                    values[at] = Some(Value::Null);
                }
            }
        }
        for (at, (param, value)) in self.list.iter().zip(&mut values).enumerate() {
            match &param.absent {
                _ if value.is_some() => {}
                Absent::Default(default) => *value = Some(default.clone()),
                Absent::Undefined => {}
                Absent::Refused => bad.push((at, param.missing())),
            }
        }
        if bad.is_empty() && (unknown.is_empty() || allow_extra) {
            return Ok(values);
        }
        bad.sort_by_key(|(at, _)| *at);
        let mut bad: Vec<BadParam> = bad.into_iter().map(|(_, bad)| bad).take(MAX_BAD).collect();
        if !allow_extra {
            let room = MAX_BAD - bad.len();
            bad.extend(
                unknown.iter().take(room).enumerate().map(|(at, name)| self.unknown(name, at < MAX_SUGGESTIONS)),
            );
        }
        Err(bad)
    }

    /// What a caller sent, coerced: one value for each parameter in order, `None` for what was not sent and null for what
    /// cannot be understood. No default, and no word of what is missing.
    pub fn sent(&self, variables: &Variables<'_>) -> Vec<Option<Value>> {
        let mut values = vec![None; self.list.len()];
        for (name, input) in &variables.0 {
            if let Some(at) = self.place(name) {
                values[at] = self.list[at].read(input).unwrap_or(Some(Value::Null));
            }
        }
        values
    }

    /// The variables as sent, in the order sent, for traces: sensitive ones masked, and undeclared ones too where any is
    /// sensitive, for one may be its misspelt name.
    pub fn show_variables(&self, variables: &Variables<'_>) -> Json {
        let any_sensitive = self.list.iter().any(|param| param.sensitive);
        let show = |(name, input): &(Cow<'_, str>, Input<'_>)| {
            let mask = self.place(name).map_or(any_sensitive, |at| self.list[at].sensitive);
            (name.to_string(), if mask { MASK.into() } else { input.to_json() })
        };
        Json::Object(variables.0.iter().map(show).collect())
    }

    fn place(&self, name: &str) -> Option<usize> {
        if self.list.len() <= FEW {
            self.list.iter().position(|param| param.name == name)
        } else {
            self.places.get(name).copied()
        }
    }

    fn unknown(&self, name: &str, suggest: bool) -> BadParam {
        let parameter = cut(name);
        let mut reason = String::from("not a parameter of this action");
        if suggest && let Some(near) = suggest::nearest(&parameter, self.list.iter().map(|param| param.name.as_str())) {
            reason += &format!("; did you mean {near}?");
        }
        BadParam { code: "unknown_parameter", parameter, reason, got: None }
    }
}

/// A value that is refused: what was expected, and what came where that is not the whole value.
#[derive(Debug)]
struct Refused {
    reason: Reason,
    got: String,
}

impl Refused {
    fn new(reason: impl Into<Reason>, got: &Input<'_>) -> Self {
        let got = match got {
            Input::Text(text) | Input::Number(text) => cut(text),
            other => cut(&other.to_string()),
        };
        Self { reason: reason.into(), got }
    }

    fn about(self, param: &Param) -> BadParam {
        BadParam::invalid(param, self.reason, Some(&self.got))
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, got \"{}\"", self.reason, self.got)
    }
}

impl Param {
    /// The value, or nothing where what came means "not sent".
    fn read(&self, input: &Input<'_>) -> Result<Option<Value>, Refused> {
        match input {
            Input::Null => Ok(self.nullable.then_some(Value::Null)),
            Input::Text(text) if !self.allow_empty && is_blank(text) => Ok(None),
            _ if self.ty.list => self.read_list(input).map(Some),
            _ => self.read_one(input).map(Some).map_err(|reason| Refused::new(reason, input)),
        }
    }

    fn read_one(&self, input: &Input<'_>) -> Result<Value, Reason> {
        let value = coerce::scalar(self.ty.scalar, &self.zone, input);
        if self.ty.scalar == Scalar::Choice {
            let known =
                |value: &Value| matches!(value, Value::Text(text) if self.words.iter().any(|word| **word == **text));
            return value.ok().filter(known).ok_or_else(|| self.expected());
        }
        let value = value?;
        self.checks.check(&value)?;
        Ok(value)
    }

    fn read_list(&self, input: &Input<'_>) -> Result<Value, Refused> {
        let length = match input {
            Input::List(items) => items.len(),
            Input::Text(text) => text.split(',').count(),
            Input::Number(_) | Input::Boolean(_) => 1,
            Input::Null | Input::Object(_) => return Err(Refused::new(self.expected(), input)),
        } as u64;
        if length < self.min_items {
            return Err(Refused::new(format!("expected at least {}", count(self.min_items, "element")), input));
        }
        if length > self.max_items {
            return Err(Refused::new(format!("expected at most {}", count(self.max_items, "element")), input));
        }
        let item = |at: usize, item: &Input<'_>| {
            let value = match item {
                Input::Text(text) if is_blank(text) => Err(coerce::expected(self.ty.scalar).into()),
                item => self.read_one(item),
            };
            value.map_err(|reason| Refused::new(format!("element {}: {reason}", at + 1), item))
        };
        let values: Result<Vec<Value>, Refused> = match input {
            Input::List(items) => items.iter().enumerate().map(|(at, one)| item(at, one)).collect(),
            Input::Text(text) => {
                let parts = text.split(',').map(|part| Input::Text(Cow::Borrowed(trim(part))));
                parts.enumerate().map(|(at, one)| item(at, &one)).collect()
            }
            one => item(0, one).map(|value| vec![value]),
        };
        Ok(Value::List(values?.into()))
    }

    fn expected(&self) -> Reason {
        match self.ty {
            ParamType { list: true, .. } => "expected a list".into(),
            ParamType { scalar: Scalar::Choice, .. } => one_of(self.words.iter().cloned()).into(),
            ParamType { scalar, .. } => coerce::expected(scalar).into(),
        }
    }

    fn missing(&self) -> BadParam {
        BadParam {
            code: "missing_parameter",
            parameter: cut(&self.name),
            reason: format!("{}, but it was not sent", self.expected()),
            got: None,
        }
    }
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_SHOWN).collect()
}

#[cfg(test)]
mod tests;
