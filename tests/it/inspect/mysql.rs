//! MySQL and MariaDB.

use super::*;

const SCRIPT: &str = "
    CREATE TABLE customers (
      id bigint PRIMARY KEY, name varchar(30) NOT NULL, email text, mood enum('calm', 'cross'), total decimal(10,2),
      active tinyint(1) NOT NULL DEFAULT 1, at datetime(6), born date, raw varbinary(9), place point, KEY (total)
    );
    INSERT INTO customers (id, name) SELECT seq, concat('name ', seq) FROM seq_1_to_2000;
    CREATE TABLE orders (
      customer_id bigint NOT NULL, line integer NOT NULL, placed_on date NOT NULL, PRIMARY KEY (line, customer_id)
    );
    CREATE TABLE unrelated (id integer);
    CREATE VIEW gold AS SELECT id, name FROM customers WHERE total > 100;
    CREATE TABLE `T.x` (`Order` integer PRIMARY KEY, `we``ird` text);
    CREATE TABLE Mixed (id integer PRIMARY KEY);
    ANALYZE TABLE customers;
";

fn live() -> Option<Live> {
    Database::mysql(SCRIPT).map(|database| Live::new(database, "mysql"))
}

#[tokio::test]
async fn a_statement_is_described_without_being_run() {
    let Some(live) = live() else { return };
    let columns = live.columns(
        "SELECT id, name, mood, total, active, at, count(*) AS n FROM customers WHERE id = {{ a }}",
        &[Scalar::Integer],
    );
    assert_eq!(
        columns.await,
        [
            "id: bigint Integer ?",
            "name: varchar String ?",
            "mood: enum String ?",
            "total: decimal Number ?",
            "active: boolean Integer ?",
            "at: datetime String ?",
            "n: bigint Integer ?",
        ]
    );
    assert_eq!(live.columns("DELETE FROM customers WHERE id = {{ a }}", &[Scalar::Integer]).await, [""; 0]);
    let kept = tools::rows(&live.backend, live.dialect, "SELECT count(*) FROM customers").await;
    assert_eq!(kept, [[serde_json::json!(2000)]], "nothing was run");

    let description = live.describe("SELECT id, place FROM customers", &[]).await.expect("it can be described");
    let problem = description.problems.first().expect("a point has no JSON");
    assert!(problem.message.contains("`place`") && problem.help.contains("ST_AsText"), "{problem:?}");
}

#[tokio::test]
async fn what_is_missing_is_drift_and_named() {
    let Some(live) = live() else { return };
    assert!(live.drift("SELECT id FROM custmers").await.contains("custmers"));
    assert!(live.drift("SELECT c.e_mail FROM customers c").await.contains("e_mail"));
    assert!(live.drift("INSERT INTO orders (`lines`) VALUES (1)").await.contains("lines"));
    assert!(live.drift("CALL nopay(1)").await.contains("nopay"));
    live.database.run("CREATE PROCEDURE nopay(a int) SELECT a");
    live.describe("call `nopay` (1)", &[]).await.expect("it is there by now");
    let failure = live.describe("SELECT id FROM customers WHERE", &[]).await.expect_err("no condition");
    assert_eq!(failure.kind, FailureKind::Other, "{failure:?}");

    // The same text is asked anew each time.
    let sql = "SELECT id, email FROM customers";
    assert_eq!(live.columns(sql, &[]).await[1], "email: text String ?");
    live.database.run("ALTER TABLE customers CHANGE email mail text");
    assert!(live.drift(sql).await.contains("email"));
    live.database.run("ALTER TABLE customers CHANGE mail email integer");
    assert_eq!(live.columns(sql, &[]).await[1], "email: int Integer ?");
}

#[tokio::test]
async fn plans_run_nothing_and_cost_what_the_planner_says() {
    let Some(live) = live() else { return };
    tools::learnt(&live.backend).await;
    let by_key = live.plan("SELECT name FROM customers WHERE id = {{ a }}", &[Scalar::Integer]).await;
    assert!(by_key.plan.get("query_block").is_some(), "{by_key:?}");
    let by_key = by_key.cost.expect("it has a cost");
    let by_name = live.plan("SELECT id FROM customers WHERE name = {{ a }}", &[Scalar::String]).await.cost;
    assert!(by_name.is_some_and(|cost| cost > by_key + 100.0), "{by_name:?} {by_key}");
    for (condition, ty) in [
        ("total = {{ a }}", Scalar::Decimal),
        ("at > {{ a }}", Scalar::Timestamp),
        ("born = {{ a }}", Scalar::Date),
        ("name LIKE {{ a | contains }}", Scalar::String),
        ("active = {{ a }}", Scalar::Boolean),
    ] {
        let sql = format!("SELECT id FROM customers WHERE {condition} LIMIT 5");
        assert!(live.plan(&sql, &[ty]).await.cost.is_some(), "{sql}");
    }
    // Older servers give no cost for these; nothing is made up.
    for (sql, types) in [
        ("INSERT INTO customers (id, name) VALUES ({{ a }}, {{ b }})", &[Scalar::Integer, Scalar::String][..]),
        ("UPDATE customers SET name = {{ b }} WHERE id = {{ a }}", &[Scalar::Integer, Scalar::String]),
        ("DELETE FROM customers", &[]),
        ("SELECT id FROM customers UNION SELECT line FROM orders", &[]),
        ("SELECT (SELECT max(total) FROM customers) AS most", &[]),
    ] {
        assert!(live.plan(sql, types).await.cost.is_none_or(|cost| cost > 0.0), "{sql}");
    }
    live.database.run("CREATE PROCEDURE nothing(n integer) SELECT 1");
    assert_eq!(live.plan("CALL nothing({{ a }})", &[Scalar::Integer]).await.cost, None);
    let kept = tools::rows(&live.backend, live.dialect, "SELECT count(*) FROM customers").await;
    assert_eq!(kept, [[serde_json::json!(2000)]], "nothing was run");
    let failure = live.ask().plan(&live.statement("SELECT x FROM customers", &[])).await.expect_err("no such column");
    assert_eq!(failure.kind, FailureKind::Drift);
    assert_eq!(live.backend.connections().open, 1, "only that of the queries above");
}

#[tokio::test]
async fn every_change_that_statements_feel_changes_the_digest() {
    let Some(live) = live() else { return };
    for (script, table) in [
        ("ALTER TABLE customers ADD phone text", "customers"),
        ("ALTER TABLE customers CHANGE phone mobile text", "customers"),
        ("ALTER TABLE customers MODIFY mobile varchar(20)", "customers"),
        ("ALTER TABLE customers MODIFY mobile varchar(21)", "customers"),
        ("ALTER TABLE orders MODIFY placed_on date NULL", "orders"),
        ("ALTER TABLE customers DROP mobile", "customers"),
        ("ALTER TABLE customers MODIFY mood enum('calm', 'cross', 'glad')", "customers"),
        ("CREATE OR REPLACE VIEW gold AS SELECT id, name FROM customers WHERE total > 200", "gold"),
        ("DROP VIEW gold; CREATE TABLE gold (id bigint NOT NULL, name varchar(30) NOT NULL)", "gold"),
        ("DROP TABLE gold", "gold"),
    ] {
        assert!(live.changes(script, table).await, "{script}");
    }
    for script in [
        "INSERT INTO customers (id, name) VALUES (9999, 'new')",
        "DELETE FROM customers WHERE id > 100",
        "ALTER TABLE unrelated ADD note text",
        "CREATE INDEX by_name ON customers (name)",
        "CREATE TEMPORARY TABLE customers (id integer)",
    ] {
        let before = live.digest("customers").await;
        live.database.run(script);
        assert_eq!(live.digest("customers").await, before, "{script}");
    }
}

#[tokio::test]
async fn tables_are_named_as_statements_name_them() {
    let Some(live) = live() else { return };
    let schema = live.database.url().rsplit('/').next().expect("a name").to_owned();
    let qualified = format!("{schema}.customers");
    for (name, found) in [
        ("customers", true),
        ("`customers`", true),
        (qualified.as_str(), true),
        ("`T.x`", true),
        ("T.x", false),
        ("gold", true),
        ("Mixed", true),
        ("nowhere.customers", false),
        ("no_table", false),
        ("", false),
    ] {
        assert_eq!(live.digest(name).await.is_some(), found, "{name}");
        assert_eq!(live.ask().table(name, &[]).await.expect("the catalog answers").is_some(), found, "{name}");
    }
    let tables = live.ask().tables().await.expect("the catalog answers");
    for name in ["`T.x`", "Mixed", "customers", "gold", "orders"] {
        assert!(tables.iter().any(|table| table == name), "{name}: {tables:?}");
    }
}

#[tokio::test]
async fn a_table_tells_its_columns_and_its_key() {
    let Some(live) = live() else { return };
    let (name, columns, key) = live.table("customers").await.expect("it is there");
    assert_eq!((name.as_str(), key), ("customers", vec!["id".to_owned()]));
    assert_eq!(
        columns,
        [
            "id: bigint(20) Integer integer not null",
            "name: varchar(30) String string not null",
            "email: text String string null",
            "mood: enum('calm','cross') String string null",
            "total: decimal(10,2) Number decimal null",
            "active: tinyint(1) Integer boolean not null",
            "at: datetime(6) String timestamp null",
            "born: date String date null",
            "raw: varbinary(9) String - null",
            "place: point String - null",
        ]
    );
    assert_eq!(live.table("orders").await.expect("it is there").2, ["line", "customer_id"], "in the order of the key");
    assert_eq!(live.table("`T.x`").await.expect("it is there").0, "`T.x`");
}
