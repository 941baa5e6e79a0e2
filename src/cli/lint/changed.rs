//! What changed since a revision, as git tells it.

use std::{
    collections::HashSet,
    io::ErrorKind,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use anyhow::{Context, bail};

use super::super::refused;

/// The files of the repository around a folder that are not as they were at a revision: committed since, staged, changed
/// or not known to git yet; the old and the new name of what was renamed. A branch is compared with where it was left, so
/// that what came to it since then does not count.
pub fn since(revision: &str, folder: &Path) -> anyhow::Result<HashSet<PathBuf>> {
    let root = git(folder, &["rev-parse", "--show-toplevel"])?;
    if !root.status.success() {
        let error = format!("--changed-since wants a git repository around {}: {}", folder.display(), told(&root));
        return Err(refused(&error, "without it all files are checked"));
    }
    let root = path(root.stdout.trim_ascii_end());
    // What begins with a hyphen is no revision, and git would take it for an option.
    let commit = match revision.starts_with('-') {
        true => None,
        false => Some(git(&root, &["rev-parse", "--verify", "--quiet", &format!("{revision}^{{commit}}")])?),
    };
    let Some(commit) = commit.filter(|commit| commit.status.success()) else {
        let error = format!("--changed-since: there is no revision `{revision}` in {}", root.display());
        let help = "name a commit, branch or tag that is here; CI often fetches the last commit only, and \
                    `git fetch --unshallow`, or `fetch-depth: 0` of actions/checkout, gets the others";
        return Err(refused(&error, help));
    };
    let commit = String::from_utf8_lossy(commit.stdout.trim_ascii_end()).into_owned();
    // There is none where the histories have nothing in common, as far as they were fetched.
    let left = git(&root, &["merge-base", &commit, "HEAD"])?;
    let base = match left.status.success() {
        true => String::from_utf8_lossy(left.stdout.trim_ascii_end()).into_owned(),
        false => commit,
    };
    let tracked = ["diff", "--name-only", "--no-renames", "--no-relative", "--no-ext-diff", "-z", &base, "--"];
    let untracked = ["ls-files", "--others", "--exclude-standard", "-z"];
    let mut changed = HashSet::new();
    for arguments in [&tracked[..], &untracked] {
        let listed = git(&root, arguments)?;
        if !listed.status.success() {
            bail!("git {} failed: {}", arguments[0], told(&listed));
        }
        changed.extend(listed.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty()).map(|name| {
            // A repository inside of this one is listed as a folder.
            root.join(path(name.strip_suffix(b"/").unwrap_or(name)))
        }));
    }
    Ok(changed)
}

/// Runs git in a folder; it changes nothing there.
fn git(folder: &Path, arguments: &[&str]) -> anyhow::Result<Output> {
    let mut command = Command::new("git");
    command.arg("--no-optional-locks").args(arguments).current_dir(folder).stdin(Stdio::null());
    match command.output() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let help = "install git, or leave `--changed-since` out: then all files are checked";
            Err(refused("--changed-since wants the program `git`, which is not in the PATH", help))
        }
        output => output.context("git cannot be run"),
    }
}

/// What git said of a failure, on one line.
fn told(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    text.split_whitespace().collect::<Vec<_>>().join(" ").trim_start_matches("fatal: ").to_owned()
}

#[cfg(unix)]
fn path(bytes: &[u8]) -> PathBuf {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    OsStr::from_bytes(bytes).into()
}

#[cfg(not(unix))]
fn path(bytes: &[u8]) -> PathBuf {
    String::from_utf8_lossy(bytes).into_owned().into()
}
