//! What commands show of an action in SOQL, whose text holds the values.

use std::{collections::HashMap, sync::Arc};

use jiff::tz::TimeZone;
use serde_json::{Value as Json, json};

use super::{
    run,
    test::run::{Verdict, run_test},
};
use crate::{
    action::{Action, Context, Schemas, Variables},
    backend::salesforce,
    diagnostic::Source,
    spec::ActionSpec,
    yaml::{self, read::FromNode},
};

const CONTACTS: &str = r#"
backend: crm
params:
  name: string
  pin: { type: string, sensitive: true }
  since: { type: timestamp, required: false }
  ids: { type: "string[]", required: false }
soql: |
  SELECT Id, Name FROM Contact
  WHERE Name LIKE {{ name | contains }} AND Pin__c = {{ pin }}
  {% if since is defined %} AND CreatedDate >= {{ since }} {% endif %}
  {% if ids %} AND Id IN ({{ ids | spread }}) {% endif %}
  LIMIT 5
"#;

fn action(file: &str) -> Arc<Action> {
    let source = Arc::new(Source { path: "test.yaml".into(), text: file.to_owned() });
    let (document, mut out) = yaml::parse(file);
    let spec = ActionSpec::from_node(&document.expect("YAML").root, &mut out).expect("an action");
    let backends = HashMap::from([("crm".to_owned(), &salesforce::DRIVER)]);
    let context = Context {
        backends: Some(&backends),
        schemas: &Schemas::default(),
        keys: None,
        zone: &TimeZone::UTC,
        response_bytes: 32 * 1024,
    };
    let action = Action::compile("test", &spec, &source, &context, &mut out);
    Arc::new(action.unwrap_or_else(|_| panic!("{out:?}")))
}

/// What `run --dry-run` prints, or the members of the error.
fn dry_run(file: &str, variables: &Json) -> Json {
    let body = variables.to_string();
    let (variables, _) = Variables::from_body(&body).expect("variables");
    match run::statements(&action(file), &variables) {
        Ok(shown) => serde_json::from_str(&shown).expect("JSON"),
        Err(error) => Json::Object(error.members()),
    }
}

/// What comes of an action's tests without a backend.
fn tests(file: &str, tests: &str) -> Vec<Verdict> {
    let action = action(&format!("{file}tests:\n{tests}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let run = |test| runtime.block_on(run_test(&action, test, Err("no backend".into()))).verdict;
    action.tests.iter().map(run).collect()
}

#[test]
fn a_dry_run_shows_the_finished_text_and_hides_what_is_sensitive() {
    let shown = dry_run(
        CONTACTS,
        &json!({ "name": "O'Neil 50%", "pin": "4711", "since": "2026-11-20T10:00:00+01:00", "ids": "a,b,c" }),
    );
    let statement = &shown["statements"][0];
    let text = statement["soql"].as_str().expect("a text").split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(
        text,
        r"SELECT Id, Name FROM Contact WHERE Name LIKE '%O\'Neil 50\%%' AND Pin__c = '***' AND CreatedDate >= 2026-11-20T09:00:00Z AND Id IN ('a','b','c') LIMIT 5"
    );
    assert_eq!(statement["binds"][0], json!({ "parameter": "name", "type": "string", "value": r"%O'Neil 50\%%" }));
    assert_eq!(statement["binds"][1], json!({ "parameter": "pin", "type": "string", "value": "***" }));
    assert_eq!(statement["binds"].as_array().map(Vec::len), Some(6));
    assert!(statement.get("sql").is_none() && !shown.to_string().contains("4711"));
}

#[test]
fn a_value_that_soql_cannot_carry_is_the_caller_s() {
    let refused = |member: &str, value: &str| {
        let mut variables = json!({ "name": "x", "pin": "4711" });
        variables[member] = value.into();
        dry_run(CONTACTS, &variables)
    };
    assert_eq!(
        refused("pin", "47\u{0}11"),
        json!({
            "code": "invalid_parameter",
            "message": "pin: expected a text without NUL characters",
            "errors": [{ "parameter": "pin", "reason": "expected a text without NUL characters" }],
        })
    );
    assert_eq!(refused("since", "9999-12-31T00:00:00Z")["message"], "since: expected a year from 1700 to 4000");
    assert_eq!(refused("name", &"x".repeat(4_001))["message"], "name: expected at most 4000 characters");
}

#[test]
fn tests_compare_the_finished_text() {
    let found = tests(
        CONTACTS,
        r#"
  - name: passes
    variables: { name: Ada, pin: "4711" }
    expect:
      soql: SELECT Id, Name FROM Contact WHERE Name LIKE '%Ada%' AND Pin__c = '4711' LIMIT 5
      binds: ["%Ada%", "4711"]
  - name: fails
    variables: { name: Ada, pin: "4711" }
    expect: { soql: "SELECT Id, Name FROM Contact WHERE Name LIKE '%Ada%' AND Pin__c = '4712' LIMIT 5" }
  - name: refuses
    variables: { name: Ada, pin: "47\u000011" }
    expect: { code: invalid_parameter }
  - name: maps rows
    variables: { name: Ada, pin: "4711" }
    given: { rows: [{ Id: "003", Name: Ada }] }
    expect: { result: [{ Name: Ada }] }
"#,
    );
    let Verdict::Failed(differences) = &found[1] else { panic!("{found:?}") };
    assert!(
        differences[0].got.contains("Pin__c = '***'") && !differences[0].to_string().contains("471"),
        "{differences:?}"
    );
    assert!([0, 2, 3].iter().all(|at| found[*at] == Verdict::Passed), "{found:?}");
}

#[test]
fn recorded_rows_may_be_raw_records() {
    let file = r#"
backend: crm
soql: SELECT Name, Id, CreatedDate, Account.Name, (SELECT Id FROM Cases) FROM Contact LIMIT 5
result:
  schema:
    type: object
    additionalProperties: false
    properties:
      Name: { type: string }
      Id: { type: string }
      CreatedDate: { type: string, format: date-time }
      Account: { type: object, additionalProperties: false, properties: { Name: { type: string } } }
      Cases: { type: array, items: { type: object, additionalProperties: false, properties: { Id: { type: string } } } }
"#;
    let given = r#"
    variables: {}
    given:
      rows:
        - attributes: { type: Contact, url: /services/data/v66.0/sobjects/Contact/003 }
          Id: "003"
          Name: Ada
          CreatedDate: 2026-11-20T09:00:00.000+0000
          Account: { attributes: { type: Account }, Name: Acme }
          Cases: { totalSize: 1, done: true, records: [{ attributes: { type: Case }, Id: "500" }] }
        - { attributes: { type: Contact }, Name: Bob, Id: "004", CreatedDate: 2026-11-20T09:00:00.000+0000, Account: { Name: x }, Cases: null }
"#;
    let rows = r#"[{ CreatedDate: "2026-11-20T09:00:00+00:00", Account: { Name: Acme }, Cases: [{ Id: "500" }] }, { Cases: [] }]"#;
    let found = tests(file, &format!("  - name: rows{given}    expect: {{ row_count: 2, result: {rows} }}\n"));
    assert_eq!(found, [Verdict::Passed]);
    // The first column is the query's, whatever comes first in the record.
    let value = "backend: crm\nsoql: SELECT Name, Id FROM Contact LIMIT 1\nresult: { shape: value }\n";
    let given = "    variables: {}\n    given: { rows: [{ Id: \"003\", name: Ada }] }\n    expect: { result: Ada }\n";
    assert_eq!(tests(value, &format!("  - name: value\n{given}")), [Verdict::Passed]);
}
