//! From a schema as written to one that stands alone: every keyword checked at its place, and every schema of a file that it
//! refers to copied into its `$defs`, so that the validator and readers of OpenAPI see the same and never look elsewhere.

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value as Json};

use super::{
    File, Schemas,
    keywords::{self, DIALECT, FORMATS, Form},
    reference::{self, Dangling},
};
use crate::{
    diagnostic::{Diagnostic, INVALID_SCHEMA, SCHEMA_REFERENCE, Span, UNKNOWN_FORMAT, UNKNOWN_SCHEMA_KEYWORD, suggest},
    yaml::{Kind, Node, Text},
};

/// How deep a schema may be: its own nesting, and on top of it that of each schema referred to, for a chain of references
/// may lead through all of them. Checking recurses so deep for every level of a value.
const MAX_NESTING: usize = 400;

/// A document that is being lowered: an action's schema, or a file.
#[derive(Clone, Copy)]
struct Document<'a> {
    root: &'a Node,
    /// A file's path below `schemas/`.
    path: Option<&'a str>,
    /// The reference in the action's schema that led to a file.
    origin: Option<Span>,
}

/// A schema of a file that the lowered one needs.
struct Part<'a> {
    path: &'a str,
    pointer: String,
    /// Its key in `$defs`.
    name: String,
    schema: &'a Node,
    origin: Span,
}

pub(super) struct Lowering<'a> {
    schemas: &'a Schemas,
    /// The action's own `$defs`, whose names are taken.
    own: Option<&'a Node>,
    parts: Vec<Part<'a>>,
    /// The files referred to directly, also missing ones.
    pub refers: BTreeSet<String>,
    /// All regular expressions of the document itself, with their places.
    pub patterns: Vec<(Span, String)>,
    pub out: Vec<Diagnostic>,
}

impl<'a> Lowering<'a> {
    pub(super) fn new(schemas: &'a Schemas) -> Self {
        Self { schemas, own: None, parts: Vec::new(), refers: BTreeSet::new(), patterns: Vec::new(), out: Vec::new() }
    }

    /// Checks a file by itself: what it refers to must be there, and is not looked into.
    pub(super) fn check_file(&mut self, path: &'a str, root: &'a Node) {
        self.schema(root, Document { root, path: Some(path), origin: None });
    }

    /// The schema of an action, standing alone. It is of use only if `out` has no error.
    pub(super) fn action(&mut self, root: &'a Node) -> Json {
        self.own = root.get("$defs");
        let mut lowered = self.schema(root, Document { root, path: None, origin: None });
        let mut definitions = Map::new();
        let mut next = 0;
        while let Some(part) = self.parts.get(next).filter(|_| self.parts.len() <= MAX_NESTING) {
            let (name, schema, path, origin) = (part.name.clone(), part.schema, part.path, part.origin);
            next += 1;
            if let Some(File { root: Some(root), broken, .. }) = self.schemas.files.get(path) {
                if *broken {
                    let message = format!("`{path}` below `schemas/` has errors of its own");
                    self.out.push(SCHEMA_REFERENCE.at(origin, message).help("its own report says which"));
                    continue;
                }
                // What is wrong in a file, and its patterns, were reported with it.
                let (found, patterns) = (self.out.len(), self.patterns.len());
                let part = self.schema(schema, Document { root, path: Some(path), origin: Some(origin) });
                self.out.truncate(found);
                self.patterns.truncate(patterns);
                definitions.insert(name, part);
            }
        }
        if let (Json::Object(members), false) = (&mut lowered, definitions.is_empty()) {
            let own = members.entry("$defs").or_insert_with(|| Map::new().into());
            if let Json::Object(own) = own {
                own.extend(definitions);
            }
        }
        if self.parts.len() > MAX_NESTING || nesting(&lowered) > MAX_NESTING {
            let message = format!("expected schemas that nest and refer to each other {MAX_NESTING} deep at most");
            self.out.push(INVALID_SCHEMA.at(root.span, message).help("refer to fewer schemas"));
        }
        lowered
    }

    fn schema(&mut self, node: &'a Node, document: Document<'a>) -> Json {
        let Kind::Map(entries) = &node.kind else {
            let json = node.to_json();
            if !json.is_boolean() {
                let message = format!("expected a schema, got {}", node.describe());
                self.out.push(
                    INVALID_SCHEMA.at(node.span, message).help("a schema is a map of keywords, or true or false"),
                );
            }
            return json;
        };
        let mut lowered = Map::new();
        for (key, value) in entries {
            if let Some(json) = self.keyword(key, value, document) {
                lowered.insert(key.value.clone(), json);
            }
        }
        Json::Object(lowered)
    }

    /// The value of one keyword, or nothing if it is wrong or is not needed any more.
    fn keyword(&mut self, key: &'a Text, value: &'a Node, document: Document<'a>) -> Option<Json> {
        let Some(form) = keywords::form(&key.value) else {
            if key.value.starts_with("x-") {
                return Some(value.to_json());
            }
            let message = format!("unknown schema keyword `{}`", key.value);
            self.out.push(UNKNOWN_SCHEMA_KEYWORD.at(key.span, message).maybe_help(keywords::instead_of(&key.value)));
            return None;
        };
        let misfits = form.misfits(value);
        if !misfits.is_empty() {
            self.out.extend(misfits.into_iter().map(|misfit| {
                let message = format!("`{}`: expected {}, got {}", key.value, misfit.expected, misfit.node.describe());
                INVALID_SCHEMA.at(misfit.node.span, message).maybe_help(misfit.help)
            }));
            return None;
        }
        match (form, &value.kind) {
            (Form::Schema, _) => Some(self.schema(value, document)),
            (Form::SchemaList, Kind::List(items)) => {
                items.iter().map(|item| Some(self.schema(item, document))).collect()
            }
            (Form::SchemaMap | Form::PatternMap, Kind::Map(members)) => {
                if form == Form::PatternMap {
                    self.patterns.extend(members.iter().map(|(name, _)| (name.span, name.value.clone())));
                }
                let members = members.iter().map(|(name, member)| (name.value.clone(), self.schema(member, document)));
                Some(Json::Object(members.collect()))
            }
            (Form::Reference, Kind::Scalar(text)) => self.reference(text, document),
            (Form::Name, Kind::Scalar(text)) => {
                self.name(&key.value, text, document);
                None
            }
            (Form::Format, Kind::Scalar(text)) if !FORMATS.contains(&text.value.as_str()) => {
                let message = format!("unknown format `{}`", text.value);
                self.out.push(UNKNOWN_FORMAT.at(text.span, message).maybe_help(suggest::help(&text.value, FORMATS)));
                None
            }
            (Form::Pattern, Kind::Scalar(text)) => {
                self.patterns.push((text.span, text.value.clone()));
                Some(value.to_json())
            }
            _ => Some(value.to_json()),
        }
    }

    /// `$schema` may name the one dialect, `$id` the file itself; `$anchor` is resolved where it is referred to.
    fn name(&mut self, keyword: &str, text: &Text, document: Document<'a>) {
        let (message, help) = match keyword {
            "$schema" if text.value.trim_end_matches('#') != DIALECT => (
                format!("`{}` is not the dialect of result schemas", text.value),
                format!("write {DIALECT}, or leave it out"),
            ),
            "$id"
                if document.path.is_none()
                    || !matches!(reference::split(&text.value, document.path), Ok((None, _))) =>
            {
                let help = "leave `$id` out: a file's address is its path below `schemas/`".to_string();
                (format!("`{}` is not this schema's address", text.value), help)
            }
            _ => return,
        };
        self.out.push(SCHEMA_REFERENCE.at(text.span, message).help(help));
    }

    fn reference(&mut self, text: &'a Text, document: Document<'a>) -> Option<Json> {
        match self.resolve(text, document) {
            Ok(local) => Some(local.into()),
            Err(Dangling { message, help }) => {
                self.out.push(SCHEMA_REFERENCE.at(text.span, message).maybe_help(help));
                None
            }
        }
    }

    /// The reference inside the lowered schema that stands for one as written.
    fn resolve(&mut self, text: &'a Text, document: Document<'a>) -> Result<String, Dangling> {
        let (path, fragment) = reference::split(&text.value, document.path)?;
        let (path, root) = match path {
            Some(path) => {
                self.refers.insert(path.clone());
                let (path, file) = self.schemas.files.get_key_value(&path).ok_or_else(|| self.missing(&path))?;
                match &file.root {
                    Some(root) => (Some(path.as_str()), root),
                    None => {
                        let message = format!("`{path}` below `schemas/` has errors of its own");
                        return Err(Dangling { message, help: Some("its own report says which".into()) });
                    }
                }
            }
            None => (document.path, document.root),
        };
        let (schema, pointer) = reference::find(root, &fragment)?;
        let Some(path) = path else { return Ok(format!("#{}", reference::encode(&pointer))) };
        let origin = document.origin.unwrap_or(text.span);
        let known = self.parts.iter().find(|part| part.path == path && part.pointer == pointer);
        let name = match known {
            Some(part) => part.name.clone(),
            None => {
                let name = self.unused_name(path, &pointer);
                self.parts.push(Part { path, pointer, name: name.clone(), schema, origin });
                name
            }
        };
        Ok(format!("#/$defs/{name}"))
    }

    fn missing(&self, path: &str) -> Dangling {
        let files = || self.schemas.files.keys().map(String::as_str);
        let help = match path.strip_prefix("schemas/") {
            Some(inside) if files().any(|file| file == inside) => Some(format!("write `{inside}`")),
            _ => suggest::help(path, files().collect::<Vec<_>>()),
        };
        Dangling { message: format!("there is no file `{path}` below `schemas/`"), help }
    }

    /// A key of `$defs` that needs no escaping, tells where the part comes from and is not taken.
    fn unused_name(&self, path: &str, pointer: &str) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '.' { c } else { '_' };
        let name: String = format!("file.{path}{pointer}").chars().map(plain).collect();
        let own = |name: &str| self.own.is_some_and(|own| own.get(name).is_some());
        let taken = |name: &str| own(name) || self.parts.iter().any(|part| part.name == name);
        let numbered = (2..).map(|number| format!("{name}.{number}"));
        std::iter::once(name.clone()).chain(numbered).find(|name| !taken(name)).expect("numbers do not run out")
    }
}

fn nesting(root: &Json) -> usize {
    let mut references = BTreeSet::new();
    let own = depth(root, &mut references);
    let target = |reference: &&str| root.pointer(&percent_decode_str(&reference[1..]).decode_utf8_lossy());
    own + references.iter().filter_map(target).map(|schema| depth(schema, &mut BTreeSet::new())).sum::<usize>()
}

/// How many schemas stand inside each other, and what they refer to.
fn depth<'a>(schema: &'a Json, references: &mut BTreeSet<&'a str>) -> usize {
    let Json::Object(members) = schema else { return 1 };
    let mut deepest = 0;
    for (keyword, value) in members {
        let inside = match (keywords::form(keyword), value) {
            (Some(Form::Schema), value) => depth(value, references),
            (Some(Form::SchemaList), Json::Array(items)) => {
                items.iter().map(|item| depth(item, references)).max().unwrap_or(0)
            }
            (Some(Form::SchemaMap | Form::PatternMap), Json::Object(members)) => {
                members.values().map(|member| depth(member, references)).max().unwrap_or(0)
            }
            (Some(Form::Reference), Json::String(reference)) => {
                references.insert(reference);
                0
            }
            _ => 0,
        };
        deepest = deepest.max(inside);
    }
    deepest + 1
}
