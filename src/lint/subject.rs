//! An action as the rules see it: compiled, as written, and what its schema says of a row.

use serde_json::Value as Json;

use super::Column;
use crate::{
    action::Action,
    diagnostic::Span,
    spec::{ActionSpec, Mode, Shape},
    template::Dialect,
    yaml::Kind,
};

/// How many references of a schema are followed for its properties; a circle of them ends here.
const MAX_REFERENCES: usize = 32;

/// What the rules look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    /// The action, compiled.
    pub action: &'a Action,
    /// The same as written, with its places.
    pub spec: &'a ActionSpec,
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
    /// The dialect of the statements.
    pub fn dialect(&self) -> Dialect {
        self.action.driver.dialect
    }

    /// Whether the action only reads.
    pub fn reads(&self) -> bool {
        self.action.mode == Mode::Read
    }

    /// Whether the answer has rows with names.
    pub fn answers_rows(&self) -> bool {
        matches!(self.action.result.shape, Shape::Rows | Shape::Row)
    }

    /// The place for what concerns the whole file: its first key.
    pub fn place(&self) -> Span {
        Span { end: self.spec.span.start, ..self.spec.span }
    }

    /// What the result schema says of a row.
    pub fn row_schema(&self) -> RowSchema<'a> {
        let mut found = RowSchema::default();
        if let Some(schema) = &self.action.result.schema {
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
        match self.dialect() {
            Dialect::Mysql => format!("write `{written} AS {name}`"),
            dialect => {
                format!("write `{written} AS \"{name}\"`: {} keeps the letters of a quoted name", dialect.name())
            }
        }
    }
}
