//! Reloading with real files: whatever is done to a deployment, what serves follows it, and what cannot be read stays.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use datadip::{
    catalog::State,
    gateway::{Gateway, Live},
    project::Project,
    reload::{Pace, Watch, watch},
    settings::ProcessEnvironment,
};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

const CONFIG: &str = "backends: { demo: { kind: sqlite, url: 'sqlite:demo.db' } }\n";
/// Events have to do the work: the next comparison without any comes after a test has given up.
const BY_EVENTS: Pace =
    Pace { quiet: Duration::from_millis(40), longest: Duration::from_millis(300), poll: Duration::from_secs(120) };
const BY_POLLING: Pace =
    Pace { quiet: Duration::from_millis(40), longest: Duration::from_millis(300), poll: Duration::from_millis(100) };
/// How long a change may take on a busy machine before a test gives up.
const PATIENCE: Duration = Duration::from_secs(20);

/// A deployment that is served and watched.
struct Served {
    folder: TempDir,
    live: Arc<Live>,
    _watch: Watch,
}

fn action(description: &str) -> String {
    format!("description: {description}\nbackend: demo\nsql: SELECT 1 AS one\n")
}

fn write(path: impl AsRef<Path>, text: &str) {
    fs::create_dir_all(path.as_ref().parent().expect("a folder")).expect("a folder can be made");
    fs::write(path, text).expect("a file can be written");
}

impl Served {
    /// Makes the files, and serves them.
    fn start(files: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        write(folder.path().join("datadip.yaml"), CONFIG);
        fs::create_dir_all(folder.path().join("actions")).expect("a folder can be made");
        for (path, text) in files {
            write(folder.path().join(path), text);
        }
        Self::serve(folder, "datadip.yaml", BY_EVENTS)
    }

    fn serve(folder: TempDir, config: &str, pace: Pace) -> Self {
        let config = folder.path().join(config);
        let project = Project::load(&config, Some(&ProcessEnvironment), None).expect("the deployment can be read");
        let live = Arc::new(Live::new(Gateway::new(&project).expect("the configuration is good")));
        let watch = watch(live.clone(), config, project, pace);
        Self { folder, live, _watch: watch }
    }

    fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    fn write(&self, below: &str, text: &str) {
        write(self.path(below), text);
    }

    /// What is served, as text: `name state description` of each action, and `!` where the last reload has a problem.
    fn shown(&self) -> String {
        shown(&self.live.snapshot())
    }

    /// Waits until that is served.
    async fn serves(&self, expected: &str) {
        let start = Instant::now();
        while self.shown() != expected {
            assert!(start.elapsed() < PATIENCE, "expected {expected:?}, still {:?}", self.shown());
            sleep(Duration::from_millis(5)).await;
        }
    }
}

fn shown(gateway: &Gateway) -> String {
    let entries = gateway.catalog.entries().map(|entry| {
        let description = entry.action.as_ref().and_then(|action| action.description.as_deref());
        [&*entry.name, entry.file.as_str(), description.unwrap_or("-")].join(" ")
    });
    let problem = gateway.reload_problem.iter().map(|_| "!".to_owned());
    entries.chain(problem).collect::<Vec<_>>().join(", ")
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_added_changed_and_removed() {
    let served = Served::start(&[("actions/a.yaml", &action("one"))]);
    served.serves("a ok one").await;
    served.write("actions/a.yaml", &action("two"));
    served.serves("a ok two").await;
    served.write("actions/crm/deep/b.yml", &action("three"));
    served.serves("a ok two, crm/deep/b ok three").await;
    served.write("actions/crm/deep/b.yml", &action("four"));
    served.serves("a ok two, crm/deep/b ok four").await;
    fs::remove_file(served.path("actions/a.yaml")).expect("the file is there");
    served.serves("crm/deep/b ok four").await;
    let gateway = served.live.snapshot();
    assert!(gateway.catalog.route("/actions/crm/deep/b").is_some() && gateway.catalog.route("/actions/a").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_becomes_another_kind_runs_nothing_of_the_old_one() {
    let served = Served::start(&[("actions/a.yaml", &action("one")), ("actions/b.yaml", &action("one"))]);
    let before = served.live.snapshot();
    served.write("actions/b.yaml", "nonsense: true\n");
    served.serves("a ok one, b quarantined one").await;
    served.write("datadip.yaml", "backends: { demo: { kind: postgres, url: 'postgres://nobody@127.0.0.1:1/none' } }\n");
    // What was compiled for SQLite is not served by PostgreSQL, and what is compiled for PostgreSQL not by SQLite.
    served.serves("a ok one, b broken -").await;
    let now = served.live.snapshot();
    let a = now.catalog.get("a").and_then(|entry| entry.action.clone()).expect("the action");
    assert_eq!(a.driver.kind, "postgres");
    assert!(!Arc::ptr_eq(&before.backends["demo"], &now.backends["demo"]), "the new backend is there at once");
    served.write("datadip.yaml", CONFIG);
    served.write("actions/a.yaml", &action("two"));
    served.serves("a ok two, b broken -").await;
    assert_eq!(served.live.snapshot().catalog.get("a").expect("a").action.as_ref().expect("it").driver.kind, "sqlite");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_keeps_its_last_good_version_and_harms_no_other() {
    let served = Served::start(&[("actions/a.yaml", &action("one")), ("actions/b.yaml", &action("one"))]);
    served.write("actions/a.yaml", "backend: dmeo\nsql: SELECT 1\n");
    served.serves("a quarantined one, b ok one").await;
    let entry = served.live.snapshot().catalog.route("/actions/a").cloned().expect("it still serves");
    assert_eq!(entry.file, State::Quarantined);
    let report = entry.report.clone().expect("it says why");
    assert_eq!(report.diagnostics[0].rule.name, "unknown-backend");

    served.write("actions/b.yaml", &action("two"));
    served.serves("a quarantined one, b ok two").await;
    assert_eq!(served.live.snapshot().catalog.get("a").expect("still there").since, entry.since);
    served.write("actions/c.yaml", "sql: [\n");
    served.serves("a quarantined one, b ok two, c broken -").await;
    served.write("actions/a.yaml", &action("three"));
    served.serves("a ok three, b ok two, c broken -").await;
    fs::write(served.path("actions/c.yaml"), b"description: \xff\n").expect("a file can be written");
    served.write("actions/a.yaml", &action("four"));
    served.serves("a ok four, b ok two, c broken -").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_is_part_of_the_actions_that_refer_to_it() {
    let refers = action("x") + "result: { schema: { $ref: row.json } }\n";
    let row = r#"{ "type": "object", "properties": { "one": { "type": "integer" } } }"#;
    let served =
        Served::start(&[("actions/a.yaml", &refers), ("actions/b.yaml", &action("y")), ("schemas/row.json", row)]);
    served.serves("a ok x, b ok y").await;
    let before = served.live.snapshot();
    let action_of = |gateway: &Gateway, name: &str| {
        gateway.catalog.get(name).and_then(|entry| entry.action.clone()).expect("an action")
    };

    served.write("schemas/row.json", "{ not json");
    served.serves("a quarantined x, b ok y").await;
    served.write("schemas/row.json", &row.replace("integer", "string"));
    served.serves("a ok x, b ok y").await;
    let after = served.live.snapshot();
    assert_ne!(action_of(&before, "a").revision, action_of(&after, "a").revision);
    assert!(
        Arc::ptr_eq(&action_of(&before, "b"), &action_of(&after, "b")),
        "what did not change is not compiled again"
    );
    fs::remove_dir_all(served.path("schemas")).expect("the folder is there");
    served.serves("a quarantined x, b ok y").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_editor_may_save_by_renaming() {
    let served = Served::start(&[("actions/a.yaml", &action("one"))]);
    for version in ["two", "three"] {
        served.write("actions/.a.yaml.swp", &action(version));
        fs::rename(served.path("actions/.a.yaml.swp"), served.path("actions/a.yaml")).expect("it can be renamed");
        served.serves(&format!("a ok {version}")).await;
    }
    fs::rename(served.path("actions/a.yaml"), served.path("actions/a.yaml~")).expect("it can be renamed");
    served.write("actions/a.yaml", &action("four"));
    served.serves("a ok four").await;
}

/// Kubernetes mounts a ConfigMap as links through `..data`, and swaps that link.
fn config_map(folder: &Path, version: &str, files: &[(&str, &str)]) {
    for (name, text) in files {
        write(folder.join(version).join(name), text);
        if fs::symlink_metadata(folder.join(name)).is_err() {
            symlink(Path::new("..data").join(name), folder.join(name)).expect("a link can be made");
        }
    }
    symlink(version, folder.join("..data_tmp")).expect("a link can be made");
    fs::rename(folder.join("..data_tmp"), folder.join("..data")).expect("a link can be replaced");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_config_map_is_swapped_by_its_link() {
    let folder = TempDir::new().expect("a temporary folder");
    let (actions, config) = (folder.path().join("actions"), folder.path().join("config"));
    config_map(&actions, "..2026_1", &[("a.yaml", &action("one")), ("b.yaml", &action("one"))]);
    let text = format!("{CONFIG}actions: ../actions\n");
    config_map(&config, "..2026_1", &[("datadip.yaml", &text)]);
    let served = Served::serve(folder, "config/datadip.yaml", BY_EVENTS);
    served.serves("a ok one, b ok one").await;
    for version in ["two", "three"] {
        config_map(
            &actions,
            &format!("..2026_{version}"),
            &[("a.yaml", &action(version)), ("b.yaml", &action(version))],
        );
        served.serves(&format!("a ok {version}, b ok {version}")).await;
    }
    config_map(&config, "..2026_2", &[("datadip.yaml", &text.replace("demo:", "other:"))]);
    served.serves("a quarantined three, b quarantined three").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_folder_may_be_replaced() {
    let served = Served::start(&[("actions/a.yaml", &action("one"))]);
    for version in ["two", "three"] {
        write(served.path("next/a.yaml"), &action(version));
        fs::rename(served.path("actions"), served.path(&format!("old-{version}"))).expect("it can be renamed");
        fs::rename(served.path("next"), served.path("actions")).expect("it can be renamed");
        served.serves(&format!("a ok {version}")).await;
        // The new folder is watched as the old one was.
        served.write("actions/a.yaml", &action("changed"));
        served.serves("a ok changed").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_behind_a_link_may_be_replaced_by_the_link() {
    let folder = TempDir::new().expect("a temporary folder");
    for release in ["1", "2"] {
        write(folder.path().join(release).join("datadip.yaml"), CONFIG);
        write(folder.path().join(release).join("actions/a.yaml"), &action(release));
    }
    symlink("1", folder.path().join("current")).expect("a link can be made");
    let served = Served::serve(folder, "current/datadip.yaml", BY_EVENTS);
    served.serves("a ok 1").await;
    symlink("2", served.path("next")).expect("a link can be made");
    fs::rename(served.path("next"), served.path("current")).expect("a link can be replaced");
    served.serves("a ok 2").await;
    served.write("current/actions/a.yaml", &action("3"));
    served.serves("a ok 3").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_gone_or_empty_leaves_the_last_catalog() {
    let served = Served::start(&[("actions/a.yaml", &action("one")), ("actions/b.yaml", &action("one"))]);
    served.serves("a ok one, b ok one").await;
    fs::rename(served.path("actions"), served.path("away")).expect("it can be renamed");
    served.serves("a ok one, b ok one, !").await;
    fs::rename(served.path("away"), served.path("actions")).expect("it can be renamed");
    served.serves("a ok one, b ok one").await;
    for file in ["actions/a.yaml", "actions/b.yaml"] {
        fs::remove_file(served.path(file)).expect("the file is there");
    }
    served.serves("a ok one, b ok one, !").await;
    served.write("datadip.yaml", &format!("{CONFIG}limits: {{ concurrency: 7 }}\n"));
    while served.live.snapshot().limiter.settings().concurrency != Some(7) {
        sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(served.shown(), "a ok one, b ok one, !");
    served.write("actions/b.yaml", &action("two"));
    served.serves("b ok two").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_folder_leaves_the_last_catalog() {
    let served = Served::start(&[("actions/a.yaml", &action("one")), ("actions/sub/b.yaml", &action("one"))]);
    served.serves("a ok one, sub/b ok one").await;
    fs::set_permissions(served.path("actions/sub"), fs::Permissions::from_mode(0o000)).expect("it is ours");
    if fs::read_dir(served.path("actions/sub")).is_ok() {
        // Nothing is unreadable for root: a folder in the place of the root does as well.
        fs::set_permissions(served.path("actions/sub"), fs::Permissions::from_mode(0o700)).expect("it is ours");
        fs::rename(served.path("actions"), served.path("away")).expect("it can be renamed");
        write(served.path("actions"), "a file, not a folder");
    }
    served.serves("a ok one, sub/b ok one, !").await;
    let _ = fs::set_permissions(served.path("actions/sub"), fs::Permissions::from_mode(0o700));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_is_read_again_and_a_broken_one_changes_nothing() {
    let served = Served::start(&[("actions/a.yaml", &action("one"))]);
    let first = served.live.snapshot();
    served.write("datadip.yaml", &format!("{CONFIG}limits: {{ concurrency: 0 }}\n"));
    served.serves("a ok one, !").await;
    let broken = served.live.snapshot();
    assert!(Arc::ptr_eq(&broken.settings, &first.settings) && Arc::ptr_eq(&broken.limiter, &first.limiter));
    // Actions go on being followed.
    served.write("actions/a.yaml", &action("two"));
    served.serves("a ok two, !").await;
    served.write("datadip.yaml", &format!("{CONFIG}limits: {{ concurrency: 3 }}\n"));
    served.serves("a ok two").await;
    let mended = served.live.snapshot();
    assert_eq!(mended.limiter.settings().concurrency, Some(3));
    assert!(Arc::ptr_eq(&mended.backends["demo"], &first.backends["demo"]), "an unchanged backend is kept");
    fs::remove_file(served.path("datadip.yaml")).expect("the file is there");
    served.serves("a ok two, !").await;
    served.write("datadip.yaml", &format!("{CONFIG}limits: {{ concurrency: 3 }}\n"));
    served.serves("a ok two").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_backend_is_connected_and_takes_the_old_ones_place() {
    let served = Served::start(&[("actions/a.yaml", &action("one"))]);
    let first = served.live.snapshot().backends["demo"].clone();
    served.write("seed.sql", "CREATE TABLE t (a INTEGER);");
    served.write("datadip.yaml", &CONFIG.replace("demo.db'", "next.db', init: seed.sql"));
    let start = Instant::now();
    while Arc::ptr_eq(&served.live.snapshot().backends["demo"], &first) {
        assert!(start.elapsed() < PATIENCE, "the backend was not replaced");
        sleep(Duration::from_millis(5)).await;
    }
    assert!(served.path("next.db").exists(), "it was connected before it took the place");
    served.write("datadip.yaml", "backends: {}\n");
    served.serves("a quarantined one").await;
    assert!(served.live.snapshot().backends.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_file_is_watched_like_the_configuration() {
    let folder = TempDir::new().expect("a temporary folder");
    write(folder.path().join("secrets/queue"), "5\n");
    write(folder.path().join("actions/a.yaml"), &action("one"));
    write(folder.path().join("datadip.yaml"), &format!("{CONFIG}limits: {{ queue: \"${{file:secrets/queue}}\" }}\n"));
    let served = Served::serve(folder, "datadip.yaml", BY_EVENTS);
    assert_eq!(served.live.snapshot().limiter.settings().queue, 5);
    served.write("secrets/queue", "6\n");
    let start = Instant::now();
    while served.live.snapshot().limiter.settings().queue != 6 {
        assert!(start.elapsed() < PATIENCE, "the secret was not read again");
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_events_files_are_compared_from_time_to_time() {
    let folder = TempDir::new().expect("a temporary folder");
    // Nothing tells of the file behind the link: it lies where nobody watches.
    let far = TempDir::new().expect("a temporary folder");
    write(far.path().join("x/y/a.yaml"), &action("one"));
    write(folder.path().join("datadip.yaml"), CONFIG);
    fs::create_dir(folder.path().join("actions")).expect("a folder can be made");
    symlink(far.path().join("x/y/a.yaml"), folder.path().join("actions/a.yaml")).expect("a link can be made");
    let served = Served::serve(folder, "datadip.yaml", BY_POLLING);
    served.serves("a ok one").await;
    write(far.path().join("x/y/a.yaml"), &action("two"));
    served.serves("a ok two").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_does_not_wait_for_changes_to_end() {
    let served = Served::start(&[("actions/a.yaml", &action("one"))]);
    let stop = Arc::new(AtomicBool::new(false));
    let busy = {
        let (stop, path) = (stop.clone(), served.path("actions/busy.yaml"));
        tokio::task::spawn_blocking(move || {
            while !stop.load(Ordering::Relaxed) {
                write(&path, &action("busy"));
                std::thread::sleep(Duration::from_millis(5));
            }
        })
    };
    served.write("actions/a.yaml", &action("two"));
    let start = Instant::now();
    while !served.shown().contains("a ok two") && start.elapsed() < PATIENCE {
        sleep(Duration::from_millis(5)).await;
    }
    stop.store(true, Ordering::Relaxed);
    busy.await.expect("it ends");
    assert!(served.shown().contains("a ok two"), "{}", served.shown());
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_never_see_a_mixture_of_two_catalogs() {
    const ACTIONS: usize = 1_000;
    const RELOADS: usize = 100;
    let folder = TempDir::new().expect("a temporary folder");
    let config = folder.path().join("datadip.yaml");
    write(&config, CONFIG);
    for number in 0..ACTIONS {
        write(folder.path().join(format!("actions/{}/a{number}.yaml", number % 10)), &action("same"));
    }
    // Each version of the pair is written before it is loaded, so both must always be of one version.
    let pair = |version: usize| {
        for name in ["left", "right"] {
            write(folder.path().join(format!("actions/{name}.yaml")), &action(&format!("v{version}")));
        }
    };
    pair(0);
    let mut project = Project::load(&config, Some(&ProcessEnvironment), None).expect("it can be read");
    let live = Arc::new(Live::new(Gateway::new(&project).expect("the configuration is good")));
    let stop = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (live, stop) = (live.clone(), stop.clone());
            std::thread::spawn(move || {
                let mut seen = 0_usize;
                while !stop.load(Ordering::Relaxed) {
                    let gateway = live.snapshot();
                    let of = |path: &str| {
                        let entry = gateway.catalog.route(path).expect("it is served all the time");
                        entry.action.as_ref().and_then(|action| action.description.clone())
                    };
                    assert_eq!(of("/actions/left"), of("/actions/right"));
                    assert_eq!(gateway.catalog.entries().len(), ACTIONS + 2);
                    seen += 1;
                    std::thread::sleep(Duration::from_micros(200));
                }
                seen
            })
        })
        .collect();
    let same = project.actions[0].action.clone().expect("an action");
    for version in 1..=RELOADS {
        pair(version);
        let next = Project::load(&config, Some(&ProcessEnvironment), Some(&project)).expect("it can be read");
        assert_ne!(next.digest, project.digest);
        live.apply(&next);
        project = next;
    }
    stop.store(true, Ordering::Relaxed);
    for reader in readers {
        assert!(reader.join().expect("no mixture was seen") > 0);
    }
    assert!(Arc::ptr_eq(&same, project.actions[0].action.as_ref().expect("an action")), "compiled once");
    let unchanged = Project::load(&config, Some(&ProcessEnvironment), Some(&project)).expect("it can be read");
    assert_eq!(unchanged.digest, project.digest);
}
