//! Actions that write a record instead of running statements.

use super::*;

/// All rules that a file breaks, each with the text that it points at.
#[track_caller]
fn check(file: &str, expected: &[&str]) {
    let report = lint(Dialect::Soql, file);
    let found: Vec<String> =
        report.diagnostics.iter().map(|d| format!("{} {}", d.rule.name, &file[d.span.range()])).collect();
    assert_eq!(found, expected, "{:?}", report.diagnostics);
}

/// An action with a description, and a test where there is no other.
fn action(rest: &str) -> String {
    let tests = "tests:\n- name: writes\n  variables: { id: x }\n  expect: { record: { object: Case } }\n";
    let tests = if rest.contains("tests:") { "" } else { tests };
    format!("description: Writes.\nbackend: demo\nmode: write\nparams: {{ id: string }}\n{rest}{tests}")
}

const UPDATE: &str = "options: { operation: update, object: Case, id: '{{ id }}', fields: { Status: Closed } }\n";
const UPSERT: &str =
    "options: { operation: upsert, object: Case, external_id: { Call__c: '{{ id }}' }, fields: { Status: New } }\n";
const CREATE: &str = "options: { operation: create, object: Case, fields: { Origin: '{{ id }}' } }\n";

#[test]
fn only_a_create_has_no_key_that_a_repeat_would_find() {
    check(&action(UPDATE), &[]);
    check(&action(UPSERT), &[]);
    check(&action(CREATE), &["unsafe-repeat create"]);
    check(&action(&format!("# datadip: allow(unsafe-repeat)\n{CREATE}")), &[]);
}

#[test]
fn a_parameter_of_a_key_or_a_field_is_used() {
    let file = action(UPDATE).replace("id: string }", "id: string, note: { type: string, required: false } }");
    check(&file, &["unused-parameter note"]);
    check(&file.replace("Status: Closed", "Status: '{{ note }}'"), &[]);
}

#[test]
fn a_schema_requires_what_a_write_answers() {
    let result = |names: &str| format!("{UPSERT}result: {{ schema: {{ type: object, required: [{names}] }} }}\n");
    check(&action(&result("id, created")), &[]);
    check(&action(&result("Id")), &["missing-column Id"]);
}

#[test]
fn a_write_has_options_and_no_statement() {
    check(&action(""), &["statement-key "]);
    check(&action(&format!("{UPDATE}soql: SELECT Id FROM Case\n")), &["statement-key SELECT Id FROM Case"]);
    check(&action(&format!("{UPDATE}sql: SELECT 1\n")), &["statement-key SELECT 1"]);
}

#[test]
fn an_update_answers_no_row() {
    check(&action(&format!("{UPDATE}result: {{ shape: affected }}\n")), &[]);
    check(&action(&format!("{UPDATE}result: {{ shape: row }}\n")), &["result-conflict row"]);
}

#[test]
fn tests_of_a_write_expect_a_record() {
    let test = |test: &str| action(&format!("{UPDATE}tests:\n- name: a\n  variables: {{ id: x }}\n{test}"));
    check(&test("  given: { changed: 1 }\n  expect: { row_count: 1 }\n"), &[]);
    check(&test("  expect: { record: { fields: { Status: Closed } } }\n"), &[]);
    check(&test("  given: {}\n  expect: { row_count: 1 }\n"), &["bad-test {}"]);
    check(&test("  expect: { sql: UPDATE, binds: [x] }\n"), &["bad-test UPDATE", "bad-test [x]"]);
    check(&test("  expect: { record: { field: { Status: Closed } } }\n"), &["unknown-key field"]);
    let read = "description: Reads.\nbackend: demo\nsoql: SELECT Id FROM Case LIMIT 1\nresult: { schema: { type: object } }\n\
                tests: [{ name: a, variables: {}, expect: { record: { object: Case } } }]\n";
    check(read, &["bad-test { object: Case }"]);
}

#[test]
fn what_is_wrong_with_the_options_is_told_with_everything_else() {
    let file = action("options: { operation: update, object: Case, fields: { A.b: x } }\ntimeout: 2h\ntests: []\n");
    check(&file, &["record-key update", "record-field A.b", "timeout-too-long 2h"]);
}
