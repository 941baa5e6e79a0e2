//! Passwords in addresses: a file may hold one as it is, and what is printed of the file must not.

use std::ops::Range;

/// What is printed instead, however long the password is.
const MASK: &str = "***";

/// A text without the passwords of the addresses in it, and a span of the text in what is left.
pub fn hide(text: &str, mut span: Range<usize>) -> (String, Range<usize>) {
    let mut left = text.to_owned();
    for hidden in passwords(text).into_iter().flatten() {
        let moved = |at: usize| if at < hidden.end { at.min(hidden.start) } else { at - hidden.len() + MASK.len() };
        span = moved(span.start)..moved(span.end);
        left.replace_range(hidden, MASK);
    }
    (left, span)
}

/// Where passwords are, the last one first. What is in doubt is one: a password may hold `@`, `/` and whatever else should
/// have been encoded, so it ends at the last `@` of the text.
fn passwords(text: &str) -> [Option<Range<usize>>; 2] {
    let Some(address) = text.find("://").map(|at| at + "://".len()) else { return [None, None] };
    let at = text[address..].rfind('@').map_or(address, |at| address + at);
    let user = text[address..at].find(':').map(|colon| address + colon + 1..at);
    let parameter = text[at..].find("password=").map(|key| {
        let start = at + key + "password=".len();
        let end = text[start..].find(['&', '"', '\'']).map_or(text.len(), |length| start + length);
        start..end
    });
    [parameter, user].map(|found| found.filter(|found| !is_reference(&text[found.clone()])))
}

/// `${NAME}` or `${file:/path}`: says where a password is, not what it is. A default does.
fn is_reference(text: &str) -> bool {
    let inside = text.strip_prefix("${").and_then(|text| text.strip_suffix('}'));
    inside.is_some_and(|inside| !inside.contains('}') && !inside.contains(":-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(hide(text, 0..0).0, expected);
    }

    #[test]
    fn passwords_are_hidden_whatever_they_hold() {
        check("url: \"postgres://u:secret@h:54x/db\"", "url: \"postgres://u:***@h:54x/db\"");
        check("url: mysql://u:s@e#c/r?e t@h/db", "url: mysql://u:***@h/db");
        check("url: postgres:///db?user=u&password=secret&port=x", "url: postgres:///db?user=u&password=***&port=x");
        check("url: 'postgres://u:a@h/db?password=b'", "url: 'postgres://u:***@h/db?password=***'");
        check("{ a: { url: mysql://u:a@h/x }, b: { url: mysql://u:b@h/y } }", "{ a: { url: mysql://u:***@h/y } }");
        check("url: mysql://u:${PASSWORD:-secret}@h/db", "url: mysql://u:***@h/db");
    }

    #[test]
    fn what_is_no_password_is_shown() {
        for text in [
            "url: postgres://host:54x/db",
            "url: postgres://u@host:5432/db",
            "url: \"mysql://u:${PASSWORD}@host/db\"",
            "url: postgres:///db?password=${file:/run/secrets/db}",
            "sql: SELECT a FROM b WHERE password='x@y:z'",
        ] {
            check(text, text);
        }
    }

    #[test]
    fn a_span_moves_with_its_text() {
        let text = "{ url: mysql://u:long secret@h/db, colour: red }";
        let (start, inside) = (text.find("colour").expect("in it"), text.find("secret").expect("in it"));
        let (left, span) = hide(text, start..start + 6);
        assert_eq!(&left[span], "colour");
        let (left, span) = hide(text, inside..start + 6);
        assert_eq!(&left[span], "***@h/db, colour");
    }
}
