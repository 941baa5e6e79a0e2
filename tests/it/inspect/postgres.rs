//! PostgreSQL.

use serde_json::json;

use super::*;
use crate::backends::tools::{read, run, settled, statements};

const SCRIPT: &str = r#"
    CREATE TYPE mood AS ENUM ('calm', 'cross');
    CREATE DOMAIN moods AS mood[];
    CREATE DOMAIN level AS integer NOT NULL CHECK (VALUE > 0);
    CREATE TYPE address AS (street text, mood mood);
    CREATE TABLE customers (
      id bigint PRIMARY KEY, name varchar(30) NOT NULL, email text, mood mood, moods moods, level level DEFAULT 1,
      address address, total numeric(10,2), at timestamptz, notes jsonb, tags text[], span int4range
    );
    INSERT INTO customers (id, name) SELECT n, 'name ' || n FROM generate_series(1, 5000) n;
    CREATE TABLE orders (
      customer_id bigint NOT NULL, line integer NOT NULL, placed_on date NOT NULL, PRIMARY KEY (line, customer_id)
    );
    CREATE TABLE unrelated (id integer);
    CREATE VIEW gold AS SELECT id, name FROM customers WHERE total > 100;
    CREATE MATERIALIZED VIEW moody AS SELECT id, mood FROM customers;
    CREATE SCHEMA "My Schema";
    CREATE TABLE "My Schema"."T.x" ("Order" integer PRIMARY KEY, "we""ird" text);
    CREATE TABLE "Mixed" (id integer PRIMARY KEY);
    CREATE TABLE parts (id integer, on_day date, PRIMARY KEY (id, on_day)) PARTITION BY RANGE (on_day);
    CREATE TABLE parts_2026 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
    CREATE TABLE parent (id integer NOT NULL);
    CREATE TABLE child () INHERITS (parent);
    ANALYZE;
"#;

fn live() -> Option<Live> {
    Database::postgres(SCRIPT).map(|database| Live::new(database, "postgres"))
}

#[tokio::test]
async fn a_statement_is_described_without_being_run() {
    let Some(live) = live() else { return };
    let columns = live
        .columns("SELECT id, name, email, mood, moods, address FROM customers WHERE id = {{ a }}", &[Scalar::Integer]);
    assert_eq!(
        columns.await,
        [
            "id: bigint Integer not null",
            "name: character varying(30) String not null",
            "email: text String null",
            "mood: mood String null",
            "moods: moods Array null",
            "address: address Object null",
        ]
    );
    let columns = live.columns("SELECT c.id, o.line, count(*) AS n, 1.5 AS x FROM customers c LEFT JOIN orders o ON o.customer_id = c.id GROUP BY 1, 2", &[]);
    assert_eq!(
        columns.await,
        ["id: bigint Integer ?", "line: integer Integer ?", "n: bigint Integer ?", "x: numeric Number ?"]
    );
    assert_eq!(live.columns("SELECT id FROM gold", &[]).await, ["id: bigint Integer ?"]);
    assert_eq!(live.columns("SELECT id FROM parent", &[]).await, ["id: integer Integer ?"]);
    assert_eq!(live.columns("SELECT id FROM parts", &[]).await, ["id: integer Integer not null"]);
    let insert = "INSERT INTO customers (id, name) VALUES ({{ a }}, {{ b }}) RETURNING id";
    assert_eq!(live.columns(insert, &[Scalar::Integer, Scalar::String]).await, ["id: bigint Integer not null"]);
    assert_eq!(live.columns("DELETE FROM customers WHERE id = {{ a }}", &[Scalar::Integer]).await, [""; 0]);
    assert_eq!(live.columns("SELECT count(*) AS n FROM customers WHERE id > 4999", &[]).await.len(), 1);
    let kept = tools::rows(&live.backend, live.dialect, "SELECT count(*) FROM customers").await;
    assert_eq!(kept, [[serde_json::json!(5000)]], "nothing was run");
}

#[tokio::test]
async fn what_is_missing_is_drift_and_named() {
    let Some(live) = live() else { return };
    assert!(live.drift("SELECT id FROM custmers").await.contains("custmers"));
    assert!(live.drift("SELECT c.e_mail FROM customers c").await.contains("c.e_mail"));
    assert!(live.drift("SELECT id FROM nowhere.customers").await.contains("nowhere.customers"));
    assert!(live.drift("INSERT INTO orders (lines) VALUES (1)").await.contains("lines"));
    let failure = live.describe("SELECT id FROM customers WHERE", &[]).await.expect_err("no condition");
    assert_eq!(failure.kind, FailureKind::Other, "{failure:?}");

    // The same text is asked anew each time.
    let sql = "SELECT id, email FROM customers";
    assert_eq!(live.columns(sql, &[]).await.len(), 2);
    live.database.run("ALTER TABLE customers RENAME email TO mail");
    assert!(live.drift(sql).await.contains("email"));
    live.database.run("ALTER TABLE customers RENAME mail TO email; ALTER TABLE customers ALTER email TYPE varchar(9)");
    assert_eq!(live.columns(sql, &[]).await[1], "email: character varying(9) String null");
}

#[tokio::test]
async fn plans_are_generic_and_run_nothing() {
    let Some(live) = live() else { return };
    let plan = live.plan("SELECT id, name FROM customers WHERE id = {{ a }}", &[Scalar::Integer]).await;
    assert_eq!(plan.plan[0]["Plan"]["Node Type"], "Index Scan", "{plan:?}");
    assert!(plan.plan[0]["Plan"]["Index Cond"].as_str().is_some_and(|text| text.contains("$1")), "{plan:?}");
    let by_key = plan.cost.expect("it has a cost");
    let by_name = live.plan("SELECT id FROM customers WHERE name = {{ a }}", &[Scalar::String]).await.cost;
    assert!(by_name.is_some_and(|cost| cost > by_key * 5.0), "{by_name:?} {by_key}");

    for (sql, types) in [
        ("SELECT 1", &[][..]),
        ("SELECT id FROM customers; -- a comment", &[]),
        ("SELECT id FROM customers WHERE level = {{ a }} AND mood = {{ b }}", &[Scalar::Integer, Scalar::String]),
        ("SELECT {{ a }}::text, {{ b }} + 1", &[Scalar::String, Scalar::Integer]),
        ("SELECT id FROM parts WHERE on_day = {{ a }}", &[Scalar::Date]),
        ("SELECT id FROM customers FOR UPDATE", &[]),
        (
            "INSERT INTO customers (id, name, level) VALUES ({{ a }}, {{ b }}, {{ c }})",
            &[Scalar::Integer, Scalar::String, Scalar::Integer],
        ),
        ("UPDATE customers SET name = {{ b }} WHERE id = {{ a }}", &[Scalar::Integer, Scalar::String]),
        ("DELETE FROM customers", &[]),
        ("WITH gone AS (DELETE FROM customers RETURNING id) SELECT count(*) FROM gone", &[]),
    ] {
        assert!(live.plan(sql, types).await.cost.is_some(), "{sql}");
    }
    live.database.run("CREATE PROCEDURE nothing(n bigint) LANGUAGE sql AS 'SELECT 1'");
    assert_eq!(live.plan("CALL nothing({{ a }})", &[Scalar::Integer]).await.cost, None);
    let kept = tools::rows(&live.backend, live.dialect, "SELECT count(*) FROM customers").await;
    assert_eq!(kept, [[serde_json::json!(5000)]], "nothing was run");

    let failure = live.ask().plan(&live.statement("SELECT x FROM customers", &[])).await.expect_err("no such column");
    assert_eq!(failure.kind, FailureKind::Drift);
    assert!(live.plan("SELECT 1", &[]).await.cost.is_some(), "and the next one is made all the same");
}

#[tokio::test]
async fn asking_takes_no_connection_from_calls() {
    let Some(live) = live() else { return };
    let statement = live.statement("SELECT id FROM customers", &[]);
    let asked = futures_util::future::join_all((0..20).map(|_| live.ask().describe(&statement)));
    assert!(asked.await.iter().all(Result::is_ok));
    assert_eq!(live.backend.connections().open, 0);
}

#[tokio::test]
async fn every_change_that_statements_feel_changes_the_digest() {
    let Some(live) = live() else { return };
    for (script, table) in [
        ("ALTER TABLE customers ADD phone text", "customers"),
        ("ALTER TABLE customers RENAME phone TO mobile", "customers"),
        ("ALTER TABLE customers ALTER mobile TYPE varchar(20)", "customers"),
        ("ALTER TABLE customers ALTER mobile TYPE varchar(21)", "customers"),
        ("ALTER TABLE customers DROP mobile", "customers"),
        ("ALTER TABLE customers ALTER email SET NOT NULL", "orders, not customers"),
        ("ALTER TABLE orders ALTER placed_on DROP NOT NULL", "orders"),
        ("ALTER TYPE mood ADD VALUE 'glad'", "customers"),
        ("ALTER TYPE mood ADD VALUE 'sad'", "moody"),
        ("ALTER TYPE address ADD ATTRIBUTE town text", "customers"),
        ("CREATE OR REPLACE VIEW gold AS SELECT id, name FROM customers WHERE total > 200", "gold"),
        ("CREATE OR REPLACE VIEW gold AS SELECT id, name, email FROM customers WHERE total > 200", "gold"),
        ("DROP VIEW gold; CREATE TABLE gold (id bigint, name varchar(30))", "gold"),
        ("DROP TABLE gold", "gold"),
        ("ALTER TABLE parts ADD note text", "parts"),
        ("ALTER TABLE parts ADD more text", "parts_2026"),
        ("GRANT SELECT ON orders TO PUBLIC", "orders"),
    ] {
        if let Some((_, table)) = table.split_once(", not ") {
            live.database.run("UPDATE customers SET email = ''");
            assert!(live.changes(script, table).await, "{script}");
            continue;
        }
        assert!(live.changes(script, table).await, "{script}");
    }
}

#[tokio::test]
async fn what_statements_do_not_feel_leaves_the_digest() {
    let Some(live) = live() else { return };
    for script in [
        "INSERT INTO customers (id, name) VALUES (9999, 'new')",
        "DELETE FROM customers WHERE id < 4000; ANALYZE customers",
        "ALTER TABLE unrelated ADD note text",
        "DROP TABLE unrelated",
        "CREATE INDEX ON customers (name)",
        "CREATE TEMP TABLE customers (id integer)",
        "ALTER TABLE customers ADD phone text; ALTER TABLE customers DROP phone",
    ] {
        assert!(!live.changes(script, "customers").await, "{script}");
    }
}

#[tokio::test]
async fn tables_are_named_as_statements_name_them() {
    let Some(live) = live() else { return };
    for (name, found) in [
        ("customers", true),
        ("CUSTOMERS", true),
        ("public.Customers", true),
        ("\"customers\"", true),
        ("\"Customers\"", false),
        ("Mixed", false),
        ("\"Mixed\"", true),
        ("\"My Schema\".\"T.x\"", true),
        ("\"T.x\"", false),
        ("My Schema.T.x", false),
        ("gold", true),
        ("moody", true),
        ("parts", true),
        ("pg_catalog.pg_class", true),
        ("nowhere.customers", false),
        ("no_table", false),
        ("generate_series(1, 2)", false),
        ("'", false),
        ("", false),
        ("a.b.c.d", false),
    ] {
        assert_eq!(live.digest(name).await.is_some(), found, "{name}");
        assert_eq!(live.ask().table(name, &[]).await.expect("the catalog answers").is_some(), found, "{name}");
    }
    let many: Vec<String> = ["customers", "Customers", "no_table", "\"Mixed\"", ALL_TABLES].map(str::to_owned).to_vec();
    let digests = live.ask().digests(&many).await.expect("the catalog answers");
    assert_eq!(digests.len(), 4);
    assert_eq!(digests["customers"], digests["Customers"]);
    assert_ne!(digests["customers"], digests["\"Mixed\""]);

    // Another session's temporary table is not ours, and hides nothing.
    live.database.run("CREATE TEMP TABLE only_here (id integer)");
    assert_eq!(live.digest("only_here").await, None);
    let tables = live.ask().tables().await.expect("the catalog answers");
    assert_eq!(
        tables,
        [
            "\"Mixed\"",
            "\"My Schema\".\"T.x\"",
            "child",
            "customers",
            "gold",
            "moody",
            "orders",
            "parent",
            "parts",
            "unrelated"
        ]
    );
}

#[tokio::test]
async fn a_table_tells_its_columns_and_its_key() {
    let Some(live) = live() else { return };
    let (name, columns, key) = live.table("Customers").await.expect("it is there");
    assert_eq!((name.as_str(), key), ("customers", vec!["id".to_owned()]));
    assert_eq!(
        columns,
        [
            "id: bigint Integer integer not null",
            "name: character varying(30) String string not null",
            "email: text String string null",
            "mood: mood String string null",
            "moods: moods Array - null",
            "level: level Integer integer not null",
            "address: address Object - null",
            "total: numeric(10,2) Number decimal null",
            "at: timestamp with time zone String timestamp null",
            "notes: jsonb Any json null",
            "tags: text[] Array - null",
            "span: int4range String - null",
        ]
    );
    let (name, columns, key) = live.table("\"My Schema\".\"T.x\"").await.expect("it is there");
    assert_eq!((name.as_str(), columns.len(), key), ("\"My Schema\".\"T.x\"", 2, vec!["Order".to_owned()]));
    let (_, _, key) = live.table("orders").await.expect("it is there");
    assert_eq!(key, ["line", "customer_id"], "in the order of the key");
    assert_eq!(live.table("gold").await.expect("it is there").2, [""; 0]);
}

#[tokio::test]
async fn a_table_without_rights_is_told_from_one_that_is_missing() {
    let Some(live) = live() else { return };
    live.database.run(
        "CREATE SCHEMA hidden; CREATE TABLE hidden.secrets (id integer); CREATE TABLE closed (id integer);
         REVOKE ALL ON SCHEMA hidden FROM PUBLIC, CURRENT_USER; REVOKE ALL ON closed FROM PUBLIC, CURRENT_USER",
    );
    assert_eq!(live.digest("hidden.secrets").await, None);
    let failure = live.describe("SELECT id FROM hidden.secrets", &[]).await.expect_err("the schema is closed");
    assert_eq!(failure.kind, FailureKind::Other, "{failure:?}");
    assert!(!live.ask().tables().await.expect("the catalog answers").contains(&"closed".to_owned()));
    let failure =
        live.ask().plan(&live.statement("SELECT id FROM closed", &[])).await.expect_err("the table is closed");
    assert_eq!((&failure.kind, failure.code.as_deref()), (&FailureKind::Other, Some("42501")), "{failure:?}");
    assert!(failure.message.contains("closed"), "{failure:?}");
    assert!(live.changes("GRANT SELECT ON closed TO CURRENT_USER", "closed").await);
    assert!(live.plan("SELECT id FROM closed", &[]).await.cost.is_some());
}

#[tokio::test]
async fn a_table_that_is_being_changed_is_not_waited_for() {
    let Some(live) = live() else { return };
    let url = live.database.url().to_owned();
    let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(&url).await.expect("it connects");
    sqlx::raw_sql("BEGIN; LOCK TABLE customers").execute(&mut connection).await.expect("it is locked");
    let failure = live.describe("SELECT id FROM customers", &[]).await.expect_err("it is locked");
    assert_eq!(failure.kind, FailureKind::Contention, "{failure:?}");
    sqlx::raw_sql("ROLLBACK").execute(&mut connection).await.expect("it is free");
    assert_eq!(live.columns("SELECT id FROM customers", &[]).await.len(), 1);
}

#[tokio::test]
async fn a_view_that_comes_to_call_a_function_unlocks_nothing_once_the_catalog_was_asked() {
    let Some(live) = live() else { return };
    live.database.run(
        "CREATE TABLE first (id bigint);
         CREATE FUNCTION unlock() RETURNS bigint LANGUAGE plpgsql AS $$
           BEGIN PERFORM set_config('default_transaction_read_only', 'off', false); RETURN 1; END $$;",
    );
    live.digest("first").await;
    let read = async |sql: &str| run(&live.backend, read(statements(live.dialect, &[sql]))).await;
    read("SELECT id FROM first").await.expect("an empty table");
    live.database.run("DROP TABLE first; CREATE VIEW first AS SELECT unlock() AS id");
    live.digest("first").await;
    assert_eq!(read("SELECT id FROM first").await.expect("one row").rows.len(), 1);
    settled(&live.backend).await;
    let setting = "SELECT current_setting('default_transaction_read_only') AS setting";
    assert_eq!(read(setting).await.expect("one row").rows, [[json!("on")]]);
}
