//! Databases on throw-away servers: one for each test that asks for it, dropped at its end. `tests/servers.sh` starts the
//! servers; `DATADIP_TEST_POSTGRES` and `DATADIP_TEST_MYSQL` say where they are.

use std::{env, thread, time::Duration};

use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection, PgConnection, Row, raw_sql};
use ulid::Ulid;

/// A database of a test's own.
pub struct Database {
    server: String,
    name: String,
    url: String,
}

impl Database {
    /// A database on the PostgreSQL server, filled by a script. `None`, said on standard error, where no server is known.
    pub fn postgres(script: &str) -> Option<Self> {
        server("DATADIP_TEST_POSTGRES").map(|server| Self::on(&server, script))
    }

    /// A database on the MySQL or MariaDB server, filled by a script. `None`, said on standard error, where no server is
    /// known.
    pub fn mysql(script: &str) -> Option<Self> {
        server("DATADIP_TEST_MYSQL").map(|server| Self::on(&server, script))
    }

    /// Where it is, as `datadip.yaml` takes it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Runs a script in it, on a connection of its own.
    pub fn run(&self, script: &str) {
        run(&self.url, script).unwrap_or_else(|error| panic!("{script}: {error}"));
    }

    /// The texts in the first column of what a query on PostgreSQL gives.
    pub fn rows(&self, query: &str) -> Vec<String> {
        wait(async {
            let mut connection = PgConnection::connect(&self.url).await?;
            let rows = connection.fetch_all(raw_sql(AssertSqlSafe(query.to_owned()))).await?;
            connection.close().await?;
            rows.iter()
                .map(|row| Row::try_get::<Option<String>, _>(row, 0).map(Option::unwrap_or_default))
                .collect::<Result<_, _>>()
        })
        .unwrap_or_else(|error| panic!("{query}: {error}"))
    }

    /// A database on any server, filled by a script.
    pub fn on(server: &str, script: &str) -> Self {
        let name = format!("test_{}", Ulid::generate().to_string().to_lowercase());
        let scheme = server.find("://").expect("the address of a server is a URL") + 3;
        let authority = server[scheme..].find('/').map_or(server.len(), |slash| scheme + slash);
        let url = format!("{}/{name}", &server[..authority]);
        // Of MariaDB's character sets the default may be one that cannot hold every text.
        let characters = if server.starts_with("mysql") { " CHARACTER SET utf8mb4" } else { "" };
        let create = format!("CREATE DATABASE {name}{characters}");
        let mut made = run(server, &create);
        for _ in 0..600 {
            // A server that was just started listens before it serves.
            let is_starting = |error: &sqlx::Error| error.as_database_error()?.code().map(|code| code == "57P03");
            if !made.as_ref().is_err_and(|error| is_starting(error) == Some(true)) {
                break;
            }
            thread::sleep(Duration::from_millis(100));
            made = run(server, &create);
        }
        made.expect("the server makes a database");
        let database = Self { server: server.to_owned(), name, url };
        database.run(script);
        database
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let drop = if self.server.starts_with("postgres") {
            format!("DROP DATABASE {} WITH (FORCE)", self.name)
        } else {
            format!("SET lock_wait_timeout = 10; DROP DATABASE {}", self.name)
        };
        if let Err(error) = run(&self.server, &drop) {
            eprintln!("the database {} stays: {error}", self.name);
        }
    }
}

/// The URL of the server that a variable names, or `None`, said on standard error. In CI a missing one is a failure, so
/// that nothing is skipped there.
pub fn server(variable: &str) -> Option<String> {
    let server = env::var(variable).ok().filter(|server| !server.is_empty());
    if server.is_none() {
        assert!(env::var_os("CI").is_none(), "{variable} is not set: see tests/servers.sh");
        eprintln!("SKIPPED: {variable} is not set, see tests/servers.sh");
    }
    server
}

/// Runs a script.
fn run(url: &str, script: &str) -> sqlx::Result<()> {
    let script = AssertSqlSafe(script.to_owned());
    wait(async {
        if url.starts_with("postgres") {
            let mut connection = PgConnection::connect(url).await?;
            connection.execute(raw_sql(script)).await?;
            connection.close().await
        } else {
            let mut connection = MySqlConnection::connect(url).await?;
            connection.execute(raw_sql(script)).await?;
            connection.close().await
        }
    })
}

/// Works in a thread of its own, so that tests with and without a runtime can wait for it.
fn wait<T: Send>(work: impl Future<Output = T> + Send) -> T {
    let wait = || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(work);
    thread::scope(|scope| scope.spawn(wait).join().expect("does not panic"))
}

#[test]
fn a_database_is_there_until_it_is_dropped() {
    let script = "CREATE TABLE things (id INTEGER PRIMARY KEY); INSERT INTO things VALUES (1);";
    for database in [Database::postgres(script), Database::mysql(script)].into_iter().flatten() {
        let url = database.url().to_owned();
        assert!(run(&url, "INSERT INTO things VALUES (1)").is_err(), "the row is there");
        drop(database);
        assert!(run(&url, "SELECT 1").is_err(), "the database is gone");
    }
}
