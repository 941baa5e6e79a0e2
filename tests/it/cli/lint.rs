//! `datadip lint`.

use std::fs;

use serde_json::{Value as Json, json};

use super::{ORDERS, Printed, check_in, replace, starter, write};

#[test]
fn a_misspelt_parameter_tells_a_stranger_what_to_change() {
    let folder = starter();
    replace(&folder, ORDERS, "c.phone = {{ phone }}", "c.phone = {{ phnoe }}");
    let Printed { out, error } = check_in(folder.path(), &["lint"], 1);
    let expected = "\
error[unknown-parameter]: unknown parameter `phnoe`
  --> actions/customer-orders.yaml:20:22
   |
20 |   WHERE c.phone = {{ phnoe }}
   |                      ^^^^^
   |
   = help: did you mean `phone`?

";
    assert!(out.starts_with(expected), "{out}");
    assert_eq!(error, "2 files: 1 error\n");
}

#[test]
fn mariadb_is_told_its_kind() {
    let folder = starter();
    write(&folder, "datadip.yaml", "backends:\n  demo: { kind: mariadb, url: 'mysql://a@b/c' }\n");
    let out = check_in(folder.path(), &["lint"], 1).out;
    assert!(out.contains("= help: MariaDB is of kind `mysql`\n"), "{out}");
}

#[test]
fn json_has_the_members_of_the_contract_ordered_by_file_and_place() {
    let folder = starter();
    write(&folder, "actions/b.yaml", "backend: demo\nsql: SELECT 1 AS é, {{ x }}\ntimeout: 91x\n");
    write(&folder, "actions/a.yaml", "bakend: demo\n");
    let Printed { out, error } = check_in(folder.path(), &["lint", "--format", "json"], 1);
    let answer: Json = serde_json::from_str(&out).expect("JSON");
    assert_eq!(answer["files"], 4);
    let found = answer["diagnostics"].as_array().expect("a list");
    let members = ["rule", "level", "message", "help", "file", "line", "column", "end_line", "end_column"];
    for diagnostic in found {
        assert_eq!(diagnostic.as_object().expect("an object").keys().collect::<Vec<_>>(), members);
    }
    for (level, count) in [("error", "errors"), ("warning", "warnings"), ("note", "notes")] {
        assert_eq!(answer[count], found.iter().filter(|diagnostic| diagnostic["level"] == level).count());
    }
    let places: Vec<_> =
        found.iter().map(|d| (d["file"].as_str().expect("text"), d["line"].as_u64(), d["column"].as_u64())).collect();
    assert!(places.is_sorted(), "{places:?}");
    assert_eq!((places[0].0, places.last().expect("some").0), ("actions/a.yaml", "actions/b.yaml"));
    let unknown = found.iter().find(|diagnostic| diagnostic["rule"] == "unknown-parameter").expect("it is found");
    assert_eq!((&unknown["line"], &unknown["column"], &unknown["end_column"]), (&json!(2), &json!(24), &json!(25)));
    assert!(error.starts_with("4 files: "), "{error}");
}

#[test]
fn warnings_are_denied_on_request_only() {
    let folder = starter();
    replace(&folder, ORDERS, "    max_length: 20\n", "    pattern: \"[+0-9]+\"\n    default: 00123\n");
    let Printed { out, error } = check_in(folder.path(), &["lint"], 0);
    assert!(out.starts_with("warning[ambiguous-scalar]: "), "{out}");
    assert_eq!(error, "2 files: 1 warning\n");
    check_in(folder.path(), &["lint", "--deny-warnings"], 1);
}

#[test]
fn paths_choose_files_and_are_shown_from_the_current_folder() {
    let folder = starter();
    write(&folder, "actions/a/bad.yaml", "backend: nowhere\n");
    write(&folder, "actions/b/worse.yaml", "nothing: 1\n");
    let Printed { out, error } = check_in(folder.path(), &["lint", "actions/a"], 1);
    assert!(out.contains("actions/a/bad.yaml") && !out.contains("worse"), "{out}");
    assert!(error.starts_with("2 files: "), "{error}");
    assert_eq!(check_in(folder.path(), &["lint", ORDERS], 0).error, "2 files: nothing found\n");

    let inside = folder.path().join("actions");
    let Printed { out, .. } = check_in(&inside, &["--config", "../datadip.yaml", "lint", "a/bad.yaml"], 1);
    assert!(out.contains("--> a/bad.yaml:1:"), "{out}");

    let Printed { out, error } = check_in(folder.path(), &["lint", "actions/none.yaml"], 2);
    assert_eq!(out, "");
    assert!(error.starts_with("error: cannot read actions/none.yaml"), "{error}");
}

#[test]
fn a_broken_configuration_is_a_finding_and_the_actions_are_still_checked() {
    let folder = starter();
    replace(&folder, "datadip.yaml", "listen:", "listne:");
    replace(&folder, ORDERS, "backend: demo", "backend: dmeo");
    let Printed { out, error } = check_in(folder.path(), &["lint"], 1);
    assert!(out.contains("unknown key `listne`") && out.contains("did you mean `demo`?"), "{out}");
    assert!(error.starts_with("2 files: 2 errors"), "{error}");
}

#[test]
fn files_that_cannot_be_read_are_2() {
    let folder = starter();
    fs::write(folder.path().join("actions/strange.yaml"), b"description: \xff\n").expect("a file");
    let Printed { out, error } = check_in(folder.path(), &["lint"], 2);
    assert!(out.starts_with("error[unreadable-file]: the file cannot be read: expected text in UTF-8"), "{out}");
    assert_eq!(error, "3 files: 1 error\n");

    fs::remove_dir_all(folder.path().join("actions")).expect("a folder");
    let Printed { out, error } = check_in(folder.path(), &["lint"], 2);
    assert_eq!(out, "");
    assert!(error.contains("/actions: No such file or directory"), "{error}");
    assert!(error.contains("help: `actions` and `schemas` in datadip.yaml name the folders"), "{error}");
}

#[test]
fn secrets_are_neither_needed_nor_shown() {
    let folder = starter();
    replace(&folder, "datadip.yaml", "sqlite:demo.db", "${DATADIP_TEST_URL}");
    check_in(folder.path(), &["lint"], 0);
    let output = super::datadip(folder.path(), &["test", "--live"])
        .env("DATADIP_TEST_URL", "mysql://root:hunter2@localhost/x")
        .output()
        .expect("the binary runs");
    let Printed { out, error } = super::printed(output, 1);
    assert!(!out.contains("hunter2") && !error.contains("hunter2"), "{out}{error}");
    assert!(error.contains("DATADIP_TEST_URL"), "{error}");
}
