//! What a `$ref` names: a file below `schemas/` and a schema in it. Nothing else can be named, and nothing is opened to
//! find that out.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::keywords::{Form, form};
use crate::{
    diagnostic::suggest,
    yaml::{Kind, Node},
};

/// Why a reference names nothing.
#[derive(Debug)]
pub(super) struct Dangling {
    pub message: String,
    pub help: Option<String>,
}

impl Dangling {
    fn new(message: impl Into<String>, help: impl Into<Option<String>>) -> Self {
        Self { message: message.into(), help: help.into() }
    }
}

/// Splits a reference into the file's path below `schemas/`, `None` for the file that it stands in, and the decoded
/// fragment. `from` is the path of that file, `None` in an action file, which counts as standing in `schemas/` itself.
pub(super) fn split(reference: &str, from: Option<&str>) -> Result<(Option<String>, String), Dangling> {
    let (path, fragment) = reference.split_once('#').unwrap_or((reference, ""));
    let fragment = decode(fragment)?;
    if path.is_empty() {
        return Ok((None, fragment));
    }
    let path = decode(path)?;
    let only_files = "only files below `schemas/` can be referred to, by their relative path".to_string();
    if path.starts_with('/') || path.contains([':', '\\', '?', '\0']) {
        return Err(Dangling::new(format!("`{reference}` is not a file below `schemas/`"), only_files));
    }
    let mut segments: Vec<&str> = from.map_or_else(Vec::new, |from| from.split('/').collect());
    segments.pop();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." if segments.is_empty() => {
                return Err(Dangling::new(format!("`{reference}` leaves the folder `schemas/`"), only_files));
            }
            ".." => drop(segments.pop()),
            _ => segments.push(segment),
        }
    }
    let path = segments.join("/");
    Ok(((from != Some(path.as_str())).then_some(path), fragment))
}

fn decode(text: &str) -> Result<String, Dangling> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(Into::into).map_err(|_| Dangling::new(format!("`{text}` is no text after percent-decoding"), None))
}

/// A pointer as the fragment of a reference.
pub(super) fn encode(pointer: &str) -> String {
    const KEPT: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'/').remove(b'$').remove(b'_').remove(b'-').remove(b'.').remove(b'~');
    utf8_percent_encode(pointer, KEPT).to_string()
}

/// The schema that a fragment names in a document, and its JSON pointer.
pub(super) fn find<'a>(root: &'a Node, fragment: &str) -> Result<(&'a Node, String), Dangling> {
    if fragment.is_empty() || fragment.starts_with('/') {
        return at_pointer(root, fragment).map(|node| (node, fragment.into()));
    }
    let mut found = None;
    visit(root, "", &mut |schema, pointer| {
        if schema.get("$anchor").is_some_and(|name| name.to_json() == fragment) {
            found = Some((schema, pointer.to_string()));
        }
    });
    found.ok_or_else(|| {
        let help = "a JSON pointer begins with `/`, as in `#/$defs/row`".to_string();
        Dangling::new(format!("there is no `$anchor: {fragment}`"), help)
    })
}

/// Follows a pointer through keywords that hold schemas: what lies elsewhere (a `const`, a `default`) is no schema.
fn at_pointer<'a>(root: &'a Node, pointer: &str) -> Result<&'a Node, Dangling> {
    let mut node = root;
    let mut place = Form::Schema;
    for segment in pointer.split('/').skip(1) {
        let name = segment.replace("~1", "/").replace("~0", "~");
        let next = match (&node.kind, place) {
            (Kind::List(items), Form::SchemaList) => name.parse::<usize>().ok().and_then(|at| items.get(at)),
            _ => node.get(&name),
        };
        let inside = match place {
            Form::Schema => form(&name).filter(|form| holds_schemas(*form)),
            _ => Some(Form::Schema),
        };
        let (Some(next), Some(inside)) = (next, inside) else {
            let leads_on = |name: &&str| place != Form::Schema || form(name).is_some_and(holds_schemas);
            let names: Vec<&str> = match &node.kind {
                Kind::Map(entries) => entries.iter().map(|(key, _)| key.value.as_str()).filter(leads_on).collect(),
                _ => Vec::new(),
            };
            return Err(Dangling::new(format!("there is no schema at `{pointer}`"), suggest::help(&name, names)));
        };
        (node, place) = (next, inside);
    }
    if place == Form::Schema {
        Ok(node)
    } else {
        Err(Dangling::new(format!("there is no schema at `{pointer}`"), None))
    }
}

fn holds_schemas(form: Form) -> bool {
    matches!(form, Form::Schema | Form::SchemaList | Form::SchemaMap | Form::PatternMap)
}

/// Shows every schema of a document and its pointer, from the outside in.
fn visit<'a>(schema: &'a Node, pointer: &str, show: &mut impl FnMut(&'a Node, &str)) {
    show(schema, pointer);
    let Kind::Map(entries) = &schema.kind else { return };
    for (key, value) in entries {
        let at = format!("{pointer}/{}", escape(&key.value));
        match (form(&key.value), &value.kind) {
            (Some(Form::Schema), _) => visit(value, &at, show),
            (Some(Form::SchemaList), Kind::List(items)) => {
                items.iter().enumerate().for_each(|(index, item)| visit(item, &format!("{at}/{index}"), show));
            }
            (Some(Form::SchemaMap | Form::PatternMap), Kind::Map(members)) => {
                members.iter().for_each(|(name, member)| visit(member, &format!("{at}/{}", escape(&name.value)), show));
            }
            _ => {}
        }
    }
}

fn escape(segment: &str) -> String {
    segment.replace('~', "~0").replace('/', "~1")
}
