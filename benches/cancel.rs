//! How long a statement outlives its call's deadline on the server, measured from outside: a thousand calls in a row, each
//! of a statement that would take a minute and may take 50 ms.
//!
//! ```sh
//! tests/servers.sh cargo bench --bench cancel
//! ```
//!
//! Printed is how long after the deadline the server's own list of statements no longer has it, and how many connections
//! there are in the end. The machine's other work counts as well.

use std::{
    fs,
    time::{Duration, Instant},
};

use database::Database;
use reqwest::{Client, StatusCode};
use serde_json::Value as Json;
use server::Server;
use sqlx::{Connection, Executor, MySqlConnection, PgConnection, raw_sql};

#[path = "../tests/it/database.rs"]
#[expect(dead_code, reason = "the tests need more of it")]
mod database;
#[path = "compare/server.rs"]
#[expect(dead_code, reason = "the comparison needs more of it")]
mod server;

const CALLS: usize = 1000;
const TIMEOUT: Duration = Duration::from_millis(50);
/// The most connections of the gateway.
const POOL: usize = 4;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // The client wants one, though it makes no connection over TLS.
    let _ = rustls::crypto::ring::default_provider().install_default();
    if let Some(database) = Database::postgres("") {
        let listed = "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND datname = current_database()
                      AND query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()";
        let connected = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        measure::<PgConnection>("postgres", &database, "SELECT pg_sleep(60)::text AS a", [listed, connected]).await;
    }
    if let Some(database) = Database::mysql("DO 0") {
        let listed = "SELECT 1 FROM information_schema.PROCESSLIST WHERE DB = DATABASE()
                      AND INFO LIKE '%SLEEP(60)%' AND ID <> CONNECTION_ID()";
        let connected = "SELECT 1 FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND ID <> CONNECTION_ID()";
        measure::<MySqlConnection>("mysql", &database, "SELECT SLEEP(60) AS a", [listed, connected]).await;
    }
}

/// Makes the calls, and prints what came of them.
async fn measure<C>(kind: &str, database: &Database, sql: &str, [listed, connected]: [&'static str; 2])
where
    C: Connection,
    for<'c> &'c mut C: Executor<'c, Database = C::Database>,
{
    let folder = tempfile::tempdir().expect("a folder");
    let actions = folder.path().join("actions");
    fs::create_dir(&actions).expect("a folder can be made");
    let head = "description: For the benchmark.\nbackend: db\nresult: { shape: value, schema: {} }\n";
    let slow = format!("{head}timeout: {}ms\nsql: {sql}\n", TIMEOUT.as_millis());
    fs::write(actions.join("slow.yaml"), slow).expect("the action can be written");
    fs::write(actions.join("quick.yaml"), format!("{head}sql: SELECT 1 AS a\n")).expect("the action can be written");
    let server = Server::datadip(
        folder.path(),
        &format!(
            "server: {{ listen: \"127.0.0.1:0\" }}\ntelemetry: {{ level: error }}\n\
             backends:\n  db: {{ kind: {kind}, url: {:?}, pool: {{ max: {POOL} }} }}\n",
            database.url()
        ),
    );
    let client = Client::new();
    let call = async |name: &str| {
        let request = client.post(format!("http://{}/actions/{name}", server.address)).body("{}");
        request.send().await.expect("the gateway answers")
    };
    assert_eq!(call("quick").await.status(), StatusCode::OK);
    let mut observer = C::connect(database.url()).await.expect("the server is there");
    let mut times = Vec::with_capacity(CALLS);
    for _ in 0..CALLS {
        let deadline = Instant::now() + TIMEOUT;
        assert_eq!(call("slow").await.status(), StatusCode::GATEWAY_TIMEOUT);
        while observer.fetch_optional(raw_sql(listed)).await.expect("it answers").is_some() {}
        times.push(deadline.elapsed());
    }
    let answer: Json = serde_json::from_slice(&call("quick").await.bytes().await.expect("a body")).expect("JSON");
    assert_eq!(answer["result"], 1, "the pool is whole");
    let open = observer.fetch_all(raw_sql(connected)).await.expect("it answers").len();
    times.sort_unstable();
    let millis = |at: usize| times[at].as_secs_f64() * 1000.0;
    let late = times.iter().filter(|time| **time > Duration::from_millis(300)).count();
    println!(
        "{kind}: {CALLS} statements are gone after their deadline: median {:.1} ms, 99 of 100 within {:.1} ms, the last \
         after {:.1} ms, {late} after more than 300 ms; {open} connections are open (at most {POOL} for calls)",
        millis(CALLS / 2),
        millis(CALLS * 99 / 100),
        millis(CALLS - 1),
    );
}
