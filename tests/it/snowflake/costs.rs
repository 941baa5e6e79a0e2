//! What the profiler tells of statements on Snowflake: at once what is known at once, and their costs when the history does.

use serde_json::{Value as Json, json};

use super::{Account, Canned, Server, account, server::POLL};
use crate::{backends::tools::until, gateway::Serving};

const ACTION: &str = "\
description: Counts.
backend: db
sql: SELECT 1 AS N LIMIT 1
result: { shape: value, schema: { type: integer } }
timeout: 2s
retry: { attempts: 1 }
";

fn account() -> Account {
    let rows = Canned::rows(&[account::column("N", "fixed", 38.into(), 0.into())], &[&[Some("1")]]);
    Account::with(vec![("SELECT 1 AS N LIMIT 1", rows)])
}

async fn profiler(gateway: &Serving) -> Json {
    gateway.get("/profiler").await.json()
}

#[tokio::test]
async fn a_statement_is_known_at_once_and_its_credits_when_the_history_tells_them() {
    let server = Server::start(account());
    let gateway = server.gateway("count", ACTION, "    cost_query: { every: 1s, warehouse: COSTS_WH }\n");
    gateway.post("/actions/count", "{}").await;
    let shown = profiler(&gateway).await;
    let call = &shown["execution_history"][0];
    let job = &call["jobs"][0];
    assert_eq!((&call["action"], &job["rows"], &job["bytes"]), (&json!("count"), &json!(1), &json!(1000)));
    assert!(job["elapsed"].as_f64().is_some_and(|millis| millis > 0.0), "{job}");
    let id = job["id"].as_str().expect("an id");
    assert!(server.requests(POLL).iter().any(|got| got.path().ends_with(id)), "the history knows it by this id");
    assert_eq!((&job["credits"], &shown["credits"]), (&Json::Null, &json!({ "db": 0.0 })));
    // The history lags: what it does not tell yet is asked for again.
    until("the history was asked", async || !server.account().history.is_empty()).await;
    server.account().credits = Some("0.000125");
    until("it is told", async || {
        profiler(&gateway).await["execution_history"][0]["jobs"][0]["credits"] == json!(0.000125)
    })
    .await;
    assert_eq!(profiler(&gateway).await["credits"], json!({ "db": 0.000125 }));
    let metrics = gateway.get("/metrics").await.text().to_owned();
    assert!(metrics.contains("datadip_credits_total{backend=\"db\"} 0.000125\n"), "{metrics}");
    // What is told is not asked for again, so that no warehouse is woken.
    let asked = server.account().history.len();
    tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
    assert_eq!(server.account().history.len(), asked);
    assert!(server.account().history.iter().all(|warehouse| warehouse == "COSTS_WH"));
}

#[tokio::test]
async fn what_costs_is_not_shown_unless_it_is_asked_for() {
    let server = Server::start(account());
    let gateway = server.gateway("count", ACTION, "");
    gateway.post("/actions/count", "{}").await;
    let shown = profiler(&gateway).await;
    assert_eq!((&shown["credits"], &shown["execution_history"][0]["jobs"][0]["credits"]), (&json!({}), &Json::Null));
}

#[tokio::test]
async fn a_statement_that_ran_too_long_is_known_as_well() {
    let mut account = account();
    let slow = Canned::rows(&[account::column("N", "fixed", 38.into(), 0.into())], &[]).never();
    account.statements.insert("SELECT 1 AS N LIMIT 1".into(), slow);
    let server = Server::start(account);
    let gateway = server.gateway("count", ACTION, "");
    assert_eq!(gateway.post("/actions/count", "{}").await.code(), "timeout");
    let call = profiler(&gateway).await["execution_history"][0].clone();
    assert_eq!((&call["code"], call["jobs"].as_array().map(Vec::len)), (&json!("timeout"), Some(1)));
}

#[tokio::test]
async fn a_statement_whose_caller_left_is_known_as_well() {
    let mut account = account();
    let slow = Canned::rows(&[account::column("N", "fixed", 38.into(), 0.into())], &[]).never();
    account.statements.insert("SELECT 1 AS N LIMIT 1".into(), slow);
    let server = Server::start(account);
    let action = ACTION.replace("timeout: 2s", "timeout: 60s");
    let gateway = server.gateway("count", &action, "");
    let call = tokio::time::timeout(std::time::Duration::from_secs(1), gateway.post("/actions/count", "{}"));
    assert!(call.await.is_err(), "it runs on");
    let mut call = Json::Null;
    until("the gateway has noticed", async || {
        call = profiler(&gateway).await["execution_history"][0].clone();
        !call.is_null()
    })
    .await;
    let id = call["jobs"][0]["id"].as_str().unwrap_or_else(|| panic!("no job in {call}"));
    assert_eq!(call["code"], "caller_left");
    assert!(server.requests(POLL).iter().any(|got| got.path().ends_with(id)));
}
