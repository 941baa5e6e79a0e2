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
        .map(|rule| format!("{:<7}  {:<width$}  {}\n", rule.level.as_str(), rule.name, first_sentence(rule.page)))
        .collect()
}

/// The first sentence below the title of a page.
fn first_sentence(page: &str) -> String {
    let paragraph: Vec<&str> = page.lines().skip(1).skip_while(|line| line.is_empty()).collect();
    let text = paragraph.split(|line| line.is_empty()).next().unwrap_or_default().join(" ");
    match text.find(". ") {
        Some(end) => text[..=end].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sentence_of_a_page_ends_at_its_full_stop_and_may_span_lines() {
        assert_eq!(first_sentence("# a\n\nFinds 1.5 x\nof y. More.\n\n## Why\n"), "Finds 1.5 x of y.");
        assert_eq!(first_sentence("# a\n\nOne.\n\n## Why\n"), "One.");
        assert_eq!(first_sentence("# a\n"), "");
    }
}
