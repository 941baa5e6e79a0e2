//! Columns that the result schema requires and the statement lacks.

use crate::{
    diagnostic::{Diagnostic, MISSING_COLUMN, suggest},
    lint::{Level, Statement, Subject},
    template::Dialect,
};

pub(super) fn check(subject: &Subject<'_>, statement: &Statement, out: &mut Vec<Diagnostic>) {
    let Some(columns) = statement.columns.as_ref().filter(|_| statement.last && subject.answers_rows()) else { return };
    for level in Level::all(subject, columns) {
        for required in &level.schema.required {
            if !level.columns.may_have(required) {
                out.push(missing(subject, statement, &level, required));
            }
        }
    }
}

fn missing(subject: &Subject<'_>, statement: &Statement, level: &Level<'_>, required: &str) -> Diagnostic {
    if let Some(column) = level.columns.list.iter().find(|column| column.name.eq_ignore_ascii_case(required)) {
        let message = format!("the answer calls this column `{}`, and the schema requires `{required}`", column.name);
        let help = subject.alias(column, required);
        return MISSING_COLUMN.at(statement.text.span_of(column.place.clone()), message).help(help);
    }
    let (what, list) = if subject.dialect == Dialect::Soql {
        ("query has no such field", "fields of the query")
    } else {
        ("statement has no such column", "columns of the statement")
    };
    let message = format!("the schema requires `{}`, and the {what}", level.path(required));
    let help = match suggest::nearest(required, level.columns.list.iter().map(|column| column.name.as_str())) {
        Some(near) => format!("add it to the {list}; did you mean `{near}`?"),
        None => format!("add it to the {list}, or remove it from `required`"),
    };
    MISSING_COLUMN.at(subject.required_place_in(&level.way, required), message).help(help)
}
