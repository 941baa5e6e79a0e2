//! `datadip fmt`.

use std::fs;

use serde_json::Value as Json;

use super::*;

/// An action whose keys stand in another order, and the same in its canonical form.
const MIXED: &str = "backend: demo\r\ndescription: Counts.\r\nresult:\r\n    schema: { type: integer }\r\n    shape: value # one\r\nsql: |\r\n    SELECT count(*) AS n\r\n    FROM customers";
const CANONICAL: &str = "description: Counts.\nbackend: demo\nsql: |\n  SELECT count(*) AS n\n  FROM customers\nresult:\n  shape: value # one\n  schema: { type: integer }\n";

fn text(folder: &TempDir, path: &str) -> String {
    fs::read_to_string(folder.path().join(path)).expect("a file")
}

#[test]
fn files_are_written_in_their_canonical_form_once() {
    let folder = starter();
    write(&folder, "actions/a/count.yaml", MIXED);
    let Printed { out, error } = check_in(folder.path(), &["fmt"], 0);
    assert_eq!((out.as_str(), error.as_str()), ("formatted actions/a/count.yaml\n", "2 files: 1 formatted\n"));
    assert_eq!(text(&folder, "actions/a/count.yaml"), CANONICAL);
    let left: Vec<_> = fs::read_dir(folder.path().join("actions/a")).expect("a folder").collect();
    assert_eq!(left.len(), 1, "{left:?}");

    for arguments in [&["fmt"][..], &["fmt", "--check"]] {
        let Printed { out, error } = check_in(folder.path(), arguments, 0);
        assert_eq!((out.as_str(), error.as_str()), ("", "2 files: nothing to change\n"));
    }
}

#[test]
fn a_check_shows_a_diff_and_writes_nothing() {
    let folder = starter();
    write(&folder, "actions/tier.yaml", "backend: demo\ndescription: Counts.\nsql: SELECT 1 AS n\n");
    let Printed { out, error } = check_in(folder.path(), &["fmt", "--check"], 1);
    let expected = "--- actions/tier.yaml\n+++ actions/tier.yaml\n@@ -1,3 +1,3 @@\n+description: Counts.\n backend: demo\n-description: Counts.\n sql: SELECT 1 AS n\n";
    assert_eq!((out.as_str(), error.as_str()), (expected, "2 files: 1 would change\n"));
    assert!(text(&folder, "actions/tier.yaml").starts_with("backend"));
}

#[test]
fn a_file_that_is_no_yaml_is_reported_and_left_alone() {
    let folder = starter();
    write(&folder, "actions/a.yaml", "sql: 'x\nbackend: demo\n");
    write(&folder, "actions/b.yaml", "sql: x\nbackend: demo\nsql: y\n");
    write(&folder, "actions/c.yaml", "? sql\n: x\n");
    write(&folder, "actions/d.yaml", MIXED);
    let Printed { out, error } = check_in(folder.path(), &["fmt"], 1);
    assert_eq!(out, "formatted actions/d.yaml\n");
    for expected in [
        "error[yaml-syntax]: ",
        "--> actions/a.yaml:",
        "error[duplicate-key]: ",
        "--> actions/b.yaml:3:1",
        "error: actions/c.yaml: line 1 ",
        "5 files: 1 formatted, 3 left alone\n",
    ] {
        assert!(error.contains(expected), "{expected}\n{error}");
    }
    assert_eq!(text(&folder, "actions/b.yaml"), "sql: x\nbackend: demo\nsql: y\n");
}

#[test]
fn what_lint_finds_does_not_keep_a_file_from_being_formatted() {
    let folder = starter();
    write(&folder, "actions/a.yaml", "sq: x\nbackend: nowhere\n");
    check_in(folder.path(), &["fmt", "actions/a.yaml"], 0);
    assert_eq!(text(&folder, "actions/a.yaml"), "backend: nowhere\nsq: x\n");
}

#[test]
fn standard_input_goes_to_standard_output() {
    let folder = TempDir::new().expect("a temporary folder");
    let stream = |arguments: &[&str], input: &[u8], code| {
        let output = datadip(folder.path(), arguments).write_stdin(input).output().expect("the binary runs");
        printed(output, code)
    };
    let Printed { out, error } = stream(&["fmt", "-"], MIXED.as_bytes(), 0);
    assert_eq!((out.as_str(), error.as_str()), (CANONICAL, ""));
    let Printed { out, error } = stream(&["fmt", "-"], b"a: [", 1);
    assert!(out.is_empty() && error.contains("--> standard input:1:"), "{error}");
    assert_eq!(stream(&["fmt", "-", "--check"], CANONICAL.as_bytes(), 0).out, "");
    assert!(stream(&["fmt", "-", "--check"], MIXED.as_bytes(), 1).out.starts_with("--- standard input\n"));
    assert!(stream(&["fmt", "-"], b"a: \xff", 2).error.contains("UTF-8"));
    assert!(stream(&["fmt", "-", "actions"], b"", 2).error.contains("without other paths"));
}

#[test]
fn paths_name_files_and_folders_of_actions_and_nothing_else() {
    let folder = starter();
    for path in ["actions/a/one.yaml", "actions/b/two.yml", "drafts/three.yaml", "compose.yaml"] {
        write(&folder, path, MIXED);
    }
    let out = check_in(folder.path(), &["fmt", "actions/a", "drafts/three.yaml"], 0).out;
    assert_eq!(out, "formatted actions/a/one.yaml\nformatted drafts/three.yaml\n");
    assert_eq!(check_in(folder.path(), &["fmt", "."], 0).out, "formatted actions/b/two.yml\n");
    assert_eq!(text(&folder, "compose.yaml"), MIXED);

    let error = check_in(folder.path(), &["fmt", "datadip.yaml"], 2).error;
    assert!(error.starts_with("error: datadip.yaml is no action file\nhelp: "), "{error}");
    assert!(check_in(folder.path(), &["fmt", "actions/c"], 2).error.contains("cannot read actions/c: "));
}

#[cfg(unix)]
#[test]
fn links_and_permissions_stay() {
    use std::os::unix::fs::{PermissionsExt, symlink};

    let folder = starter();
    write(&folder, "shared/count.yaml", MIXED);
    let real = folder.path().join("shared/count.yaml");
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).expect("permissions");
    for name in ["one.yaml", "two.yaml"] {
        symlink(&real, folder.path().join("actions").join(name)).expect("a link");
    }
    assert_eq!(check_in(folder.path(), &["fmt"], 0).out, "formatted actions/one.yaml\n");
    assert!(folder.path().join("actions/one.yaml").is_symlink());
    assert_eq!(text(&folder, "shared/count.yaml"), CANONICAL);
    assert_eq!(fs::metadata(&real).expect("a file").permissions().mode() & 0o777, 0o640);

    write(&folder, "shared/count.yaml", MIXED);
    fs::set_permissions(&real, fs::Permissions::from_mode(0o440)).expect("permissions");
    let Printed { out, error } = check_in(folder.path(), &["fmt"], 2);
    assert_eq!(out, "");
    assert!(error.starts_with("error: cannot write actions/one.yaml: it is read-only\n"), "{error}");
    assert_eq!(text(&folder, "shared/count.yaml"), MIXED);
}

#[test]
fn a_file_that_cannot_be_read_is_2() {
    let folder = starter();
    fs::write(folder.path().join("actions/a.yaml"), b"a: \xff").expect("a file");
    let Printed { out, error } = check_in(folder.path(), &["fmt"], 2);
    assert_eq!(out, "");
    assert!(error.contains("error[unreadable-file]") && error.contains("UTF-8"), "{error}");
}

#[test]
fn the_page_of_action_files_lists_their_keys_in_canonical_order() {
    let schema: Json = serde_json::from_str(&datadip::cli::action_schema()).expect("JSON");
    let order: Vec<&String> = schema["properties"].as_object().expect("keys").keys().collect();
    let page = include_str!("../../../docs/actions.md");
    let table = page.split("## Keys\n\n").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("a table");
    let cells = table.lines().skip(2).filter_map(|row| row.split('|').nth(1));
    let keys: Vec<&str> = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    assert!(keys.len() > 15, "{keys:?}");
    let places: Vec<_> = keys.iter().map(|key| order.iter().position(|known| known == key)).collect();
    assert!(places.is_sorted() && places.iter().all(Option::is_some), "{keys:?}\n{order:?}");
}
