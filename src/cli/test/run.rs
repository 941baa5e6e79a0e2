//! Running tests: each is a call that leaves no trace, many of them at once.
//!
//! Tests without a backend share the cores. On a backend a few run beside each other, never more than its pool has
//! connections: a test must not fail for having waited for another. A write runs alone there, so that it neither waits for
//! the locks of another write nor meets what that one has not rolled back yet.

use std::{
    collections::BTreeMap,
    panic::resume_unwind,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use tokio::{
    runtime::Builder,
    sync::{OwnedSemaphorePermit, Semaphore},
};

use super::{
    difference::Difference,
    expect::{Answered, Outcome, Refused, differences},
    recorded::Recorded,
    secrets::Secrets,
};
use crate::{
    action::{Action, Encoded, Variables, is_coercion},
    backend::{Backend, Bound},
    call::{self, CallError, Code, Target, Trace},
    cli::deployment,
    project::{Loaded, Project},
    spec::{ExpectSpec, Mode, TestSpec},
    yaml::Node,
};

/// How many tests run beside each other on one backend, at most.
const AT_ONCE: usize = 4;

/// A test of an action, and what came of it.
#[derive(Debug)]
pub struct Run {
    /// The action's file.
    pub loaded: Arc<Loaded>,
    /// Its number in the file, from 0.
    pub number: usize,
    /// What came of it.
    pub ran: Ran,
    /// How long it took.
    pub time: Duration,
}

impl Run {
    /// The test as written; `None` for an action that cannot be loaded, which has no run.
    pub fn test(&self) -> Option<&TestSpec> {
        self.loaded.action.as_ref()?.tests.get(self.number)
    }
}

/// What came of one test, and what it is judged by.
#[derive(Debug, Default)]
pub struct Ran {
    /// Whether that is what it expects.
    pub verdict: Verdict,
    /// What came.
    pub outcome: Outcome,
    /// What of it nobody may see.
    pub secrets: Secrets,
}

/// Whether a test passed.
#[derive(Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// It ran, and everything was as expected.
    #[default]
    Passed,
    /// It ran; the differences.
    Failed(Vec<Difference>),
    /// It did not run; why not.
    Skipped(String),
}

/// A backend that tests may run on, and the room on it.
#[derive(Clone, Debug)]
struct Live {
    backend: Arc<dyn Backend>,
    room: Room,
}

/// How many tests may run beside each other.
#[derive(Clone, Debug)]
struct Room {
    permits: Arc<Semaphore>,
    most: u32,
}

impl Room {
    fn of(most: usize) -> Self {
        let most = most.max(1);
        Self { permits: Arc::new(Semaphore::new(most)), most: most as u32 }
    }

    /// Waits for a place, or until nobody else is there.
    async fn enter(&self, alone: bool) -> OwnedSemaphorePermit {
        let places = if alone { self.most } else { 1 };
        self.permits.clone().acquire_many_owned(places).await.expect("a room is never closed")
    }
}

/// Runs the tests of the actions, in whatever order, and answers what came of them in the order of the files.
pub fn run_all(project: &Project, chosen: &[&Arc<Loaded>], live: bool) -> Vec<Run> {
    let runtime = Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("a process has the few threads and file descriptors that a runtime needs");
    runtime.block_on(async {
        let cores = Room::of(thread::available_parallelism().map_or(1, usize::from));
        let mut backends: BTreeMap<&str, Result<Live, String>> = BTreeMap::new();
        let mut running = Vec::new();
        for loaded in chosen {
            let Some(action) = &loaded.action else { continue };
            let on = match live {
                true => backends.entry(&action.backend).or_insert_with(|| open(project, action)).clone(),
                false => Err("it needs its backend: run with --live".to_owned()),
            };
            for number in 0..action.tests.len() {
                let (loaded, action, on, cores) = (Arc::clone(loaded), Arc::clone(action), on.clone(), cores.clone());
                running.push(tokio::spawn(async move {
                    let test = &action.tests[number];
                    let _place = match &on {
                        Ok(live) if needs_backend(test) => live.room.enter(action.mode == Mode::Write).await,
                        _ => cores.enter(false).await,
                    };
                    let begun = Instant::now();
                    let ran =
                        run_test(&action, test, on.as_ref().map(|live| &live.backend).map_err(Clone::clone)).await;
                    Run { loaded, number, ran, time: begun.elapsed() }
                }));
            }
        }
        let mut done = Vec::with_capacity(running.len());
        for run in running {
            done.push(run.await.unwrap_or_else(|panic| resume_unwind(panic.into_panic())));
        }
        for live in backends.into_values().flatten() {
            live.backend.close().await;
        }
        done
    })
}

/// The backend of an action, or why tests may not run on it.
fn open(project: &Project, action: &Action) -> Result<Live, String> {
    match deployment::open(project, action) {
        Ok(backend) if backend.allow_tests() => {
            let room = Room::of(backend.at_once().min(AT_ONCE));
            Ok(Live { backend, room })
        }
        Ok(_) => Err(format!("the backend `{}` does not say `allow_tests: true`", action.backend)),
        Err(_) => Err(format!("the backend `{}` cannot be opened", action.backend)),
    }
}

/// Runs one test: on `live` where it needs a backend, skipped where that is none; `Err` is why.
pub async fn run_test(action: &Arc<Action>, test: &TestSpec, live: Result<&Arc<dyn Backend>, String>) -> Ran {
    let mut secrets = Secrets::default();
    hide(action, test, &mut secrets);
    let mut variables = Variables::from_nodes(&test.variables);
    let mut trace = Trace::default();
    let mut outcome = Outcome::default();
    let prepared = match variables.take_idempotency_key() {
        Ok(_) => call::prepare(action, &variables, &mut trace),
        Err(error) => Err(CallError::new(Code::InvalidRequest).message(error.0)),
    };
    match prepared {
        Err(error) => outcome.answer = Some(Err(refused(error))),
        Ok(()) => {
            statements(action, &test.expect, &trace, &mut outcome, &mut secrets);
            record(action, &test.expect, &trace, &mut outcome, &mut secrets);
            let recorded;
            let backend = match (&test.given, live) {
                (Some(given), _) => {
                    let outline = trace.statements.last().and_then(|bound| bound.statement.outline());
                    recorded = Arc::new(Recorded::new(given, outline)) as Arc<dyn Backend>;
                    Some(&recorded)
                }
                (None, _) if !needs_backend(test) => None,
                (None, Ok(backend)) if trace.record.is_some() && !backend.can_roll_back() => {
                    let reason = "a write that cannot be rolled back is not sent: give it `given`, or expect `record`";
                    return Ran { verdict: Verdict::Skipped(reason.to_owned()), outcome, secrets };
                }
                (None, Ok(backend)) => Some(backend),
                (None, Err(reason)) => {
                    let verdict = match test.expect.code.as_ref().filter(|code| is_coercion(&code.value)) {
                        Some(code) => {
                            Verdict::Failed(vec![Difference::new("code", &code.value, "variables that are accepted")])
                        }
                        None => Verdict::Skipped(reason),
                    };
                    return Ran { verdict, outcome, secrets };
                }
            };
            if let Some(backend) = backend {
                let target = Target {
                    action,
                    backend,
                    limiters: [None, None],
                    standing: None,
                    dry: true,
                    cache: None,
                    request_id: "test",
                };
                let answer = call::call(target, &variables, &mut Trace::default()).await;
                outcome.answer = Some(answer.map_err(refused).map(|encoded| answered(&encoded)));
            }
        }
    }
    let verdict = match differences(&test.expect, &outcome, &secrets) {
        found if found.is_empty() => Verdict::Passed,
        found => Verdict::Failed(found),
    };
    Ran { verdict, outcome, secrets }
}

/// Whether the statements alone do not tell if the test passes, and no rows were recorded for it.
fn needs_backend(test: &TestSpec) -> bool {
    test.given.is_none() && (test.expect.is_of_answer() || test.expect.is_empty())
}

/// The values of sensitive parameters as the test sends them.
fn hide(action: &Action, test: &TestSpec, secrets: &mut Secrets) {
    for (name, node) in test.variables.iter() {
        if action.params.list().iter().any(|param| param.sensitive && param.name == name.value) {
            secrets.hide(&node.to_json());
        }
    }
}

/// The statements of a call and their binds, and what of them is sensitive.
fn statements(action: &Action, expect: &ExpectSpec, trace: &Trace, outcome: &mut Outcome, secrets: &mut Secrets) {
    outcome.text = Some(trace.statements.iter().map(Bound::text).collect::<Vec<_>>().join("; "));
    for bind in trace.statements.iter().flat_map(|bound| &bound.binds).filter(|bind| !bind.padding) {
        let value = bind.value.to_json();
        if call::is_sensitive(action, bind) {
            outcome.secret = true;
            secrets.hide(&value);
            // What the test expects there is as secret as what came.
            let expected = expect.binds.as_ref().map(|binds| binds.to_json());
            expected
                .as_ref()
                .and_then(|binds| binds.get(outcome.binds.len()))
                .iter()
                .for_each(|bind| secrets.hide(bind));
        }
        outcome.binds.push(value);
    }
}

/// The record that a call writes, and what of it is sensitive.
fn record(action: &Action, expect: &ExpectSpec, trace: &Trace, outcome: &mut Outcome, secrets: &mut Secrets) {
    let Some(record) = &trace.record else { return };
    let secret = |made_of: &[usize]| made_of.iter().any(|param| action.params.list()[*param].sensitive);
    let expected = expect.record.as_ref();
    let fields = expected.and_then(|record| record.fields.as_ref()).map(Node::to_json);
    let id = expected.and_then(|record| record.id.as_ref()).map(Node::to_json);
    for field in record.fields.iter().filter(|field| secret(&field.params)) {
        secrets.hide(&field.value);
        fields.as_ref().and_then(|fields| fields.get(&*field.name)).iter().for_each(|value| secrets.hide(value));
    }
    for key in record.key.iter().filter(|key| secret(&key.params)) {
        secrets.hide(&key.value.as_str().into());
        id.iter().for_each(|id| secrets.hide(id));
    }
    outcome.record = Some(record.shown(|_| false));
}

fn answered(encoded: &Encoded) -> Answered {
    let result = serde_json::from_slice(encoded.result()).expect("a result is JSON");
    Answered { result, row_count: encoded.row_count }
}

fn refused(error: CallError) -> Refused {
    let message = match error.detail {
        Some(detail) => format!("{}; {detail}", error.message),
        None => error.message,
    };
    Refused { code: error.code.as_str().to_owned(), status: error.code.status(), message }
}
