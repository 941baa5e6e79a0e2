//! Files and folders by path, as `datadip lint PATH…` names them: which are checked, against what, and under which name.

use std::{
    fs,
    path::{Path, PathBuf},
};

use datadip::project::Project;
use tempfile::TempDir;

const ACTION: &str = "description: x\nbackend: demo\nsql: SELECT 1 AS one LIMIT 1\n";

fn write(path: PathBuf, text: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder can be made");
    fs::write(path, text).expect("a file can be written");
}

/// Two deployments and a file of neither.
fn tree() -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    for (config, backend) in [("one/datadip.yaml", "demo"), ("two/datadip.yaml", "other")] {
        let text = format!("backends: {{ {backend}: {{ kind: sqlite, url: 'sqlite:x.db' }} }}\n");
        write(folder.path().join(config), &text);
    }
    for file in
        ["one/actions/a.yaml", "one/actions/sub/b.yaml", "one/drafts/d.yaml", "two/actions/a.yaml", "loose.yaml"]
    {
        write(folder.path().join(file), ACTION);
    }
    write(folder.path().join("one/compose.yaml"), "services: {}\n");
    folder
}

/// What is checked: the names of actions, each with the rules of its errors.
fn check(folder: &Path, paths: &[&str]) -> Vec<String> {
    let paths: Vec<PathBuf> = paths.iter().map(|path| folder.join(path)).collect();
    let projects = Project::load_paths(&folder.join("datadip.yaml"), &paths, None).expect("the files can be read");
    let actions = projects.iter().flat_map(|project| &project.actions);
    let shown = actions.map(|loaded| match (&loaded.action, loaded.report.diagnostics.first()) {
        (None, Some(error)) => format!("{} {}", loaded.name, error.rule.name),
        _ => loaded.name.clone(),
    });
    shown.collect()
}

#[test]
fn a_path_is_checked_as_a_part_of_its_deployment() {
    let folder = tree();
    assert_eq!(check(folder.path(), &["one/actions/sub/b.yaml"]), ["sub/b"]);
    assert_eq!(check(folder.path(), &["one/actions"]), ["a", "sub/b"]);
    assert_eq!(check(folder.path(), &["one/actions/sub", "two/actions/a.yaml"]), ["sub/b", "a unknown-backend"]);
    assert_eq!(check(folder.path(), &["one/datadip.yaml"]), [""; 0]);
}

#[test]
fn a_folder_means_the_actions_of_the_deployments_in_it_and_no_other_yaml() {
    let folder = tree();
    assert_eq!(check(folder.path(), &["one"]), ["a", "sub/b"]);
    assert_eq!(check(folder.path(), &["."]), ["a", "sub/b", "a unknown-backend"]);
}

#[test]
fn a_file_outside_of_the_actions_is_checked_when_it_is_named_itself() {
    let folder = tree();
    assert_eq!(check(folder.path(), &["one/drafts/d.yaml"]), ["d"]);
    assert_eq!(check(folder.path(), &["loose.yaml"]), ["loose"], "without a configuration backends are not known");
    assert_eq!(check(folder.path(), &["one/compose.yaml"]), ["compose missing-key"]);
}

#[test]
fn a_deployment_inside_of_another_is_one_of_its_own() {
    let folder = tree();
    write(folder.path().join("datadip.yaml"), "backends: {}\n");
    write(folder.path().join("actions/a.yaml"), ACTION);
    assert_eq!(check(folder.path(), &["one/actions/a.yaml", "actions/a.yaml"]), ["a unknown-backend", "a"]);
    let all = ["a unknown-backend", "a", "sub/b", "a unknown-backend"];
    assert_eq!(check(folder.path(), &["."]), all, "the outer one, then those in it");
    // A configuration of another name counts in its own folder.
    write(folder.path().join("one/other.yaml"), "backends: {}\n");
    let config = folder.path().join("one/other.yaml");
    let projects = Project::load_paths(&config, &[folder.path().join("one/actions")], None).expect("it can be read");
    assert!(projects[0].actions.iter().all(|loaded| loaded.action.is_none()));
}

#[test]
fn a_path_that_is_not_there_is_an_error() {
    let folder = tree();
    let missing = folder.path().join("one/actions/c.yaml");
    let error =
        Project::load_paths(&folder.path().join("datadip.yaml"), &[missing], None).expect_err("it is not there");
    assert!(error.to_string().contains("c.yaml"), "{error}");
}
