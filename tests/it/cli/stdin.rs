//! `datadip lint --stdin-name`: a file as an editor has it.

use std::{fs, path::Path};

use serde_json::Value as Json;

use super::{ORDERS, Printed, check_in, datadip, printed, replace, starter, write};

/// What is found in a text as if it were a file: each file with a rule.
fn check(folder: &Path, name: &str, text: impl Into<Vec<u8>>, code: i32) -> Vec<(String, String)> {
    let mut command = datadip(folder, &["lint", "--format", "json", "--stdin-name", name]);
    let out = printed(command.write_stdin(text).output().expect("it runs"), code).out;
    let answer: Json = serde_json::from_str(&out).expect("JSON");
    let text = |found: &Json, member: &str| found[member].as_str().expect("text").to_owned();
    let found = answer["diagnostics"].as_array().expect("a list");
    found.iter().map(|found| (text(found, "file"), text(found, "rule"))).collect()
}

fn found(file: &str, rule: &str) -> Vec<(String, String)> {
    vec![(file.to_owned(), rule.to_owned())]
}

const ONE: &str = "description: One.\nbackend: demo\nsql: SELECT 1 AS n\nresult: { shape: value, schema: { type: integer } }\n\
                   tests: [{ name: one, variables: {}, expect: { result: 1 } }]\n";

#[test]
fn the_text_counts_and_not_what_stands_on_disk() {
    let folder = starter();
    let text = fs::read_to_string(folder.path().join(ORDERS)).expect("the action");
    let broken = text.replace("c.phone = {{ phone }}", "c.phone = {{ phnoe }}");
    assert_eq!(check(folder.path(), ORDERS, broken.as_str(), 1)[0], found(ORDERS, "unknown-parameter")[0]);
    write(&folder, ORDERS, &broken);
    assert_eq!(check(folder.path(), ORDERS, text, 0), []);
    // Other files are of no concern.
    assert_eq!(check(folder.path(), "actions/new/one.yaml", ONE, 0), []);
    assert!(!folder.path().join("actions/new").exists());
}

#[test]
fn rules_across_files_are_applied() {
    let folder = starter();
    write(&folder, "actions/one.yaml", &format!("{ONE}route: {{ path: /one }}\n"));
    let other = format!("{ONE}route: {{ path: /one }}\n");
    assert_eq!(check(folder.path(), "actions/other.yaml", other, 1), found("actions/other.yaml", "route-conflict"));
    assert_eq!(check(folder.path(), "actions/one.yml", ONE, 1), found("actions/one.yml", "duplicate-name"));
    assert_eq!(check(folder.path(), "actions/One.yaml", ONE, 1), found("actions/One.yaml", "bad-name"));
    let schema =
        "description: One.\nbackend: demo\nsql: SELECT 1 AS n\nresult: { shape: value, schema: { $ref: n.json } }\n";
    assert_eq!(
        check(folder.path(), "actions/two.yaml", schema, 1)[0],
        found("actions/two.yaml", "schema-reference")[0]
    );
}

#[test]
fn configurations_and_schemas_are_files_too() {
    let folder = starter();
    let text = fs::read_to_string(folder.path().join("datadip.yaml")).expect("the configuration");
    let broken = text.replace("listen:", "listne:");
    assert_eq!(check(folder.path(), "datadip.yaml", broken, 1), found("datadip.yaml", "unknown-key"));
    assert_eq!(check(folder.path(), "schemas/n.json", "{ \"type\": \"itneger\" }", 1).len(), 1);
    let folder = tempfile::tempdir().expect("a temporary folder");
    write(&folder, "demo.sql", "");
    fs::create_dir(folder.path().join("actions")).expect("a folder");
    assert_eq!(check(folder.path(), "datadip.yaml", text, 0), []);
}

#[test]
fn a_file_belongs_to_the_deployment_that_it_lies_in() {
    let folder = starter();
    let inside = folder.path().join("actions");
    assert_eq!(check(&inside, "a.yaml", ONE, 0), []);
    assert_eq!(check(&inside, "a.yaml", ONE.replace("demo", "dmeo"), 1), found("a.yaml", "unknown-backend"));
    assert_eq!(
        check(folder.path(), "draft.yaml", ONE.replace("demo", "dmeo"), 1),
        found("draft.yaml", "unknown-backend")
    );
}

#[test]
fn a_text_is_read_as_a_file_is() {
    let folder = starter();
    assert_eq!(check(folder.path(), "actions/one.yaml", format!("\u{feff}{ONE}"), 0), []);
    assert_eq!(check(folder.path(), "actions/one.yaml", *b"a: \xff", 2), found("actions/one.yaml", "unreadable-file"));
    let large = "#".repeat(1024 * 1024 + 1);
    assert_eq!(check(folder.path(), "actions/one.yaml", large, 2), found("actions/one.yaml", "unreadable-file"));
    assert_eq!(check(folder.path(), "actions/one.yaml", "", 1), found("actions/one.yaml", "yaml-syntax"));
}

#[test]
fn a_name_stands_alone() {
    let folder = starter();
    replace(&folder, ORDERS, "backend: demo", "backend: dmeo");
    for other in [&[ORDERS][..], &["--changed-since", "HEAD"]] {
        let arguments = [&["lint", "--stdin-name", ORDERS], other].concat();
        let Printed { out, error } = check_in(folder.path(), &arguments, 2);
        assert!(out.is_empty() && error.contains("cannot be used with"), "{error}");
    }
}
