//! Request forms, answers and errors of calls.

use serde_json::json;

use super::{FIND, RENAME, SEED, SLOW, customers, with};
use crate::{
    gateway::{Answer, Serving},
    scripted::{Does, Scripted},
};

const ADA: &str = r#"{"customer_id": 1}"#;

fn found(answer: &Answer) -> Vec<i64> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["result"].as_array().expect("rows").iter().map(|row| row["id"].as_i64().expect("an id")).collect()
}

#[tokio::test]
async fn an_answer_has_the_members_of_the_contract_in_their_order() {
    let gateway = customers();
    let answer = gateway.send("POST /actions/find\nX-Request-Id: abc-1._Z", ADA).await;
    let expected = concat!(
        r#"{"status":"success","result":[{"id":1,"name":"Ada"}],"row_count":1,"message":"1 row","#,
        r#""request_id":"abc-1._Z"}"#
    );
    assert_eq!((answer.status, answer.text()), (200, expected));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("x-request-id"), Some("abc-1._Z"));
    let timing = answer.header("server-timing").expect("timings");
    let names: Vec<_> = timing.split(", ").map(|part| part.split_once(";dur=").expect("a duration")).collect();
    assert_eq!(names.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["queue", "backend", "total"]);
    assert!(names.iter().all(|(_, millis)| millis.parse::<f64>().is_ok()), "{timing}");
    assert!(answer.header("access-control-allow-origin").is_none() && answer.header("vary").is_none());
}

#[tokio::test]
async fn a_bad_request_id_is_replaced_by_a_ulid_in_body_and_header() {
    let gateway = customers();
    for head in ["POST /actions/find", "POST /actions/find\nX-Request-Id: a b"] {
        let answer = gateway.send(head, ADA).await;
        let id = answer.json()["request_id"].as_str().expect("an id").to_owned();
        assert_eq!(id.len(), 26);
        assert_eq!(answer.header("x-request-id"), Some(id.as_str()));
    }
}

#[tokio::test]
async fn variables_come_in_every_form() {
    let gateway = customers();
    let form = "Content-Type: application/x-www-form-urlencoded";
    let json = "Content-Type: application/json";
    for (headers, body) in [
        (json, ADA),
        (json, r#"{"customer_id": "1"}"#),
        (json, r#"{"variables": {"customer_id": 1}}"#),
        (json, r#"{"idempotency_key": "k", "variables": {"customer_id": 1}}"#),
        (json, r#"{"variables": {"customer_id": 1, "idempotency_key": "k"}}"#),
        (json, r#"{"customer_id": 1, "idempotency_key": "k"}"#),
        (json, "\u{feff} \r\n {\"customer_id\": 1} \n"),
        (json, " \u{feff}{\"customer_id\": 1}"),
        (form, ADA),
        ("Content-Type: text/plain", ADA),
        ("X-None: 1", ADA),
        (form, "customer_id=1"),
        (form, "customer_id=+1+"),
        (form, "customer%5Fid=%31"),
        ("X-None: 1", "customer_id=1"),
    ] {
        let answer = gateway.send(&format!("POST /actions/find\n{headers}"), body).await;
        assert_eq!(found(&answer), [1], "{headers} {body}");
    }
    assert_eq!(found(&gateway.get("/actions/find?customer_id=1").await), [1]);
    assert_eq!(found(&gateway.get("/actions/find?customer_id=%201").await), [1]);
}

#[tokio::test]
async fn a_list_may_be_repeated_in_a_form_or_query() {
    let gateway = customers();
    assert_eq!(found(&gateway.get("/actions/crm/list?ids=1&ids=3").await), [1, 3]);
    assert_eq!(found(&gateway.get("/actions/crm/list?ids=1,3&term=ada").await), [1]);
    assert_eq!(found(&gateway.send("POST /actions/crm/list", "ids=1&ids=2&ids=3").await), [1, 2, 3]);
    assert_eq!(found(&gateway.post("/actions/crm/list", r#"{"ids": [2, "3"]}"#).await), [2, 3]);
    assert_eq!(gateway.send("POST /actions/find", "customer_id=1&customer_id=2").await.code(), "invalid_parameter");
}

#[tokio::test]
async fn a_chunked_body_is_read() {
    let gateway = customers();
    let head = "POST /actions/find\nTransfer-Encoding: chunked";
    let answer = gateway.send(head, "5\r\n{\"cus\r\n10\r\ntomer_id\": 1}   \r\n0\r\n\r\n").await;
    assert_eq!(found(&answer), [1]);
}

#[tokio::test]
async fn what_is_no_request_is_refused() {
    let gateway = customers();
    let deep = format!("{{\"customer_id\": {}1{}}}", "[".repeat(60), "]".repeat(60));
    let deepest = format!("{{\"customer_id\": {}{}}}", "[".repeat(30_000), "]".repeat(30_000));
    let json = "Content-Type: application/json";
    for (head, body) in [
        (json, "[1]"),
        (json, "null"),
        (json, "customer_id=1"),
        (json, "{"),
        (json, "{\"customer_id\": 1} x"),
        (json, "{\"customer_id\": 1, \"customer_id\": 1}"),
        (json, "{\"customer_id\": {\"a\": 1, \"a\": 2}}"),
        (json, &deep),
        (json, &deepest),
        ("Content-Type: multipart/form-data; boundary=x", "--x"),
        ("Content-Encoding: gzip", ADA),
        ("X-None: 1", "customer_id=%zz"),
        ("X-None: 1", "customer_id=%ff"),
        ("Idempotency-Key: a", "customer_id=1&idempotency_key=b"),
        ("X-None: 1", "customer_id=1&idempotency_key=a&idempotency_key=a"),
        (json, r#"{"variables": {"customer_id": 1, "idempotency_key": "a"}, "idempotency_key": "b"}"#),
    ] {
        let answer = gateway.send(&format!("POST /actions/find\n{head}"), body).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_request"), "{head} {body:.60}");
    }
    for answer in [
        gateway.send("POST /actions/find", b"{\"customer_id\": \"\xff\"}").await,
        gateway.send("POST /actions/find?customer_id=1", "").await,
        gateway.send("GET /actions/find?customer_id=1", "{}").await,
        gateway.get("/actions/find?customer_id=%").await,
        gateway.get("/actions/%ff").await,
        gateway.send(&format!("POST /actions/find\nIdempotency-Key: {}", "x".repeat(201)), ADA).await,
    ] {
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_request"));
    }
}

#[tokio::test]
async fn all_bad_parameters_are_told_at_once() {
    let gateway = customers();
    let answer = gateway.post("/actions/rename", r#"{"nme": "x", "customer_id": "12a"}"#).await;
    let body = answer.json();
    assert_eq!((answer.status, &body["code"]), (400, &json!("invalid_parameter")));
    let errors: Vec<_> = body["errors"].as_array().expect("errors").iter().map(|error| &error["parameter"]).collect();
    assert_eq!(errors, ["customer_id", "name", "nme"]);
    assert_eq!(body["errors"][0]["got"], "12a");
    assert!(body["message"].as_str().expect("a message").starts_with("customer_id: "));
    assert_eq!(gateway.post("/actions/find", "").await.code(), "missing_parameter");
    assert_eq!(gateway.post("/actions/find", r#"{"customer_id": 1, "x": 1}"#).await.code(), "unknown_parameter");
    let wrapped = gateway.post("/actions/find", r#"{"variables": {"customer_id": 1}, "x": 1}"#).await;
    assert_eq!(wrapped.json()["errors"][0]["parameter"], "customer_id", "{}", wrapped.text());
}

#[tokio::test]
async fn a_body_over_the_limit_is_not_read_on() {
    let config = crate::gateway::CONFIG.to_owned() + "limits: { request_bytes: 1KiB }\n";
    let gateway = with(&[("datadip.yaml", &config)]);
    let fits = format!("{{\"customer_id\": 1{}}}", " ".repeat(1024 - 18));
    assert_eq!(fits.len(), 1024);
    assert_eq!(found(&gateway.post("/actions/find", &fits).await), [1]);
    for answer in [
        gateway.post("/actions/find", &(fits.clone() + " ")).await,
        gateway.send("POST /actions/find\nContent-Length: 99999999999", "{").await,
        gateway.send("POST /actions/find\nTransfer-Encoding: chunked", format!("401\r\n{fits} \r\n0\r\n\r\n")).await,
    ] {
        assert_eq!((answer.status, answer.code().as_str()), (413, "request_too_large"));
    }
}

#[tokio::test]
async fn paths_and_methods_are_exact() {
    let gateway = customers();
    for path in ["/", "/actions", "/actions/", "/actions/nope", "/actions/find/", "//actions/find", "/ACTIONS/find"] {
        let answer = gateway.post(path, ADA).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "action_not_found"), "{path}");
    }
    assert_eq!(gateway.post("/actions/crm%2Flist", "ids=1").await.status, 404);
    assert_eq!(found(&gateway.send("POST /actions/%63rm/list", "ids=1").await), [1]);
    for (request, allow) in [
        ("PUT /actions/find", "GET, POST"),
        ("DELETE /actions/find", "GET, POST"),
        ("OPTIONS /actions/find", "GET, POST"),
        ("GET /actions/rename", "POST"),
        ("BREW /actions/rename", "POST"),
        ("POST /readyz", "GET, HEAD"),
        ("GET /simulate/find", "POST"),
    ] {
        let answer = gateway.send(request, "").await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allow)), "{request}");
        assert_eq!(answer.code(), "method_not_allowed");
    }
    let head = gateway.send("HEAD /actions/find", "").await;
    assert_eq!((head.status, head.header("allow")), (405, Some("GET, POST")));
}

#[tokio::test]
async fn ndjson_is_given_where_the_action_streams_and_refused_elsewhere() {
    let gateway = customers();
    let stream = gateway.send("POST /actions/crm/list\nAccept: application/x-ndjson", "ids=1&ids=2").await;
    assert_eq!((stream.status, stream.header("content-type")), (200, Some("application/x-ndjson")));
    assert_eq!(stream.text(), "{\"id\":1,\"name\":\"Ada\"}\n{\"id\":2,\"name\":\"Grace\"}\n");
    assert!(stream.header("x-request-id").is_some());
    let none = gateway.send("GET /actions/crm/list?ids=9\nAccept: application/x-ndjson", "").await;
    assert_eq!((none.status, none.text()), (200, ""));
    let bad = gateway.send("POST /actions/crm/list\nAccept: application/x-ndjson", "ids=x").await;
    assert_eq!((bad.status, bad.code().as_str()), (400, "invalid_parameter"));
    let answer = gateway.send("POST /actions/find\nAccept: application/x-ndjson", ADA).await;
    assert_eq!((answer.status, answer.code().as_str()), (406, "not_acceptable"));
    for accept in ["text/html", "application/json", "*/*", "nonsense", "application/x-ndjson, */*"] {
        let answer = gateway.send(&format!("POST /actions/find\nAccept: {accept}"), ADA).await;
        assert_eq!(found(&answer), [1], "{accept}");
    }
}

#[tokio::test]
async fn writes_commit_and_constraints_are_told_apart() {
    let gateway = customers();
    let answer = gateway.post("/actions/rename", r#"{"customer_id": 1, "name": "Lovelace"}"#).await;
    let body = answer.json();
    assert_eq!(
        (&body["result"], &body["row_count"], &body["message"]),
        (&json!(1), &json!(1), &json!("1 row changed"))
    );
    let answer = gateway.get("/actions/find?customer_id=1").await;
    assert_eq!(answer.json()["result"][0]["name"], "Lovelace");
    let answer = gateway.post("/actions/rename", r#"{"customer_id": 1, "name": "Grace"}"#).await;
    let body = answer.json();
    assert_eq!((answer.status, &body["code"]), (409, &json!("constraint_violation")));
    assert_eq!(body["constraint"], "unique");
    assert!(!answer.text().contains("customers"), "no table's name: {}", answer.text());
}

#[tokio::test]
async fn fifty_first_calls_of_a_cached_action_share_one_answer() {
    let config = crate::gateway::CONFIG.replace("workers: 1", "workers: 3");
    let random = "\
description: Answers something else each time, and takes a while.
backend: demo
sql: |
  WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 300000)
  SELECT count(*) + abs(random() / 2) AS n FROM c
result: { shape: value }
cache: { ttl: 1h }
";
    let gateway = with(&[("datadip.yaml", &config), ("actions/random.yaml", random)]);
    let answers = futures_util::future::join_all((0..50).map(|_| gateway.post("/actions/random", ""))).await;
    let own = answers.iter().filter(|answer| answer.json().get("cached").is_none());
    assert_eq!(own.count(), 1);
    let first = &answers[0].json()["result"];
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.json()["result"] == *first));
}

#[tokio::test]
async fn a_rate_is_kept_and_says_when_to_come_again() {
    let limited = FIND.to_owned() + "limits: { rate: 1/m }\n";
    let gateway = with(&[("actions/limited.yaml", &limited)]);
    let first = gateway.post("/actions/limited", ADA).await;
    assert_eq!(first.status, 200);
    let second = gateway.post("/actions/limited", ADA).await;
    assert_eq!((second.status, second.code().as_str()), (429, "rate_limited"));
    let after: u64 = second.header("retry-after").expect("a time").parse().expect("seconds");
    assert!((1..=60).contains(&after), "{after}");
    let simulated = gateway.post("/simulate/limited", ADA).await;
    assert_eq!(simulated.status, 200, "a simulation counts against no rate");
}

#[tokio::test]
async fn a_broken_action_is_unavailable_and_the_others_serve() {
    let gateway = with(&[("actions/broken.yaml", "backend: demo\nsql: SELECT {{ nope }}\n")]);
    let answer = gateway.post("/actions/broken", "").await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "action_unavailable"));
    assert!(answer.header("retry-after").is_some());
    assert_eq!(found(&gateway.post("/actions/find", ADA).await), [1]);
}

#[tokio::test]
async fn what_a_backend_cannot_do_has_its_code_and_says_nothing_of_it() {
    let elsewhere = crate::gateway::CONFIG.to_owned() + "  gone: { kind: sqlite, url: 'sqlite:no/such/folder/x.db' }\n";
    let find = |backend: &str, sql: &str| format!("description: Fails.\nbackend: {backend}\nsql: {sql}\n");
    let gateway = with(&[
        ("datadip.yaml", &elsewhere),
        ("actions/gone.yaml", &find("gone", "SELECT 1 AS one")),
        ("actions/wrong.yaml", &find("demo", "SELECT nosuch(id) AS n FROM customers LIMIT 1")),
        ("actions/drift.yaml", &find("demo", "SELECT id FROM s3cret LIMIT 1")),
    ]);
    for (name, status, code) in
        [("gone", 503, "backend_unavailable"), ("wrong", 502, "backend_error"), ("drift", 502, "schema_drift")]
    {
        let answer = gateway.post(&format!("/actions/{name}"), "").await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code));
        assert_eq!(answer.header("retry-after").is_some(), status == 503);
        for secret in ["s3cret", "no/such", "SELECT", "nosuch", "sqlite", "Ada"] {
            assert!(!answer.text().contains(secret), "{}", answer.text());
        }
    }
    assert_eq!(gateway.get("/readyz").await.json()["backends"], json!({ "demo": "up", "gone": "down" }));
}

#[tokio::test]
async fn more_calls_than_may_run_and_wait_are_refused() {
    let config = crate::gateway::CONFIG.to_owned() + "limits: { concurrency: 1, queue: 0 }\n";
    let gateway = with(&[("datadip.yaml", &config)]);
    let slow = gateway.post("/actions/slow", r#"{"n": 3000000}"#);
    let refused = async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        gateway.post("/actions/find", ADA).await
    };
    let (slow, refused) = tokio::join!(slow, refused);
    assert_eq!((refused.status, refused.code().as_str()), (503, "overloaded"));
    assert!(refused.header("retry-after").is_some());
    assert_eq!(slow.status, 200);
}

#[tokio::test]
async fn a_lock_that_others_hold_is_contention() {
    use sqlx::{ConnectOptions, Executor};
    let gateway = with(&[("actions/rename.yaml", &(RENAME.to_owned() + "retry: { attempts: 1 }\ntimeout: 500ms\n"))]);
    assert_eq!(gateway.post("/actions/find", ADA).await.status, 200);
    let file = sqlx::sqlite::SqliteConnectOptions::new().filename(gateway.folder.path().join("test.db"));
    let mut other = file.connect().await.expect("the same file");
    other.execute("BEGIN IMMEDIATE").await.expect("the lock");
    let answer = gateway.post("/actions/rename", r#"{"customer_id": 1, "name": "x"}"#).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "contention"));
    other.execute("ROLLBACK").await.expect("the lock is free");
    assert_eq!(gateway.post("/actions/rename", r#"{"customer_id": 1, "name": "x"}"#).await.status, 200);
}

#[tokio::test]
async fn a_deadline_that_passes_is_a_timeout() {
    let slow = SLOW.replace("timeout: 60s", "timeout: 50ms");
    let gateway = with(&[("actions/slow.yaml", &slow)]);
    let answer = gateway.post("/actions/slow", r#"{"n": 2000000000}"#).await;
    assert_eq!((answer.status, answer.code().as_str()), (504, "timeout"));
}

#[tokio::test]
async fn a_simulation_shows_everything_and_changes_nothing() {
    let secret = RENAME.replace("name: string", "name: { type: string, sensitive: true }");
    let gateway = with(&[("actions/rename.yaml", &secret)]);
    let answer = gateway.post("/simulate/rename", r#"{"customer_id": "1", "name": "Turing"}"#).await;
    let body = answer.json();
    assert_eq!((answer.status, &body["status"], &body["simulated_result"]), (200, &json!("success"), &json!(1)));
    let trace = &body["trace"];
    assert_eq!(trace["variables"], json!({ "customer_id": "1", "name": "***" }));
    assert_eq!(trace["coerced"], json!({ "customer_id": 1, "name": "***" }));
    assert_eq!(
        trace["statements"],
        json!([{
            "sql": "UPDATE customers SET name = ? WHERE id = ?",
            "binds": [
                { "parameter": "name", "type": "string", "value": "***" },
                { "parameter": "customer_id", "type": "integer", "value": 1 },
            ],
        }])
    );
    let plan = json!([{ "cost": null, "plan": ["SEARCH customers USING INTEGER PRIMARY KEY (rowid=?)"] }]);
    assert_eq!((&trace["plan"], &trace["shape"]), (&plan, &json!([[]])));
    assert!(trace["timings"]["total"].as_f64().expect("milliseconds") > 0.0);
    assert_eq!(trace["retries"], 0);
    assert!(!answer.text().contains("Turing"));
    assert_eq!(gateway.get("/actions/find?customer_id=1").await.json()["result"][0]["name"], "Ada");

    let answer = gateway.post("/simulate/rename", r#"{"customer_id": "x", "name": "Turing"}"#).await;
    let body = answer.json();
    assert_eq!((answer.status, &body["code"]), (400, &json!("invalid_parameter")));
    assert_eq!(body["trace"]["variables"]["customer_id"], "x");
    assert_eq!(gateway.post("/simulate/nope", "").await.code(), "action_not_found");
}

#[tokio::test]
async fn a_write_that_meets_a_bug_is_in_doubt_and_a_read_is_not() {
    let scripted = Scripted::new((0..4).map(|_| Does::Panic));
    let files = [("actions/find.yaml", FIND), ("actions/rename.yaml", RENAME), ("seed.sql", SEED)];
    let gateway = Serving::start_with(&files, |gateway| {
        gateway.backends.insert("demo".into(), scripted.clone());
    });
    for (path, in_doubt) in
        [("/actions/rename", json!(true)), ("/actions/find", json!(null)), ("/simulate/rename", json!(null))]
    {
        let body = if path.ends_with("find") { ADA } else { r#"{"customer_id": 1, "name": "Lovelace"}"# };
        let answer = gateway.post(path, body).await;
        assert_eq!((answer.status, answer.code().as_str()), (500, "internal"), "{path}");
        assert_eq!(answer.json()["in_doubt"], in_doubt, "{path}");
    }
    assert_eq!(scripted.runs(), 3);
}

#[tokio::test]
async fn a_simulation_asks_a_backend_that_did_not_answer_for_no_plan() {
    let hasty = SLOW.replace("timeout: 60s", "timeout: 500ms");
    let gateway = with(&[("actions/slow.yaml", &hasty)]);
    let simulate = async |body| gateway.post("/simulate/slow", body).await.json();
    let answered = simulate(r#"{"n": 1}"#).await;
    assert!(answered["trace"]["plan"].is_array(), "{answered}");
    let late = simulate(r#"{"n": 20000000000}"#).await;
    assert_eq!((&late["code"], &late["trace"]["plan"]), (&json!("timeout"), &json!(null)));
}
