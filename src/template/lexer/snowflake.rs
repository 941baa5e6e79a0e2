//! Snowflake: <https://docs.snowflake.com/en/sql-reference/identifiers-syntax>,
//! <https://docs.snowflake.com/en/sql-reference/data-types-text> (quotes, backslashes, `$$`), `…/session-variables`
//! (`$name`), `…/querying-semistructured` (`path:name`), `…/developer-guide/sql-api/submitting-requests` (`?`, `:1`).
//! There is no published grammar: where the pages are silent, what cannot be read in one way only is refused.

use super::{Cursor, Quoting, Token, TokenKind, begins_name, bracket, is_blank, is_name};

/// `before` are the tokens so far: they tell a bind variable from a path.
pub(super) fn token(cursor: &mut Cursor<'_>, before: &[Token]) -> TokenKind {
    match cursor.peek(0) {
        byte if is_blank(byte) => {
            cursor.take_while(is_blank);
            TokenKind::Whitespace
        }
        b'-' if cursor.peek(1) == b'-' => cursor.line_comment(|byte| matches!(byte, b'\n' | b'\r')),
        b'/' if cursor.peek(1) == b'/' => cursor.line_comment(|byte| matches!(byte, b'\n' | b'\r')),
        b'/' if cursor.peek(1) == b'*' => {
            let kind = cursor.block_comment();
            // Whether comments nest is not documented.
            let inner = &cursor.text[cursor.start + 2..cursor.at];
            let nested = inner.windows(2).any(|window| window == b"/*");
            if nested && kind == TokenKind::Comment { TokenKind::Unknown } else { kind }
        }
        b'\'' => cursor.quoted(true, TokenKind::String),
        b'"' => cursor.quoted(false, TokenKind::QuotedIdentifier),
        b'x' | b'X' if cursor.peek(1) == b'\'' => cursor.until(2, "'", TokenKind::String, Quoting::String),
        b'$' if cursor.peek(1) == b'$' => cursor.until(2, "$$", TokenKind::DollarString, Quoting::Dollar),
        b'$' => {
            cursor.take(1);
            let name = cursor.at;
            cursor.take_while(is_name);
            if cursor.at > name { TokenKind::Variable } else { TokenKind::Unknown }
        }
        b'?' => cursor.fixed(1, TokenKind::Placeholder),
        b':' if matches!(cursor.peek(1), b':' | b'=') => cursor.fixed(2, TokenKind::Operator),
        b':' if is_name(cursor.peek(1)) && !ends_operand(cursor.source, before) => {
            cursor.take(1);
            cursor.take_while(is_name);
            TokenKind::Placeholder
        }
        _ if cursor.at_number() => cursor.number(None),
        byte if begins_name(byte) => {
            cursor.take_while(is_name);
            TokenKind::Word
        }
        b'!' | b'%' | b'&' | b'*' | b'+' | b',' | b'-' | b'.' | b'/' | b':' | b'<' | b'=' | b'>' | b'@' | b'^'
        | b'|' | b'~' => cursor.operator(&["->", "=>", "<=", "<>", ">=", "!=", "||", "|>"]),
        byte => {
            let kind = bracket(byte).unwrap_or(TokenKind::Unknown);
            cursor.fixed(1, kind)
        }
    }
}

/// Whether a colon after these tokens begins a path (or a member of `{ }`), not a bind variable.
fn ends_operand(text: &str, before: &[Token]) -> bool {
    let mut before = before.iter().rev().filter(|token| !token.is_blank());
    let Some(last) = before.next() else { return false };
    match last.kind {
        // A reserved word may be a step of a path: `v:from:city`.
        TokenKind::Word => {
            let reserved = RESERVED.iter().any(|word| last.is_word(text, word));
            !reserved || before.next().is_some_and(|token| matches!(token.text(text), ":" | "."))
        }
        TokenKind::QuotedIdentifier
        | TokenKind::String
        | TokenKind::Number
        | TokenKind::Placeholder
        | TokenKind::Variable
        | TokenKind::Close => true,
        _ => false,
    }
}

/// Words that no column is called and that an expression may follow: the reserved ones of
/// <https://docs.snowflake.com/en/sql-reference/reserved-keywords>, and a few that stand before values only.
const RESERVED: &[&str] = &[
    "all", "and", "any", "between", "by", "case", "connect", "distinct", "else", "escape", "for", "from", "having",
    "ilike", "in", "is", "like", "limit", "not", "of", "offset", "on", "or", "qualify", "regexp", "return", "rlike",
    "select", "set", "some", "start", "table", "then", "to", "top", "union", "using", "values", "when", "where",
    "with",
];
