//! JSON Schemas (2020-12): those below `schemas/`, in memory, which are all that a `$ref` may reach, and the compiled schema of
//! an action. Nothing here opens a file or a connection.

mod keywords;
mod lower;
mod reference;
mod schema;
#[cfg(test)]
mod tests;
mod types;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::de::IgnoredAny;

use self::lower::Lowering;
use crate::{
    diagnostic::{Diagnostic, INVALID_PATTERN, INVALID_SCHEMA, JSON_SYNTAX, Span, YAML_SYNTAX, has_errors},
    yaml::{self, Node},
};

pub use schema::Schema;
pub use types::Types;

/// The files below the deployment's `schemas/` folder by their path in it, with `/`.
#[derive(Debug, Default)]
pub struct Schemas {
    files: BTreeMap<String, File>,
}

#[derive(Debug)]
struct File {
    /// The schema with its places; `None` if the text is no JSON.
    root: Option<Node>,
    /// Whether anything in it is an error.
    broken: bool,
    /// The files that it refers to directly, also missing ones.
    refers: BTreeSet<String>,
}

impl Schemas {
    /// Takes the files of the folder as text, by their path in it with `/`. Reports what is wrong with each, by path; files
    /// without diagnostics are not listed.
    pub fn load(files: BTreeMap<String, String>) -> (Self, BTreeMap<String, Vec<Diagnostic>>) {
        let mut reports = BTreeMap::new();
        let mut schemas = Self::default();
        for (path, text) in files {
            let (root, found) = parse(&text);
            let file = File { root, broken: has_errors(&found), refers: BTreeSet::new() };
            schemas.files.insert(path.clone(), file);
            reports.insert(path, found);
        }
        let mut checked = Vec::new();
        for (path, file) in &schemas.files {
            let Some(root) = &file.root else { continue };
            let mut lowering = Lowering::new(&schemas);
            lowering.check_file(path, root);
            let mut found = lowering.out;
            found.extend(bad_patterns(&lowering.patterns));
            checked.push((path.clone(), lowering.refers, found));
        }
        for (path, refers, found) in checked {
            let file = schemas.files.get_mut(&path).expect("the file was just checked");
            file.refers = refers;
            file.broken |= has_errors(&found);
            reports.entry(path).or_default().extend(found);
        }
        reports.retain(|_, found| !found.is_empty());
        (schemas, reports)
    }

    /// The files that a schema depends on, directly or through other files, also those that are missing: a change of any of
    /// them, and of no other, may change what the schema means.
    pub fn reached(&self, schema: &Node) -> BTreeSet<String> {
        let mut lowering = Lowering::new(self);
        lowering.action(schema);
        let mut reached = BTreeSet::new();
        let mut waiting: Vec<&String> = lowering.refers.iter().collect();
        while let Some(path) = waiting.pop() {
            if reached.insert(path.clone()) {
                waiting.extend(self.files.get(path).into_iter().flat_map(|file| &file.refers));
            }
        }
        reached
    }

    /// Compiles the schema of an action file: about 25 µs.
    pub fn compile(&self, schema: &Node, out: &mut Vec<Diagnostic>) -> Option<Arc<Schema>> {
        let mut lowering = Lowering::new(self);
        let json = lowering.action(schema);
        let Lowering { out: mut found, patterns, .. } = lowering;
        let mut compiled = None;
        if !has_errors(&found) {
            match Schema::new(json) {
                Ok(schema) => compiled = Some(Arc::new(schema)),
                Err(error) => {
                    found.extend(bad_patterns(&patterns));
                    if found.is_empty() {
                        let place = schema.at_pointer(error.instance_path().as_str()).span;
                        found.push(INVALID_SCHEMA.at(place, error.to_string()));
                    }
                }
            }
        }
        out.append(&mut found);
        compiled
    }
}

/// The patterns that the engine refuses.
fn bad_patterns(patterns: &[(Span, String)]) -> impl Iterator<Item = Diagnostic> {
    patterns.iter().filter(|(_, pattern)| !schema::is_pattern(pattern)).map(|(span, pattern)| {
        let message = format!("`{pattern}` is not a regular expression that can be used here");
        let help = "look-around and back-references are not known, and repeating many thousand times is too large";
        INVALID_PATTERN.at(*span, message).help(help)
    })
}

/// Reads a file. JSON is YAML as well, so that the same reader gives the places; but only JSON is taken.
fn parse(text: &str) -> (Option<Node>, Vec<Diagnostic>) {
    if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
        let message = error.to_string();
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
        let line = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum::<usize>();
        let at = (line + error.column().saturating_sub(1)).min(text.len());
        return (None, vec![JSON_SYNTAX.at(at..at + usize::from(at < text.len()), format!("not JSON: {message}"))]);
    }
    let (document, mut found) = yaml::parse(text);
    for diagnostic in &mut found {
        if diagnostic.rule.name == YAML_SYNTAX.name {
            diagnostic.rule = &JSON_SYNTAX;
            diagnostic.help.get_or_insert_with(|| "write control characters as escapes, such as \\u007f".into());
        }
    }
    (document.map(|document| document.root), found)
}
