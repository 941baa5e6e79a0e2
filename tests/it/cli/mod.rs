//! The commands as a shell sees them: streams and exit codes.

pub mod changed;
mod fmt;
mod formats;
mod junit;
mod lint;
mod live;
mod new;
mod run;
pub mod serve;
mod stdin;
mod test;
mod update;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
    time::Duration,
};

use assert_cmd::Command;
use tempfile::TempDir;

/// What a command printed.
struct Printed {
    out: String,
    error: String,
}

/// `datadip` in a folder, with nothing of this process' environment.
fn datadip(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("datadip").expect("the binary is built");
    command.current_dir(folder).args(arguments).env_clear().timeout(Duration::from_secs(60));
    command
}

/// Runs `datadip` in a folder and checks its exit code.
fn check_in(folder: &Path, arguments: &[&str], code: i32) -> Printed {
    printed(datadip(folder, arguments).output().expect("the binary runs"), code)
}

/// Runs `datadip` in an empty folder and checks its exit code.
fn check(arguments: &[&str], code: i32) -> Printed {
    check_in(TempDir::new().expect("a temporary folder").path(), arguments, code)
}

fn printed(output: Output, code: i32) -> Printed {
    let out = String::from_utf8(output.stdout).expect("UTF-8");
    let error = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(code), "{out}\n{error}");
    Printed { out, error }
}

/// A starter as `datadip new --gateway` writes it.
fn starter() -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    check_in(folder.path(), &["new", "--gateway"], 0);
    folder
}

/// Writes a file of a deployment.
fn write(folder: &TempDir, path: &str, text: &str) {
    let path = folder.path().join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).expect("a file");
}

/// Replaces text in a file of a deployment.
fn replace(folder: &TempDir, path: &str, from: &str, to: &str) {
    let text = fs::read_to_string(folder.path().join(path)).expect("a file");
    assert!(text.contains(from), "{path} has {from:?}");
    write(folder, path, &text.replace(from, to));
}

/// The starter's action.
const ORDERS: &str = "actions/customer-orders.yaml";

#[test]
fn help_has_examples_for_every_command() {
    let help = check(&["--help"], 0).out;
    let commands = help.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("a list");
    let names: Vec<&str> = commands
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(names.len() >= 5, "{names:?}");
    for name in names {
        let Printed { out, error } = check(&[name, "--help"], 0);
        let examples = out.split("Examples:\n").nth(1).unwrap_or_default();
        assert!(examples.contains(&format!("  datadip {name}")), "{name}: {out}");
        assert_eq!(error, "");
    }
}

#[test]
fn wrong_usage_is_2_and_says_so_on_standard_error() {
    for arguments in [&[][..], &["srve"], &["new"], &["explain", "a", "b"], &["schema", "x"], &["completions", "x"]] {
        let Printed { out, error } = check(arguments, 2);
        assert_eq!(out, "", "{arguments:?}");
        assert!(!error.is_empty(), "{arguments:?}");
    }
}

#[test]
fn explain_prints_a_page_a_list_or_a_suggestion() {
    let Printed { out, error } = check(&["explain", "unknown-key"], 0);
    assert!(out.starts_with("# unknown-key\n"), "{out}");
    assert_eq!(error, "");

    let list = check(&["explain"], 0).out;
    assert_eq!(list.lines().count(), datadip::diagnostic::RULES.len());
    assert!(list.lines().any(|line| line.starts_with("error    unknown-key")), "{list}");

    let Printed { out, error } = check(&["explain", "unkown-key"], 2);
    assert_eq!(out, "");
    assert_eq!(error, "error: there is no rule `unkown-key`\nhelp: did you mean `unknown-key`?\n");
}

#[test]
fn the_schemas_in_the_repository_are_the_output_of_schema() {
    for (of, path) in [("action", "schemas/action.schema.json"), ("config", "schemas/config.schema.json")] {
        let schema = check(&["schema", of], 0).out;
        let kept = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap_or_default();
        assert!(schema == kept, "{path} is out of date; run `cargo run -q -- schema {of} > {path}`");
        let schema = serde_json::from_str(&schema).expect("JSON");
        jsonschema::meta::validate(&schema).expect("a JSON Schema");
    }
}

/// All files of a folder and those below it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let below = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    below.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn the_schemas_accept_what_the_repository_holds_and_refuse_what_lint_refuses() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let starter = starter();
    let mut actions = files(&root.join("actions"));
    actions.push(starter.path().join(ORDERS));
    let configs = vec![root.join("datadip.yaml"), starter.path().join("datadip.yaml")];
    let json = |text: &str| datadip::yaml::parse(text).0.expect("YAML").root.to_json();
    for (schema, files, wrong) in [
        (datadip::cli::action_schema(), actions, "backend: demo\nsql: SELECT 1\ntimout: 1s\n"),
        (datadip::cli::action_schema(), Vec::new(), "backend: demo\nsql: SELECT 1\noptions: { isolated: true }\n"),
        (datadip::cli::config_schema(), configs, "server: { listne: 127.0.0.1:8080 }\n"),
    ] {
        let schema = jsonschema::validator_for(&serde_json::from_str(&schema).expect("JSON")).expect("a schema");
        for file in files {
            let errors: Vec<_> = schema
                .iter_errors(&json(&fs::read_to_string(&file).expect("text")))
                .map(|error| error.to_string())
                .collect();
            assert!(errors.is_empty(), "{}: {errors:?}", file.display());
        }
        assert!(!schema.is_valid(&json(wrong)));
    }
}

#[test]
fn keygen_prints_a_key_and_its_hash() {
    let first = check(&["keygen", "ops"], 0).out;
    let second = check(&["keygen", "ops"], 0).out;
    let key = first.lines().next().expect("the key");
    assert_eq!((key.len(), key.bytes().all(|byte| byte.is_ascii_hexdigit())), (64, true), "{key}");
    assert_ne!(Some(key), second.lines().next());
    let hash = first.lines().find_map(|line| line.trim().strip_prefix("sha256: ")).expect("the hash");
    assert_eq!(hash, hex::encode(<sha2::Sha256 as sha2::Digest>::digest(key)));
    check(&["keygen", "a b"], 2);
    check(&["keygen"], 2);
}

#[test]
fn completions_name_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let script = check(&["completions", shell], 0).out;
        assert!(script.contains("explain"), "{shell}");
    }
}

#[test]
fn a_starter_is_written_once_and_never_over_something() {
    let folder = starter();
    fs::remove_file(folder.path().join("datadip.yaml")).expect("it was written");
    write(&folder, "demo.sql", "mine");
    let Printed { out, error } = check_in(folder.path(), &["new", "--gateway"], 2);
    assert_eq!(out, "");
    assert!(
        error.contains("demo.sql, actions/customer-orders.yaml already exist here; nothing was written"),
        "{error}"
    );
    assert!(!folder.path().join("datadip.yaml").exists());
    assert_eq!(fs::read_to_string(folder.path().join("demo.sql")).expect("it is there"), "mine");
}

#[test]
fn a_starter_lints_and_passes_its_tests_at_once() {
    let folder = starter();
    let Printed { out, error } = check_in(folder.path(), &["lint", "--deny-warnings"], 0);
    assert_eq!((out.as_str(), error.as_str()), ("", "2 files: nothing found\n"));
    let Printed { out, error } = check_in(folder.path(), &["test", "--live", "--deny-skipped"], 0);
    assert!(out.lines().all(|line| line.starts_with("passed   customer-orders: ")), "{out}");
    assert_eq!(error, "4 tests: 4 passed, 0 failed, 0 skipped\n");
}

#[test]
fn every_command_that_loads_says_how_to_get_a_configuration() {
    for arguments in [&["serve"][..], &["lint"], &["test"], &["run", "a"], &["openapi"]] {
        let Printed { out, error } = check(arguments, 2);
        assert_eq!(out, "", "{arguments:?}");
        assert!(error.starts_with("error: ") && error.contains("datadip.yaml"), "{error}");
        assert!(error.contains("help: `datadip new --gateway` writes a starter into this folder"), "{error}");
    }
}

#[test]
fn a_configuration_may_be_named_before_and_after_the_command() {
    let folder = starter();
    let config = folder.path().join("datadip.yaml");
    let config = config.to_str().expect("UTF-8");
    for arguments in [["--config", config, "lint"], ["lint", "--config", config]] {
        assert_eq!(check(&arguments, 0).error, "2 files: nothing found\n");
    }
}

#[test]
fn openapi_describes_what_is_not_broken() {
    let folder = starter();
    let Printed { out, error } = check_in(folder.path(), &["openapi"], 0);
    let document: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["paths"].get("/actions/customer-orders").is_some(), "{out}");
    assert_eq!(error, "");

    write(&folder, "actions/broken.yaml", "backend: demo\n");
    let Printed { out, error } = check_in(folder.path(), &["openapi"], 1);
    assert!(out.contains("/actions/customer-orders") && !out.contains("/actions/broken"), "{out}");
    assert!(error.contains("actions/broken.yaml") && error.ends_with("error: 1 broken file left out\n"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_is_no_panic() {
    use std::process::{Command, Stdio};
    for arguments in [&["explain"][..], &["schema"], &["completions", "bash"], &["--help"]] {
        let mut child = Command::new(assert_cmd::cargo::cargo_bin("datadip"))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(printed(output, 0).error, "", "{arguments:?}");
    }
}
