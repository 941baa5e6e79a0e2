//! Snowflake through a server of the tests' own: tokens, statements that run on, partitions, writes, faults.

mod account;
mod costs;
mod drift;
mod faults;
mod results;
mod server;
mod token;
mod writes;

use std::{path::Path, sync::Arc, time::Duration};

use datadip::{
    action::Action,
    backend::{Backend, Bound, Deployment, Failure, Request, Retry, snowflake::DRIVER},
    template::Dialect,
    yaml,
};
use serde_json::Value as Json;

use crate::{
    backends::{
        calls,
        tools::{self, Kept},
    },
    gateway::Serving,
    salesforce::token::KEY,
};

use self::{
    account::{Account, Canned},
    server::Server,
};

impl Server {
    /// A backend on it, for who signs with a key.
    pub fn backend(&self, settings: &str) -> Arc<dyn Backend> {
        let auth = format!("user: ada\nauth: {{ private_key_file: {} }}", Json::from(KEY));
        self.backend_as(&auth, settings)
    }

    /// A gateway with one action on a backend called `db`, with more of its settings.
    pub fn gateway(&self, name: &str, action: &str, settings: &str) -> Serving {
        let config = format!(
            "server: {{ listen: 127.0.0.1:0, workers: 1, shutdown_grace: 5s }}\nbackends:\n  db:\n    kind: snowflake\n    \
             account: acme-prod\n    url: '{}'\n    user: ada\n    auth: {{ private_key_file: key.pem }}\n{settings}",
            self.url()
        );
        let path = format!("actions/{name}.yaml");
        let serving = Serving::start(&[("key.pem", KEY), ("datadip.yaml", &config), (&path, action)]);
        assert_eq!(serving.broken(), [""; 0]);
        serving
    }

    /// The same with another login.
    pub fn backend_as(&self, auth: &str, settings: &str) -> Arc<dyn Backend> {
        let yaml = format!("kind: snowflake\naccount: acme-prod\nurl: '{}'\n{auth}\n{settings}", self.url());
        let (document, mut out) = yaml::parse(&yaml);
        let backend = (DRIVER.open)(&document.expect("valid YAML").root, &Deployment::at(Path::new(".")), &mut out);
        backend.unwrap_or_else(|| panic!("{out:?}"))
    }
}

/// The statement of most tests.
const ONE: &str = "SELECT 1 AS N";

/// An account where [`ONE`] answers a number.
fn one() -> Account {
    Account::with(vec![(ONE, number())])
}

/// A number.
fn number() -> Canned {
    Canned::rows(&[account::column("N", "fixed", 38.into(), 0.into())], &[&[Some("1")]])
}

fn bound(sql: &str) -> Bound {
    tools::statement(Dialect::Snowflake, sql, &[])
}

/// A read whose retries come soon.
fn read(sql: &str) -> Request {
    Request { retry: soon(), ..tools::read(vec![bound(sql)]) }
}

fn write(sql: &str) -> Request {
    Request { write: true, ..read(sql) }
}

fn soon() -> Retry {
    Retry { attempts: 3, base_delay: Duration::from_millis(1), max_delay: Duration::from_millis(2) }
}

async fn run(backend: &Arc<dyn Backend>, request: Request) -> Result<Kept, Failure> {
    tools::run(backend, request).await
}

/// An action on it, whose retries come soon.
fn action(text: &str) -> Arc<Action> {
    calls::action(&DRIVER, &format!("retry: {{ base_delay: 1ms, max_delay: 2ms }}\n{text}"))
}

/// Waits until nothing runs any more.
async fn settled(server: &Server) {
    tools::until("no statement runs", async || server.account().still_running() == 0).await;
}
