//! Columns that the result schema requires and the statement lacks.

use crate::{
    diagnostic::{Diagnostic, MISSING_COLUMN, suggest},
    lint::{Statement, Subject},
};

pub(super) fn check(subject: &Subject<'_>, statement: &Statement, out: &mut Vec<Diagnostic>) {
    let Some(columns) = statement.columns.as_ref().filter(|_| statement.last && subject.answers_rows()) else { return };
    for required in subject.row_schema().required {
        if columns.may_have(required) {
            continue;
        }
        if let Some(column) = columns.list.iter().find(|column| column.name.eq_ignore_ascii_case(required)) {
            let message = format!("the answer calls this column `{}`, and the schema requires `{required}`", column.name);
            let help = subject.alias(column, required);
            out.push(MISSING_COLUMN.at(statement.text.span_of(column.place.clone()), message).help(help));
            continue;
        }
        let message = format!("the schema requires `{required}`, and the statement has no such column");
        let help = match suggest::help(required, columns.list.iter().map(|column| column.name.as_str())) {
            Some(help) => format!("add it to the columns of the statement; {help}"),
            None => "add it to the columns of the statement, or remove it from `required`".into(),
        };
        out.push(MISSING_COLUMN.at(subject.required_place(required), message).help(help));
    }
}
