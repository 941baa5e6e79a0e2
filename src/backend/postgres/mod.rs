//! PostgreSQL, through sqlx.
//!
//! Every session is read-only unless a transaction says otherwise, so that a read is one message to the server and one
//! back. A read that calls anything not known to be harmless, and might switch that off for the next call, runs in an
//! explicit read-only transaction that is rolled back. See [`harmless`] for what is known, [`restore`] for what becomes of a
//! connection after a call.

mod bind;
mod connect;
mod failure;
mod harmless;
mod inspect;
mod known;
mod numeric;
mod oid;
mod prepared;
mod render;
mod restore;
mod run;
mod text;
mod url;

use std::{fmt, path::Path, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use tokio::time::{Instant, timeout_at};

use self::{
    connect::{Connector, Generation},
    inspect::Inspector,
    known::Statements,
    restore::{Canceller, Held},
    run::Run,
};
use super::{
    Backend, Connections, Driver, Failure, FailureKind, Health, Inspect, Options, Request, Sink, Timings,
    health::LastSeen,
    pool::{Pool, PoolSettings, PoolSpec},
};
use crate::{
    diagnostic::Diagnostic,
    template::Dialect,
    yaml::{
        Node, Spanned,
        read::{FromNode, keywords, record},
    },
};

/// `kind: postgres`.
pub static DRIVER: Driver = Driver {
    kind: "postgres",
    dialect: Dialect::Postgres,
    default_timeout: Duration::from_secs(5),
    open: |node, deployment, out| {
        Postgres::open(node, deployment.folder, out).map(|postgres| Arc::new(postgres) as Arc<dyn Backend>)
    },
    queues: false,
    schema: Settings::schema,
    options: Options::database,
};

/// How long a start may take that connects without a call's deadline.
const CONNECT: Duration = Duration::from_secs(30);
/// No statement outlives this on the server, whatever becomes of us; a stream of rows may well take minutes.
const LONGEST: Duration = Duration::from_secs(3600);

keywords! {
    /// The kind of backend.
    pub enum Kind {
        /// PostgreSQL, 12 or later.
        Postgres = "postgres",
    }
}

record! {
    /// A PostgreSQL database, 12 or later.
    pub struct Settings {
        /// The kind of backend.
        kind: Kind,
        /// Its address: `postgres://user:password@host:5432/database?sslmode=verify-full`.
        url: Spanned<String>,
        /// How many connections are kept, and how long. One more is made to cancel statements.
        pool: Option<PoolSpec>,
        /// Whether `datadip test --live` may run on it, in transactions that are rolled back. Default: `false`.
        allow_tests: Option<bool>,
        /// An upper bound for the statements of a call, whatever the action's timeout.
        statement_timeout: Option<Duration>,
    }
}

/// One PostgreSQL database.
#[derive(Debug)]
struct Postgres {
    shared: Arc<Shared>,
    inspector: Inspector,
    allow_tests: bool,
    statement_timeout: Option<Duration>,
    seen: Arc<LastSeen>,
}

/// What outlives a call.
struct Shared {
    pool: Pool<Connector>,
    statements: Arc<Statements>,
    generation: Arc<Generation>,
    canceller: Canceller,
}

impl Postgres {
    fn open(node: &Node, folder: &Path, out: &mut Vec<Diagnostic>) -> Option<Self> {
        let before = out.len();
        let settings = Settings::from_node(node, out)?;
        let options = url::connection(&settings.url, folder, out);
        let pool = PoolSettings::new(settings.pool.as_ref(), out);
        let options = options.filter(|_| out.len() == before)?;
        let generation = Arc::new(Generation::default());
        let longest = settings.statement_timeout.unwrap_or(LONGEST);
        let connector = || Connector::new(options.clone(), longest, generation.clone());
        let statements = Arc::new(Statements::default());
        let shared = Shared {
            pool: Pool::new(connector(), pool),
            statements: statements.clone(),
            canceller: Canceller::new(connector()),
            generation: generation.clone(),
        };
        let seen = Arc::new(LastSeen::default());
        Some(Self {
            shared: Arc::new(shared),
            inspector: Inspector::new(options, seen.clone(), statements, generation),
            allow_tests: settings.allow_tests.unwrap_or(false),
            statement_timeout: settings.statement_timeout,
            seen,
        })
    }

    /// A connection, read-only and as it was opened; put into order and given back when it is dropped.
    async fn held(&self, deadline: Instant) -> Result<Held, Failure> {
        Ok(Held::new(self.shared.pool.get(deadline).await?, self.shared.clone()))
    }

    async fn run(&self, request: &Request, sink: &mut dyn Sink) -> Result<Timings, Failure> {
        let started = Instant::now();
        let mut held = self.held(request.deadline).await?;
        sink.connected();
        let begun = Instant::now();
        let mut run = Run { session: &mut held, shared: &self.shared, request };
        match self.statement_timeout {
            Some(longest) => timeout_at(begun + longest, run.run(sink)).await.unwrap_or_else(|_| {
                Err(Failure::new(FailureKind::Timeout, "the backend's statement_timeout passed"))
            })?,
            None => run.run(sink).await?,
        }
        Ok(Timings { queue: begun - started, backend: begun.elapsed() })
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("pool", &self.pool).finish_non_exhaustive()
    }
}

impl Backend for Postgres {
    fn run<'a>(&'a self, request: &'a Request, sink: &'a mut dyn Sink) -> BoxFuture<'a, Result<Timings, Failure>> {
        Box::pin(async move {
            let outcome = self.run(request, sink).await;
            self.seen.note(&outcome);
            outcome
        })
    }

    fn connect(&self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async {
            let outcome = self.shared.pool.connect(Instant::now() + CONNECT).await;
            self.seen.note(&outcome);
            outcome
        })
    }

    fn health(&self) -> Health {
        self.seen.health()
    }

    fn allow_tests(&self) -> bool {
        self.allow_tests
    }

    fn at_once(&self) -> usize {
        self.shared.pool.most()
    }

    fn connections(&self) -> Connections {
        self.shared.pool.connections()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.shared.pool.close();
            self.inspector.close();
        })
    }

    fn inspect(&self) -> Option<&dyn Inspect> {
        Some(&self.inspector)
    }
}
