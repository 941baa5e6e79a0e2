//! `SELECT *` as the result.

use crate::{
    diagnostic::{Diagnostic, SELECT_STAR},
    lint::{Statement, Subject},
};

pub(super) fn check(subject: &Subject<'_>, statement: &Statement, out: &mut Vec<Diagnostic>) {
    let Some(main) = statement.main().filter(|_| statement.last && subject.answers_rows()) else { return };
    for item in statement.list() {
        let star = item.clone().find(|&at| {
            statement.word(at) == "*"
                && statement.code[at].depth == main.depth
                && (at == item.start
                    || at + 1 == item.end
                    || statement.word(at - 1) == ".")
        });
        if let Some(star) = star {
            let message = "`*` answers whatever columns the table has at the time";
            let help = "name the columns: a new one in the table must not change the answer, or make it too large";
            out.push(SELECT_STAR.at(statement.span(star), message).help(help));
        }
    }
}
