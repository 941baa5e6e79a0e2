//! Writes under an idempotency key.

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use datadip::{
    action::{Action, Variables},
    backend::{Again, Backend, FailureKind},
    call::{self, CallError, Repeats, Target, Trace, Under},
    limit::{Limiter, LimiterSettings},
};
use futures_util::future::join_all;
use serde_json::{Value as Json, json};
use tokio::{task::JoinHandle, time::sleep};

use super::action;
use crate::scripted::{Does, Scripted};

const WRITE: &str = "mode: write
params: { id: { type: integer, default: 1 }, note: { type: string, required: false } }
sql: INSERT INTO runs (id, note) VALUES ({{ id }}, {{ note | default(none) }}) RETURNING run
result: { shape: value, schema: { type: integer, maximum: 1000 } }
retry: { attempts: 1 }
timeout: 20s
";

/// A gateway of one action, and one of its callers.
#[derive(Clone)]
struct Keyed {
    repeats: Arc<Repeats>,
    backend: Arc<Scripted>,
    action: Arc<Action>,
    limiter: Option<Arc<Limiter>>,
    caller: Option<&'static str>,
}

/// What came of a call: its result or its error, and whether that is an earlier call's.
type Came = (Result<Json, CallError>, bool);

impl Keyed {
    fn new(steps: impl IntoIterator<Item = Does>) -> Self {
        let (repeats, backend) = (Arc::default(), Scripted::new(steps));
        Self { repeats, backend, action: action(WRITE), limiter: None, caller: None }
    }

    async fn send(&self, key: &str, variables: &str) -> Came {
        let backend = self.backend.clone() as Arc<dyn Backend>;
        let target = Target {
            action: &self.action,
            backend: &backend,
            limiters: [self.limiter.as_deref(), None],
            standing: None,
            dry: false,
            cache: None,
            request_id: "r",
        };
        let under = Under { repeats: &self.repeats, caller: self.caller, key, first: &AtomicBool::new(false) };
        let mut trace = Trace::default();
        let variables = Variables::from_json(variables).expect("an object");
        let came = call::once(target, under, &variables, &mut trace).await;
        let body = came.map(|answer| serde_json::from_slice::<Json>(&answer.body).expect("JSON"));
        (body.map(|body| body["result"].clone()), trace.replayed)
    }

    fn spawn(&self) -> JoinHandle<Came> {
        self.spawn_under("k")
    }

    fn spawn_under(&self, key: &'static str) -> JoinHandle<Came> {
        let this = self.clone();
        tokio::spawn(async move { this.send(key, "{}").await })
    }

    /// The code of a failure, whether it is in doubt, and whether it is an earlier call's.
    async fn failure(&self, key: &str) -> (String, bool, bool) {
        let (came, replayed) = self.send(key, "{}").await;
        let error = came.expect_err("it fails");
        (error.code.as_str().to_owned(), error.in_doubt, replayed)
    }
}

fn failed(code: &str, in_doubt: bool, replayed: bool) -> (String, bool, bool) {
    (code.to_owned(), in_doubt, replayed)
}

#[tokio::test]
async fn a_write_under_a_key_runs_once() {
    let keyed = Keyed::new([]);
    let (came, replayed) = keyed.send("k", r#"{"id": 1}"#).await;
    assert_eq!((came.expect("an answer"), replayed), (json!(1), false));
    for variables in [r#"{"id": "1"}"#, r#"{"id": " 1 ", "note": ""}"#] {
        let (came, replayed) = keyed.send("k", variables).await;
        assert_eq!((came.expect("an answer"), replayed), (json!(1), true), "{variables}");
    }
    let (came, replayed) = keyed.send("l", "{}").await;
    assert_eq!((came.expect("an answer"), replayed), (json!(2), false), "another key");
}

#[tokio::test]
async fn other_values_under_the_same_key_are_a_conflict() {
    let keyed = Keyed::new([Does::Slow(Duration::from_millis(100))]);
    let first = keyed.spawn();
    sleep(Duration::from_millis(20)).await;
    for _ in 0..2 {
        let error = keyed.send("k", r#"{"id": 2}"#).await.0.expect_err("a conflict");
        assert_eq!((error.code.as_str(), error.code.status()), ("idempotency_conflict", 409));
        sleep(Duration::from_millis(200)).await;
    }
    first.await.expect("does not panic").0.expect("an answer");
    assert_eq!(keyed.backend.runs(), 1);
}

#[tokio::test]
async fn a_repeat_finds_its_outcome_whatever_its_action_has_become() {
    let mut keyed = Keyed::new([]);
    assert_eq!(keyed.send("k", r#"{"note": "x"}"#).await.0.expect("an answer"), 1);
    for (from, to) in [
        ("default: 1 }", "default: 2 }"),
        ("default: 1 }", "default: 1 }, later: { type: integer, default: 3 }"),
        ("default: 1 }", "default: 1 }, later: integer"),
    ] {
        keyed.action = action(&WRITE.replace(from, to));
        let (came, replayed) = keyed.send("k", r#"{"note": "x"}"#).await;
        assert_eq!((came.expect("an answer"), replayed), (json!(1), true), "{to}");
        let error = keyed.send("k", r#"{"note": "y"}"#).await.0.expect_err("another note");
        assert_eq!(error.code.as_str(), "idempotency_conflict", "{to}");
    }
    let error = keyed.send("l", r#"{"note": "x"}"#).await.0.expect_err("one must be sent now");
    assert_eq!((error.code.as_str(), keyed.backend.runs()), ("missing_parameter", 1));
}

#[tokio::test]
async fn keys_belong_to_an_action_and_a_caller() {
    let mut keyed = Keyed::new([]);
    assert_eq!(keyed.send("k", "{}").await.0.expect("an answer"), 1);
    keyed.caller = Some("cxone");
    assert_eq!(keyed.send("k", "{}").await.0.expect("an answer"), 2);
    keyed.caller = Some("genesys");
    assert_eq!(keyed.send("k", "{}").await.0.expect("an answer"), 3);
    let mut other = Arc::try_unwrap(action(WRITE)).expect("nobody else has it");
    other.name = "other".into();
    keyed.action = Arc::new(other);
    assert_eq!(keyed.send("k", "{}").await.0.expect("an answer"), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sent_many_times_at_once_it_runs_once() {
    let keyed = Keyed::new([Does::Slow(Duration::from_millis(100))]);
    let calls: Vec<_> = (0..4).map(|_| keyed.spawn()).collect();
    let mut own = 0;
    for call in join_all(calls).await {
        let (came, replayed) = call.expect("does not panic");
        assert_eq!(came.expect("an answer"), 1);
        own += usize::from(!replayed);
    }
    assert_eq!((keyed.backend.runs(), own), (1, 1));
}

/// How many of these calls got an answer; the others are overloaded, and nothing is in doubt.
async fn answered(calls: impl IntoIterator<Item = JoinHandle<Came>>) -> usize {
    let came = join_all(calls).await.into_iter().map(|call| call.expect("does not panic").0);
    came.filter(|came| match came {
        Ok(_) => true,
        Err(error) => {
            assert_eq!((error.code.as_str(), error.in_doubt), ("overloaded", false));
            false
        }
    })
    .count()
}

#[tokio::test]
async fn only_so_many_wait_for_the_same_call() {
    let keyed = Keyed::new([Does::Slow(Duration::from_millis(200))]);
    let calls: Vec<_> = (0..20).map(|_| keyed.spawn()).collect();
    assert_eq!(answered(calls).await, 4, "the first, and three who wait for it");
    assert_eq!(keyed.backend.runs(), 1);
    assert!(keyed.send("k", "{}").await.1, "who comes later is served");
}

#[tokio::test]
async fn no_more_wait_for_others_than_may_wait_in_the_queue() {
    let mut keyed = Keyed::new(vec![Does::Slow(Duration::from_millis(200)); 3]);
    let settings = LimiterSettings { concurrency: Some(3), queue: 2, max_wait: Duration::from_secs(20), rate: None };
    keyed.limiter = Some(Arc::new(Limiter::new(settings)));
    let calls: Vec<_> = ["k", "l", "m", "k", "l", "m"].map(|key| keyed.spawn_under(key)).into_iter().collect();
    assert_eq!(answered(calls).await, 5);
    assert_eq!(keyed.backend.runs(), 3);
    // Who has waited gives the place back.
    keyed.backend.then(Does::Slow(Duration::from_millis(50)));
    assert_eq!(answered([keyed.spawn_under("n"), keyed.spawn_under("n"), keyed.spawn_under("n")]).await, 3);
}

#[tokio::test]
async fn a_repeat_waits_although_no_other_call_may_run() {
    let mut keyed = Keyed::new([Does::Slow(Duration::from_millis(200))]);
    let max_wait = Duration::from_millis(1);
    let settings = LimiterSettings { concurrency: Some(1), queue: 2, max_wait, rate: None };
    keyed.limiter = Some(Arc::new(Limiter::new(settings)));
    let calls: Vec<_> = (0..3).map(|_| keyed.spawn()).collect();
    for call in join_all(calls).await {
        assert_eq!(call.expect("does not panic").0.expect("an answer"), 1);
    }
}

#[tokio::test]
async fn what_another_try_would_not_change_is_replayed() {
    let keyed = Keyed::new([Does::Fail(FailureKind::Constraint("unique"), Again::Never)]);
    assert_eq!(keyed.failure("k").await, failed("constraint_violation", false, false));
    assert_eq!(keyed.failure("k").await, failed("constraint_violation", false, true));
    assert_eq!(keyed.backend.runs(), 1);
    keyed.backend.then(Does::Answer(2000));
    assert_eq!(keyed.failure("l").await, failed("result_invalid", false, false));
    assert_eq!(keyed.failure("l").await, failed("result_invalid", false, true));
}

#[tokio::test]
async fn what_had_no_effect_and_may_pass_runs_again() {
    for (kind, code) in [
        (FailureKind::Unavailable, "backend_unavailable"),
        (FailureKind::Overloaded, "overloaded"),
        (FailureKind::Contention, "contention"),
        (FailureKind::Timeout, "timeout"),
        (FailureKind::InvalidValue, "invalid_parameter"),
        (FailureKind::Drift, "schema_drift"),
    ] {
        let keyed = Keyed::new([Does::Fail(kind, Again::Never)]);
        assert_eq!(keyed.failure("k").await, failed(code, false, false));
        let (came, replayed) = keyed.send("k", r#"{"id": 7}"#).await;
        assert_eq!((came.expect("it runs"), replayed), (json!(2), false), "{code}: even with other values");
    }
    let keyed = Keyed::new([]);
    assert!(keyed.send("k", r#"{"id": "x"}"#).await.0.is_err());
    assert_eq!(keyed.send("k", "{}").await.0.expect("it runs"), 1);
}

#[tokio::test]
async fn an_outcome_in_doubt_is_remembered_and_never_run_again() {
    let mut keyed = Keyed::new([Does::Lose(FailureKind::Unavailable)]);
    assert_eq!(keyed.failure("k").await, failed("backend_unavailable", true, false));
    assert_eq!(keyed.failure("k").await, failed("backend_unavailable", true, true));
    let mut hasty = Arc::try_unwrap(action(WRITE)).expect("nobody else has it");
    hasty.timeout = Duration::from_millis(50);
    keyed.action = Arc::new(hasty);
    keyed.backend.then(Does::Commit);
    assert_eq!(keyed.failure("l").await, failed("timeout", true, false));
    assert_eq!(keyed.failure("l").await, failed("timeout", true, true));
    keyed.backend.then(Does::Hang);
    assert_eq!(keyed.failure("m").await, failed("timeout", false, false), "it was rolled back");
    assert_eq!(keyed.backend.runs(), 3);
    assert_eq!(keyed.send("m", "{}").await.0.expect("it runs"), 4);
}

#[tokio::test]
async fn those_who_wait_for_a_call_that_had_no_effect_run_it_once_more() {
    let keyed = Keyed::new([Does::FailSlowly(Duration::from_millis(100), FailureKind::Contention)]);
    let first = keyed.spawn();
    sleep(Duration::from_millis(20)).await;
    let others: Vec<_> = (0..3).map(|_| keyed.spawn()).collect();
    assert!(first.await.expect("does not panic").0.is_err());
    for call in join_all(others).await {
        assert_eq!(call.expect("does not panic").0.expect("an answer"), 2);
    }
    assert_eq!(keyed.backend.runs(), 2);
}

#[tokio::test]
async fn a_repeat_waits_no_longer_than_its_own_deadline() {
    let mut keyed = Keyed::new([Does::Hang]);
    let first = keyed.spawn();
    sleep(Duration::from_millis(20)).await;
    let mut hasty = Arc::try_unwrap(action(WRITE)).expect("nobody else has it");
    hasty.timeout = Duration::from_millis(50);
    keyed.action = Arc::new(hasty);
    assert_eq!(keyed.failure("k").await, failed("timeout", true, false), "nobody knows how the first will end");
    assert_eq!(keyed.backend.runs(), 1);
    first.abort();
}

#[tokio::test]
async fn a_call_that_panics_or_is_dropped_is_in_doubt() {
    let keyed = Keyed::new([Does::Panic, Does::Hang]);
    assert!(keyed.spawn().await.is_err());
    assert_eq!(keyed.failure("k").await, failed("internal", true, true));
    let keyed = Keyed::new([Does::Hang]);
    let first = keyed.spawn();
    sleep(Duration::from_millis(20)).await;
    let waiting = keyed.spawn();
    sleep(Duration::from_millis(20)).await;
    first.abort();
    let error = waiting.await.expect("does not panic").0.expect_err("it is in doubt");
    assert_eq!((error.code.as_str(), error.in_doubt), ("internal", true));
}
