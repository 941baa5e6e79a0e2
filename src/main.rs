//! The `datadip` binary: arguments, dispatch, exit code.

use std::process::ExitCode;

use clap::Parser;
use datadip::cli::{Arguments, Command, Exit, say};

fn main() -> ExitCode {
    let Arguments { config, command } = Arguments::parse();
    let outcome = match command {
        Command::Serve(serve) => serve.run(&config),
        Command::Lint(lint) => lint.run(&config),
        Command::Test(test) => test.run(&config),
        Command::Run(run) => run.run(&config),
        Command::Explain(explain) => explain.run(),
        Command::New(new) => new.run(),
        Command::Schema(schema) => schema.run(),
        Command::Keygen(keygen) => keygen.run(),
        Command::Completions(completions) => completions.run(),
    };
    let exit = outcome.unwrap_or_else(|error| {
        say(format!("error: {error:#}"));
        Exit::Usage
    });
    exit.into()
}
