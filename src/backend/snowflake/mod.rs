//! Snowflake, over its SQL API.

pub mod access;
pub mod account;
pub mod api;
pub mod bind;
mod costs;
mod execution;
pub mod failure;
mod nature;
pub mod options;
pub mod render;
mod run;
pub mod settings;
mod submission;
mod tables;

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use self::{
    api::Api,
    costs::Costs,
    settings::{Settings, SettingsSpec},
    tables::Inspector,
};
use super::{
    Backend, Connections, Deployment, Driver, Failure, FailureKind, Health, Inspect, Request, Sink, Timings,
    health::LastSeen, service::turn::Turn,
};
use crate::{
    diagnostic::Diagnostic,
    limit::{Limiter, LimiterSettings},
    template::Dialect,
    yaml::{Node, read::FromNode},
};

/// `kind: snowflake`.
pub static DRIVER: Driver = Driver {
    kind: "snowflake",
    dialect: Dialect::Snowflake,
    default_timeout: Duration::from_secs(60),
    open: |node, deployment, out| {
        Snowflake::open(node, deployment, out).map(|snowflake| Arc::new(snowflake) as Arc<dyn Backend>)
    },
    queues: true,
    schema: SettingsSpec::schema,
    options: options::read,
};

/// One account.
#[derive(Debug)]
struct Snowflake {
    api: Arc<Api>,
    inspector: Inspector,
    costs: Option<Arc<Costs>>,
    /// How many calls run at once, and how many wait.
    limiter: Limiter,
    allow_tests: bool,
    seen: LastSeen,
}

impl Snowflake {
    fn open(node: &Node, deployment: &Deployment<'_>, out: &mut Vec<Diagnostic>) -> Option<Self> {
        let settings = Settings::read(node, out)?;
        let (concurrency, allow_tests) = (Some(settings.concurrency), settings.allow_tests);
        let Deployment { queue, max_wait, .. } = *deployment;
        let cost_query = settings.cost_query.clone();
        let api = Arc::new(Api::new(settings));
        Some(Self {
            inspector: Inspector::new(api.clone()),
            costs: cost_query.map(|query| Costs::new(api.clone(), query)),
            api,
            limiter: Limiter::new(LimiterSettings { concurrency, queue, max_wait, rate: None }),
            allow_tests,
            seen: LastSeen::default(),
        })
    }

    async fn run(&self, request: &Request, sink: &mut dyn Sink) -> Result<Timings, Failure> {
        let started = Instant::now();
        let full = |_| Failure::new(FailureKind::Overloaded, "`max_concurrency` calls run, and none ended in time");
        let permit = self.limiter.acquire(request.deadline).await.map_err(full)?;
        sink.connected();
        let begun = Instant::now();
        let mut turn = Turn::new(&self.limiter, permit, sink);
        let outcome = run::run(&self.api, self.costs.as_ref(), request, &mut turn).await;
        self.inspector.used();
        if outcome.as_ref().is_err_and(|failure| failure.kind == FailureKind::Drift) {
            let role = request.options.role.as_deref();
            request.statements.iter().for_each(|bound| self.inspector.doubt(role, bound.text()));
        }
        outcome?;
        Ok(Timings { queue: begun - started, backend: begun.elapsed() })
    }
}

impl Backend for Snowflake {
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

    fn cost(&self, job: &str) -> Option<f64> {
        self.costs.as_ref()?.of(job)
    }

    fn costs(&self) -> Option<f64> {
        self.costs.as_ref().map(|costs| costs.total())
    }

    fn inspect(&self) -> Option<&dyn Inspect> {
        Some(&self.inspector)
    }

    fn at_once(&self) -> usize {
        self.limiter.settings().concurrency.unwrap_or(usize::MAX)
    }

    fn connections(&self) -> Connections {
        Connections { open: self.limiter.running(), idle: 0 }
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}
