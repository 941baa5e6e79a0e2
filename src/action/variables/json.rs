//! JSON text to [`Input`]s: strict, in one pass, with bounded nesting.
//!
//! Not serde_json's reader, because a key given twice must be found at any depth, numbers must keep the digits that were
//! sent, and with `arbitrary_precision` serde_json cannot tell a number from an object with its private key. It still
//! decodes the escapes of strings.

use std::{borrow::Cow, collections::HashSet};

use super::{Input, VariablesError};

/// How deep objects and arrays may nest, the outermost one counted (SPEC 8.2).
pub const MAX_DEPTH: usize = 50;
/// Objects with more members than this are searched for repeated keys with a hash table.
const FEW: usize = 16;

type Result<T> = std::result::Result<T, VariablesError>;
type Members<'a> = Vec<(Cow<'a, str>, Input<'a>)>;

/// The members of the object that the text holds, and those of the last object that is a member itself.
pub fn object(text: &str) -> Result<(Members<'_>, Members<'_>)> {
    let mut reader = Reader { text, at: 0, inner: Vec::new() };
    reader.blanks();
    if reader.peek() != Some(b'{') {
        return Err(VariablesError(format!("expected a JSON object, got {}", reader.describe())));
    }
    let members = reader.object(1)?;
    reader.end()?;
    Ok((members, reader.inner))
}

/// The one value that the text holds.
pub fn value(text: &str) -> Result<Input<'_>> {
    let mut reader = Reader { text, at: 0, inner: Vec::new() };
    reader.blanks();
    let value = reader.value(1)?;
    reader.end()?;
    Ok(value)
}

/// The length of the JSON number at the beginning of a text, if one is there.
pub fn number_length(text: &[u8]) -> Option<usize> {
    let digits = |from: usize| text[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut at = usize::from(text.first() == Some(&b'-'));
    let whole = digits(at);
    if whole == 0 {
        return None;
    }
    at += if text[at] == b'0' { 1 } else { whole };
    if text.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        if fraction == 0 {
            return None;
        }
        at += 1 + fraction;
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits((at + 1 + sign).min(text.len()));
        if exponent == 0 {
            return None;
        }
        at += 1 + sign + exponent;
    }
    Some(at)
}

/// Valid JSON text without the blanks between its tokens.
pub fn compact(text: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    let kept = text.chars().filter(|&c| {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => in_string = !in_string,
            _ => {}
        }
        in_string || !c.is_ascii_whitespace()
    });
    kept.collect()
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// The members of the last object on the second level, so that wrapped variables are read once.
    inner: Members<'a>,
}

impl<'a> Reader<'a> {
    /// Recurses once a level, so at most [`MAX_DEPTH`] times.
    fn value(&mut self, depth: usize) -> Result<Input<'a>> {
        let start = self.at;
        match self.peek() {
            Some(b'"') => self.string().map(Input::Text),
            Some(b'{') => {
                let members = self.object(depth)?;
                if depth == 2 {
                    self.inner = members;
                }
                Ok(Input::Object(Cow::Borrowed(&self.text[start..self.at])))
            }
            Some(b'[') => self.array(depth).map(Input::List),
            Some(b't') => self.word("true", Input::Boolean(true)),
            Some(b'f') => self.word("false", Input::Boolean(false)),
            Some(b'n') => self.word("null", Input::Null),
            Some(b'-' | b'0'..=b'9') => match number_length(&self.text.as_bytes()[start..]) {
                Some(length) => {
                    self.at += length;
                    Ok(Input::Number(Cow::Borrowed(&self.text[start..self.at])))
                }
                None => Err(self.fault("a number that is not JSON")),
            },
            _ => Err(self.expected("a value")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Members<'a>> {
        let mut members: Members<'a> = Vec::new();
        let mut seen = HashSet::new();
        self.open(depth)?;
        if self.take(b'}') {
            return Ok(members);
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.expected("a key in double quotes"));
            }
            let place = self.at;
            let key = self.string()?;
            let repeated = if members.len() < FEW {
                members.iter().any(|(known, _)| *known == key)
            } else {
                if seen.is_empty() {
                    seen.extend(members.iter().map(|(known, _)| known.clone()));
                }
                !seen.insert(key.clone())
            };
            if repeated {
                self.at = place;
                let key: String = key.chars().take(100).collect();
                return Err(self.fault(&format!("the key `{key}` is here a second time")));
            }
            self.blanks();
            if !self.take(b':') {
                return Err(self.expected("`:`"));
            }
            members.push((key, self.value(depth + 1)?));
            self.blanks();
            if self.take(b'}') {
                return Ok(members);
            }
            if !self.take(b',') {
                return Err(self.expected("`,` or `}`"));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Vec<Input<'a>>> {
        let mut items = Vec::new();
        self.open(depth)?;
        if self.take(b']') {
            return Ok(items);
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.blanks();
            if self.take(b']') {
                return Ok(items);
            }
            if !self.take(b',') {
                return Err(self.expected("`,` or `]`"));
            }
        }
    }

    fn open(&mut self, depth: usize) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(self.fault(&format!("nested deeper than {MAX_DEPTH}")));
        }
        self.at += 1;
        self.blanks();
        Ok(())
    }

    fn string(&mut self) -> Result<Cow<'a, str>> {
        let start = self.at;
        let mut escaped = false;
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.at += 2;
                }
                Some(0..0x20) => return Err(self.fault("a control character inside a string")),
                Some(_) => self.at += 1,
                None => {
                    self.at = start;
                    return Err(self.fault("a string without its closing quote"));
                }
            }
        }
        self.at += 1;
        let quoted = &self.text[start..self.at];
        if !escaped {
            return Ok(Cow::Borrowed(&quoted[1..quoted.len() - 1]));
        }
        serde_json::from_str(quoted).map(Cow::Owned).map_err(|_| {
            self.at = start;
            self.fault("a string with an escape that is not JSON")
        })
    }

    fn word(&mut self, word: &str, value: Input<'a>) -> Result<Input<'a>> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(self.expected("a value"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn end(&mut self) -> Result<()> {
        self.blanks();
        if self.at < self.text.len() { Err(self.expected("the end")) } else { Ok(()) }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Steps over `byte` and the blanks after it, if it is next.
    fn take(&mut self, byte: u8) -> bool {
        let next = self.peek() == Some(byte);
        if next {
            self.at += 1;
            self.blanks();
        }
        next
    }

    fn blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn describe(&self) -> &'static str {
        match self.peek() {
            None => "nothing",
            Some(b'[') => "an array",
            Some(b'"') => "a string",
            Some(b'-' | b'0'..=b'9') => "a number",
            Some(b't' | b'f') => "a boolean",
            Some(b'n') => "null",
            Some(_) => "other text",
        }
    }

    fn expected(&self, what: &str) -> VariablesError {
        let got = self.text[self.at..].chars().next();
        let got = got.map_or("the end".into(), |c| if c == '`' { c.to_string() } else { format!("`{c}`") });
        self.fault(&format!("expected {what}, got {got}"))
    }

    /// A fault at the reader's place, which is always at the beginning of a character.
    fn fault(&self, what: &str) -> VariablesError {
        let before = &self.text[..self.at];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
        VariablesError(format!("{what} at line {line}, column {column}"))
    }
}
