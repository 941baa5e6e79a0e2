//! The cache of reads.

use std::{sync::Arc, time::Duration};

use datadip::{
    action::{Action, Variables},
    backend::{Again, Backend, FailureKind},
    call::{self, Cache, CacheUse, CallError, Lookup, Target, Trace},
};
use futures_util::future::join_all;
use serde_json::{Value as Json, json};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use super::action;
use crate::scripted::{Does, Scripted};

const READ: &str =
    "params: { id: { type: integer, default: 1 }, order: { type: choice, choices: { a: ASC, d: DESC }, default: a } }
sql: SELECT run FROM runs WHERE id = {{ id }} ORDER BY run {{ order }}
result: { shape: value }
timeout: 20s
";

/// A gateway of one action.
#[derive(Clone)]
struct Cached {
    cache: Arc<Cache>,
    backend: Arc<Scripted>,
    action: Arc<Action>,
    digest: [u8; 32],
}

/// What came of a call: its body and what it had of the cache.
type Came = (Result<Json, CallError>, Option<CacheUse>);

impl Cached {
    fn new(policy: &str, steps: impl IntoIterator<Item = Does>) -> Self {
        let action = action(&format!("{READ}cache: {{ {policy} }}\n"));
        Self { cache: Arc::new(Cache::new(1 << 20)), backend: Scripted::new(steps), action, digest: [1; 32] }
    }

    async fn send(&self, variables: &str, refresh: bool) -> Came {
        let (came, trace) = self.trace(variables, refresh).await;
        (came, trace.cache)
    }

    async fn trace(&self, variables: &str, refresh: bool) -> (Result<Json, CallError>, Trace) {
        let backend = self.backend.clone() as Arc<dyn Backend>;
        let lookup = Lookup { cache: &self.cache, backend: &self.digest, refresh };
        let target = Target {
            action: &self.action,
            backend: &backend,
            limiters: [None, None],
            standing: None,
            dry: false,
            cache: Some(lookup),
            request_id: "r",
        };
        let mut trace = Trace::default();
        let variables = Variables::from_json(variables).expect("an object");
        let came = call::call(target, &variables, &mut trace).await;
        (came.map(|answer| serde_json::from_slice(&answer.body).expect("JSON")), trace)
    }

    /// The number of the run that answered, and what the call had of the cache.
    async fn run(&self, variables: &str) -> (u64, CacheUse) {
        let (came, cache) = self.send(variables, false).await;
        (came.expect("an answer")["result"].as_u64().expect("a number"), cache.expect("the action has a cache"))
    }

    fn spawn(&self) -> JoinHandle<Came> {
        let this = self.clone();
        tokio::spawn(async move { this.send("{}", false).await })
    }
}

#[tokio::test]
async fn an_answer_is_served_again_until_it_expires() {
    let body = json!({ "status": "success", "result": 1, "row_count": 1, "message": "1 row", "request_id": "r" });
    let mut again = body.clone();
    again["cached"] = true.into();
    for _ in 0..20 {
        let (cached, began) = (Cached::new("ttl: 1s", []), Instant::now());
        assert_eq!(cached.send("{}", false).await.0.expect("an answer"), body);
        let second = cached.send("{}", false).await.0.expect("an answer");
        // On a machine that stands still for a second it expires at once.
        if began.elapsed() < Duration::from_secs(1) {
            assert_eq!(second, again);
            sleep(Duration::from_millis(1050)).await;
            assert_eq!(cached.run("{}").await, (2, CacheUse::Miss));
            return;
        }
    }
    panic!("it never was quick enough");
}

#[tokio::test]
async fn values_branches_revisions_and_backends_have_entries_of_their_own() {
    let mut cached = Cached::new("ttl: 1h", []);
    assert_eq!(cached.run(r#"{"id": 1}"#).await, (1, CacheUse::Miss));
    assert_eq!(cached.run(r#"{"id": " 1 "}"#).await, (1, CacheUse::Hit), "bound values count, not what was sent");
    assert_eq!(cached.run("{}").await, (1, CacheUse::Hit));
    assert_eq!(cached.run(r#"{"id": 2}"#).await, (2, CacheUse::Miss));
    assert_eq!(cached.run(r#"{"order": "d"}"#).await, (3, CacheUse::Miss));
    cached.digest = [2; 32];
    assert_eq!(cached.run("{}").await, (4, CacheUse::Miss));
    cached.action = action(&format!("{READ}cache: {{ ttl: 2h }}\n"));
    assert_eq!(cached.run("{}").await, (5, CacheUse::Miss));
    assert_eq!(cached.run("{}").await, (5, CacheUse::Hit));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_first_calls_at_once_run_one_query() {
    for policy in ["ttl: 1h", "ttl: 1ms"] {
        let cached = Cached::new(policy, [Does::Slow(Duration::from_secs(1))]);
        let calls: Vec<_> = (0..50).map(|_| cached.spawn()).collect();
        let mut own = 0;
        for call in join_all(calls).await {
            let (came, cache) = call.expect("does not panic");
            let body = came.expect("an answer");
            assert_eq!((&body["result"], body.get("cached").is_some()), (&json!(1), cache == Some(CacheUse::Hit)));
            own += usize::from(cache == Some(CacheUse::Miss));
        }
        assert_eq!((cached.backend.runs(), own), (1, 1), "{policy}");
    }
}

#[tokio::test]
async fn a_filler_that_fails_or_leaves_harms_nobody() {
    let hang = Cached::new("ttl: 1h", [Does::Hang]);
    let filler = hang.spawn();
    sleep(Duration::from_millis(20)).await;
    let waiting: Vec<_> = (0..10).map(|_| hang.spawn()).collect();
    sleep(Duration::from_millis(20)).await;
    filler.abort();
    let slow = Duration::from_millis(50);
    let failed = Cached::new("ttl: 1h", [Does::FailSlowly(slow, FailureKind::Unavailable)]);
    let filler = failed.spawn();
    sleep(Duration::from_millis(20)).await;
    let waiting: Vec<_> = waiting.into_iter().chain((0..10).map(|_| failed.spawn())).collect();
    for call in join_all(waiting).await {
        assert_eq!(call.expect("does not panic").0.expect("an answer")["result"], 2);
    }
    assert_eq!((hang.backend.runs(), failed.backend.runs()), (2, 2), "the next who waited filled for all");
    let error = filler.await.expect("does not panic").0.expect_err("its own failure");
    assert_eq!(error.code.as_str(), "backend_unavailable");
}

#[tokio::test]
async fn what_comes_of_the_statement_is_everybodys_who_waits() {
    for (kind, code) in [
        (FailureKind::Other, "backend_error"),
        (FailureKind::Drift, "schema_drift"),
        (FailureKind::InvalidValue, "invalid_parameter"),
        (FailureKind::Contention, "contention"),
    ] {
        let cached = Cached::new("ttl: 1h", [Does::FailSlowly(Duration::from_millis(50), kind)]);
        let calls: Vec<_> = (0..10).map(|_| cached.spawn()).collect();
        for call in join_all(calls).await {
            assert_eq!(call.expect("does not panic").0.expect_err("it fails").code.as_str(), code);
        }
        assert_eq!(cached.run("{}").await, (2, CacheUse::Miss), "who comes later asks again");
    }
}

#[tokio::test]
async fn waiting_for_anothers_answer_counts_as_waiting() {
    let cached = Cached::new("ttl: 1h", [Does::Slow(Duration::from_millis(200))]);
    // The first begins before the second is asked at all.
    let (filler, (came, trace)) = tokio::join!(cached.send("{}", false), cached.trace("{}", false));
    assert_eq!((came.expect("an answer")["result"].as_u64(), trace.cache), (Some(1), Some(CacheUse::Hit)));
    assert!(trace.queue > Duration::ZERO);
    filler.0.expect("an answer");
    assert_eq!(cached.trace("{}", false).await.1.queue, Duration::ZERO);
}

#[tokio::test]
async fn each_who_waits_has_a_deadline_of_its_own() {
    let cached = Cached::new("ttl: 1h", [Does::Hang, Does::Hang]);
    let mut hasty = cached.clone();
    // The same entry by the same revision, but a shorter patience.
    let mut action = Arc::try_unwrap(action(&format!("{READ}cache: {{ ttl: 1h }}\n"))).expect("nobody else has it");
    action.timeout = Duration::from_millis(100);
    hasty.action = Arc::new(action);
    let filler = cached.spawn();
    sleep(Duration::from_millis(20)).await;
    let started = Instant::now();
    let (came, _) = hasty.send("{}", false).await;
    assert_eq!(came.expect_err("the filler hangs").code.as_str(), "timeout");
    assert!(started.elapsed() < Duration::from_secs(15) && !filler.is_finished());
    filler.abort();
}

#[tokio::test]
async fn an_expired_answer_stands_in_while_the_backend_fails() {
    for kind in [FailureKind::Unavailable, FailureKind::Overloaded, FailureKind::Contention, FailureKind::Timeout] {
        let cached = Cached::new("ttl: 50ms, stale_if_error: 1h", []);
        assert_eq!(cached.run("{}").await, (1, CacheUse::Miss));
        sleep(Duration::from_millis(60)).await;
        cached.backend.then(Does::Fail(kind, Again::Never));
        let (came, cache) = cached.send("{}", false).await;
        let body = came.expect("the old answer");
        assert_eq!((&body["result"], &body["cached"], &body["stale"]), (&json!(1), &json!(true), &json!(true)));
        assert_eq!(cache, Some(CacheUse::Stale));
        assert_eq!(cached.run("{}").await, (3, CacheUse::Miss), "the backend is back");
    }
}

#[tokio::test]
async fn a_mistake_is_not_hidden_behind_an_expired_answer() {
    for (kind, code) in [
        (FailureKind::Drift, "schema_drift"),
        (FailureKind::Other, "backend_error"),
        (FailureKind::InvalidValue, "invalid_parameter"),
    ] {
        let cached = Cached::new("ttl: 10ms, stale_if_error: 1h", []);
        cached.run("{}").await;
        sleep(Duration::from_millis(20)).await;
        cached.backend.then(Does::Fail(kind, Again::Never));
        assert_eq!(cached.send("{}", false).await.0.expect_err("a mistake").code.as_str(), code);
    }
}

#[tokio::test]
async fn an_expired_answer_stands_in_for_its_time_only() {
    let cached = Cached::new("ttl: 10ms, stale_if_error: 40ms", []);
    cached.run("{}").await;
    sleep(Duration::from_millis(60)).await;
    cached.backend.then(Does::Fail(FailureKind::Unavailable, Again::Never));
    assert!(cached.send("{}", false).await.0.is_err());
}

#[tokio::test]
async fn those_who_wait_for_a_failing_backend_share_the_expired_answer() {
    let cached = Cached::new("ttl: 10ms, stale_if_error: 1h", []);
    cached.run("{}").await;
    sleep(Duration::from_millis(20)).await;
    cached.backend.then(Does::FailSlowly(Duration::from_millis(100), FailureKind::Unavailable));
    let calls = (0..20).map(|_| cached.spawn()).collect::<Vec<_>>();
    for call in timeout(Duration::from_secs(10), join_all(calls)).await.expect("nobody is stranded") {
        assert_eq!(call.expect("does not panic").1, Some(CacheUse::Stale));
    }
    assert_eq!(cached.backend.runs(), 2, "one asked for all");
}

#[tokio::test]
async fn a_caller_who_wants_no_cache_gets_a_new_answer_that_is_kept() {
    let cached = Cached::new("ttl: 1h, stale_if_error: 1h", []);
    cached.run("{}").await;
    let (came, cache) = cached.send("{}", true).await;
    let body = came.expect("an answer");
    assert_eq!((&body["result"], body.get("cached"), cache), (&json!(2), None, Some(CacheUse::Skip)));
    assert_eq!(cached.run("{}").await, (2, CacheUse::Hit));
    cached.backend.then(Does::Fail(FailureKind::Unavailable, Again::Never));
    let error = cached.send("{}", true).await.0.expect_err("no old answer either");
    assert_eq!(error.code.as_str(), "backend_unavailable");
}

#[tokio::test]
async fn a_slow_answer_does_not_replace_a_newer_one() {
    let cached = Cached::new("ttl: 1h", [Does::Slow(Duration::from_millis(200))]);
    let slow = cached.spawn();
    sleep(Duration::from_millis(20)).await;
    assert_eq!(cached.send("{}", true).await.0.expect("an answer")["result"], 2);
    assert_eq!(slow.await.expect("does not panic").0.expect("an answer")["result"], 1);
    assert_eq!(cached.run("{}").await, (2, CacheUse::Hit));
}

#[tokio::test]
async fn entries_stay_within_their_bytes() {
    let mut cached = Cached::new("ttl: 1h", []);
    cached.cache = Arc::new(Cache::new(20_000));
    for id in 0..500 {
        cached.run(&format!(r#"{{"id": {id}}}"#)).await;
        assert!(cached.cache.bytes() <= 20_000, "{}", cached.cache.bytes());
    }
    assert!(cached.cache.bytes() > 5_000);
    assert_eq!(cached.run(r#"{"id": 499}"#).await.1, CacheUse::Hit);
    cached.cache = Arc::new(Cache::new(0));
    assert_eq!(cached.run("{}").await.1, CacheUse::Miss);
    assert_eq!((cached.run("{}").await.1, cached.cache.bytes()), (CacheUse::Miss, 0));
}
