//! Callers who leave, servers that stop, catalogs that change under load.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{io::AsyncWriteExt, net::TcpStream, time::sleep};

use super::customers;
use crate::gateway::{Answer, Serving, send};

/// A count that takes minutes.
const ENDLESS: &str = r#"{"n": 20000000000}"#;

async fn begin(gateway: &Serving, body: &str) -> TcpStream {
    let mut stream = gateway.connect().await;
    let host = gateway.handle.address();
    let request =
        format!("POST /actions/slow HTTP/1.1\r\nHost: {host}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await.expect("sent");
    stream
}

#[tokio::test]
async fn a_caller_who_leaves_cancels_the_call() {
    let gateway = customers();
    for _ in 0..3 {
        let stream = begin(&gateway, ENDLESS).await;
        sleep(Duration::from_millis(100)).await;
        drop(stream);
    }
    // The action runs one call at a time: another one can only run once the abandoned ones are gone.
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = gateway.post("/actions/slow", r#"{"n": 10}"#).await;
        match answer.status {
            200 => break assert_eq!(answer.json()["result"], 10),
            503 => assert_eq!(answer.code(), "overloaded"),
            other => panic!("{other}: {}", answer.text()),
        }
        assert!(Instant::now() < until, "the abandoned calls still run");
    }
}

#[tokio::test]
async fn a_reader_who_leaves_a_stream_ends_it() {
    let endless =
        super::SLOW.replace("SELECT count(*) AS n FROM c", "SELECT i FROM c").replace("shape: value", "stream: true");
    let gateway = super::with(&[("actions/slow.yaml", &endless)]);
    for _ in 0..2 {
        let mut stream = gateway.connect().await;
        let host = gateway.handle.address();
        let request = format!(
            "POST /actions/slow HTTP/1.1\r\nHost: {host}\r\nAccept: application/x-ndjson\r\nContent-Length: {}\r\n\r\n{ENDLESS}",
            ENDLESS.len()
        );
        stream.write_all(request.as_bytes()).await.expect("sent");
        stream.readable().await.expect("rows");
        drop(stream);
    }
    let until = Instant::now() + Duration::from_secs(20);
    while gateway.post("/actions/slow", r#"{"n": 10}"#).await.status != 200 {
        assert!(Instant::now() < until, "the abandoned streams still run");
    }
}

#[tokio::test]
async fn a_server_that_stops_finishes_its_calls() {
    let gateway = customers();
    let address = gateway.handle.address();
    let mut running = begin(&gateway, r#"{"n": 5000000}"#).await;
    sleep(Duration::from_millis(100)).await;
    let stopped = tokio::spawn(gateway.handle.stop());
    sleep(Duration::from_millis(50)).await;
    let ready = send(address, "GET /readyz", b"").await;
    assert_eq!((ready.status, ready.json()["status"].as_str()), (503, Some("draining")));
    let answer = Answer::read(&mut running).await;
    assert_eq!((answer.status, answer.json()["result"].as_u64()), (200, Some(5_000_000)));
    assert_eq!(answer.header("connection"), Some("close"));
    stopped.await.expect("stopped");
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_server_that_stops_does_not_wait_past_its_grace() {
    let config = crate::gateway::CONFIG.replace("shutdown_grace: 5s", "shutdown_grace: 1s");
    let gateway = super::with(&[("datadip.yaml", &config)]);
    let _running = begin(&gateway, ENDLESS).await;
    sleep(Duration::from_millis(100)).await;
    let started = Instant::now();
    gateway.handle.stop().await;
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[tokio::test]
async fn connections_are_kept_alive_and_requests_may_be_pipelined() {
    let gateway = customers();
    let mut stream = gateway.connect().await;
    let request = format!("GET /actions/find?customer_id=1 HTTP/1.1\r\nHost: {}\r\n\r\n", gateway.handle.address());
    for _ in 0..3 {
        stream.write_all(request.as_bytes()).await.expect("sent");
        assert_eq!(Answer::read(&mut stream).await.status, 200);
    }
}

/// Each file says its version in two places of the answer.
fn version(version: usize) -> String {
    format!(
        "description: Tells its version.\nbackend: demo\nparams: {{ n: integer }}\n\
         sql: SELECT {version} AS a, {{{{ n }}}} AS n, {version} AS b\n\
         result: {{ shape: row, schema: {{ properties: {{ a: {{ const: {version} }}, b: {{ const: {version} }} }} }} }}\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_actions_serve_through_a_hundred_reloads() {
    const ACTIONS: usize = 1000;
    const RELOADS: usize = 100;
    let files: Vec<(String, String)> = (0..ACTIONS).map(|at| (format!("actions/a{at}.yaml"), version(0))).collect();
    let mut gateway = Serving::start(&files);
    let address = gateway.handle.address();
    let (done, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let callers: Vec<_> = (0..4)
        .map(|caller| {
            let (done, calls) = (done.clone(), calls.clone());
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(address).await.expect("a connection");
                let mut at = caller;
                while !done.load(Ordering::Relaxed) {
                    // Half of the calls go to the files that change.
                    at = (at * 31 + 7) % ACTIONS;
                    let action = if at % 2 == 0 { at % 10 } else { at };
                    let body = format!("{{\"n\": {at}}}");
                    let request = format!(
                        "POST /actions/a{action} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\n\r\n{body}",
                        body.len()
                    );
                    stream.write_all(request.as_bytes()).await.expect("sent");
                    let answer = Answer::read(&mut stream).await;
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    let row = &answer.json()["result"];
                    assert_eq!((&row["a"], row["n"].as_u64()), (&row["b"], Some(at as u64)));
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let until = Instant::now() + Duration::from_secs(60);
    for reload in 1..=RELOADS {
        gateway.reload(&format!("actions/a{}.yaml", reload % 10), &version(reload));
        assert!(Instant::now() < until, "{reload} reloads took more than a minute");
        tokio::task::yield_now().await;
    }
    done.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.expect("a caller whose calls all succeeded");
    }
    assert!(calls.load(Ordering::Relaxed) > RELOADS, "calls were made meanwhile");
    let last = gateway.post("/actions/a0", r#"{"n": 1}"#).await.json();
    assert_eq!(last["result"]["a"], RELOADS);
}
