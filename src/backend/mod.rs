//! Databases and services that statements run on. A backend gets compiled statements and binds, and gives rows to a
//! [`Sink`]; it knows nothing of action files and nothing of our own HTTP.
//!
//! A new backend is a folder, its `mod` line, and a line in [`DRIVERS`].

mod address;
pub mod breaker;
pub mod health;
mod identifier;
pub mod inspect;
pub mod mysql;
mod nobody;
pub mod options;
pub mod pool;
pub mod postgres;
pub mod record;
pub mod retry;
pub mod salesforce;
pub mod service;
pub mod snowflake;
pub mod sqlite;

use std::{
    fmt,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use serde_json::Value as Json;
use tokio::time::Instant;

use crate::{
    diagnostic::Diagnostic,
    template::{Bind, Dialect, Query, Refusal, Statement},
    yaml::Node,
};

pub use health::Health;
pub use identifier::identifier;
pub use inspect::Inspect;
pub use nobody::Nobody;
pub use options::{Isolation, Options};
pub use record::{RecordTemplate, RecordWrite};
pub use retry::Retry;

/// Every kind of backend.
pub static DRIVERS: &[&Driver] =
    &[&mysql::DRIVER, &postgres::DRIVER, &salesforce::DRIVER, &snowflake::DRIVER, &sqlite::DRIVER];

/// One kind of backend: its name in `datadip.yaml`, its dialect, and how to make one from its settings.
pub struct Driver {
    /// The value of `kind`.
    pub kind: &'static str,
    /// Its dialect.
    pub dialect: Dialect,
    /// The deadline of an action that sets none.
    pub default_timeout: Duration,
    /// Makes a backend from its block of `datadip.yaml`, secrets already in place. It does not connect. `None` if `out` got
    /// an error.
    pub open: Open,
    /// Whether its calls wait for each other as [`Deployment`] says.
    pub queues: bool,
    /// The JSON Schema of that block.
    pub schema: fn() -> Json,
    /// Reads the `options` of an action on such a backend.
    pub options: fn(&Node, &mut Vec<Diagnostic>) -> Options,
}

/// [`Driver::open`].
pub type Open = fn(&Node, &Deployment<'_>, &mut Vec<Diagnostic>) -> Option<Arc<dyn Backend>>;

/// What a backend knows of its deployment.
#[derive(Clone, Copy, Debug)]
pub struct Deployment<'a> {
    /// The backend's name.
    pub name: &'a str,
    /// The folder of `datadip.yaml`, where relative paths begin.
    pub folder: &'a Path,
    /// `limits.queue`: how many calls wait for a backend with a concurrency limit of its own.
    pub queue: usize,
    /// `limits.max_wait`: how long each of them waits at most.
    pub max_wait: Duration,
}

impl<'a> Deployment<'a> {
    /// One without a name whose limits are the usual ones.
    pub fn at(folder: &'a Path) -> Self {
        Self { name: "", folder, queue: 400, max_wait: Duration::from_millis(500) }
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Driver({})", self.kind)
    }
}

/// The driver of a `kind`.
pub fn driver(kind: &str) -> Option<&'static Driver> {
    DRIVERS.iter().copied().find(|driver| driver.kind == kind)
}

/// Something that runs statements.
pub trait Backend: Send + Sync + fmt::Debug {
    /// Runs the statements of one call in order and gives the last one's rows to `sink`: its columns, each row, its end.
    /// In a write all of them are one transaction, committed only after [`Sink::end`] agreed; in a read the database
    /// itself forbids writing. Dropping the future cancels the statement and leaves no trace of a write.
    fn run<'a>(&'a self, request: &'a Request, sink: &'a mut dyn Sink) -> BoxFuture<'a, Result<Timings, Failure>>;

    /// Makes sure that it can be reached, with its least number of connections: at start, for `serve --strict`, and for a
    /// backend that replaces another.
    fn connect(&self) -> BoxFuture<'_, Result<(), Failure>>;

    /// What the last real connection or call said.
    fn health(&self) -> Health;

    /// Whether calls are refused at once, because too many before them failed: for metrics.
    fn circuit_open(&self) -> bool {
        false
    }

    /// Whether `test --live` may run on it.
    fn allow_tests(&self) -> bool;

    /// Whether a write can be tried and undone. Where it cannot, simulations and tests only show it.
    fn can_roll_back(&self) -> bool {
        true
    }

    /// How many calls it runs at once; more wait for each other.
    fn at_once(&self) -> usize {
        usize::MAX
    }

    /// Its connections, or the calls that a service works on: for metrics.
    fn connections(&self) -> Connections;

    /// How much of a service's own limits is used, as far as it said so: for metrics and the profiler.
    fn usage(&self) -> Vec<Usage> {
        Vec::new()
    }

    /// The credits that a [`Job`] cost, once its service told them.
    fn cost(&self, _job: &str) -> Option<f64> {
        None
    }

    /// The credits of all jobs, as far as they were told; `None` where nobody asks for them.
    fn costs(&self) -> Option<f64> {
        None
    }

    /// Closes its connections; calls that run are not interrupted.
    fn close(&self) -> BoxFuture<'_, ()>;

    /// What the live backend says of statements and tables; `None` where there is nothing to ask.
    fn inspect(&self) -> Option<&dyn Inspect> {
        None
    }
}

/// What one call wants of a backend.
#[derive(Debug)]
pub struct Request {
    /// The statements, each with its binds; at least one, unless a record is written.
    pub statements: Vec<Bound>,
    /// The record to write, instead of statements.
    pub record: Option<RecordWrite>,
    /// Whether it may write.
    pub write: bool,
    /// Whether a write is rolled back at its end: for simulations and tests.
    pub dry: bool,
    /// When the call is over. The backend bounds its own waiting by it; the caller drops the future at it.
    pub deadline: Instant,
    /// The action's `options`.
    pub options: Options,
    /// How each request to a service is tried again; a database leaves its retries to the call.
    pub retry: Retry,
    /// Counts requests to a service that were tried again.
    pub retries: AtomicU32,
    /// Set by the backend from a commit to its answer: a run that ends in between leaves its outcome in doubt.
    pub committing: AtomicBool,
    /// Set by a backend that cannot roll back once a write has certainly taken effect, whatever comes of the run after that.
    pub committed: AtomicBool,
    /// What a service ran for it, filled in by the backend as soon as it is known.
    pub jobs: Jobs,
    /// Who asks, for a service that keeps a history of what ran.
    pub origin: Option<Origin>,
}

/// A statement that a service ran, as the service's own history knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its id there.
    pub id: Arc<str>,
    /// From its submission to its end; zero while it runs.
    pub elapsed: Duration,
    /// The rows of its result, where it has one.
    pub rows: Option<u64>,
    /// The size of its result, unpacked, where the service tells it.
    pub bytes: Option<u64>,
}

/// The jobs of a call, known to who made it as they come: also where it is broken off.
#[derive(Clone, Debug, Default)]
pub struct Jobs(Option<Arc<Mutex<Vec<Job>>>>);

impl Jobs {
    /// None yet, of a backend that may run some.
    pub fn new() -> Self {
        Self(Some(Arc::default()))
    }

    /// The number of the one that begins next.
    pub fn next(&self) -> usize {
        self.jobs().map_or(0, |jobs| jobs.len())
    }

    /// Adds one that has begun.
    pub fn begin(&self, id: Arc<str>) {
        if let Some(mut jobs) = self.jobs() {
            jobs.push(Job { id, elapsed: Duration::ZERO, rows: None, bytes: None });
        }
    }

    /// Changes what is known of one, by its number; nothing where that one never began.
    pub fn change(&self, number: usize, change: impl FnOnce(&mut Job)) {
        if let Some(job) = self.jobs().as_mut().and_then(|jobs| jobs.get_mut(number)) {
            change(job);
        }
    }

    /// All of them, in the order in which they began.
    pub fn list(&self) -> Vec<Job> {
        self.jobs().map(|jobs| jobs.clone()).unwrap_or_default()
    }

    fn jobs(&self) -> Option<MutexGuard<'_, Vec<Job>>> {
        Some(self.0.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The call that a statement belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The action's name.
    pub action: String,
    /// The request's id.
    pub request_id: String,
}

/// A statement and its binds.
#[derive(Clone, Debug)]
pub struct Bound {
    /// The text.
    pub statement: Arc<Statement>,
    /// One bind for each placeholder.
    pub binds: Vec<Bind>,
    /// For SOQL: the finished text, with literals for the binds.
    pub query: Option<Arc<Query>>,
}

impl Bound {
    /// Writes the finished text where the statement takes no binds.
    pub fn new(statement: Arc<Statement>, binds: Vec<Bind>) -> Result<Self, Refusal> {
        let query = statement.query(&binds)?.map(Arc::new);
        Ok(Self { statement, binds, query })
    }

    /// The text as the backend gets it.
    pub fn text(&self) -> &str {
        self.query.as_ref().map_or(self.statement.text(), |query| query.text())
    }
}

/// A column of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name, as the backend gives it.
    pub name: String,
}

/// Takes what a statement answers. An error of its own ends the call (and rolls a write back).
pub trait Sink: Send {
    /// How many rows it takes at most, where that is known: a backend need not fetch more.
    fn wanted(&self) -> Option<usize> {
        None
    }

    /// When the next row must have come, where that is another time than the request's deadline.
    fn deadline(&self) -> Option<Instant> {
        None
    }

    /// There is a connection: what comes from now on is the backend's own time. May be called again when it tries again.
    fn connected(&mut self) {}

    /// A new try begins: forget what came before. The columns of the last statement, where it gives any; where a read
    /// gives no rows they may be left out. Not called after [`Flow::Flush`] was answered once.
    fn begin(&mut self, columns: &[Column]) -> Result<(), Stop>;

    /// One row, its values in the order of the columns.
    fn row(&mut self, row: Vec<Json>) -> Result<Flow, Stop>;

    /// Waits until what came so far has been taken on; called after [`Flow::Flush`].
    fn flush(&mut self) -> BoxFuture<'_, Result<(), Stop>>;

    /// The end, also after [`Flow::Enough`]: the number of rows that the statement changed. A write is committed after this
    /// returns.
    fn end(&mut self, changed: u64) -> Result<(), Stop>;
}

/// Whether a sink wants more rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Give the next row.
    More,
    /// Call [`Sink::flush`] before the next row.
    Flush,
    /// Enough: no further row is wanted.
    Enough,
}

/// The sink gave up; why is its own matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop;

/// Where a run spent its time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timings {
    /// Waiting for a connection.
    pub queue: Duration,
    /// The backend's own work.
    pub backend: Duration,
}

/// The connections of a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connections {
    /// How many there are.
    pub open: usize,
    /// How many of them wait for a call.
    pub idle: usize,
}

/// How much of a limit of a service's own is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// What is limited, in the service's words: `api-usage`.
    pub name: String,
    /// How much of it is used.
    pub used: u64,
    /// How much there is.
    pub limit: u64,
}

/// Why a run failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What kind of failure it is.
    pub kind: FailureKind,
    /// Whether the whole run may be tried again: only where it is certain that nothing took effect.
    pub again: Again,
    /// When to come again, where the backend says so.
    pub retry_after: Option<Duration>,
    /// The database's own code (SQLSTATE, vendor code), for the action's `errors` and the log.
    pub code: Option<String>,
    /// The SQLSTATE, where `code` is another one: `errors` may name either.
    pub state: Option<String>,
    /// The fields of a record that it is about, where the backend tells.
    pub fields: Vec<String>,
    /// The database's message, for the log only: never for a caller.
    pub message: String,
}

impl Failure {
    /// A failure that is not tried again, without a code of the database.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            again: Again::Never,
            retry_after: None,
            code: None,
            state: None,
            fields: Vec::new(),
            message: message.into(),
        }
    }
}

impl From<Stop> for Failure {
    fn from(_: Stop) -> Self {
        Self::new(FailureKind::Stopped, "the sink stopped")
    }
}

/// Whether a run that failed may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// No: it would fail again, or may have taken effect.
    Never,
    /// Once, at once: a read whose connection was lost, or whose prepared statement is of another time.
    Once,
    /// As often as the action's `retry` says, with its pauses.
    Paused,
}

/// Kinds of [`Failure`], each with its code of SPEC 8.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The sink stopped; it knows why.
    Stopped,
    /// No connection, or it was lost.
    Unavailable,
    /// A limit of the service's own is used up.
    Limited,
    /// The service takes no more requests for the moment.
    Throttled,
    /// No connection came free in time.
    Overloaded,
    /// Locks.
    Contention,
    /// The deadline passed.
    Timeout,
    /// A value that the database refuses as data.
    InvalidValue,
    /// A constraint: `unique`, `foreign_key`, `check` or `not_null`.
    Constraint(&'static str),
    /// A table or column that is not there.
    Drift,
    /// It does not tell what [`Inspect`] asks it, for no reason of the statement's.
    Untold,
    /// Anything else.
    Other,
}
