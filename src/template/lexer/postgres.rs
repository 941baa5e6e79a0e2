//! PostgreSQL: the rules of `src/backend/parser/scan.l` (version 17), with `standard_conforming_strings` on, its default
//! since 9.1.

use super::{Cursor, Quoting, TokenKind, begins_name, bracket, is_blank, is_name};

pub(super) fn token(cursor: &mut Cursor<'_>) -> TokenKind {
    match cursor.peek(0) {
        byte if is_blank(byte) => {
            cursor.take_while(is_blank);
            TokenKind::Whitespace
        }
        b'-' if cursor.peek(1) == b'-' => cursor.line_comment(|byte| matches!(byte, b'\n' | b'\r')),
        b'/' if cursor.peek(1) == b'*' => nested_comment(cursor),
        b'\'' => string(cursor, false),
        b'"' => cursor.quoted(false, TokenKind::QuotedIdentifier),
        prefix @ (b'e' | b'E' | b'b' | b'B' | b'x' | b'X' | b'n' | b'N') if cursor.peek(1) == b'\'' => {
            cursor.take(1);
            string(cursor, prefix.eq_ignore_ascii_case(&b'e'))
        }
        b'u' | b'U' if cursor.peek(1) == b'&' && cursor.peek(2) == b'\'' => {
            cursor.take(2);
            string(cursor, false)
        }
        b'u' | b'U' if cursor.peek(1) == b'&' && cursor.peek(2) == b'"' => {
            cursor.take(2);
            cursor.quoted(false, TokenKind::QuotedIdentifier)
        }
        b'$' => dollar(cursor),
        _ if cursor.at_number() => number(cursor),
        byte if begins_name(byte) => {
            cursor.take_while(is_name);
            TokenKind::Word
        }
        b',' | b'.' => cursor.operator(&[".."]),
        b':' => cursor.operator(&["::", ":="]),
        byte if is_operator(byte) => {
            operator(cursor);
            TokenKind::Operator
        }
        byte => {
            let kind = bracket(byte).filter(|_| !matches!(byte, b'{' | b'}')).unwrap_or(TokenKind::Unknown);
            cursor.fixed(1, kind)
        }
    }
}

fn is_operator(byte: u8) -> bool {
    b"~!@#^&|`?+-*/%<>=".contains(&byte)
}

/// The longest run of operator characters, without a comment that begins in it, and without the signs at its end unless
/// it has a character that no operator of standard SQL has.
fn operator(cursor: &mut Cursor<'_>) {
    while is_operator(cursor.peek(0)) && !cursor.looking_at("--") && !cursor.looking_at("/*") {
        cursor.take(1);
    }
    if !cursor.text[cursor.start..cursor.at].iter().any(|byte| b"~!@#^&|`?%".contains(byte)) {
        while cursor.at > cursor.start + 1 && matches!(cursor.text[cursor.at - 1], b'+' | b'-') {
            cursor.at -= 1;
        }
    }
}

fn nested_comment(cursor: &mut Cursor<'_>) -> TokenKind {
    let mut depth = 0;
    while cursor.at < cursor.text.len() {
        if cursor.looking_at("/*") {
            depth += 1;
            cursor.take(2);
        } else if cursor.looking_at("*/") {
            depth -= 1;
            cursor.take(2);
            if depth == 0 {
                return TokenKind::Comment;
            }
        } else {
            cursor.take(1);
        }
    }
    TokenKind::Unterminated(Quoting::Comment)
}

/// A string, together with those that continue it on a further line: they have the first one's escapes.
fn string(cursor: &mut Cursor<'_>, backslash: bool) -> TokenKind {
    loop {
        let kind = cursor.quoted(backslash, TokenKind::String);
        if kind != TokenKind::String {
            return kind;
        }
        let end = cursor.at;
        let mut newline = false;
        loop {
            if is_blank(cursor.peek(0)) {
                newline |= matches!(cursor.peek(0), b'\n' | b'\r');
                cursor.take(1);
            } else if cursor.looking_at("--") {
                cursor.line_comment(|byte| matches!(byte, b'\n' | b'\r'));
            } else {
                break;
            }
        }
        if !newline || cursor.peek(0) != b'\'' {
            cursor.at = end;
            return TokenKind::String;
        }
    }
}

/// `$1`, `$$…$$`, `$tag$…$tag$`.
fn dollar(cursor: &mut Cursor<'_>) -> TokenKind {
    cursor.take(1);
    if cursor.peek(0).is_ascii_digit() {
        cursor.take_while(|byte| byte.is_ascii_digit());
        return TokenKind::Placeholder;
    }
    if cursor.peek(0) != b'$' && !begins_name(cursor.peek(0)) {
        return TokenKind::Unknown;
    }
    let tag = cursor.at;
    cursor.take_while(|byte| is_name(byte) && byte != b'$');
    if cursor.peek(0) != b'$' {
        cursor.at = tag;
        return TokenKind::Unknown;
    }
    let delimiter = &cursor.source[cursor.start..=cursor.at];
    cursor.until(1, delimiter, TokenKind::DollarString, Quoting::Dollar)
}

/// Numbers, `_` between digits included. A name may follow at once (versions before 15 read an alias, later ones refuse
/// it) and is then a token of its own.
fn number(cursor: &mut Cursor<'_>) -> TokenKind {
    let based = |digit: fn(&u8) -> bool| digit(&cursor.peek(2)) || cursor.peek(2) == b'_';
    let digits: Option<fn(&u8) -> bool> = match (cursor.peek(0), cursor.peek(1)) {
        (b'0', b'x' | b'X') if based(u8::is_ascii_hexdigit) => Some(u8::is_ascii_hexdigit),
        (b'0', b'o' | b'O' | b'b' | b'B') if based(u8::is_ascii_digit) => Some(u8::is_ascii_digit),
        _ => None,
    };
    if let Some(digit) = digits {
        cursor.take(2);
        cursor.take_while(|byte| digit(&byte) || byte == b'_');
        return TokenKind::Number;
    }
    // `1..10` is a range in PL/pgSQL: the points belong to no number.
    let whole = cursor.text[cursor.at..].iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'_').count();
    if whole > 0 && cursor.peek(whole) == b'.' && cursor.peek(whole + 1) == b'.' {
        return cursor.fixed(whole, TokenKind::Number);
    }
    cursor.number(Some(b'_'))
}
