//! `datadip export`: the caller's side of an action.

use std::path::Path;

use clap::{Args, Subcommand};

use super::{
    Exit,
    deployment::{self, For},
    output::{answer, say},
};
use crate::{
    action::Action,
    export::{Address, Problem, Reach, cxone, genesys},
};

/// The arguments of `export`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  datadip export genesys customers/by-phone --url https://dips.example.com > by-phone.json
  datadip export cxone customers/by-phone --url https://dips.example.com

Needs no secrets and no database.")]
pub struct Export {
    #[command(subcommand)]
    platform: Platform,
}

#[derive(Debug, Subcommand)]
enum Platform {
    /// Prints a data action that Genesys Cloud imports.
    Genesys(Wanted),
    /// Prints the settings of a REST API action of CXone Studio, and a snippet around it.
    Cxone(Wanted),
}

#[derive(Args, Debug)]
struct Wanted {
    /// The action's name.
    #[arg(value_name = "ACTION")]
    action: String,
    /// Where the platform reaches the gateway: https://, a host, and a path where a proxy has one.
    #[arg(long, value_name = "URL", value_parser = Address::read)]
    url: Address,
    /// The name under which the platform keeps the API key; used where datadip.yaml has `access`.
    #[arg(long, value_name = "NAME", default_value = "apiKey", value_parser = name)]
    credential: String,
}

impl Export {
    /// Prints what the platform takes; or why it takes none, and what to do.
    pub fn run(self, config: &Path) -> anyhow::Result<Exit> {
        match self.platform {
            Platform::Genesys(wanted) => wanted.print(config, |action, reach| {
                let document = genesys::data_action(action, reach)?;
                Ok(serde_json::to_string_pretty(&document).expect("JSON values can be written"))
            }),
            Platform::Cxone(wanted) => wanted.print(config, cxone::settings),
        }
    }
}

impl Wanted {
    fn print(
        &self,
        config: &Path,
        export: impl FnOnce(&Action, &Reach<'_>) -> Result<String, Vec<Problem>>,
    ) -> anyhow::Result<Exit> {
        let project = deployment::load(config, For::Checking)?;
        let loaded = deployment::find(&project, &self.action)?;
        let Some(action) = &loaded.action else {
            deployment::show(&project, &[deployment::errors_of(&loaded.report)]);
            return Ok(Exit::Findings);
        };
        let Some(settings) = &project.settings else { return Err(deployment::broken_config(&project)) };
        let credential = settings.access.is_some().then_some(self.credential.as_str());
        match export(action, &Reach { url: &self.url, credential }) {
            Ok(text) => {
                answer(text)?;
                Ok(Exit::Fine)
            }
            Err(problems) => {
                problems.iter().for_each(|problem| say(format!("error: {problem}")));
                Ok(Exit::Findings)
            }
        }
    }
}

/// A name that stands in a template of the platform's.
fn name(text: &str) -> Result<String, &'static str> {
    let fits = |char: char| char.is_ascii_alphanumeric() || char == '_';
    match text.starts_with(|char: char| char.is_ascii_alphabetic()) && text.chars().all(fits) {
        true => Ok(text.to_owned()),
        false => Err("expected a letter, then letters, digits and `_`"),
    }
}
