//! `datadip completions`: tab completion for shells.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Arguments, Exit, output::answer};

/// The arguments of `completions`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  datadip completions bash > /etc/bash_completion.d/datadip
  datadip completions zsh > ~/.zfunc/_datadip
  datadip completions fish > ~/.config/fish/completions/datadip.fish")]
pub struct Completions {
    /// The shell.
    shell: Shell,
}

impl Completions {
    /// Prints the script.
    pub fn run(self) -> anyhow::Result<Exit> {
        // Written to memory first: the generator panics where its writer fails.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), "datadip", &mut script);
        answer(String::from_utf8(script)?)?;
        Ok(Exit::Fine)
    }
}
