//! `shape: affected` for a statement that changes no rows.

use crate::{
    diagnostic::{AFFECTED_WITHOUT_WRITE, Diagnostic},
    lint::{Statement, Subject, statement::Verb},
    spec::Shape,
};

pub(super) fn check(subject: &Subject<'_>, statement: &Statement, out: &mut Vec<Diagnostic>) {
    let Some(main) = statement.main().filter(|_| statement.last) else { return };
    let changes = statement.parts.iter().any(|part| part.verb.writes() || part.verb == Verb::Call);
    let affected = subject.result.is_some_and(|result| result.shape == Shape::Affected);
    if affected && !subject.reads() && !changes {
        let message = "the answer is the number of rows changed, and this statement changes none";
        let help = "write `shape: rows`, `row` or `value`, or put the statement that changes rows last";
        out.push(AFFECTED_WITHOUT_WRITE.at(statement.span(main.code.start), message).help(help));
    }
}
