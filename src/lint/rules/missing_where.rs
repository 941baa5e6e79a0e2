//! UPDATE and DELETE that change every row.

use crate::{
    diagnostic::{Diagnostic, MISSING_WHERE},
    lint::{Statement, Subject, statement::Verb},
    template::lexer::TokenKind,
};

pub(super) fn check(_: &Subject<'_>, statement: &Statement, out: &mut Vec<Diagnostic>) {
    for part in statement.parts.iter().filter(|part| matches!(part.verb, Verb::Update | Verb::Delete)) {
        let verb = statement.word(part.code.start).to_uppercase();
        let (at, message) = match statement.find(part, &["where"]) {
            None => (part.code.start, format!("`{verb}` without `WHERE` changes every row")),
            Some(at) if always_true(statement, at + 1..part.code.end) => {
                (at, format!("this `WHERE` looks at no column: `{verb}` changes every row, or none"))
            }
            Some(_) => continue,
        };
        let help = "name the rows; where a branch of the template leaves the condition out, that shape has none";
        out.push(MISSING_WHERE.at(statement.span(at), message).help(help));
    }
}

/// Whether a condition holds constants only.
fn always_true(statement: &Statement, condition: std::ops::Range<usize>) -> bool {
    let depth = statement.code[condition.start - 1].depth;
    condition
        .take_while(|&at| {
            let ends = statement.is_any(at, &["returning", "order", "limit"]) && statement.code[at].depth == depth;
            !ends
        })
        .all(|at| match statement.kind(at) {
            Some(TokenKind::Word) => statement.is_any(at, &["true", "false", "not", "null", "is", "and", "or"]),
            Some(TokenKind::QuotedIdentifier | TokenKind::Placeholder | TokenKind::Variable) => false,
            _ => true,
        })
}
