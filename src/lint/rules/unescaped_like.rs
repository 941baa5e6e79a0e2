//! LIKE with a value whose wildcards are not escaped.

use crate::{
    diagnostic::{Diagnostic, UNESCAPED_LIKE},
    lint::{Statement, Subject},
    template::lexer::TokenKind,
};

/// How far before a placeholder its LIKE is looked for, in tokens: `LIKE lower('%' || {{ name }})`.
const REACH: usize = 12;

pub(super) fn check(_: &Subject<'_>, statement: &Statement, out: &mut Vec<Diagnostic>) {
    let mut sites = statement.text.placeholders.iter().peekable();
    for (at, code) in statement.code.iter().enumerate() {
        let Some(site) = sites.next_if(|site| site.range.start <= code.token.start) else { continue };
        if !site.like && follows_like(statement, at) {
            let message = "the wildcards `%` and `_` in this value are not escaped: `%` alone finds every row";
            let help = "write `{{ … | contains }}`, `starts_with` or `ends_with`; for a plain comparison write `=`";
            out.push(UNESCAPED_LIKE.at(statement.text.span_of(site.range.clone()), message).help(help));
        }
    }
}

/// Whether a placeholder is the pattern of a LIKE, or a part of it.
fn follows_like(statement: &Statement, at: usize) -> bool {
    for back in (0..at).rev().take(REACH) {
        match statement.kind(back) {
            Some(TokenKind::Word) if statement.is_any(back, &["like", "ilike"]) => return true,
            Some(TokenKind::Word) if statement.is_any(back, &["any", "all", "lower", "upper", "concat", "trim", "cast"]) => {}
            Some(TokenKind::String | TokenKind::Open | TokenKind::Placeholder) => {}
            Some(TokenKind::Operator) if matches!(statement.word(back), "||" | "," | "+") => {}
            _ => return false,
        }
    }
    false
}
