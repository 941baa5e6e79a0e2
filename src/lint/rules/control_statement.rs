//! Statements that are for the server or the session.

use crate::{
    diagnostic::{CONTROL_STATEMENT, Diagnostic},
    lint::{
        Statement, Subject,
        kind::{self, Kind},
    },
};

pub(super) fn check(subject: &Subject<'_>, statement: &Statement, out: &mut Vec<Diagnostic>) {
    let first = statement.first();
    let word = statement.word(first);
    if let Kind::Control(reason) = kind::of(word, subject.dialect) {
        let message = format!("`{}` is no data action: {reason}", word.to_uppercase());
        let help = "an action reads or changes rows: SELECT, INSERT, UPDATE, DELETE, CALL and their like";
        out.push(CONTROL_STATEMENT.at(statement.span(first), message).help(help));
    }
}
