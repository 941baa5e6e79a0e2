//! Writes: one transaction, committed only after the sink agreed.

use std::sync::Arc;

use datadip::{
    backend::{Again, Backend, FailureKind, Request},
    value::{Scalar, Value},
};
use serde_json::json;

use super::{Fixture, tools::*};

const ADD: &str = "INSERT INTO things (id, name, amount) VALUES (4, 'four', 4)";
const RAISE: &str = "UPDATE things SET amount = amount + 10";

pub async fn a_write_is_committed_and_counted(fixture: &dyn Fixture) {
    let (dialect, backend) = (fixture.driver().dialect, fixture.backend(1));
    let sql = "UPDATE things SET name = {{ name }} WHERE id > {{ above }}";
    let values = [("name", Scalar::String, Value::Text("x".into())), ("above", Scalar::Integer, Value::Integer(2))];
    let kept = run(&backend, write(vec![statement(dialect, sql, &values)])).await.expect("the write succeeds");
    assert_eq!((kept.changed, kept.rows.len(), kept.columns.len()), (Some(1), 0, 0));
    assert_eq!(things(&backend, dialect).await[2][1], json!("x"));
}

pub async fn a_statement_without_rows_tells_its_columns(fixture: &dyn Fixture) {
    let (dialect, backend) = (fixture.driver().dialect, fixture.backend(1));
    let sql = [RAISE, "SELECT id FROM things WHERE id = 99"];
    let kept = run(&backend, write(statements(dialect, &sql))).await.expect("the write succeeds");
    assert_eq!((kept.columns, kept.changed), (vec!["id".to_owned()], Some(0)));
}

async fn leaves_no_trace(fixture: &dyn Fixture, backend: &Arc<dyn Backend>, request: Request, stop: Option<usize>) {
    let mut kept = Kept { stop, ..Kept::default() };
    let outcome = backend.run(&request, &mut kept).await;
    if stop.is_some() {
        assert_eq!(outcome.expect_err("the sink stopped").kind, FailureKind::Stopped);
    }
    assert_eq!(things(backend, fixture.driver().dialect).await, first_things(), "{stop:?}");
}

pub async fn a_write_whose_sink_stops_leaves_no_trace(fixture: &dyn Fixture) {
    let (dialect, backend) = (fixture.driver().dialect, fixture.backend(1));
    let select = "SELECT id FROM things";
    for stop in [0, 1, 4] {
        leaves_no_trace(fixture, &backend, write(statements(dialect, &[ADD, select])), Some(stop)).await;
    }
    leaves_no_trace(fixture, &backend, write(statements(dialect, &[ADD])), Some(0)).await;
    // Nothing of it holds the next write up.
    run(&backend, write(statements(dialect, &[ADD]))).await.expect("the write succeeds");
    assert_eq!(things(&backend, dialect).await.len(), 4);
}

pub async fn a_dry_write_leaves_no_trace(fixture: &dyn Fixture) {
    let (dialect, backend) = (fixture.driver().dialect, fixture.backend(1));
    let request = Request { dry: true, ..write(statements(dialect, &[RAISE])) };
    let mut kept = Kept::default();
    backend.run(&request, &mut kept).await.expect("a dry write succeeds");
    assert_eq!(kept.changed, Some(3));
    assert_eq!(things(&backend, dialect).await, first_things());
}

pub async fn several_statements_are_one_transaction(fixture: &dyn Fixture) {
    let (dialect, backend) = (fixture.driver().dialect, fixture.backend(1));
    let broken = write(statements(dialect, &[ADD, "UPDATE things SET amount = -1 WHERE id = 1"]));
    let failure = run(&backend, broken).await.expect_err("the check refuses it");
    assert_eq!(failure.kind, FailureKind::Constraint("check"));
    assert_eq!(things(&backend, dialect).await, first_things());
    let sql = [ADD, RAISE, "SELECT COUNT(*) AS n FROM things WHERE amount > 10"];
    let kept = run(&backend, write(statements(dialect, &sql))).await.expect("the write succeeds");
    assert_eq!(kept.rows, [[json!(4)]]);
    assert_eq!(things(&backend, dialect).await.len(), 4);
}

pub async fn a_broken_constraint_is_named(fixture: &dyn Fixture) {
    let (dialect, backend) = (fixture.driver().dialect, fixture.backend(1));
    for (sql, constraint) in [
        ("INSERT INTO things (id, name, amount) VALUES (1, 'new', 0)", "unique"),
        ("INSERT INTO things (id, name, amount) VALUES (9, 'one', 0)", "unique"),
        ("INSERT INTO things (id, name, amount) VALUES (9, NULL, 0)", "not_null"),
        ("INSERT INTO things (id, name, amount) VALUES (9, 'new', -1)", "check"),
        ("INSERT INTO parts (id, thing) VALUES (1, 99)", "foreign_key"),
    ] {
        let failure = run(&backend, write(statements(dialect, &[sql]))).await.expect_err("it breaks a constraint");
        assert_eq!((failure.kind, failure.again), (FailureKind::Constraint(constraint), Again::Never), "{sql}");
        assert!(failure.code.is_some());
    }
    assert_eq!(things(&backend, dialect).await, first_things());
}

pub async fn a_write_cannot_end_its_own_transaction(fixture: &dyn Fixture) {
    let (dialect, backend) = (fixture.driver().dialect, fixture.backend(1));
    for end in ["COMMIT", "/* why */ COMMIT", "ROLLBACK", "-- why\nEND"] {
        let sql = [ADD, end, "UPDATE things SET amount = -1"];
        run(&backend, write(statements(dialect, &sql))).await.expect_err("it is refused");
        assert_eq!(things(&backend, dialect).await, first_things(), "{end}");
    }
}

pub async fn fifty_writes_at_once_are_all_counted(fixture: &dyn Fixture) {
    let (dialect, backend) = (fixture.driver().dialect, fixture.backend(4));
    let calls = (0..50).map(|_| {
        let backend = backend.clone();
        let request = write(statements(dialect, &["UPDATE things SET amount = amount + 1 WHERE id = 1"]));
        tokio::spawn(async move { run(&backend, request).await })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.expect("does not panic").expect("writes wait for each other");
    }
    assert_eq!(things(&backend, dialect).await[0][2], json!(51));
}
