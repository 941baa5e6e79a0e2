//! Statements that change what tables there are.

use crate::{
    diagnostic::{DATA_DEFINITION, Diagnostic},
    lint::{
        Statement, Subject,
        kind::{self, Kind},
    },
};

pub(super) fn check(subject: &Subject<'_>, statement: &Statement, out: &mut Vec<Diagnostic>) {
    let first = statement.first();
    let word = statement.word(first);
    if kind::of(word, subject.dialect) == Kind::Definition && !kind::sets_session(statement, first) {
        let message = format!("`{}` changes the database's structure, not its data", word.to_uppercase());
        out.push(DATA_DEFINITION.at(statement.span(first), message).help("make such changes with a migration"));
    }
}
