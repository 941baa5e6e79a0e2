//! The command line (SPEC 9): one file a command, each from its arguments to its [`Exit`].
//!
//! Answers go to standard output and everything else to standard error. Commands decide nothing that another way in
//! would decide differently: they load through [`crate::project`] and call through [`crate::call`] as the server does.

mod completions;
mod deployment;
mod explain;
mod export;
mod fmt;
mod input;
mod keygen;
mod lint;
mod log;
mod new;
mod openapi;
mod output;
mod plan;
mod run;
mod schema;
mod serve;
mod test;
#[cfg(test)]
mod tests;
mod write;

use std::{
    error::Error,
    fmt::{Display, Formatter, Result as Formatted},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Parser, Subcommand};

use output::say;
pub use schema::{action_schema, config_schema};

/// A folder of YAML files becomes HTTP routes for look-ups in the middle of a customer's call.
#[derive(Debug, Parser)]
#[command(
    version,
    about,
    max_term_width = 100,
    after_help = "\
Examples:
  datadip new --gateway           start a deployment in this folder
  datadip lint                    check its files
  datadip serve                   run the gateway
  datadip explain unknown-key     what a rule means

Exit codes: 0 fine; 1 findings, a failed call, or --strict refusing; 2 wrong usage, or files that cannot be read."
)]
pub struct Arguments {
    /// The gateway's configuration; `actions/` and `schemas/` stand beside it.
    #[arg(long, global = true, value_name = "FILE", default_value = "datadip.yaml")]
    pub config: PathBuf,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands, in the order of `--help`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs the gateway.
    Serve(serve::Serve),
    /// Checks action files and datadip.yaml.
    Lint(lint::Lint),
    /// Runs the tests that action files hold.
    Test(test::Test),
    /// Makes one call and prints its answer.
    Run(run::Run),
    /// Prints the plan and the cost of an action's statements, for each shape.
    Plan(plan::Plan),
    /// Explains a lint rule: what it does, why, an example, and what to write instead.
    Explain(explain::Explain),
    /// Prints the caller's side of an action, for Genesys Cloud or CXone.
    Export(export::Export),
    /// Puts action files into their canonical form.
    Fmt(fmt::Fmt),
    /// Writes a starter action, or a starter deployment.
    New(new::New),
    /// Prints the JSON Schema of action files or of datadip.yaml, for editors.
    Schema(schema::Schema),
    /// Prints the OpenAPI document of the actions.
    Openapi(openapi::Openapi),
    /// Makes a new API key and the lines to paste into datadip.yaml.
    Keygen(keygen::Keygen),
    /// Prints completions for a shell.
    Completions(completions::Completions),
}

/// How a command ended: the exit codes of SPEC 9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Fine; skipped tests and a shutdown on request included.
    Fine,
    /// Findings, a failed call, or `--strict` refusing.
    Findings,
    /// Wrong usage, or files that cannot be read. Every error that ends a command early is one of these.
    Usage,
}

impl Exit {
    /// The exit code of the process.
    pub fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Findings => 1,
            Self::Usage => 2,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The error of a command that has told already what is wrong.
#[derive(Debug)]
pub struct Told(pub Exit);

impl Display for Told {
    fn fmt(&self, f: &mut Formatter<'_>) -> Formatted {
        f.write_str("it has been told what is wrong")
    }
}

impl Error for Told {}

/// Wrong usage, told with what to do.
fn refused(error: &str, help: &str) -> anyhow::Error {
    told(error, help, Exit::Usage)
}

/// What could not be done, told with what to do.
fn failed(error: &str, help: &str) -> anyhow::Error {
    told(error, help, Exit::Findings)
}

fn told(error: &str, help: &str, exit: Exit) -> anyhow::Error {
    say(format!("error: {error}"));
    say(format!("help: {help}"));
    Told(exit).into()
}

/// How a command ended. What has not been told yet is told now.
pub fn end(outcome: anyhow::Result<Exit>) -> Exit {
    outcome.unwrap_or_else(|error| match error.downcast_ref::<Told>() {
        Some(Told(exit)) => *exit,
        None => {
            say(format!("error: {error:#}"));
            Exit::Usage
        }
    })
}

/// A runtime for commands that make a few calls and end.
fn runtime() -> tokio::runtime::Runtime {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.expect("a process has the few file descriptors that a runtime needs")
}
