//! Parameters as JSON Schema, for OpenAPI: what a well-behaved caller sends. Coercion accepts more, such as numbers as text.

use serde_json::{Map, Value as Json, json};

use super::{Absent, Param, Params};
use crate::value::{Scalar, Value};

impl Params {
    /// The object of all parameters; `extra` says whether there may be others.
    pub fn schema(&self, extra: bool) -> Json {
        let properties: Map<String, Json> =
            self.list.iter().map(|param| (param.name.clone(), param.schema())).collect();
        let required: Vec<&String> =
            self.list.iter().filter(|param| param.absent == Absent::Refused).map(|param| &param.name).collect();
        let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": extra });
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        schema
    }

    /// An example request: the examples of all parameters that have one. `None` if that is none of them, or if a required
    /// one has none.
    pub fn example(&self) -> Option<Json> {
        if self.list.iter().any(|param| param.absent == Absent::Refused && param.example.is_none()) {
            return None;
        }
        let examples = self.list.iter().filter_map(|param| Some((param.name.clone(), param.example.clone()?)));
        let examples: Map<String, Json> = examples.collect();
        (!examples.is_empty()).then_some(Json::Object(examples))
    }
}

impl Param {
    /// The schema of one parameter. Defaults of sensitive ones are not shown.
    pub fn schema(&self) -> Json {
        let mut schema = self.scalar_schema();
        if self.ty.list {
            schema = json!({ "type": "array", "items": schema, "maxItems": self.max_items });
            if self.min_items > 0 {
                schema["minItems"] = self.min_items.into();
            }
        }
        if self.nullable {
            allow_null(&mut schema);
        }
        if let Some(description) = &self.description {
            schema["description"] = description.as_str().into();
        }
        if self.sensitive {
            schema["writeOnly"] = true.into();
            return schema;
        }
        if let Absent::Default(default) = &self.absent {
            schema["default"] = default.to_json();
        }
        if let Some(example) = &self.example {
            schema["examples"] = json!([example]);
        }
        schema
    }

    fn scalar_schema(&self) -> Json {
        let checks = &self.checks;
        let mut schema = match self.ty.scalar {
            Scalar::String => json!({ "type": "string" }),
            Scalar::Integer => json!({ "type": "integer", "format": "int64" }),
            // Text keeps every digit, which JSON numbers of most callers do not.
            Scalar::Decimal => json!({ "type": ["string", "number"], "format": "decimal" }),
            Scalar::Float => json!({ "type": "number", "format": "double" }),
            Scalar::Boolean => json!({ "type": "boolean" }),
            Scalar::Date => json!({ "type": "string", "format": "date" }),
            Scalar::Time => json!({ "type": "string", "pattern": r"^\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?$" }),
            Scalar::Timestamp => json!({ "type": "string", "format": "date-time" }),
            Scalar::Uuid => json!({ "type": "string", "format": "uuid" }),
            Scalar::Json => json!({}),
            Scalar::Choice => json!({ "type": "string", "enum": self.words }),
        };
        let members = schema.as_object_mut().expect("each of these is an object");
        let mut put = |key: &str, value: Option<Json>| members.extend(value.map(|value| (key.to_owned(), value)));
        // JSON Schema has no order of dates and times; a decimal is compared as the number that it is.
        let number = |value: &Option<Value>| match value.as_ref()? {
            Value::Decimal(_) => serde_json::from_str(&value.as_ref()?.text()?).ok(),
            value @ (Value::Integer(_) | Value::Float(_)) => Some(value.to_json()),
            _ => None,
        };
        put("minimum", number(&checks.min));
        put("maximum", number(&checks.max));
        put("minLength", checks.min_length.map(Json::from));
        put("maxLength", checks.max_length.map(Json::from));
        put("pattern", checks.pattern.as_ref().map(|pattern| format!("^(?:{})$", pattern.source).into()));
        put("enum", checks.one_of.as_ref().map(|values| values.iter().map(Value::to_json).collect()));
        schema
    }
}

fn allow_null(schema: &mut Json) {
    match schema.get_mut("type") {
        Some(Json::Array(types)) => types.push("null".into()),
        Some(one) => *one = json!([one.take(), "null"]),
        None => {}
    }
    if let Some(Json::Array(values)) = schema.get_mut("enum") {
        values.push(Json::Null);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::params::tests::params;

    fn check(source: &str, expected: Json) {
        assert_eq!(params(&format!("p: {source}\n")).schema(false)["properties"]["p"], expected, "{source}");
    }

    #[test]
    fn types_and_checks_are_keywords_of_json_schema() {
        check("string", json!({ "type": "string" }));
        check(
            "{ type: integer, min: 1, max: 9, example: 4 }",
            json!({ "type": "integer", "format": "int64", "minimum": 1, "maximum": 9, "examples": [4] }),
        );
        check(
            "{ type: string, pattern: '[a-z]+|x', min_length: 1, max_length: 4, enum: [a, b], nullable: true }",
            json!({
                "type": ["string", "null"], "pattern": "^(?:[a-z]+|x)$", "minLength": 1, "maxLength": 4,
                "enum": ["a", "b", null],
            }),
        );
        check(
            "{ type: 'date[]', min_items: 1, max_items: 3, description: Days. }",
            json!({
                "type": "array", "items": { "type": "string", "format": "date" }, "minItems": 1, "maxItems": 3,
                "description": "Days.",
            }),
        );
        check(
            "{ type: choice, choices: { up: ASC, down: DESC }, default: up }",
            json!({ "type": "string", "enum": ["up", "down"], "default": "up" }),
        );
        check(
            "{ type: decimal, min: 0.5 }",
            json!({ "type": ["string", "number"], "format": "decimal", "minimum": 0.5 }),
        );
    }

    #[test]
    fn a_sensitive_default_is_not_shown() {
        check("{ type: string, sensitive: true, default: s3cret }", json!({ "type": "string", "writeOnly": true }));
    }

    #[test]
    fn what_must_be_sent_is_required() {
        let schema = params("a: integer\nb: { type: integer, required: false }\nc: { type: integer, default: 1 }\n")
            .schema(true);
        assert_eq!(schema["required"], json!(["a"]));
        assert_eq!(schema["additionalProperties"], true);
    }

    #[test]
    fn an_example_request_has_all_that_is_required() {
        let example = |source| params(source).example();
        assert_eq!(
            example("a: { type: integer, example: 1 }\nb: { type: string, required: false }\n"),
            Some(json!({ "a": 1 }))
        );
        assert_eq!(example("a: integer\nb: { type: string, required: false, example: x }\n"), None);
        assert_eq!(example("b: { type: string, required: false }\n"), None);
    }
}
