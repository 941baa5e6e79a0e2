//! Connections: what a session is told at its start, and what is known of it.

use std::{
    fmt,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use sqlx::{
    ConnectOptions, Row,
    postgres::{PgConnectOptions, PgConnection},
};
use tokio::time::timeout;

use super::failure;
use crate::backend::{Failure, FailureKind, address, pool::Connect};

/// How long making a connection may take. A server that does not even answer must not take a whole deadline.
const CONNECT: Duration = Duration::from_secs(3);
/// Prepared statements kept by each connection.
const STATEMENTS: usize = 256;

/// What every session is told at its start, in the message that opens it. Reads are kept from writing by the first of them.
/// `standard_conforming_strings` makes the server cut a text into tokens as our lexer does; notices may quote values and
/// have no reader; the last one ends a transaction that we could not end ourselves.
const SETTINGS: [(&str, &str); 6] = [
    ("default_transaction_read_only", "on"),
    ("standard_conforming_strings", "on"),
    ("IntervalStyle", "postgres"),
    ("bytea_output", "hex"),
    ("client_min_messages", "error"),
    ("idle_in_transaction_session_timeout", "120s"),
];
/// Lets the server itself notice that we are gone while it runs a statement; unknown before PostgreSQL 14, refused on some
/// systems.
const CHECK_INTERVAL: (&str, &str) = ("client_connection_check_interval", "1s");
/// What a server says that does not have a setting: undefined_object, invalid_parameter_value.
const NO_SETTING: [&str; 2] = ["42704", "22023"];

/// Makes connections.
pub(super) struct Connector {
    options: PgConnectOptions,
    /// Where the server is, for the log.
    place: String,
    /// Whether the server refused [`CHECK_INTERVAL`].
    unchecked: AtomicBool,
    generation: Arc<Generation>,
}

/// Counts the times that a connection was found dead, or knows types as they were: all that are older are suspect.
#[derive(Debug, Default)]
pub(super) struct Generation(AtomicU64);

/// A connection, and what is known of its state.
pub(super) struct Session {
    pub(super) connection: PgConnection,
    pub(super) process: Process,
    pub(super) state: State,
    /// Which of the backend's [`Statements`](super::known::Statements) it has prepared.
    pub(super) epoch: u64,
    generation: u64,
}

/// The server's side of a connection. Process numbers are used again, together with its start it is the only one.
#[derive(Clone, Debug)]
pub(super) struct Process {
    pub(super) id: i32,
    /// `None` where the server does not say.
    pub(super) started: Option<String>,
}

/// What a session is left in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Idle, and as it was when it was opened.
    Clean,
    /// Idle without a transaction; settings and locks of the session may be left.
    Used,
    /// Idle in a transaction.
    Open,
    /// In the middle of a statement.
    Busy,
    /// Lost, or not to be trusted.
    Gone,
}

impl Connector {
    /// Connections with these options and a bound for every statement.
    pub(super) fn new(options: PgConnectOptions, longest: Duration, generation: Arc<Generation>) -> Self {
        let options = options
            .options(SETTINGS)
            .options([("statement_timeout", longest.as_millis())])
            .extra_float_digits(1)
            .statement_cache_capacity(STATEMENTS)
            .disable_statement_logging();
        let place = address::place(options.get_host(), options.get_port(), options.get_socket().map(PathBuf::as_path));
        Self { options, place, unchecked: AtomicBool::new(false), generation }
    }

    /// A connection that nothing is known of yet.
    pub(super) async fn open(&self) -> Result<PgConnection, sqlx::Error> {
        if !self.unchecked.load(Ordering::Relaxed) {
            match self.options.clone().options([CHECK_INTERVAL]).connect().await {
                Err(sqlx::Error::Database(error)) if error.code().is_some_and(|code| NO_SETTING.contains(&&*code)) => {
                    self.unchecked.store(true, Ordering::Relaxed);
                }
                outcome => return outcome,
            }
        }
        self.options.connect().await
    }

    async fn session(&self) -> Result<Session, sqlx::Error> {
        let generation = self.generation.now();
        let mut connection = self.open().await?;
        // Under a role that is set at login, the server does not show the start of even one's own process.
        let process = "SET LOCAL ROLE NONE; \
                       SELECT pg_catalog.pg_backend_pid(), (SELECT backend_start::text \
                       FROM pg_catalog.pg_stat_activity WHERE pid = pg_catalog.pg_backend_pid())";
        let row = sqlx::raw_sql(process).fetch_one(&mut connection).await?;
        let process = Process { id: row.try_get(0)?, started: row.try_get(1)? };
        Ok(Session { connection, process, state: State::Clean, epoch: 0, generation })
    }
}

impl Connect for Connector {
    type Connection = Session;

    async fn connect(&self) -> Result<Session, Failure> {
        let outcome = match timeout(CONNECT, self.session()).await {
            Ok(outcome) => outcome.map_err(failure::connecting),
            Err(_) => Err(failure::unconnected(Failure::new(FailureKind::Unavailable, "the server does not answer"))),
        };
        outcome.map_err(|failure| address::unreached(failure, &self.place))
    }

    fn usable(&self, session: &Session) -> bool {
        session.generation >= self.generation.now()
    }
}

/// Without the options: they hold the password.
impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

impl Generation {
    fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// All connections that are as old as this one are suspect from now on.
    pub(super) fn end(&self, session: &Session) {
        self.0.fetch_max(session.generation + 1, Ordering::Relaxed);
    }

    /// All connections are of another time from now on.
    pub(super) fn end_all(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
