//! An action as the rules see it: compiled, as written, and what its schema says of a row.

use serde_json::Value as Json;

use super::Column;
use crate::{
    action::{Action, ResultShape, Unfinished},
    diagnostic::Span,
    spec::{ActionSpec, Mode, Shape},
    template::{Dialect, Template},
    yaml::Kind,
};

/// How many references of a schema are followed for its properties; a circle of them ends here.
const MAX_REFERENCES: usize = 32;

/// What the rules look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    /// The action as written, with its places.
    pub spec: &'a ActionSpec,
    /// The dialect of the statements.
    pub dialect: Dialect,
    /// Read or write.
    pub mode: Mode,
    /// The statements that compiled, in order.
    pub statements: &'a [Template],
    /// The number of the last one, whose rows are the result; past the end where some did not compile.
    pub last: usize,
    /// What the answer looks like, if that is known.
    pub result: Option<&'a ResultShape>,
}

/// What a schema says of a row.
#[derive(Debug, Default)]
pub(crate) struct RowSchema<'a> {
    /// The names that each row must have.
    pub required: Vec<&'a str>,
    /// The names that it describes.
    pub properties: Vec<&'a str>,
    /// Whether it speaks of other names, too.
    pub open: bool,
}

impl<'a> Subject<'a> {
    /// An action, or what is known of one with errors; nothing can be said where the dialect is not known.
    pub fn new(action: Result<&'a Action, &'a Unfinished>, spec: &'a ActionSpec) -> Option<Self> {
        let (driver, mode, statements, result) = match action {
            Ok(action) => (action.driver, action.mode, &action.statements, Some(&action.result)),
            Err(part) => (part.driver?, part.mode, &part.statements, part.result.as_ref()),
        };
        let written = spec.sql.as_ref().map_or(usize::from(spec.soql.is_some()), |sql| sql.0.len());
        let last = if statements.len() == written { written.saturating_sub(1) } else { usize::MAX };
        Some(Self { spec, dialect: driver.dialect, mode, statements, last, result })
    }

    /// Whether the action only reads.
    pub fn reads(&self) -> bool {
        self.mode == Mode::Read
    }

    /// Whether the answer has rows with names.
    pub fn answers_rows(&self) -> bool {
        self.result.is_some_and(|result| matches!(result.shape, Shape::Rows | Shape::Row))
    }

    /// The place for what concerns the whole file: its first key.
    pub fn place(&self) -> Span {
        Span { end: self.spec.span.start, ..self.spec.span }
    }

    /// What the result schema says of a row.
    pub fn row_schema(&self) -> RowSchema<'a> {
        let mut found = RowSchema::default();
        if let Some(schema) = self.result.and_then(|result| result.schema.as_ref()) {
            let root = schema.json();
            let mut left = vec![root];
            let mut steps = 0;
            while let Some(schema) = left.pop().filter(|_| steps < MAX_REFERENCES) {
                steps += 1;
                let texts = |key: &str| schema.get(key).and_then(Json::as_array).into_iter().flatten();
                found.required.extend(texts("required").filter_map(Json::as_str));
                let properties = schema.get("properties").and_then(Json::as_object).into_iter().flatten();
                found.properties.extend(properties.map(|(name, _)| name.as_str()));
                let other = |key: &str| schema.get(key).is_some_and(|value| *value != Json::Bool(false));
                let keys =
                    ["additionalProperties", "unevaluatedProperties", "patternProperties", "anyOf", "oneOf", "if"];
                found.open |= keys.into_iter().any(other);
                left.extend(texts("allOf"));
                let reference =
                    schema.get("$ref").and_then(Json::as_str).and_then(|reference| reference.strip_prefix('#'));
                left.extend(reference.and_then(|pointer| root.pointer(pointer)));
            }
        }
        found
    }

    /// The place of a name under `required`, else of the schema.
    pub fn required_place(&self, name: &str) -> Span {
        let Some(schema) = self.spec.result.as_ref().and_then(|result| result.schema.as_ref()) else {
            return self.place();
        };
        let listed = schema.get("required").and_then(|list| match &list.kind {
            Kind::List(items) => {
                items.iter().find(|item| matches!(&item.kind, Kind::Scalar(text) if text.value == name))
            }
            _ => None,
        });
        listed.or_else(|| schema.get("$ref")).unwrap_or(schema).span
    }

    /// How to call a column otherwise.
    pub fn alias(&self, column: &Column, name: &str) -> String {
        let written = if column.alias { "…" } else { column.written.as_str() };
        match self.dialect {
            Dialect::Sqlite | Dialect::Mysql => format!("write `{written} AS {name}`"),
            dialect => {
                format!("write `{written} AS \"{name}\"`: {} keeps the letters of a quoted name", dialect.name())
            }
        }
    }
}
