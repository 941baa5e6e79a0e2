//! Salesforce, over its REST API.

pub mod api;
pub mod describe;
pub mod failure;
pub mod limits;
pub mod login;
pub mod settings;

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;

use self::settings::{Settings, SettingsSpec};
use super::{
    Backend, Connections, Deployment, Driver, Failure, FailureKind, Health, Options, Request, Sink, Timings,
    record::refuse_options,
};
use crate::{
    diagnostic::Diagnostic,
    template::Dialect,
    yaml::{Node, read::FromNode},
};

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
    allow_tests: bool,
}

impl Salesforce {
    fn open(node: &Node, _: &Deployment<'_>, out: &mut Vec<Diagnostic>) -> Option<Self> {
        let settings = Settings::read(node, out)?;
        Some(Self { allow_tests: settings.allow_tests })
    }
}

fn unbuilt() -> Failure {
    Failure::new(FailureKind::Unavailable, "this version of datadip does not ask Salesforce yet")
}

impl Backend for Salesforce {
    fn run<'a>(&'a self, _: &'a Request, _: &'a mut dyn Sink) -> BoxFuture<'a, Result<Timings, Failure>> {
        Box::pin(async { Err(unbuilt()) })
    }

    fn connect(&self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async { Err(unbuilt()) })
    }

    fn health(&self) -> Health {
        Health::Down
    }

    fn allow_tests(&self) -> bool {
        self.allow_tests
    }

    fn can_roll_back(&self) -> bool {
        false
    }

    fn connections(&self) -> Connections {
        Connections { open: 0, idle: 0 }
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}
