//! Reads: rows, one state of the database, and no way to write.

use std::sync::Arc;

use datadip::{
    backend::{Again, FailureKind},
    value::{Scalar, Value},
};
use serde_json::json;

use super::{Fixture, tools::*};

pub async fn rows_come_with_their_columns(fixture: &dyn Fixture) {
    let (dialect, backend) = (fixture.driver().dialect, fixture.backend(1));
    let sql = "SELECT id, name AS \"the name\" FROM things WHERE id < {{ most }} ORDER BY id";
    let bound = statement(dialect, sql, &[("most", Scalar::Integer, Value::Integer(3))]);
    let kept = run(&backend, read(vec![bound])).await.expect("the query succeeds");
    assert_eq!(kept.columns, ["id", "the name"]);
    assert_eq!(kept.rows, [[json!(1), json!("one")], [json!(2), json!("two")]]);
    assert_eq!(kept.changed, Some(0));
}

pub async fn a_read_without_rows_ends(fixture: &dyn Fixture) {
    let (dialect, backend) = (fixture.driver().dialect, fixture.backend(1));
    let kept = run(&backend, read(statements(dialect, &["SELECT id FROM things WHERE id = 99"]))).await;
    let kept = kept.expect("the query succeeds");
    assert_eq!((kept.rows.len(), kept.changed), (0, Some(0)));
}

pub async fn several_statements_are_one_read(fixture: &dyn Fixture) {
    let (dialect, backend) = (fixture.driver().dialect, fixture.backend(1));
    let sql = ["SELECT id FROM things", "SELECT COUNT(*) AS n FROM things"];
    let kept = run(&backend, read(statements(dialect, &sql))).await.expect("the queries succeed");
    assert_eq!((kept.columns, kept.rows), (vec!["n".to_owned()], vec![vec![json!(3)]]));
    settled(&backend).await;
    assert_eq!(things(&backend, dialect).await, first_things());
}

pub async fn a_read_cannot_write_whatever_it_calls(fixture: &dyn Fixture) {
    let (dialect, backend) = (fixture.driver().dialect, fixture.backend(1));
    learnt(&backend).await;
    for trick in fixture.tricks() {
        // Whether it fails does not matter, as long as it has no effect, not even on the next call.
        let _ = run(&backend, read(statements(dialect, &trick))).await;
        assert_eq!(things(&backend, dialect).await, first_things(), "{trick:?}");
        let refused = run(&backend, read(statements(dialect, &[fixture.query_that_writes()]))).await;
        let failure = refused.expect_err("the database refuses it");
        assert_eq!((failure.kind, failure.again), (FailureKind::Other, Again::Never), "{trick:?}");
        assert!(failure.code.is_some(), "the database refuses it, not we: {}", failure.message);
        assert_eq!(things(&backend, dialect).await, first_things(), "{trick:?}");
    }
}

pub async fn a_sink_that_has_enough_ends_an_endless_read(fixture: &dyn Fixture) {
    let (dialect, backend) = (fixture.driver().dialect, fixture.backend(1));
    learnt(&backend).await;
    for enough in [1, 1000] {
        // A server that takes too long to stop has its connection closed.
        until("the connection is kept", async || {
            assert_eq!(things(&backend, dialect).await, first_things());
            let before = backend.connections();
            let request = read(statements(dialect, &[fixture.endless_rows()]));
            let mut kept = Kept { enough: Some(enough), ..Kept::default() };
            backend.run(&request, &mut kept).await.expect("enough is a good end");
            assert_eq!((kept.rows.len(), kept.changed), (enough, Some(0)));
            settled(&backend).await;
            backend.connections() == before
        })
        .await;
        assert_eq!(things(&backend, dialect).await, first_things());
    }
}

pub async fn a_sink_that_stops_leaves_the_connection_whole(fixture: &dyn Fixture) {
    let (dialect, backend) = (fixture.driver().dialect, fixture.backend(1));
    for stop in [0, 1, 2] {
        let request = read(statements(dialect, &["SELECT id FROM things"]));
        let mut kept = Kept { stop: Some(stop), ..Kept::default() };
        let failure = backend.run(&request, &mut kept).await.expect_err("the sink stopped");
        assert_eq!((failure.kind, failure.again), (FailureKind::Stopped, Again::Never));
        assert_eq!(things(&backend, dialect).await, first_things());
    }
}

pub async fn fifty_calls_at_once_all_get_their_own_answer(fixture: &dyn Fixture) {
    let (dialect, backend) = (fixture.driver().dialect, fixture.backend(4));
    let calls = (0..50).map(|number: i64| {
        let backend = backend.clone();
        let bound = statement(dialect, "SELECT {{ n }} AS n", &[("n", Scalar::Integer, Value::Integer(number))]);
        tokio::spawn(async move { (number, run(&backend, read(vec![bound])).await) })
    });
    for call in calls.collect::<Vec<_>>() {
        let (number, kept) = call.await.expect("does not panic");
        assert_eq!(kept.expect("a connection comes free").rows, [[json!(number)]]);
    }
    settled(&backend).await;
    assert!(backend.connections().open <= 4, "{:?}", backend.connections());
}

pub async fn a_call_that_gets_no_connection_in_time_is_refused(fixture: &dyn Fixture) {
    let (dialect, backend) = (fixture.driver().dialect, fixture.pooled("max: 1, acquire_timeout: 200ms"));
    let busy = {
        let (backend, request) = (backend.clone(), read(statements(dialect, &[fixture.endless()])));
        tokio::spawn(async move { backend.run(&request, &mut Kept::default()).await.map(drop) })
    };
    until("the connection is in use", async || backend.connections().open == 1).await;
    let failure = run(&backend, read(statements(dialect, &["SELECT 1"]))).await.expect_err("nothing comes free");
    assert_eq!((failure.kind, failure.again), (FailureKind::Overloaded, Again::Never));
    busy.abort();
    assert!(busy.await.is_err_and(|error| error.is_cancelled()));
    settled(&backend).await;
    assert_eq!(things(&backend, dialect).await, first_things());
}

pub async fn a_missing_table_or_column_is_drift(fixture: &dyn Fixture) {
    let (dialect, backend): (_, Arc<_>) = (fixture.driver().dialect, fixture.backend(1));
    for sql in ["SELECT id FROM nothing_of_this_name", "SELECT wrong FROM things"] {
        let failure = run(&backend, read(statements(dialect, &[sql]))).await.expect_err("it is not there");
        assert_eq!((failure.kind, failure.again), (FailureKind::Drift, Again::Never), "{sql}");
    }
}
