//! Repeats of writes as callers send them.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    time::{sleep, timeout},
};

use super::with;
use crate::gateway::{Answer, CONFIG, Serving};

/// A write that changes more each time.
const ADD: &str = "\
description: Adds a customer.
backend: demo
mode: write
params:
  name: string
  tier: { type: string, required: false }
sql: INSERT INTO customers (name, tier) VALUES ({{ name }}, {{ tier | default('basic') }}) RETURNING id
result: { shape: value }
";

/// A write that takes as long as one likes.
const SLOW: &str = "\
description: Adds a customer, by and by.
backend: demo
mode: write
params: { n: integer }
timeout: 30s
sql: |
  INSERT INTO customers (name)
  WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < {{ n }})
  SELECT 'slow ' || count(*) FROM c
result: { shape: affected }
";

/// How many customers there are.
const COUNT: &str = "\
description: Counts.
backend: demo
sql: SELECT count(*) AS n FROM customers
result: { shape: value }
";

fn serving(more: &[(&str, &str)]) -> Serving {
    let files = [("actions/add.yaml", ADD), ("actions/slow-add.yaml", SLOW), ("actions/count.yaml", COUNT)];
    with(&[&files[..], more].concat())
}

async fn count(gateway: &Serving) -> u64 {
    gateway.post("/actions/count", "").await.json()["result"].as_u64().expect("a number")
}

/// Begins a slow write under a key, or without one.
async fn begin(gateway: &Serving, n: u64, more: &str) -> TcpStream {
    let body = format!("{{\"n\": {n}}}");
    let host = gateway.handle.address();
    let mut stream = gateway.connect().await;
    let head = format!("POST /actions/slow-add HTTP/1.1\r\nHost: {host}\r\n{more}Content-Length: {}", body.len());
    stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).await.expect("sent");
    stream
}

const KEY: &str = "Idempotency-Key: k\r\n";

#[tokio::test]
async fn a_repeat_gets_the_first_ones_outcome() {
    let gateway = serving(&[]);
    let first = gateway.send("POST /actions/add\nIdempotency-Key: k", r#"{"name": "Barbara"}"#).await;
    assert_eq!((first.status, first.header("idempotent-replayed")), (200, None));
    assert!(first.header("server-timing").is_some_and(|timing| !timing.contains("backend;dur=0.000")));
    for (head, body) in [
        ("POST /actions/add\nIdempotency-Key: k\nX-Request-Id: again", r#"{"name": "Barbara"}"#),
        ("POST /actions/add\nX-Request-Id: again", r#"{"name": "Barbara", "idempotency_key": "k"}"#),
        ("POST /actions/add\nX-Request-Id: again", r#"{"idempotency_key": "k", "variables": {"name": "Barbara"}}"#),
        ("POST /actions/add\nX-Request-Id: again", "name=Barbara&idempotency_key=k"),
        ("POST /actions/add\nX-Request-Id: again\nIdempotency-Key: k", "name=Barbara&tier="),
    ] {
        let again = gateway.send(head, body).await;
        assert_eq!((again.status, again.header("idempotent-replayed")), (200, Some("true")), "{head} {body}");
        let mut expected = first.json();
        expected["request_id"] = json!("again");
        assert_eq!(again.json(), expected);
    }
    assert_eq!(count(&gateway).await, 4);
    let other = gateway.send("POST /actions/add\nIdempotency-Key: k", r#"{"name": "Frances"}"#).await;
    assert_eq!((other.status, other.code().as_str()), (409, "idempotency_conflict"));
    assert_eq!(other.header("idempotent-replayed"), None);
    assert_eq!(gateway.post("/actions/add", r#"{"name": "Frances"}"#).await.status, 200, "without a key it runs");
}

#[tokio::test]
async fn a_failure_that_lasts_is_replayed_and_one_that_passes_is_not() {
    let gateway = serving(&[]);
    let send = || gateway.send("POST /actions/add\nIdempotency-Key: k", r#"{"name": "Ada"}"#);
    let first = send().await;
    assert_eq!((first.status, first.code().as_str()), (409, "constraint_violation"));
    gateway.post("/actions/rename", r#"{"customer_id": 1, "name": "Lovelace"}"#).await;
    let again = send().await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (409, Some("true")));
    assert_eq!(again.json()["constraint"], "unique");

    let send = |body| gateway.send("POST /actions/add\nIdempotency-Key: l", body);
    assert_eq!(send("nome=x").await.status, 400);
    assert_eq!(send("name=x").await.status, 200);
}

#[tokio::test]
async fn a_read_takes_a_key_and_ignores_it() {
    let gateway = serving(&[]);
    for id in [1, 2] {
        let answer = gateway.send("POST /actions/find\nIdempotency-Key: k", format!("{{\"customer_id\": {id}}}")).await;
        assert_eq!((answer.status, answer.header("idempotent-replayed")), (200, None));
        assert_eq!(answer.json()["result"][0]["id"], id);
    }
}

#[tokio::test]
async fn three_sends_at_once_run_once_and_a_reload_forgets_nothing() {
    let config = CONFIG.replace("workers: 1", "workers: 3");
    let mut gateway = serving(&[("datadip.yaml", &config)]);
    let mut streams = Vec::new();
    for _ in 0..3 {
        streams.push(begin(&gateway, 1_000_000, KEY).await);
    }
    let mut replayed = 0;
    for stream in &mut streams {
        let answer = Answer::read(stream).await;
        assert_eq!((answer.status, answer.json()["result"].as_u64()), (200, Some(1)), "{}", answer.text());
        replayed += usize::from(answer.header("idempotent-replayed").is_some());
    }
    assert_eq!((replayed, count(&gateway).await), (2, 4));
    gateway.reload("actions/slow-add.yaml", &format!("{SLOW}owner: crm\n"));
    let answer = Answer::read(&mut begin(&gateway, 1_000_000, KEY).await).await;
    assert_eq!((answer.status, answer.header("idempotent-replayed")), (200, Some("true")));
}

#[tokio::test]
async fn a_write_whose_caller_leaves_runs_on_under_a_key_and_ends_without() {
    let gateway = serving(&[]);
    for (more, n) in [("", 20_000_000_000), (KEY, 3_000_000)] {
        let stream = begin(&gateway, n, more).await;
        sleep(Duration::from_millis(100)).await;
        drop(stream);
    }
    // Writes share a connection: the second could only run once the first was gone.
    let repeat = Answer::read(&mut begin(&gateway, 3_000_000, KEY).await).await;
    assert_eq!((repeat.status, repeat.header("idempotent-replayed")), (200, Some("true")), "{}", repeat.text());
    assert_eq!(count(&gateway).await, 4);
}

#[tokio::test]
async fn a_repeat_whose_caller_leaves_waits_no_more() {
    let gateway = serving(&[]);
    let mut first = begin(&gateway, 20_000_000, KEY).await;
    sleep(Duration::from_millis(100)).await;
    for _ in 0..3 {
        let mut waiting = Vec::new();
        for _ in 0..3 {
            waiting.push(begin(&gateway, 20_000_000, KEY).await);
        }
        sleep(Duration::from_millis(100)).await;
        drop(waiting);
        sleep(Duration::from_millis(100)).await;
    }
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(begin(&gateway, 20_000_000, KEY).await);
    }
    sleep(Duration::from_millis(100)).await;
    let crowded = Answer::read(&mut begin(&gateway, 20_000_000, KEY).await).await;
    assert_eq!((crowded.status, crowded.code().as_str()), (503, "overloaded"));
    for stream in &mut waiting {
        let answer = Answer::read(stream).await;
        assert_eq!((answer.status, answer.header("idempotent-replayed")), (200, Some("true")), "{}", answer.text());
    }
    assert_eq!(Answer::read(&mut first).await.status, 200);
}

#[tokio::test]
async fn a_server_that_stops_waits_for_a_write_whose_caller_has_left() {
    let config = CONFIG.replace("shutdown_grace: 5s", "shutdown_grace: 20s");
    let gateway = serving(&[("datadip.yaml", &config)]);
    let file = gateway.folder.path().join("test.db");
    let started = Instant::now();
    let stream = begin(&gateway, 5_000_000, KEY).await;
    sleep(Duration::from_millis(100)).await;
    drop(stream);
    sleep(Duration::from_millis(100)).await;
    let running = gateway.folder;
    timeout(Duration::from_secs(25), gateway.handle.stop()).await.expect("it stops");
    let stopped = started.elapsed();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let mut database = sqlx::ConnectOptions::connect(&options).await.expect("the file");
    let written: i64 = sqlx::query_scalar("SELECT count(*) FROM customers WHERE name = 'slow 5000000'")
        .fetch_one(&mut database)
        .await
        .expect("a count");
    assert_eq!(written, 1, "stopped after {stopped:?}");
    drop(running);
}
