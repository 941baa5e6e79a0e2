//! A write that does more when it is repeated.

use crate::{
    diagnostic::{Diagnostic, UNSAFE_REPEAT},
    lint::{Statement, Subject, statement::{Part, Verb}},
    template::lexer::TokenKind,
};

pub(super) fn check(subject: &Subject<'_>, statement: &Statement, out: &mut Vec<Diagnostic>) {
    if subject.reads() {
        return;
    }
    for part in &statement.parts {
        let repeats = match part.verb {
            Verb::Insert => !has_natural_key(statement, part),
            Verb::Update => counts_on(statement, part),
            _ => false,
        };
        if repeats {
            let message = "a repeat of this call would change rows again";
            let help = "callers repeat calls that failed: let them send an `Idempotency-Key`; a natural key, such as \
                        `ON CONFLICT … DO NOTHING`, holds across restarts and replicas too";
            out.push(UNSAFE_REPEAT.at(statement.span(part.code.start), message).help(help));
        }
    }
}

/// Whether an INSERT says what happens to a row that is there already.
fn has_natural_key(statement: &Statement, part: &Part) -> bool {
    statement.is_any(part.code.start + 1, &["or", "ignore"])
        || statement.find(part, &["conflict", "duplicate"]).is_some()
        || statement.find(part, &["not"]).is_some_and(|at| statement.is(at + 1, "exists"))
}

/// Whether an UPDATE makes a new value of an old one: `SET balance = balance - …`.
fn counts_on(statement: &Statement, part: &Part) -> bool {
    let Some(set) = statement.find(part, &["set"]) else { return false };
    statement.items(set + 1, &["where", "from", "returning", "order", "limit"]).iter().any(|item| {
        let value = item.clone().skip_while(|&at| statement.word(at) != "=").skip(1);
        let mut column = false;
        for at in value {
            let name = match statement.kind(at) {
                Some(TokenKind::QuotedIdentifier) => true,
                Some(TokenKind::Word) => !statement.is_any(at, CONSTANTS) && statement.kind(at + 1) != Some(TokenKind::Open),
                _ => false,
            };
            column |= name;
        }
        column
    })
}

/// Words in a value that are no columns.
const CONSTANTS: &[&str] = &[
    "null", "true", "false", "default", "current_timestamp", "current_date", "current_time", "localtimestamp", "case", "when",
    "then", "else", "end", "and", "or", "not", "is", "as", "in", "select", "from", "where", "interval", "date", "timestamp", "text",
    "integer", "at", "time", "zone",
];
