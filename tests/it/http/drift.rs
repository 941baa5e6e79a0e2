//! A live backend that changes while the gateway serves.

use std::time::Duration;

use datadip::live::{Pace, Watch, watch};
use jiff::Timestamp;
use serde_json::{Value as Json, json};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, sqlite::SqliteConnectOptions};
use tokio::time::{Instant, sleep};

use super::{FIND, LIST, SLOW, with};
use crate::{database::Database, gateway::Serving};

/// A minute of a test.
const PACE: Pace = Pace {
    every: Duration::from_millis(300),
    gather: Duration::from_millis(20),
    apart: Duration::from_millis(100),
    retry: Duration::from_millis(100),
};
/// A minute that does not pass: what happens, happens at once.
const STILL: Pace = Pace { every: Duration::from_secs(3600), ..PACE };
/// How long something may take on a busy machine before a test gives up.
const PATIENCE: Duration = Duration::from_secs(20);

const FIND_ADA: &str = r#"{"customer_id": 1}"#;

/// A gateway whose backends are watched.
struct Watched {
    gateway: Serving,
    _watch: Watch,
}

impl Watched {
    fn start(pace: Pace, files: &[(&str, &str)]) -> Self {
        let gateway = with(files);
        assert_eq!(gateway.broken(), [""; 0]);
        let watch = watch(gateway.live.clone(), pace);
        Self { gateway, _watch: watch }
    }

    /// Changes the database as another program would.
    async fn sql(&self, sql: &str) {
        let file = self.gateway.folder.path().join("test.db");
        // The first call makes the file.
        while !file.exists() {
            sleep(Duration::from_millis(5)).await;
        }
        let options = SqliteConnectOptions::new().filename(&file).busy_timeout(PATIENCE);
        let mut connection = options.connect().await.expect("a connection");
        connection.execute(AssertSqlSafe(sql.to_owned())).await.expect("the change is possible");
        connection.close().await.expect("closed");
    }

    /// What the catalog says of an action.
    async fn shown(&self, name: &str) -> Json {
        let catalog = self.gateway.get("/catalog").await.json();
        let actions = catalog["actions"].as_array().expect("actions");
        actions.iter().find(|action| action["name"] == name).expect("the action").clone()
    }

    /// Waits until an action is in a state; answers what the catalog says then.
    async fn until(&self, name: &str, state: &str) -> Json {
        let start = Instant::now();
        loop {
            let shown = self.shown(name).await;
            if shown["state"] == state {
                return shown;
            }
            assert!(start.elapsed() < PATIENCE, "expected {state}, still {shown}");
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// The code of an answer.
    async fn code(&self, path: &str, body: &str) -> String {
        let answer = self.gateway.post(path, body).await;
        if answer.status == 200 { "success".into() } else { answer.code() }
    }
}

/// What is said of an action that can tell what is missing: its rules, and where in the file.
fn told(shown: &Json) -> Vec<String> {
    let diagnostics = shown["diagnostics"].as_array().expect("diagnostics");
    let drift = diagnostics.iter().filter(|d| d["rule"] == "schema-drift");
    drift.map(|d| format!("{}:{} {}", d["line"], d["column"], d["message"].as_str().expect("text"))).collect()
}

/// Since when an action is as it is.
fn time(shown: &Json) -> Timestamp {
    shown["since"].as_str().expect("a time").parse().expect("a time")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_column_makes_its_actions_drift_and_its_return_mends_them() {
    let watched = Watched::start(PACE, &[]);
    assert_eq!(watched.code("/actions/find", FIND_ADA).await, "success");
    watched.sql("ALTER TABLE customers RENAME COLUMN name TO called").await;
    let shown = watched.until("find", "drifted").await;
    assert_eq!(told(&shown), ["5:17 the backend lacks what the statement names: no such column: name, in `customers`"]);
    let drifted = time(&shown);
    watched.until("crm/list", "drifted").await;
    watched.until("rename", "drifted").await;
    assert_eq!(watched.shown("slow").await["state"], "ok", "its statement names no table");
    assert_eq!(watched.code("/actions/find", FIND_ADA).await, "schema_drift");
    let ready = watched.gateway.get("/readyz").await;
    let ready = (ready.status, ready.json());
    assert_eq!((ready.0, &ready.1["status"], &ready.1["quarantined"]), (200, &json!("degraded"), &json!([])));

    watched.sql("ALTER TABLE customers RENAME COLUMN called TO name").await;
    for name in ["find", "crm/list", "rename"] {
        let shown = watched.until(name, "ok").await;
        assert_eq!(told(&shown), [""; 0]);
        assert!(time(&shown) > drifted, "{shown}: it fits since it was mended, not since it was loaded");
    }
    assert_eq!(watched.code("/actions/find", FIND_ADA).await, "success");
    assert_eq!(watched.gateway.get("/readyz").await.json()["status"], "ready");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_meets_a_missing_table_has_it_looked_at_at_once() {
    let watched = Watched::start(STILL, &[]);
    assert_eq!(watched.code("/actions/find", FIND_ADA).await, "success");
    // The actions are examined once before the table is gone.
    sleep(Duration::from_millis(300)).await;
    watched.sql("ALTER TABLE customers RENAME TO clients").await;
    assert_eq!(watched.shown("find").await["state"], "ok");
    assert_eq!(watched.code("/actions/find", FIND_ADA).await, "schema_drift");
    let since = watched.until("find", "drifted").await["since"].clone();
    // The same look finds the others that use it.
    let list = watched.until("crm/list", "drifted").await;
    assert!(told(&list)[0].contains("no such table: customers"), "{list}");
    assert_eq!(watched.shown("find").await["since"], since);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drifted_action_runs_nothing_also_as_a_stream_or_a_simulation() {
    let missing = "SELECT id, name FROM customers WHERE id = 0 AND missing = 1\n";
    let find = FIND.replace("SELECT id, name FROM customers WHERE id = {{ customer_id }}\n", missing);
    let find = find.replace("params:\n  customer_id: { type: integer, example: 1 }\n", "") + "";
    let find = find.replace("result:\n", "result:\n  stream: true\n");
    let watched = Watched::start(PACE, &[("actions/find.yaml", &find)]);
    watched.until("find", "drifted").await;
    assert_eq!(watched.code("/actions/find", "").await, "schema_drift");
    let stream = watched.gateway.send("POST /actions/find\nAccept: application/x-ndjson", "").await;
    assert_eq!((stream.status, stream.code()), (502, "schema_drift".into()));
    let simulated = watched.gateway.post("/simulate/find", "").await;
    assert_eq!((simulated.status, simulated.code()), (502, "schema_drift".into()));
    assert!(simulated.json()["trace"]["statements"][0]["sql"].as_str().is_some_and(|sql| sql.contains("missing")));
    assert!(!simulated.json()["message"].as_str().expect("a message").contains("missing"), "callers see no names");
    // Bad parameters are still the caller's own.
    assert_eq!(watched.code("/actions/find", r#"{"x": 1}"#).await, "unknown_parameter");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_keeps_what_is_known_of_other_actions_and_examines_what_is_new() {
    let broken = FIND.replace("FROM customers", "FROM clients");
    let mut watched = Watched::start(STILL, &[("actions/find.yaml", &broken)]);
    let since = watched.until("find", "drifted").await["since"].clone();
    watched.gateway.reload("actions/slow.yaml", SLOW.replace("Counts.", "Counts more.").as_str());
    assert_eq!(watched.shown("find").await["since"], since);
    watched.gateway.reload("actions/more.yaml", LIST.replace("FROM customers", "FROM others").as_str());
    watched.until("more", "drifted").await;
    watched.gateway.reload("actions/find.yaml", FIND);
    watched.until("find", "ok").await;
    assert_eq!(watched.code("/actions/find", FIND_ADA).await, "success");
    watched.gateway.reload("actions/more.yaml", "nonsense: true\n");
    let shown = watched.shown("more").await;
    assert_eq!(shown["state"], "drifted", "its last good version is served, and does not fit");
    let rules: Vec<_> = shown["diagnostics"].as_array().expect("a list").iter().map(|d| &d["rule"]).collect();
    assert!(rules.contains(&&json!("unknown-key")) && rules.contains(&&json!("schema-drift")), "{rules:?}");
    assert_eq!(watched.gateway.get("/readyz").await.json()["quarantined"], json!(["more"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_columns_that_an_action_requires_are_looked_for() {
    let find = format!("{FIND}requires:\n  customers: [id, tier]\n  orders: [id]\n");
    let watched = Watched::start(PACE, &[("actions/find.yaml", &find)]);
    let shown = watched.until("find", "drifted").await;
    assert_eq!(told(&shown), ["14:3 the backend has no table `orders`"]);
    watched.sql("CREATE TABLE orders (id INTEGER PRIMARY KEY)").await;
    watched.until("find", "ok").await;
    watched.sql("ALTER TABLE customers DROP COLUMN tier").await;
    let shown = watched.until("find", "drifted").await;
    assert_eq!(told(&shown), ["13:19 the table `customers` has no column `tier`"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_backend_makes_nothing_drift_and_is_examined_when_it_is_back() {
    let broken = FIND.replace("FROM customers", "FROM clients");
    let gateway = with(&[("actions/find.yaml", &broken)]);
    let folder = gateway.folder.path().to_owned();
    std::fs::rename(folder.join("seed.sql"), folder.join("later.sql")).expect("moved");
    let watched = Watched { _watch: watch(gateway.live.clone(), PACE), gateway };
    sleep(Duration::from_millis(500)).await;
    assert_eq!(watched.shown("find").await["state"], "ok");
    assert_eq!(watched.gateway.get("/readyz").await.json()["backends"]["demo"], "down");
    std::fs::rename(folder.join("later.sql"), folder.join("seed.sql")).expect("moved");
    watched.until("find", "drifted").await;
}

/// Orders by number: the statement, the schema and the limit that the tests change.
const ORDERS: &str = "\
description: Finds an order.
backend: demo
params: { note: string }
sql: SELECT id, total FROM orders WHERE note = {{ note }} ORDER BY id LIMIT 10
max_cost: 50
result:
  schema:
    type: object
    required: [id, total]
    properties: { id: { type: integer }, total: { type: number } }
";

/// A gateway with an action on orders, of which there are 20,000 and no index.
fn orders(kind: &str, database: &Database, max_cost: &str) -> Watched {
    let config = format!("backends: {{ demo: {{ kind: {kind}, url: '{}' }} }}\n", database.url());
    let files = [("datadip.yaml", config.as_str()), ("actions/orders.yaml", &ORDERS.replace("50", max_cost))];
    let gateway = Serving::start(&files);
    assert_eq!(gateway.broken(), [""; 0]);
    Watched { _watch: watch(gateway.live.clone(), PACE), gateway }
}

/// The databases that estimate costs: the kind, 20,000 orders, and how the statistics are brought up to date.
fn planners() -> Vec<(&'static str, Database, &'static str)> {
    let table = "CREATE TABLE orders (id INTEGER PRIMARY KEY, note VARCHAR(20) NOT NULL, total INTEGER NOT NULL);";
    let postgres = format!(
        "{table} INSERT INTO orders SELECT n, 'note ' || n, n FROM generate_series(1, 20000) AS n; ANALYZE orders"
    );
    let mysql = format!(
        "SET max_recursive_iterations = 30000; {table} INSERT INTO orders WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL \
         SELECT n + 1 FROM c WHERE n < 20000) SELECT n, concat('note ', n), n FROM c; ANALYZE TABLE orders"
    );
    let postgres = Database::postgres(&postgres).map(|database| ("postgres", database, "ANALYZE orders"));
    let mysql = Database::mysql(&mysql).map(|database| ("mysql", database, "ANALYZE TABLE orders"));
    postgres.into_iter().chain(mysql).collect()
}

const NOTE: &str = r#"{"note": "note 7"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn an_action_that_costs_too_much_is_gated_until_it_does_not() {
    for (kind, database, analyze) in planners() {
        let watched = orders(kind, &database, "50");
        let shown = watched.until("orders", "gated").await;
        let found = shown["diagnostics"].as_array().expect("a list").iter().find(|d| d["rule"] == "cost-exceeded");
        let message = found.expect("the cost")["message"].as_str().expect("a message").to_owned();
        assert!(
            message.starts_with("the planner estimates a cost of ") && message.ends_with(" `max_cost` is 50"),
            "{message}"
        );
        let answer = watched.gateway.post("/actions/orders", NOTE).await;
        assert_eq!((answer.status, answer.code()), (422, "cost_exceeded".into()), "{kind}");
        let simulated = watched.gateway.post("/simulate/orders", NOTE).await.json();
        let cost = simulated["trace"]["plan"][0]["cost"].as_f64().expect("a cost");
        assert!(cost > 50.0 && !simulated["trace"]["plan"][0]["plan"].is_null(), "{kind}: {simulated}");
        assert_eq!(watched.gateway.get("/readyz").await.json()["status"], "degraded");

        database.run(&format!("CREATE INDEX notes ON orders (note); {analyze}"));
        watched.until("orders", "ok").await;
        assert_eq!(watched.code("/actions/orders", NOTE).await, "success", "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_a_server_are_followed() {
    for (kind, database, _) in planners() {
        let watched = orders(kind, &database, "100000");
        assert_eq!(watched.code("/actions/orders", NOTE).await, "success", "{kind}");
        database.run("ALTER TABLE orders RENAME COLUMN note TO remark");
        let shown = watched.until("orders", "drifted").await;
        let missing = told(&shown).join(" ");
        assert!(missing.contains("note") && missing.contains("orders"), "{kind}: {missing}");
        assert_eq!(watched.code("/actions/orders", NOTE).await, "schema_drift", "{kind}");
        database.run("ALTER TABLE orders RENAME COLUMN remark TO note");
        watched.until("orders", "ok").await;
        assert_eq!(watched.code("/actions/orders", NOTE).await, "success", "{kind}");

        let change = if kind == "mysql" { "MODIFY total VARCHAR(20) NOT NULL" } else { "ALTER total TYPE varchar" };
        database.run(&format!("ALTER TABLE orders {change}"));
        let shown = watched.until("orders", "drifted").await;
        let misfit = told(&shown).join(" ");
        let ends = misfit.ends_with("becomes text, and the schema says number");
        assert!(ends && misfit.contains("`total` of type "), "{misfit}");
    }
}
