//! `datadip lint --changed-since`: what git says of files, and what depends on them.

use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value as Json;
use tempfile::TempDir;

use super::{Printed, datadip, printed, replace, write};

const CONFIG: &str = "backends: { demo: { kind: sqlite, url: 'sqlite:x.db' } }\n";
/// Without a test: every file has a finding, so that it is seen which are checked.
const ACTION: &str =
    "description: One.\nbackend: demo\nsql: SELECT 1 AS n\nresult: { shape: row, schema: { $ref: SCHEMA } }\n";

/// Whether there is git. Where `CI` is set there must be.
pub fn has_git() -> bool {
    let found =
        Command::new("git").arg("--version").stdout(Stdio::null()).status().is_ok_and(|status| status.success());
    assert!(found || env::var_os("CI").is_none(), "CI has git");
    if !found {
        eprintln!("skipped: there is no git");
    }
    found
}

/// Runs git, with nothing of this user's own.
pub fn git(folder: &Path, arguments: &[&str]) {
    let who = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "init.defaultBranch=main"];
    let mut command = Command::new("git");
    command.args(who).args(arguments).current_dir(folder).env("GIT_CONFIG_GLOBAL", "/dev/null");
    let output = command.output().expect("git runs");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Commits everything.
pub fn commit(folder: &Path) {
    git(folder, &["add", "-A"]);
    git(folder, &["commit", "-qm", "x"]);
}

/// A committed deployment in a folder of a repository; `None` where there is no git.
fn repository() -> Option<TempDir> {
    has_git().then(|| {
        let folder = TempDir::new().expect("a temporary folder");
        write(&folder, "dips/datadip.yaml", CONFIG);
        for (name, schema) in
            [("a", "a.json"), ("b", "outer.json#/$defs/row"), ("c", "'#/$defs/x'"), ("größe", "a.json")]
        {
            let name = format!("dips/actions/{name}.yaml");
            write(&folder, &name, &ACTION.replace("SCHEMA", schema));
        }
        replace(&folder, "dips/actions/c.yaml", "{ $ref: '#/$defs/x' }", "{ type: object }");
        write(&folder, "dips/schemas/a.json", "{ \"type\": \"object\" }");
        write(&folder, "dips/schemas/outer.json", "{ \"$defs\": { \"row\": { \"$ref\": \"deep/inner.json\" } } }");
        write(&folder, "dips/schemas/deep/inner.json", "{ \"type\": \"object\" }");
        git(folder.path(), &["init", "-q"]);
        commit(folder.path());
        git(folder.path(), &["tag", "start"]);
        folder
    })
}

fn lint(folder: &Path, arguments: &[&str], code: i32) -> Printed {
    let mut command = datadip(folder, &[&["lint", "--format", "json"], arguments].concat());
    printed(command.env("PATH", env::var_os("PATH").expect("a path")).output().expect("it runs"), code)
}

/// The files that are checked because of what changed since a revision.
fn since(revision: &str, folder: &TempDir, code: i32) -> Vec<String> {
    let out = lint(&folder.path().join("dips"), &["--changed-since", revision], code).out;
    let answer: Json = serde_json::from_str(&out).expect("JSON");
    let found = answer["diagnostics"].as_array().expect("a list");
    let mut files: Vec<String> = found.iter().map(|found| found["file"].as_str().expect("a path").to_owned()).collect();
    files.dedup();
    files
}

#[test]
fn what_is_committed_staged_unstaged_untracked_or_renamed_is_checked() {
    let Some(folder) = repository() else { return };
    assert_eq!(since("start", &folder, 0), [""; 0]);
    replace(&folder, "dips/actions/a.yaml", "One", "Two");
    assert_eq!(since("start", &folder, 0), ["actions/a.yaml"]);
    git(folder.path(), &["add", "-A"]);
    assert_eq!(since("start", &folder, 0), ["actions/a.yaml"]);
    commit(folder.path());
    assert_eq!(since("start", &folder, 0), ["actions/a.yaml"]);
    assert_eq!(since("HEAD", &folder, 0), [""; 0]);
    write(&folder, "dips/actions/new/d.yaml", &ACTION.replace("{ $ref: SCHEMA }", "{ type: object }"));
    assert_eq!(since("start", &folder, 0), ["actions/a.yaml", "actions/new/d.yaml"]);
    git(folder.path(), &["mv", "dips/actions/c.yaml", "dips/actions/e.yaml"]);
    assert_eq!(since("HEAD", &folder, 0), ["actions/e.yaml", "actions/new/d.yaml"]);
}

#[test]
fn names_that_git_would_quote_are_found() {
    let Some(folder) = repository() else { return };
    replace(&folder, "dips/actions/größe.yaml", "One", "Two");
    write(&folder, "dips/actions/a \"b\"\n.yaml", ACTION);
    assert_eq!(since("start", &folder, 1), ["actions/a \"b\"\n.yaml", "actions/größe.yaml"]);
}

#[test]
fn actions_are_checked_whose_schema_changed_or_went_away() {
    let Some(folder) = repository() else { return };
    write(&folder, "dips/schemas/deep/inner.json", "{ \"type\": \"object\", \"title\": \"x\" }");
    assert_eq!(since("start", &folder, 0), ["actions/b.yaml"]);
    fs::remove_file(folder.path().join("dips/schemas/a.json")).expect("it is there");
    assert_eq!(since("start", &folder, 1), ["actions/a.yaml", "actions/b.yaml", "actions/größe.yaml"]);
    write(&folder, "dips/schemas/a.json", "{ \"type\": \"itneger\" }");
    let files = since("start", &folder, 1);
    assert_eq!(files.last().map(String::as_str), Some("schemas/a.json"), "{files:?}");
}

#[test]
fn everything_is_checked_where_the_configuration_changed() {
    let Some(folder) = repository() else { return };
    write(&folder, "dips/datadip.yaml", &format!("{CONFIG}# changed\n"));
    let all = ["actions/a.yaml", "actions/b.yaml", "actions/c.yaml", "actions/größe.yaml"];
    assert_eq!(since("start", &folder, 1), all);
}

#[test]
fn what_came_to_the_other_branch_meanwhile_does_not_count() {
    let Some(folder) = repository() else { return };
    git(folder.path(), &["checkout", "-qb", "work"]);
    replace(&folder, "dips/actions/a.yaml", "One", "Two");
    commit(folder.path());
    git(folder.path(), &["checkout", "-q", "main"]);
    replace(&folder, "dips/actions/b.yaml", "One", "Two");
    commit(folder.path());
    git(folder.path(), &["checkout", "-q", "work"]);
    assert_eq!(since("main", &folder, 0), ["actions/a.yaml"]);
}

#[test]
fn paths_narrow_what_changed() {
    let Some(folder) = repository() else { return };
    replace(&folder, "dips/actions/a.yaml", "One", "Two");
    replace(&folder, "dips/actions/c.yaml", "One", "Two");
    let Printed { out, error } = lint(folder.path(), &["--changed-since", "start", "dips/actions/c.yaml"], 0);
    assert!(out.contains("dips/actions/c.yaml") && !out.contains("a.yaml"), "{out}");
    assert!(error.starts_with("2 files: "), "{error}");
}

#[test]
fn what_keeps_git_from_telling_is_an_error_of_usage() {
    let Some(folder) = repository() else { return };
    let inside = folder.path().join("dips");
    for revision in ["no-such", "start:dips", "--all", ""] {
        let revision = format!("--changed-since={revision}");
        let Printed { out, error } = lint(&inside, &[&revision], 2);
        assert!(out.is_empty() && error.starts_with("error: --changed-since: there is no revision `"), "{error}");
        assert!(error.contains("\nhelp: name a commit, branch or tag"), "{error}");
    }
    let mut command = datadip(&inside, &["lint", "--changed-since", "start"]);
    let error = printed(command.env("PATH", inside.join("schemas")).output().expect("it runs"), 2).error;
    assert!(error.starts_with("error: --changed-since wants the program `git`"), "{error}");
    fs::remove_dir_all(folder.path().join(".git")).expect("the repository");
    let error = lint(&inside, &["--changed-since", "start"], 2).error;
    assert!(error.starts_with("error: --changed-since wants a git repository around "), "{error}");
}
