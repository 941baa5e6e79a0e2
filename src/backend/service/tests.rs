//! Requests over real sockets: what is known of them when they do not come to their end.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Mutex, mpsc},
    thread,
    time::Duration,
};

use reqwest::Method;
use tokio::{runtime::Builder, sync::oneshot};

use super::*;

/// What is sent.
const BODY: &str = "effect";
/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(60);

struct Anybody;

impl Token for Anybody {}

fn service() -> Service<Anybody> {
    Service::new(Arc::new(Client::new(Vec::new())), Box::new(|| Box::pin(async { Ok(Anybody) })))
}

/// Sends a request that takes effect to an address, and answers what became of it and whether it is in doubt then.
async fn commit(service: &Service<Anybody>, url: &str, committing: &AtomicBool, time: Duration) -> Result<(), Refused> {
    let (retries, deadline) = (AtomicU32::new(0), Instant::now() + time);
    let tries = Tries { retry: Retry::default(), deadline, retries: &retries };
    let request = |_: &Anybody| {
        let mut request = reqwest::Request::new(Method::POST, url.parse().expect("an address"));
        *request.body_mut() = Some(BODY.into());
        Ok(request)
    };
    let judge = |outcome: Result<Answer, Lost>| match outcome {
        Ok(_) => Ok(()),
        Err(Lost::Unsent(reason)) => Err(Refused::again(Failure::new(FailureKind::Unavailable, reason))),
        Err(_) => Err(Refused { in_doubt: true, ..Refused::never(Failure::new(FailureKind::Unavailable, "lost")) }),
    };
    service.commit(tries, committing, request, judge).await
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
    let refused =
        commit(&service(), &format!("https://127.0.0.1:{port}/"), &committing, Duration::from_millis(300)).await;
    let refused = refused.expect_err("nothing answers");
    assert_eq!((refused.failure.kind, refused.in_doubt), (FailureKind::Unavailable, false));
    assert!(!committing.into_inner());
}

#[tokio::test]
async fn what_is_dropped_is_given_up_and_in_doubt_once_it_is_sent() {
    let (listener, port) = listen();
    let (sent, arrived) = oneshot::channel();
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a connection");
        let mut reader = BufReader::new(&stream);
        assert!(read(&mut reader));
        sent.send(()).expect("the test waits");
        // Ends with the connection.
        assert!(!read(&mut reader));
    });
    let (service, committing) = (service(), AtomicBool::new(false));
    let url = format!("http://127.0.0.1:{port}/");
    tokio::select! {
        outcome = commit(&service, &url, &committing, LONG) => panic!("nothing answers, got {outcome:?}"),
        arrived = arrived => arrived.expect("the request came"),
    }
    assert!(committing.into_inner());
    server.join().expect("the connection is closed");
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
    let (service, committing) = (service(), AtomicBool::new(true));
    let url = format!("https://127.0.0.1:{port}/");
    tokio::select! {
        outcome = commit(&service, &url, &committing, LONG) => panic!("nothing answers, got {outcome:?}"),
        connected = connected => connected.expect("a connection came"),
    }
    assert!(!committing.into_inner());
    drop(server.join());
}

#[test]
fn a_request_goes_on_when_the_worker_has_ended_that_made_its_connection() {
    let runtime = || Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (listener, port) = listen();
    let url = format!("http://127.0.0.1:{port}/");
    let (arrive, arrived) = oneshot::channel();
    let (end, ended) = mpsc::channel();
    thread::spawn(move || {
        let shared = (Mutex::new(Some(arrive)), Mutex::new(ended), AtomicU32::new(0));
        let (arrive, ended, count) = &shared;
        thread::scope(|scope| {
            for stream in listener.incoming().flatten() {
                scope.spawn(move || {
                    let mut reader = BufReader::new(&stream);
                    while read(&mut reader) {
                        if count.fetch_add(1, Ordering::Relaxed) == 1 {
                            let arrive = arrive.lock().expect("no panic").take();
                            arrive.expect("one is the second").send(()).expect("the first worker waits");
                            ended.lock().expect("no panic").recv().expect("the first worker ends");
                        }
                        (&stream).write_all(b"HTTP/1.1 204 Done\r\n\r\n").expect("the connection is there");
                    }
                });
            }
        });
    });
    let service = Arc::new(service());
    let (connect, connected) = mpsc::channel();
    let (first, at) = (service.clone(), url.clone());
    let worker = thread::spawn(move || {
        runtime().block_on(async {
            commit(&first, &at, &AtomicBool::default(), LONG).await.expect("it is answered");
            connect.send(()).expect("the test waits");
            arrived.await.expect("a second request comes");
        });
        end.send(()).expect("the server waits");
    });
    connected.recv().expect("there is a connection");
    runtime().block_on(commit(&service, &url, &AtomicBool::default(), LONG)).expect("it is answered");
    worker.join().expect("it has ended");
}

/// Reads a request; whether there is one more.
fn read(reader: &mut BufReader<&TcpStream>) -> bool {
    let head = reader.lines().map_while(Result::ok).take_while(|line| !line.is_empty()).count();
    head > 0 && reader.read_exact(&mut [0; BODY.len()]).is_ok()
}
