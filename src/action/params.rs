//! Parameters: what a caller sent becomes typed values, or a list of everything that is wrong with it (SPEC 4).

use crate::{
    action::Variables,
    diagnostic::Diagnostic,
    spec::ParamSpec,
    template,
    value::{ParamType, Value},
    yaml::read::Entries,
};
use jiff::tz::TimeZone;

/// The parameters of an action, compiled.
#[derive(Debug, Default)]
pub struct Params {
    list: Vec<Param>,
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
    /// What came, cut at 100 characters; absent for a missing one, `***` for a sensitive one.
    pub got: Option<String>,
}

impl Params {
    /// Compiles the declarations: ranges, patterns, zones, defaults and examples are checked here.
    pub fn compile(spec: &Entries<ParamSpec>, zone: &TimeZone, out: &mut Vec<Diagnostic>) -> Self {
        let _ = (spec, zone, out);
        Self::default()
    }

    /// The parameters in the order of the file.
    pub fn list(&self) -> &[Param] {
        &self.list
    }

    /// The parameters as templates see them, in the same order.
    pub fn for_templates(&self) -> Vec<template::Param> {
        Vec::new()
    }

    /// Coerces what a caller sent. One value for each parameter in order, `None` for undefined; or everything that is
    /// wrong: declared parameters in the order of the file, then unknown ones as sent, at most 100.
    pub fn decode(&self, variables: &Variables<'_>, allow_extra: bool) -> Result<Vec<Option<Value>>, Vec<BadParam>> {
        let _ = (variables, allow_extra);
        Ok(Vec::new())
    }
}
