//! Each fault of the service has its code, in time, and a read is tried again where that may help.

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use datadip::{
    backend::{Column, Deployment, Failure, FailureKind, Flow, Request, Retry, Sink, Stop, driver},
    yaml,
};
use futures_util::future::BoxFuture;
use serde_json::{Value as Json, json};
use tokio::{sync::oneshot, time::Instant};

use super::{AUTH, Fault, NAMES, Org, Server, read, request};
use crate::backends::tools::Kept;

/// A request that loses no time.
fn quick() -> Request {
    let retry = Retry { attempts: 3, base_delay: Duration::from_millis(1), max_delay: Duration::from_millis(5) };
    Request { retry, ..request(NAMES) }
}

/// What becomes of a read where Salesforce does this so many times, and how often it was asked.
async fn with(times: usize, fault: &Fault) -> (Result<usize, Failure>, usize) {
    let server = Server::start(Org::demo());
    server.faults("/query", times, fault);
    let (request, mut kept) = (quick(), Kept::default());
    let outcome = server.backend("").run(&request, &mut kept).await;
    let asked = server.requests("/query").len();
    assert_eq!(request.retries.load(Ordering::Relaxed) as usize + 1, asked, "each retry is counted");
    (outcome.map(|_| kept.rows.len()), asked)
}

/// A fault that passes: two of them cost two retries, three fail the call.
async fn passes(fault: Fault, kind: FailureKind) {
    let (outcome, asked) = with(2, &fault).await;
    assert_eq!((outcome.expect("the third try answers"), asked), (2, 3), "{fault:?}");
    let (outcome, asked) = with(3, &fault).await;
    assert_eq!((outcome.expect_err("three tries are all").kind, asked), (kind, 3), "{fault:?}");
}

/// A fault that is told at once.
async fn stays(fault: Fault, kind: FailureKind) -> Failure {
    let (outcome, asked) = with(1, &fault).await;
    let failure = outcome.expect_err("it is not tried again");
    assert_eq!((failure.kind.clone(), asked), (kind, 1));
    failure
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    use FailureKind::*;
    passes(Fault::error(503, "SERVER_UNAVAILABLE", "x"), Unavailable).await;
    let page = "<html><body>We are down for maintenance</body></html>";
    passes(Fault::Answer(503, vec![("Content-Type", "text/html".into())], page.into()), Unavailable).await;
    for status in [500, 502, 504] {
        passes(Fault::error(status, "UNKNOWN_EXCEPTION", "x"), Unavailable).await;
    }
    passes(Fault::Answer(429, Vec::new(), String::new()), Throttled).await;
    let concurrent = "ConcurrentRequests (Concurrent API Requests) Limit exceeded.";
    passes(Fault::error(403, "REQUEST_LIMIT_EXCEEDED", concurrent), Limited).await;
    passes(Fault::error(400, "UNABLE_TO_LOCK_ROW", "x"), Contention).await;
    passes(Fault::Cut, Unavailable).await;
    passes(Fault::CutBody, Unavailable).await;
}

#[tokio::test]
async fn what_stays_is_told_at_once() {
    use FailureKind::*;
    let daily = stays(Fault::error(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), Limited).await;
    assert_eq!(daily.retry_after, Some(Duration::from_secs(3600)));
    stays(Fault::error(403, "INSUFFICIENT_ACCESS", "x"), Other).await;
    stays(Fault::error(400, "QUERY_TIMEOUT", "Your query request was running for too long."), Timeout).await;
    stays(Fault::error(400, "MALFORMED_ID", "x"), InvalidValue).await;
    stays(Fault::error(400, "INVALID_TYPE", "x"), Drift).await;
    stays(
        Fault::Answer(302, vec![("Location", "/services/data/v66.0/query?q=elsewhere".into())], String::new()),
        Other,
    )
    .await;
    stays(Fault::Answer(200, Vec::new(), "<html>Log in</html>".into()), Other).await;
    stays(Fault::Huge, Other).await;
    stays(Fault::Bomb, Other).await;
}

#[tokio::test]
async fn a_missing_field_is_named_in_the_log_and_values_are_not() {
    let server = Server::start(Org::demo());
    let soql = "SELECT Nmae FROM Account WHERE Industry = 'Secret'";
    let failure = read(&server.backend(""), soql).await.expect_err("there is no such field");
    assert_eq!((failure.kind, failure.code.as_deref()), (FailureKind::Drift, Some("INVALID_FIELD")));
    assert_eq!(failure.message, "HTTP 400: No such column `Nmae` on entity `Account`.");
}

#[tokio::test]
async fn a_service_that_says_when_is_asked_then() {
    let server = Server::start(Org::demo());
    server.fault("/query", Fault::error(503, "SERVER_UNAVAILABLE", "x").with("Retry-After", "1"));
    let started = Instant::now();
    let mut kept = Kept::default();
    server.backend("").run(&quick(), &mut kept).await.expect("the second try answers");
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn who_would_have_to_wait_past_the_deadline_hears_when_to_come_again() {
    for (status, kind) in [(503, FailureKind::Unavailable), (429, FailureKind::Throttled)] {
        let fault = Fault::error(status, "SERVER_UNAVAILABLE", "x").with("Retry-After", "120");
        let failure = stays(fault, kind).await;
        assert_eq!(failure.retry_after, Some(Duration::from_secs(120)));
    }
}

#[tokio::test]
async fn nobody_waits_past_the_deadline() {
    let server = Server::start(Org::demo());
    let backend = server.backend("");
    for target in ["/token", "/query"] {
        server.fault(target, Fault::Late(Duration::from_secs(5)));
        let request = Request { deadline: Instant::now() + Duration::from_millis(200), ..quick() };
        let failure = backend.run(&request, &mut Kept::default()).await.expect_err("it is late");
        assert_eq!((failure.kind, failure.code), (FailureKind::Timeout, None), "{target}");
        // The login went on.
        backend.connect().await.expect("it comes in the end");
    }
}

#[tokio::test]
async fn where_nothing_listens_there_is_no_backend() {
    let server = Server::start(Org::demo());
    let (url, backend) = (server.url(), server.backend(""));
    drop(server);
    // Its thread ends when the connection that wakes it is made.
    while std::net::TcpStream::connect(url.trim_start_matches("http://")).is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let request = quick();
    let failure = backend.run(&request, &mut Kept::default()).await.expect_err("nothing listens");
    assert_eq!((failure.kind, request.retries.load(Ordering::Relaxed)), (FailureKind::Unavailable, 2));
    assert!(!failure.message.contains("127.0.0.1"), "{}", failure.message);
}

#[tokio::test]
async fn a_page_elsewhere_is_not_fetched() {
    for next in [Some("https://example.com/services/data/v66.0/query/1"), Some("//example.com/x"), Some("x"), None] {
        let page = json!({ "totalSize": 1, "done": false, "nextRecordsUrl": next, "records": [] });
        let failure = stays(Fault::Answer(200, Vec::new(), page.to_string()), FailureKind::Other).await;
        assert!(failure.message.starts_with("the answer "), "{}", failure.message);
    }
}

#[tokio::test]
async fn records_that_do_not_belong_together_are_no_answer() {
    let record = |member: &str| json!({ "attributes": { "type": "Account" }, (member): 1 });
    for records in [json!([record("Name"), record("Other")]), json!([1]), json!([[record("Name")]])] {
        let page = json!({ "totalSize": 2, "done": true, "records": records });
        stays(Fault::Answer(200, Vec::new(), page.to_string()), FailureKind::Other).await;
    }
}

#[tokio::test]
async fn a_fault_on_a_later_page_is_made_up_for_there() {
    let mut org = Org::demo();
    org.page = 1;
    let server = Server::start(org);
    server.faults("/query/01g", 2, &Fault::Cut);
    let mut kept = Kept::default();
    server.backend("").run(&quick(), &mut kept).await.expect("each page has its own tries");
    assert_eq!((kept.rows.len(), server.requests("/query?").len(), server.requests("/query/01g").len()), (2, 1, 3));
}

#[tokio::test]
async fn calls_over_max_concurrency_wait_in_order_and_not_for_ever() {
    let server = Server::start(Org::demo());
    let backend = server.backend("max_concurrency: 1");
    read(&backend, NAMES).await.expect("it answers");
    // The usual wait is half a second.
    server.fault("/query", Fault::Late(Duration::from_secs(60)));
    let slow = tokio::spawn({
        let backend = backend.clone();
        async move { read(&backend, NAMES).await.map(drop) }
    });
    while backend.connections().open == 0 {
        tokio::task::yield_now().await;
    }
    let failure = read(&backend, NAMES).await.expect_err("no turn comes in time");
    assert_eq!((failure.kind, backend.connections().open), (FailureKind::Overloaded, 1));
    // Who leaves gives the turn to the next one.
    slow.abort();
    assert!(slow.await.is_err_and(|error| error.is_cancelled()));
    read(&backend, NAMES).await.expect("it answers");
    assert_eq!(backend.connections().open, 0);
}

/// A reader who does not take what came until it is told to, once.
struct Slow {
    kept: Kept,
    waits: Option<(oneshot::Sender<()>, oneshot::Receiver<()>)>,
}

impl Sink for Slow {
    fn begin(&mut self, columns: &[Column]) -> Result<(), Stop> {
        self.kept.begin(columns)
    }

    fn row(&mut self, row: Vec<Json>) -> Result<Flow, Stop> {
        self.kept.row(row).map(|_| Flow::Flush)
    }

    fn flush(&mut self) -> BoxFuture<'_, Result<(), Stop>> {
        Box::pin(async {
            if let Some((waits, goes_on)) = self.waits.take() {
                waits.send(()).expect("the test is told");
                goes_on.await.expect("the test tells");
            }
            Ok(())
        })
    }

    fn end(&mut self, changed: u64) -> Result<(), Stop> {
        self.kept.end(changed)
    }
}

#[tokio::test]
async fn who_waits_for_its_reader_keeps_nobody_else_from_running() {
    let server = Server::start(Org::demo());
    let backend = server.backend("max_concurrency: 1");
    let ((waits, waiting), (go_on, goes_on)) = (oneshot::channel(), oneshot::channel());
    let mut reader = Slow { kept: Kept::default(), waits: Some((waits, goes_on)) };
    let streamed = request(NAMES);
    let (streamed, other) = tokio::join!(backend.run(&streamed, &mut reader), async {
        waiting.await.expect("a row came");
        let other = read(&backend, NAMES).await;
        go_on.send(()).expect("the reader waits");
        other
    });
    assert_eq!(other.expect("there is a place").rows.len(), 2);
    streamed.expect("it goes on");
    assert_eq!((reader.kept.rows.len(), backend.connections().open), (2, 0));
}

#[tokio::test]
async fn the_use_of_limits_is_known() {
    let server = Server::start(Org::demo());
    let backend = server.backend("");
    read(&backend, NAMES).await.expect("it answers");
    assert_eq!(backend.usage(), []);
    server.org().limits = Some("api-usage=25/5000; per-app-api-usage=17/250(appName=sample-connected-app)".into());
    read(&backend, NAMES).await.expect("it answers");
    let usage: Vec<_> = backend.usage().into_iter().map(|usage| (usage.name, usage.used, usage.limit)).collect();
    assert_eq!(usage, [("api-usage".to_owned(), 25, 5000), ("per-app-api-usage".to_owned(), 17, 250)]);
}

/// A log, in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_says_whose_limits_come_to_an_end() {
    let server = Server::start(Org::demo());
    server.org().limits = Some("api-usage=4001/5000".into());
    let (log, settings) = (Log::default(), format!("kind: salesforce\nlogin_url: '{}'\nauth: {AUTH}", server.url()));
    let (document, mut out) = yaml::parse(&settings);
    let deployment = Deployment { name: "crm", ..Deployment::at(Path::new(".")) };
    let open = driver("salesforce").expect("it is registered").open;
    let backend = open(&document.expect("valid YAML").root, &deployment, &mut out).expect("nothing is wrong");
    let written = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || written.clone()).finish();
    let logging = tracing::subscriber::set_default(subscriber);
    read(&backend, NAMES).await.expect("it answers");
    drop(logging);
    let log = String::from_utf8(log.0.lock().expect("no panic").clone()).expect("UTF-8");
    assert!(log.contains(r#"backend="crm""#) && log.contains("4001 of 5000"), "{log}");
}
