//! Calls over HTTP to actions on Salesforce: what callers see, and what is asked of the org for them.

use std::time::Duration;

use datadip::live::{Pace, watch};
use serde_json::{Value as Json, json};
use tokio::time::sleep;

use super::{AUTH, Fault, Org, Server, reads::things};
use crate::gateway::Serving;

const FIND: &str = "\
description: Finds an account.
backend: org
params: { name: string }
soql: SELECT Name, CreatedDate FROM Account WHERE Name = {{ name }}
result: { max_rows: 10 }
retry: { attempts: 1 }
timeout: 5s
";
const STREAM: &str = "\
description: All things.
backend: org
soql: SELECT Name, CreatedDate FROM Thing__c
result: { stream: true }
";
const ACME: &str = r#"{"name": "Acme"}"#;

/// A gateway on a server, with actions.
fn gateway(server: &Server, actions: &[(&str, &str)]) -> Serving {
    let config = format!(
        "server: {{ listen: 127.0.0.1:0, workers: 1, shutdown_grace: 5s }}\nbackends:\n  org:\n    kind: salesforce\n    \
         login_url: '{}'\n    auth: {AUTH}\n",
        server.url()
    );
    let serving = Serving::start(&[&[("datadip.yaml", config.as_str())], actions].concat());
    assert_eq!(serving.broken(), [""; 0]);
    serving
}

fn find(server: &Server) -> Serving {
    gateway(server, &[("actions/find.yaml", FIND)])
}

#[tokio::test]
async fn a_call_answers_records_as_rows_and_asks_for_no_larger_page_than_it_takes() {
    let server = Server::start(Org::demo());
    let answer = find(&server).post("/actions/find", ACME).await.json();
    assert_eq!(answer["result"], json!([{ "Name": "Acme", "CreatedDate": "2024-02-29T09:30:00+00:00" }]));
    assert_eq!(server.requests("/query")[0].header("sforce-query-options"), Some("batchSize=200"));
}

#[tokio::test]
async fn a_caller_reads_a_code_and_none_of_salesforces_words() {
    let server = Server::start(Org::demo());
    let gateway = find(&server);
    let check = async |fault: Fault, status: u16, code: &str, again: Option<&str>| {
        server.fault("/query", fault);
        let answer = gateway.post("/actions/find", ACME).await;
        assert_eq!((answer.status, answer.code().as_str(), answer.header("retry-after")), (status, code, again));
        for word in ["Secret", "Account", "Acme", "HTTP", "ERROR"] {
            assert!(!answer.text().contains(word), "{}", answer.text());
        }
    };
    let error =
        |status, code: &str| Fault::error(status, code, "\nSELECT Secret\n ^\nERROR at Row:1:Column:1\nSecret 'Acme'");
    check(error(400, "INVALID_FIELD"), 502, "schema_drift", None).await;
    check(error(400, "MALFORMED_QUERY"), 502, "backend_error", None).await;
    check(error(403, "INSUFFICIENT_ACCESS"), 502, "backend_error", None).await;
    check(error(403, "REQUEST_LIMIT_EXCEEDED"), 503, "backend_limited", Some("3600")).await;
    check(error(503, "SERVER_UNAVAILABLE").with("Retry-After", "77"), 503, "backend_unavailable", Some("77")).await;
    check(error(429, "").with("Retry-After", "9"), 503, "backend_limited", Some("9")).await;
    check(error(400, "UNABLE_TO_LOCK_ROW"), 503, "contention", Some("1")).await;
    check(error(400, "QUERY_TIMEOUT"), 504, "timeout", None).await;
    check(error(400, "MALFORMED_ID"), 400, "invalid_parameter", None).await;
    check(Fault::Cut, 503, "backend_unavailable", Some("5")).await;
    check(Fault::CutBody, 503, "backend_unavailable", Some("5")).await;
    check(Fault::Huge, 502, "backend_error", None).await;
}

#[tokio::test]
async fn a_slow_org_is_waited_for_no_longer_than_the_action_says() {
    let server = Server::start(Org::demo());
    let gateway = gateway(&server, &[("actions/find.yaml", &FIND.replace("timeout: 5s", "timeout: 300ms"))]);
    server.fault("/query", Fault::Late(Duration::from_secs(20)));
    let answer = gateway.post("/actions/find", ACME).await;
    assert_eq!((answer.status, answer.code().as_str()), (504, "timeout"));
}

#[tokio::test]
async fn an_org_that_keeps_failing_is_left_alone_for_a_while_and_used_up_limits_are_no_failure() {
    let server = Server::start(Org::demo());
    let gateway = find(&server);
    let calls = async |fault: Fault| {
        server.faults("/query", 5, &fault);
        for _ in 0..5 {
            gateway.post("/actions/find", ACME).await;
        }
        let before = server.requests("/query").len();
        let answer = gateway.post("/actions/find", ACME).await;
        (answer.status, server.requests("/query").len() - before)
    };
    let used_up = Fault::error(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.");
    assert_eq!(calls(used_up).await, (200, 1));
    assert_eq!(calls(Fault::Answer(429, Vec::new(), String::new())).await, (503, 0));
}

#[tokio::test]
async fn ten_thousand_records_stream_as_lines() {
    let server = Server::start(things(10_000));
    let gateway = gateway(&server, &[("actions/stream.yaml", STREAM)]);
    let answer = gateway.send("POST /actions/stream\nAccept: application/x-ndjson", "{}").await;
    let lines: Vec<Json> =
        answer.text().lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    assert_eq!((lines.len(), server.requests("/query").len()), (10_000, 5));
    assert_eq!(lines[9999], json!({ "Name": "thing 9999", "CreatedDate": "2026-01-01T00:00:00+00:00" }));
    // As an answer of rows it is too large, and only one page was asked for to know that.
    let answer = gateway.post("/actions/stream", "{}").await;
    assert_eq!((answer.code().as_str(), server.requests("/query").len()), ("result_too_large", 6));
}

#[tokio::test]
async fn an_action_that_names_what_is_not_there_is_refused_before_anything_is_asked_and_recovers() {
    let server = Server::start(Org::demo());
    let action = FIND.replace("SELECT Name", "SELECT Region__c, Name");
    let mut gateway = gateway(&server, &[("actions/find.yaml", &action)]);
    let fast = Duration::from_millis(50);
    let _watch = watch(gateway.live.clone(), Pace { every: fast, gather: fast, apart: fast, retry: fast });
    let shown = gateway.state("drifted").await;
    let shown = shown["diagnostics"].to_string();
    assert!(shown.contains("`Region__c` is no field of the object `Account`"), "{shown}");
    assert_eq!(gateway.post("/actions/find", ACME).await.code(), "schema_drift");
    assert_eq!(server.requests("/query").len(), 0);
    // A description is not asked for again within five seconds, nor by the clock within an hour.
    let asked = server.requests("/describe").len();
    sleep(Duration::from_millis(5500)).await;
    assert_eq!(server.requests("/describe").len(), asked);
    server.org().object("Account", "Id:id Name:string Region__c:string? CreatedDate:datetime");
    gateway.reload("actions/find.yaml", &format!("{action}owner: me\n"));
    gateway.state("ok").await;
    assert_eq!(gateway.post("/actions/find", ACME).await.status, 200);
}
