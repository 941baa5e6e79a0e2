//! Statements, requests and sinks for the suite.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use datadip::{
    backend::{
        Backend, Bound, Column, Connections, Failure, Flow, Health, Options, Request, Retry, Sink, Stop, Timings,
    },
    template::{Dialect, Param, Template},
    value::{ParamType, Scalar, Value},
    yaml::{self, Kind},
};
use futures_util::future::BoxFuture;
use jiff::tz::TimeZone;
use serde_json::Value as Json;
use tokio::{sync::oneshot, task::JoinHandle, time::Instant};

/// A statement with its binds: `{{ name }}` stands for a value.
pub fn statement(dialect: Dialect, sql: &str, values: &[(&str, Scalar, Value)]) -> Bound {
    let params: Vec<Param> = values
        .iter()
        .map(|(name, scalar, _)| Param {
            name: (*name).into(),
            ty: Some(ParamType::one(*scalar)),
            optional: false,
            nullable: true,
            choices: Vec::new(),
            zone: TimeZone::UTC,
        })
        .collect();
    let (document, mut out) = yaml::parse(&Json::from(sql).to_string());
    let Kind::Scalar(text) = document.expect("quoted text is YAML").root.kind else { panic!("text is a scalar") };
    let template = Template::compile(&text, dialect, &params, &mut out);
    let template =
        template.unwrap_or_else(|| panic!("{sql}: {:?}", out.iter().map(|d| &d.message).collect::<Vec<_>>()));
    let values: Vec<Option<Value>> = values.iter().map(|(_, _, value)| Some(value.clone())).collect();
    let (shape, binds) = template.decide(&values).expect("values can be bound");
    Bound::new(template.statement(&shape).expect("the shape is known"), binds).expect("the values can be written")
}

/// Statements without binds.
pub fn statements(dialect: Dialect, sql: &[&str]) -> Vec<Bound> {
    sql.iter().map(|sql| statement(dialect, sql, &[])).collect()
}

/// A read of some seconds.
pub fn read(statements: Vec<Bound>) -> Request {
    let deadline = Instant::now() + Duration::from_secs(20);
    Request {
        statements,
        record: None,
        write: false,
        dry: false,
        deadline,
        options: Options::default(),
        retry: Retry::default(),
        retries: 0.into(),
        committing: false.into(),
        committed: false.into(),
        jobs: Default::default(),
        origin: None,
    }
}

/// A write of some seconds.
pub fn write(statements: Vec<Bound>) -> Request {
    Request { write: true, ..read(statements) }
}

/// Keeps what comes.
#[derive(Debug, Default)]
pub struct Kept {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Json>>,
    pub changed: Option<u64>,
    /// After how many rows it has enough.
    pub enough: Option<usize>,
    /// After how many rows it stops; `Some(0)` stops at the end.
    pub stop: Option<usize>,
}

impl Sink for Kept {
    fn begin(&mut self, columns: &[Column]) -> Result<(), Stop> {
        self.columns = columns.iter().map(|column| column.name.clone()).collect();
        self.rows.clear();
        self.changed = None;
        Ok(())
    }

    fn row(&mut self, row: Vec<Json>) -> Result<Flow, Stop> {
        self.rows.push(row);
        match self.rows.len() {
            count if self.stop == Some(count) => Err(Stop),
            count if self.enough == Some(count) => Ok(Flow::Enough),
            _ => Ok(Flow::More),
        }
    }

    fn flush(&mut self) -> BoxFuture<'_, Result<(), Stop>> {
        Box::pin(async { Ok(()) })
    }

    fn end(&mut self, changed: u64) -> Result<(), Stop> {
        self.changed = Some(changed);
        if self.stop == Some(0) { Err(Stop) } else { Ok(()) }
    }
}

/// Runs a request to its end.
pub async fn run(backend: &Arc<dyn Backend>, request: Request) -> Result<Kept, Failure> {
    let mut kept = Kept::default();
    backend.run(&request, &mut kept).await.map(|_| kept)
}

/// The rows of a query.
pub async fn rows(backend: &Arc<dyn Backend>, dialect: Dialect, sql: &str) -> Vec<Vec<Json>> {
    run(backend, read(statements(dialect, &[sql]))).await.expect("the query succeeds").rows
}

/// Waits until a backend knows of its catalog what it learns beside the calls.
pub async fn learnt(backend: &Arc<dyn Backend>) {
    backend.inspect().expect("there is a catalog").digests(&[]).await.expect("the catalog answers");
}

/// All things, ordered by their key: what the suite compares to see whether something was written.
pub async fn things(backend: &Arc<dyn Backend>, dialect: Dialect) -> Vec<Vec<Json>> {
    rows(backend, dialect, "SELECT id, name, amount FROM things ORDER BY id").await
}

/// What `things` holds at first.
pub fn first_things() -> Vec<Vec<Json>> {
    let row = |id: i64, name: &str| vec![Json::from(id), Json::from(name), Json::from(id)];
    vec![row(1, "one"), row(2, "two"), row(3, "three")]
}

/// Waits until something is so, as long as a busy machine may take.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..6000 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never is so: {what}");
}

/// Waits until no connection is in use.
pub async fn settled(backend: &Arc<dyn Backend>) {
    until("no connection is in use", async || {
        let connections = backend.connections();
        connections.open == connections.idle
    })
    .await;
}

/// Runs a request up to its first row and keeps it there, with all that it has locked, until it is aborted.
pub async fn held(backend: &Arc<dyn Backend>, request: Request) -> JoinHandle<()> {
    let (reached, is_reached) = oneshot::channel();
    let backend = backend.clone();
    let run = tokio::spawn(async move {
        let ended = backend.run(&request, &mut Holding { reached: Some(reached) }).await;
        panic!("it is held, but ended: {ended:?}");
    });
    is_reached.await.expect("there is a row");
    run
}

/// Wants no row after the first one, but does not say so.
struct Holding {
    reached: Option<oneshot::Sender<()>>,
}

impl Sink for Holding {
    fn begin(&mut self, _: &[Column]) -> Result<(), Stop> {
        Ok(())
    }

    fn row(&mut self, _: Vec<Json>) -> Result<Flow, Stop> {
        Ok(Flow::Flush)
    }

    fn flush(&mut self) -> BoxFuture<'_, Result<(), Stop>> {
        if let Some(reached) = self.reached.take() {
            let _ = reached.send(());
        }
        Box::pin(std::future::pending())
    }

    fn end(&mut self, _: u64) -> Result<(), Stop> {
        Ok(())
    }
}

/// Another backend, with the number of runs that failed on it.
#[derive(Debug)]
pub struct Counted {
    backend: Arc<dyn Backend>,
    failed: AtomicUsize,
}

impl Counted {
    pub fn new(backend: &Arc<dyn Backend>) -> Arc<Self> {
        Arc::new(Self { backend: backend.clone(), failed: AtomicUsize::new(0) })
    }

    pub fn failed(&self) -> usize {
        self.failed.load(Ordering::Relaxed)
    }
}

impl Backend for Counted {
    fn run<'a>(&'a self, request: &'a Request, sink: &'a mut dyn Sink) -> BoxFuture<'a, Result<Timings, Failure>> {
        Box::pin(async {
            let outcome = self.backend.run(request, sink).await;
            self.failed.fetch_add(usize::from(outcome.is_err()), Ordering::Relaxed);
            outcome
        })
    }

    fn connect(&self) -> BoxFuture<'_, Result<(), Failure>> {
        self.backend.connect()
    }

    fn health(&self) -> Health {
        self.backend.health()
    }

    fn allow_tests(&self) -> bool {
        self.backend.allow_tests()
    }

    fn connections(&self) -> Connections {
        self.backend.connections()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.backend.close()
    }
}
