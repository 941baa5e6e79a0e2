//! The order of entries: that of a JSON Schema's `properties`.
//!
//! An entry takes the comments above it along. What must not move stays: anchors and aliases among themselves, the head of the
//! file, and a comment that silences lint for what is shown at the first line of a map, whichever key that is.

use serde_json::Value as Json;

use super::layout::{Block, Body, Child, Layout, Trivia, is_directive};
use crate::diagnostic::{MISSING_DESCRIPTION, MISSING_RESULT_SCHEMA, MISSING_TEST, Rule};

/// The rules whose findings are shown at the first key of a map, and are about the map.
static OF_THE_MAP: [&Rule; 3] = [&MISSING_DESCRIPTION, &MISSING_RESULT_SCHEMA, &MISSING_TEST];

/// Sorts the entries of all maps that the schema knows.
pub(super) fn sort(layout: &mut Layout<'_>, schema: &Json) {
    let Layout { head, root } = layout;
    let above = head.split_off(end_of_head(head));
    root.children[0].above.splice(0..0, above);
    let first_changed = sort_block(root, schema);
    let comments = root.children[0].above.iter().any(|line| !matches!(line, Trivia::Blank));
    if first_changed && comments && matches!(head.last(), Some(Trivia::Comment(..))) {
        head.push(Trivia::Blank);
    }
}

/// Where the lines at the top end that are about the whole file. Behind a blank line begins what is about the first key; without
/// one, all of them are about the file but what silences lint for that key.
fn end_of_head(head: &[Trivia<'_>]) -> usize {
    let first = head.iter().position(|line| !matches!(line, Trivia::Blank)).unwrap_or(head.len());
    let marks = head.iter().rposition(|line| matches!(line, Trivia::Raw(_))).map_or(first, |at| at + 1);
    let blank = head[marks..].iter().rposition(|line| matches!(line, Trivia::Blank)).map(|at| marks + at + 1);
    let directive = head[marks..].iter().position(is_of_key).map(|at| marks + at);
    let end = blank.unwrap_or(head.len());
    directive.map_or(end, |directive| end.min(directive))
}

/// Sorts a block and those in it; answers whether another entry is the first one now.
fn sort_block(block: &mut Block<'_>, schema: &Json) -> bool {
    let mut first_changed = false;
    if block.is_map {
        let keys: Vec<&str> = alternatives(schema)
            .filter_map(|one| one["properties"].as_object())
            .flat_map(|map| map.keys())
            .map(String::as_str)
            .collect();
        first_changed = sort_map(&mut block.children, &keys);
    }
    for child in &mut block.children {
        let schema = if block.is_map { member(schema, &child.name) } else { items(schema) };
        let Body::Block(inner) = &mut child.value.body else { continue };
        if inner.is_map && !child.value.own_line {
            // The first entry stands on the line of the dash: what speaks of that line is about the entry.
            let own = child.above.iter().position(is_of_key).unwrap_or(child.above.len());
            let above = child.above.split_off(own);
            inner.children[0].above.splice(0..0, above);
        }
        sort_block(inner, schema);
    }
    first_changed
}

/// Sorts the entries of a map, unknown keys last; answers whether another one is the first now.
fn sort_map<'a>(children: &mut Vec<Child<'a>>, keys: &[&str]) -> bool {
    let rank = |child: &Child<'_>| keys.iter().position(|key| *key == child.name).unwrap_or(keys.len());
    let mut order: Vec<usize> = (0..children.len()).collect();
    order.sort_by_key(|&at| rank(&children[at]));
    let links_stay = order.iter().filter(|&&at| children[at].linked).is_sorted();
    let first_changed = order[0] != 0;
    if !links_stay || (first_changed && is_pinned(&children[0])) {
        return false;
    }
    if first_changed {
        let above = &mut children[0].above;
        let rest = above.iter().rposition(is_of_map).map_or(0, |at| at + 1);
        let rest = above.split_off(rest);
        let staying = std::mem::replace(above, rest);
        children[order[0]].above.splice(0..0, staying);
    }
    children.sort_by_key(rank);
    first_changed
}

/// Whether a comment at the first entry silences lint for the whole map as well as for that entry, or cannot move away from it.
fn is_pinned(first: &Child<'_>) -> bool {
    let beside = [first.value.note, first.value.after].into_iter().flatten().map(|note| note.comment);
    let mut above = first.above.iter().filter_map(comment);
    above.any(|comment| matches!(silences(comment), Some(Silences::Both)))
        || beside.into_iter().any(|comment| matches!(silences(comment), Some(Silences::Map | Silences::Both)))
}

/// What a comment silences lint for.
enum Silences {
    /// What is found on the line below.
    Line,
    /// What is about the map that begins there.
    Map,
    /// One and the other.
    Both,
}

fn silences(comment: &str) -> Option<Silences> {
    if !is_directive(comment) {
        return None;
    }
    let names = comment.split_once('(').map_or("", |(_, names)| names).split(')').next().unwrap_or_default();
    let mut of_map = names.split(',').map(|name| OF_THE_MAP.iter().any(|rule| rule.name == name.trim()));
    let first = of_map.next().unwrap_or_default();
    Some(match (first, of_map.all(|other| other == first)) {
        (_, false) => Silences::Both,
        (true, true) => Silences::Map,
        (false, true) => Silences::Line,
    })
}

fn is_of_map(line: &Trivia<'_>) -> bool {
    matches!(comment(line).and_then(silences), Some(Silences::Map))
}

/// Whether a line speaks to datadip of the key below it.
fn is_of_key(line: &Trivia<'_>) -> bool {
    matches!(comment(line).and_then(silences), Some(Silences::Line | Silences::Both))
}

fn comment<'a>(line: &Trivia<'a>) -> Option<&'a str> {
    match line {
        Trivia::Comment(text, _) => Some(text),
        Trivia::Blank | Trivia::Raw(_) => None,
    }
}

/// A schema, and those that it offers for a choice.
fn alternatives(schema: &Json) -> impl Iterator<Item = &Json> {
    let choices = ["oneOf", "anyOf"].into_iter().filter_map(|key| schema[key].as_array()).flatten();
    std::iter::once(schema).chain(choices)
}

/// The schema of a member; null where it is not known.
fn member<'s>(schema: &'s Json, name: &str) -> &'s Json {
    let named = alternatives(schema).find_map(|one| one["properties"].get(name));
    named.or_else(|| alternatives(schema).find_map(|one| one.get("additionalProperties"))).unwrap_or(&Json::Null)
}

/// The schema of a list's items; null where it is not known.
fn items(schema: &Json) -> &Json {
    alternatives(schema).find_map(|one| one.get("items")).unwrap_or(&Json::Null)
}
