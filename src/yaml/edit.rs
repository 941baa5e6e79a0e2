//! Changes to a file that leave everything else in it as its author wrote it: comments, order, quotes, indentation.
//!
//! An [`Editor`] notes which pieces of the text become others. [`apply`] makes the new text, and takes nothing on trust: it
//! reads the result, and gives it away only where it means exactly what was wanted and no comment was lost. So a spelling
//! that nobody thought of here (an alias, an anchor) is refused and never broken.

use std::ops::Range;

use serde_json::Value as Json;

use super::{Document, Kind, Node, Style, Text, parse, write};

/// One piece of a file that becomes another.
#[derive(Clone, Debug)]
pub struct Edit {
    place: Range<usize>,
    text: String,
    /// Whether what stood there is gone as a whole, its comments too.
    gone: bool,
}

/// A value where it stands in a file.
#[derive(Clone, Copy, Debug)]
pub struct Slot<'a> {
    /// The value.
    pub node: &'a Node,
    key: Option<&'a Text>,
    /// Where the colon or the dash before it ends.
    mark: Option<usize>,
    /// Whether it stands inside of brackets.
    flow: bool,
}

/// Notes changes of one file.
#[derive(Debug)]
pub struct Editor<'a> {
    source: &'a str,
    edits: Vec<Edit>,
}

/// A new child of a list, or of a map under its name.
#[derive(Clone, Debug)]
pub struct Child {
    /// Its name, in a map.
    pub name: Option<String>,
    /// Its value.
    pub value: Json,
}

impl<'a> Editor<'a> {
    /// An editor of a file's text.
    pub fn new(source: &'a str) -> Self {
        Self { source, edits: Vec::new() }
    }

    /// The whole file.
    pub fn root(&self, document: &'a Document) -> Slot<'a> {
        Slot { node: &document.root, key: None, mark: None, flow: false }
    }

    /// What was noted.
    pub fn into_edits(self) -> Vec<Edit> {
        self.edits
    }

    /// The children of a list or a map, in order; a map's have names.
    pub fn children(&self, slot: Slot<'a>) -> Vec<(Option<&'a str>, Slot<'a>)> {
        let flow = self.is_flow(slot);
        match &slot.node.kind {
            Kind::Scalar(_) => Vec::new(),
            Kind::List(items) => {
                let mut end = slot.mark.filter(|_| self.is_marked(slot)).unwrap_or(slot.node.span.start as usize);
                let child = |node: &'a Node| {
                    let mark = if flow { None } else { self.after_dash(end) };
                    end = node.span.end as usize;
                    (None, Slot { node, key: None, mark, flow })
                };
                items.iter().map(child).collect()
            }
            Kind::Map(entries) => {
                let child = |(key, node): &'a (Text, Node)| {
                    (Some(&*key.value), Slot { node, key: Some(key), mark: Some(self.after_colon(key)), flow })
                };
                entries.iter().map(child).collect()
            }
        }
    }

    /// The member of a map.
    pub fn member(&self, slot: Slot<'a>, name: &str) -> Option<Slot<'a>> {
        self.children(slot).into_iter().find(|(found, _)| *found == Some(name)).map(|(_, slot)| slot)
    }

    /// Whether a text is written as a block of lines that are kept as they are (`|`).
    pub fn is_literal(&self, slot: Slot<'a>) -> bool {
        let header = slot.mark.map(|mark| self.source[mark..].trim_start_matches(' '));
        header.is_some_and(|header| header.starts_with('|')) && !slot.flow
    }

    /// Puts another value in the place of one, in its style as far as that goes.
    pub fn replace(&mut self, slot: Slot<'a>, value: &Json) {
        let Range { start, end } = self.place(slot);
        let column = match slot.key {
            Some(key) => self.column(key.span.start as usize),
            None => self.column(start) + usize::from(slot.mark == Some(start)),
        };
        let literal = match value {
            Json::String(text) if self.is_literal(slot) => literal(text, column + 2),
            _ => None,
        };
        let lead = if slot.mark == Some(start) { " " } else { "" };
        if !slot.flow && !write::fits(value, self.column(start) + 1) {
            let block = |column| write::block(value, column).join("\n");
            match slot.key {
                // Below its key, and below a comment beside that.
                Some(key) => {
                    let line = self.line_end(end);
                    self.note(self.after_colon(key)..end, String::new(), false);
                    self.note(line..line, format!("\n{}", block(column + 2)), false);
                }
                None => self.note(start..end, lead.to_owned() + block(column).trim_start(), false),
            }
            return;
        }
        let text = match (literal, value) {
            (Some(block), _) => block,
            (None, Json::String(text)) => self.text(slot, text),
            (None, value) => write::flow(value),
        };
        self.note(start..end, lead.to_owned() + &text, false);
    }

    /// Takes children out of a list or a map, by their numbers, and adds others at its end. At least one must stay.
    pub fn resize(&mut self, slot: Slot<'a>, gone: &[usize], new: &[Child]) {
        let children = self.children(slot);
        let places: Vec<Range<usize>> = children
            .iter()
            .map(|(_, child)| {
                let place = self.place(*child);
                let start = child.key.map(|key| key.span.start as usize).or(child.mark);
                start.unwrap_or(place.start)..place.end
            })
            .collect();
        let flow = self.is_flow(slot);
        let ends: Vec<usize> =
            places.iter().map(|place| if flow { place.end } else { self.line_end(place.end) }).collect();
        let Some(first) = (0..places.len()).find(|at| !gone.contains(at)) else { return };
        if first > 0 {
            self.note(places[0].start..places[first].start, String::new(), true);
        }
        for &at in gone.iter().filter(|at| **at > first) {
            self.note(ends[at - 1]..ends[at], String::new(), true);
        }
        let last = (0..places.len()).rfind(|at| !gone.contains(at)).unwrap_or(first);
        let text: String = new
            .iter()
            .map(|child| {
                if flow {
                    let name = child.name.as_ref().map(|name| write::text(name) + ": ").unwrap_or_default();
                    return self.separator(slot, &places, last) + &name + &write::flow(&child.value);
                }
                let lines = match &child.name {
                    Some(name) => write::member(name, &child.value, self.column(places[last].start)),
                    None => self.new_item(children[last].1, &child.value),
                };
                format!("\n{}", lines.join("\n"))
            })
            .collect();
        if !text.is_empty() {
            self.note(ends[last]..ends[last], text, false);
        }
    }

    /// The lines of a new element of a list, in the style of the one before it.
    fn new_item(&self, before: Slot<'_>, value: &Json) -> Vec<String> {
        let dash = before.mark.map_or(0, |mark| self.column(mark - 1));
        let in_lines = !matches!(before.node.kind, Kind::Scalar(_)) && !self.is_flow(before);
        match value {
            Json::Object(members) if in_lines && !members.is_empty() => {
                let mut lines = write::block(value, dash + 2);
                lines[0] = format!("{}- {}", " ".repeat(dash), lines[0].trim_start());
                lines
            }
            value => write::item(value, dash),
        }
    }

    /// What stands between two children inside of brackets: line breaks are kept, comments are not repeated.
    fn separator(&self, slot: Slot<'_>, places: &[Range<usize>], last: usize) -> String {
        let before = match last.checked_sub(1) {
            Some(before) => places[before].end,
            None => slot.node.span.start as usize + 1,
        };
        let between = self.source.get(before..places[last].start).unwrap_or_default().trim_start_matches(',');
        match between.trim().is_empty() && between.contains('\n') {
            true => format!(",{}", between.replace('\r', "")),
            false => ", ".into(),
        }
    }

    /// A text in the style of the one that stood there.
    fn text(&self, slot: Slot<'_>, text: &str) -> String {
        let before = match &slot.node.kind {
            Kind::Scalar(old) if old.style == Style::Text => {
                self.source[slot.node.span.range()].chars().next().filter(|quote| matches!(quote, '\'' | '"'))
            }
            Kind::Scalar(_) if matches!(slot.node.to_json(), Json::String(_)) => Some('p'),
            _ => None,
        };
        write::text_like(before, text, slot.flow)
    }

    /// The bytes of a value, without line breaks at its end. Those of an empty one, of a block, and of what begins on a line
    /// of its own begin after the colon or the dash.
    fn place(&self, slot: Slot<'_>) -> Range<usize> {
        let span = slot.node.span.range();
        let end = span.start + without_blank_lines(&self.source[span.clone()]).len();
        match slot.mark {
            Some(mark) if span.is_empty() => mark..mark,
            // What an alias stands for lies elsewhere; it is refused in the end.
            Some(mark) if span.start >= mark && self.source[mark..span.start].contains('\n') => mark..end,
            _ => span.start..end,
        }
    }

    /// Where the colon of a key ends.
    fn after_colon(&self, key: &Text) -> usize {
        let end = key.span.end as usize;
        self.source[end..].find(':').map_or(end, |colon| end + colon + 1)
    }

    /// Where the next dash ends; comments may stand before it.
    fn after_dash(&self, from: usize) -> Option<usize> {
        let mut rest = self.source[from..].trim_start();
        while rest.starts_with('#') {
            rest = rest.split_once('\n').map_or("", |(_, rest)| rest).trim_start();
        }
        rest.starts_with('-').then_some(self.source.len() - rest.len() + 1)
    }

    /// Whether the children of a list or a map stand inside of brackets.
    fn is_flow(&self, slot: Slot<'_>) -> bool {
        let brackets = self.source[slot.node.span.start as usize..].starts_with(['[', '{']);
        slot.flow || (brackets && !self.is_marked(slot))
    }

    /// Whether a list has dashes. The span of one that is not indented begins behind the first of them.
    fn is_marked(&self, slot: Slot<'_>) -> bool {
        matches!(slot.node.kind, Kind::List(_)) && slot.mark.is_some_and(|mark| self.after_dash(mark).is_some())
    }

    /// How many characters stand before a place on its line.
    fn column(&self, at: usize) -> usize {
        let start = self.source[..at].rfind('\n').map_or(0, |at| at + 1);
        self.source[start..at].chars().count()
    }

    fn line_end(&self, at: usize) -> usize {
        let rest = &self.source[at..];
        let line = rest.split('\n').next().unwrap_or_default();
        at + line.strip_suffix('\r').unwrap_or(line).len()
    }

    fn note(&mut self, place: Range<usize>, text: String, gone: bool) {
        let text = if self.source.contains("\r\n") { text.replace('\n', "\r\n") } else { text };
        self.edits.push(Edit { place, text, gone });
    }
}

/// A text without the line break at its end, and without the empty lines before it.
fn without_blank_lines(text: &str) -> &str {
    let mut left = text;
    while let Some((before, _)) = left.rsplit_once('\n').filter(|(_, line)| line.trim_ascii().is_empty()) {
        left = before.strip_suffix('\r').unwrap_or(before);
    }
    left
}

/// A text as a block of lines (`|`), where it can stand in one.
fn literal(text: &str, column: usize) -> Option<String> {
    let (header, body) = match text.strip_suffix('\n') {
        Some(body) => ("|", body),
        None => ("|-", text),
    };
    let tame = |c: char| c == '\n' || !write::is_hidden(c);
    // Blanks at the end of a line are not seen.
    let seen = body.split('\n').all(|line| line.trim_end() == line);
    if body.is_empty() || body.starts_with([' ', '\n']) || body.ends_with('\n') || !seen || !body.chars().all(tame) {
        return None;
    }
    let indent = " ".repeat(column);
    let line = |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("\n{indent}{line}") };
    Some(header.to_owned() + &body.split('\n').map(line).collect::<String>())
}

/// The text with its changes, where it then means what is wanted and has lost no comment but those of what is gone.
pub fn apply(source: &str, edits: &[Edit], wanted: &Json) -> Option<String> {
    let mut edits: Vec<&Edit> = edits.iter().collect();
    edits.sort_by_key(|edit| (edit.place.start, edit.place.end));
    let mut text = String::new();
    let mut done = 0;
    for edit in &edits {
        // What an alias stands for lies elsewhere.
        if edit.place.start > edit.place.end {
            return None;
        }
        text += source.get(done..edit.place.start)?;
        text += &edit.text;
        done = edit.place.end;
    }
    text += source.get(done..)?;
    let comments = |text: &str| {
        let (document, found) = parse(text);
        document.filter(|_| found.is_empty()).map(|document| (document.root.to_json(), document.comments))
    };
    let (json, left) = comments(&text)?;
    let (_, before) = comments(source)?;
    let gone = |at: u32| edits.iter().any(|edit| edit.gone && edit.place.contains(&(at as usize)));
    let kept = before.iter().filter(|comment| !gone(comment.span.start)).map(|comment| &comment.text);
    (json == *wanted && kept.eq(left.iter().map(|comment| &comment.text))).then_some(text)
}

#[cfg(test)]
mod tests;
