//! Tree to record, and record to JSON Schema: one declaration of a file format serves both.
//!
//! [`record!`] declares a struct whose fields are the keys of a map; its doc comments become the descriptions that editors
//! show. Reading reports every unknown, missing and ill-typed key and goes on: an optional key that could not be read is
//! `None`, with its diagnostic in `out`.

use std::{num::NonZeroU32, time::Duration};

use serde_json::{Map, Value as Json, json};

use super::{Kind, Node, Spanned, Style, Text, resolve};
use crate::diagnostic::{BAD_VALUE, Diagnostic, MISSING_KEY, Span, UNKNOWN_KEY, WRONG_TYPE, suggest};

/// Something that can be read from a node of a file.
pub trait FromNode: Sized {
    /// Reads the node; pushes what is wrong with it to `out`.
    fn from_node(node: &Node, out: &mut Vec<Diagnostic>) -> Option<Self>;

    /// What an absent key means: nothing for a required one.
    fn absent() -> Option<Self> {
        None
    }

    /// What stands for a required key that is missing, once that is reported: nothing, which gives the record up.
    fn missing() -> Option<Self> {
        None
    }

    /// The JSON Schema for editors.
    fn schema() -> Json;
}

/// Declares a record: a struct of the keys of a map, how to read it and its JSON Schema. A field named with `r#` is the
/// key without it. A field's type decides whether it is required: `Option` and [`Entries`] may be absent.
#[macro_export]
macro_rules! record {
    (
        $(#[doc = $doc:literal])*
        pub struct $name:ident {
            $( $(#[doc = $field_doc:literal])* $field:ident : $type:ty ),* $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug)]
        pub struct $name {
            /// The whole map in the file.
            pub span: $crate::diagnostic::Span,
            $( $(#[doc = $field_doc])* pub $field: $type, )*
        }

        impl $crate::yaml::read::FromNode for $name {
            fn from_node(
                node: &$crate::yaml::Node,
                out: &mut Vec<$crate::diagnostic::Diagnostic>,
            ) -> Option<Self> {
                let keys = [$( $crate::yaml::read::key_name(stringify!($field)) ),*];
                let map = $crate::yaml::read::Keys::of(node, &keys, out)?;
                $( let $field = map.read::<$type>($crate::yaml::read::key_name(stringify!($field)), out); )*
                Some(Self { span: node.span, $( $field: $field?, )* })
            }

            fn schema() -> serde_json::Value {
                $crate::yaml::read::object_schema(
                    &[$($doc),*],
                    &[$((
                        $crate::yaml::read::key_name(stringify!($field)),
                        &[$($field_doc),*],
                        <$type as $crate::yaml::read::FromNode>::schema(),
                        <$type as $crate::yaml::read::FromNode>::absent().is_none(),
                    )),*],
                )
            }
        }
    };
}

/// Declares an enum whose variants are words of the file format.
#[macro_export]
macro_rules! keywords {
    (
        $(#[$meta:meta])*
        pub enum $name:ident { $( $(#[doc = $doc:literal])* $variant:ident = $word:literal ),* $(,)? }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $( $(#[doc = $doc])* $variant, )* }

        impl $name {
            /// The word in the file.
            pub fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $word, )* }
            }
        }

        impl $crate::yaml::read::FromNode for $name {
            fn from_node(
                node: &$crate::yaml::Node,
                out: &mut Vec<$crate::diagnostic::Diagnostic>,
            ) -> Option<Self> {
                let words = [$(($word, Self::$variant)),*];
                $crate::yaml::read::keyword(node, &words, out)
            }

            fn schema() -> serde_json::Value {
                serde_json::json!({ "type": "string", "enum": [$($word),*] })
            }
        }
    };
}

pub use {keywords, record};

/// The keys of a map that is being read.
pub struct Keys<'a> {
    node: &'a Node,
    /// Known keys that unknown ones are near to: they are misspelt rather than missing.
    misspelt: Vec<&'a str>,
}

impl<'a> Keys<'a> {
    /// Checks that `node` is a map and reports its unknown keys.
    pub fn of(node: &'a Node, known: &[&'a str], out: &mut Vec<Diagnostic>) -> Option<Self> {
        let Kind::Map(entries) = &node.kind else {
            let message = format!("expected a map of keys, got {}", node.describe());
            let keys = known.join(", ");
            out.push(WRONG_TYPE.at(node.span, message).help(format!("the keys here are: {keys}")));
            return None;
        };
        let mut misspelt = Vec::new();
        for (key, _) in entries {
            if !known.contains(&key.value.as_str()) {
                let message = format!("unknown key `{}`", key.value);
                let help = suggest::help(&key.value, known.iter().copied());
                out.push(UNKNOWN_KEY.at(key.span, message).maybe_help(help));
                misspelt.extend(suggest::nearest(&key.value, known.iter().copied()));
            }
        }
        Some(Self { node, misspelt })
    }

    /// Reads one key; what an absent key means is the type's matter.
    pub fn read<T: FromNode>(&self, key: &str, out: &mut Vec<Diagnostic>) -> Option<T> {
        match self.node.get(key) {
            Some(node) => T::from_node(node, out),
            None => T::absent().or_else(|| {
                if !self.misspelt.contains(&key) {
                    let start = self.node.span.start;
                    let message = format!("the key `{key}` is missing");
                    out.push(MISSING_KEY.at(Span { start, end: start }, message).help(format!("add `{key}: …`")));
                }
                T::missing()
            }),
        }
    }
}

/// A field's key: its name without `r#`.
pub fn key_name(field: &'static str) -> &'static str {
    field.strip_prefix("r#").unwrap_or(field)
}

/// The JSON Schema of a record: name, doc lines, schema and whether required, for each key.
pub fn object_schema(doc: &[&str], keys: &[(&'static str, &[&str], Json, bool)]) -> Json {
    let mut properties = Map::new();
    for (key, doc, schema, _) in keys {
        let mut schema = schema.clone();
        if let Json::Object(members) = &mut schema {
            members.insert("description".into(), join(doc).into());
        }
        properties.insert((*key).into(), schema);
    }
    let required: Vec<&str> = keys.iter().filter(|(.., required)| *required).map(|(key, ..)| *key).collect();
    json!({
        "type": "object", "description": join(doc), "properties": properties,
        "required": required, "additionalProperties": false,
    })
}

fn join(doc: &[&str]) -> String {
    doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

/// Reads one of a list of words.
pub fn keyword<T: Copy>(node: &Node, words: &[(&'static str, T)], out: &mut Vec<Diagnostic>) -> Option<T> {
    let text = match &node.kind {
        Kind::Scalar(text) => text.value.as_str(),
        _ => "",
    };
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Some(*value);
    }
    let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let message = format!("expected one of {}, got {}", all.join(", "), node.describe());
    let near = suggest::nearest(text, all).map(|near| format!("did you mean `{near}`?"));
    out.push(BAD_VALUE.at(node.span, message).maybe_help(near));
    None
}

/// "expected …, got …" at a node.
pub fn wrong_type(node: &Node, expected: &str) -> Diagnostic {
    WRONG_TYPE.at(node.span, format!("expected {expected}, got {}", node.describe()))
}

impl<T: FromNode> FromNode for Option<T> {
    fn from_node(node: &Node, out: &mut Vec<Diagnostic>) -> Option<Self> {
        Some(T::from_node(node, out))
    }

    fn absent() -> Option<Self> {
        Some(None)
    }

    fn schema() -> Json {
        T::schema()
    }
}

/// A required key whose absence, once it is reported, does not keep the rest of the record from being read.
#[derive(Clone, Debug)]
pub struct Needed<T>(pub Option<Spanned<T>>);

impl<T: FromNode> FromNode for Needed<T> {
    fn from_node(node: &Node, out: &mut Vec<Diagnostic>) -> Option<Self> {
        Some(Self(Spanned::from_node(node, out)))
    }

    fn missing() -> Option<Self> {
        Some(Self(None))
    }

    fn schema() -> Json {
        T::schema()
    }
}

impl<T: FromNode> FromNode for Spanned<T> {
    fn from_node(node: &Node, out: &mut Vec<Diagnostic>) -> Option<Self> {
        Some(Self { value: T::from_node(node, out)?, span: node.span })
    }

    fn schema() -> Json {
        T::schema()
    }
}

impl FromNode for Text {
    fn from_node(node: &Node, out: &mut Vec<Diagnostic>) -> Option<Self> {
        match &node.kind {
            Kind::Scalar(text) if text.style == Style::Text || !resolve(&text.value).is_null() => {
                out.extend(text.ambiguous());
                Some(text.clone())
            }
            kind => {
                let null = matches!(kind, Kind::Scalar(text) if text.value.len() > 1);
                let help = null.then(|| "write it in quotes if the word itself is meant".into());
                out.push(wrong_type(node, "text").maybe_help(help));
                None
            }
        }
    }

    fn schema() -> Json {
        json!({ "type": "string" })
    }
}

impl FromNode for String {
    fn from_node(node: &Node, out: &mut Vec<Diagnostic>) -> Option<Self> {
        Text::from_node(node, out).map(|text| text.value)
    }

    fn schema() -> Json {
        Text::schema()
    }
}

impl FromNode for Node {
    fn from_node(node: &Node, _: &mut Vec<Diagnostic>) -> Option<Self> {
        Some(node.clone())
    }

    fn schema() -> Json {
        json!({})
    }
}

impl FromNode for bool {
    fn from_node(node: &Node, out: &mut Vec<Diagnostic>) -> Option<Self> {
        match node.to_json() {
            Json::Bool(value) => Some(value),
            _ => {
                out.push(wrong_type(node, "true or false"));
                None
            }
        }
    }

    fn schema() -> Json {
        json!({ "type": "boolean" })
    }
}

impl FromNode for u64 {
    fn from_node(node: &Node, out: &mut Vec<Diagnostic>) -> Option<Self> {
        let value = node.to_json().as_u64();
        if value.is_none() {
            out.push(wrong_type(node, "a whole number"));
        }
        value
    }

    fn schema() -> Json {
        json!({ "type": "integer", "minimum": 0 })
    }
}

impl<T: FromNode> FromNode for Vec<T> {
    fn from_node(node: &Node, out: &mut Vec<Diagnostic>) -> Option<Self> {
        match &node.kind {
            Kind::List(items) => Some(items.iter().filter_map(|item| T::from_node(item, out)).collect()),
            _ => {
                out.push(wrong_type(node, "a list").help("write `- item` lines, or [item, item]"));
                None
            }
        }
    }

    fn schema() -> Json {
        json!({ "type": "array", "items": T::schema() })
    }
}

/// One entry of a map with keys of the author's choice. The value is `None` when it could not be read.
#[derive(Clone, Debug)]
pub struct Entry<T> {
    /// The key.
    pub name: Spanned<String>,
    /// The value, unless its diagnostic is in `out`.
    pub value: Option<T>,
}

/// A map with keys of the author's choice, in the file's order. Absent means empty.
#[derive(Clone, Debug)]
pub struct Entries<T>(pub Vec<Entry<T>>);

impl<T> Entries<T> {
    /// The entries that could be read, with their names.
    pub fn iter(&self) -> impl Iterator<Item = (&Spanned<String>, &T)> {
        self.0.iter().filter_map(|entry| Some((&entry.name, entry.value.as_ref()?)))
    }
}

impl<T: FromNode> FromNode for Entries<T> {
    fn from_node(node: &Node, out: &mut Vec<Diagnostic>) -> Option<Self> {
        let Kind::Map(entries) = &node.kind else {
            out.push(wrong_type(node, "a map of names"));
            return Some(Self(Vec::new()));
        };
        let read = |(key, node): &(Text, Node)| Entry {
            name: Spanned { value: key.value.clone(), span: key.span },
            value: T::from_node(node, out),
        };
        Some(Self(entries.iter().map(read).collect()))
    }

    fn absent() -> Option<Self> {
        Some(Self(Vec::new()))
    }

    fn schema() -> Json {
        json!({ "type": "object", "additionalProperties": T::schema() })
    }
}

/// A length of time: `250ms 5s 2m 1h`.
impl FromNode for Duration {
    fn from_node(node: &Node, out: &mut Vec<Diagnostic>) -> Option<Self> {
        scalar(node, out, "a duration such as 250ms, 5s, 2m or 1h", |text| {
            let (number, unit) = split_unit(text)?;
            let scale = match unit {
                "ms" => 1,
                "s" => 1_000,
                "m" => 60_000,
                "h" => 3_600_000,
                _ => return None,
            };
            number.checked_mul(scale).map(Duration::from_millis)
        })
    }

    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h)$" })
    }
}

/// A number of bytes: `64KiB 2MiB` or plain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteSize(pub usize);

impl FromNode for ByteSize {
    fn from_node(node: &Node, out: &mut Vec<Diagnostic>) -> Option<Self> {
        scalar(node, out, "a size such as 64KiB, 2MiB or a number of bytes", |text| {
            let (number, unit) = split_unit(text)?;
            let shift = match unit {
                "" => 0,
                "KiB" => 10,
                "MiB" => 20,
                "GiB" => 30,
                _ => return None,
            };
            usize::try_from(number).ok()?.checked_mul(1 << shift).map(ByteSize)
        })
    }

    fn schema() -> Json {
        json!({ "type": ["string", "integer"], "pattern": "^[0-9]+(KiB|MiB|GiB)?$" })
    }
}

/// So many in a length of time: `50/s 600/m 1000/h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: NonZeroU32,
    /// In which time.
    pub period: Duration,
}

impl FromNode for Rate {
    fn from_node(node: &Node, out: &mut Vec<Diagnostic>) -> Option<Self> {
        scalar(node, out, "a rate such as 50/s or 600/m", |text| {
            let (count, unit) = text.split_once('/')?;
            let seconds = match unit {
                "s" => 1,
                "m" => 60,
                "h" => 3600,
                _ => return None,
            };
            Some(Rate { count: count.parse().ok()?, period: Duration::from_secs(seconds) })
        })
    }

    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^[1-9][0-9]*/(s|m|h)$" })
    }
}

/// Reads a scalar by its text.
pub fn scalar<T>(
    node: &Node,
    out: &mut Vec<Diagnostic>,
    expected: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Option<T> {
    let value = match &node.kind {
        Kind::Scalar(text) => parse(&text.value),
        _ => None,
    };
    if value.is_none() {
        out.push(BAD_VALUE.at(node.span, format!("expected {expected}, got {}", node.describe())));
    }
    value
}

fn split_unit(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    Some((text[..digits].parse().ok()?, &text[digits..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    record! {
        /// A sample.
        pub struct Sample {
            /// How long.
            timeout: Option<Duration>,
            /// Which kind.
            r#type: Spanned<String>,
            /// How large.
            size: Option<ByteSize>,
        }
    }

    fn check(source: &str) -> (Option<Sample>, Vec<String>) {
        let (document, mut out) = yaml::parse(source);
        let sample = Sample::from_node(&document.expect("YAML").root, &mut out);
        (sample, out.into_iter().map(|d| format!("{} {}..{}", d.rule.name, d.span.start, d.span.end)).collect())
    }

    #[test]
    fn every_error_of_a_map_is_reported_and_the_rest_is_read() {
        let (sample, out) = check("timeout: 5x\ntpye: a\nsize: 2MiB\n");
        assert!(sample.is_none());
        assert_eq!(out, ["unknown-key 12..16", "bad-value 9..11"]);

        let (sample, out) = check("colour: a\n");
        assert!(sample.is_none());
        assert_eq!(out, ["unknown-key 0..6", "missing-key 0..0"]);

        let (sample, out) = check("timeout: 5x\ntype: a\nsize: 2MiB\n");
        let sample = sample.expect("optional keys that are wrong do not hide the record");
        assert_eq!((sample.timeout, sample.size), (None, Some(ByteSize(2 << 20))));
        assert_eq!((sample.r#type.as_str(), sample.span), ("a", Span::new(0, 30)));
        assert_eq!(out.len(), 1);
    }

    #[test]
    fn nothing_is_no_text() {
        for (source, expected) in
            [("type:\n", false), ("type: ~\n", false), ("type: NULL\n", false), ("type: ''\n", true)]
        {
            let (sample, out) = check(source);
            assert_eq!((sample.is_some(), out.len()), (expected, usize::from(!expected)), "{source}");
        }
    }

    #[test]
    fn the_schema_takes_descriptions_and_required_keys_from_the_declaration() {
        let schema = Sample::schema();
        assert_eq!(schema["properties"]["timeout"]["description"], "How long.");
        assert_eq!(schema["required"], json!(["type"]));
    }
}
