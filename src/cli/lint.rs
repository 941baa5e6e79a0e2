//! `datadip lint`: everything that is wrong with the files, as every other command and the running gateway see it.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, ValueEnum};

use super::{
    Exit,
    deployment::{self, For},
    output::{answer, say},
};
use crate::{
    diagnostic::{Level, Report, UNREADABLE_FILE, json},
    project::Project,
};

/// The arguments of `lint`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  datadip lint
  datadip lint actions/customers actions/orders/recent.yaml
  datadip lint --format json --deny-warnings

`datadip explain RULE` tells more about the name in brackets. No secrets, no database and no network are needed.")]
pub struct Lint {
    /// Only these action files, or those below these folders; datadip.yaml is checked in any case.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
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
        let project = deployment::load(config, For::Checking)?;
        let (reports, files) = self.select(&project)?;
        match self.format {
            Format::Text => answer(deployment::render(&project, &reports))?,
            Format::Json => {
                let reports: Vec<Report> = reports.iter().map(|r| deployment::from_here(&project, r)).collect();
                answer(serde_json::to_string_pretty(&json::render(&reports, files))?)?;
            }
        }
        say(deployment::summary(&reports, files));
        let found = || reports.iter().flat_map(|report| &report.diagnostics);
        if found().any(|diagnostic| diagnostic.rule.name == UNREADABLE_FILE.name) {
            return Ok(Exit::Usage);
        }
        let worst = if self.deny_warnings { Level::Warning } else { Level::Error };
        Ok(if found().any(|diagnostic| diagnostic.level <= worst) { Exit::Findings } else { Exit::Fine })
    }

    /// The reports of the files that were asked for, and how many files these are.
    fn select(&self, project: &Project) -> anyhow::Result<(Vec<Report>, usize)> {
        if self.paths.is_empty() {
            return Ok((project.reports(), project.files()));
        }
        let mut wanted = Vec::new();
        for path in &self.paths {
            wanted.push(path.canonicalize().with_context(|| format!("cannot read {}", path.display()))?);
        }
        let config = project.settings_report.as_ref().map(|report| project.folder.join(&report.source.path));
        let is_config = |path: &Path| config.as_deref() == Some(path);
        let within =
            |path: &Path| path.canonicalize().is_ok_and(|path| wanted.iter().any(|wanted| path.starts_with(wanted)));
        let actions = project.actions.iter().filter(|loaded| within(&loaded.path)).count();
        let mut reports = project.reports();
        reports.retain(|report| {
            let path = project.folder.join(&report.source.path);
            is_config(&path) || within(&path)
        });
        Ok((reports, actions + usize::from(config.is_some())))
    }
}
