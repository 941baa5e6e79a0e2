//! SOQL: words, texts in single quotes with backslash escapes, numbers, and dates and times without quotes; no comments, no
//! quoted names. `?` is our own placeholder: SOQL has none, and a literal is written in its place.
//! `:name`, the form of Apex, is a placeholder written by hand.
//!
//! Source: Salesforce's own grammar, npm `@salesforce/soql-common`, and the page
//! <https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select_quotedstringescapes.htm>.

use super::{Cursor, Quoting, TokenKind, bracket};

pub(super) fn token(cursor: &mut Cursor<'_>) -> TokenKind {
    match cursor.peek(0) {
        byte if is_blank(byte) => {
            cursor.take_while(is_blank);
            TokenKind::Whitespace
        }
        // SOQL has no comments; as one piece they can be pointed at, whatever stands in them.
        b'-' if cursor.peek(1) == b'-' => cursor.line_comment(|byte| byte == b'\n'),
        b'/' if cursor.peek(1) == b'/' => cursor.line_comment(|byte| byte == b'\n'),
        b'/' if cursor.peek(1) == b'*' => cursor.block_comment(),
        b'\'' => text(cursor),
        // SOQL has no double quotes; as one piece they can be pointed at.
        b'"' => cursor.quoted(true, TokenKind::QuotedIdentifier),
        b'?' => cursor.fixed(1, TokenKind::Placeholder),
        b':' if begins_word(cursor.peek(1)) => {
            cursor.take(1);
            cursor.take_while(is_word);
            TokenKind::Placeholder
        }
        b'+' | b'-' if begins_number(cursor.peek(1), cursor.peek(2)) => unquoted(cursor),
        byte if begins_number(byte, cursor.peek(1)) => unquoted(cursor),
        byte if begins_word(byte) => {
            cursor.take_while(is_word);
            TokenKind::Word
        }
        b',' | b'.' | b'=' | b'<' | b'>' | b'!' | b'+' | b'-' | b':' => cursor.operator(&["<=", ">=", "!=", "<>"]),
        byte => {
            let kind = bracket(byte).filter(|_| matches!(byte, b'(' | b')' | b';')).unwrap_or(TokenKind::Unknown);
            cursor.fixed(1, kind)
        }
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0c)
}

fn begins_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn begins_number(first: u8, second: u8) -> bool {
    first.is_ascii_digit() || (first == b'.' && second.is_ascii_digit())
}

/// A text in quotes: one that Salesforce reads, with nothing but the escapes that it knows and no line break.
fn text(cursor: &mut Cursor<'_>) -> TokenKind {
    cursor.take(1);
    let mut readable = true;
    while cursor.at < cursor.text.len() {
        match cursor.peek(0) {
            b'\'' => return cursor.fixed(1, if readable { TokenKind::String } else { TokenKind::Unknown }),
            b'\\' => {
                readable &= match cursor.peek(1) {
                    b'n' | b'r' | b't' | b'b' | b'"' | b'\'' | b'\\' | b'%' | b'_' => true,
                    b'u' => (2..6).all(|ahead| cursor.peek(ahead).is_ascii_hexdigit()),
                    _ => false,
                };
                cursor.take(2);
            }
            byte => {
                readable &= !matches!(byte, b'\n' | b'\r');
                cursor.take(1);
            }
        }
    }
    TokenKind::Unterminated(Quoting::String)
}

/// A number, a date, a datetime or a time: it ends where a sign stands that none of them has.
fn unquoted(cursor: &mut Cursor<'_>) -> TokenKind {
    cursor.take(1);
    cursor.take_while(|byte| is_word(byte) || matches!(byte, b'.' | b':' | b'+' | b'-'));
    let text = &cursor.source[cursor.start..cursor.at];
    if is_number(text) || is_date_or_time(text) { TokenKind::Number } else { TokenKind::Unknown }
}

/// Digits, perhaps with a sign and a fraction: there is no exponent, and no point without digits behind it.
fn is_number(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    match text.split_once('.') {
        Some((whole, fraction)) => (whole.is_empty() || digits(whole)) && digits(fraction),
        None => digits(text),
    }
}

/// `2026-11-20`, `2026-11-20T14:05:30Z`, `14:05:30.000Z`: a time needs its zone.
fn is_date_or_time(text: &str) -> bool {
    let time = match text.split_once('T') {
        Some((date, time)) if has_form(date, "0000-00-00") => time,
        Some(_) => return false,
        None if has_form(text, "0000-00-00") => return true,
        None => text,
    };
    let Some((clock, zone)) = time.find(['Z', '+', '-']).map(|at| time.split_at(at)) else { return false };
    let (seconds, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    has_form(seconds, "00:00:00")
        && digits(fraction)
        && (zone == "Z" || has_form(&zone[1..], "00:00") || has_form(&zone[1..], "0000"))
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a text is `form` with any digits for its zeros.
fn has_form(text: &str, form: &str) -> bool {
    let fits = |(byte, form): (u8, u8)| if form == b'0' { byte.is_ascii_digit() } else { byte == form };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(fits)
}
