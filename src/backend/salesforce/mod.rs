//! Salesforce, over its REST API.

pub mod api;
pub mod describe;
pub mod failure;
mod inspect;
pub mod limits;
pub mod login;
mod names;
mod query;
mod record;
pub mod settings;
mod write;

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use self::{
    api::Api,
    describe::{Objects, objects},
    inspect::Inspector,
    settings::{Settings, SettingsSpec},
};
use super::{
    Backend, Connections, Deployment, Driver, Failure, FailureKind, Health, Inspect, Options, Request, Sink, Timings,
    Usage, health::LastSeen, record::refuse_options, service::turn::Turn,
};
use crate::{
    diagnostic::Diagnostic,
    limit::{Limiter, LimiterSettings},
    template::Dialect,
    yaml::{Node, read::FromNode},
};

pub use record::recorded;

/// `kind: salesforce`.
pub static DRIVER: Driver = Driver {
    kind: "salesforce",
    dialect: Dialect::Soql,
    default_timeout: Duration::from_secs(10),
    open: |node, deployment, out| {
        Salesforce::open(node, deployment, out).map(|salesforce| Arc::new(salesforce) as Arc<dyn Backend>)
    },
    queues: true,
    schema: SettingsSpec::schema,
    options: no_options,
};

fn no_options(node: &Node, out: &mut Vec<Diagnostic>) -> Options {
    refuse_options(node, out);
    Options::default()
}

/// One org.
#[derive(Debug)]
struct Salesforce {
    api: Arc<Api>,
    objects: Objects,
    inspector: Inspector,
    /// How many calls run at once, and how many wait.
    limiter: Limiter,
    allow_tests: bool,
    seen: Arc<LastSeen>,
}

impl Salesforce {
    fn open(node: &Node, deployment: &Deployment<'_>, out: &mut Vec<Diagnostic>) -> Option<Self> {
        let settings = Settings::read(node, out)?;
        let (concurrency, allow_tests) = (Some(settings.concurrency), settings.allow_tests);
        let Deployment { queue, max_wait, .. } = *deployment;
        let api = Arc::new(Api::new(deployment.name, settings));
        let objects = objects(api.clone());
        Some(Self {
            inspector: Inspector::new(api.clone(), objects.clone()),
            objects,
            api,
            limiter: Limiter::new(LimiterSettings { concurrency, queue, max_wait, rate: None }),
            allow_tests,
            seen: Arc::default(),
        })
    }

    async fn run(&self, request: &Request, sink: &mut dyn Sink) -> Result<Timings, Failure> {
        let started = Instant::now();
        let full = |_| Failure::new(FailureKind::Overloaded, "`max_concurrency` calls run, and none ended in time");
        let permit = self.limiter.acquire(request.deadline).await.map_err(full)?;
        sink.connected();
        let begun = Instant::now();
        let mut turn = Turn::new(&self.limiter, permit, sink);
        match &request.record {
            Some(record) => write::write(&self.api, &self.objects, record, request, &mut turn).await?,
            None => query::read(&self.api, &self.objects, request, &mut turn).await?,
        }
        Ok(Timings { queue: begun - started, backend: begun.elapsed() })
    }
}

impl Backend for Salesforce {
    fn run<'a>(&'a self, request: &'a Request, sink: &'a mut dyn Sink) -> BoxFuture<'a, Result<Timings, Failure>> {
        Box::pin(async move {
            let outcome = self.run(request, sink).await;
            self.seen.note(&outcome);
            outcome
        })
    }

    fn connect(&self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async {
            let outcome = self.api.connect().await.map_err(|refused| refused.failure);
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

    fn can_roll_back(&self) -> bool {
        false
    }

    fn at_once(&self) -> usize {
        self.limiter.settings().concurrency.unwrap_or(usize::MAX)
    }

    fn connections(&self) -> Connections {
        Connections { open: self.limiter.running(), idle: 0 }
    }

    fn usage(&self) -> Vec<Usage> {
        self.api.usage()
    }

    fn inspect(&self) -> Option<&dyn Inspect> {
        Some(&self.inspector)
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}
