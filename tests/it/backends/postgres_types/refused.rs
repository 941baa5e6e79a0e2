//! What cannot be answered or bound is refused with what to write instead, and what changes meanwhile is noticed.

use datadip::{
    backend::{Again, FailureKind},
    value::{ParamType, Scalar, Value},
};
use serde_json::json;

use super::Types;

#[tokio::test]
async fn a_column_that_cannot_be_rendered_is_refused() {
    let Some(types) = Types::new() else { return };
    for (sql, expected) in [
        ("SELECT 1 AS one, 'pg_class'::regclass AS c", "column `c` is of the type `regclass`"),
        ("SELECT ARRAY['text'::regtype] AS c", "column `c` is of the type `regtype[]`"),
        ("SELECT ROW(1, 'a') AS c", "column `c` is of the type `record`"),
        ("SELECT q AS c FROM (SELECT 1 AS a) AS q", "column `c` is of the type `record`"),
        ("SELECT int4multirange(int4range(1, 5)) AS c", "a multirange"),
        ("SELECT relacl AS c FROM pg_class LIMIT 1", "column `c` is of the type `aclitem[]`"),
    ] {
        let failure = types.row(sql).await.expect_err("it cannot be rendered");
        assert!(failure.message.contains(expected), "{sql}: {}", failure.message);
        assert_eq!((failure.kind, failure.again), (FailureKind::Other, Again::Never), "{sql}");
    }
    let cast =
        "SELECT 'pg_class'::regclass::text AS a, int4multirange(int4range(1, 5))::text AS b, to_json(ROW(1)) AS c";
    assert_eq!(
        types.row(cast).await.expect("casts are taken"),
        [json!("pg_class"), json!("{[1,5)}"), json!({ "f1": 1 })]
    );
}

#[tokio::test]
async fn a_parameter_that_nothing_takes_is_refused() {
    let Some(types) = Types::new() else { return };
    let one = ParamType::one;
    let integers = ParamType { scalar: Scalar::Integer, list: true };
    for (sql, ty, expected) in [
        ("SELECT now() + {{ v }} AS c", one(Scalar::String), "the database takes `interval` here"),
        ("SELECT inet '::1' << {{ v }} AS c", one(Scalar::String), "the database takes `inet` here"),
        (
            "SELECT date '2026-11-20' = {{ v }} AS c",
            one(Scalar::Integer),
            "the database takes `date` here, but the parameter is `integer`",
        ),
        ("SELECT 1 = {{ v }} AS c", one(Scalar::Uuid), "the database takes `int4` here, but the parameter is `uuid`"),
        ("SELECT 1 = {{ v }} AS c", integers, "the database takes `int4` here, but the parameter is `integer[]`"),
        (
            "SELECT 1 = ANY({{ v }}) AS c",
            one(Scalar::Integer),
            "the database takes `int4[]` here, but the parameter is `integer`",
        ),
    ] {
        let failure = types.bound(sql, &[("v", ty, Value::Null)]).await.expect_err("nothing takes it");
        assert!(failure.message.contains(expected), "{sql}: {}", failure.message);
        assert_eq!(failure.kind, FailureKind::Other, "{sql}");
    }
}

/// Whatever the first call after a change says, the one that follows it is right.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_changed_is_asked_again() {
    let Some(types) = Types::new() else { return };
    let changes = [
        ("SELECT a AS c FROM gone", "ALTER TABLE gone ALTER a TYPE text USING a::text"),
        ("SELECT ROW(1, 'a')::crm.pair AS c", "ALTER TYPE crm.pair ADD ATTRIBUTE third boolean"),
        ("SELECT ARRAY[NULL::crm.pair] AS c", "ALTER TYPE crm.pair ALTER ATTRIBUTE left_one TYPE text"),
    ];
    types.database.run("INSERT INTO gone VALUES (7, 8)");
    for (sql, change) in changes {
        let before = types.row(sql).await.expect("it is rendered");
        assert_eq!(before, types.row(sql).await.expect("and again"));
        types.database.run(change);
        if let Err(failure) = types.row(sql).await {
            assert_eq!(failure.again, Again::Once, "{sql}: {failure:?}");
        }
        let sql = sql.replace("'a')", "'a', true)");
        let after = types.row(&sql).await;
        assert!(after.is_ok(), "{sql}: {after:?}");
    }
    assert_eq!(types.row("SELECT a AS c FROM gone").await.expect("it is rendered"), [json!("7")]);
}
