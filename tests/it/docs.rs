//! `docs/cli.md` tells the truth: each console block is run in a copy of this repository's demo, and its output compared.

use std::{
    fs,
    io::Read,
    path::Path,
    process::{Command, Stdio},
};

use tempfile::TempDir;

use crate::cli::serve::Gateway;

/// Copies what a deployment needs.
pub fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).expect("a folder");
        for entry in fs::read_dir(from).expect("a folder") {
            let entry = entry.expect("an entry");
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::copy(from, to).expect("a file");
    }
}

/// This repository's demo in a folder of its own.
pub fn demo() -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    for name in ["datadip.yaml", "actions", "examples", "schemas"] {
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join(name), &folder.path().join(name));
    }
    folder
}

/// The `PATH` with the binary of this build in front.
pub fn path_with_datadip() -> String {
    let binary = assert_cmd::cargo::cargo_bin("datadip");
    format!("{}:{}", binary.parent().expect("a folder").display(), std::env::var("PATH").expect("a path"))
}

/// Runs a line of the documentation in a shell; answers what a terminal would show.
fn shell(folder: &Path, line: &str) -> String {
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    let mut command = Command::new("sh");
    command.args(["-c", line]).current_dir(folder).env("PATH", path_with_datadip()).stdin(Stdio::null());
    let mut child =
        command.stdout(writer.try_clone().expect("a pipe")).stderr(writer).spawn().expect("there is a shell");
    drop(command);
    let mut shown = String::new();
    reader.read_to_string(&mut shown).expect("UTF-8");
    child.wait().expect("it ends");
    shown
}

/// What `datadip serve` says until it has been told to stop, on the port that the page shows.
#[cfg(unix)]
fn serve(folder: &Path) -> String {
    let mut gateway = Gateway::start(folder, &[]);
    let mut shown = gateway.lines_until("  curl ");
    gateway.signal("INT");
    shown.extend(gateway.lines_until("stopped"));
    let port = shown[0].rsplit(':').next().expect("a port").to_owned();
    assert_eq!(gateway.exit_code(), Some(0));
    shown.join("\n").replace(&format!(":{port}"), ":8080")
}

/// Whether a line is what the documentation shows, where `…` stands for anything.
fn matches(pattern: &str, line: &str) -> bool {
    let mut pieces = pattern.split('…');
    let Some(mut rest) = line.strip_prefix(pieces.next().unwrap_or_default()) else { return false };
    let Some(last) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces {
        match rest.split_once(piece) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[test]
fn an_ellipsis_stands_for_anything() {
    for (pattern, line, expected) in [
        ("a", "a", true),
        ("a", "ab", false),
        ("a…", "abc", true),
        ("…c", "abc", true),
        ("a…c…e", "abcde", true),
        ("a…d…c", "abcd", false),
        ("…", "", true),
    ] {
        assert_eq!(matches(pattern, line), expected, "{pattern} {line}");
    }
}

#[cfg(unix)]
#[test]
fn the_command_line_does_what_its_page_shows() {
    let page = include_str!("../../docs/cli.md");
    let mut problems = String::new();
    let mut run = 0;
    for block in page.split("```console\n").skip(1) {
        let block = block.split("```").next().expect("a fence ends");
        let folder = demo();
        for example in block.split("$ ").skip(1) {
            let (line, expected) = example.split_once('\n').expect("a line");
            let shown = if line == "datadip serve" { serve(folder.path()) } else { shell(folder.path(), line) };
            let wanted = expected.trim_end().lines().filter(|line| *line != "^C");
            let got = shown.trim_end().lines();
            let same = wanted.clone().count() == got.clone().count()
                && wanted.zip(got).all(|(pattern, line)| matches(pattern, line));
            run += 1;
            if !same {
                problems += &format!("$ {line}\n{shown}\n");
            }
        }
    }
    assert!(run > 5, "the page has examples");
    assert!(problems.is_empty(), "docs/cli.md shows something else than:\n{problems}");
}
