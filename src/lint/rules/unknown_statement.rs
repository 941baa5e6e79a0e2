//! A first word that begins no statement.

use crate::{
    diagnostic::{Diagnostic, UNKNOWN_STATEMENT},
    lint::{
        Statement, Subject,
        kind::{self, Kind},
    },
};

pub(super) fn check(subject: &Subject<'_>, statement: &Statement, out: &mut Vec<Diagnostic>) {
    let first = statement.first();
    let word = statement.word(first);
    if kind::of(word, subject.dialect) != Kind::Unknown {
        return;
    }
    let dialect = subject.dialect.name();
    let found = match word {
        "" => UNKNOWN_STATEMENT.at(statement.span(first), "the statement is empty").help("write one, such as `SELECT …`"),
        _ => {
            let message = format!("no statement of {dialect} begins with `{word}`");
            let help = kind::nearest(word).map(|near| format!("did you mean `{}`?", near.to_uppercase()));
            UNKNOWN_STATEMENT.at(statement.span(first), message).maybe_help(help)
        }
    };
    out.push(found);
}
