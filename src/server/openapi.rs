//! The OpenAPI document (3.1) of a catalog's actions: from what is compiled to JSON, without a server and without a request.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use crate::{action::Action, call::Code};

/// What is said once, for all actions.
const DESCRIPTION: &str = "Data actions for look-ups in the middle of a customer's call. \
The body of a POST is an object of variables, alone or as `{\"variables\": {…}}`, or a form; scalars may be sent as text, \
and empty text counts as not sent.";

/// The failures that every call may meet.
const COMMON: &[Code] = &[
    Code::InvalidRequest,
    Code::MissingParameter,
    Code::InvalidParameter,
    Code::UnknownParameter,
    Code::NotAcceptable,
    Code::RequestTooLarge,
    Code::RateLimited,
    Code::Internal,
    Code::ResultInvalid,
    Code::ResultTooLarge,
    Code::SchemaDrift,
    Code::BackendError,
    Code::BackendUnavailable,
    Code::BackendLimited,
    Code::Overloaded,
    Code::Contention,
    Code::ActionUnavailable,
    Code::Timeout,
];

/// The document of actions. `revision` names the catalog; `keys` says whether callers need one.
pub fn document<'a>(actions: impl Iterator<Item = &'a Action>, revision: &str, keys: bool) -> Json {
    let mut paths = Map::new();
    let mut schemas = Map::from_iter([("Problem".to_owned(), problem_schema())]);
    for action in actions {
        let id = action.name.replace('/', ".");
        if let Some(schema) = &action.result.schema {
            // A dot begins no name of ours without a slash, so that this cannot be `Problem`, which is capitalised anyway.
            schemas.insert(id.clone(), schema.json_at(&format!("#/components/schemas/{id}")));
        }
        let methods = action.methods.iter().map(|method| method.as_str());
        let operations = methods.map(|method| (method.to_lowercase(), operation(action, &id, method, keys)));
        paths.insert(action.path.clone(), Json::Object(operations.collect()));
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": { "title": "datadip", "version": revision, "description": DESCRIPTION },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": { "schemas": schemas },
    });
    if keys {
        document["components"]["securitySchemes"] = json!({
            "bearer": { "type": "http", "scheme": "bearer" },
            "apiKey": { "type": "apiKey", "in": "header", "name": "X-Api-Key" },
        });
        document["security"] = json!([{ "bearer": [] }, { "apiKey": [] }]);
    }
    document
}

fn operation(action: &Action, id: &str, method: &str, keys: bool) -> Json {
    let post = method == "POST";
    let mut operation = Map::new();
    let mut put = |key: &str, value: Json| operation.insert(key.to_owned(), value);
    put("operationId", if post { id.into() } else { format!("{id}.get").into() });
    if let Some(description) = &action.description {
        put("summary", description.lines().next().unwrap_or_default().into());
        put("description", description.as_str().into());
    }
    if !action.tags.is_empty() {
        put("tags", json!(action.tags));
    }
    if action.deprecated {
        put("deprecated", true.into());
    }
    if let Some(owner) = &action.owner {
        put("x-owner", owner.as_str().into());
    }
    if post {
        if writes(action) {
            put("parameters", json!([idempotency_key()]));
        }
        put("requestBody", request_body(action));
    } else {
        put("parameters", query(action));
    }
    put("responses", responses(action, id, keys));
    Json::Object(operation)
}

fn writes(action: &Action) -> bool {
    action.mode.as_str() == "write"
}

fn idempotency_key() -> Json {
    json!({
        "name": "Idempotency-Key", "in": "header", "required": false,
        "description": "A write with a key runs once; its repeats get its outcome, with the header Idempotent-Replayed.",
        "schema": { "type": "string", "minLength": 1, "maxLength": 200 },
    })
}

fn request_body(action: &Action) -> Json {
    let mut schema = action.params.schema(action.allow_extra);
    if writes(action) {
        schema["properties"]["idempotency_key"] = json!({
            "type": "string", "minLength": 1, "maxLength": 200,
            "description": "A write with a key runs once; the header Idempotency-Key says the same.",
        });
    }
    let required = schema.get("required").is_some();
    let mut content = json!({ "schema": schema });
    if let Some(example) = action.params.example() {
        content["example"] = example;
    }
    json!({ "required": required, "content": { "application/json": content } })
}

fn query(action: &Action) -> Json {
    let schema = action.params.schema(action.allow_extra);
    let required = |name: &str| schema["required"].as_array().is_some_and(|names| names.iter().any(|n| n == name));
    let parameters = action.params.list().iter().map(|param| {
        let mut parameter = json!({
            "name": param.name, "in": "query", "required": required(&param.name), "schema": param.schema(),
        });
        if let Some(description) = &param.description {
            parameter["description"] = description.as_str().into();
        }
        parameter
    });
    parameters.collect()
}

fn responses(action: &Action, id: &str, keys: bool) -> Json {
    let mut responses = Map::from_iter([("200".to_owned(), success(action, id))]);
    let mut codes: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    let mut may = |some: &'static [Code]| {
        some.iter().for_each(|code| codes.entry(code.status()).or_default().push(code.as_str()));
    };
    may(COMMON);
    if keys {
        may(&[Code::Unauthenticated, Code::Forbidden]);
    }
    if action.result.not_found.as_str() == "error" {
        may(&[Code::NotFound]);
    }
    if writes(action) {
        may(&[Code::ConstraintViolation, Code::IdempotencyConflict]);
    }
    for own in action.errors.values() {
        let listed = codes.entry(own.http).or_default();
        if !listed.contains(&own.code.as_str()) {
            listed.push(&own.code);
        }
    }
    for (status, mut codes) in codes {
        codes.sort_unstable();
        let content = json!({ "application/json": { "schema": { "$ref": "#/components/schemas/Problem" } } });
        responses.insert(status.to_string(), json!({ "description": codes.join(", "), "content": content }));
    }
    Json::Object(responses)
}

fn success(action: &Action, id: &str) -> Json {
    let result = &action.result;
    let row = match &result.schema {
        Some(_) => json!({ "$ref": format!("#/components/schemas/{id}") }),
        None => json!({}),
    };
    let of_result = match result.shape.as_str() {
        "rows" => json!({ "type": "array", "items": row.clone(), "maxItems": result.max_rows }),
        "affected" if result.schema.is_none() => json!({ "type": "integer", "minimum": 0 }),
        "row" | "value" if result.not_found.as_str() == "null" => json!({ "anyOf": [row.clone(), { "type": "null" }] }),
        _ => row.clone(),
    };
    let mut properties = json!({
        "status": { "const": "success" },
        "result": of_result,
        "row_count": { "type": "integer", "minimum": 0 },
        "message": { "type": "string", "description": "For people." },
        "request_id": { "type": "string" },
    });
    if result.on_overflow.as_str() == "truncate" {
        properties["truncated"] = json!({ "const": true, "description": "Rows were left out." });
    }
    if let Some(cache) = action.cache {
        properties["cached"] = json!({ "const": true, "description": "An earlier answer, served again." });
        if !cache.stale_if_error.is_zero() {
            properties["stale"] = json!({ "const": true, "description": "It has expired, and the backend fails." });
        }
    }
    let envelope = json!({
        "type": "object",
        "required": ["status", "result", "row_count", "message", "request_id"],
        "properties": properties,
    });
    let mut content = json!({ "application/json": { "schema": envelope } });
    if result.stream {
        content["application/x-ndjson"] = json!({ "schema": row });
    }
    let mut success = json!({ "description": "The result.", "content": content });
    if writes(action) {
        success["headers"] = json!({
            "Idempotent-Replayed": {
                "description": "The outcome is that of an earlier call under the same key.",
                "schema": { "const": "true" },
            },
        });
    }
    success
}

fn problem_schema() -> Json {
    json!({
        "type": "object",
        "required": ["status", "code", "message", "request_id"],
        "properties": {
            "status": { "const": "error" },
            "code": { "type": "string" },
            "message": { "type": "string", "description": "For people." },
            "errors": {
                "type": "array",
                "description": "All bad parameters.",
                "items": {
                    "type": "object",
                    "required": ["parameter", "reason"],
                    "properties": {
                        "parameter": { "type": "string" },
                        "reason": { "type": "string" },
                        "got": { "type": "string" },
                    },
                },
            },
            "constraint": { "type": "string", "enum": ["unique", "foreign_key", "check", "not_null"] },
            "committed": { "const": true, "description": "A write took effect although the call failed." },
            "in_doubt": { "const": true, "description": "A write may or may not have taken effect." },
            "request_id": { "type": "string" },
        },
    })
}
