//! A parameter as written: just its type, or the long form.

use serde_json::{Value as Json, json};

use crate::{
    diagnostic::{BAD_VALUE, Diagnostic, suggest},
    value::{ParamType, Scalar},
    yaml::{
        Kind, Node, Spanned, Text,
        read::{Entries, FromNode, record, wrong_type},
    },
};

/// A parameter: `customer_id: integer`, or a map with `type`.
#[derive(Clone, Debug)]
pub struct ParamSpec(pub LongParam);

record! {
    /// The long form of a parameter.
    pub struct LongParam {
        /// The type: `string integer decimal float boolean date time timestamp uuid json choice`, or a list such as `string[]`.
        r#type: Spanned<ParamType>,
        /// Whether a caller must send it. Default: `true`.
        required: Option<Spanned<bool>>,
        /// The value when it is not sent; makes it optional.
        default: Option<Node>,
        /// Whether JSON `null` means null. Default: `false`, then it means not sent.
        nullable: Option<Spanned<bool>>,
        /// For `string`: whether empty text is a value. Default: `false`, then it means not sent.
        allow_empty: Option<Spanned<bool>>,
        /// The only values that are allowed.
        r#enum: Option<Spanned<Vec<Node>>>,
        /// For `choice`: a map of the caller's word to the author's SQL text.
        choices: Option<Spanned<Entries<Text>>>,
        /// A regular expression (the `regex` crate's) that the whole value must match.
        pattern: Option<Spanned<String>>,
        /// The smallest value.
        min: Option<Node>,
        /// The largest value.
        max: Option<Node>,
        /// The fewest characters.
        min_length: Option<Spanned<u64>>,
        /// The most characters.
        max_length: Option<Spanned<u64>>,
        /// The fewest elements of a list.
        min_items: Option<Spanned<u64>>,
        /// The most elements of a list. Default: `100`.
        max_items: Option<Spanned<u64>>,
        /// For `timestamp`: the IANA zone of a value that has none. Default: `server.zone`, else UTC.
        zone: Option<Spanned<String>>,
        /// Whether the value is `***` in every log, trace and test diff. Default: `false`.
        sensitive: Option<bool>,
        /// What it is, shown in OpenAPI and the console.
        description: Option<String>,
        /// A value that a caller might send.
        example: Option<Node>,
    }
}

impl FromNode for ParamSpec {
    fn from_node(node: &Node, out: &mut Vec<Diagnostic>) -> Option<Self> {
        match &node.kind {
            Kind::Map(_) => LongParam::from_node(node, out).map(Self),
            Kind::Scalar(_) => {
                let r#type = Spanned::from_node(node, out)?;
                Some(Self(LongParam {
                    span: node.span,
                    r#type,
                    required: None,
                    default: None,
                    nullable: None,
                    allow_empty: None,
                    r#enum: None,
                    choices: None,
                    pattern: None,
                    min: None,
                    max: None,
                    min_length: None,
                    max_length: None,
                    min_items: None,
                    max_items: None,
                    zone: None,
                    sensitive: None,
                    description: None,
                    example: None,
                }))
            }
            Kind::List(_) => {
                out.push(wrong_type(node, "a type, or a map with `type`"));
                None
            }
        }
    }

    fn schema() -> Json {
        json!({ "oneOf": [ParamType::schema(), LongParam::schema()] })
    }
}

/// The names of types, the second ones for people who come from Salesforce or from other services.
const TYPES: &[(&str, Scalar)] = &[
    ("string", Scalar::String),
    ("integer", Scalar::Integer),
    ("decimal", Scalar::Decimal),
    ("float", Scalar::Float),
    ("boolean", Scalar::Boolean),
    ("date", Scalar::Date),
    ("time", Scalar::Time),
    ("timestamp", Scalar::Timestamp),
    ("uuid", Scalar::Uuid),
    ("json", Scalar::Json),
    ("choice", Scalar::Choice),
    ("text", Scalar::String),
    ("long", Scalar::Integer),
    ("double", Scalar::Float),
    ("datetime", Scalar::Timestamp),
    ("currency", Scalar::Decimal),
    ("percent", Scalar::Decimal),
];

impl FromNode for ParamType {
    fn from_node(node: &Node, out: &mut Vec<Diagnostic>) -> Option<Self> {
        let Kind::Scalar(text) = &node.kind else {
            out.push(wrong_type(node, "a type such as integer or string[]"));
            return None;
        };
        let (name, list) = match text.value.strip_suffix("[]") {
            Some(name) => (name, true),
            None => (text.value.as_str(), false),
        };
        let Some((_, scalar)) = TYPES.iter().find(|(known, _)| *known == name) else {
            let message = format!("`{}` is no type", text.value);
            let help = suggest::help(name, TYPES.iter().map(|(name, _)| *name));
            out.push(BAD_VALUE.at(node.span, message).maybe_help(help));
            return None;
        };
        if list && matches!(scalar, Scalar::Json | Scalar::Choice) {
            out.push(BAD_VALUE.at(node.span, format!("there are no lists of {name}")));
            return None;
        }
        Some(Self { scalar: *scalar, list })
    }

    fn schema() -> Json {
        let lists = TYPES.iter().filter(|(_, scalar)| !matches!(scalar, Scalar::Json | Scalar::Choice));
        let names = TYPES.iter().map(|(name, _)| (*name).to_owned()).chain(lists.map(|(name, _)| format!("{name}[]")));
        json!({ "type": "string", "enum": names.collect::<Vec<_>>() })
    }
}
