//! MySQL 8 and MariaDB, through sqlx.
//!
//! Sessions are read-only by default, so that a look-up is one round trip that the server itself keeps from writing; a
//! write says READ WRITE when it begins its transaction. What calls anything that is not known to be harmless has its
//! connection to itself: it runs in an explicit transaction, and the connection is closed afterwards.

mod bind;
mod connect;
mod failure;
mod inspect;
mod nature;
mod render;
mod run;
mod unseen;
mod url;

use std::{
    ops::{Deref, DerefMut},
    path::Path,
    sync::Arc,
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::{
    runtime::Handle,
    time::{Instant, timeout_at},
};

use self::{
    connect::Connector,
    inspect::Inspector,
    run::Session,
    unseen::{Generation, Unseen},
};
use super::{
    Backend, Connections, Driver, Failure, FailureKind, Health, Inspect, Options, Request, Sink, Timings,
    health::LastSeen,
    pool::{Lease, Pool, PoolSettings, PoolSpec},
};
use crate::{
    diagnostic::Diagnostic,
    template::Dialect,
    yaml::{
        Node, Spanned,
        read::{FromNode, keywords, record},
    },
};

/// `kind: mysql`.
pub static DRIVER: Driver = Driver {
    kind: "mysql",
    dialect: Dialect::Mysql,
    default_timeout: Duration::from_secs(5),
    open: |node, deployment, out| {
        Mysql::open(node, deployment.folder, out).map(|mysql| Arc::new(mysql) as Arc<dyn Backend>)
    },
    queues: false,
    schema: Settings::schema,
    options: Options::database,
};

/// How long a start may take that connects without a call's deadline.
const CONNECT: Duration = Duration::from_secs(30);

keywords! {
    /// The kind of backend.
    pub enum Kind {
        /// MySQL and MariaDB.
        Mysql = "mysql",
    }
}

record! {
    /// A MySQL or MariaDB database.
    pub struct Settings {
        /// The kind of backend.
        kind: Kind,
        /// Its address: `mysql://user:password@host:3306/database?ssl-mode=VERIFY_IDENTITY`.
        url: Spanned<String>,
        /// How many connections are kept, and how long. One more is made to cancel statements.
        pool: Option<PoolSpec>,
        /// Whether `datadip test --live` may run on it, in transactions that are rolled back. Default: `false`.
        allow_tests: Option<bool>,
        /// An upper bound for the statements of a call, whatever the action's timeout.
        statement_timeout: Option<Duration>,
    }
}

/// One database.
#[derive(Debug)]
struct Mysql {
    pool: Pool<Connector>,
    inspector: Arc<Inspector>,
    unseen: Arc<Unseen>,
    allow_tests: bool,
    statement_timeout: Option<Duration>,
    seen: Arc<LastSeen>,
}

impl Mysql {
    fn open(node: &Node, folder: &Path, out: &mut Vec<Diagnostic>) -> Option<Self> {
        let before = out.len();
        let settings = Settings::from_node(node, out)?;
        let options = url::connection(&settings.url, folder, out);
        let pool = PoolSettings::new(settings.pool.as_ref(), out);
        let options = options.filter(|_| out.len() == before)?;
        let seen = Arc::new(LastSeen::default());
        let generation = Generation::default();
        let unseen = Arc::new(Unseen::new(generation.clone()));
        Some(Self {
            pool: Pool::new(Connector::new(options.clone(), generation), pool),
            inspector: Arc::new(Inspector::new(options, seen.clone(), unseen.clone())),
            unseen,
            allow_tests: settings.allow_tests.unwrap_or(false),
            statement_timeout: settings.statement_timeout,
            seen,
        })
    }

    /// A connection as it was opened; given back, or ended, when it is dropped.
    async fn held(&self, deadline: Instant) -> Result<Held, Failure> {
        self.pool.get(deadline).await.map(|lease| Held(Some(lease)))
    }

    async fn run(&self, request: &Request, sink: &mut dyn Sink) -> Result<Timings, Failure> {
        let started = Instant::now();
        let mut held = self.held(request.deadline).await?;
        sink.connected();
        let begun = Instant::now();
        self.inspector.begin(begun);
        // What is known now is at least as new as the generation of the connection.
        let nature = self.unseen.nature(request.statements.iter().map(|bound| bound.statement.text()));
        let run = held.run(request, nature, sink);
        let outcome = match self.statement_timeout {
            Some(longest) => timeout_at(begun + longest, run)
                .await
                .unwrap_or_else(|_| Err(Failure::new(FailureKind::Timeout, "the backend's statement_timeout passed"))),
            None => run.await,
        };
        if matches!(&outcome, Err(failure) if failure.kind == FailureKind::Unavailable) {
            // Where the server was started anew, all of its connections are lost: the next try is for a new one.
            self.pool.forget();
        }
        outcome?;
        Ok(Timings { queue: begun - started, backend: begun.elapsed() })
    }
}

/// A connection while a run has it. Its place in the pool stays taken until the server has ended what runs on it.
struct Held(Option<Lease<Connector>>);

impl Deref for Held {
    type Target = Session;

    fn deref(&self) -> &Session {
        self.0.as_ref().expect("only drop empties it")
    }
}

impl DerefMut for Held {
    fn deref_mut(&mut self) -> &mut Session {
        self.0.as_mut().expect("only drop empties it")
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some(lease) = self.0.take() else { return };
        if lease.is_clean() {
            return lease.release();
        }
        if let (Some(end), Ok(runtime)) = (lease.end(), Handle::try_current()) {
            runtime.spawn(async move {
                end.await;
                drop(lease);
            });
        }
    }
}

impl Backend for Mysql {
    fn run<'a>(&'a self, request: &'a Request, sink: &'a mut dyn Sink) -> BoxFuture<'a, Result<Timings, Failure>> {
        Box::pin(async move {
            let outcome = self.run(request, sink).await;
            self.seen.note(&outcome);
            outcome
        })
    }

    fn connect(&self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async {
            let outcome = self.pool.connect(Instant::now() + CONNECT).await;
            self.seen.note(&outcome);
            if outcome.is_ok() {
                self.inspector.begin(Instant::now());
            }
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
        self.pool.most()
    }

    fn connections(&self) -> Connections {
        self.pool.connections()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.pool.close();
            self.inspector.close();
        })
    }

    fn inspect(&self) -> Option<&dyn Inspect> {
        Some(&*self.inspector)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(yaml: &str, expected: &[&str]) {
        let (document, mut out) = crate::yaml::parse(yaml);
        let opened = Mysql::open(&document.expect("valid YAML").root, Path::new("/srv"), &mut out);
        let found: Vec<String> = out.iter().map(|d| format!("{}: {}", d.rule.name, d.message)).collect();
        assert_eq!(found, expected);
        assert_eq!(opened.is_some(), expected.is_empty());
    }

    #[test]
    fn takes_a_url_with_or_without_settings() {
        check("kind: mysql\nurl: mysql://u:p@localhost/db\n", &[]);
        check(
            "kind: mysql\nurl: mariadb://u@h:3307/db\npool: { max: 3 }\nstatement_timeout: 2s\nallow_tests: true\n",
            &[],
        );
        check("kind: mysql\nurl: 'mysql://u:p%40@h/db?ssl-mode=VERIFY_CA&ssl-ca=/etc/ca.pem'\n", &[]);
    }

    #[test]
    fn refuses_a_url_without_showing_it() {
        let check = |url: &str, expected: &str| {
            let yaml = format!("kind: mysql\nurl: '{url}'\n");
            check(&yaml, &[&format!("bad-address: {expected}")]);
        };
        check("postgres://u:secret@h/db", "expected an address that begins with `mysql://`");
        check("mysql://u:secret@h:port/db", "the address cannot be read: invalid port number");
        check(
            "mysql://u:p@h/db?ssl-mode=secret",
            "expected `DISABLED`, `PREFERRED`, `REQUIRED`, `VERIFY_CA` or `VERIFY_IDENTITY` as `ssl-mode` in the address",
        );
        let stray = "expected no `#`, and no `@` but the one before the host, in the address";
        check("mysql://u:p/secret@h/db", stray);
        check("mysql://u:p#secret@h/db", stray);
        check("mysql://u:secret@h", "expected an address with a database");
        check("mysql://u:secret@h/?socket=x", "expected an address with a database");
        check("mysql://u:p@h/db?secret=1", "the address has a parameter that means nothing here");
        check("mysql://u:p@h/db?charset=latin1", "the address has a parameter that means nothing here");
    }

    #[test]
    fn the_schema_has_every_setting() {
        let schema = (DRIVER.schema)();
        for key in ["kind", "url", "pool", "allow_tests", "statement_timeout"] {
            assert!(schema["properties"].get(key).is_some(), "{key}");
        }
    }
}
