//! Writes: how many rows changed, what is in doubt, and what stays although the call fails.

use std::{sync::atomic::Ordering, time::Duration};

use datadip::{
    action::Variables,
    backend::{FailureKind, Request},
    call::{self, Target, Trace},
};
use serde_json::{Value as Json, json};
use tokio::time::Instant;

use super::{
    account::{Account, Canned, column},
    action, read, run,
    server::{Fault, POLL, SUBMIT, Server},
    write,
};
use crate::backends::{
    calls::call,
    tools::{Kept, until},
};

const UPDATE: &str = "UPDATE t SET a = 1 WHERE b = 2";

fn updates(count: u64) -> Canned {
    let stats = json!({ "numRowsInserted": 0, "numRowsUpdated": count, "numRowsDeleted": 0, "numDmlDuplicates": 0 });
    let counts = [("number of rows updated", count), ("number of multi-joined rows updated", 0)];
    Canned::changes(&counts, if count == 0 { Json::Null } else { stats })
}

#[tokio::test]
async fn the_row_of_counts_is_no_result() {
    let check = async |sql: &str, canned: Canned, expected: u64| {
        let server = Server::start(Account::with(vec![(sql, canned)]));
        let kept = run(&server.backend(""), write(sql)).await.expect("it runs");
        assert_eq!((kept.columns.len(), kept.rows.len(), kept.changed), (0, 0, Some(expected)), "{sql}");
    };
    check(UPDATE, updates(3), 3).await;
    check(UPDATE, updates(0), 0).await;
    let counts = [("number of rows updated", 2), ("number of multi-joined rows updated", 2)];
    check(UPDATE, Canned::changes(&counts, Json::Null), 2).await;
    let stats = json!({ "numRowsInserted": 1, "numRowsUpdated": 2, "numRowsDeleted": 4, "numDmlDuplicates": 0 });
    let merge = [("number of rows inserted", 1), ("number of rows updated", 2), ("number of rows deleted", 4)];
    check("MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE", Canned::changes(&merge, stats), 7).await;
    check("INSERT INTO t VALUES (1)", Canned::changes(&[("number of rows inserted", 1)], Json::Null), 1).await;
    let nulls = json!({ "numRowsInserted": null, "numRowsDeleted": 5 });
    check("DELETE FROM t WHERE b = 1", Canned::changes(&[("number of rows deleted", 5)], nulls), 5).await;
    check("DELETE FROM t WHERE a = 1", Canned::changes(&[("number of rows deleted", 5)], Json::Null), 5).await;
}

#[tokio::test]
async fn a_procedure_gives_its_rows() {
    let sql = "CALL refund(1)";
    let rows = Canned::rows(&[column("REFUND", "text", Json::Null, Json::Null)], &[&[Some("done")]]);
    let server = Server::start(Account::with(vec![(sql, rows)]));
    let kept = run(&server.backend(""), write(sql)).await.expect("it runs");
    assert_eq!((kept.columns, kept.rows), (vec!["REFUND".to_owned()], vec![vec![json!("done")]]));
}

#[tokio::test]
async fn a_read_sends_queries_only() {
    let server = Server::start(Account::with(vec![(UPDATE, updates(1))]));
    for sql in [UPDATE, "CALL refund(1)", "TRUNCATE TABLE t"] {
        let failure = run(&server.backend(""), read(sql)).await.expect_err("it is refused");
        assert_eq!(failure.kind, FailureKind::Other);
    }
    let dry = Request { dry: true, ..write(UPDATE) };
    run(&server.backend(""), dry).await.expect_err("nothing is undone there");
    assert_eq!(server.requests(SUBMIT).len(), 0);
}

#[tokio::test]
async fn a_result_that_breaks_the_schema_is_committed() {
    let server = Server::start(Account::with(vec![(UPDATE, updates(3))]));
    let text =
        format!("mode: write\nresult: {{ shape: affected, schema: {{ type: integer, maximum: 1 }} }}\nsql: {UPDATE}\n");
    let (answer, _) = call(&action(&text), &server.backend(""), "{}").await;
    let members = Json::Object(answer.expect_err("three are too many").members());
    assert_eq!((&members["code"], &members["committed"]), (&json!("result_invalid"), &json!(true)));
    assert_eq!(members.get("in_doubt"), None);
    assert_eq!(server.account().executed(), 1);
}

#[tokio::test]
async fn a_statement_that_fails_is_not_committed_and_not_in_doubt() {
    let server = Server::start(Account::with(vec![(UPDATE, Canned::fails(422, "100072").after(1))]));
    let (answer, _) = call(&action(&format!("mode: write\nsql: {UPDATE}\n")), &server.backend(""), "{}").await;
    let members = Json::Object(answer.expect_err("a null").members());
    assert_eq!((&members["code"], &members["constraint"]), (&json!("constraint_violation"), &json!("not_null")));
    assert_eq!((members.get("in_doubt"), members.get("committed")), (None, None));
}

#[tokio::test]
async fn a_simulation_shows_a_write_and_sends_nothing() {
    let server = Server::start(Account::with(vec![(UPDATE, updates(3))]));
    let action = action(&format!("mode: write\nsql: {UPDATE}\n"));
    let (backend, mut trace) = (server.backend(""), Trace::default());
    let target = Target {
        action: &action,
        backend: &backend,
        limiters: [None, None],
        standing: None,
        dry: true,
        cache: None,
        request_id: "r",
    };
    call::call(target, &Variables::default(), &mut trace).await.expect("it is shown");
    assert_eq!(call::statements_json(&action, &trace)[0]["sql"], UPDATE);
    assert_eq!(server.requests(SUBMIT).len(), 0);
}

/// Runs a write that fails; whether it is in doubt.
async fn doubt(server: &Server, request: Request) -> bool {
    server.backend("").run(&request, &mut Kept::default()).await.expect_err("it fails");
    assert!(!request.committed.load(Ordering::Relaxed));
    request.committing.load(Ordering::Relaxed)
}

#[tokio::test]
async fn what_may_have_taken_effect_is_in_doubt() {
    let check = async |faults: &[(&str, Fault)], expected: bool| {
        let server = Server::start(Account::with(vec![(UPDATE, updates(1))]));
        for (target, fault) in faults {
            server.fault(target, fault.clone());
        }
        assert_eq!(doubt(&server, write(UPDATE)).await, expected, "{faults:?}");
    };
    let (lost, down) = (Fault::CutAfter, Fault::page(503));
    let (busy, wrong) = (Fault::error(429, "390505"), Fault::error(422, "001003"));
    check(&[(SUBMIT, lost.clone()), (SUBMIT, lost.clone()), (SUBMIT, lost.clone())], true).await;
    check(&[(SUBMIT, down.clone()), (SUBMIT, down.clone()), (SUBMIT, down.clone())], true).await;
    check(&[(SUBMIT, lost.clone()), (SUBMIT, busy.clone()), (SUBMIT, busy.clone())], true).await;
    check(&[(SUBMIT, busy.clone()), (SUBMIT, busy.clone()), (SUBMIT, busy.clone())], false).await;
    check(&[(SUBMIT, lost), (SUBMIT, wrong.clone())], false).await;
    check(&[(SUBMIT, wrong.clone())], false).await;
    check(&[(POLL, down.clone()), (POLL, down.clone()), (POLL, down)], true).await;
    check(&[(POLL, busy.clone()), (POLL, busy.clone()), (POLL, busy)], true).await;
    check(&[(POLL, wrong)], false).await;
}

#[tokio::test]
async fn a_write_at_its_deadline_is_in_doubt_and_stopped() {
    let server = Server::start(Account::with(vec![(UPDATE, updates(1).never())]));
    let deadline = Instant::now() + Duration::from_secs(2);
    assert!(doubt(&server, Request { deadline, ..write(UPDATE) }).await);
    until("it is stopped", async || server.account().cancelled() == 1).await;
}

#[tokio::test]
async fn a_write_that_was_lost_on_its_way_runs_once() {
    let server = Server::start(Account::with(vec![(UPDATE, updates(1))]));
    server.fault(SUBMIT, Fault::CutAfter);
    let (answer, trace) = call(&action(&format!("mode: write\nsql: {UPDATE}\n")), &server.backend(""), "{}").await;
    assert_eq!(answer.expect("it is answered")["row_count"], 1);
    assert_eq!((server.account().executed(), trace.retries), (1, 1));
}
