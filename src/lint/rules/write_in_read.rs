//! A statement that changes rows in an action that says it only reads.

use crate::{
    diagnostic::{Diagnostic, WRITE_IN_READ},
    lint::{Statement, Subject, statement::Verb},
    template::Dialect,
};

pub(super) fn check(subject: &Subject<'_>, statement: &Statement, out: &mut Vec<Diagnostic>) {
    if !subject.reads() {
        return;
    }
    for part in &statement.parts {
        let verb = part.code.start;
        let found = if part.verb.writes() {
            Some((verb, format!("`{}` changes rows, and the action only reads", statement.word(verb).to_uppercase())))
        } else if part.verb == Verb::Select {
            let into = statement.find(part, &["into"]);
            let locks = statement.find(part, &["for"]).filter(|&at| {
                subject.dialect == Dialect::Postgres && statement.is_any(at + 1, &["update", "share", "no", "key"])
            });
            into.map(|at| (at, "`SELECT … INTO` writes, and the action only reads".to_owned()))
                .or(locks.map(|at| (at, "locking rows is a write, and the action only reads".to_owned())))
        } else if part.verb == Verb::Call && subject.dialect == Dialect::Snowflake {
            // Nothing but the role keeps a procedure from writing there.
            Some((verb, "`CALL` is no query, and the action only reads".to_owned()))
        } else {
            None
        };
        if let Some((at, message)) = found {
            out.push(WRITE_IN_READ.at(statement.span(at), message).help("add `mode: write`, or write a query"));
        }
    }
}
