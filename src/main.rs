//! The `datadip` binary: arguments, dispatch, exit code.

use std::process::ExitCode;

use clap::Parser;
use datadip::cli::{self, Arguments, Command};

fn main() -> ExitCode {
    let Arguments { config, command } = Arguments::parse();
    let outcome = match command {
        Command::Serve(serve) => serve.run(&config),
        Command::Lint(lint) => lint.run(&config),
        Command::Test(test) => test.run(&config),
        Command::Run(run) => run.run(&config),
        Command::Plan(plan) => plan.run(&config),
        Command::Explain(explain) => explain.run(),
        Command::Export(export) => export.run(&config),
        Command::Fmt(fmt) => fmt.run(&config),
        Command::New(new) => new.run(&config),
        Command::Schema(schema) => schema.run(),
        Command::Openapi(openapi) => openapi.run(&config),
        Command::Keygen(keygen) => keygen.run(),
        Command::Completions(completions) => completions.run(),
    };
    cli::end(outcome).into()
}
