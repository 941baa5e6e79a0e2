//! What operators ask.

use serde_json::{Value as Json, json};

use super::{customers, with};

#[tokio::test]
async fn readiness_names_what_is_wrong() {
    let mut gateway = customers();
    assert_eq!(gateway.get("/healthz").await.json(), json!({ "status": "ok" }));
    let fresh = json!({ "status": "ready", "backends": { "demo": "unused" }, "quarantined": [] });
    assert_eq!(gateway.get("/readyz").await.json(), fresh);
    gateway.post("/actions/find", r#"{"customer_id": 1}"#).await;
    gateway.reload("actions/find.yaml", "nonsense: true\n");
    gateway.reload("actions/new.yaml", "nonsense: true\n");
    let answer = gateway.get("/readyz").await;
    let degraded = json!({ "status": "degraded", "backends": { "demo": "up" }, "quarantined": ["find", "new"] });
    assert_eq!((answer.status, answer.json()), (200, degraded));
    let head = gateway.send("HEAD /readyz", "").await;
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[tokio::test]
async fn a_reload_that_failed_is_said() {
    let mut gateway = customers();
    gateway.reload("datadip.yaml", "nonsense: true\n");
    let ready = gateway.get("/readyz").await.json();
    assert_eq!(ready["status"], "degraded");
    assert!(ready["problem"].as_str().is_some_and(|problem| problem.contains("datadip.yaml")), "{ready}");
}

#[tokio::test]
async fn the_catalog_shows_each_action_with_its_diagnostics() {
    let mut gateway = customers();
    gateway.reload("actions/find.yaml", "backend: demo\nnonsense: true\nsql: SELECT 1 AS one\n");
    let catalog = gateway.get("/catalog").await.json();
    assert!(catalog["revision"].as_str().is_some_and(|revision| !revision.is_empty()));
    let actions = catalog["actions"].as_array().expect("actions");
    let names: Vec<_> = actions.iter().map(|action| action["name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["crm/list", "find", "rename", "slow"]);
    let list = &actions[0];
    assert_eq!((&list["path"], &list["methods"]), (&json!("/actions/crm/list"), &json!(["GET", "POST"])));
    assert_eq!((&list["backend"], &list["mode"], &list["state"]), (&json!("demo"), &json!("read"), &json!("ok")));
    let since = list["since"].as_str().expect("a time");
    assert!(since.parse::<jiff::Timestamp>().is_ok(), "{since}");
    let find = &actions[1];
    assert_eq!(find["state"], "quarantined");
    let unknown: Vec<&Json> =
        find["diagnostics"].as_array().expect("a list").iter().filter(|d| d["rule"] == "unknown-key").collect();
    assert_eq!(unknown.len(), 1, "{find}");
    assert_eq!(
        (&unknown[0]["level"], &unknown[0]["line"], &unknown[0]["column"]),
        (&json!("error"), &json!(2), &json!(1))
    );
    assert_eq!(unknown[0]["file"], "actions/find.yaml");
    assert_eq!(gateway.post("/actions/find", r#"{"customer_id": 1}"#).await.status, 200, "its last good version");
}

#[tokio::test]
async fn the_openapi_document_is_valid_and_fits_the_answers() {
    let mut gateway = with(&[
        (
            "actions/all.yaml",
            r#"
description: |
  Has everything.
  Twice.
backend: demo
tags: [customers]
owner: crm
deprecated: true
params:
  s: { type: string, pattern: "[a-z]+", min_length: 1, max_length: 9, description: Text., example: abc }
  i: { type: integer, min: 1, max: 5, default: 2 }
  d: { type: decimal, required: false }
  c: { type: choice, choices: { up: ASC, down: DESC }, default: up }
  l: { type: "uuid[]", required: false, max_items: 3 }
  p: { type: string, required: false, sensitive: true }
sql: SELECT {{ s }} AS s, {{ i }} AS i, {{ d | default(0) }} AS d, {{ p | default('') }} AS p FROM customers ORDER BY id {{ c }}
result:
  schema: { $ref: "row.json#/$defs/row" }
  on_overflow: truncate
"#,
        ),
        (
            "schemas/row.json",
            r##"{ "$defs": { "row": { "type": "object", "properties": { "s": { "$ref": "#/$defs/text" } } }, "text": { "type": "string" } } }"##,
        ),
    ]);
    assert_eq!(gateway.broken(), [""; 0]);
    let document = gateway.get("/openapi.json").await.json();
    check_structure(&document);
    let find = &document["paths"]["/actions/find"];
    assert_eq!(find["post"]["requestBody"]["content"]["application/json"]["example"], json!({ "customer_id": 1 }));
    assert_eq!(find["get"]["parameters"][0]["name"], "customer_id");
    assert_eq!(find["get"]["parameters"][0]["required"], true);
    let all = &document["paths"]["/actions/all"]["post"];
    assert_eq!(
        (&all["deprecated"], &all["tags"], &all["summary"]),
        (&json!(true), &json!(["customers"]), &json!("Has everything."))
    );
    let properties = &all["requestBody"]["content"]["application/json"]["schema"]["properties"];
    assert_eq!(
        properties["s"],
        json!({ "type": "string", "pattern": "^(?:[a-z]+)$", "minLength": 1, "maxLength": 9, "description": "Text.", "examples": ["abc"] })
    );
    assert!(document["components"].get("securitySchemes").is_none());
    let before = document["info"]["version"].clone();
    gateway.reload("actions/slow.yaml", super::FIND);
    assert_ne!(gateway.get("/openapi.json").await.json()["info"]["version"], before, "a new catalog, a new document");

    let answer = gateway.post("/actions/find", r#"{"customer_id": 1}"#).await.json();
    check_answer(&document, "/actions/find", "200", &answer);
    let problem = gateway.post("/actions/find", "").await.json();
    check_answer(&document, "/actions/find", "400", &problem);
    let answer = gateway.post("/actions/all", r#"{"s": "abc"}"#).await.json();
    check_answer(&document, "/actions/all", "200", &answer);
    let mut wrong = answer;
    wrong["result"][0]["s"] = json!(1);
    assert!(!valid(&document, "/actions/all", "200", &wrong), "the row's schema is found through its references");
}

fn valid(document: &Json, path: &str, status: &str, body: &Json) -> bool {
    let place = format!("#/paths/{}/post/responses/{status}/content/application~1json/schema", path.replace('/', "~1"));
    let mut schema = document.clone();
    schema["$ref"] = place.into();
    jsonschema::draft202012::new(&schema).expect("a schema").is_valid(body)
}

fn check_answer(document: &Json, path: &str, status: &str, body: &Json) {
    assert!(valid(document, path, status, body), "{path} {status} {body}");
}

/// The parts of OpenAPI 3.1's own schema that concern us: the fixed fields of each object, references that lead somewhere, and
/// schemas that are JSON Schema 2020-12.
fn check_structure(document: &Json) {
    let only = |object: &Json, place: &str, fields: &[&str]| {
        for name in object.as_object().unwrap_or_else(|| panic!("{place} is an object")).keys() {
            assert!(fields.contains(&name.as_str()) || name.starts_with("x-"), "{place} has no field {name}");
        }
    };
    only(document, "the document", &["openapi", "info", "servers", "paths", "components", "security", "tags"]);
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1.")));
    only(&document["info"], "info", &["title", "summary", "description", "version"]);
    assert!(document["info"]["title"].is_string() && document["info"]["version"].is_string());
    let mut ids = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        assert!(path.starts_with('/'));
        only(item, path, &["get", "post"]);
        for (method, operation) in item.as_object().expect("operations") {
            let place = format!("{method} {path}");
            let fields = [
                "operationId",
                "summary",
                "description",
                "tags",
                "deprecated",
                "parameters",
                "requestBody",
                "responses",
                "security",
            ];
            only(operation, &place, &fields);
            ids.push(operation["operationId"].as_str().expect("an id").to_owned());
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                only(parameter, &place, &["name", "in", "required", "description", "schema"]);
                check_schema(&parameter["schema"]);
            }
            if let Some(body) = operation.get("requestBody") {
                only(body, &place, &["required", "content", "description"]);
                check_content(&body["content"], &only);
            }
            let responses = operation["responses"].as_object().expect("responses");
            assert!(responses.contains_key("200"));
            for (status, response) in responses {
                assert!(status.parse::<u16>().is_ok_and(|status| (200..600).contains(&status)));
                assert!(response["description"].is_string(), "{place} {status}");
                only(response, &place, &["description", "headers", "content"]);
                check_content(&response["content"], &only);
            }
        }
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count, "each operation has an id of its own");
    only(&document["components"], "components", &["schemas", "securitySchemes"]);
    for (name, schema) in document["components"]["schemas"].as_object().expect("schemas") {
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)), "{name}");
        check_schema(schema);
    }
    check_references(document, document);
}

fn check_content(content: &Json, only: &impl Fn(&Json, &str, &[&str])) {
    for media in content.as_object().expect("media types").values() {
        only(media, "a media type", &["schema", "example"]);
        check_schema(&media["schema"]);
    }
}

fn check_schema(schema: &Json) {
    assert!(jsonschema::draft202012::meta::is_valid(schema), "{schema}");
}

fn check_references(node: &Json, document: &Json) {
    match node {
        Json::Object(members) => {
            if let Some(reference) = members.get("$ref").and_then(Json::as_str) {
                let pointer = reference.strip_prefix('#').expect("references stay within the document");
                assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
            }
            members.values().for_each(|member| check_references(member, document));
        }
        Json::Array(items) => items.iter().for_each(|item| check_references(item, document)),
        _ => {}
    }
}
