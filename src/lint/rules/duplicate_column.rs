//! Two result columns of one name.

use std::collections::HashSet;

use crate::{
    diagnostic::{DUPLICATE_COLUMN, Diagnostic},
    lint::{Statement, Subject},
};

pub(super) fn check(subject: &Subject<'_>, statement: &Statement, out: &mut Vec<Diagnostic>) {
    let Some(columns) = statement.columns.as_ref().filter(|_| statement.last && subject.answers_rows()) else { return };
    let mut names = HashSet::new();
    for column in &columns.list {
        if !names.insert(&column.name) {
            let message = format!("a second column is called `{}`", column.name);
            let help = "a row has each name once: give one of them another name with `AS`";
            out.push(DUPLICATE_COLUMN.at(statement.text.span_of(column.place.clone()), message).help(help));
        }
    }
}
