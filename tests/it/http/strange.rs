//! Whatever bytes come, an answer goes back in our form, and the server serves on.

use proptest::{prelude::*, test_runner::TestRunner};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    runtime::Runtime,
};

use super::customers;
use crate::gateway::{Answer, Serving, send_raw};

/// The codes that a caller's own doing may have.
const CALLERS_FAULT: [&str; 9] = [
    "invalid_request",
    "missing_parameter",
    "invalid_parameter",
    "unknown_parameter",
    "forbidden",
    "action_not_found",
    "method_not_allowed",
    "not_acceptable",
    "request_too_large",
];

fn check(answer: &Answer) {
    if answer.status == 200 {
        return;
    }
    assert!((400..500).contains(&answer.status), "{answer:?}");
    let code = answer.code();
    assert!(CALLERS_FAULT.contains(&code.as_str()), "{answer:?}");
    assert_eq!(answer.json()["request_id"].as_str(), answer.header("x-request-id"));
}

/// Runs a property against one gateway, over TCP.
fn property<S: Strategy>(strategy: S, test: impl Fn(&Runtime, &Serving, S::Value)) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let gateway = runtime.block_on(async { customers() });
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() });
    let outcome = runner.run(&strategy, |value| {
        test(&runtime, &gateway, value);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    let answer = runtime.block_on(gateway.get("/actions/find?customer_id=1"));
    assert_eq!(answer.status, 200, "it serves on");
    drop(gateway);
}

/// Bytes that are neither all valid nor all nonsense.
fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<Vec<u8>>(),
        "\\PC{0,60}".prop_map(String::into_bytes),
        "[\\[{\"a:,}\\]\\\\ u0-9.eE+-]{0,60}".prop_map(String::into_bytes),
        "(customer_id|ids|term|name|x)(=|%3D)[%0-9a-f+&;,]{0,20}".prop_map(String::into_bytes),
        any::<Vec<u8>>().prop_map(|bytes| [b"{\"customer_id\":\"", bytes.as_slice(), b"\"}"].concat()),
        "\\PC{0,40}".prop_map(|text| serde_json::json!({ "customer_id": text, "ids": [text], "name": text })
            .to_string()
            .into_bytes()),
    ]
}

#[test]
fn any_body_has_an_answer() {
    let target = prop_oneof![Just("find"), Just("crm/list"), Just("rename")];
    property((target, body(), any::<bool>()), |runtime, gateway, (target, body, form)| {
        let media = if form { "application/x-www-form-urlencoded" } else { "application/json" };
        for path in ["actions", "simulate"] {
            let head = format!("POST /{path}/{target}\nContent-Type: {media}");
            check(&runtime.block_on(gateway.send(&head, &body)));
        }
    });
}

#[test]
fn any_value_of_a_header_has_an_answer() {
    let name = prop_oneof![
        Just("X-Request-Id"),
        Just("Authorization"),
        Just("X-Api-Key"),
        Just("Accept"),
        Just("Content-Type"),
        Just("Idempotency-Key"),
        Just("X-Forwarded-For"),
        Just("Origin"),
        Just("Host"),
        Just("Content-Encoding"),
        Just("Access-Control-Request-Method"),
        Just("Content-Length"),
        Just("Transfer-Encoding"),
        Just("Expect"),
    ];
    // Without line feeds, which begin another header.
    let value = prop::collection::vec(any::<u8>().prop_filter("a line", |b| *b != b'\n' && *b != b'\r'), 0..40);
    property((name, value), |runtime, gateway, (name, value)| {
        let address = gateway.handle.address();
        let host = if name == "Host" { String::new() } else { format!("Host: {address}\r\n") };
        let head = format!("GET /actions/find?customer_id=1 HTTP/1.1\r\n{host}Connection: close\r\n{name}: ");
        let bytes = [head.as_bytes(), value.as_slice(), b"\r\n\r\n"].concat();
        if name == "Content-Length" && value.iter().any(u8::is_ascii_digit) {
            // It waits for a body that does not come.
            return;
        }
        check(&runtime.block_on(send_raw(address, &bytes)));
    });
}

#[test]
fn any_path_has_an_answer() {
    let path =
        prop_oneof!["[!-~]{0,30}", "(actions|simulate|crm|list|find|readyz|%[0-9a-f]{2}|[/.%?#&=]){0,6}", "\\PC{0,10}"];
    property(path, |runtime, gateway, path| {
        let address = gateway.handle.address();
        let request = format!("GET /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        check(&runtime.block_on(send_raw(address, request.as_bytes())));
    });
}

#[test]
fn bytes_that_are_no_http_are_refused() {
    // Blank lines before a request are none of it (RFC 9112, 2.2): a request would still be waited for.
    let first = any::<u8>().prop_filter("a line", |b| *b != b'\n' && *b != b'\r');
    property((first, prop::collection::vec(any::<u8>(), 0..200)), |runtime, gateway, (first, bytes)| {
        let bytes = [&[first], bytes.as_slice(), b"\r\n\r\n"].concat();
        let answer = runtime.block_on(send_raw(gateway.handle.address(), &bytes));
        check(&answer);
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_request"), "{answer:?}");
        assert_eq!(answer.header("connection"), Some("close"));
    });
}

#[tokio::test]
async fn a_request_is_answered_before_the_nonsense_that_follows_it() {
    let gateway = customers();
    let host = gateway.handle.address();
    let body = r#"{"n": 300000}"#;
    let mut stream = gateway.connect().await;
    let length = body.len();
    let bytes =
        format!("POST /actions/slow HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n{body}\0\r\n\r\n");
    stream.write_all(bytes.as_bytes()).await.expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).await.expect("answers until the connection closes");
    assert!(text.starts_with("HTTP/1.1 200 OK") && text.contains("\"result\":300000"), "{text}");
    assert_eq!(text.matches("HTTP/1.1 400 Bad Request").count(), 1, "{text}");
    assert!(text.contains(r#""code":"invalid_request""#), "{text}");
}

#[tokio::test]
async fn who_still_sends_while_it_is_refused_gets_the_answer() {
    let gateway = customers();
    let mut stream = gateway.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nX-Long: ").await.expect("sent");
    // The answer may come before all of it is sent; what is sent after it must not reset the connection.
    for _ in 0..40 {
        stream.write_all(&[b'x'; 10_000]).await.expect("sent");
    }
    assert_eq!(Answer::read(&mut stream).await.code(), "request_too_large");
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused() {
    let gateway = customers();
    let head = format!("GET /actions/find\nX-Long: {}", "x".repeat(200_000));
    let answer = gateway.send(&head, "").await;
    check(&answer);
    assert_eq!((answer.status, answer.code().as_str()), (413, "request_too_large"));
    let answer = gateway.get(&format!("/actions/{}", "x".repeat(60_000))).await;
    assert_eq!(answer.code(), "action_not_found");
}
