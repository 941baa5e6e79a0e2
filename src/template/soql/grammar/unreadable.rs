//! Literals that SOQL does not read, and how it would.

use super::{Parser, shown};
use crate::template::lexer::Token;

impl Parser<'_> {
    /// A text that SOQL does not read.
    pub(super) fn unreadable_text(&mut self, token: Token) {
        let text = token.text(self.text);
        if let Some(inside) = text.strip_prefix('"') {
            let inside = inside.strip_suffix('"').unwrap_or(inside).replace('\'', "\\'");
            let help = format!("write `'{}'`", shown(&inside));
            return self.error(token.start..token.end, "a text stands in single quotes", Some(help));
        }
        let mut signs = text.char_indices().skip(1);
        while let Some((at, c)) = signs.next() {
            let start = token.start + at;
            match c {
                '\n' | '\r' => {
                    let message = "a line break inside of a text";
                    return self.error(start..start + 1, message, Some("write `\\n`".into()));
                }
                '\\' => {
                    let Some((_, escaped)) = signs.next() else { break };
                    let end = start + 1 + escaped.len_utf8();
                    let rest = &self.text[end..token.end];
                    let code = rest.get(..4).is_some_and(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()));
                    if !("nrtb\"'\\%_".contains(escaped) || (escaped == 'u' && code)) {
                        let message = format!("SOQL has no escape `\\{escaped}`");
                        let help = match escaped {
                            'u' => "write four digits, `\\u00E9`".to_owned(),
                            'f' => "write `\\u000C`".to_owned(),
                            'N' | 'R' | 'T' | 'B' => format!("write `\\{}`", escaped.to_ascii_lowercase()),
                            _ => format!(
                                "write `\\\\{escaped}` for a backslash; the escapes are \\n \\r \\t \\b \\\" \\' \\\\ \\uXXXX"
                            ),
                        };
                        return self.error(start..end, message, Some(help));
                    }
                }
                _ => {}
            }
        }
        self.error(token.start..token.end, "a text that SOQL does not read", None);
    }

    /// A number, a date or a time that SOQL does not read.
    pub(super) fn unreadable_number(&mut self, token: Token) {
        let text = token.text(self.text);
        let range = token.start..token.end;
        let (message, help) = if let Some(datetime) = datetime_form(text) {
            ("a datetime is written as 2026-11-20T14:05:30Z, with its zone".to_owned(), format!("write `{datetime}`"))
        } else if let Some(date) = date_form(text) {
            ("a date is written with four, two and two digits".to_owned(), format!("write `{date}`"))
        } else if let Some(time) = clock_form(text) {
            ("a time is written as 14:05:30Z, with its zone".to_owned(), format!("write `{time}`"))
        } else if let Some(number) = text.parse::<f64>().ok().filter(|number| number.is_finite()) {
            let what = if text.contains(['e', 'E']) { "has no exponent" } else { "must have digits behind its point" };
            (format!("a number {what}"), format!("write `{number}`"))
        } else if text[1..].contains(['+', '-']) {
            (format!("SOQL computes nothing: `{}` is no number", shown(text)), "write the result".to_owned())
        } else {
            let help = "a number has no exponent and no unit, a date is 2026-11-20, a datetime 2026-11-20T14:05:30Z";
            (format!("`{}` is no number, date or datetime", shown(text)), help.to_owned())
        };
        self.error(range, message, Some(help));
    }
}

/// A date whose digits are too few.
fn date_form(text: &str) -> Option<String> {
    let parts: Vec<u16> = text.split('-').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let [year, month, day] = parts[..] else { return None };
    (year >= 1000).then(|| format!("{year:04}-{month:02}-{day:02}"))
}

/// A time whose seconds or zone are missing.
fn clock_form(text: &str) -> Option<String> {
    let (clock, zone) = match text.find(['Z', 'z', '+', '-']) {
        Some(at) => text.split_at(at),
        None => (text, "Z"),
    };
    let mut parts: Vec<&str> = clock.split(':').collect();
    if parts.len() == 2 {
        parts.push("00");
    }
    let short = parts.iter().any(|part| part.is_empty() || part.len() > 2 && !part.contains('.'));
    let digits = parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'));
    if parts.len() != 3 || short || !digits {
        return None;
    }
    let parts: Vec<String> = parts.iter().map(|part| format!("{part:0>2}")).collect();
    Some(format!("{}{}", parts.join(":"), zone.to_ascii_uppercase()))
}

/// A datetime whose seconds or zone are missing.
fn datetime_form(text: &str) -> Option<String> {
    let (date, time) = text.split_once(['T', 't'])?;
    Some(format!("{}T{}", date_form(date)?, clock_form(time)?))
}
