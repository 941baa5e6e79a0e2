//! The caller's side of actions: what Genesys Cloud imports is carried out here as it does (FACTS 1.3), against a gateway.

use datadip::{
    action::Action,
    export::{Address, Reach, cxone, genesys},
};
use serde_json::{Value as Json, json};

use crate::gateway::Serving;

const SEED: &str = "\
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, vip INTEGER NOT NULL, \"odd 'name'\" REAL);
INSERT INTO customers VALUES (1, 'Ada \"the first\"', 1, 1.5), (2, 'Grace', 0, NULL);
";
/// Of rows, below `result.schema`.
const SCHEMA: &str = concat!(
    "    type: object\n    required: [id, name]\n    properties:\n      id: { type: integer }\n",
    "      name: { type: string, description: The name. }\n      \"odd 'name'\": { type: [number, 'null'] }\n",
);

fn action(params: &str, sql: &str, more: &str) -> String {
    format!("description: Finds.\nbackend: demo\nparams: {params}\nsql: {}\n{more}", Json::from(sql))
}

fn serving(text: &str) -> Serving {
    let serving = Serving::start(&[("seed.sql", SEED), ("actions/crm/find.yaml", text)]);
    assert_eq!(serving.broken(), [""; 0]);
    serving
}

fn compiled(serving: &Serving) -> std::sync::Arc<Action> {
    let gateway = serving.live.snapshot();
    gateway.catalog.get("crm/find").and_then(|entry| entry.action.clone()).expect("the action is good")
}

fn address() -> Address {
    Address::read("https://dips.example.com").expect("an address")
}

fn exported(serving: &Serving) -> Json {
    let reach = Reach { url: &address(), credential: Some("apiKey") };
    genesys::data_action(&compiled(serving), &reach).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// What Genesys Cloud makes of a call: sends the input, takes the mapped values out of the answer, fills the template, and
/// holds what comes of it against the contract.
async fn execute(serving: &Serving, document: &Json, input: Json) -> Json {
    let contract = &document["contract"];
    let checked = |schema: &Json, value: &Json| {
        let validator = jsonschema::options().with_draft(jsonschema::Draft::Draft4).build(schema).expect("a schema");
        validator.validate(value).unwrap_or_else(|error| panic!("{error}: {value}"));
    };
    checked(&contract["input"]["inputSchema"], &input);
    let request = &document["config"]["request"];
    let path = request["requestUrlTemplate"].as_str().and_then(|url| url.strip_prefix("https://dips.example.com"));
    let path = path.expect("the gateway's address");
    let answer = match request["requestType"].as_str() {
        Some("POST") => {
            assert_eq!(request["requestTemplate"], "${input.rawRequest}");
            serving.post(path, &input.to_string()).await
        }
        _ => {
            let mut path = path.to_owned();
            for name in ["customer_id", "term"] {
                let value = input.get(name).map_or(String::new(), |value| match value {
                    Json::String(text) => text.clone(),
                    other => other.to_string(),
                });
                let value: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
                path = path.replace(&format!("$esc.url(\"${{input.{name}}}\")"), &value);
                path = path.replace(&format!("$esc.url(\"$!{{input.{name}}}\")"), &value);
            }
            assert!(!path.contains('$'), "{path}");
            serving.get(&path).await
        }
    };
    assert_eq!(answer.status, 200, "{}", answer.text());
    let response = &document["config"]["response"];
    let mut text = response["successTemplate"].as_str().expect("a template").to_owned();
    for (name, path) in response["translationMap"].as_object().expect("a map") {
        let found = look(&answer.json(), path.as_str().expect("a path"));
        let default = response["translationMapDefaults"][name].as_str().expect("a default of JSON text").to_owned();
        text = text.replace(&format!("${{{name}}}"), &found.map_or(default, |value| value.to_string()));
    }
    let output: Json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let nullable = output.to_string().contains("null");
    if !nullable {
        checked(&contract["output"]["successSchema"], &output);
    }
    output
}

/// The value at a JSONPath of the forms `$.a` and `$.a['b']`; none where there is none.
fn look(value: &Json, path: &str) -> Option<Json> {
    let path = path.strip_prefix("$.").expect("from the root");
    let (first, member) = path.split_once('[').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let value = value.get(first)?;
    match member {
        None => Some(value.clone()),
        Some(member) => {
            let name = member.strip_prefix('\'').and_then(|name| name.strip_suffix("']")).expect("a quoted member");
            value.get(name.replace("\\'", "'").replace("\\\\", "\\")).cloned()
        }
    }
}

#[tokio::test]
async fn rows_are_an_array_of_objects() {
    let sql = "SELECT id, name, \"odd 'name'\" FROM customers WHERE id IN ({{ ids | spread }}) ORDER BY id LIMIT 9";
    let serving = serving(&action("{ ids: 'integer[]' }", sql, &format!("result:\n  schema:\n{SCHEMA}")));
    let document = exported(&serving);
    let rows = execute(&serving, &document, json!({ "ids": "1,2" })).await;
    assert_eq!(rows[0], json!({ "id": 1, "name": "Ada \"the first\"", "odd 'name'": 1.5 }));
    assert_eq!(execute(&serving, &document, json!({ "ids": "7" })).await, json!([]));
    let input = &document["contract"]["input"]["inputSchema"]["properties"]["ids"];
    assert_eq!(input, &json!({ "type": "string", "description": "A list, its items separated by commas." }));
}

#[tokio::test]
async fn a_row_is_one_object_also_where_there_is_none() {
    let sql = "SELECT id, name, \"odd 'name'\" FROM customers WHERE id = {{ customer_id }} \
               {% if term is defined %} AND name = {{ term }} {% endif %}";
    let params = "{ customer_id: integer, term: { type: string, required: false } }";
    for route in ["", "route: { methods: [GET] }\n"] {
        let more = format!("{route}result:\n  shape: row\n  schema:\n{SCHEMA}");
        let serving = serving(&action(params, sql, &more));
        let document = exported(&serving);
        let ada = execute(&serving, &document, json!({ "customer_id": 1, "term": "Ada \"the first\"" })).await;
        assert_eq!(ada, json!({ "id": 1, "name": "Ada \"the first\"", "odd 'name'": 1.5, "row_count": 1 }));
        let nobody = execute(&serving, &document, json!({ "customer_id": 9 })).await;
        assert_eq!(nobody, json!({ "id": 0, "name": "", "odd 'name'": 0, "row_count": 0 }));
    }
}

#[tokio::test]
async fn a_write_runs_once_under_the_key_that_the_flow_sends() {
    let more = "mode: write\nresult: { shape: affected, schema: { type: integer } }\n";
    let serving =
        serving(&action("{ name: string }", "UPDATE customers SET vip = vip + 1 WHERE name = {{ name }}", more));
    let document = exported(&serving);
    let input = json!({ "name": "Grace", "idempotency_key": "conversation-1" });
    for _ in 0..2 {
        assert_eq!(execute(&serving, &document, input.clone()).await, json!({ "affected": 1 }));
    }
    let sql = "SELECT vip FROM customers WHERE name = 'Grace'";
    let mut serving = serving;
    serving.reload("actions/vip.yaml", &format!("backend: demo\nsql: {sql}\nresult: {{ shape: value }}\n"));
    assert_eq!(serving.post("/actions/vip", "{}").await.json()["result"], 1);
}

#[tokio::test]
async fn a_data_action_has_the_members_of_real_exports_and_no_others() {
    let more = "timeout: 2500ms\nresult: { shape: value, schema: { type: string } }\n";
    let params =
        "{ pin: { type: string, sensitive: true }, tier: { type: string, enum: [gold, basic], required: false } }";
    let serving = serving(&action(
        params,
        "SELECT name FROM customers WHERE name = {{ pin }} AND {{ tier | default('') }} <> 'x'",
        more,
    ));
    let document = exported(&serving);
    let keys = |value: &Json| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&document), ["name", "integrationType", "actionType", "config", "contract", "secure"]);
    assert_eq!(keys(&document["config"]), ["request", "response", "timeoutSeconds"]);
    let request = &document["config"]["request"];
    assert_eq!(keys(request), ["requestUrlTemplate", "requestType", "headers", "requestTemplate"]);
    assert_eq!(keys(&document["config"]["response"]), ["translationMap", "translationMapDefaults", "successTemplate"]);
    assert_eq!(request["headers"]["X-Api-Key"], "${credentials.apiKey}");
    assert_eq!((&document["secure"], &document["config"]["timeoutSeconds"]), (&json!(true), &json!(4)));
    assert_eq!(document["integrationType"], "custom-rest-actions");
    let tier = &document["contract"]["input"]["inputSchema"]["properties"]["tier"];
    assert_eq!(tier["enum"], json!(["gold", "basic"]));
}

#[tokio::test]
async fn what_genesys_cloud_cannot_take_is_told_all_at_once() {
    let check = |params: &str, more: &str, expected: &[&str]| {
        let serving = serving(&action(params, "SELECT 1 AS one FROM customers LIMIT 1", more));
        let reach = Reach { url: &address(), credential: None };
        let problems = genesys::data_action(&compiled(&serving), &reach).expect_err("it is refused");
        let messages: Vec<String> = problems.into_iter().map(|problem| problem.message).collect();
        assert_eq!(messages, expected);
    };
    check(
        "{ orgId: { type: string, required: false } }",
        "timeout: 90s\nresult: { schema: { type: object, properties: { one: { type: array } } } }\n",
        &[
            "Genesys Cloud has a meaning of its own for an input called `orgId`",
            "`one` is a list, and Genesys Cloud takes no lists within an answer",
            "the action may take 90 s, and Genesys Cloud waits 60 s at most",
        ],
    );
    check("{}", "", &["the action has no result schema, and Genesys Cloud wants to know the members of an answer"]);
    check("{}", "result: { schema: { type: object } }\n", &["the result schema names no members"]);
}

#[tokio::test]
async fn cxone_is_told_how_to_call_and_what_it_must_know() {
    let more = "mode: write\ntimeout: 90s\nresult: { shape: row, schema: { type: object, properties: { id: { type: integer } } } }\n";
    let params = "{ name: string, ids: { type: 'integer[]', required: false } }";
    let serving = serving(&action(params, "UPDATE customers SET vip = 1 WHERE name = {{ name }} RETURNING id", more));
    let reach = Reach { url: &address(), credential: Some("dipKey") };
    let text = cxone::settings(&compiled(&serving), &reach).expect("it fits");
    for wanted in [
        "Verb       POST",
        "URL        https://dips.example.com/actions/crm/find",
        "X-Api-Key: {dipKey}",
        "Timeout    90 s",
        "variables.ids = \"{ids}\"   // optional; items separated by commas",
        "variables.idempotency_key = \"{contactId}-crm/find\"",
        "ASSIGN request = \"{variables.asjson()}\"",
        "ASSIGN status = answer.__httpstatuscode",
        "ASSIGN id = answer.result.id",
    ] {
        assert!(text.contains(wanted), "{wanted} is not in\n{text}");
    }
}
