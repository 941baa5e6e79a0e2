//! What the README and `docs/` show is true: each action on those pages is a file that lints without a finding and passes
//! its own tests on the demo's database, and so are the actions of the repository.
//!
//! A fenced `yaml` block whose first line is `# <path>` is that file of a deployment.

use std::{
    fs,
    path::{Path, PathBuf},
};

use assert_cmd::Command;

use crate::docs::demo;

const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");

fn datadip(folder: &Path, arguments: &[&str]) {
    let run = Command::cargo_bin("datadip").expect("the binary").current_dir(folder).args(arguments).output();
    let run = run.expect("datadip runs");
    let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "datadip {}\n{out}\n{err}", arguments.join(" "));
}

fn lint_and_test(folder: &Path) {
    datadip(folder, &["lint", "--deny-warnings"]);
    datadip(folder, &["test", "--live", "--deny-skipped"]);
}

/// The files on a page: path and text.
fn files(page: &Path) -> Vec<(PathBuf, String)> {
    let text = fs::read_to_string(page).expect("a page");
    let blocks = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split_once("\n```"));
    blocks
        .filter_map(|(block, _)| {
            let path = block.lines().next()?.strip_prefix("# ")?;
            path.ends_with(".yaml").then(|| (PathBuf::from(path), format!("{block}\n")))
        })
        .collect()
}

fn pages() -> Vec<PathBuf> {
    let docs = fs::read_dir(Path::new(REPOSITORY).join("docs")).expect("docs/");
    let mut pages: Vec<PathBuf> = docs.map(|entry| entry.expect("an entry").path()).collect();
    pages.retain(|page| page.extension().is_some_and(|extension| extension == "md"));
    pages.push(Path::new(REPOSITORY).join("README.md"));
    pages.sort();
    pages
}

#[test]
fn the_repositorys_own_actions_lint_without_a_finding_and_pass_their_tests() {
    lint_and_test(demo().path());
}

#[test]
fn every_action_in_the_docs_lints_without_a_finding_and_passes_its_tests() {
    let folder = demo();
    fs::remove_dir_all(folder.path().join("actions")).expect("the demo's actions are not the docs'");
    let mut actions = 0;
    for page in pages() {
        for (path, text) in files(&page) {
            let target = folder.path().join(&path);
            if path.starts_with("actions") {
                fs::create_dir_all(target.parent().expect("a folder")).expect("a folder");
                assert!(!target.exists(), "{} is on two pages", path.display());
                fs::write(target, text).expect("a file");
                actions += 1;
            }
        }
    }
    assert!(actions >= 9, "only {actions} actions were found on the pages: is the form of the blocks still right?");
    lint_and_test(folder.path());
}

#[test]
fn every_configuration_in_the_docs_is_valid() {
    for page in pages() {
        for (_, text) in files(&page).iter().filter(|(path, _)| path == Path::new("datadip.yaml")) {
            let folder = demo();
            fs::write(folder.path().join("datadip.yaml"), text).expect("datadip.yaml");
            datadip(folder.path(), &["lint", "--deny-warnings"]);
        }
    }
}

#[test]
fn no_link_of_the_docs_leads_nowhere() {
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page");
        for target in text.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target)) {
            let file = target.split('#').next().unwrap_or_default();
            if !target.starts_with("http") && !file.is_empty() {
                let folder = page.parent().expect("a folder");
                assert!(folder.join(file).exists(), "{}: {target}", page.display());
            }
        }
    }
}
