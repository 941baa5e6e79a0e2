//! `datadip explain`: the page of a rule.

use clap::Args;

use super::{
    Exit,
    output::{answer, say},
};
use crate::diagnostic::{RULES, suggest};

/// The arguments of `explain`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  datadip explain                 all rules with their levels
  datadip explain unknown-key     one rule's page")]
pub struct Explain {
    /// The rule, as lint prints it in brackets; without it all rules are listed.
    rule: Option<String>,
}

impl Explain {
    /// Prints the page, or the list.
    pub fn run(self) -> anyhow::Result<Exit> {
        let Some(name) = self.rule else {
            answer(list())?;
            return Ok(Exit::Fine);
        };
        if let Some(rule) = RULES.iter().find(|rule| rule.name == name) {
            answer(rule.page)?;
            return Ok(Exit::Fine);
        }
        say(format!("error: there is no rule `{name}`"));
        say(match suggest::nearest(&name, RULES.iter().map(|rule| rule.name)) {
            Some(near) => format!("help: did you mean `{near}`?"),
            None => "help: `datadip explain` lists all rules".into(),
        });
        Ok(Exit::Usage)
    }
}

/// One line a rule: level, name, and the first sentence of its page.
fn list() -> String {
    let width = RULES.iter().map(|rule| rule.name.len()).max().unwrap_or_default();
    RULES
        .iter()
        .map(|rule| format!("{:<7}  {:<width$}  {}\n", rule.level.as_str(), rule.name, rule.summary()))
        .collect()
}
