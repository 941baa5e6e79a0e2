//! The types of values that a schema allows, as far as its `type` keywords tell.

use std::ops::{BitAnd, BitOr};

use percent_encoding::percent_decode_str;
use serde_json::Value as Json;

/// A set of JSON's types. What a schema says besides types is not looked at: a value of these types may break it all the
/// same, one of another type does break it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Types(u8);

impl Types {
    /// All of them.
    pub const ALL: Self = Self(0b111_1111);
    /// Numbers without a fraction.
    pub const INTEGER: Self = Self(1);
    /// Numbers with a fraction.
    pub const FRACTION: Self = Self(1 << 1);
    /// Text.
    pub const STRING: Self = Self(1 << 2);
    /// True and false.
    pub const BOOLEAN: Self = Self(1 << 3);
    /// Lists.
    pub const ARRAY: Self = Self(1 << 4);
    /// Objects.
    pub const OBJECT: Self = Self(1 << 5);
    /// Null.
    pub const NULL: Self = Self(1 << 6);

    /// The type of a word of the keyword `type`.
    fn named(word: &str) -> Self {
        match word {
            "integer" => Self::INTEGER,
            "number" => Self::INTEGER | Self::FRACTION,
            "string" => Self::STRING,
            "boolean" => Self::BOOLEAN,
            "array" => Self::ARRAY,
            "object" => Self::OBJECT,
            "null" => Self::NULL,
            _ => Self::ALL,
        }
    }

    /// Whether a value may be of both.
    pub fn meets(self, other: Self) -> bool {
        (self & other).0 != 0
    }

    /// The words of the keyword `type`, joined with `or`.
    pub fn words(self) -> String {
        let number = if self.meets(Self::FRACTION) { "number" } else { "integer" };
        let words = [
            (Self::INTEGER | Self::FRACTION, number),
            (Self::STRING, "string"),
            (Self::BOOLEAN, "boolean"),
            (Self::ARRAY, "array"),
            (Self::OBJECT, "object"),
            (Self::NULL, "null"),
        ];
        let words: Vec<&str> = words.iter().filter(|(types, _)| self.meets(*types)).map(|(_, word)| *word).collect();
        words.join(" or ")
    }
}

impl BitAnd for Types {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl BitOr for Types {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The types that a schema of a document allows.
pub(super) fn allowed(root: &Json, schema: &Json) -> Types {
    types(root, schema, &mut Vec::new())
}

/// Visits a schema and all that hold together with it, by `$ref` and `allOf`.
pub(super) fn visit<'a>(root: &'a Json, each: &mut dyn FnMut(&'a Json)) {
    fn part<'a>(root: &'a Json, schema: &'a Json, followed: &mut Vec<&'a str>, each: &mut dyn FnMut(&'a Json)) {
        each(schema);
        for schema in target(root, schema, followed).into_iter().chain(members(schema, "allOf")) {
            part(root, schema, followed, each);
        }
    }
    part(root, root, &mut Vec::new(), each);
}

fn types<'a>(root: &'a Json, schema: &'a Json, followed: &mut Vec<&'a str>) -> Types {
    let mut all = match schema.get("type") {
        Some(Json::String(word)) => Types::named(word),
        Some(Json::Array(words)) => {
            words.iter().filter_map(Json::as_str).map(Types::named).reduce(Types::bitor).unwrap_or(Types::ALL)
        }
        _ => Types::ALL,
    };
    if let Some(schema) = target(root, schema, followed) {
        all = all & types(root, schema, followed);
    }
    for schema in members(schema, "allOf") {
        all = all & types(root, schema, followed);
    }
    for keyword in ["anyOf", "oneOf"] {
        let any = members(schema, keyword).map(|schema| types(root, schema, followed)).reduce(Types::bitor);
        all = any.map_or(all, |any| all & any);
    }
    all
}

/// What a schema refers to, each reference followed once.
fn target<'a>(root: &'a Json, schema: &'a Json, followed: &mut Vec<&'a str>) -> Option<&'a Json> {
    let reference = schema.get("$ref")?.as_str()?;
    if followed.contains(&reference) {
        return None;
    }
    followed.push(reference);
    root.pointer(&percent_decode_str(reference.trim_start_matches('#')).decode_utf8_lossy())
}

fn members<'a>(schema: &'a Json, keyword: &str) -> impl Iterator<Item = &'a Json> {
    schema.get(keyword).and_then(Json::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn types_are_read_through_references_and_combinations() {
        let check = |schema: Json, expected: &str| assert_eq!(allowed(&schema, &schema).words(), expected, "{schema}");
        check(json!({ "type": "integer" }), "integer");
        check(json!({ "type": ["number", "null"] }), "number or null");
        check(json!({ "allOf": [{ "type": "number" }, { "type": ["integer", "string"] }] }), "integer");
        check(json!({ "anyOf": [{ "type": "string" }, { "type": "boolean" }] }), "string or boolean");
        check(json!({ "$ref": "#/$defs/a", "$defs": { "a": { "type": "object" } } }), "object");
        check(json!({ "enum": [1] }), "number or string or boolean or array or object or null");
        check(json!({ "$ref": "#", "type": "array" }), "array");
    }
}
