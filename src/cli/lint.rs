//! `datadip lint`: everything that is wrong with the files, as every other command and the running gateway see it.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::{
    Exit,
    deployment::{self, For},
    output::{answer, say},
    runtime,
};
use crate::{
    diagnostic::{Level, Report, UNREADABLE_FILE, json},
    live,
    project::Project,
    settings::{Environment, ProcessEnvironment},
};

/// The arguments of `lint`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  datadip lint
  datadip lint actions/customers actions/orders/recent.yaml
  datadip lint --format json --deny-warnings
  datadip lint --live

`datadip explain RULE` tells more about the name in brackets. Without --live no secrets, no
database and no network are needed.")]
pub struct Lint {
    /// Only these action files, or those below these folders; datadip.yaml is checked in any case.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Also ask the backends of the actions: missing tables and columns, types, costs. Wants their secrets.
    #[arg(long)]
    live: bool,
    /// How findings are printed.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Exit with 1 for warnings too.
    #[arg(long)]
    deny_warnings: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For people: the file's lines with a caret under the place.
    Text,
    /// For programs.
    Json,
}

impl Lint {
    /// Prints the findings, and a summary.
    pub fn run(self, config: &Path) -> anyhow::Result<Exit> {
        let projects = if self.paths.is_empty() {
            vec![deployment::load(config, if self.live { For::Calls } else { For::Checking })?]
        } else {
            let environment = self.live.then_some(&ProcessEnvironment as &dyn Environment);
            Project::load_paths(config, &self.paths, environment)?
        };
        let files = projects.iter().map(Project::files).sum();
        let found = |project: &Project| -> Vec<Report> {
            let reports = if self.live { runtime().block_on(live::lint(project)) } else { project.reports() };
            reports.iter().map(|report| deployment::from_here(project, report)).collect()
        };
        let reports: Vec<Report> = projects.iter().flat_map(found).collect();
        match self.format {
            Format::Text => answer(deployment::render(&reports))?,
            Format::Json => answer(serde_json::to_string_pretty(&json::render(&reports, files))?)?,
        }
        say(deployment::summary(&reports, files));
        let found = || reports.iter().flat_map(|report| &report.diagnostics);
        if found().any(|diagnostic| diagnostic.rule.name == UNREADABLE_FILE.name) {
            return Ok(Exit::Usage);
        }
        let worst = if self.deny_warnings { Level::Warning } else { Level::Error };
        Ok(if found().any(|diagnostic| diagnostic.level <= worst) { Exit::Findings } else { Exit::Fine })
    }
}
