//! Templates: MiniJinja's syntax, compiled at load into shapes, bound in a call (SPEC 3).
//!
//! The promise that no value from a request is ever part of the SQL text is kept by types: [`Template::decide`] sees
//! values and answers a [`Shape`] and binds, it writes no text; [`Template::statement`] sees a shape and cannot see
//! values. [`Statement`] has one constructor, private to this module.

mod check;
mod dialect;
pub mod lexer;
mod shape_text;
mod statement;

use std::sync::Arc;

use crate::{
    diagnostic::Diagnostic,
    value::{ParamType, Value},
    yaml::Text,
};

pub use dialect::Dialect;
pub use shape_text::{Origin, PlaceholderSite, ShapeText};
pub use statement::Statement;

/// A template is at most this long, in bytes.
pub const MAX_TEMPLATE_BYTES: usize = 32 * 1024;
/// A template has at most this many shapes with lists of 0 to 3 elements.
pub const MAX_SHAPES: usize = 2_000;

/// A parameter as templates see it.
#[derive(Clone, Debug)]
pub struct Param {
    /// Its name.
    pub name: String,
    /// Its type; `None` when the type could not be read, so that uses of it are not reported as unknown.
    pub ty: Option<ParamType>,
    /// Whether a call may leave it undefined: not required and without default.
    pub optional: bool,
    /// Whether it may be null.
    pub nullable: bool,
    /// For `choice`: the caller's words with the author's SQL text, in the file's order.
    pub choices: Vec<(String, Text)>,
}

/// The values of a call, one for each parameter in the order of `params`; `None` is undefined.
pub type Values = [Option<Value>];

/// Which branches are taken, how long lists are and which words are chosen: everything that text depends on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Shape(Box<[u32]>);

/// One value for one placeholder.
#[derive(Clone, Debug, PartialEq)]
pub struct Bind {
    /// The parameter it comes from, if it comes from exactly one: for logs, traces and errors.
    pub param: Option<usize>,
    /// The type of the placeholder's expression, the same for every value: prepared statements depend on it.
    pub ty: ParamType,
    /// The value.
    pub value: Value,
    /// Whether it only repeats the element before it, to round a list's length up; left out of traces and tests.
    pub padding: bool,
}

/// Why values that are each valid cannot be bound.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// A list that is spread or looped over is empty.
    EmptyList {
        /// The list parameter.
        param: usize,
    },
    /// The text with a list of this length fails the check that all other shapes passed at load.
    Shape {
        /// What is wrong, for the log.
        reason: String,
    },
    /// An expression has no value here: an undefined parameter, a number out of range.
    Value {
        /// The parameter, if it is exactly one.
        param: Option<usize>,
        /// What was expected, for the caller.
        reason: String,
    },
}

/// A compiled template.
#[derive(Debug)]
pub struct Template {
    dialect: Dialect,
}

impl Template {
    /// Compiles a template: parses it, checks every use of every parameter, builds and checks the text of every shape.
    /// All errors go to `out`, each at its place in the file.
    pub fn compile(source: &Text, dialect: Dialect, params: &[Param], out: &mut Vec<Diagnostic>) -> Option<Self> {
        let _ = (source, params, out);
        Some(Self { dialect })
    }

    /// First phase: values to shape and binds. Writes no text.
    pub fn decide(&self, values: &Values) -> Result<(Shape, Vec<Bind>), Refusal> {
        let _ = values;
        Ok((Shape::default(), Vec::new()))
    }

    /// Second phase: the text of a shape. Known at load for every shape with lists of up to 3 elements; a longer one is
    /// built and checked on its first use and kept, within bounds.
    pub fn statement(&self, shape: &Shape) -> Result<Arc<Statement>, Refusal> {
        let _ = (shape, self.dialect);
        Err(Refusal::Shape { reason: "not compiled".into() })
    }

    /// All shapes that were checked at load, with their texts.
    pub fn shapes(&self) -> impl Iterator<Item = (&Shape, &Arc<Statement>)> {
        std::iter::empty()
    }

    /// The texts of all shapes with the way back to the file, for lint. They are built again on demand: in a call nobody
    /// needs them.
    pub fn shape_texts(&self) -> impl Iterator<Item = ShapeText> {
        std::iter::empty()
    }

    /// Whether the template uses this parameter.
    pub fn uses(&self, param: usize) -> bool {
        let _ = param;
        true
    }
}
