//! `datadip test`: the tests of action files.

mod difference;
mod expect;
mod junit;
mod recorded;
mod report;
pub(super) mod run;
mod secrets;
mod update;

use std::{
    collections::BTreeMap,
    io::{IsTerminal, stdout},
    path::Path,
    sync::Arc,
};

use clap::{Args, ValueEnum};

use super::{
    Exit,
    deployment::{self, For},
    output::{answer, say},
    refused,
};
use crate::{
    diagnostic::Report,
    project::{Loaded, Project},
};

use report::{Done, End, Tally};
use run::{Run, Verdict};

/// The arguments of `test`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  datadip test                                   the tests that need no backend
  datadip test --live                            the others too, rolled back, where a backend allows it
  datadip test accounts/list crm/ --live         those of one action, and of all below crm/
  datadip test --live --format junit > tests.xml
  datadip test --live --update                   write what came into the tests that fail

A test that did not run is skipped, never passed.")]
pub struct Test {
    /// Only the tests of these actions; a name that ends in a slash is all actions below it.
    #[arg(value_name = "ACTION")]
    actions: Vec<String>,
    /// Also run tests on backends with `allow_tests: true`, in a transaction that is rolled back.
    #[arg(long)]
    live: bool,
    /// How results are printed.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Exit with 1 where a test was skipped.
    #[arg(long)]
    deny_skipped: bool,
    /// Write what came into the `expect` of tests that fail. Nothing else of a file changes.
    #[arg(long)]
    update: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For people: a line a test, with the differences.
    Text,
    /// For CI services: JUnit's XML.
    Junit,
    /// For programs.
    Json,
}

impl Test {
    /// Runs the tests and prints what came of them.
    pub fn run(self, config: &Path) -> anyhow::Result<Exit> {
        let purpose = if self.live { For::Calls } else { For::Checking };
        let project = deployment::load(config, purpose)?;
        let chosen = self.choose(&project)?;
        if project.settings.is_none() {
            return Err(deployment::broken_config(&project));
        }
        let broken = chosen.iter().filter(|loaded| loaded.action.is_none());
        let broken: Vec<Report> = broken.map(|loaded| deployment::errors_of(&loaded.report)).collect();
        deployment::show(&project, &broken);
        let runs = run::run_all(&project, &chosen, self.live);
        let updates = if self.update { self.write(&project, &runs)? } else { BTreeMap::new() };
        let done: Vec<Done> = runs.iter().enumerate().map(|(at, run)| done(&project, run, updates.get(&at))).collect();
        let tally = Tally::of(&done);
        match self.format {
            Format::Text => answer(report::text(&done, deployment::colours(stdout().is_terminal())))?,
            Format::Junit => {
                let broken: Vec<Report> = broken.iter().map(|report| deployment::from_here(&project, report)).collect();
                answer(junit::render(&done, &broken))?;
            }
            Format::Json => answer(report::json(&done, tally))?,
        }
        say(tally.to_string());
        if !broken.is_empty() {
            say(format!("error: the tests of {} did not run", deployment::plural(broken.len(), "broken file")));
        }
        let findings = tally.failed > 0 || !broken.is_empty() || (self.deny_skipped && tally.skipped > 0);
        Ok(if findings { Exit::Findings } else { Exit::Fine })
    }

    /// The actions that were asked for, each once.
    fn choose<'a>(&self, project: &'a Project) -> anyhow::Result<Vec<&'a Arc<Loaded>>> {
        let mut chosen: BTreeMap<&str, &Arc<Loaded>> = BTreeMap::new();
        for wanted in &self.actions {
            if wanted.ends_with('/') {
                let below = project.actions.iter().filter(|loaded| loaded.name.starts_with(wanted.as_str()));
                let mut below = below.map(|loaded| (loaded.name.as_str(), loaded)).peekable();
                if below.peek().is_none() {
                    let help = "an action's name is its path below the actions' folder, without the extension";
                    return Err(refused(&format!("there is no action below `{wanted}`"), help));
                }
                chosen.extend(below);
            } else {
                let loaded = deployment::find(project, wanted)?;
                chosen.insert(&loaded.name, loaded);
            }
        }
        Ok(if self.actions.is_empty() { project.actions.iter().collect() } else { chosen.into_values().collect() })
    }

    /// Writes what came into the files of tests that failed: what became of each, by its number among the runs.
    fn write(&self, project: &Project, runs: &[Run]) -> anyhow::Result<BTreeMap<usize, update::Updated>> {
        let mut updates = BTreeMap::new();
        let mut at = 0;
        for file in runs.chunk_by(|a, b| a.loaded.name == b.loaded.name) {
            let (updated, written) = update::file(file)?;
            if written {
                say(format!("wrote {}", deployment::from_here(project, &file[0].loaded.report).source.path));
            }
            updates.extend(updated.into_iter().map(|(number, updated)| (at + number, updated)));
            at += file.len();
        }
        Ok(updates)
    }
}

/// What is printed of a test.
fn done(project: &Project, run: &Run, updated: Option<&update::Updated>) -> Done {
    let here = deployment::from_here(project, &run.loaded.report);
    let test = run.test();
    let line = test.map_or(1, |test| here.source.line_column(test.name.span.start).0);
    let end = match (&run.ran.verdict, updated) {
        (Verdict::Passed, _) => End::Passed,
        (Verdict::Skipped(reason), _) => End::Skipped(reason.clone()),
        (Verdict::Failed(differences), Some(updated)) if updated.passes => {
            End::Updated(differences.clone(), updated.left.clone())
        }
        (Verdict::Failed(differences), updated) => {
            End::Failed(differences.clone(), updated.map_or_else(Vec::new, |updated| updated.left.clone()))
        }
    };
    Done {
        action: run.loaded.name.clone(),
        name: test.map_or_else(String::new, |test| test.name.value.clone()),
        file: here.source.path.clone(),
        line,
        time: run.time,
        end,
    }
}
