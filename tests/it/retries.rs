//! Which failures of a backend are tried again (SPEC 6), how often, and what a caller gets of it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use datadip::{
    backend::{Again, Backend, FailureKind, sqlite},
    call::{CallError, Trace},
};
use serde_json::{Value as Json, json};

use crate::{
    backends::calls::{action, call},
    scripted::{Does, Scripted},
};

/// What comes of a call of an action with these lines on a backend that does this, and how often it was asked.
async fn check(lines: &str, script: impl IntoIterator<Item = Does>) -> (Result<Json, CallError>, Trace, usize) {
    let scripted = Scripted::new(script);
    let backend: Arc<dyn Backend> = scripted.clone();
    let text = format!("sql: SELECT 1 AS n\nresult: {{ shape: value }}\n{lines}");
    let (answer, trace) = call(&action(&sqlite::DRIVER, &text), &backend, "{}").await;
    (answer.map(|answer| answer["result"].clone()), trace, scripted.runs())
}

const QUICK: &str = "retry: { base_delay: 1ms, max_delay: 2ms }\n";

fn busy() -> Does {
    Does::Fail(FailureKind::Contention, Again::Paused)
}

fn lost() -> Does {
    Does::Fail(FailureKind::Unavailable, Again::Once)
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_counted() {
    let (answer, trace, runs) = check(QUICK, [busy(), busy(), Does::Answer(7)]).await;
    assert_eq!((answer.expect("the third try"), trace.retries, runs), (json!(7), 2, 3));
}

#[tokio::test]
async fn three_tries_are_the_usual_most() {
    let (answer, trace, runs) = check(QUICK, [busy(), busy(), busy(), Does::Answer(7)]).await;
    let error = answer.expect_err("three tries");
    assert_eq!((error.code.as_str(), trace.retries, runs), ("contention", 2, 3));
    assert!(error.retry_after.is_some());
}

#[tokio::test]
async fn an_action_says_how_often() {
    for attempts in [1, 2, 5] {
        let retry = format!("retry: {{ attempts: {attempts}, base_delay: 1ms, max_delay: 1ms }}\n");
        let (answer, _, runs) = check(&retry, (0..10).map(|_| busy())).await;
        assert!(answer.is_err());
        assert_eq!(runs, attempts);
    }
}

#[tokio::test]
async fn what_would_fail_again_or_may_have_had_an_effect_is_not_tried_again() {
    for kind in [FailureKind::Unavailable, FailureKind::Contention, FailureKind::Drift, FailureKind::Other] {
        let (answer, trace, runs) = check(QUICK, [Does::Fail(kind.clone(), Again::Never)]).await;
        assert!(answer.is_err(), "{kind:?}");
        assert_eq!((trace.retries, runs), (0, 1), "{kind:?}");
    }
}

#[tokio::test]
async fn a_lost_connection_is_made_up_for_once_whatever_the_action_says_of_retries() {
    for lines in [QUICK, "retry: { attempts: 1 }\n"] {
        let (answer, trace, runs) = check(lines, [lost(), Does::Answer(7)]).await;
        assert_eq!((answer.expect("the second try"), trace.retries, runs), (json!(7), 1, 2));
        let (answer, _, runs) = check(lines, [lost(), lost(), Does::Answer(7)]).await;
        assert_eq!((answer.expect_err("lost twice").code.as_str(), runs), ("backend_unavailable", 2));
    }
    let (answer, trace, runs) = check(QUICK, [lost(), busy(), busy(), Does::Answer(7)]).await;
    assert_eq!((answer.expect("three tries beside it"), trace.retries, runs), (json!(7), 3, 4));
}

#[tokio::test]
async fn rows_of_a_try_that_failed_are_forgotten() {
    let (answer, _, _) = check(QUICK, [Does::Break(6, FailureKind::Unavailable, Again::Once), Does::Answer(7)]).await;
    assert_eq!(answer.expect("the second try"), 7);
}

#[tokio::test]
async fn nobody_waits_for_a_try_after_the_deadline() {
    let lines = "timeout: 60s\nretry: { base_delay: 10000h, max_delay: 10000h }\n";
    let started = Instant::now();
    let (answer, trace, runs) = check(lines, [busy(), Does::Answer(7)]).await;
    assert_eq!((answer.expect_err("no time left").code.as_str(), trace.retries, runs), ("contention", 0, 1));
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
}

#[tokio::test]
async fn tries_share_one_deadline() {
    let lines = format!("timeout: 3s\n{QUICK}");
    let (answer, trace, runs) = check(&lines, [busy(), Does::Hang]).await;
    assert_eq!((answer.expect_err("it hangs").code.as_str(), trace.retries, runs), ("timeout", 1, 2));
}

#[tokio::test]
async fn a_write_whose_commit_was_lost_is_in_doubt_and_not_repeated() {
    let (answer, _, runs) = check("mode: write\n", [Does::Lose(FailureKind::Unavailable)]).await;
    let error = answer.expect_err("nobody knows");
    assert_eq!((error.code.as_str(), error.in_doubt, runs), ("backend_unavailable", true, 1));
}
