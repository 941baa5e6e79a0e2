//! A compiled schema: checks values, and says beforehand where numbers become text.

use std::collections::HashSet;

use jsonschema::{Draft, PatternOptions, ValidationError, ValidationOptions, Validator, error::ValidationErrorKind};
use serde_json::Value as Json;

use super::{
    keywords::{self, Form},
    types::{self, Types},
};

/// The most bytes of a compiled regular expression, and of its cache. The engine of the `regex` crate matches in linear time.
const PATTERN_BYTES: usize = 1 << 20;

/// A compiled schema: of one row, or of the value.
#[derive(Debug)]
pub struct Schema {
    json: Json,
    validator: Validator,
    /// The properties that are text by their type.
    texts: HashSet<String>,
    text: bool,
}

impl Schema {
    /// Compiles a schema that stands alone.
    pub(super) fn new(json: Json) -> Result<Self, ValidationError<'static>> {
        let validator = options().build(&json)?;
        let mut texts = HashSet::new();
        types::visit(&json, &mut |schema| {
            let properties = schema.get("properties").and_then(Json::as_object).into_iter().flatten();
            texts.extend(properties.filter(|(_, schema)| is_text(&json, schema)).map(|(name, _)| name.clone()));
        });
        Ok(Self { text: is_text(&json, &json), texts, validator, json })
    }

    /// The schema as JSON. It stands alone: schemas of files are among its `$defs`.
    pub fn json(&self) -> &Json {
        &self.json
    }

    /// The schema as JSON to stand in another document at `place`, a reference such as `#/components/schemas/lookup`: its
    /// references to itself begin there.
    pub fn json_at(&self, place: &str) -> Json {
        let mut json = self.json.clone();
        relocate(&mut json, place);
        json
    }

    /// Whether the schema says that a property is text, so that a number there becomes its text.
    pub fn says_text(&self, property: &str) -> bool {
        self.texts.contains(property)
    }

    /// Whether the schema says that the value itself is text.
    pub fn value_is_text(&self) -> bool {
        self.text
    }

    /// The types that the value itself may be of.
    pub fn value_types(&self) -> Types {
        types::allowed(&self.json, &self.json)
    }

    /// The types that a property may be of, where it is there.
    pub fn property_types(&self, name: &str) -> Types {
        let mut allowed = Types::ALL;
        types::visit(&self.json, &mut |schema| {
            if let Some(property) = schema.get("properties").and_then(|properties| properties.get(name)) {
                allowed = allowed & types::allowed(&self.json, property);
            }
        });
        allowed
    }

    /// Whether a property breaks the schema by being there.
    pub fn refuses_property(&self, name: &str) -> bool {
        let mut refused = false;
        types::visit(&self.json, &mut |schema| {
            let closed = schema.get("additionalProperties") == Some(&Json::Bool(false));
            let known = schema.get("properties").is_some_and(|properties| properties.get(name).is_some());
            refused |= closed && !known && schema.get("patternProperties").is_none();
        });
        refused
    }

    /// Whether a value keeps the schema; else where and how it breaks it, in words of the schema only.
    pub fn check(&self, value: &Json) -> Result<(), String> {
        if self.validator.is_valid(value) {
            return Ok(());
        }
        self.validator.validate(value).map_err(|error| {
            let path = error.instance_path().as_str();
            // The first step is a column's name; what lies deeper is data.
            let mut steps = path.splitn(3, '/').skip(1);
            let column = steps.next().map_or_else(String::new, |column| format!("/{column}: "));
            let deeper = if steps.next().is_some() { "deeper inside, " } else { "" };
            format!("{column}{deeper}{} ({})", words(&error), error.evaluation_path())
        })
    }
}

/// What is wrong, without anything of the value.
fn words(error: &ValidationError<'_>) -> String {
    use ValidationErrorKind as Kind;
    match error.kind() {
        Kind::Enum { .. } => "not one of the enum".into(),
        Kind::Required { property } => format!("{property} is missing"),
        Kind::Type { .. }
        | Kind::Format { .. }
        | Kind::Minimum { .. }
        | Kind::Maximum { .. }
        | Kind::ExclusiveMinimum { .. }
        | Kind::ExclusiveMaximum { .. }
        | Kind::MinLength { .. }
        | Kind::MaxLength { .. }
        | Kind::MinItems { .. }
        | Kind::MaxItems { .. }
        | Kind::MultipleOf { .. } => error.masked_with("it").to_string(),
        kind => format!("it breaks `{}`", kind.keyword()),
    }
}

/// Whether the engine takes a regular expression.
pub(super) fn is_pattern(pattern: &str) -> bool {
    options().build(&serde_json::json!({ "pattern": pattern })).is_ok()
}

fn options() -> ValidationOptions<'static> {
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .should_validate_formats(true)
        .should_ignore_unknown_formats(false)
        .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES))
        .offline()
}

/// Whether a schema allows text and no number.
fn is_text(root: &Json, schema: &Json) -> bool {
    let allowed = types::allowed(root, schema);
    allowed.meets(Types::STRING) && !allowed.meets(Types::INTEGER | Types::FRACTION)
}

fn relocate(schema: &mut Json, place: &str) {
    let Json::Object(members) = schema else { return };
    for (keyword, value) in members {
        match (keywords::form(keyword), value) {
            (Some(Form::Schema), value) => relocate(value, place),
            (Some(Form::SchemaList), Json::Array(items)) => items.iter_mut().for_each(|item| relocate(item, place)),
            (Some(Form::SchemaMap | Form::PatternMap), Json::Object(members)) => {
                members.values_mut().for_each(|member| relocate(member, place));
            }
            (Some(Form::Reference), Json::String(reference)) => reference.replace_range(..1, place),
            _ => {}
        }
    }
}
