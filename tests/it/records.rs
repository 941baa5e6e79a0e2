//! Writes of a record as a shell and an operator see them before anything is sent: dry runs, tests, simulations. Nothing
//! listens where their org should be.

use std::{fs, path::Path};

use assert_cmd::Command;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::gateway::Serving;

const CONFIG: &str = r#"
server: { listen: 127.0.0.1:0, workers: 1, shutdown_grace: 5s }
backends:
  org:
    kind: salesforce
    login_url: http://127.0.0.1:9
    allow_tests: true
    auth: { flow: client_credentials, client_id: gateway, client_secret: "none" }
"#;

const OPEN: &str = r#"
description: Opens a case, once for each contact.
backend: org
mode: write
params:
  contact_id: string
  name: { type: string, sensitive: true }
  phone: { type: string, required: false }
  topics: "string[]"
options:
  operation: upsert
  object: Case
  external_id: { Call_Id__c: "{{ contact_id }}" }
  fields:
    Origin: Phone
    Subject: "{{ 'Call of ' ~ name }}"
    SuppliedPhone: "{{ phone }}"
    Topics__c: "{{ topics }}"
result:
  shape: row
  schema:
    type: object
    required: [id, created]
    properties: { id: { type: string, maxLength: 18 }, created: { type: boolean } }
"#;

const TESTS: &str = r#"
tests:
  - name: writes what was sent
    variables: { contact_id: "1700001", name: Ada, topics: [bill, move] }
    expect:
      record:
        operation: upsert
        object: Case
        id: { Call_Id__c: "1700001" }
        fields: { Origin: Phone, Subject: Call of Ada, Topics__c: bill;move }
  - name: answers the record
    variables: { contact_id: "1700001", name: Ada, topics: bill }
    given: { rows: [{ id: 500Hs00001AbcdeIAB, created: true }] }
    expect: { row_count: 1, result: { created: true } }
  - name: refuses what is no key
    variables: { contact_id: "..", name: Ada, topics: bill }
    expect: { code: invalid_parameter }
"#;

/// A deployment with this action as `open`.
fn deployment(action: &str) -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    fs::create_dir(folder.path().join("actions")).expect("a folder");
    fs::write(folder.path().join("datadip.yaml"), CONFIG).expect("a file");
    fs::write(folder.path().join("actions/open.yaml"), action).expect("a file");
    folder
}

/// Runs `datadip`; answers what it prints.
fn datadip(folder: &Path, arguments: &[&str], code: i32) -> String {
    let mut command = Command::cargo_bin("datadip").expect("the binary is built");
    let output = command.current_dir(folder).args(arguments).output().expect("it runs");
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(output.status.code(), Some(code), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    printed
}

#[test]
fn a_dry_run_shows_the_record() {
    let folder = deployment(OPEN);
    let run = |json: &str, code: i32| -> Json {
        let printed = datadip(folder.path(), &["run", "open", "--dry-run", "--json", json], code);
        serde_json::from_str(&printed).expect("JSON alone")
    };
    let shown = run(r#"{"contact_id": "a/b", "name": "Ada", "phone": "", "topics": "bill,move"}"#, 0);
    let record = json!({
        "operation": "upsert",
        "object": "Case",
        "id": { "Call_Id__c": "a/b" },
        "fields": { "Origin": "Phone", "Subject": "***", "Topics__c": "bill;move" },
    });
    assert_eq!(shown, json!({ "statements": [record], "shape": [] }));
    let refused = run(r#"{"contact_id": ".", "name": "Ada", "topics": "bill"}"#, 1);
    assert_eq!(
        (&refused["code"], &refused["errors"][0]["parameter"]),
        (&json!("invalid_parameter"), &json!("contact_id"))
    );
    let refused = run(r#"{"contact_id": "1", "name": "Ada", "topics": ["a;b"]}"#, 1);
    assert_eq!((&refused["code"], &refused["errors"][0]["parameter"]), (&json!("invalid_parameter"), &json!("topics")));
}

#[test]
fn tests_of_a_write_run_without_the_org() {
    let folder = deployment(&format!("{OPEN}{TESTS}"));
    datadip(folder.path(), &["lint", "--deny-warnings"], 0);
    datadip(folder.path(), &["test", "--deny-skipped"], 0);
}

#[test]
fn a_test_tells_what_would_be_written_otherwise_and_no_secret() {
    let tests =
        TESTS.replace("Topics__c: bill;move", "Topics__c: bill, Status: New").replace("Call of Ada", "Call of Eve");
    let folder = deployment(&format!("{OPEN}{tests}"));
    let printed = datadip(folder.path(), &["test"], 1);
    for expected in [
        r#"record.fields.Subject: expected "***", got "***" of another value"#,
        r#"record.fields.Topics__c: expected "bill", got "bill;move""#,
        r#"record.fields.Status: expected "New", got no such member"#,
    ] {
        assert!(printed.contains(expected), "{expected}\n{printed}");
    }
    let folder = deployment(&format!("{OPEN}{}", TESTS.replace("Origin: Phone, ", "")));
    let printed = datadip(folder.path(), &["test"], 1);
    assert!(printed.contains(r#"record.fields.Origin: expected no such field, got "Phone""#), "{printed}");
}

#[test]
fn what_the_options_cannot_mean_is_an_error() {
    let check = |from: &str, to: &str, expected: &str| {
        let folder = deployment(&OPEN.replace(from, to));
        let printed = datadip(folder.path(), &["lint"], 1);
        assert!(printed.contains(&format!("error[{expected}")), "{expected}\n{printed}");
    };
    check("mode: write", "soql: SELECT Id FROM Case LIMIT 1", "statement-key]: `options` on this kind of backend");
    check("object: Case", "object: my case", "bad-value]: expected the API name of an object");
    check("Origin: Phone", "Account.Name: Acme", "record-field]: `Account.Name` is a field of another record");
    check("contact_id: string", "contact_id: { type: string, required: false }", "possibly-undefined]: `contact_id`");
    check(
        "result:",
        "errors: { duplicate_value: { code: twice, http: 409 } }\nresult:",
        "bad-own-error]: expected a code of",
    );
}

#[test]
fn a_write_has_no_plan() {
    let folder = deployment(OPEN);
    assert_eq!(datadip(folder.path(), &["plan", "open"], 1), "");
}

#[test]
fn a_test_never_sends_a_write() {
    let tests = "tests:\n- name: writes\n  variables: { contact_id: '1', name: Ada, topics: bill }\n  expect: { row_count: 1 }\n";
    let folder = deployment(&format!("{OPEN}{tests}"));
    let printed = datadip(folder.path(), &["test", "--live"], 0);
    assert!(printed.starts_with("skipped  open: writes (a write that cannot be rolled back is not sent"), "{printed}");
}

#[tokio::test]
async fn a_simulation_shows_the_record_and_sends_nothing() {
    let gateway = Serving::start(&[("datadip.yaml", CONFIG), ("actions/open.yaml", OPEN)]);
    let sent = r#"{"contact_id": "1700001", "name": "Ada", "topics": "bill"}"#;
    let answer = gateway.post("/simulate/open", sent).await;
    let body = answer.json();
    assert_eq!((answer.status, &body["status"], &body["simulated_result"]), (200, &json!("success"), &json!(null)));
    assert_eq!(
        body["trace"]["statements"][0]["fields"],
        json!({ "Origin": "Phone", "Subject": "***", "Topics__c": "bill" })
    );
    assert!(!answer.text().contains("Ada"));
    // The org would be needed for more.
    assert_eq!(gateway.post("/actions/open", sent).await.code(), "backend_unavailable");
}
