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
    let found = match kind::of(word, subject.dialect) {
        Kind::Control(reason) => Some((word.to_uppercase(), reason)),
        _ if kind::sets_session(statement, first) => Some(("ALTER SESSION".to_owned(), kind::IN_A_SESSION)),
        _ => None,
    };
    if let Some((words, reason)) = found {
        let message = format!("`{words}` is no data action: {reason}");
        let help = "an action reads or changes rows: SELECT, INSERT, UPDATE, DELETE, CALL and their like";
        out.push(CONTROL_STATEMENT.at(statement.span(first), message).help(help));
    }
}
