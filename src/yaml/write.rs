//! Values as YAML, spelt so that readers of YAML 1.1 and of 1.2 take them for the same.

use std::fmt::Write;

use serde_json::Value as Json;

use super::resolve;

/// What stands on one line is at most so long, in characters.
const WIDTH: usize = 100;
/// Words that YAML 1.1 or 1.2 reads as something else than text.
const WORDS: [&str; 10] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan"];

/// A text as a scalar: plain where it is plainly text, else in double quotes.
pub fn text(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ' ' | '.');
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && !text.ends_with(' ')
        && text.chars().all(plain)
        && !is_word(text);
    if is_plain { text.to_owned() } else { double_quoted(text) }
}

/// A text in the quotes of its author, or in none, where it can be written so.
pub(super) fn text_like(before: Option<char>, text: &str, flow: bool) -> String {
    let special = |c: char| is_hidden(c) || (flow && matches!(c, ',' | '[' | ']' | '{' | '}'));
    match before {
        Some('\'') if !text.chars().any(is_hidden) => format!("'{}'", text.replace('\'', "''")),
        Some('"') => double_quoted(text),
        Some(_) if can_be_plain(text) && !text.contains(special) => text.to_owned(),
        _ => self::text(text),
    }
}

/// Whether a text without quotes is read as this text: what its author does elsewhere, and not where it begins with a sign.
fn can_be_plain(text: &str) -> bool {
    let apart = text.contains(": ") || text.contains(" #") || text.ends_with([':', ' ']);
    text.starts_with(char::is_alphanumeric) && !apart && !is_word(text) && matches!(resolve(text), Json::String(_))
}

fn is_word(text: &str) -> bool {
    WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn double_quoted(text: &str) -> String {
    let mut quoted = String::new();
    for c in Json::from(text).to_string().chars() {
        match c as u32 {
            code if is_hidden(c) && code > 0xffff => {
                write!(quoted, "\\U{code:08x}").expect("a string takes everything")
            }
            code if is_hidden(c) => write!(quoted, "\\u{code:04x}").expect("a string takes everything"),
            _ => quoted.push(c),
        }
    }
    quoted
}

/// Whether a character cannot be seen where it stands, or may not stand in YAML as it is.
pub(super) fn is_hidden(c: char) -> bool {
    let format = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    c.is_control() || format || matches!(c, '\u{fff9}'..='\u{fffd}') || c as u32 & 0xfffe == 0xfffe
}

/// A value on one line, lists and maps with brackets.
pub fn flow(value: &Json) -> String {
    match value {
        Json::String(value) => text(value),
        Json::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Json::Object(members) if members.is_empty() => "{}".into(),
        Json::Object(members) => {
            let member = |(name, value): (&String, &Json)| format!("{}: {}", text(name), flow(value));
            format!("{{ {} }}", members.iter().map(member).collect::<Vec<_>>().join(", "))
        }
        value => value.to_string(),
    }
}

/// Whether a value is written on one line that has so many characters already.
pub(super) fn fits(value: &Json, column: usize) -> bool {
    let nested = matches!(value, Json::Array(items) if !items.is_empty())
        || matches!(value, Json::Object(members) if !members.is_empty());
    !nested || column + flow(value).chars().count() <= WIDTH
}

/// The lines of a list or map that begin in a column, counted from 0; what fits on one of them stands on one.
pub fn block(value: &Json, column: usize) -> Vec<String> {
    let indent = " ".repeat(column);
    match value {
        Json::Array(items) => items.iter().flat_map(|value| item(value, column)).collect(),
        Json::Object(members) => members.iter().flat_map(|(name, value)| member(name, value, column)).collect(),
        value => vec![indent + &flow(value)],
    }
}

/// The lines of an element of a list.
pub(super) fn item(value: &Json, column: usize) -> Vec<String> {
    let dash = " ".repeat(column) + "- ";
    if fits(value, dash.len()) {
        return vec![dash + &flow(value)];
    }
    let mut lines = block(value, column + 2);
    if let Some(first) = lines.first_mut() {
        *first = dash + first.trim_start();
    }
    lines
}

/// The lines of a member of a map.
pub(super) fn member(name: &str, value: &Json, column: usize) -> Vec<String> {
    let key = format!("{}{}:", " ".repeat(column), text(name));
    if fits(value, key.chars().count() + 1) {
        return vec![format!("{key} {}", flow(value))];
    }
    [vec![key], block(value, column + 2)].concat()
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::yaml::parse;

    /// Values of every kind, among them such that YAML reads as something else when they are written carelessly.
    pub(crate) fn values() -> impl Strategy<Value = Json> {
        let odd = prop::sample::select(vec![
            "",
            " ",
            "yes",
            "No",
            "null",
            "~",
            "true",
            "1",
            "007",
            "1e3",
            "0x1F",
            "1_000",
            "-",
            "- a",
            "a: b",
            "a #b",
            "#",
            "2026-11-20",
            "12:30:45",
            ".inf",
            "<<",
            "=",
            "*a",
            "&a",
            "!a",
            "%a",
            "@a",
            "`a`",
            "{a}",
            "[a]",
            "a, b",
            "'",
            "\"",
            "\\",
            "\\n",
            "a\nb",
            "a\n",
            "\n\n a\n",
            " a",
            "a ",
            "a\tb",
            "\u{0}",
            "\u{7f}",
            "\u{85}",
            "\u{a0}",
            "\u{feff}",
            "\u{2028}",
            "\u{202e}",
            "\u{fffe}",
            "\u{1ffff}",
            "größe",
            "漢字",
            "😀",
            "{{ x }}",
            "${X}",
            "---",
            "...",
            "? a",
            "a:",
            "| a",
            "> a",
        ]);
        let number = prop_oneof![
            any::<i64>().prop_map(|number| number.to_string()),
            "-?[1-9][0-9]{30,37}",
            "-?[0-9]\\.[0-9]{1,30}",
            "[1-9]e-?[0-9]{1,3}",
        ];
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::Bool),
            number.prop_map(|number| serde_json::from_str(&number).expect("a number")),
            odd.prop_map(Json::from),
            any::<String>().prop_map(Json::from),
            "[a-z ]{60,140}".prop_map(Json::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
                prop::collection::vec(("[a-zé:#' ]{0,6}|yes|~|1", inner), 0..4)
                    .prop_map(|members| Json::Object(members.into_iter().collect())),
            ]
        })
    }

    fn read(source: &str) -> Json {
        let (document, found) = parse(source);
        assert!(found.is_empty(), "{source}\n{found:?}");
        document.expect("a document").root.to_json()
    }

    #[test]
    fn a_text_is_quoted_where_yaml_would_read_something_else() {
        for plain in ["name", "Finds one row by id.", "a-b"] {
            assert_eq!(text(plain), plain);
        }
        for other in ["", "yes", "No", "1a", "a: b", "a #b", "\"a\"", "a ", "größe", "-", "{a}"] {
            assert_eq!(text(other), Json::from(other).to_string());
        }
        assert_eq!(text("a\u{202e}\u{1fffe}"), r#""a\u202e\U0001fffe""#);
    }

    #[test]
    fn what_is_long_stands_on_several_lines() {
        let row = json!({ "id": 1, "name": "x".repeat(90), "tags": ["a", "b"] });
        let lines = block(&json!({ "row_count": 1, "result": [row, { "id": 2 }] }), 2);
        let name = "x".repeat(90);
        let expected = format!(
            "  row_count: 1\n  result:\n    - id: 1\n      name: {name}\n      tags: [a, b]\n    - {{ id: 2 }}"
        );
        assert_eq!(lines.join("\n"), expected);
    }

    proptest! {
        #[test]
        fn every_value_comes_back_from_one_line_and_from_several(value in values()) {
            prop_assert_eq!(&read(&format!("a: {}\n", flow(&value))), &json!({ "a": value }));
            prop_assert_eq!(&read(&member("a", &value, 0).join("\n")), &json!({ "a": value }));
            prop_assert_eq!(&read(&item(&value, 3).join("\n")), &json!([value]));
        }
    }
}
