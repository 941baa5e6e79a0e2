//! What callers see when a database is away: nobody waits for ever, nobody gets a wrong answer, no write happens twice or
//! in secret, and calls succeed again by themselves soon after it is back.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::time::sleep;

use crate::{
    backends::tools::until,
    database,
    gateway::{Answer, Serving},
};

/// How long the database is away.
const AWAY: Duration = Duration::from_secs(10);
/// How soon after its return calls succeed: as long as a circuit breaker stays open.
const RECOVERY: Duration = Duration::from_secs(5);
/// The deadline of the actions here.
const TIMEOUT: Duration = Duration::from_secs(3);
/// What a busy machine may add to a time. With the deadline it is less than the database is away, so that a call which waits
/// for its return is found.
const SLACK: Duration = Duration::from_secs(6);

const SCRIPT: &str = "
    CREATE TABLE customers (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL);
    CREATE TABLE visits (id INTEGER PRIMARY KEY);
    INSERT INTO customers VALUES (0, 'Ada'), (1, 'Grace'), (2, 'Edsger');
";
const NAMES: [&str; 3] = ["Ada", "Grace", "Edsger"];

const FIND: &str = "\
description: Finds a customer.
backend: crm
timeout: 3s
params: { id: integer }
sql: SELECT id, name FROM customers WHERE id = {{ id }}
result: { shape: row }
";

const VISIT: &str = "\
description: Notes a visit.
backend: crm
mode: write
timeout: 3s
params: { id: integer }
sql: INSERT INTO visits (id) VALUES ({{ id }})
result: { shape: affected }
";

const OTHER: &str = "\
description: Needs no other database.
backend: other
sql: SELECT 1 AS one
result: { shape: value }
";

/// A gateway whose backend `crm` is the one that goes away, and whose backend `other` stays.
fn serving(kind: &str, url: &str) -> Serving {
    let config = format!(
        "server: {{ listen: 127.0.0.1:0, workers: 1, shutdown_grace: 5s }}\n\
         backends:\n  crm: {{ kind: {kind}, url: '{url}', pool: {{ max: 4 }} }}\n  \
         other: {{ kind: sqlite, url: 'sqlite:test.db', init: seed.sql }}\n"
    );
    Serving::start(&[
        ("datadip.yaml", config.as_str()),
        ("actions/find.yaml", FIND),
        ("actions/visit.yaml", VISIT),
        ("actions/other.yaml", OTHER),
    ])
}

/// A server that a test may stop and start again.
struct Server {
    url: String,
    program: &'static str,
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Server {
    fn postgres() -> Option<Self> {
        database::server("DATADIP_TEST_POSTGRES")?;
        Some(Self::new("postgres", "DATADIP_TEST_POSTGRES", "DATADIP_TEST_MYSQL"))
    }

    fn mariadb() -> Option<Self> {
        database::server("DATADIP_TEST_MYSQL")?;
        Some(Self::new("mariadb", "DATADIP_TEST_MYSQL", "DATADIP_TEST_POSTGRES"))
    }

    fn new(program: &'static str, variable: &str, other: &str) -> Self {
        let script = format!(r#"echo "${variable}"; while read -r order; do $order; echo; done"#);
        let mut child = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers.sh"))
            .args(["bash", "-c", &script])
            .env_remove(variable)
            .env(other, "not needed")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bash");
        let mut answers = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut url = String::new();
        answers.read_line(&mut url).expect("the server starts");
        let orders = child.stdin.take();
        Self { url: url.trim().to_owned(), program, child, orders, answers }
    }

    /// Stops or starts it; answers when that is done.
    fn order(&mut self, order: &str) {
        let orders = self.orders.as_mut().expect("it takes orders until it is dropped");
        writeln!(orders, "{order}_{}", self.program).expect("it takes orders");
        self.answers.read_line(&mut String::new()).expect("it obeys");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.orders.take();
        self.child.wait().ok();
    }
}

/// A call that was made while the database came and went.
struct Call {
    began: Instant,
    ended: Instant,
    /// What it wrote or would have written.
    visit: Option<u64>,
    answer: Answer,
}

impl Call {
    fn succeeded(&self) -> bool {
        self.answer.status == 200
    }
}

/// Calls, one after the other, until they are stopped.
async fn keep_calling(serving: Arc<Serving>, visits: Arc<AtomicU64>, stop: Arc<AtomicBool>) -> Vec<Call> {
    let mut calls = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let visit = (calls.len() % 3 == 0).then(|| visits.fetch_add(1, Ordering::Relaxed));
        let began = Instant::now();
        let answer = match visit {
            Some(id) => serving.post("/actions/visit", &json!({ "id": id }).to_string()).await,
            None => serving.post("/actions/find", &json!({ "id": calls.len() % 3 }).to_string()).await,
        };
        if visit.is_none() && answer.status == 200 {
            let id = calls.len() % 3;
            assert_eq!(answer.json()["result"], json!({ "id": id, "name": NAMES[id] }));
        }
        calls.push(Call { began, ended: Instant::now(), visit, answer });
        sleep(Duration::from_millis(5)).await;
    }
    calls
}

async fn goes_away_and_comes_back(kind: &str, mut server: Server) {
    let database = database::Database::on(&server.url, SCRIPT);
    let serving = Arc::new(serving(kind, database.url()));
    let (visits, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let callers: Vec<_> =
        (0..8).map(|_| tokio::spawn(keep_calling(serving.clone(), visits.clone(), stop.clone()))).collect();
    until("callers call", async || visits.load(Ordering::Relaxed) > 20).await;

    let server = thread::spawn(move || {
        let stopping = Instant::now();
        server.order("stop");
        let stopped = Instant::now();
        thread::sleep(AWAY);
        let starting = Instant::now();
        server.order("start");
        (server, stopping, stopped, starting, Instant::now())
    });
    while !server.is_finished() {
        let other = serving.post("/actions/other", "{}").await;
        assert_eq!(other.json()["result"], json!(1), "other backends go on");
        sleep(Duration::from_millis(100)).await;
    }
    let (server, stopping, stopped, starting, started) = server.join().expect("does not panic");
    while serving.post("/actions/find", r#"{"id": 1}"#).await.status != 200 && started.elapsed() < RECOVERY + SLACK {
        sleep(Duration::from_millis(20)).await;
    }
    sleep(Duration::from_secs(1)).await;
    stop.store(true, Ordering::Relaxed);
    let mut calls = Vec::new();
    for caller in callers {
        calls.append(&mut caller.await.expect("answers are right"));
    }

    let at_first = calls.iter().filter(|call| call.ended < stopping);
    assert!(at_first.inspect(|call| assert!(call.succeeded(), "{:?}", call.answer)).count() > 20, "calls are made");
    for call in &calls {
        assert!(call.ended - call.began < TIMEOUT + SLACK, "a call hung: {:?}", call.answer);
        if !call.succeeded() {
            let shown = format!("{:?} {:?}", call.answer, String::from_utf8_lossy(&call.answer.body));
            assert_eq!((call.answer.status, call.answer.code().as_str()), (503, "backend_unavailable"), "{shown}");
            let wait = call.answer.header("Retry-After").and_then(|wait| wait.parse::<u64>().ok());
            assert!(wait.is_some_and(|wait| (1..=60).contains(&wait)), "{shown}");
        }
    }
    let while_away = calls.iter().filter(|call| call.began > stopped && call.ended < starting);
    assert!(while_away.inspect(|call| assert!(!call.succeeded())).count() > 20, "calls are answered");
    let back = calls.iter().filter(|call| call.began > started && call.succeeded()).map(|call| call.ended).min();
    let back = back.expect("calls succeed again");
    println!("{kind}: calls succeed {:?} after the server is back", back - started);
    assert!(back - started < RECOVERY + SLACK, "{:?}", back - started);
    for call in calls.iter().filter(|call| call.began > back + Duration::from_millis(500)) {
        assert!(call.succeeded(), "{:?}", call.answer);
    }

    // What was answered is what happened.
    let written = visits_in(kind, database.url()).await;
    for call in &calls {
        let Some(id) = call.visit else { continue };
        if call.succeeded() {
            assert!(written.contains(&id), "visit {id} was answered with success and is not there");
        } else if call.answer.json()["in_doubt"] != json!(true) {
            assert!(!written.contains(&id), "visit {id} failed and is there");
        }
    }
    drop((database, server));
}

async fn visits_in(kind: &str, url: &str) -> BTreeSet<u64> {
    let list = "description: Lists visits.\nbackend: crm\nsql: SELECT id FROM visits\nresult: { max_rows: 1000000, max_bytes: 60MiB }\n";
    let config = format!("backends:\n  crm: {{ kind: {kind}, url: '{url}' }}\n");
    let serving = Serving::start(&[("datadip.yaml", config.as_str()), ("actions/list.yaml", list)]);
    let answer = serving.post("/actions/list", "{}").await.json();
    let rows = answer["result"].as_array().unwrap_or_else(|| panic!("{answer}"));
    rows.iter().map(|row| row["id"].as_u64().expect("a number")).collect()
}

/// Calls a backend that cannot be used: the code, how long the call took, and whether the other backend served meanwhile.
async fn refused(kind: &str, url: &str) -> (String, Duration) {
    let serving = serving(kind, url);
    let began = Instant::now();
    let answer = serving.post("/actions/find", r#"{"id": 1}"#).await;
    let took = began.elapsed();
    let text = answer.text();
    assert!(!text.contains("nobody") && !text.contains("nowhere"), "callers see nothing of a backend's: {text}");
    assert!(answer.status == 504 || answer.header("Retry-After").is_some(), "{answer:?}");
    assert_eq!(serving.post("/actions/other", "{}").await.json()["result"], json!(1), "other backends serve");
    let ready = serving.get("/readyz").await.json();
    assert_eq!((&ready["status"], &ready["backends"]["crm"]), (&json!("degraded"), &json!("down")), "{ready}");
    (answer.code(), took)
}

/// No port, no host.
async fn is_not_there(kind: &str) {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
    for host in [format!("127.0.0.1:{free}"), "no-such-host.invalid".into()] {
        let (code, took) = refused(kind, &format!("{kind}://nobody@{host}/nowhere")).await;
        assert_eq!(code, "backend_unavailable", "{host}");
        assert!(took < TIMEOUT + SLACK, "{host}: {took:?}");
    }
}

/// No such user, no such database.
async fn refuses(kind: &str, server: &str) {
    let (user, rest) = server.split_once("://").and_then(|(_, rest)| rest.split_once('@')).expect("a URL with a user");
    let address = rest.split('/').next().expect("a URL with a host");
    for url in [format!("{kind}://nobody:wrong@{address}/test"), format!("{kind}://{user}@{address}/nowhere")] {
        let (code, took) = refused(kind, &url).await;
        assert_eq!(code, "backend_unavailable", "{url}");
        assert!(took < TIMEOUT + SLACK, "{url}: {took:?}");
    }
}

/// It accepts connections and says nothing.
async fn is_silent(kind: &str) {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = silent.local_addr().expect("bound").port();
    let open = Arc::new(AtomicU64::new(0));
    let counted = open.clone();
    tokio::spawn(async move {
        loop {
            let (mut connection, _) = silent.accept().await.expect("a connection");
            let open = counted.clone();
            open.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let _ = tokio::io::copy(&mut connection, &mut tokio::io::sink()).await;
                open.fetch_sub(1, Ordering::Relaxed);
            });
        }
    });
    let serving = serving(kind, &format!("{kind}://nobody@127.0.0.1:{port}/nowhere"));
    let began = Instant::now();
    let call = || serving.post("/actions/find", r#"{"id": 1}"#);
    let answers = futures_util::future::join_all((0..12).map(|_| call())).await;
    assert!(began.elapsed() < TIMEOUT + SLACK, "{:?}", began.elapsed());
    for answer in answers {
        // Four wait for a connection that is being made, the others for those four.
        let code = answer.code();
        assert!(["timeout", "overloaded", "backend_unavailable"].contains(&code.as_str()), "{code}");
    }
    assert_eq!(serving.post("/actions/other", "{}").await.json()["result"], json!(1), "other backends serve");
    until("all attempts to connect are given up", async || open.load(Ordering::Relaxed) == 0).await;
}

mod postgres {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_server_that_is_stopped_and_started_again_is_used_again() {
        let Some(server) = Server::postgres() else { return };
        goes_away_and_comes_back("postgres", server).await;
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_unavailable() {
        is_not_there("postgres").await;
    }

    #[tokio::test]
    async fn a_server_that_refuses_user_or_database_is_unavailable() {
        let Some(server) = database::server("DATADIP_TEST_POSTGRES") else { return };
        refuses("postgres", &server).await;
    }

    #[tokio::test]
    async fn a_server_that_accepts_and_never_answers_costs_no_more_than_the_deadline() {
        is_silent("postgres").await;
    }
}

mod mysql {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_server_that_is_stopped_and_started_again_is_used_again() {
        let Some(server) = Server::mariadb() else { return };
        goes_away_and_comes_back("mysql", server).await;
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_unavailable() {
        is_not_there("mysql").await;
    }

    #[tokio::test]
    async fn a_server_that_refuses_user_or_database_is_unavailable() {
        let Some(server) = database::server("DATADIP_TEST_MYSQL") else { return };
        refuses("mysql", &server).await;
    }

    #[tokio::test]
    async fn a_server_that_accepts_and_never_answers_costs_no_more_than_the_deadline() {
        is_silent("mysql").await;
    }
}
