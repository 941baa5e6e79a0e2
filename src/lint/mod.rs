//! What is wrong with an action as a whole: the rules on its statements and on what belongs to them (SPEC 9.2).
//!
//! Templates check where placeholders stand; here stands what needs to know a statement: what it does, which columns it
//! answers. Each shape is read once, for all rules. A rule is one file in `rules/`, its line there, its line in
//! [`crate::diagnostic`] and its page. Nothing here runs anything or knows a database's tables.

mod allow;
mod columns;
mod kind;
mod level;
mod needs;
mod rules;
mod statement;
mod subject;

use std::collections::HashSet;

use crate::{
    action::{Action, Unfinished},
    diagnostic::Diagnostic,
    spec::ActionSpec,
};

pub use allow::{Finder, silence};
pub(crate) use columns::{Column, Columns, Inner};
pub(crate) use level::Level;
pub(crate) use needs::{Need, needs};
pub(crate) use statement::{Statement, tables};
pub(crate) use subject::Subject;

/// Adds what the rules find in an action. An error keeps it from being served. Where a file has errors already, its
/// statements are looked at all the same.
pub fn check(action: Result<&Action, &Unfinished>, spec: &ActionSpec, out: &mut Vec<Diagnostic>) {
    let Some(subject) = Subject::new(action, spec) else { return };
    let mut found = Vec::new();
    if let Ok(action) = action {
        for rule in rules::ACTION {
            rule(&subject, action, &mut found);
        }
    }
    // The same text stands in many shapes: what is found there is one finding.
    let mut known: HashSet<(&str, u32, u32, String)> = HashSet::new();
    let mut keep = |found: &mut Vec<Diagnostic>| {
        out.extend(
            found.drain(..).filter(|d| known.insert((d.rule.name, d.span.start, d.span.end, d.message.clone()))),
        );
    };
    keep(&mut found);
    for (at, template) in subject.statements.iter().enumerate() {
        for text in template.shape_texts() {
            let statement = Statement::read(text, subject.dialect, at == subject.last);
            for rule in rules::STATEMENT {
                rule(&subject, &statement, &mut found);
            }
            keep(&mut found);
        }
    }
}

#[cfg(test)]
mod tests;
