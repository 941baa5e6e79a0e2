//! The commands as a shell sees them: streams and exit codes.

use std::{fs, path::Path, process::Output};

use assert_cmd::Command;
use tempfile::TempDir;

/// `datadip` with arguments, run in a folder.
fn datadip(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().expect("the binary runs")
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("datadip").expect("the binary is built");
    command.current_dir(folder).args(arguments).env_clear().timeout(std::time::Duration::from_secs(60));
    command
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("UTF-8")
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).expect("UTF-8")
}

/// Runs in an empty folder; checks the exit code, and answers both streams.
fn check(arguments: &[&str], code: i32) -> (String, String) {
    let folder = TempDir::new().expect("a temporary folder");
    let output = datadip(folder.path(), arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{}\n{}", stdout(&output), stderr(&output));
    (stdout(&output).to_owned(), stderr(&output).to_owned())
}

#[test]
fn help_has_examples_for_every_command() {
    let (help, _) = check(&["--help"], 0);
    let commands = help.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("a list");
    let names: Vec<&str> = commands
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(names.len() >= 5, "{names:?}");
    for name in names {
        let (help, error) = check(&[name, "--help"], 0);
        assert!(help.contains("Examples:\n  datadip ") || help.contains("&& cd dips\n  datadip"), "{name}: {help}");
        assert_eq!(error, "");
    }
}

#[test]
fn wrong_usage_is_2_and_says_so_on_standard_error() {
    for arguments in [&[][..], &["srve"], &["new"], &["explain", "a", "b"], &["schema", "x"], &["completions", "x"]] {
        let (out, error) = check(arguments, 2);
        assert_eq!(out, "", "{arguments:?}");
        assert!(!error.is_empty(), "{arguments:?}");
    }
}

#[test]
fn explain_prints_a_page_a_list_or_a_suggestion() {
    let (page, error) = check(&["explain", "unknown-key"], 0);
    assert!(page.starts_with("# unknown-key\n"), "{page}");
    assert_eq!(error, "");

    let (list, _) = check(&["explain"], 0);
    assert_eq!(list.lines().count(), datadip::diagnostic::RULES.len());
    assert!(list.lines().any(|line| line.starts_with("error    unknown-key")), "{list}");

    let (out, error) = check(&["explain", "unkown-key"], 2);
    assert_eq!(
        (out.as_str(), error.as_str()),
        ("", "error: there is no rule `unkown-key`\nhelp: did you mean `unknown-key`?\n")
    );
}

#[test]
fn the_schemas_in_the_repository_are_the_output_of_schema() {
    for (of, path) in [("action", "schemas/action.schema.json"), ("config", "schemas/config.schema.json")] {
        let (schema, _) = check(&["schema", of], 0);
        let kept = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap_or_default();
        assert!(schema == kept, "{path} is out of date; run `cargo run -q -- schema {of} > {path}`");
        let schema = serde_json::from_str(&schema).expect("JSON");
        jsonschema::meta::validate(&schema).expect("a JSON Schema");
    }
}

#[test]
fn keygen_prints_a_key_and_its_hash() {
    let (first, _) = check(&["keygen", "ops"], 0);
    let (second, _) = check(&["keygen", "ops"], 0);
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
        let (script, _) = check(&["completions", shell], 0);
        assert!(script.contains("explain"), "{shell}");
    }
}

#[test]
fn a_starter_is_written_once_and_never_over_something() {
    let folder = TempDir::new().expect("a temporary folder");
    let output = datadip(folder.path(), &["new", "--gateway"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    fs::remove_file(folder.path().join("datadip.yaml")).expect("it was written");
    fs::write(folder.path().join("demo.sql"), "mine").expect("it can be written");
    let output = datadip(folder.path(), &["new", "--gateway"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("demo.sql, actions/customer-orders.yaml already exists"), "{}", stderr(&output));
    assert!(!folder.path().join("datadip.yaml").exists());
    assert_eq!(fs::read_to_string(folder.path().join("demo.sql")).expect("it is there"), "mine");
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
        assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""), "{arguments:?}");
    }
}
