//! What a platform can know of an object in an answer: names and plain types, references put in their places.

use serde_json::{Map, Value as Json, json};

use super::Problem;

/// So many references lead to a member at most; a circle of them ends here.
const MAX_DEPTH: usize = 32;

/// A schema as Genesys Cloud takes it: `type`, `description`, `enum`, and the members of objects. What is wrong with it goes to
/// `out`; `name` tells whose schema it is.
pub fn plain(root: &Json, schema: &Json, name: &str, out: &mut Vec<Problem>) -> Json {
    let parts = parts(root, schema);
    let first = |key: &str| parts.iter().find_map(|part| part.get(key));
    let mut plain = Map::new();
    let ty = parts.iter().find_map(|part| type_of(part));
    match ty {
        Some(ty @ ("string" | "integer" | "number" | "boolean")) => {
            plain.insert("type".into(), ty.into());
            if let Some(words) = first("enum").and_then(Json::as_array) {
                let words: Vec<&Json> = words.iter().filter(|word| !word.is_null()).collect();
                plain.insert("enum".into(), json!(words));
            }
        }
        Some("object") => {
            plain.insert("type".into(), "object".into());
            let (properties, required) = members(root, schema, name, out);
            if !required.is_empty() {
                plain.insert("required".into(), json!(required));
            }
            plain.insert("properties".into(), properties.into());
        }
        Some("array") => out.push(Problem::new(
            format!("`{name}` is a list, and Genesys Cloud takes no lists within an answer"),
            "leave it out of the statement, or make an action of its own for its rows",
        )),
        _ => out.push(Problem::new(
            format!("the result schema does not say one type of `{name}`"),
            "give it a `type` such as string, integer, number or boolean",
        )),
    }
    if let Some(description) = first("description") {
        plain.insert("description".into(), description.clone());
    }
    Json::Object(plain)
}

/// The members of an object, each as a plain schema, and which of them are always there.
pub fn members(root: &Json, schema: &Json, name: &str, out: &mut Vec<Problem>) -> (Map<String, Json>, Vec<String>) {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for part in parts(root, schema) {
        let described = part.get("properties").and_then(Json::as_object).into_iter().flatten();
        for (member, schema) in described {
            let path = if name.is_empty() { member.clone() } else { format!("{name}.{member}") };
            if name.matches('.').count() > MAX_DEPTH {
                out.push(Problem::new(format!("`{name}` nests too deeply"), "answer its members one by one"));
            } else if !properties.contains_key(member) {
                properties.insert(member.clone(), plain(root, schema, &path, out));
            }
        }
        let names = part.get("required").and_then(Json::as_array).into_iter().flatten();
        required.extend(names.filter_map(Json::as_str).map(str::to_owned));
    }
    required.retain(|name| properties.contains_key(name));
    required.sort();
    required.dedup();
    (properties, required)
}

/// A schema, what it refers to, and what it takes together with `allOf`.
fn parts<'a>(root: &'a Json, schema: &'a Json) -> Vec<&'a Json> {
    let (mut parts, mut left) = (Vec::new(), vec![schema]);
    while let Some(schema) = left.pop().filter(|_| parts.len() < MAX_DEPTH) {
        parts.push(schema);
        let referred = schema.get("$ref").and_then(Json::as_str).and_then(|at| root.pointer(at.strip_prefix('#')?));
        left.extend(referred);
        left.extend(schema.get("allOf").and_then(Json::as_array).into_iter().flatten());
    }
    parts
}

/// The one type of a schema, null aside.
fn type_of(schema: &Json) -> Option<&str> {
    match schema.get("type") {
        Some(Json::String(ty)) => Some(ty),
        Some(Json::Array(types)) => {
            let mut types: Vec<&str> = types.iter().filter_map(Json::as_str).filter(|ty| *ty != "null").collect();
            types.sort_unstable();
            match types[..] {
                [ty] => Some(ty),
                // A whole number is a number.
                ["integer", "number"] => Some("number"),
                _ => None,
            }
        }
        _ if schema.get("properties").is_some() => Some("object"),
        _ => {
            let mut values = schema.get("enum").and_then(Json::as_array)?.iter().filter(|value| !value.is_null());
            values.clone().next().is_some().then(|| values.all(Json::is_string)).filter(|all| *all).map(|_| "string")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schema: Json, expected: Json, problems: &[&str]) {
        let mut out = Vec::new();
        let plain = plain(&schema, &schema, "", &mut out);
        assert_eq!(out.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>(), problems, "{schema}");
        if problems.is_empty() {
            assert_eq!(plain, expected);
        }
    }

    #[test]
    fn a_schema_keeps_what_a_platform_knows_with_references_in_their_places() {
        check(
            json!({
                "$defs": { "tier": { "enum": ["gold", null], "description": "The tier." } },
                "allOf": [{ "required": ["id"], "properties": { "id": { "type": "integer", "minimum": 1 } } }],
                "properties": {
                    "tier": { "$ref": "#/$defs/tier" },
                    "owner": { "type": ["object", "null"], "properties": { "name": { "type": ["null", "string"] } } },
                },
                "additionalProperties": false,
            }),
            json!({
                "type": "object", "required": ["id"],
                "properties": {
                    "tier": { "type": "string", "enum": ["gold"], "description": "The tier." },
                    "owner": { "type": "object", "properties": { "name": { "type": "string" } } },
                    "id": { "type": "integer" },
                },
            }),
            &[],
        );
    }

    #[test]
    fn what_no_platform_takes_is_told_by_its_name() {
        let object = |member: Json| json!({ "properties": { "a": { "properties": { "b": member } } } });
        let list = "`a.b` is a list, and Genesys Cloud takes no lists within an answer";
        check(object(json!({ "type": "array" })), Json::Null, &[list]);
        let untyped = "the result schema does not say one type of `a.b`";
        for schema in [
            json!({}),
            json!({ "type": ["string", "integer"] }),
            json!({ "enum": [1, "a"] }),
            json!({ "enum": [null] }),
        ] {
            check(object(schema), Json::Null, &[untyped]);
        }
        let circle = json!({ "$ref": "#" });
        check(circle, Json::Null, &["the result schema does not say one type of ``"]);
    }
}
