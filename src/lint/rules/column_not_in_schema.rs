//! Columns of the statement that the result schema does not mention.

use crate::{
    diagnostic::{COLUMN_NOT_IN_SCHEMA, Diagnostic, suggest},
    lint::{Level, Statement, Subject},
};

pub(super) fn check(subject: &Subject<'_>, statement: &Statement, out: &mut Vec<Diagnostic>) {
    let Some(columns) = statement.columns.as_ref().filter(|_| statement.last && subject.answers_rows()) else { return };
    for level in Level::all(subject, columns) {
        level_of(subject, statement, &level, out);
    }
}

fn level_of(subject: &Subject<'_>, statement: &Statement, level: &Level<'_>, out: &mut Vec<Diagnostic>) {
    let schema = &level.schema;
    if schema.open || schema.properties.is_empty() {
        return;
    }
    for column in &level.columns.list {
        if schema.describes(|name| column.may_be(name)) {
            continue;
        }
        let same = schema.names().find(|name| column.name.eq_ignore_ascii_case(name));
        // A required one of the same letters is an error already.
        if same.is_some_and(|name| schema.required.contains(&name)) {
            continue;
        }
        let help = match same {
            Some(name) => subject.alias(column, name),
            None => match suggest::nearest(&column.name, schema.names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "add it to `properties`, or leave it out of the statement".into(),
            },
        };
        let message = format!("the schema has no property `{}`", level.path(&column.name));
        out.push(COLUMN_NOT_IN_SCHEMA.at(statement.text.span_of(column.place.clone()), message).help(help));
    }
}
