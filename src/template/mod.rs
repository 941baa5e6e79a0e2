//! Templates: MiniJinja's syntax, compiled at load into shapes, bound in a call (SPEC 3).
//!
//! The promise that no value from a request is ever part of the SQL text is kept by types: [`Template::decide`] sees
//! values and answers a [`Shape`] and binds, it writes no text; [`Template::statement`] sees a shape and cannot see
//! values. [`Statement`] has one constructor, private to this module.
//!
//! SOQL has no bind parameters. There a third step, [`Statement::query`], writes literals into the text, and reads it again
//! before anybody gets it: the module `soql` says why that is as safe.

mod check;
mod dialect;
mod eval;
mod explore;
mod expression;
mod filters;
pub mod lexer;
mod lower;
mod samples;
mod shape_text;
pub mod soql;
mod sql;
mod statement;
mod syntax;
#[cfg(test)]
mod tests;
mod tree;
mod typing;
mod walk;

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use jiff::tz::TimeZone;
use quick_cache::sync::Cache;

use crate::{
    diagnostic::{Diagnostic, Span, TEMPLATE_TOO_LARGE, has_errors},
    value::{ParamType, Scalar, Value},
    yaml::Text,
};
use eval::{Frame, Halt, Lookup};
use shape_text::{NoText, Sources, write};
use tree::{Site, Spread, Tree};
use walk::{Visitor, Walk};

pub use dialect::Dialect;
pub use expression::Expression;
pub use shape_text::{Origin, PlaceholderSite, ShapeText};
pub use soql::Query;
pub use statement::{Script, Statement, numbered};

/// A template is at most this long, in bytes.
pub const MAX_TEMPLATE_BYTES: usize = 32 * 1024;
/// A template has at most this many shapes with lists of 0 to 3 elements.
pub const MAX_SHAPES: usize = 2_000;
/// What a caller reads whose lists would make too large a statement.
const FEWER: &str = "expected fewer elements";
/// How many texts with longer lists a template keeps.
const MAX_KEPT: usize = 32;

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
    /// For `timestamp`: the zone whose wall clock a column without zone shows.
    pub zone: TimeZone,
}

impl Param {
    /// The number of a word of a choice.
    fn word(&self, word: &str) -> Option<usize> {
        self.choices.iter().position(|(name, _)| name == word)
    }
}

/// The values of a call, one for each parameter in the order of `params`; `None` is undefined.
pub type Values = [Option<Value>];

/// Which branches are taken, how long lists are and which words are chosen: everything that text depends on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize)]
pub struct Shape(Box<[u32]>);

impl Shape {
    /// The decisions, in the order in which the template makes them.
    pub fn decisions(&self) -> &[u32] {
        &self.0
    }
}

/// One value for one placeholder.
#[derive(Clone, Debug, PartialEq)]
pub struct Bind {
    /// The parameter it comes from, if it comes from exactly one: for logs, traces and errors.
    pub param: Option<usize>,
    /// The type of the placeholder's expression, the same for every value: prepared statements depend on it.
    pub ty: ParamType,
    /// The value.
    pub value: Value,
    /// For a timestamp: the zone whose wall clock a column without zone shows, where it is not UTC.
    pub zone: Option<TimeZone>,
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
    /// The text with a list of this length fails the check that all other shapes passed at load, or a query of SOQL is not
    /// made of the pieces of its shape.
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
    tree: Tree,
    sources: Arc<Sources>,
    params: Vec<Param>,
    /// The shapes that were checked at load.
    shapes: BTreeMap<Shape, Arc<Statement>>,
    /// Shapes with longer lists, checked on their first use.
    longer: OnceLock<Cache<Shape, Arc<Statement>>>,
}

impl Template {
    /// Compiles a template: parses it, checks every use of every parameter, builds and checks the text of every shape.
    /// All errors go to `out`, each at its place in the file.
    pub fn compile(source: &Text, dialect: Dialect, params: &[Param], out: &mut Vec<Diagnostic>) -> Option<Self> {
        let before = out.len();
        let bytes = source.value.len();
        if bytes > MAX_TEMPLATE_BYTES {
            let message = format!("a template has at most {MAX_TEMPLATE_BYTES} bytes, this one has {bytes}");
            out.push(TEMPLATE_TOO_LARGE.at(source.span, message).help("move the work into a view or a procedure"));
            return None;
        }
        let tree = lower::lower(source, dialect, params, out)?;
        if tree.broken {
            return None;
        }
        let sources = Arc::new(Sources {
            template: source.clone(),
            sites: tree.sites.clone(),
            choices: params.iter().map(|param| param.choices.iter().map(|(_, text)| text.clone()).collect()).collect(),
        });
        let shapes = explore::explore(&tree, &sources, dialect, params, out);
        let template = Self { dialect, tree, sources, params: params.to_vec(), shapes, longer: OnceLock::new() };
        (!has_errors(&out[before..])).then_some(template)
    }

    /// First phase: values to shape and binds. Writes no text.
    pub fn decide(&self, values: &Values) -> Result<(Shape, Vec<Bind>), Refusal> {
        let mut walk = Walk::default();
        let mut call = Call { values, params: &self.params, binds: Vec::with_capacity(self.tree.sites.len()) };
        walk.run(&self.tree.nodes, &mut call).map_err(refusal)?;
        for bind in &call.binds {
            if let Some(reason) = self.dialect.refuses(&bind.value) {
                return Err(Refusal::Value { param: bind.param, reason: reason.into() });
            }
        }
        Ok((Shape(walk.decisions.into()), call.binds))
    }

    /// Second phase: the text of a shape. Known at load for every shape with lists of up to 3 elements; a longer one is
    /// built and checked on its first use and kept, within bounds.
    pub fn statement(&self, shape: &Shape) -> Result<Arc<Statement>, Refusal> {
        if let Some(statement) = self.shapes.get(shape) {
            return Ok(Arc::clone(statement));
        }
        let longer = self.longer.get_or_init(|| Cache::new(MAX_KEPT));
        if let Some(statement) = longer.get(shape) {
            return Ok(statement);
        }
        let mut found = Vec::new();
        let statement = Statement::new(&self.tree, &self.sources, self.dialect, shape, &mut found);
        let statement = statement.map_err(|reason| match reason {
            // All texts with short lists were written at load.
            NoText::TooLarge => Refusal::Value { param: self.only_list(), reason: FEWER.into() },
            NoText::Foreign => Refusal::Shape { reason: "the shape is not of this template".into() },
        })?;
        if let Some(found) = found.into_iter().find(|found| has_errors(std::slice::from_ref(found))) {
            return Err(Refusal::Shape { reason: found.message });
        }
        let statement = Arc::new(statement);
        longer.insert(shape.clone(), Arc::clone(&statement));
        Ok(statement)
    }

    /// All shapes that were checked at load, with their texts.
    pub fn shapes(&self) -> impl Iterator<Item = (&Shape, &Arc<Statement>)> {
        self.shapes.iter()
    }

    /// The texts of all shapes with the way back to the file, for lint. They are built again on demand: in a call nobody
    /// needs them.
    pub fn shape_texts(&self) -> impl Iterator<Item = ShapeText> {
        self.shapes.keys().filter_map(|shape| self.shape_text(shape))
    }

    /// The text of one shape with the way back to the file; `None` for a shape of another template.
    pub fn shape_text(&self, shape: &Shape) -> Option<ShapeText> {
        write(&self.tree.nodes, &self.sources, self.dialect, &shape.0).ok()
    }

    /// Conditions that are nothing but a boolean or a number: the place of each, and its parameter.
    pub fn truthy_guards(&self) -> Vec<(Span, usize)> {
        let mut found = Vec::new();
        self.tree.truthy_guards(&mut |range, param| found.push((self.sources.template.span_of(range), param)));
        found
    }

    /// The list parameter that it uses, where it is exactly one.
    fn only_list(&self) -> Option<usize> {
        let is_list = |param: &usize| self.params[*param].ty.is_some_and(|ty| ty.list) && self.uses(*param);
        let mut lists = (0..self.params.len()).filter(is_list);
        lists.next().filter(|_| lists.next().is_none())
    }

    /// Whether the template uses this parameter.
    pub fn uses(&self, param: usize) -> bool {
        self.tree.used.get(param).copied().unwrap_or(false)
    }
}

/// A call that is being decided: its values, and the binds so far.
struct Call<'v> {
    values: &'v Values,
    params: &'v [Param],
    binds: Vec<Bind>,
}

impl Call<'_> {
    fn zone(&self, param: Option<usize>) -> Option<TimeZone> {
        param.map(|param| &self.params[param].zone).filter(|zone| **zone != TimeZone::UTC).cloned()
    }
}

impl<'v> Lookup<'v> for Call<'v> {
    fn param(&self, param: usize) -> Result<Option<&'v Value>, Halt> {
        Ok(self.values.get(param).and_then(Option::as_ref))
    }
}

impl<'v> Visitor<'v> for Call<'v> {
    fn word(&self, param: usize, word: &str) -> Option<usize> {
        self.params[param].word(word)
    }

    fn bind(&mut self, site: &'v Site, frames: &[Frame<'v>]) -> Result<(), Halt> {
        let value = eval::defined(&site.expr, self, frames)?.into_owned();
        let zone = self.zone(site.zone);
        self.binds.push(Bind { param: site.param, ty: site.ty, value, zone, padding: false });
        Ok(())
    }

    fn spread(&mut self, spread: &'v Spread, items: &'v [Value]) {
        let padding = spread.count(items.len()) - items.len();
        let zone = self.zone((spread.ty.scalar == Scalar::Timestamp).then_some(spread.list));
        let bind = |value: &Value, padding| {
            let (param, value, zone) = (Some(spread.list), value.clone(), zone.clone());
            Bind { param, ty: spread.ty, value, zone, padding }
        };
        self.binds.extend(items.iter().map(|item| bind(item, false)));
        if let Some(last) = items.last() {
            self.binds.extend((0..padding).map(|_| bind(last, true)));
        }
    }
}

fn refusal(halt: Halt) -> Refusal {
    match halt {
        Halt::EmptyList(param) => Refusal::EmptyList { param },
        Halt::Value { param, reason } => Refusal::Value { param, reason: reason.into() },
        Halt::Undefined { param, .. } => Refusal::Value { param, reason: "expected a value".into() },
        Halt::Unassigned(param) => Refusal::Value { param: Some(param), reason: "expected a value".into() },
    }
}
