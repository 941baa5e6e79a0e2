//! Requests over real sockets: what is known of them when they do not come to their end.

use std::{
    io::{BufRead, BufReader},
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
};

use reqwest::Method;
use tokio::sync::oneshot;

use super::*;

struct Anybody;

impl Token for Anybody {}

fn service() -> Service<Anybody> {
    Service::new(Arc::new(Client::new(Vec::new())), Box::new(|| Box::pin(async { Ok(Anybody) })))
}

/// Sends a request that takes effect to an address, and answers what became of it and whether it is in doubt then.
async fn commit(url: &str, committing: &AtomicBool, time: Duration) -> Result<(), Refused> {
    let (retries, deadline) = (AtomicU32::new(0), Instant::now() + time);
    let tries = Tries { retry: Retry::default(), deadline, retries: &retries };
    let request = |_: &Anybody| {
        let mut request = reqwest::Request::new(Method::POST, url.parse().expect("an address"));
        *request.body_mut() = Some("effect".into());
        Ok(request)
    };
    let judge = |outcome: Result<Answer, Lost>| match outcome {
        Ok(_) => Ok(()),
        Err(Lost::Unsent(reason)) => Err(Refused::again(Failure::new(FailureKind::Unavailable, reason))),
        Err(_) => Err(Refused { in_doubt: true, ..Refused::never(Failure::new(FailureKind::Unavailable, "lost")) }),
    };
    service().commit(tries, committing, request, judge).await
}

/// A listener with its port.
fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    (listener, port)
}

#[tokio::test]
async fn what_found_no_connection_in_time_is_not_in_doubt() {
    // Connections are made, and no handshake of TLS is ever answered.
    let (_listener, port) = listen();
    let committing = AtomicBool::new(true);
    let refused = commit(&format!("https://127.0.0.1:{port}/"), &committing, Duration::from_millis(300)).await;
    let refused = refused.expect_err("nothing answers");
    assert_eq!((refused.failure.kind, refused.in_doubt), (FailureKind::Unavailable, false));
    assert!(!committing.into_inner());
}

#[tokio::test]
async fn what_is_dropped_is_in_doubt_once_it_is_sent() {
    let (listener, port) = listen();
    let (sent, arrived) = oneshot::channel();
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a connection");
        read_head(&stream);
        sent.send(()).expect("the test waits");
        stream
    });
    let committing = AtomicBool::new(false);
    let url = format!("http://127.0.0.1:{port}/");
    tokio::select! {
        outcome = commit(&url, &committing, Duration::from_secs(60)) => panic!("nothing answers, got {outcome:?}"),
        arrived = arrived => arrived.expect("the request came"),
    }
    assert!(committing.into_inner());
    drop(server.join());
}

#[tokio::test]
async fn what_is_dropped_before_it_is_sent_is_not_in_doubt() {
    let (listener, port) = listen();
    let (sent, connected) = oneshot::channel();
    let server = thread::spawn(move || {
        let connection = listener.accept();
        sent.send(()).expect("the test waits");
        connection
    });
    let committing = AtomicBool::new(true);
    let url = format!("https://127.0.0.1:{port}/");
    tokio::select! {
        outcome = commit(&url, &committing, Duration::from_secs(60)) => panic!("nothing answers, got {outcome:?}"),
        connected = connected => connected.expect("a connection came"),
    }
    assert!(!committing.into_inner());
    drop(server.join());
}

fn read_head(stream: &TcpStream) {
    let lines = BufReader::new(stream).lines().map(|line| line.expect("a line"));
    assert!(lines.take_while(|line| !line.is_empty()).count() > 1);
}
