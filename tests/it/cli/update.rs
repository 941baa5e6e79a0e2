//! `datadip test --update`: files before and after.

use std::fs;

use serde_json::Value as Json;
use tempfile::TempDir;

use super::{ORDERS, Printed, check_in, replace, starter, write};

fn read(folder: &TempDir, path: &str) -> String {
    fs::read_to_string(folder.path().join(path)).expect("a file")
}

#[test]
fn what_came_is_written_and_then_everything_passes() {
    let folder = starter();
    let before = read(&folder, ORDERS);
    replace(&folder, ORDERS, "row_count: 2", "row_count: 7");
    let Printed { out, error } = check_in(folder.path(), &["test", "--live", "--update"], 0);
    let expected = "\
updated  customer-orders: finds both orders of a customer
         actions/customer-orders.yaml:37
         row_count: expected 7, got 2
";
    assert!(out.starts_with(expected), "{out}");
    assert_eq!(error, "wrote actions/customer-orders.yaml\n4 tests: 3 passed, 0 failed, 0 skipped, 1 updated\n");
    assert_eq!(read(&folder, ORDERS), before);
    let Printed { error, .. } = check_in(folder.path(), &["test", "--live", "--update", "--deny-skipped"], 0);
    assert_eq!(error, "4 tests: 4 passed, 0 failed, 0 skipped\n", "nothing is written where nothing failed");
}

#[test]
fn an_empty_expectation_is_filled_with_what_came() {
    let folder = starter();
    let head = read(&folder, ORDERS);
    let head = head.split("tests:\n").next().expect("a head");
    let tests = "\
tests:
  # Two orders, the newest first.
  - name: finds them
    variables: { phone: \"+442071234567\" }
    expect: {}
  - name: refuses
    variables: { phone: \"+442071234567\", status: lost }
    expect: {} # a code
";
    write(&folder, ORDERS, &format!("{head}{tests}"));
    let found = check_in(folder.path(), &["lint", "--deny-warnings"], 1).out;
    assert!(found.contains("warning[empty-expect]"), "{found}");
    let Printed { out, .. } = check_in(folder.path(), &["test", "--live"], 1);
    assert!(
        out.contains("expect: expected what must come of the test, got nothing; --update writes what came"),
        "{out}"
    );
    check_in(folder.path(), &["test", "--live", "--update"], 0);
    let text = read(&folder, ORDERS);
    let expected = "\
tests:
  # Two orders, the newest first.
  - name: finds them
    variables: { phone: \"+442071234567\" }
    expect:
      row_count: 2
      result:
        - { id: 102, placed_on: \"2026-11-17\", status: shipped, total: 120.5 }
        - { id: 101, placed_on: \"2026-10-02\", status: delivered, total: 49.9 }
  - name: refuses
    variables: { phone: \"+442071234567\", status: lost }
    expect: { code: invalid_parameter } # a code
";
    assert_eq!(text.strip_prefix(head), Some(expected));
    check_in(folder.path(), &["lint", "--deny-warnings"], 0);
    check_in(folder.path(), &["test", "--live", "--deny-skipped"], 0);
}

#[test]
fn what_cannot_be_written_is_told_and_stays_a_failure() {
    let folder = starter();
    let file = read(&folder, ORDERS);
    let (head, _) = file.split_once("tests:\n").expect("tests");
    let test =
        "tests:\n  - name: turned\n    variables: { phone: \"+442071234567\" }\n    expect: { code: not_found }\n";
    let before = format!("{head}{test}");
    write(&folder, ORDERS, &before);
    let Printed { out, error } = check_in(folder.path(), &["test", "--live", "--update"], 1);
    assert!(out.contains("failed   customer-orders: turned\n"), "{out}");
    assert!(out.contains("         not written: it succeeds now; write what else it should expect"), "{out}");
    assert!(error.ends_with("1 test: 0 passed, 1 failed, 0 skipped\n") && !error.contains("wrote"), "{error}");
    assert_eq!(read(&folder, ORDERS), before);
}

#[test]
fn a_backend_that_is_down_is_not_written_as_what_is_expected() {
    let folder = starter();
    replace(&folder, ORDERS, "row_count: 2", "row_count: 7");
    write(&folder, "demo.db", "this is no database, whatever its name says; it is long enough to be looked at");
    let before = read(&folder, ORDERS);
    let Printed { out, .. } = check_in(folder.path(), &["test", "--live", "--update"], 1);
    assert!(out.contains("backend_unavailable") && out.contains("not written: "), "{out}");
    assert_eq!(read(&folder, ORDERS), before);
}

#[test]
fn line_ends_and_the_mark_at_the_beginning_stay() {
    let folder = starter();
    let odd = |text: &str| format!("\u{feff}{}", text.replace('\n', "\r\n"));
    let before = read(&folder, ORDERS);
    write(&folder, ORDERS, &odd(&before.replace("row_count: 2", "row_count: 7")));
    check_in(folder.path(), &["test", "--live", "--update"], 0);
    assert_eq!(read(&folder, ORDERS), odd(&before));
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link_and_permissions_stay() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = starter();
    replace(&folder, ORDERS, "row_count: 2", "row_count: 7");
    let (link, real) = (folder.path().join(ORDERS), folder.path().join("orders.yaml"));
    fs::rename(&link, &real).expect("it moves");
    symlink("../orders.yaml", &link).expect("a link");
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).expect("permissions");
    check_in(folder.path(), &["test", "--live", "--update"], 0);
    assert!(fs::symlink_metadata(&link).expect("it is there").is_symlink());
    assert_eq!(fs::metadata(&real).expect("it is there").permissions().mode() & 0o777, 0o640);
    assert!(read(&folder, "orders.yaml").contains("row_count: 2"));
    let files =
        fs::read_dir(folder.path()).expect("a folder").filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    assert!(!files.into_iter().any(|name| name.starts_with(".datadip")), "no draft is left");
}

#[test]
fn programs_are_told_what_was_updated() {
    let folder = starter();
    replace(&folder, ORDERS, "row_count: 2", "row_count: 7");
    let file = read(&folder, ORDERS);
    let out = check_in(folder.path(), &["test", "--live", "--update", "--format", "json"], 0).out;
    let answer: Json = serde_json::from_str(&out).expect("JSON alone");
    assert_eq!((&answer["updated"], &answer["failed"]), (&1.into(), &0.into()));
    assert_eq!(answer["tests"][0]["outcome"], "updated");
    assert_eq!(answer["tests"][0]["differences"][0], "row_count: expected 7, got 2");
    write(&folder, ORDERS, &file);
    let out = check_in(folder.path(), &["test", "--live", "--update", "--format", "junit"], 0).out;
    assert!(out.contains("<system-out>updated: row_count: expected 7, got 2</system-out>"), "{out}");
}
