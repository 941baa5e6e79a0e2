//! Salesforce through a server of the tests' own: logins, queries, pages, limits, faults.

mod faults;
mod gateway;
mod inspect;
mod logins;
mod org;
mod reads;
pub mod server;
mod sobjects;
pub mod token;
mod writes;

use std::{path::Path, sync::Arc};

use datadip::{
    backend::{Backend, Bound, Deployment, Failure, Request, driver},
    template::Dialect,
    yaml,
};

use crate::backends::tools::{self, Kept};

pub use self::{
    org::Org,
    server::{Fault, Server},
};

/// A login that the server takes.
pub const AUTH: &str = "{ flow: client_credentials, client_id: app, client_secret: app secret }";

impl Server {
    /// A backend on it, with more settings.
    pub fn backend(&self, settings: &str) -> Arc<dyn Backend> {
        self.backend_as(AUTH, settings)
    }

    /// The same with another login.
    pub fn backend_as(&self, auth: &str, settings: &str) -> Arc<dyn Backend> {
        let yaml = format!("kind: salesforce\nlogin_url: '{}'\nauth: {auth}\n{settings}", self.url());
        let (document, mut out) = yaml::parse(&yaml);
        let open = driver("salesforce").expect("it is registered").open;
        let backend = open(&document.expect("valid YAML").root, &Deployment::at(Path::new(".")), &mut out);
        backend.unwrap_or_else(|| panic!("{out:?}"))
    }
}

/// A query without binds.
fn query(soql: &str) -> Bound {
    tools::statement(Dialect::Soql, soql, &[])
}

/// Reads what a query gives.
async fn read(backend: &Arc<dyn Backend>, soql: &str) -> Result<Kept, Failure> {
    tools::run(backend, request(soql)).await
}

fn request(soql: &str) -> Request {
    tools::read(vec![query(soql)])
}

/// All names, by their order in the org.
const NAMES: &str = "SELECT Name FROM Account";
