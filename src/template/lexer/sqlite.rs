//! SQLite: `sqlite3GetToken` of `src/tokenize.c` (3.50), case by case. The tests hold it against the library itself.

use super::{Cursor, Quoting, TokenKind, bracket, is_blank, is_name};

pub(super) fn token(cursor: &mut Cursor<'_>) -> TokenKind {
    match cursor.peek(0) {
        // A vertical tab continues blanks but does not begin them.
        b' ' | b'\t' | b'\n' | b'\r' | 0x0c => {
            cursor.take_while(is_blank);
            TokenKind::Whitespace
        }
        0xef if cursor.looking_at("\u{feff}") => cursor.fixed(3, TokenKind::Whitespace),
        b'-' if cursor.peek(1) == b'-' => cursor.line_comment(|byte| byte == b'\n'),
        b'/' if cursor.peek(1) == b'*' => cursor.block_comment(),
        b'\'' => cursor.quoted(false, TokenKind::String),
        b'"' | b'`' => cursor.quoted(false, TokenKind::QuotedIdentifier),
        b'[' => cursor.until(1, "]", TokenKind::QuotedIdentifier, Quoting::Identifier),
        b'x' | b'X' if cursor.peek(1) == b'\'' => {
            // A blob has no escapes: it ends at the next quote, and must hold pairs of hexadecimal digits.
            match cursor.until(2, "'", TokenKind::String, Quoting::String) {
                TokenKind::String => {
                    let digits = &cursor.text[cursor.start + 2..cursor.at - 1];
                    let blob = digits.len().is_multiple_of(2) && digits.iter().all(u8::is_ascii_hexdigit);
                    if blob { TokenKind::String } else { TokenKind::Unknown }
                }
                open => open,
            }
        }
        b'?' => {
            cursor.take(1);
            cursor.take_while(|byte| byte.is_ascii_digit());
            TokenKind::Placeholder
        }
        b'$' | b'@' | b':' | b'#' => variable(cursor),
        _ if cursor.at_number() => number(cursor),
        byte if is_name(byte) => {
            cursor.take_while(is_name);
            TokenKind::Word
        }
        byte @ (b'(' | b')' | b';') => {
            let kind = bracket(byte).unwrap_or(TokenKind::Unknown);
            cursor.fixed(1, kind)
        }
        b'!' if cursor.peek(1) != b'=' => cursor.fixed(1, TokenKind::Unknown),
        b'-' | b'+' | b'*' | b'/' | b'%' | b'=' | b'<' | b'>' | b'!' | b'|' | b',' | b'&' | b'~' | b'.' => {
            cursor.operator(&["->>", "->", "==", "<=", "<>", "<<", ">=", ">>", "!=", "||"])
        }
        _ => cursor.fixed(1, TokenKind::Unknown),
    }
}

/// `:name`, `@name`, `$name` and `#name`, with the `::` and `(…)` that TCL's variables may have.
fn variable(cursor: &mut Cursor<'_>) -> TokenKind {
    let mut named = false;
    cursor.take(1);
    loop {
        match cursor.peek(0) {
            byte if is_name(byte) => {
                named = true;
                cursor.take(1);
            }
            b'(' if named => {
                cursor.take_while(|byte| byte != b')' && !is_blank(byte));
                if cursor.peek(0) != b')' {
                    return TokenKind::Unknown;
                }
                return cursor.fixed(1, TokenKind::Placeholder);
            }
            b':' if cursor.peek(1) == b':' => cursor.take(2),
            _ => return if named { TokenKind::Placeholder } else { TokenKind::Unknown },
        }
    }
}

/// A number; one that runs on into a name is refused by SQLite as a whole.
fn number(cursor: &mut Cursor<'_>) -> TokenKind {
    let hexadecimal = matches!(cursor.peek(1), b'x' | b'X') && cursor.peek(0) == b'0';
    if hexadecimal && cursor.peek(2).is_ascii_hexdigit() {
        cursor.take(3);
        cursor.take_while(|byte| byte.is_ascii_hexdigit() || byte == b'_');
    } else {
        cursor.number(Some(b'_'));
    }
    if !is_name(cursor.peek(0)) {
        return TokenKind::Number;
    }
    cursor.take_while(is_name);
    TokenKind::Unknown
}
