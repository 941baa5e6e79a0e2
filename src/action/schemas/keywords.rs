//! The keywords of JSON Schema 2020-12 and what each may hold
//! (<https://json-schema.org/draft/2020-12/json-schema-validation>). The validator's own check neither finds misspelt
//! keywords nor says what was expected, so the vocabulary is written down here.

use serde_json::Value as Json;

use crate::{
    diagnostic::suggest,
    yaml::{Kind, Node},
};

/// The only dialect.
pub(super) const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// What a keyword holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Schema,
    SchemaList,
    SchemaMap,
    /// Like `SchemaMap`, the keys being patterns.
    PatternMap,
    Reference,
    /// `$id`, `$schema` or `$anchor`: what names things rather than checking values.
    Name,
    Types,
    Format,
    Pattern,
    Text,
    Number,
    Positive,
    Count,
    Flag,
    Words,
    WordsMap,
    List,
    Any,
}

static KEYWORDS: &[(&str, Form)] = &[
    ("$schema", Form::Name),
    ("$id", Form::Name),
    ("$anchor", Form::Name),
    ("$ref", Form::Reference),
    ("$defs", Form::SchemaMap),
    ("$comment", Form::Text),
    ("allOf", Form::SchemaList),
    ("anyOf", Form::SchemaList),
    ("oneOf", Form::SchemaList),
    ("prefixItems", Form::SchemaList),
    ("not", Form::Schema),
    ("if", Form::Schema),
    ("then", Form::Schema),
    ("else", Form::Schema),
    ("items", Form::Schema),
    ("contains", Form::Schema),
    ("additionalProperties", Form::Schema),
    ("propertyNames", Form::Schema),
    ("unevaluatedItems", Form::Schema),
    ("unevaluatedProperties", Form::Schema),
    ("contentSchema", Form::Schema),
    ("properties", Form::SchemaMap),
    ("patternProperties", Form::PatternMap),
    ("dependentSchemas", Form::SchemaMap),
    // Left over from earlier drafts and still part of the 2020-12 meta-schema.
    ("definitions", Form::SchemaMap),
    ("type", Form::Types),
    ("const", Form::Any),
    ("enum", Form::List),
    ("multipleOf", Form::Positive),
    ("maximum", Form::Number),
    ("exclusiveMaximum", Form::Number),
    ("minimum", Form::Number),
    ("exclusiveMinimum", Form::Number),
    ("maxLength", Form::Count),
    ("minLength", Form::Count),
    ("pattern", Form::Pattern),
    ("maxItems", Form::Count),
    ("minItems", Form::Count),
    ("uniqueItems", Form::Flag),
    ("maxContains", Form::Count),
    ("minContains", Form::Count),
    ("maxProperties", Form::Count),
    ("minProperties", Form::Count),
    ("required", Form::Words),
    ("dependentRequired", Form::WordsMap),
    ("format", Form::Format),
    ("contentEncoding", Form::Text),
    ("contentMediaType", Form::Text),
    ("title", Form::Text),
    ("description", Form::Text),
    ("default", Form::Any),
    ("deprecated", Form::Flag),
    ("readOnly", Form::Flag),
    ("writeOnly", Form::Flag),
    ("examples", Form::List),
];

const TYPES: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];

/// The names of `format` that 2020-12 defines and the validator checks; it leaves the internationalised ones out.
pub(super) const FORMATS: [&str; 17] = [
    "date",
    "date-time",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "iri",
    "iri-reference",
    "json-pointer",
    "regex",
    "relative-json-pointer",
    "time",
    "uri",
    "uri-reference",
    "uri-template",
    "uuid",
];

/// What a keyword holds; `None` for a word that is no keyword.
pub(super) fn form(keyword: &str) -> Option<Form> {
    KEYWORDS.iter().find(|(name, _)| *name == keyword).map(|(_, form)| *form)
}

/// What to write instead of a word that is no keyword.
pub(super) fn instead_of(word: &str) -> Option<String> {
    match word {
        "nullable" => Some("write `type: [string, \"null\"]`".into()),
        "example" => Some("write `examples: […]`".into()),
        "$dynamicRef" | "$recursiveRef" => {
            Some("write `$ref`: what it means does not change with the caller here".into())
        }
        "dependencies" => Some("write `dependentRequired` or `dependentSchemas`".into()),
        "additionalItems" => Some("write `prefixItems` and `items`".into()),
        _ => {
            suggest::nearest(word, KEYWORDS.iter().map(|(name, _)| *name)).map(|near| format!("did you mean `{near}`?"))
        }
    }
}

/// Something that stands where something else was expected.
pub(super) struct Misfit<'a> {
    /// Where.
    pub node: &'a Node,
    /// What was expected.
    pub expected: &'static str,
    /// What to do.
    pub help: Option<String>,
}

impl Form {
    /// Everything in a keyword's value that does not fit it. Schemas inside are not looked into.
    pub(super) fn misfits(self, node: &Node) -> Vec<Misfit<'_>> {
        let (fits, expected) = match self {
            Self::Schema | Self::Any => (true, ""),
            Self::SchemaList => (matches!(&node.kind, Kind::List(items) if !items.is_empty()), "a list of schemas"),
            Self::SchemaMap | Self::PatternMap => (matches!(node.kind, Kind::Map(_)), "a map of schemas"),
            Self::Reference | Self::Name | Self::Text | Self::Pattern => (node.to_json().is_string(), "text"),
            Self::Format => (node.to_json().is_string(), "the name of a format"),
            Self::Number => (node.to_json().is_number(), "a number"),
            Self::Positive => (node.to_json().as_f64().is_some_and(|number| number > 0.0), "a number above 0"),
            Self::Count => (node.to_json().as_u64().is_some(), "a whole number, 0 or more"),
            Self::Flag => (node.to_json().is_boolean(), "true or false"),
            Self::List => (matches!(node.kind, Kind::List(_)), "a list"),
            Self::Types => return types(node),
            Self::Words => return words(node),
            Self::WordsMap => match &node.kind {
                Kind::Map(entries) => return entries.iter().flat_map(|(_, node)| words(node)).collect(),
                _ => (false, "a map of lists of names"),
            },
        };
        if fits { Vec::new() } else { vec![Misfit { node, expected, help: None }] }
    }
}

fn types(node: &Node) -> Vec<Misfit<'_>> {
    let names = match &node.kind {
        Kind::List(names) if !names.is_empty() => names.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let misfit = |node| match Node::to_json(node) {
        Json::String(name) if TYPES.contains(&name.as_str()) => None,
        found => {
            let help = match found {
                Json::Null => Some("write \"null\" in quotes: without them it is no text".into()),
                Json::String(name) => suggest::help(&name, TYPES),
                _ => None,
            };
            Some(Misfit { node, expected: "the name of a type, or a list of them", help })
        }
    };
    names.iter().filter_map(misfit).collect()
}

fn words(node: &Node) -> Vec<Misfit<'_>> {
    let expected = "a list of names, each once";
    let Kind::List(names) = &node.kind else {
        let help = "`required` stands beside `properties` and lists names".to_string();
        return vec![Misfit { node, expected, help: node.to_json().is_boolean().then_some(help) }];
    };
    let texts: Vec<Json> = names.iter().map(Node::to_json).collect();
    let fits = |at: usize| texts[at].is_string() && !texts[..at].contains(&texts[at]);
    (0..names.len()).filter(|at| !fits(*at)).map(|at| Misfit { node: &names[at], expected, help: None }).collect()
}
