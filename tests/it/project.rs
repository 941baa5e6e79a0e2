//! Loading a deployment: which files it has, what each is called, and which cannot stand beside each other.

use std::{fs, os::unix::fs::symlink, path::Path, sync::Arc};

use datadip::{catalog::State, gateway::Gateway, gateway::Live, project::Project, settings::ProcessEnvironment};
use tempfile::TempDir;

const CONFIG: &str = "backends: { demo: { kind: sqlite, url: 'sqlite:demo.db' } }\n";
const ACTION: &str = "description: x\nbackend: demo\nsql: SELECT 1 AS one LIMIT 1\n";

fn write(path: impl AsRef<Path>, text: &[u8]) {
    fs::create_dir_all(path.as_ref().parent().expect("a folder")).expect("a folder can be made");
    fs::write(path, text).expect("a file can be written");
}

fn deployment(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    write(folder.path().join("datadip.yaml"), CONFIG.as_bytes());
    fs::create_dir(folder.path().join("actions")).expect("a folder can be made");
    for (path, text) in files {
        write(folder.path().join(path), text.as_bytes());
    }
    folder
}

fn load(folder: &Path, previous: Option<&Project>) -> Project {
    Project::load(&folder.join("datadip.yaml"), Some(&ProcessEnvironment), previous).expect("it can be read")
}

/// Each file with the rules of its errors.
fn check(folder: &Path) -> Vec<String> {
    let shown = |path: &str, rules: Vec<&str>| [vec![path.trim_start_matches("actions/")], rules].concat().join(" ");
    let loaded = load(folder, None);
    let errors = loaded.actions.iter().map(|loaded| {
        let found = &loaded.report.diagnostics;
        let errors = found.iter().filter(|found| found.level == datadip::diagnostic::Level::Error);
        let errors: Vec<&str> = errors.map(|found| found.rule.name).collect();
        assert_eq!(loaded.action.is_none(), !errors.is_empty());
        shown(&loaded.report.source.path, errors)
    });
    errors.collect()
}

#[test]
fn every_yaml_file_below_actions_is_an_action_and_nothing_else_is() {
    let folder = deployment(&[
        ("actions/b.yml", ACTION),
        ("actions/crm/v2/a.yaml", ACTION),
        ("actions/.hidden.yaml", ACTION),
        ("actions/.git/c.yaml", ACTION),
        ("actions/d.yaml~", ACTION),
        ("actions/e.txt", ACTION),
        ("other/f.yaml", ACTION),
    ]);
    assert_eq!(check(folder.path()), ["b.yml", "crm/v2/a.yaml"]);
}

#[test]
fn a_path_that_makes_no_name_is_an_error() {
    let folder = deployment(&[
        ("actions/Upper.yaml", ACTION),
        ("actions/a b/c.yaml", ACTION),
        ("actions/a.b.yaml", ACTION),
        ("actions/fine-1_x.yaml", ACTION),
    ]);
    let expected = ["Upper.yaml bad-name", "a b/c.yaml bad-name", "a.b.yaml bad-name", "fine-1_x.yaml"];
    assert_eq!(check(folder.path()), expected);
}

#[test]
fn two_files_of_one_name_are_both_in_error() {
    let folder = deployment(&[("actions/a.yaml", ACTION), ("actions/a.yml", ACTION), ("actions/b.yaml", ACTION)]);
    assert_eq!(check(folder.path()), ["a.yaml duplicate-name", "a.yml duplicate-name", "b.yaml"]);
    let gateway = Gateway::new(&load(folder.path(), None)).expect("the configuration is good");
    assert_eq!(gateway.catalog.entries().len(), 2);
}

#[test]
fn actions_with_one_route_are_all_in_error() {
    let routed = format!("{ACTION}route: {{ path: /look }}\n");
    let files = [("actions/a.yaml", routed.as_str()), ("actions/b.yaml", &routed), ("actions/c.yaml", ACTION)];
    let folder = deployment(&files);
    assert_eq!(check(folder.path()), ["a.yaml route-conflict", "b.yaml route-conflict", "c.yaml"]);
    let project = load(folder.path(), None);
    let found = &project.actions[0].report;
    let conflict = found.diagnostics.iter().find(|found| found.rule.name == "route-conflict").expect("it was found");
    assert_eq!(&found.source.text[conflict.span.range()], "/look");
}

#[test]
fn what_cannot_be_read_is_told_of_its_own_file() {
    let folder = deployment(&[("actions/a.yaml", ACTION)]);
    let actions = folder.path().join("actions");
    write(actions.join("bytes.yaml"), b"description: \xff\n");
    write(actions.join("large.yaml"), &vec![b'#'; (1 << 20) + 1]);
    symlink("nowhere.yaml", actions.join("link.yaml")).expect("a link can be made");
    fs::create_dir(actions.join("folder.yaml")).expect("a folder can be made");
    symlink(&actions, actions.join("loop")).expect("a link can be made");
    let told = ["a.yaml", "bytes.yaml unreadable-file", "large.yaml unreadable-file", "link.yaml unreadable-file"];
    assert_eq!(check(folder.path()), [told[0], told[1], told[2], told[3]]);
}

#[test]
fn links_to_files_and_folders_are_followed() {
    let folder = deployment(&[("shared/a.yaml", ACTION), ("shared/sub/b.yaml", ACTION)]);
    symlink("../shared/a.yaml", folder.path().join("actions/c.yaml")).expect("a link can be made");
    symlink("../shared", folder.path().join("actions/crm")).expect("a link can be made");
    assert_eq!(check(folder.path()), ["c.yaml", "crm/a.yaml", "crm/sub/b.yaml"]);
}

#[test]
fn a_deployment_without_configuration_or_actions_cannot_be_loaded() {
    let folder = deployment(&[]);
    let config = folder.path().join("datadip.yaml");
    assert_eq!(load(folder.path(), None).actions.len(), 0, "an empty folder is a start");
    fs::remove_dir(folder.path().join("actions")).expect("the folder is there");
    let error = Project::load(&config, None, None).expect_err("there are no actions");
    assert!(error.path.ends_with("actions"), "{error}");
    fs::remove_file(&config).expect("the file is there");
    let error = Project::load(&config, None, None).expect_err("there is no configuration");
    assert!(error.path.ends_with("datadip.yaml"), "{error}");
}

#[test]
fn a_broken_configuration_does_not_hide_what_is_wrong_with_actions() {
    let folder = deployment(&[("actions/a.yaml", &ACTION.replace("demo", "dmeo"))]);
    write(folder.path().join("datadip.yaml"), format!("{CONFIG}limits: {{ queue: x }}\n").as_bytes());
    assert_eq!(check(folder.path()), ["a.yaml unknown-backend"]);
    assert!(Gateway::new(&load(folder.path(), None)).is_none());
}

#[tokio::test]
async fn a_reload_keeps_what_did_not_change() {
    let limited = |rate: &str| format!("{ACTION}limits: {{ rate: {rate} }}\n");
    let folder = deployment(&[("actions/a.yaml", &limited("5/s")), ("actions/b.yaml", &limited("5/s"))]);
    let project = load(folder.path(), None);
    let live = Arc::new(Live::new(Gateway::new(&project).expect("the configuration is good")));
    let before = live.snapshot();
    let of = |gateway: &Gateway, name: &str| gateway.catalog.get(name).cloned().expect("an entry");
    let limiter = |gateway: &Gateway, name: &str| of(gateway, name).limiter.clone().expect("a limiter");

    write(folder.path().join("actions/a.yaml"), limited("6/s").as_bytes());
    write(folder.path().join("actions/b.yaml"), format!("{}owner: desk\n", limited("5/s")).as_bytes());
    let next = load(folder.path(), Some(&project));
    live.apply(&next);
    let after = live.snapshot();
    assert!(!Arc::ptr_eq(&limiter(&before, "a"), &limiter(&after, "a")), "another limit begins anew");
    assert!(Arc::ptr_eq(&limiter(&before, "b"), &limiter(&after, "b")), "an equal limit keeps its state");
    assert_eq!(of(&before, "b").since, of(&after, "b").since);
    assert_ne!(before.catalog.revision, after.catalog.revision);
    assert!(Arc::ptr_eq(&before.backends["demo"], &after.backends["demo"]));
    assert!(Arc::ptr_eq(&before.limiter, &after.limiter) && Arc::ptr_eq(&before.settings, &after.settings));
}

#[tokio::test]
async fn a_good_file_takes_its_path_from_a_last_good_version() {
    let routed = |path: &str| format!("{ACTION}route: {{ path: {path} }}\n");
    let folder = deployment(&[("actions/a.yaml", &routed("/look"))]);
    let mut project = load(folder.path(), None);
    let live = Arc::new(Live::new(Gateway::new(&project).expect("the configuration is good")));
    let mut follow = || {
        project = load(folder.path(), Some(&project));
        live.apply(&project);
        live.snapshot()
    };

    write(folder.path().join("actions/a.yaml"), b"sql: [\n");
    let gateway = follow();
    let entry = gateway.catalog.route("/look").expect("the last good version keeps its path");
    assert_eq!((&*entry.name, entry.file), ("a", State::Quarantined));

    write(folder.path().join("actions/b.yaml"), routed("/look").as_bytes());
    let gateway = follow();
    let entry = gateway.catalog.route("/look").expect("somebody serves it");
    assert_eq!((&*entry.name, entry.file), ("b", State::Ok));
    assert_eq!(gateway.catalog.get("a").expect("it is still shown").file, State::Quarantined);
}
