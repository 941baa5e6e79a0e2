//! Two result columns of one name.

use std::{borrow::Cow, collections::HashSet};

use crate::{
    diagnostic::{DUPLICATE_COLUMN, Diagnostic},
    lint::{Level, Statement, Subject},
    template::Dialect,
};

pub(super) fn check(subject: &Subject<'_>, statement: &Statement, out: &mut Vec<Diagnostic>) {
    let Some(columns) = statement.columns.as_ref().filter(|_| statement.last && subject.answers_rows()) else { return };
    let soql = subject.dialect == Dialect::Soql;
    for level in Level::all(subject, columns) {
        let mut names = HashSet::new();
        for column in &level.columns.list {
            let name = if soql { Cow::Owned(column.name.to_lowercase()) } else { Cow::Borrowed(column.name.as_str()) };
            if !names.insert(name) {
                let (message, help) = if soql {
                    (format!("`{}` is selected a second time", level.path(&column.name)), "a record has each member once: remove one")
                } else {
                    let help = "a row has each name once: give one of them another name with `AS`";
                    (format!("a second column is called `{}`", column.name), help)
                };
                out.push(DUPLICATE_COLUMN.at(statement.text.span_of(column.place.clone()), message).help(help));
            }
        }
    }
}
