//! Literals, and what may be compared with what.

use std::ops::Range;

use jiff::civil;

use super::{
    Parser, Read,
    condition::Operator,
    dates::{Dated, dated},
    words,
};
use crate::{
    template::lexer::{Token, TokenKind},
    value::{ParamType, Scalar},
};

/// A value as the text writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Literal {
    Text,
    Number,
    Date,
    Datetime,
    Time,
    /// TODAY, `LAST_N_DAYS:30`: fits dates and datetimes.
    Formula,
    /// TRUE, FALSE, NULL, `EUR5000`.
    Other,
    /// A placeholder; by its number, where the template wrote it.
    Bound(Option<usize>),
}

impl Parser<'_> {
    /// A value.
    pub(super) fn literal(&mut self, what: &str) -> Read<Literal> {
        let Some(token) = self.tokens.get(self.at).copied() else {
            self.expected(what, None);
            return None;
        };
        let text = token.text(self.text);
        let literal = match token.kind {
            TokenKind::String => Literal::Text,
            TokenKind::Number => self.unquoted(token),
            TokenKind::Placeholder => Literal::Bound(self.placeholder(token.start)),
            TokenKind::QuotedIdentifier | TokenKind::Unknown if text.starts_with(['"', '\'']) => {
                self.unreadable_text(token);
                Literal::Text
            }
            TokenKind::Unknown if text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) => {
                self.unreadable_number(token);
                Literal::Number
            }
            TokenKind::Operator if matches!(text, "+" | "-") => return self.signed(),
            TokenKind::Word => return self.word_literal(what),
            _ => {
                self.no_value(what);
                return None;
            }
        };
        self.at += 1;
        Some(literal)
    }

    /// The number of a placeholder that the template wrote.
    fn placeholder(&self, start: usize) -> Option<usize> {
        self.placeholders.binary_search_by_key(&start, |placeholder| placeholder.range.start).ok()
    }

    /// What stands without quotes and begins with a digit.
    fn unquoted(&mut self, token: Token) -> Literal {
        let text = token.text(self.text);
        let (literal, known) = if text.contains('T') {
            (Literal::Datetime, text[..19].parse::<civil::DateTime>().is_ok())
        } else if text.contains(':') {
            (Literal::Time, text[..8].parse::<civil::Time>().is_ok())
        } else if text.get(4..5) == Some("-") {
            (Literal::Date, text.parse::<civil::Date>().is_ok())
        } else {
            (Literal::Number, true)
        };
        if !known {
            let message = format!("there is no day or time `{text}`");
            self.error(token.start..token.end, message, None);
        }
        literal
    }

    /// A sign apart from its number.
    fn signed(&mut self) -> Read<Literal> {
        let next = self.tokens.get(self.at + 1).copied();
        match next {
            Some(next) if next.kind == TokenKind::Number => {
                self.at += 2;
                Some(Literal::Number)
            }
            Some(next) if is_currency(next.text(self.text)) => {
                let message = "a currency value has no sign";
                let range = self.here().start..next.end;
                self.error(range, message, Some("compare with the number alone, in the user's currency".into()));
                None
            }
            _ => {
                self.at += 1;
                self.expected("a number after the sign", None);
                None
            }
        }
    }

    fn word_literal(&mut self, what: &str) -> Read<Literal> {
        let start = self.at;
        let word = self.word();
        let called = self.sign_after(1) == "(";
        if words::one_of(word, &["true", "false", "null"]) {
            self.at += 1;
            return Some(Literal::Other);
        }
        if words::is_formula(word) && !called {
            self.at += 1;
            return Some(Literal::Formula);
        }
        if words::is_counted_formula(word) && !called {
            return self.counted_formula();
        }
        if is_currency(word) {
            self.at += 1;
            // `EUR5.50`: the lexer ends a word at the point.
            let end = self.since(start).end;
            let fraction =
                self.tokens.get(self.at).filter(|next| next.start == end && next.text(self.text).starts_with('.'));
            self.at += usize::from(fraction.is_some());
            return Some(Literal::Other);
        }
        self.no_value(what);
        None
    }

    /// `LAST_N_DAYS:30`.
    fn counted_formula(&mut self) -> Read<Literal> {
        let start = self.at;
        let name = self.word().to_uppercase();
        self.at += 1;
        let help = format!("write `{name}:30`");
        if !self.take_sign(":") {
            let written = self.since(start);
            self.error(written, format!("`{name}` needs a number"), Some(help));
            return None;
        }
        let number =
            self.kind() == Some(TokenKind::Placeholder) || self.sign().bytes().all(|byte| byte.is_ascii_digit());
        if !number || self.sign().is_empty() {
            self.expected("a whole number without a sign", Some(help));
            return None;
        }
        self.at += 1;
        Some(Literal::Formula)
    }

    /// A number of degrees.
    pub(super) fn coordinate(&mut self) -> Read<()> {
        match self.literal("a number of degrees")? {
            Literal::Number | Literal::Bound(_) => Some(()),
            _ => {
                let range = self.since(self.at - 1);
                self.error(range, "expected a number of degrees", Some("write `GEOLOCATION(52.5, 13.4)`".into()));
                None
            }
        }
    }

    /// `'km'` or `'mi'`.
    pub(super) fn unit(&mut self) -> Read<()> {
        let written = self.sign().to_owned();
        match self.literal("`'km'` or `'mi'`")? {
            Literal::Bound(_) => Some(()),
            Literal::Text if words::one_of(written.trim_matches('\''), &["km", "mi"]) => Some(()),
            _ => {
                let range = self.since(self.at - 1);
                self.error(range, format!("expected `'km'` or `'mi'`, got `{written}`"), None);
                None
            }
        }
    }

    /// Whether a value may be compared so with a field. `at` is the value's first token.
    pub(super) fn fits(&mut self, path: Option<usize>, operator: Operator, literal: &Literal, at: usize) {
        let range = self.since(at);
        if let (Literal::Bound(Some(placeholder)), Some(_)) = (literal, path) {
            self.compared[*placeholder] = path;
        }
        match (operator, literal) {
            (Operator::Like, Literal::Text | Literal::Bound(_) | Literal::Other) => {}
            (
                Operator::Like | Operator::Includes,
                Literal::Number | Literal::Date | Literal::Datetime | Literal::Time,
            ) => {
                let written = &self.text[range.clone()];
                let what = if operator == Operator::Like { "`LIKE`" } else { "a multi-select picklist" };
                let message = format!("{what} compares with a text, got `{written}`");
                let help = format!("write `'{written}'`");
                self.error(range.clone(), message, Some(help));
            }
            (_, Literal::Text) => self.wildcard_escapes(range.clone()),
            _ => {}
        }
        if let Some(path) = path.filter(|_| operator != Operator::Like && operator != Operator::Includes) {
            self.dated_fits(path, literal, range);
        }
    }

    /// `\_` and `\%` are escapes after LIKE only.
    fn wildcard_escapes(&mut self, range: Range<usize>) {
        let mut at = range.start;
        while let Some(found) = self.text[at..range.end].find('\\') {
            let escape = at + found;
            if matches!(self.text.as_bytes().get(escape + 1), Some(b'_' | b'%')) {
                let sign = &self.text[escape + 1..escape + 2];
                let message = format!("`\\{sign}` is an escape after LIKE only");
                let help = format!("write `{sign}`");
                self.error(escape..escape + 2, message, Some(help));
            }
            // What is escaped may be a character of several bytes, in a text that was told of.
            at = (escape + 2).min(range.end);
            while !self.text.is_char_boundary(at) {
                at += 1;
            }
        }
    }

    /// Dates stand without quotes, and a field takes dates or datetimes, not both.
    fn dated_fits(&mut self, path: usize, literal: &Literal, range: Range<usize>) {
        let Some(name) = self.paths[path].names.last() else { return };
        let Some(field) = dated(name) else { return };
        let bound = match literal {
            Literal::Bound(Some(placeholder)) => Some(self.placeholders[*placeholder].ty),
            _ => None,
        };
        let written = &self.text[range.clone()];
        let found = match (field, literal, bound) {
            (_, Literal::Text, _) => unquoted_date(written).map(|date| {
                let help = match field {
                    Dated::Datetime if date.len() == DAY => {
                        format!("write `{date}T00:00:00Z`, or compare the day: `DAY_ONLY({name})`")
                    }
                    Dated::Datetime => format!("write `{date}`"),
                    Dated::Date => format!("write `{}`", &date[..DAY]),
                };
                ("a date stands without quotes".to_owned(), help)
            }),
            (Dated::Datetime, Literal::Date, _) => Some((
                format!("`{name}` is a datetime, and `{written}` a date"),
                format!("write `{written}T00:00:00Z`, or compare the day: `DAY_ONLY({name})`"),
            )),
            (Dated::Date, Literal::Datetime, _) => Some((
                format!("`{name}` is a date, and `{written}` a datetime"),
                format!("write `{}`", &written[..DAY]),
            )),
            (Dated::Datetime, _, Some(ty)) if ty != ParamType::one(Scalar::Timestamp) => {
                let message = format!("`{name}` is a datetime, and this value of type {ty}");
                let help = "declare the parameter as `timestamp`";
                match ty.scalar {
                    Scalar::Date => Some((message, format!("{help}, or compare the day: `DAY_ONLY({name})`"))),
                    _ => Some((message, help.into())),
                }
            }
            (Dated::Date, _, Some(ty)) if ty != ParamType::one(Scalar::Date) => Some((
                format!("`{name}` is a date, and this value of type {ty}"),
                "declare the parameter as `date`".into(),
            )),
            _ => None,
        };
        if let Some((message, help)) = found {
            self.error(range, message, Some(help));
        }
    }
}

/// `EUR5000`.
fn is_currency(word: &str) -> bool {
    let (letters, digits) = word.split_at_checked(3).unwrap_or((word, ""));
    letters.bytes().all(|byte| byte.is_ascii_alphabetic())
        && !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// How long a date is, as `2026-11-20`.
const DAY: usize = 10;

/// The literal that a text in quotes should be, where it is a date or a datetime.
fn unquoted_date(quoted: &str) -> Option<String> {
    let text = quoted.strip_prefix('\'')?.strip_suffix('\'')?;
    if text.len() == DAY && text.parse::<civil::Date>().is_ok() {
        return Some(text.to_owned());
    }
    let (date, time) = text.split_once(['T', ' '])?;
    let dated = date.len() == DAY && date.parse::<civil::Date>().is_ok();
    let timed = time.get(..8).is_some_and(|clock| clock.parse::<civil::Time>().is_ok());
    let zone = if time.ends_with('Z') || time.get(8..)?.contains(['+', '-']) { "" } else { "Z" };
    (dated && timed).then(|| format!("{date}T{time}{zone}"))
}
