//! The canonical form of YAML files: keys in the order of a JSON Schema, two blanks a level, LF line ends.
//!
//! Nothing is written anew. [`layout`] cuts a file into pieces by their places: keys, values, comments, blank lines. [`order`]
//! sorts the entries of maps, and [`write`] puts the pieces, as their author wrote them, at their new places. What comes of it
//! is parsed and compared with the file before anybody gets to see it, so that a mistake here cannot harm a file.
//! This knows YAML and nothing of actions: which keys there are, a schema says.

mod layout;
mod order;
#[cfg(test)]
mod tests;
mod write;

use std::fmt;

use serde_json::Value as Json;

use crate::{
    diagnostic::{Diagnostic, has_errors},
    yaml::{self, Comment, Document, Kind, Node},
};

/// Why a text was not formatted.
#[derive(Debug)]
pub enum Refusal {
    /// It is no YAML, or a key is in it twice.
    Yaml(Vec<Diagnostic>),
    /// It uses a form of YAML that the formatter does not know.
    Odd(Odd),
    /// The result would have been another document: a bug of datadip.
    Changed,
}

/// A place that the formatter does not understand.
#[derive(Debug)]
pub struct Odd {
    /// Its line, from 1.
    pub line: usize,
}

impl fmt::Display for Odd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} has a form of YAML that is not formatted: write `key: value` and `- item`", self.line)
    }
}

/// The canonical form of a text. `schema` gives the order of keys, by that of its `properties`; keys that it does not name
/// follow in their own order, and so do those of maps that it says nothing of. The values of the text and its comments stay
/// the same, whatever the text is.
pub fn format(source: &str, schema: &Json) -> Result<String, Refusal> {
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    let before = parse(source).map_err(Refusal::Yaml)?;
    let text = with_line_feeds(source, &before);
    let Some(mut layout) = layout::read(&text).map_err(Refusal::Odd)? else { return Ok(text) };
    order::sort(&mut layout, schema);
    let formatted = write::write(&layout);
    match parse(&formatted) {
        Ok(after) if is_same(&before, &after) => Ok(formatted),
        _ => Err(Refusal::Changed),
    }
}

/// The text with LF line ends, the last one too. A last line of blanks is one only where that is a part of the document.
fn with_line_feeds(source: &str, document: &Document) -> String {
    let mut text = source.replace("\r\n", "\n").replace('\r', "\n");
    let without = text.trim_end_matches(' ').len();
    if without < text.len() && text[..without].ends_with('\n') {
        let is_part = !parse(&text[..without]).is_ok_and(|short| is_same(document, &short));
        text.truncate(if is_part { text.len() } else { without });
    }
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

fn parse(text: &str) -> Result<Document, Vec<Diagnostic>> {
    match yaml::parse(text) {
        (Some(document), diagnostics) if !has_errors(&diagnostics) => Ok(document),
        (_, diagnostics) => Err(diagnostics),
    }
}

/// Whether two documents have the same values and the same comments.
fn is_same(before: &Document, after: &Document) -> bool {
    is_equal(&before.root, &after.root) && comments(&before.comments) == comments(&after.comments)
}

/// Whether two values are equal, but for the order of keys. A text in quotes is none without them.
fn is_equal(before: &Node, after: &Node) -> bool {
    match (&before.kind, &after.kind) {
        (Kind::Scalar(before), Kind::Scalar(after)) => before.value == after.value && before.style == after.style,
        (Kind::List(before), Kind::List(after)) => {
            before.len() == after.len() && before.iter().zip(after).all(|(before, after)| is_equal(before, after))
        }
        (Kind::Map(before), Kind::Map(entries)) => {
            let found = |key: &str| after.get(key);
            before.len() == entries.len()
                && before.iter().all(|(key, value)| found(&key.value).is_some_and(|other| is_equal(value, other)))
        }
        _ => false,
    }
}

/// The comments in an order of their own, without the blanks at their ends.
fn comments(comments: &[Comment]) -> Vec<&str> {
    let mut texts: Vec<&str> = comments.iter().map(|comment| comment.text.trim_end()).collect();
    texts.sort_unstable();
    texts
}
