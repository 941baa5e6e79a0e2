//! The watcher of live backends, on a backend that counts what it is asked.

use std::{
    collections::HashMap,
    fs,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use datadip::{
    backend::{
        Backend, Connections, Failure, FailureKind, Health, Inspect, Request, Sink, Timings,
        inspect::{Description, Plan, Table},
    },
    catalog::State,
    gateway::{Gateway, Live},
    live::{Pace, examine_all, watch},
    project::Project,
    template::Statement,
};
use futures_util::future::BoxFuture;
use serde_json::Value as Json;
use tempfile::TempDir;
use tokio::{
    sync::RwLock,
    time::{Instant, sleep},
};

const PACE: Pace = Pace {
    every: Duration::from_millis(200),
    gather: Duration::from_millis(10),
    apart: Duration::from_millis(300),
    retry: Duration::from_millis(50),
};
const PATIENCE: Duration = Duration::from_secs(60);

/// A database that is asked and never called.
#[derive(Debug, Default)]
struct Asked {
    digests: AtomicUsize,
    tables: AtomicUsize,
    described: AtomicUsize,
    /// How many questions are open, and how many there ever were at once.
    open: AtomicUsize,
    most: AtomicUsize,
    /// Tables that are not as they were at first; the statements that name a missing one are refused.
    changed: Mutex<HashMap<String, String>>,
    missing: Mutex<Option<String>>,
    /// The last words of the statements that were described, in order.
    order: Mutex<Vec<String>>,
    /// While somebody writes here, no statement is described.
    held: RwLock<()>,
    /// How the statements on a table fail that are described, and how plans fail.
    failing: Mutex<Option<(String, FailureKind)>>,
    plans_fail: Mutex<Option<FailureKind>>,
    tables_fail: Mutex<Option<FailureKind>>,
    digests_fail: Mutex<Option<FailureKind>>,
    /// The least time from one comparison to the next.
    least: Duration,
    /// Whether nobody uses it.
    rests: AtomicBool,
    /// Whether describing a statement panics.
    panics: AtomicBool,
    /// What the planner estimates.
    cost: Mutex<Option<f64>>,
}

impl Asked {
    async fn one_at_a_time(&self) {
        let open = self.open.fetch_add(1, Relaxed) + 1;
        self.most.fetch_max(open, Relaxed);
        tokio::task::yield_now().await;
        self.open.fetch_sub(1, Relaxed);
    }
}

impl Inspect for Asked {
    fn describe<'a>(&'a self, statement: &'a Statement) -> BoxFuture<'a, Result<Option<Description>, Failure>> {
        Box::pin(async {
            self.one_at_a_time().await;
            self.described.fetch_add(1, Relaxed);
            let table = statement.text().split_whitespace().last().expect("a table").to_owned();
            self.order.lock().expect("no panic").push(table.clone());
            drop(self.held.read().await);
            assert!(!self.panics.load(Relaxed), "as the test says");
            if let Some((_, kind)) = self.failing.lock().expect("no panic").as_ref().filter(|(of, _)| *of == table) {
                return Err(Failure::new(kind.clone(), "as the test says"));
            }
            let missing = self.missing.lock().expect("no panic").clone();
            match missing.filter(|missing| statement.text().ends_with(missing.as_str())) {
                Some(missing) => Err(Failure::new(FailureKind::Drift, format!("no such table: {missing}"))),
                None => Ok(Some(Description::default())),
            }
        })
    }

    fn plan<'a>(&'a self, _: &'a Statement) -> BoxFuture<'a, Result<Plan, Failure>> {
        Box::pin(async {
            match self.plans_fail.lock().expect("no panic").clone() {
                Some(kind) => Err(Failure::new(kind, "as the test says")),
                None => Ok(Plan { cost: *self.cost.lock().expect("no panic"), plan: Json::Null }),
            }
        })
    }

    fn digests<'a>(&'a self, tables: &'a [String]) -> BoxFuture<'a, Result<HashMap<String, String>, Failure>> {
        Box::pin(async {
            self.one_at_a_time().await;
            self.digests.fetch_add(1, Relaxed);
            self.tables.store(tables.len(), Relaxed);
            if let Some(kind) = self.digests_fail.lock().expect("no panic").clone() {
                return Err(Failure::new(kind, "as the test says"));
            }
            let changed = self.changed.lock().expect("no panic");
            let digest = |table: &String| changed.get(table).cloned().unwrap_or_else(|| "first".into());
            Ok(tables.iter().map(|table| (table.clone(), digest(table))).collect())
        })
    }

    fn every(&self) -> Duration {
        self.least
    }

    fn rests(&self) -> bool {
        self.rests.load(Relaxed)
    }

    fn table<'a>(&'a self, _: &'a str, _: &'a [&'a str]) -> BoxFuture<'a, Result<Option<Table>, Failure>> {
        Box::pin(async {
            match self.tables_fail.lock().expect("no panic").clone() {
                Some(kind) => Err(Failure::new(kind, "as the test says")),
                None => Ok(Some(Table { name: "t".into(), columns: Vec::new(), key: Vec::new() })),
            }
        })
    }
}

impl Backend for Asked {
    fn run<'a>(&'a self, _: &'a Request, _: &'a mut dyn Sink) -> BoxFuture<'a, Result<Timings, Failure>> {
        Box::pin(async { Err(Failure::new(FailureKind::Other, "nothing runs here")) })
    }

    fn connect(&self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async { Ok(()) })
    }

    fn health(&self) -> Health {
        Health::Up
    }

    fn allow_tests(&self) -> bool {
        false
    }

    fn connections(&self) -> Connections {
        Connections { open: 0, idle: 0 }
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    fn inspect(&self) -> Option<&dyn Inspect> {
        Some(self)
    }
}

/// A gateway of so many actions, each on a table of its own and all on one backend that counts.
fn serve(actions: usize) -> (TempDir, Arc<Asked>, Arc<Live>) {
    serve_on(actions, Asked::default())
}

fn serve_on(actions: usize, asked: Asked) -> (TempDir, Arc<Asked>, Arc<Live>) {
    let folder = TempDir::new().expect("a folder");
    fs::create_dir(folder.path().join("actions")).expect("a folder");
    let config = "backends: { demo: { kind: postgres, url: 'postgres://nobody@127.0.0.1:1/x' } }\n";
    fs::write(folder.path().join("datadip.yaml"), config).expect("a file");
    for number in 0..actions {
        fs::write(file(&folder, &format!("a{number:04}")), on(&format!("t{number:04}"))).expect("a file");
    }
    let mut gateway = Gateway::new(&load(&folder)).expect("a configuration");
    let asked = Arc::new(asked);
    gateway.backends.insert("demo".into(), asked.clone());
    (folder, asked, Arc::new(Live::new(gateway)))
}

/// An action on a table.
fn on(table: &str) -> String {
    format!("backend: demo\nsql: SELECT id FROM {table}\n")
}

fn file(folder: &TempDir, name: &str) -> PathBuf {
    folder.path().join(format!("actions/{name}.yaml"))
}

fn load(folder: &TempDir) -> Project {
    Project::load(&folder.path().join("datadip.yaml"), None, None).expect("a deployment")
}

/// Serves another text of an action.
fn edit(folder: &TempDir, live: &Arc<Live>, name: &str, text: &str) {
    fs::write(file(folder, name), text).expect("a file");
    live.apply(&load(folder));
}

async fn until(what: &str, done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        sleep(Duration::from_millis(5)).await;
    }
}

fn state(live: &Live, name: &str) -> Option<State> {
    live.snapshot().catalog.get(name).expect("the action").standing.refuses()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_actions_cost_one_query_a_minute_and_what_changed_is_examined_alone() {
    let (_folder, asked, live) = serve(2000);
    let _watch = watch(live.clone(), PACE);
    until("all are examined", || asked.described.load(Relaxed) == 2000).await;
    let before = asked.digests.load(Relaxed);
    until("minutes pass", || asked.digests.load(Relaxed) >= before + 4).await;
    assert_eq!(asked.described.load(Relaxed), 2000, "no statement is described again");
    assert_eq!((asked.tables.load(Relaxed), asked.most.load(Relaxed)), (2000, 1), "one query for all, one at a time");

    *asked.missing.lock().expect("no panic") = Some("t0007".into());
    asked.changed.lock().expect("no panic").insert("t0007".into(), "second".into());
    until("the change is seen", || state(&live, "a0007") == Some(State::Drifted)).await;
    assert_eq!(state(&live, "a0008"), None);
    *asked.missing.lock().expect("no panic") = None;
    until("it is mended", || state(&live, "a0007").is_none()).await;
    assert!(asked.described.load(Relaxed) < 2100, "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_rests_is_left_alone_unless_an_action_waits_for_it() {
    let (folder, asked, live) = serve(2);
    asked.rests.store(true, Relaxed);
    let _watch = watch(live.clone(), PACE);
    until("what is new is examined", || asked.described.load(Relaxed) == 2).await;
    let before = asked.digests.load(Relaxed);
    sleep(PACE.every * 4).await;
    assert_eq!(asked.digests.load(Relaxed), before, "nobody uses it");
    *asked.missing.lock().expect("no panic") = Some("t0009".into());
    edit(&folder, &live, "a0000", &on("t0009"));
    until("it is drifted", || state(&live, "a0000") == Some(State::Drifted)).await;
    *asked.missing.lock().expect("no panic") = None;
    until("it recovers though nothing reaches the backend", || state(&live, "a0000").is_none()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_suspicions_costs_few_checks() {
    let (_folder, asked, live) = serve(2);
    let _watch = watch(live.clone(), Pace { every: PATIENCE, ..PACE });
    until("both are examined", || asked.described.load(Relaxed) == 2).await;
    let entry = live.snapshot().catalog.get("a0001").expect("the action").clone();
    let start = Instant::now();
    let mut suspicions = 0_u64;
    while start.elapsed() < Duration::from_millis(900) {
        entry.standing.suspect();
        suspicions += 1;
        if suspicions.is_multiple_of(100) {
            sleep(Duration::from_millis(1)).await;
        }
    }
    until("it is looked at", || asked.described.load(Relaxed) > 2).await;
    let checks = asked.described.load(Relaxed) - 2;
    let most = (start.elapsed().as_millis() / PACE.apart.as_millis()) as usize + 2;
    assert!(checks <= most && suspicions > 100, "{checks} checks of {suspicions} suspicions");
    assert_eq!(asked.described.load(Relaxed), asked.digests.load(Relaxed) + 1, "each is one query and one action");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_asks_the_same_of_the_backend_opens_nothing() {
    let (folder, asked, live) = serve(2);
    let gated = format!("{}max_cost: 50\n", on("t0000"));
    edit(&folder, &live, "a0000", &gated);
    *asked.cost.lock().expect("no panic") = Some(51.0);
    *asked.missing.lock().expect("no panic") = Some("t0001".into());
    let _watch = watch(live.clone(), PACE);
    until("they are refused", || {
        (state(&live, "a0000"), state(&live, "a0001")) == (Some(State::Gated), Some(State::Drifted))
    })
    .await;
    let held = asked.held.write().await;
    for (name, text) in [("a0000", &gated), ("a0001", &on("t0001"))] {
        let before = state(&live, name);
        edit(&folder, &live, name, &format!("description: Another.\n{text}"));
        assert_eq!(state(&live, name), before);
    }
    edit(&folder, &live, "a0000", &gated.replace("50", "60"));
    assert_eq!(state(&live, "a0000"), None, "another limit is another question");
    edit(&folder, &live, "a0001", &on("t0002"));
    assert_eq!(state(&live, "a0001"), None, "another statement is another question");
    drop(held);
    *asked.cost.lock().expect("no panic") = Some(61.0);
    until("it costs too much again", || state(&live, "a0000") == Some(State::Gated)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_new_or_suspected_is_examined_before_what_only_changed() {
    let (folder, asked, live) = serve(100);
    let _watch = watch(live.clone(), PACE);
    until("all are examined", || asked.described.load(Relaxed) == 100).await;
    let held = asked.held.write().await;
    let changed = (0..100).map(|number| (format!("t{number:04}"), "second".into())).collect();
    *asked.changed.lock().expect("no panic") = changed;
    until("a round has begun", || asked.described.load(Relaxed) == 101).await;
    live.snapshot().catalog.get("a0090").expect("the action").standing.suspect();
    edit(&folder, &live, "a0099", &on("t0200"));
    drop(held);
    until("all are examined again", || asked.described.load(Relaxed) == 200).await;
    let order = asked.order.lock().expect("no panic")[100..104].join(" ");
    assert_eq!(order, "t0000 t0090 t0200 t0001");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_that_panics_is_replaced() {
    let (_folder, asked, live) = serve(1);
    asked.panics.store(true, Relaxed);
    *asked.missing.lock().expect("no panic") = Some("t0000".into());
    let _watch = watch(live.clone(), PACE);
    until("it has panicked", || asked.described.load(Relaxed) > 0).await;
    assert_eq!(state(&live, "a0000"), None);
    asked.panics.store(false, Relaxed);
    until("it is watched again", || state(&live, "a0000") == Some(State::Drifted)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_backend_that_is_asked_seldom_did_not_tell_is_asked_again_soon() {
    // Longer than anybody waits here.
    let seldom = || Asked { least: PATIENCE * 2, ..Asked::default() };
    let check = async |kind: FailureKind| {
        let (_folder, asked, live) = serve_on(2, seldom());
        *asked.failing.lock().expect("no panic") = Some(("t0000".into(), kind));
        *asked.missing.lock().expect("no panic") = Some("t0000".into());
        let _watch = watch(live.clone(), PACE);
        until("both are asked for", || asked.described.load(Relaxed) == 2).await;
        assert_eq!(state(&live, "a0000"), None, "nobody knows");
        *asked.failing.lock().expect("no panic") = None;
        until("it is known", || state(&live, "a0000") == Some(State::Drifted)).await;
    };
    let compare = async {
        let (_folder, asked, live) = serve_on(1, seldom());
        *asked.digests_fail.lock().expect("no panic") = Some(FailureKind::Timeout);
        let _watch = watch(live.clone(), PACE);
        until("it is examined", || asked.described.load(Relaxed) == 1).await;
        assert_eq!(asked.digests.load(Relaxed), 1);
        until("tables are compared again", || asked.digests.load(Relaxed) == 2).await;
    };
    tokio::join!(check(FailureKind::Untold), check(FailureKind::Throttled), check(FailureKind::Timeout), compare);
}

#[tokio::test]
async fn lint_goes_on_after_what_passes_and_stops_where_the_backend_is_gone() {
    let (_folder, asked, live) = serve(3);
    let catalog = live.snapshot().catalog.clone();
    let actions: Vec<_> = catalog.entries().map(|entry| entry.action.as_ref().expect("an action")).collect();
    *asked.missing.lock().expect("no panic") = Some("t0002".into());
    let found = async |kind| {
        *asked.failing.lock().expect("no panic") = Some(("t0001".into(), kind));
        let mut reports = Vec::new();
        let reached = examine_all(&actions, &*asked, &mut reports).await.is_ok();
        let found = reports.iter().flat_map(|report| &report.diagnostics).map(|d| (d.rule.name, d.message.clone()));
        (reached, found.collect::<Vec<_>>())
    };
    for kind in [FailureKind::Contention, FailureKind::Timeout, FailureKind::Overloaded] {
        let (reached, found) = found(kind).await;
        let [(first, message), (second, _)] = &found[..] else { panic!("expected two findings, got {found:?}") };
        assert_eq!((reached, *first, *second), (true, "unexamined-action", "schema-drift"));
        assert_eq!(message, "the action could not be examined: as the test says");
    }
    assert_eq!(found(FailureKind::Unavailable).await, (false, Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_found_stays_found_where_costs_cannot_be_asked_for() {
    let (folder, asked, live) = serve(1);
    let limited = format!("{}max_cost: 50\n", on("t0000"));
    edit(&folder, &live, "a0000", &limited);
    *asked.plans_fail.lock().expect("no panic") = Some(FailureKind::Contention);
    *asked.missing.lock().expect("no panic") = Some("t0000".into());
    let _watch = watch(live.clone(), PACE);
    until("it is drifted", || state(&live, "a0000") == Some(State::Drifted)).await;
    *asked.missing.lock().expect("no panic") = None;
    until("it is mended", || state(&live, "a0000").is_none()).await;
    *asked.cost.lock().expect("no panic") = Some(51.0);
    *asked.plans_fail.lock().expect("no panic") = None;
    until("it costs too much", || state(&live, "a0000") == Some(State::Gated)).await;

    *asked.plans_fail.lock().expect("no panic") = Some(FailureKind::Contention);
    let before = asked.described.load(Relaxed);
    edit(&folder, &live, "a0000", &format!("description: Another.\n{limited}"));
    until("it is examined again", || asked.described.load(Relaxed) > before).await;
    let digests = asked.digests.load(Relaxed);
    until("the round is over", || asked.digests.load(Relaxed) > digests + 1).await;
    assert_eq!(state(&live, "a0000"), Some(State::Gated), "nothing new is known of its costs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_the_backend_never_tells_of_is_a_finding_and_a_lock_is_none() {
    let (folder, asked, live) = serve(1);
    edit(&folder, &live, "a0000", &format!("{}requires: {{ t0000: [] }}\n", on("t0000")));
    *asked.tables_fail.lock().expect("no panic") = Some(FailureKind::Contention);
    let _watch = watch(live.clone(), PACE);
    until("it is tried again", || asked.described.load(Relaxed) > 2).await;
    assert_eq!(state(&live, "a0000"), None);
    *asked.tables_fail.lock().expect("no panic") = Some(FailureKind::Other);
    until("it is a finding", || state(&live, "a0000") == Some(State::Drifted)).await;
    *asked.tables_fail.lock().expect("no panic") = None;
    until("it is mended", || state(&live, "a0000").is_none()).await;
}

#[tokio::test]
async fn an_allow_of_what_only_a_backend_tells_is_judged_by_the_backend() {
    let (folder, asked, live) = serve(1);
    edit(&folder, &live, "a0000", &format!("{}max_cost: 50 # datadip: allow(cost-unknown)\n", on("t0000")));
    let catalog = live.snapshot().catalog.clone();
    let entry = catalog.get("a0000").expect("the action");
    let files: Vec<_> = entry.report.iter().flat_map(|report| &report.diagnostics).map(|d| d.rule.name).collect();
    assert!(!files.contains(&"unused-allow"), "{files:?}");
    for (cost, expected) in [(None, None), (Some(1.0), Some("unused-allow"))] {
        *asked.cost.lock().expect("no panic") = cost;
        let mut reports = Vec::new();
        let action = entry.action.as_ref().expect("an action");
        examine_all(&[action], &*asked, &mut reports).await.expect("the backend answers");
        let found = reports.iter().flat_map(|report| &report.diagnostics).map(|d| d.rule.name);
        assert_eq!(found.collect::<Vec<_>>(), Vec::from_iter(expected));
    }
}
