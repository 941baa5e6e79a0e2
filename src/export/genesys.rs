//! A data action for Genesys Cloud, as its import takes it: the format of its exports (FACTS 1.3).

use std::time::Duration;

use serde_json::{Map, Value as Json, json};

use super::{Problem, Reach, row};
use crate::{
    action::{Absent, Action, IDEMPOTENCY_KEY, Param},
    spec::{Method, Mode, Shape},
    value::Scalar,
};

/// Genesys Cloud waits from 1 to 60 seconds.
const LONGEST: Duration = Duration::from_secs(60);
/// Names of the input that have a meaning of their own there.
const RESERVED: [&str; 3] = ["orgId", "integrationId", "rawRequest"];
/// The draft of JSON Schema that its contracts are written in.
const DRAFT: &str = "http://json-schema.org/draft-04/schema#";

/// The data action that calls an action.
///
/// # Errors
///
/// All that keeps it from being called from Genesys Cloud as it is.
pub fn data_action(action: &Action, reach: &Reach<'_>) -> Result<Json, Vec<Problem>> {
    let mut problems = Vec::new();
    let post = action.methods.contains(&Method::Post);
    let url = reach.of(action);
    let url = if post { url } else { format!("{url}{}", query(action)) };
    let mut headers = Map::from_iter([("Accept".to_owned(), Json::from("application/json"))]);
    if post {
        headers.insert("Content-Type".into(), "application/json".into());
    }
    if let Some(name) = reach.credential {
        headers.insert("X-Api-Key".into(), format!("${{credentials.{name}}}").into());
    }
    let input = input(action, &mut problems);
    let (response, output) = response(action, &mut problems);
    let timeout = timeout(action, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(json!({
        "name": action.name,
        "integrationType": "custom-rest-actions",
        "actionType": "custom",
        "config": {
            "request": {
                "requestUrlTemplate": url,
                "requestType": if post { "POST" } else { "GET" },
                "headers": headers,
                // The whole input as JSON: nothing is put into a text that it could break.
                "requestTemplate": "${input.rawRequest}",
            },
            "response": response,
            "timeoutSeconds": timeout,
        },
        "contract": { "input": { "inputSchema": input }, "output": { "successSchema": output } },
        "secure": action.params.list().iter().any(|param| param.sensitive),
    }))
}

/// The parameters of a GET. Nothing is escaped there unless it is asked for.
fn query(action: &Action) -> String {
    let pairs = action.params.list().iter().map(|param| {
        // What may be missing stays empty, which counts as not sent.
        let silent = if param.absent == Absent::Refused { "" } else { "!" };
        format!("{name}=$esc.url(\"${silent}{{input.{name}}}\")", name = param.name)
    });
    let pairs: Vec<String> = pairs.collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

/// How long to wait: a little longer than the gateway does, so that its answer is heard.
fn timeout(action: &Action, out: &mut Vec<Problem>) -> u64 {
    if action.timeout >= LONGEST {
        let message =
            format!("the action may take {} s, and Genesys Cloud waits 60 s at most", action.timeout.as_secs());
        out.push(Problem::new(message, "set `timeout` to 59s or less"));
    }
    action.timeout.as_millis().div_ceil(1000) as u64 + 1
}

/// The contract of the input: one flat object.
fn input(action: &Action, out: &mut Vec<Problem>) -> Json {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for param in action.params.list() {
        if RESERVED.contains(&param.name.as_str()) {
            let message = format!("Genesys Cloud has a meaning of its own for an input called `{}`", param.name);
            out.push(Problem::new(message, "give the parameter another name"));
        }
        if param.absent == Absent::Refused {
            required.push(&param.name);
        }
        properties.insert(param.name.clone(), property(param));
    }
    if action.mode == Mode::Write {
        properties.insert(
            IDEMPOTENCY_KEY.into(),
            json!({
                "type": "string", "minLength": 1, "maxLength": 200,
                "description": "Such as the conversation's id and a word for this step: the write runs once under a key.",
            }),
        );
    }
    let mut schema = json!({ "$schema": DRAFT, "title": format!("Input of {}", action.name), "type": "object" });
    if let Some(description) = &action.description {
        schema["description"] = description.as_str().into();
    }
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema["properties"] = properties.into();
    schema["additionalProperties"] = true.into();
    schema
}

/// One input. What has no type there is text, which the gateway reads by the parameter's own type.
fn property(param: &Param) -> Json {
    let (ty, form) = match (param.ty.list, param.ty.scalar) {
        (true, _) => ("string", Some("A list, its items separated by commas.")),
        (false, Scalar::Integer) => ("integer", None),
        (false, Scalar::Float) => ("number", None),
        (false, Scalar::Boolean) => ("boolean", None),
        (false, Scalar::String | Scalar::Choice) => ("string", None),
        (false, Scalar::Decimal) => ("string", Some("A number such as 19.99.")),
        (false, Scalar::Date) => ("string", Some("A date such as 2026-11-20.")),
        (false, Scalar::Time) => ("string", Some("A time such as 14:05.")),
        (false, Scalar::Timestamp) => ("string", Some("A time such as 2026-11-20T14:05:00Z.")),
        (false, Scalar::Uuid) => ("string", Some("A UUID.")),
        (false, Scalar::Json) => ("string", Some("JSON as text.")),
    };
    let mut property = json!({ "type": ty });
    let description: Vec<&str> = param.description.as_deref().into_iter().chain(form).collect();
    if !description.is_empty() {
        property["description"] = description.join(" ").into();
    }
    if !param.ty.list
        && let Some(words) = param.schema().get("enum").filter(|_| !param.sensitive && ty == "string")
    {
        property["enum"] = words.clone();
    }
    property
}

/// What is taken from the answer, and the contract of what comes of it.
fn response(action: &Action, out: &mut Vec<Problem>) -> (Json, Json) {
    let mut fields = Fields::default();
    let count = ("row_count".to_owned(), json!({ "type": "integer", "description": "How many rows there are." }));
    let Some(schema) = action.result.schema.as_deref().map(|schema| schema.json()) else {
        if action.result.shape != Shape::Affected {
            let message = "the action has no result schema, and Genesys Cloud wants to know the members of an answer";
            out.push(Problem::new(message, "give it `result.schema`"));
        }
        let affected = json!({ "type": "integer", "description": "How many rows were changed." });
        fields.add("affected", "$.result", affected);
        return fields.finish();
    };
    let mut members = || {
        let members = row::members(schema, schema, "", out);
        if members.0.is_empty() {
            out.push(Problem::new("the result schema names no members", "name them under `properties`"));
        }
        members
    };
    match action.result.shape {
        Shape::Rows => {
            let (properties, required) = members();
            let mut items = json!({ "type": "object" });
            if !required.is_empty() {
                items["required"] = json!(required);
            }
            items["properties"] = properties.into();
            let response = json!({
                "translationMap": { "rows": "$.result" }, "translationMapDefaults": { "rows": "[]" },
                "successTemplate": "${rows}",
            });
            return (response, json!({ "$schema": DRAFT, "type": "array", "properties": {}, "items": items }));
        }
        Shape::Row => {
            let (properties, _) = members();
            for (name, schema) in properties {
                if name == count.0 || name.contains(['$', '#', '\\']) {
                    let message = format!("a member of an object cannot be called `{name}` there");
                    out.push(Problem::new(message, "give the column another name"));
                }
                let path = format!("$.result['{}']", name.replace('\\', "\\\\").replace('\'', "\\'"));
                fields.add(&name, &path, schema);
            }
        }
        Shape::Value => fields.add("value", "$.result", row::plain(schema, schema, "value", out)),
        Shape::Affected => fields.add("affected", "$.result", row::plain(schema, schema, "affected", out)),
    }
    if action.result.shape != Shape::Affected {
        fields.add(&count.0, "$.row_count", count.1);
    }
    fields.finish()
}

/// The members of an answer that is one object.
#[derive(Default)]
struct Fields {
    paths: Map<String, Json>,
    defaults: Map<String, Json>,
    template: Vec<String>,
    properties: Map<String, Json>,
}

impl Fields {
    /// A member, and where it is in what the gateway answers. What is not there becomes the empty value of its type: the flow
    /// expects one of that type.
    fn add(&mut self, name: &str, path: &str, schema: Json) {
        let empty = match schema["type"].as_str() {
            Some("integer" | "number") => "0",
            Some("boolean") => "false",
            Some("object") => "{}",
            _ => "\"\"",
        };
        // A column may be called anything, and a variable of the template's only like this.
        let fits = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-');
        let plain = name.starts_with(|char: char| char.is_ascii_alphabetic()) && name.chars().all(fits);
        let others = (self.paths.len()..).map(|number| format!("member{number}"));
        let mut names = plain.then(|| name.to_owned()).into_iter().chain(others);
        let variable = names.find(|name| !self.paths.contains_key(name)).expect("there are numbers enough");
        self.paths.insert(variable.clone(), path.into());
        self.defaults.insert(variable.clone(), empty.into());
        // A reference is replaced by the value as JSON.
        self.template.push(format!("{}: ${{{variable}}}", Json::from(name)));
        self.properties.insert(name.to_owned(), schema);
    }

    fn finish(self) -> (Json, Json) {
        let response = json!({
            "translationMap": self.paths, "translationMapDefaults": self.defaults,
            "successTemplate": format!("{{{}}}", self.template.join(", ")),
        });
        let contract = json!({
            "$schema": DRAFT, "type": "object", "properties": self.properties, "additionalProperties": true,
        });
        (response, contract)
    }
}
