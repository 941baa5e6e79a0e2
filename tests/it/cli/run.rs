//! `datadip run`.

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::{ORDERS, Printed, check_in, datadip, printed, replace, starter, write};

const PHONE: &str = "phone=+442071234567";

/// Runs an action; answers its JSON, which is all of standard output.
fn check(folder: &TempDir, arguments: &[&str], code: i32) -> Json {
    let arguments = [&["run", "customer-orders"], arguments].concat();
    serde_json::from_str(&check_in(folder.path(), &arguments, code).out).expect("JSON alone")
}

#[test]
fn an_answer_is_that_of_http() {
    let folder = starter();
    let answer = check(&folder, &["--var", PHONE, "--var", "status="], 0);
    let members: Vec<_> = answer.as_object().expect("an object").keys().collect();
    assert_eq!(members, ["status", "result", "row_count", "message", "request_id"]);
    assert_eq!((&answer["status"], &answer["row_count"]), (&json!("success"), &json!(2)));
    let json = r#"{"variables": {"phone": "+442071234567", "status": "shipped"}}"#;
    assert_eq!(check(&folder, &["--json", json], 0)["result"][0]["id"], 102);
}

#[test]
fn a_failed_call_is_1_with_its_error() {
    let folder = starter();
    let answer = check(&folder, &["--var", "phnoe=1"], 1);
    assert_eq!((&answer["status"], &answer["code"]), (&json!("error"), &json!("missing_parameter")));
    assert_eq!(answer["errors"].as_array().map(Vec::len), Some(2));
    assert!(answer["request_id"].is_string());
}

#[test]
fn a_dry_run_shows_statements_and_touches_nothing() {
    let folder = starter();
    replace(&folder, ORDERS, "    max_length: 20\n", "    max_length: 20\n    sensitive: true\n");
    let answer = check(&folder, &["--var", PHONE, "--var", "status=open", "--dry-run"], 0);
    assert_eq!(answer.as_object().expect("an object").keys().collect::<Vec<_>>(), ["statements", "shape"]);
    let binds = json!([
        { "parameter": "phone", "type": "string", "value": "***" },
        { "parameter": "status", "type": "string", "value": "open" },
    ]);
    assert_eq!(answer["statements"][0]["binds"], binds);
    assert!(answer["statements"][0]["sql"].as_str().expect("text").contains("AND o.status = ?"));
    assert!(!folder.path().join("demo.db").exists());
    assert_eq!(check(&folder, &["--dry-run"], 1)["code"], "missing_parameter");
    assert!(!folder.path().join("demo.db").exists());
}

#[test]
fn variables_come_from_standard_input() {
    let folder = starter();
    let output = datadip(folder.path(), &["run", "customer-orders", "--json", "-"])
        .write_stdin(r#"{"phone": "+12025550123"}"#)
        .output()
        .expect("the binary runs");
    let answer: Json = serde_json::from_str(&printed(output, 0).out).expect("JSON");
    assert_eq!(answer["result"][0]["id"], 103);
}

#[test]
fn wrong_usage_is_2_without_an_answer() {
    let folder = starter();
    for (arguments, told) in [
        (&["customer-ordres"][..], "help: did you mean `customer-orders`?"),
        (&["customer-orders", "--json", "{"], "error: the variables cannot be read: "),
        (&["customer-orders", "--json", "[1]"], "error: the variables cannot be read: "),
        (&["customer-orders", "--json", r#"{"a": 1, "a": 2}"#], "error: the variables cannot be read: "),
        (&["customer-orders", "--var", "phone"], "expected NAME=VALUE"),
        (&["customer-orders", "--var", "a=b", "--json", "{}"], "cannot be used with"),
        (&[], "Usage: "),
    ] {
        let Printed { out, error } = check_in(folder.path(), &[&["run"], arguments].concat(), 2);
        assert_eq!(out, "", "{arguments:?}");
        assert!(error.contains(told), "{arguments:?}: {error}");
    }
}

#[test]
fn a_broken_file_is_shown_and_its_action_unavailable() {
    let folder = starter();
    replace(&folder, ORDERS, "{{ phone }}", "{{ phnoe }}");
    let Printed { out, error } = check_in(folder.path(), &["run", "customer-orders", "--var", PHONE], 1);
    assert_eq!(serde_json::from_str::<Json>(&out).expect("JSON")["code"], "action_unavailable");
    assert!(error.contains("error[unknown-parameter]"), "{error}");
}

#[test]
fn what_the_database_said_is_told_on_standard_error_only() {
    let folder = starter();
    write(
        &folder,
        "actions/lost.yaml",
        "description: Lost.\nbackend: demo\nsql: SELECT id FROM no_such_table LIMIT 1\nresult: { shape: row }\n",
    );
    let Printed { out, error } = check_in(folder.path(), &["run", "lost"], 1);
    assert_eq!(serde_json::from_str::<Json>(&out).expect("JSON")["code"], "schema_drift");
    assert!(!out.contains("no_such_table") && error.contains("schema_drift: "), "{out}{error}");
}
