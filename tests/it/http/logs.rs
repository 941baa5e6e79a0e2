//! The log: one line a call, and never a value.

use std::{
    io,
    sync::{Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use serde_json::{Value as Json, json};
use tokio::{io::AsyncWriteExt, time::sleep};

use super::with;

/// Everything that was logged in this process, by whichever test.
static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Log;

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn listen() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| tracing_subscriber::fmt().json().flatten_event(true).with_writer(|| Log).init());
}

/// The lines of one request, once there is one.
async fn lines(request_id: &str) -> Vec<Json> {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let log = String::from_utf8(LOG.lock().unwrap_or_else(PoisonError::into_inner).clone()).expect("text");
        let lines = log.lines().map(|line| serde_json::from_str(line).expect("JSON"));
        let lines: Vec<Json> = lines.filter(|line: &Json| line["request_id"] == request_id).collect();
        if !lines.is_empty() || Instant::now() > until {
            return lines;
        }
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn each_call_is_one_line_without_values() {
    listen();
    let gateway = with(&[]);
    let call = |id: &str, path: &str| format!("POST {path}\nX-Request-Id: {id}\nIdempotency-Key: k3y-{id}");
    for (id, path, body, status, code) in [
        ("log-1", "/actions/rename", r#"{"customer_id": 1, "name": "v4lue"}"#, 200, "success"),
        ("log-2", "/actions/rename", r#"{"customer_id": "v4lue", "name": "x"}"#, 400, "invalid_parameter"),
        ("log-3", "/actions/rename", r#"{"customer_id": 1, "name": "Grace"}"#, 409, "constraint_violation"),
        ("log-4", "/actions/v4lue", "", 404, "action_not_found"),
        ("log-5", "/simulate/rename", r#"{"customer_id": 1, "name": "v4lue"}"#, 200, "success"),
    ] {
        gateway.send(&call(id, path), body).await;
        let lines = lines(id).await;
        let [line] = lines.as_slice() else { panic!("one line: {lines:?}") };
        assert_eq!(
            (&line["target"], &line["status"], &line["code"]),
            (&json!("datadip::call"), &json!(status), &json!(code))
        );
        assert!(line["total_ms"].is_f64());
        for value in ["v4lue", "Grace", "k3y"] {
            assert!(!line.to_string().contains(value), "{line}");
        }
        if status == 200 {
            assert_eq!((&line["action"], &line["rows"], &line["retries"]), (&json!("rename"), &json!(1), &json!(0)));
            assert!(line["queue_ms"].is_f64() && line["backend_ms"].is_f64());
            assert_eq!(line.get("simulated").is_some(), id == "log-5");
        }
    }
    gateway.send("GET /readyz\nX-Request-Id: log-6", "").await;
    gateway.send(&call("log-7", "/actions/find"), r#"{"customer_id": 1}"#).await;
    lines("log-7").await;
    assert!(!String::from_utf8_lossy(&LOG.lock().expect("a log")).contains("log-6"), "a probe is no call");
}

#[tokio::test]
async fn a_caller_who_leaves_is_on_record() {
    listen();
    let gateway = with(&[]);
    let mut stream = gateway.connect().await;
    let body = r#"{"n": 20000000000}"#;
    let head =
        format!("Host: {}\r\nX-Request-Id: log-left\r\nContent-Length: {}", gateway.handle.address(), body.len());
    stream.write_all(format!("POST /actions/slow HTTP/1.1\r\n{head}\r\n\r\n{body}").as_bytes()).await.expect("sent");
    sleep(Duration::from_millis(50)).await;
    drop(stream);
    let lines = lines("log-left").await;
    let [line] = lines.as_slice() else { panic!("one line: {lines:?}") };
    assert_eq!((&line["status"], &line["code"], &line["action"]), (&json!(499), &json!("caller_left"), &json!("slow")));
}

#[tokio::test]
async fn a_write_under_a_key_is_one_line_each_time_it_is_sent() {
    listen();
    let gateway = with(&[]);
    let body = r#"{"customer_id": 1, "name": "x"}"#;
    for (id, replayed) in [("log-first", None), ("log-again", Some(true))] {
        gateway.send(&format!("POST /actions/rename\nX-Request-Id: {id}\nIdempotency-Key: k3y"), body).await;
        sleep(Duration::from_millis(50)).await;
        let lines = lines(id).await;
        let [line] = lines.as_slice() else { panic!("one line: {lines:?}") };
        let expected = (&json!("rename"), &json!(200), &json!("success"));
        assert_eq!((&line["action"], &line["status"], &line["code"]), expected);
        assert_eq!(line.get("replayed").and_then(Json::as_bool), replayed);
    }
}

#[tokio::test]
async fn a_cached_answer_is_on_record() {
    listen();
    let cached = super::FIND.to_owned() + "cache: { ttl: 1h }\n";
    let gateway = with(&[("actions/find.yaml", &cached)]);
    for (id, headers, cache) in
        [("log-miss", "", "miss"), ("log-hit", "", "hit"), ("log-skip", "\nCache-Control: no-cache", "skip")]
    {
        gateway.send(&format!("POST /actions/find\nX-Request-Id: {id}{headers}"), r#"{"customer_id": 1}"#).await;
        assert_eq!(lines(id).await[0]["cache"], cache);
    }
}
