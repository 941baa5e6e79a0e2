//! What goes wrong, and what comes of it: once, not twice; a code for each fault; nothing left running.

use std::{sync::atomic::Ordering, time::Duration};

use datadip::backend::{Failure, FailureKind, Health, Request};
use serde_json::json;
use tokio::time::Instant;

use super::{
    ONE, action, number, one, read, run,
    server::{CANCEL, Fault, PARTITION, POLL, SUBMIT, Server},
    settled, write,
};
use crate::{
    backends::{calls::call, tools},
    snowflake::account::{Account, Canned, column},
};

/// What one run of a query says when things go wrong.
async fn check(server: &Server, expected: FailureKind, code: Option<&str>) -> Failure {
    let failure = run(&server.backend(""), read(ONE)).await.expect_err("it fails");
    assert_eq!((&failure.kind, failure.code.as_deref()), (&expected, code), "{failure:?}");
    assert!(!failure.message.contains("secret"), "{failure:?}");
    failure
}

#[tokio::test]
async fn a_connection_lost_after_the_statement_began_is_answered_from_the_same_execution() {
    for fault in [Fault::CutAfter, Fault::CutBody] {
        let server = Server::start(one());
        server.fault(SUBMIT, fault);
        let request = read(ONE);
        let mut kept = tools::Kept::default();
        server.backend("").run(&request, &mut kept).await.expect("it is answered");
        assert_eq!(kept.rows, [[json!(1)]]);
        assert_eq!((server.account().executed(), request.retries.load(Ordering::Relaxed)), (1, 1));
        let sent = server.requests(SUBMIT);
        assert_eq!(sent[0].parameter("retry"), None);
        assert_eq!(sent[1].parameter("retry").as_deref(), Some("true"));
        assert_eq!(sent[0].parameter("requestId"), sent[1].parameter("requestId"));
        assert_eq!(sent[0].body, sent[1].body);
    }
}

#[tokio::test]
async fn what_may_pass_is_asked_again_with_the_same_id() {
    let passing = [
        Fault::CutBefore,
        Fault::error(429, "390505"),
        Fault::error(500, "390000"),
        Fault::page(502),
        Fault::page(503),
        Fault::page(504),
    ];
    for target in [SUBMIT, POLL, PARTITION] {
        for fault in &passing {
            let rows = move |at: usize| vec![vec![Some(at.to_string())]];
            let pages = Canned::partitions(&[column("N", "fixed", 38.into(), 0.into())], 2, rows).after(1);
            let server = Server::start(Account::with(vec![(ONE, pages)]));
            server.faults(target, 2, fault);
            let request = read(ONE);
            let mut kept = tools::Kept::default();
            server.backend("").run(&request, &mut kept).await.unwrap_or_else(|f| panic!("{target} {fault:?}: {f:?}"));
            assert_eq!(kept.rows, [[json!(0)], [json!(1)]]);
            assert_eq!((server.account().executed(), request.retries.load(Ordering::Relaxed)), (1, 2));
        }
    }
}

#[tokio::test]
async fn what_does_not_pass_gives_its_code() {
    let check_all = async |target: &str, fault: Fault, expected: FailureKind| {
        let server = Server::start(one());
        server.faults(target, 3, &fault);
        let failure = run(&server.backend(""), read(ONE)).await.expect_err("it fails");
        assert_eq!(failure.kind, expected, "{target} {fault:?} {failure:?}");
        let asked = server.requests(target).into_iter().filter(|got| !got.target.contains(CANCEL)).count();
        assert_eq!(asked, 3, "{target} {fault:?}");
    };
    for target in [SUBMIT, POLL] {
        check_all(target, Fault::CutBefore, FailureKind::Unavailable).await;
        check_all(target, Fault::error(429, "390505"), FailureKind::Throttled).await;
        check_all(target, Fault::page(503), FailureKind::Unavailable).await;
        check_all(target, Fault::CutBody, FailureKind::Unavailable).await;
    }
}

#[tokio::test]
async fn what_would_fail_again_is_not_tried_again() {
    for (status, code, expected) in [
        (422, "000606", FailureKind::Other),
        (422, "001003", FailureKind::Other),
        (422, "000008", FailureKind::Other),
        (422, "000904", FailureKind::Drift),
        (422, "002003", FailureKind::Drift),
        (400, "391918", FailureKind::Drift),
        (400, "390186", FailureKind::Other),
        (422, "000604", FailureKind::Other),
        (422, "090073", FailureKind::Limited),
        (408, "000630", FailureKind::Timeout),
        (422, "100038", FailureKind::InvalidValue),
        (422, "100072", FailureKind::Constraint("not_null")),
    ] {
        let server = Server::start(Account::with(vec![(ONE, Canned::fails(status, code).after(1))]));
        check(&server, expected.clone(), Some(code)).await;
        assert_eq!((server.account().executed(), server.requests(SUBMIT).len()), (1, 1), "{code}");
        assert_eq!(server.requests(CANCEL).len(), 0, "what ended by itself needs no stopping");
        let server = Server::start(one());
        server.fault(SUBMIT, Fault::error(status, code));
        check(&server, expected, Some(code)).await;
        assert_eq!(server.requests(SUBMIT).len(), 1, "{code}");
    }
}

#[tokio::test]
async fn waiters_for_a_lock_are_another_submission() {
    let server = Server::start(one());
    server.account().statements.insert(ONE.into(), Canned::fails(422, "000625"));
    let action = action(&format!("sql: {ONE}\n"));
    let (answer, trace) = call(&action, &server.backend(""), "{}").await;
    assert_eq!(answer.expect_err("it stays locked").code.as_str(), "contention");
    let executions: Vec<usize> = server.account().executions.values().copied().collect();
    assert_eq!((executions, trace.retries), (vec![1, 1, 1], 2));
    assert!(server.requests(SUBMIT).iter().all(|sent| sent.parameter("retry").is_none()));
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let server = Server::start(one());
    server.fault(SUBMIT, Fault::error(401, "390144"));
    let kept = run(&server.backend(""), read(ONE)).await.expect("it is answered with a new token");
    assert_eq!((kept.rows.len(), server.account().executed()), (1, 1));
    let server = Server::start(one());
    server.faults(SUBMIT, 5, &Fault::error(401, "390318"));
    check(&server, FailureKind::Unavailable, Some("390318")).await;
    assert_eq!(server.requests(SUBMIT).len(), 2);
}

#[tokio::test]
async fn a_time_to_come_again_after_the_deadline_is_passed_on() {
    let server = Server::start(one());
    server.fault(SUBMIT, Fault::error(429, "390505").with("Retry-After", "30"));
    let failure = check(&server, FailureKind::Throttled, Some("390505")).await;
    assert_eq!(failure.retry_after, Some(Duration::from_secs(30)));
    assert_eq!(server.requests(SUBMIT).len(), 1);
}

#[tokio::test]
async fn a_statement_that_runs_on_is_asked_for_again_and_again() {
    for busy in [false, true] {
        let server = Server::start(Account::with(vec![(ONE, number().after(4))]));
        server.account().busy = busy;
        let request = read(ONE);
        let mut kept = tools::Kept::default();
        server.backend("").run(&request, &mut kept).await.expect("it ends");
        assert_eq!((kept.rows.len(), server.requests(POLL).len()), (1, 5));
        assert_eq!(request.retries.load(Ordering::Relaxed), 0, "it was not asked again, it went on");
    }
}

#[tokio::test]
async fn a_statement_is_stopped_at_the_deadline() {
    let server = Server::start(Account::with(vec![(ONE, number().never())]));
    let request = Request { deadline: Instant::now() + Duration::from_secs(2), ..read(ONE) };
    let failure = run(&server.backend(""), request).await.expect_err("it takes too long");
    assert_eq!(failure.kind, FailureKind::Timeout);
    tools::until("it is stopped", async || server.account().cancelled() == 1).await;
    // What nobody could stop would stop itself.
    assert!(matches!(server.sent()["timeout"].as_u64(), Some(1 | 2)));
}

#[tokio::test]
async fn a_caller_who_leaves_stops_the_statement() {
    let server = Server::start(Account::with(vec![(ONE, number().never())]));
    let backend = server.backend("");
    let task = tokio::spawn(async move { run(&backend, read(ONE)).await });
    tools::until("it runs", async || server.account().still_running() == 1).await;
    task.abort();
    settled(&server).await;
    assert_eq!(server.account().cancelled(), 1);
}

#[tokio::test]
async fn a_caller_who_leaves_before_there_is_a_handle_stops_the_statement_too() {
    let server = Server::start(Account::with(vec![(ONE, number().never())]));
    server.fault(SUBMIT, Fault::Late(Duration::from_millis(500)));
    let backend = server.backend("");
    let task = tokio::spawn(async move { run(&backend, read(ONE)).await });
    tools::until("it is sent", async || server.requests(SUBMIT).len() == 1).await;
    task.abort();
    tools::until("it is stopped", async || server.account().cancelled() == 1).await;
    assert_eq!(server.requests(SUBMIT).len(), 1);
}

#[tokio::test]
async fn nobody_submits_again_for_a_caller_who_left() {
    let server = Server::start(one());
    server.fault(SUBMIT, Fault::page(503).with("Retry-After", "1"));
    let backend = server.backend("");
    let task = tokio::spawn(async move { run(&backend, write(ONE)).await });
    tools::until("it is sent", async || server.requests(SUBMIT).len() == 1).await;
    task.abort();
    assert!(task.await.is_err_and(|error| error.is_cancelled()));
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!((server.requests(SUBMIT).len(), server.account().executed()), (1, 0));
}

#[tokio::test]
async fn a_partition_that_is_too_large_is_refused() {
    let rows = |at: usize| vec![vec![Some(at.to_string())]];
    let pages = Canned::partitions(&[column("N", "fixed", 38.into(), 0.into())], 2, rows);
    let server = Server::start(Account::with(vec![(ONE, pages)]));
    server.fault(PARTITION, Fault::Bomb);
    check(&server, FailureKind::Other, None).await;
    assert_eq!(server.requests(PARTITION).len(), 1);
}

#[tokio::test]
async fn answers_that_make_no_sense_are_refused() {
    for body in ["", "[]", "{}", "null", r#"{"statementHandle":"../x"}"#, r#"{"statementHandle":"a","data":[[1]]}"#] {
        let server = Server::start(one());
        server.fault(SUBMIT, Fault::Answer(200, Vec::new(), body.into()));
        check(&server, FailureKind::Other, None).await;
    }
}

#[tokio::test]
async fn what_cannot_be_reached_is_down_until_it_answers() {
    let server = Server::start(one());
    let backend = server.backend("");
    assert_eq!(backend.health(), Health::Unused);
    backend.connect().await.expect("a key signs");
    server.faults(SUBMIT, 3, &Fault::CutBefore);
    run(&backend, read(ONE)).await.expect_err("it is down");
    assert_eq!(backend.health(), Health::Down);
    run(&backend, read(ONE)).await.expect("it is up");
    assert_eq!(backend.health(), Health::Up);
}

#[tokio::test]
async fn who_waits_for_its_reader_keeps_nobody_else_from_running() {
    let server = Server::start(one());
    let backend = server.backend("max_concurrency: 1");
    let streamed = tools::held(&backend, read(ONE)).await;
    run(&backend, read(ONE)).await.expect("there is a place");
    streamed.abort();
}
