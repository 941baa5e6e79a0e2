//! MySQL (8.4) and MariaDB: `lex_one_token` of `sql/sql_lex.cc` and the state map of `sql/lex_charset.cc`, in the default
//! `sql_mode`: without ANSI_QUOTES (`"a"` is a string) and without NO_BACKSLASH_ESCAPES. A backend for MySQL must pin both.

use super::{Cursor, Quoting, TokenKind, bracket, is_blank, is_name};

pub(super) fn token(cursor: &mut Cursor<'_>) -> TokenKind {
    match cursor.peek(0) {
        byte if is_blank(byte) => {
            cursor.take_while(is_blank);
            TokenKind::Whitespace
        }
        b'#' => cursor.line_comment(|byte| byte == b'\n'),
        // Two hyphens are a comment only before a blank, a control character or the end.
        b'-' if cursor.peek(1) == b'-' && (is_blank(cursor.peek(2)) || cursor.peek(2).is_ascii_control()) => {
            cursor.line_comment(|byte| byte == b'\n')
        }
        b'/' if cursor.looking_at("/*!") || cursor.looking_at("/*M!") => {
            cursor.until(2, "*/", TokenKind::ExecutableComment, Quoting::Comment)
        }
        b'/' if cursor.peek(1) == b'*' => cursor.block_comment(),
        b'\'' | b'"' => cursor.quoted(true, TokenKind::String),
        b'`' => cursor.quoted(false, TokenKind::QuotedIdentifier),
        b'n' | b'N' if cursor.peek(1) == b'\'' => {
            cursor.take(1);
            cursor.quoted(true, TokenKind::String)
        }
        b'x' | b'X' | b'b' | b'B' if cursor.peek(1) == b'\'' => {
            cursor.until(2, "'", TokenKind::String, Quoting::String)
        }
        // A parameter marker does not touch a name on its right.
        b'?' => {
            let kind = if is_name(cursor.peek(1)) { TokenKind::Unknown } else { TokenKind::Placeholder };
            cursor.fixed(1, kind)
        }
        b'@' => variable(cursor),
        _ if cursor.at_number() => number_or_name(cursor),
        byte if is_name(byte) => {
            cursor.take_while(is_name);
            // `$$` and `$tag$` quote text since version 9 and are names before it.
            let name = &cursor.text[cursor.start..cursor.at];
            let quotes = name[0] == b'$' && name[1..].contains(&b'$');
            if quotes { TokenKind::Unknown } else { TokenKind::Word }
        }
        b'!' | b'%' | b'&' | b'*' | b'+' | b',' | b'-' | b'.' | b'/' | b':' | b'<' | b'=' | b'>' | b'^' | b'|'
        | b'~' => cursor.operator(&["->>", "->", "<=>", "<=", "<>", "<<", ">=", ">>", "!=", "||", "&&", ":="]),
        byte => {
            let kind = bracket(byte).filter(|_| !matches!(byte, b'[' | b']')).unwrap_or(TokenKind::Unknown);
            cursor.fixed(1, kind)
        }
    }
}

/// `@name`, `@'name'`, `@@global.name`.
fn variable(cursor: &mut Cursor<'_>) -> TokenKind {
    cursor.take(1);
    if cursor.peek(0) == b'@' {
        cursor.take(1);
    }
    if matches!(cursor.peek(0), b'\'' | b'"' | b'`') {
        return cursor.quoted(cursor.peek(0) != b'`', TokenKind::Variable);
    }
    let name = cursor.at;
    cursor.take_while(|byte| is_name(byte) || byte == b'.');
    if cursor.at > name { TokenKind::Variable } else { TokenKind::Unknown }
}

/// A number, or a name that begins with digits.
fn number_or_name(cursor: &mut Cursor<'_>) -> TokenKind {
    let prefixed: fn(u8) -> bool = match (cursor.peek(0), cursor.peek(1)) {
        (b'0', b'x') => |byte| byte.is_ascii_hexdigit(),
        (b'0', b'b') => |byte| matches!(byte, b'0' | b'1'),
        _ => |_| false,
    };
    let run = cursor.text[cursor.at..].iter().take_while(|byte| is_name(**byte)).count();
    if run > 2 && cursor.text[cursor.at + 2..cursor.at + run].iter().all(|byte| prefixed(*byte)) {
        return cursor.fixed(run, TokenKind::Number);
    }
    let before = cursor.at;
    cursor.number(None);
    // `1abc` is a name; `1.5abc`, `1e5abc` and `.5abc` are a number and a name.
    let digits = cursor.text[before..cursor.at].iter().all(u8::is_ascii_digit);
    if digits && is_name(cursor.peek(0)) {
        cursor.take_while(is_name);
        return TokenKind::Word;
    }
    TokenKind::Number
}
