//! YAML with places: a file becomes a tree of [`Node`]s, each with its span and its spelling.
//!
//! Reading is in two steps, so that one run reports every error of a file: the text becomes a tree here, and the tree
//! becomes a record in [`read`], which goes on after an error where serde would stop. The parser is granit-parser, the one
//! that serde-saphyr stands on; `serde_yaml` is archived, has no spans for values and lets a duplicate key win silently.
//! The way back is [`mod@write`], and [`edit`] for files that somebody wrote.

pub mod edit;
pub mod read;
mod tree;
pub mod write;

use std::ops::{Deref, Range};

use serde_json::Value as Json;

use crate::diagnostic::{AMBIGUOUS_SCALAR, Diagnostic, Span};

pub use tree::{Comment, Document, parse, resolve};

/// A file larger than this is refused unread.
pub const MAX_BYTES: usize = 1024 * 1024;
/// The most nodes of a file, aliases expanded.
const MAX_NODES: usize = 20_000;
/// How deep maps and lists may nest.
const MAX_DEPTH: usize = 64;
/// The most aliases (`*name`) of a file.
const MAX_ALIASES: usize = 50;

/// A value and its place in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub span: Span,
}

impl<T> Deref for Spanned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Without quotes: may mean null, a boolean or a number.
    Plain,
    /// In quotes, or as a block: always text.
    Text,
}

/// A scalar: its text after YAML's escapes, and the way back to the file.
#[derive(Clone, Debug)]
pub struct Text {
    /// The text.
    pub value: String,
    /// How it is written.
    pub style: Style,
    /// The whole scalar in the file.
    pub span: Span,
    /// Where the text's bytes stand in the file: from each text offset on, add the difference to this file offset.
    /// Empty where the spelling has escapes, so that places inside are not known.
    places: Vec<(u32, u32)>,
}

impl Text {
    /// Another text at the same place: its bytes have no places of their own.
    pub fn replaced(&self, style: Style, value: String) -> Self {
        Self { value, style, span: self.span, places: Vec::new() }
    }

    /// The place in the file of a range of the text; of the whole scalar where the spelling hides it.
    pub fn span_of(&self, range: Range<usize>) -> Span {
        match (self.place(range.start, false), self.place(range.end, range.end > range.start)) {
            (Some(start), Some(end)) => {
                // The last line break of a block may be one that the file does not have.
                let (start, end) = (start.min(self.span.end), end.min(self.span.end));
                Span { start, end: end.max(start) }
            }
            _ => self.span,
        }
    }

    /// Where this stands for text but YAML reads a number with other digits: says so.
    pub fn ambiguous(&self) -> Option<Diagnostic> {
        let (Style::Plain, Json::Number(number)) = (self.style, resolve(&self.value)) else { return None };
        let message = format!("{} stands here for text; as a YAML number it would be {number}", self.value);
        (number.to_string() != self.value)
            .then(|| AMBIGUOUS_SCALAR.at(self.span, message).help(format!("write \"{}\"", self.value)))
    }

    /// File offset of a text offset. An `end` belongs to the byte before it, which may be on an earlier line.
    fn place(&self, offset: usize, end: bool) -> Option<u32> {
        let offset = offset as u32;
        let after = self.places.partition_point(|&(text, _)| if end { text < offset } else { text <= offset });
        let (text, file) = *self.places.get(after.checked_sub(1)?)?;
        Some(file + (offset - text))
    }
}

/// One value of a YAML file.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its place.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
}

/// What a [`Node`] is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Text, a number, a boolean or null.
    Scalar(Text),
    /// A list.
    List(Vec<Node>),
    /// A map, in the file's order, without duplicate keys.
    Map(Vec<(Text, Node)>),
}

impl Node {
    /// What this is, for "expected …, got …".
    pub fn describe(&self) -> String {
        match &self.kind {
            Kind::List(_) => "a list".into(),
            Kind::Map(_) => "a map".into(),
            Kind::Scalar(text) if text.style == Style::Text => format!("the text {:?}", shorten(&text.value)),
            Kind::Scalar(text) => match resolve(&text.value) {
                Json::Null => "nothing".into(),
                Json::Bool(value) => format!("the boolean {value}"),
                Json::Number(_) => format!("the number {}", text.value),
                _ => format!("the text {:?}", shorten(&text.value)),
            },
        }
    }

    /// The member of a map.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.kind {
            Kind::Map(entries) => entries.iter().find(|(name, _)| name.value == key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// The node that a JSON pointer names, or the nearest one above it: the place to show for an error of a schema.
    pub fn at_pointer(&self, pointer: &str) -> &Node {
        let mut node = self;
        for segment in pointer.split('/').skip(1) {
            let name = segment.replace("~1", "/").replace("~0", "~");
            let next = match &node.kind {
                Kind::List(items) => name.parse::<usize>().ok().and_then(|at| items.get(at)),
                _ => node.get(&name),
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        node
    }

    /// The same as JSON, plain scalars by YAML 1.2's core schema. Numbers keep their digits.
    pub fn to_json(&self) -> Json {
        match &self.kind {
            Kind::Scalar(text) if text.style == Style::Text => Json::String(text.value.clone()),
            Kind::Scalar(text) => resolve(&text.value),
            Kind::List(items) => items.iter().map(Node::to_json).collect(),
            Kind::Map(entries) => {
                Json::Object(entries.iter().map(|(key, node)| (key.value.clone(), node.to_json())).collect())
            }
        }
    }
}

fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(40).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
