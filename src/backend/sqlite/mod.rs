//! SQLite, through sqlx: a file beside the gateway, filled by `init` on its first use.
//!
//! Reads use connections that SQLite itself opened read-only, so that nothing they call can write. Writes share one
//! connection of their own: SQLite takes one writer at a time, and the pool's queue is fairer than its locks. Questions about
//! statements and tables have one as well, so that they are never in a call's way.

mod connect;
mod failure;
mod inspect;
mod run;
mod value;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::time::{Instant, timeout_at};

use self::connect::{Access, Connector, Database};
use super::{
    Backend, Connections, Driver, Failure, FailureKind, Health, Inspect, Options, Request, Sink, Timings,
    health::LastSeen,
    pool::{Pool, PoolSettings, PoolSpec},
};
use crate::{
    diagnostic::{BAD_VALUE, Diagnostic},
    template::Dialect,
    yaml::{
        Node, Spanned,
        read::{FromNode, keywords, record},
    },
};

/// `kind: sqlite`.
pub static DRIVER: Driver = Driver {
    kind: "sqlite",
    dialect: Dialect::Sqlite,
    default_timeout: Duration::from_secs(5),
    open: |node, deployment, out| {
        Sqlite::open(node, deployment.folder, out).map(|sqlite| Arc::new(sqlite) as Arc<dyn Backend>)
    },
    queues: false,
    schema: Settings::schema,
    options: Options::serializable,
};

/// How long a start may take that connects without a call's deadline.
const CONNECT: Duration = Duration::from_secs(30);

keywords! {
    /// The kind of backend.
    pub enum Kind {
        /// SQLite.
        Sqlite = "sqlite",
    }
}

record! {
    /// A SQLite database: one file.
    pub struct Settings {
        /// The kind of backend.
        kind: Kind,
        /// The file, relative to this one's folder: `sqlite:demo.db`.
        url: Spanned<String>,
        /// A file of SQL that fills the database when its file is new.
        init: Option<Spanned<String>>,
        /// How many connections are kept, and how long.
        pool: Option<PoolSpec>,
        /// Whether `datadip test --live` may run on it, in transactions that are rolled back. Default: `false`.
        allow_tests: Option<bool>,
        /// An upper bound for the statements of a call, whatever the action's timeout.
        statement_timeout: Option<Duration>,
    }
}

/// One SQLite database.
#[derive(Debug)]
struct Sqlite {
    readers: Pool<Connector>,
    writer: Pool<Connector>,
    inspector: Pool<Connector>,
    allow_tests: bool,
    statement_timeout: Option<Duration>,
    seen: LastSeen,
}

impl Sqlite {
    fn open(node: &Node, folder: &Path, out: &mut Vec<Diagnostic>) -> Option<Self> {
        let before = out.len();
        let settings = Settings::from_node(node, out)?;
        let path = file_of(&settings.url, folder, out);
        let init = settings.init.as_ref().map(|init| {
            let path = folder.join(&init.value);
            if !path.is_file() {
                out.push(BAD_VALUE.at(init.span, format!("there is no file `{}`", path.display())));
            }
            path
        });
        let pool = PoolSettings::new(settings.pool.as_ref(), out);
        let path = path.filter(|_| out.len() == before)?;
        let database = Arc::new(Database::new(path, init));
        let connector = |access| Connector { database: database.clone(), access };
        Some(Self {
            readers: Pool::new(connector(Access::Read), pool),
            writer: Pool::new(connector(Access::Write), PoolSettings { min: 0, max: 1, ..pool }),
            inspector: Pool::new(connector(Access::Read), PoolSettings { min: 0, max: 1, ..pool }),
            allow_tests: settings.allow_tests.unwrap_or(false),
            statement_timeout: settings.statement_timeout,
            seen: LastSeen::default(),
        })
    }

    async fn run(&self, request: &Request, sink: &mut dyn Sink) -> Result<Timings, Failure> {
        let started = Instant::now();
        let pool = if request.write { &self.writer } else { &self.readers };
        let mut lease = pool.get(request.deadline).await?;
        sink.connected();
        let begun = Instant::now();
        let outcome = match self.statement_timeout {
            Some(longest) => timeout_at(begun + longest, lease.run(request, sink))
                .await
                .unwrap_or_else(|_| Err(Failure::new(FailureKind::Timeout, "the backend's statement_timeout passed"))),
            None => lease.run(request, sink).await,
        };
        if lease.is_clean() {
            lease.release();
        }
        outcome.map(|()| Timings { queue: begun - started, backend: begun.elapsed() })
    }
}

impl Backend for Sqlite {
    fn run<'a>(&'a self, request: &'a Request, sink: &'a mut dyn Sink) -> BoxFuture<'a, Result<Timings, Failure>> {
        Box::pin(async move {
            let outcome = self.run(request, sink).await;
            self.seen.note(&outcome);
            outcome
        })
    }

    fn connect(&self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async {
            let outcome = self.readers.connect(Instant::now() + CONNECT).await;
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
        self.readers.most()
    }

    fn connections(&self) -> Connections {
        let pools = [&self.readers, &self.writer, &self.inspector].map(Pool::connections);
        Connections { open: pools.iter().map(|pool| pool.open).sum(), idle: pools.iter().map(|pool| pool.idle).sum() }
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.readers.close();
            self.writer.close();
            self.inspector.close();
        })
    }

    fn inspect(&self) -> Option<&dyn Inspect> {
        Some(self)
    }
}

/// The file that a `url` names, below `folder` unless it is absolute.
fn file_of(url: &Spanned<String>, folder: &Path, out: &mut Vec<Diagnostic>) -> Option<PathBuf> {
    let mut refuse = |message: String, help: &str| {
        out.push(BAD_VALUE.at(url.span, message).help(help));
        None
    };
    let Some(path) = url.strip_prefix("sqlite:") else {
        return refuse(format!("expected `sqlite:` and a path, got {:?}", url.value), "write `sqlite:demo.db`");
    };
    let path = path.strip_prefix("//").unwrap_or(path);
    match path {
        "" => refuse("the url names no file".into(), "write `sqlite:demo.db`"),
        ":memory:" => refuse(
            "every connection would see its own empty database in memory".into(),
            "name a file: `sqlite:demo.db`; `init` fills it when it is new",
        ),
        _ if path.contains('?') => {
            refuse("expected a path without parameters".into(), "remove the `?` and what follows it")
        }
        // SQLite would read such a name as an address with parameters of its own.
        _ if path.starts_with("file:") => {
            refuse("expected a path, got a `file:` address".into(), "write `sqlite:` and the path alone")
        }
        _ => Some(folder.join(path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(yaml: &str, expected: &[&str]) {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("init.sql"), "CREATE TABLE t (id)").expect("writable");
        let (document, mut out) = crate::yaml::parse(yaml);
        let document = document.expect("valid YAML");
        let opened = Sqlite::open(&document.root, folder.path(), &mut out);
        let found: Vec<String> = out
            .iter()
            .map(|d| format!("{} {}: {}", d.rule.name, &yaml[d.span.range()], d.message.replace('\\', "/")))
            .collect();
        let found: Vec<String> =
            found.iter().map(|text| text.replace(&folder.path().display().to_string(), "<folder>")).collect();
        assert_eq!(found, expected);
        assert_eq!(opened.is_some(), expected.is_empty());
    }

    #[test]
    fn takes_a_file_with_or_without_settings() {
        check("kind: sqlite\nurl: sqlite:demo.db\n", &[]);
        check("kind: sqlite\nurl: sqlite:///tmp/demo.db\ninit: init.sql\npool: { max: 3, min: 1 }\n", &[]);
    }

    #[test]
    fn refuses_settings_at_their_place() {
        check(
            "kind: sqlite\nurl: \"sqlite::memory:\"\n",
            &["bad-value \"sqlite::memory:\": every connection would see its own empty database in memory"],
        );
        check("kind: sqlite\nurl: \"sqlite:\"\n", &["bad-value \"sqlite:\": the url names no file"]);
        check("kind: sqlite\nurl: demo.db\n", &["bad-value demo.db: expected `sqlite:` and a path, got \"demo.db\""]);
        check(
            "kind: sqlite\nurl: sqlite:demo.db?mode=rwc\n",
            &["bad-value sqlite:demo.db?mode=rwc: expected a path without parameters"],
        );
        check(
            "kind: sqlite\nurl: sqlite:file:demo.db\n",
            &["bad-value sqlite:file:demo.db: expected a path, got a `file:` address"],
        );
        check(
            "kind: sqlite\nurl: sqlite:demo.db\ninit: no.sql\n",
            &["bad-value no.sql: there is no file `<folder>/no.sql`"],
        );
        check(
            "kind: sqlite\nurl: sqlite:demo.db\npool: { max: 0, min: 11 }\n",
            &[
                "bad-value 0: expected 1 to 1000 connections, got 0",
                "bad-value 11: expected at most `max` (10) connections, got 11",
            ],
        );
    }

    #[test]
    fn the_schema_has_every_setting() {
        let schema = (DRIVER.schema)();
        for key in ["kind", "url", "init", "pool", "allow_tests", "statement_timeout"] {
            assert!(schema["properties"].get(key).is_some(), "{key}");
        }
    }
}
