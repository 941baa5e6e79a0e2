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

/// What a schema says of a row, or of an object in it.
#[derive(Debug, Default)]
pub(crate) struct RowSchema<'a> {
    /// The names that each row must have.
    pub required: Vec<&'a str>,
    /// The names that it describes, with what it says of them; a name may be described in several places.
    pub properties: Vec<(&'a str, &'a Json)>,
    /// Whether it speaks of other names, too.
    pub open: bool,
    root: Option<&'a Json>,
}

impl<'a> RowSchema<'a> {
    /// What these schemas of a document say together of an object.
    fn of(root: &'a Json, mut left: Vec<&'a Json>) -> Self {
        let mut found = Self { root: Some(root), ..Self::default() };
        let mut steps = 0;
        while let Some(schema) = left.pop().filter(|_| steps < MAX_REFERENCES) {
            steps += 1;
            let texts = |key: &str| schema.get(key).and_then(Json::as_array).into_iter().flatten();
            found.required.extend(texts("required").filter_map(Json::as_str));
            let properties = schema.get("properties").and_then(Json::as_object).into_iter().flatten();
            found.properties.extend(properties.map(|(name, schema)| (name.as_str(), schema)));
            let other = |key: &str| schema.get(key).is_some_and(|value| *value != Json::Bool(false));
            let keys = ["additionalProperties", "unevaluatedProperties", "patternProperties", "anyOf", "oneOf", "if"];
            found.open |= keys.into_iter().any(other);
            left.extend(texts("allOf"));
            left.extend(referred(root, schema));
        }
        found
    }

    /// Whether it describes a name.
    pub fn describes(&self, name: impl Fn(&str) -> bool) -> bool {
        self.properties.iter().any(|(known, _)| name(known))
    }

    /// The names that it describes.
    pub fn names(&self) -> impl Iterator<Item = &'a str> + Clone {
        self.properties.iter().map(|(name, _)| *name)
    }

    /// What it says of the objects under a name: of the value itself, or of the items of a list.
    pub fn inside(&self, name: impl Fn(&str) -> bool, rows: bool) -> Self {
        let Some(root) = self.root else { return Self::default() };
        let values = self.properties.iter().filter(|(known, _)| name(known)).map(|(_, schema)| *schema);
        let values: Vec<&Json> = values.collect();
        if !rows {
            return Self::of(root, values);
        }
        let mut items = Vec::new();
        let mut left = values;
        let mut steps = 0;
        while let Some(schema) = left.pop().filter(|_| steps < MAX_REFERENCES) {
            steps += 1;
            items.extend(schema.get("items"));
            left.extend(schema.get("allOf").and_then(Json::as_array).into_iter().flatten());
            left.extend(referred(root, schema));
        }
        Self::of(root, items)
    }
}

/// What a schema refers to.
fn referred<'a>(root: &'a Json, schema: &'a Json) -> Option<&'a Json> {
    root.pointer(schema.get("$ref")?.as_str()?.strip_prefix('#')?)
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
        let schema = self.result.and_then(|result| result.schema.as_ref());
        schema.map(|schema| RowSchema::of(schema.json(), vec![schema.json()])).unwrap_or_default()
    }

    /// The place of a name under `required`, else of the schema.
    pub fn required_place(&self, name: &str) -> Span {
        self.required_place_in(&[], name)
    }

    /// The same for an object in a row. `way` leads to it: the properties to go through, each with whether it is a list.
    pub fn required_place_in(&self, way: &[(&str, bool)], name: &str) -> Span {
        let Some(mut schema) = self.spec.result.as_ref().and_then(|result| result.schema.as_ref()) else {
            return self.place();
        };
        for (property, rows) in way {
            let value = schema.get("properties").and_then(|properties| properties.get(property));
            match value.and_then(|value| if *rows { value.get("items") } else { Some(value) }) {
                Some(inside) => schema = inside,
                None => return value.unwrap_or(schema).span,
            }
        }
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
            Dialect::Soql if column.alias => format!("write the name `{name}` in the query"),
            Dialect::Soql => {
                format!("write `{}` in the schema: Salesforce calls its fields by their own names", column.name)
            }
            Dialect::Sqlite | Dialect::Mysql => format!("write `{written} AS {name}`"),
            dialect => {
                format!("write `{written} AS \"{name}\"`: {} keeps the letters of a quoted name", dialect.name())
            }
        }
    }
}
