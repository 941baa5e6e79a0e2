//! What the text of a statement says of itself: its verb.

use crate::template::{
    Dialect,
    lexer::{self, Token, TokenKind},
};

/// What a statement does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    /// Asks.
    Query,
    /// Changes rows, and counts them.
    Change,
    /// Calls a procedure.
    Call,
    /// Anything else that stays in its transaction.
    Other,
    /// Ends or splits its transaction, or changes the session beyond it.
    Session,
}

/// What is read from a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text {
    /// What it does.
    pub(super) verb: Verb,
}

impl Text {
    /// Reads a statement.
    pub(super) fn read(text: &str) -> Self {
        Self { verb: verb(text) }
    }
}

/// Verbs, but for those that are [`Verb::Other`].
const VERBS: [(&str, Verb); 26] = [
    ("select", Verb::Query),
    ("values", Verb::Query),
    ("table", Verb::Query),
    ("show", Verb::Query),
    ("explain", Verb::Query),
    ("insert", Verb::Change),
    ("update", Verb::Change),
    ("delete", Verb::Change),
    ("merge", Verb::Change),
    ("call", Verb::Call),
    ("begin", Verb::Session),
    ("start", Verb::Session),
    ("commit", Verb::Session),
    ("end", Verb::Session),
    ("rollback", Verb::Session),
    ("abort", Verb::Session),
    ("savepoint", Verb::Session),
    ("release", Verb::Session),
    ("prepare", Verb::Session),
    ("execute", Verb::Session),
    ("deallocate", Verb::Session),
    ("discard", Verb::Session),
    ("copy", Verb::Session),
    ("declare", Verb::Session),
    ("load", Verb::Session),
    ("listen", Verb::Session),
];

fn verb(text: &str) -> Verb {
    // The parser of the server skips empty statements, and a query may begin with brackets.
    let before = |token: &Token| token.is_blank() || matches!(token.kind, TokenKind::Semicolon | TokenKind::Open);
    let tokens = lexer::tokens(text, Dialect::Postgres);
    let mut tokens = tokens.into_iter().skip_while(before);
    let Some(first) = tokens.next() else { return Verb::Other };
    let named = |token: &Token, queries: bool| {
        let of = |(name, verb): &(&str, Verb)| {
            (token.is_word(text, name) && (queries || matches!(verb, Verb::Query | Verb::Change))).then_some(*verb)
        };
        VERBS.iter().find_map(of)
    };
    if !first.is_word(text, "with") {
        return named(&first, true).unwrap_or(Verb::Other);
    }
    // After WITH, the verb is the first one outside of the brackets.
    let mut depth = 0_usize;
    for token in tokens {
        match token.kind {
            TokenKind::Open => depth += 1,
            TokenKind::Close => depth = depth.saturating_sub(1),
            TokenKind::Word if depth == 0 => {
                if let Some(verb) = named(&token, false) {
                    return verb;
                }
            }
            _ => {}
        }
    }
    Verb::Other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verb_is_found() {
        let check = |text, expected| assert_eq!(verb(text), expected, "{text}");
        check("SELECT 1", Verb::Query);
        check("  -- why\n /* /* COMMIT */ SELECT */ COMMIT", Verb::Session);
        check(";;commit", Verb::Session);
        check("((select 1))", Verb::Query);
        check("WITH a AS (SELECT 1), b AS (DELETE FROM t) SELECT 1", Verb::Query);
        check("with recursive a (x) as not materialized (select 1) update t set a = 1", Verb::Change);
        check("DO $$ COMMIT $$", Verb::Other);
        check("CALL p()", Verb::Call);
        check("", Verb::Other);
    }
}
