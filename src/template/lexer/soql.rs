//! SOQL: words, numbers, literals in single quotes with backslash escapes; no comments, no quoted names. `:name`, the form
//! of Apex, is a placeholder written by hand.

use super::{Cursor, TokenKind, begins_name, bracket, is_blank, is_name};

pub(super) fn token(cursor: &mut Cursor<'_>) -> TokenKind {
    match cursor.peek(0) {
        byte if is_blank(byte) => {
            cursor.take_while(is_blank);
            TokenKind::Whitespace
        }
        b'\'' => cursor.quoted(true, TokenKind::String),
        b':' if begins_name(cursor.peek(1)) => {
            cursor.take(1);
            cursor.take_while(is_name);
            TokenKind::Placeholder
        }
        _ if cursor.at_number() => cursor.number(None),
        byte if begins_name(byte) => {
            cursor.take_while(is_name);
            TokenKind::Word
        }
        b',' | b'.' | b'=' | b'<' | b'>' | b'!' | b'+' | b'-' | b':' => cursor.operator(&["<=", ">=", "!=", "<>"]),
        byte => {
            let kind = bracket(byte).filter(|_| matches!(byte, b'(' | b')')).unwrap_or(TokenKind::Unknown);
            cursor.fixed(1, kind)
        }
    }
}
