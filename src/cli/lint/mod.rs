//! `datadip lint`: everything that is wrong with the files, as every other command and the running gateway see it.

mod changed;

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use clap::{Args, ValueEnum};

use super::{
    Exit,
    deployment::{self, For},
    input,
    output::{answer, say},
    runtime,
};
use crate::{
    diagnostic::{Level, Report, UNREADABLE_FILE, github, json, sarif},
    live,
    project::{Project, Unsaved},
    settings::{Environment, ProcessEnvironment},
    yaml::MAX_BYTES,
};

/// The arguments of `lint`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  datadip lint
  datadip lint actions/customers actions/orders/recent.yaml
  datadip lint --format json --deny-warnings
  datadip lint --format sarif > datadip.sarif
  datadip lint --changed-since origin/main --format github
  datadip lint --stdin-name actions/orders/recent.yaml < buffer
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
    /// Only what changed since a commit, branch or tag of git, committed or not; all where datadip.yaml changed.
    #[arg(long, value_name = "REV")]
    changed_since: Option<String>,
    /// Check the text on standard input as if it were this file: for editors.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["paths", "changed_since"])]
    stdin_name: Option<PathBuf>,
    /// Also print how long it took, on standard error.
    #[arg(short, long)]
    verbose: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people: the file's lines with a caret under the place.
    Text,
    /// For programs.
    Json,
    /// For services that show findings beside code: SARIF 2.1.0.
    Sarif,
    /// For GitHub Actions: a workflow command each, shown beside the changed lines.
    Github,
}

impl Lint {
    /// Prints the findings, and a summary.
    pub fn run(self, config: &Path) -> anyhow::Result<Exit> {
        let begun = Instant::now();
        let projects = self.load(config)?;
        let loaded = begun.elapsed();
        let files = projects.iter().map(Project::files).sum();
        let shown = match self.format {
            Format::Text | Format::Json => deployment::from_here,
            Format::Sarif | Format::Github => deployment::from_root,
        };
        let found = |project: &Project| -> Vec<Report> {
            let reports = if self.live { runtime().block_on(live::lint(project)) } else { project.reports() };
            reports.iter().map(|report| shown(project, report)).collect()
        };
        let reports: Vec<Report> = projects.iter().flat_map(found).collect();
        let exit = self.exit(&reports);
        match self.format {
            Format::Text => answer(deployment::render(&reports))?,
            Format::Json => answer(serde_json::to_string_pretty(&json::render(&reports, files))?)?,
            Format::Sarif => answer(serde_json::to_string_pretty(&sarif::render(&reports, exit.code()))?)?,
            Format::Github => answer(github::render(&reports))?,
        }
        say(deployment::summary(&reports, files));
        if self.verbose {
            say(format!(
                "{}, loaded in {loaded:.1?}, {:.1?} in total",
                deployment::plural(files, "file"),
                begun.elapsed()
            ));
        }
        Ok(exit)
    }

    /// The deployments, reduced to what was asked for.
    fn load(&self, config: &Path) -> anyhow::Result<Vec<Project>> {
        let environment = self.live.then_some(&ProcessEnvironment as &dyn Environment);
        if let Some(name) = &self.stdin_name {
            let unsaved = Unsaved::new(name, input::read(MAX_BYTES as u64)?);
            return Ok(vec![Project::load_unsaved(config, &unsaved, environment)?]);
        }
        let mut projects = if self.paths.is_empty() {
            vec![deployment::load(config, if self.live { For::Calls } else { For::Checking })?]
        } else {
            Project::load_paths(config, &self.paths, environment)?
        };
        if let Some(revision) = &self.changed_since {
            for project in &mut projects {
                let changed = changed::since(revision, &project.folder)?;
                project.keep_changed(&changed);
            }
        }
        Ok(projects)
    }

    fn exit(&self, reports: &[Report]) -> Exit {
        let mut found = reports.iter().flat_map(|report| &report.diagnostics);
        let worst = if self.deny_warnings { Level::Warning } else { Level::Error };
        if found.clone().any(|diagnostic| diagnostic.rule.name == UNREADABLE_FILE.name) {
            Exit::Usage
        } else if found.any(|diagnostic| diagnostic.level <= worst) {
            Exit::Findings
        } else {
            Exit::Fine
        }
    }
}
