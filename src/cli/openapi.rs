//! `datadip openapi`: the document that `/openapi.json` serves, from the files alone.

use std::path::Path;

use clap::Args;

use super::{
    Exit,
    deployment::{self, For, plural},
    output::{answer, say},
};
use crate::{diagnostic::Level, gateway::Gateway, server::openapi};

/// The arguments of `openapi`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  datadip openapi > openapi.json

Needs no secrets and no database. Broken files are left out, and the exit code is then 1.")]
pub struct Openapi {}

impl Openapi {
    /// Prints the document.
    pub fn run(self, config: &Path) -> anyhow::Result<Exit> {
        let project = deployment::load(config, For::Checking)?;
        let Some(gateway) = Gateway::new(&project) else { return Err(deployment::broken_config(&project)) };
        let actions = gateway.catalog.entries().filter_map(|entry| entry.action.as_deref());
        let document = openapi::document(actions, &gateway.catalog.revision, gateway.settings.access.is_some());
        answer(serde_json::to_string_pretty(&document)?)?;
        let broken: Vec<_> = project.reports().iter().map(deployment::errors_of).collect();
        deployment::show(&project, &broken);
        match broken.iter().filter(|report| report.count(Level::Error) > 0).count() {
            0 => Ok(Exit::Fine),
            count => {
                say(format!("error: {} left out", plural(count, "broken file")));
                Ok(Exit::Findings)
            }
        }
    }
}
