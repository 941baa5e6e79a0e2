//! `datadip test`.

use std::fs;

use serde_json::Value as Json;
use tempfile::TempDir;

use super::{ORDERS, Printed, check_in, datadip, printed, replace, starter, write};

/// A starter whose only action has these tests (YAML, below `tests:`).
fn with_tests(tests: &str) -> TempDir {
    let folder = starter();
    let text = fs::read_to_string(folder.path().join(ORDERS)).expect("the action");
    let head = text.split("tests:\n").next().expect("a head");
    write(&folder, ORDERS, &format!("{head}tests:\n{tests}"));
    folder
}

const PHONE: &str = r#"{ phone: "+442071234567" }"#;

#[test]
fn a_test_that_did_not_run_is_skipped_and_never_passed() {
    let folder = starter();
    let Printed { out, error } = check_in(folder.path(), &["test"], 0);
    let expected = "\
skipped  customer-orders: finds both orders of a customer (it needs its backend: run with --live)
skipped  customer-orders: narrows by status (it needs its backend: run with --live)
passed   customer-orders: treats an empty status as not sent
passed   customer-orders: refuses an unknown status
";
    assert_eq!((out.as_str(), error.as_str()), (expected, "4 tests: 2 passed, 0 failed, 2 skipped\n"));
    check_in(folder.path(), &["test", "--deny-skipped"], 1);
    assert!(!folder.path().join("demo.db").exists(), "no backend was touched");
}

#[test]
fn a_backend_runs_tests_only_if_it_says_so() {
    let folder = starter();
    replace(&folder, "datadip.yaml", "allow_tests: true", "allow_tests: false");
    let Printed { out, .. } = check_in(folder.path(), &["test", "--live"], 0);
    assert!(out.contains("(the backend `demo` does not say `allow_tests: true`)"), "{out}");
    assert!(!folder.path().join("demo.db").exists(), "no backend was touched");
}

#[test]
fn a_failed_test_shows_its_place_and_every_difference() {
    let folder = with_tests(&format!(
        "  - name: is wrong\n    variables: {PHONE}\n    expect: {{ row_count: 3, result: [{{ id: 103 }}, {{ id: 101 }}] }}\n"
    ));
    let Printed { out, error } = check_in(folder.path(), &["test", "--live"], 1);
    let expected = "\
failed   customer-orders: is wrong
         actions/customer-orders.yaml:37
         row_count: expected 3, got 2
         result[0].id: expected 103, got 102
";
    assert_eq!((out.as_str(), error.as_str()), (expected, "1 test: 0 passed, 1 failed, 0 skipped\n"));
}

#[test]
fn statements_and_binds_are_compared_offline() {
    let sql = "SELECT o.id, o.placed_on, o.status, o.total FROM orders o JOIN customers c ON c.id = o.customer_id \
               WHERE c.phone = ? ORDER BY o.placed_on DESC LIMIT 20";
    let right = format!(
        "  - name: right\n    variables: {PHONE}\n    expect: {{ sql: \"{sql}\", binds: [\"+442071234567\"] }}\n"
    );
    let wrong =
        format!("  - name: wrong\n    variables: {PHONE}\n    expect: {{ sql: SELECT 1, binds: [\"+1\", 2] }}\n");
    let folder = with_tests(&(right + &wrong));
    let Printed { out, error } = check_in(folder.path(), &["test"], 1);
    assert!(out.starts_with("passed   customer-orders: right\nfailed   customer-orders: wrong\n"), "{out}");
    let sql = "         sql:\n           expected  SELECT 1\n           got       SELECT o.id, o.placed_on, ";
    assert!(out.contains(sql), "{out}");
    let longest = out.lines().map(|line| line.chars().count()).max();
    assert!(longest <= Some(122), "{out}");
    assert!(out.contains("binds: expected 2 elements, got 1: [\"+442071234567\"]"), "{out}");
    assert_eq!(error, "2 tests: 1 passed, 1 failed, 0 skipped\n");
}

#[test]
fn recorded_rows_take_the_way_of_live_ones() {
    let given = |rows: &str, expect: &str| {
        format!("  - name: recorded\n    variables: {PHONE}\n    given: {{ rows: [{rows}] }}\n    expect: {expect}\n")
    };
    let row = "{ id: 1, placed_on: \"2026-11-20\", status: open, total: 1.5 }";
    let folder = with_tests(&given(row, "{ row_count: 1, result: [{ total: 1.50 }] }"));
    assert_eq!(check_in(folder.path(), &["test"], 0).error, "1 test: 1 passed, 0 failed, 0 skipped\n");

    let row = "{ id: 1, placed_on: \"2026-11-20\", status: lost, total: 1.5 }";
    let folder = with_tests(&given(row, "{ row_count: 1 }"));
    let Printed { out, .. } = check_in(folder.path(), &["test"], 1);
    assert!(out.contains("got the error result_invalid"), "{out}");
    let folder = with_tests(&given(row, "{ code: result_invalid }"));
    check_in(folder.path(), &["test", "--deny-skipped"], 0);
}

#[test]
fn a_code_of_coercion_that_does_not_come_is_a_failure_offline_too() {
    let folder =
        with_tests(&format!("  - name: x\n    variables: {PHONE}\n    expect: {{ code: invalid_parameter }}\n"));
    let Printed { out, .. } = check_in(folder.path(), &["test"], 1);
    assert!(out.contains("code: expected invalid_parameter, got variables that are accepted"), "{out}");
    let Printed { out, .. } = check_in(folder.path(), &["test", "--live"], 1);
    assert!(out.contains("code: expected invalid_parameter, got a success with row_count 2"), "{out}");
}

#[test]
fn a_write_is_rolled_back() {
    let folder = starter();
    let action = "\
description: Marks an order as delivered.
backend: demo
mode: write
params: { id: integer }
sql: UPDATE orders SET status = 'delivered' WHERE id = {{ id }} AND status <> 'delivered'
result: { shape: affected, schema: { type: integer } }
tests:
  - name: changes one
    variables: { id: 102 }
    expect: { result: 1 }
";
    write(&folder, "actions/deliver.yaml", action);
    for _ in 0..2 {
        let Printed { error, .. } = check_in(folder.path(), &["test", "--live", "deliver"], 0);
        assert_eq!(error, "1 test: 1 passed, 0 failed, 0 skipped\n");
    }
}

#[test]
fn sensitive_values_are_not_in_a_diff() {
    let folder = with_tests(
        "  - name: x\n    variables: { phone: \"+4711\" }\n    expect: { binds: [\"+4712\"] }\n  - name: y\n    variables: \
         { phone: \"+4711\" }\n    given: { rows: [{ id: 1, placed_on: \"2026-11-20\", status: open, total: 1 }] }\n    \
         expect: { result: [{ status: \"+4711\" }] }\n",
    );
    replace(&folder, ORDERS, "    max_length: 20\n", "    max_length: 20\n    sensitive: true\n");
    let Printed { out, error } = check_in(folder.path(), &["test"], 1);
    assert!(out.contains("binds[0]: expected \"***\", got \"***\""), "{out}");
    assert!(out.contains("result[0].status: expected \"***\", got \"open\""), "{out}");
    assert!(!out.contains("471") && !error.contains("471"), "{out}{error}");
}

#[test]
fn json_tells_the_same() {
    let folder = starter();
    let Printed { out, error } = check_in(folder.path(), &["test", "--format", "json"], 0);
    let answer: Json = serde_json::from_str(&out).expect("JSON alone");
    assert_eq!((&answer["passed"], &answer["failed"], &answer["skipped"]), (&2.into(), &0.into(), &2.into()));
    let first = &answer["tests"][0];
    assert_eq!((first["action"].as_str(), first["outcome"].as_str()), (Some("customer-orders"), Some("skipped")));
    assert_eq!(first["place"], "actions/customer-orders.yaml:37");
    assert!(first["seconds"].as_f64().is_some());
    assert_eq!(error, "4 tests: 2 passed, 0 failed, 2 skipped\n");
}

#[test]
fn actions_are_chosen_by_name_and_broken_ones_are_findings() {
    let folder = starter();
    write(&folder, "actions/broken.yaml", "backend: demo\n");
    check_in(folder.path(), &["test", "customer-orders"], 0);
    let Printed { error, .. } = check_in(folder.path(), &["test"], 1);
    assert!(error.contains("actions/broken.yaml"), "{error}");
    assert!(error.ends_with("error: the tests of 1 broken file did not run\n"), "{error}");
    let Printed { out, error } = check_in(folder.path(), &["test", "customer-ordres"], 2);
    assert_eq!(out, "");
    assert!(error.contains("help: did you mean `customer-orders`?"), "{error}");
}

#[test]
fn a_name_with_a_slash_at_its_end_is_all_actions_below() {
    let folder = starter();
    for name in ["a/one", "a/b/two", "ab/three"] {
        write(&folder, &format!("actions/{name}.yaml"), &one(name));
    }
    let names = |arguments: &[&str]| -> Vec<String> {
        let out = check_in(folder.path(), &[&["test"], arguments].concat(), 0).out;
        out.lines().filter_map(|line| line.split_whitespace().nth(1)).map(|name| name.replace(':', "")).collect()
    };
    assert_eq!(names(&["a/"]), ["a/b/two", "a/one"]);
    assert_eq!(names(&["ab/three", "a/b/", "a/b/two"]), ["a/b/two", "ab/three"]);
    let Printed { out, error } = check_in(folder.path(), &["test", "c/"], 2);
    assert!(out.is_empty() && error.starts_with("error: there is no action below `c/`\n"), "{error}");
}

/// An action with a test that needs no backend.
fn one(name: &str) -> String {
    format!(
        "description: One.\nbackend: demo\nsql: SELECT 1 AS n\nresult: {{ shape: value, schema: {{ type: integer }} }}\ntests:\n  \
         - {{ name: {name}, variables: {{}}, given: {{ rows: [{{ n: 1 }}] }}, expect: {{ result: 1 }} }}\n"
    )
}

#[test]
fn many_tests_at_once_neither_wait_for_each_other_in_vain_nor_change_their_order() {
    let folder = starter();
    // One connection for all of them: none may be refused for want of it.
    replace(
        &folder,
        "datadip.yaml",
        "allow_tests: true",
        "allow_tests: true\n    pool: { max: 1, acquire_timeout: 20ms }",
    );
    for at in 0..12 {
        let write_one = format!(
            "description: Writes.\nbackend: demo\nmode: write\nsql: UPDATE orders SET status = 'delivered' WHERE id = 102\n\
             result: {{ shape: affected, schema: {{ type: integer }} }}\ntests:\n  \
             - {{ name: w{at}, variables: {{}}, expect: {{ result: 1 }} }}\n"
        );
        write(&folder, &format!("actions/w{at:02}.yaml"), &write_one);
        let read_one = one("x").replace("SELECT 1 AS n", "SELECT count(*) AS n FROM orders WHERE status = 'delivered'");
        let read_one =
            read_one.replace("given: { rows: [{ n: 1 }] }, ", "").replace("name: x", &format!("name: r{at}"));
        write(&folder, &format!("actions/r{at:02}.yaml"), &read_one);
    }
    let Printed { out, error } = check_in(folder.path(), &["test", "--live"], 0);
    assert_eq!(error, "28 tests: 28 passed, 0 failed, 0 skipped\n", "{out}");
    let names: Vec<&str> = out.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert!(names.is_sorted(), "{out}");
}

#[test]
fn colours_are_for_terminals_and_names_are_harmless() {
    let folder = with_tests(&format!(
        "  - name: \"a \\e[2J\"\n    variables: {PHONE}\n    expect: {{ row_count: 3 }}\n  - name: b\n    variables: {PHONE}\n    expect: {{ row_count: 2 }}\n"
    ));
    let plain = check_in(folder.path(), &["test", "--live"], 1).out;
    assert!(plain.contains("failed   customer-orders: a ") && !plain.contains('\u{1b}'), "{plain:?}");
    let mut command = datadip(folder.path(), &["test", "--live"]);
    let out = printed(command.env("CLICOLOR_FORCE", "1").output().expect("it runs"), 1).out;
    assert!(out.contains("\u{1b}[31mfailed\u{1b}[0m   customer-orders: a ") && !out.contains("\u{1b}[2J"), "{out:?}");
    assert!(out.contains("row_count: expected \u{1b}[32m3\u{1b}[0m, got \u{1b}[31m2\u{1b}[0m\n"), "{out:?}");
}
