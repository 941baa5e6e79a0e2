//! SQL text to tokens, as each server's own tokenizer cuts it. It knows where words, quotes, comments and placeholders
//! begin and end, and nothing of what they mean together.
//!
//! The lexer is total: any text becomes tokens that cover it without gaps. What a server would refuse is a token as well
//! ([`TokenKind::Unknown`], [`TokenKind::Unterminated`]), so that the checks can point at it. Where the versions of one
//! server cut a text differently, it is [`TokenKind::Unknown`]: such a text is refused rather than guessed at.

mod mysql;
mod postgres;
mod snowflake;
mod soql;
mod sqlite;

use super::Dialect;

/// A piece of a text: `text[start..end]`, on character boundaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Token {
    /// The token's text.
    pub fn text<'a>(&self, text: &'a str) -> &'a str {
        &text[self.start..self.end]
    }

    /// Whether it only separates other tokens.
    pub fn is_blank(&self) -> bool {
        matches!(self.kind, TokenKind::Whitespace | TokenKind::Comment)
    }

    /// Whether it is this word, in any case.
    pub fn is_word(&self, text: &str, word: &str) -> bool {
        self.kind == TokenKind::Word && self.text(text).eq_ignore_ascii_case(word)
    }
}

/// Kinds of [`Token`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// A keyword or a name without quotes.
    Word,
    /// A name in quotes.
    QuotedIdentifier,
    /// A literal in single quotes (MySQL: double ones as well), with its prefix: `'a'`, `E'a'`, `x'00'`.
    String,
    /// A literal between `$$` or `$tag$`.
    DollarString,
    /// A number; in SOQL also a date or a time, which stand without quotes there.
    Number,
    /// A place for a bound value.
    Placeholder,
    /// A variable of the session (`@name`, `@@name`; Snowflake `$name`) or a column by its number (Snowflake `$1`).
    Variable,
    /// A comment that the server skips.
    Comment,
    /// A comment that the server executes: MySQL's `/*! … */`.
    ExecutableComment,
    /// Blanks and line breaks.
    Whitespace,
    /// `(`, `[` or `{`.
    Open,
    /// `)`, `]` or `}`.
    Close,
    /// Any other punctuation or operator: `,`, `.`, `::`, `->>`.
    Operator,
    /// `;`.
    Semicolon,
    /// What the server refuses, or what its versions read differently.
    Unknown,
    /// What begins here and never ends.
    Unterminated(Quoting),
}

/// What can be left open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quoting {
    /// A literal in quotes.
    String,
    /// A name in quotes.
    Identifier,
    /// A literal between `$$` or `$tag$`.
    Dollar,
    /// A comment.
    Comment,
}

/// The tokens of a text; they cover it without gaps.
pub fn tokens(text: &str, dialect: Dialect) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::with_capacity(text.len() / 3);
    let mut cursor = Cursor { source: text, text: text.as_bytes(), start: 0, at: 0 };
    while cursor.at < text.len() {
        cursor.start = cursor.at;
        let kind = match dialect {
            Dialect::Sqlite => sqlite::token(&mut cursor),
            Dialect::Postgres => postgres::token(&mut cursor),
            Dialect::Mysql => mysql::token(&mut cursor),
            Dialect::Snowflake => snowflake::token(&mut cursor, &tokens),
            Dialect::Soql => soql::token(&mut cursor),
        };
        // A lone byte of a character that no rule took: take the whole character.
        while !text.is_char_boundary(cursor.at) {
            cursor.at += 1;
        }
        tokens.push(Token { kind, start: cursor.start, end: cursor.at });
    }
    tokens
}

/// A place in the text, moved forward by the rules. `start` is where the token at hand begins.
struct Cursor<'a> {
    source: &'a str,
    text: &'a [u8],
    start: usize,
    at: usize,
}

impl Cursor<'_> {
    /// The byte `ahead` of the place; 0 past the end. A NUL in the text is no part of anything but quotes and comments,
    /// so the two need no telling apart.
    fn peek(&self, ahead: usize) -> u8 {
        self.text.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn looking_at(&self, what: &str) -> bool {
        self.text[self.at..].starts_with(what.as_bytes())
    }

    /// Takes `n` bytes, or what is left.
    fn take(&mut self, n: usize) {
        self.at = self.at.saturating_add(n).min(self.text.len());
    }

    fn take_while(&mut self, mut wanted: impl FnMut(u8) -> bool) {
        while self.at < self.text.len() && wanted(self.text[self.at]) {
            self.at += 1;
        }
    }

    /// `n` bytes as a token of this kind.
    fn fixed(&mut self, n: usize, kind: TokenKind) -> TokenKind {
        self.take(n);
        kind
    }

    /// The longest of `operators` that stands here, else one byte.
    fn operator(&mut self, operators: &[&str]) -> TokenKind {
        let longest =
            operators.iter().filter(|operator| self.looking_at(operator)).map(|operator| operator.len()).max();
        self.fixed(longest.unwrap_or(1), TokenKind::Operator)
    }

    /// Takes everything up to `ends`, which is itself left.
    fn line_comment(&mut self, ends: impl Fn(u8) -> bool) -> TokenKind {
        self.take_while(|byte| !ends(byte));
        TokenKind::Comment
    }

    /// From `/*` to the next `*/`.
    fn block_comment(&mut self) -> TokenKind {
        self.until(2, "*/", TokenKind::Comment, Quoting::Comment)
    }

    /// Skips `opening` bytes, all of them ASCII, and takes everything up to and with `closing`.
    fn until(&mut self, opening: usize, closing: &str, kind: TokenKind, quoting: Quoting) -> TokenKind {
        self.take(opening);
        match self.source[self.at..].find(closing) {
            Some(found) => self.fixed(found + closing.len(), kind),
            None => self.fixed(usize::MAX, TokenKind::Unterminated(quoting)),
        }
    }

    /// From an opening quote to its end; a doubled quote stands for itself, and so does whatever follows a backslash
    /// where the dialect has such escapes.
    fn quoted(&mut self, backslash: bool, kind: TokenKind) -> TokenKind {
        let quote = self.peek(0);
        self.take(1);
        while self.at < self.text.len() {
            match self.text[self.at] {
                b'\\' if backslash => self.take(2),
                byte if byte == quote && self.peek(1) == quote => self.take(2),
                byte if byte == quote => return self.fixed(1, kind),
                _ => self.take(1),
            }
        }
        let quoting = if kind == TokenKind::QuotedIdentifier { Quoting::Identifier } else { Quoting::String };
        TokenKind::Unterminated(quoting)
    }

    /// Digits, a fraction and an exponent: what all dialects have in common. `separator` may stand between digits.
    fn number(&mut self, separator: Option<u8>) -> TokenKind {
        let digit = |byte: u8| byte.is_ascii_digit() || Some(byte) == separator;
        self.take_while(digit);
        if self.peek(0) == b'.' {
            self.take(1);
            self.take_while(digit);
        }
        let sign = usize::from(matches!(self.peek(1), b'+' | b'-'));
        if matches!(self.peek(0), b'e' | b'E') && self.peek(1 + sign).is_ascii_digit() {
            self.take(1 + sign);
            self.take_while(digit);
        }
        TokenKind::Number
    }

    /// Whether a number begins here: a digit, or a point before one.
    fn at_number(&self) -> bool {
        self.peek(0).is_ascii_digit() || (self.peek(0) == b'.' && self.peek(1).is_ascii_digit())
    }
}

/// Letters, digits, `_`, `$` and everything past ASCII: the bytes of a name in all dialects of SQL.
fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 0x80..)
}

/// The bytes that a name may begin with in most dialects.
fn begins_name(byte: u8) -> bool {
    is_name(byte) && !byte.is_ascii_digit() && byte != b'$'
}

/// The blanks of C's `isspace`.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// Brackets and the semicolon, the same everywhere.
fn bracket(byte: u8) -> Option<TokenKind> {
    match byte {
        b'(' | b'[' | b'{' => Some(TokenKind::Open),
        b')' | b']' | b'}' => Some(TokenKind::Close),
        b';' => Some(TokenKind::Semicolon),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
