//! `${NAME}`, `${NAME:-default}` and `${file:/path}` in the values of `datadip.yaml`: replaced after parsing, and kept out
//! of every message. The only code that asks the environment.

use std::{
    io,
    path::{Path, PathBuf},
};

use serde_json::Value as Json;

use crate::{
    diagnostic::{BAD_ADDRESS, BAD_VALUE, Diagnostic, Span, UNRESOLVED_REFERENCE, password},
    yaml::{Kind, Node, Style, Text, resolve},
};

/// Where secrets come from.
pub trait Environment: Sync {
    /// An environment variable; an unset one and one that is not UTF-8 are `None`.
    fn variable(&self, name: &str) -> Option<String>;

    /// A file's text.
    fn file(&self, path: &Path) -> io::Result<String>;
}

/// The environment of this process, and its files.
#[derive(Debug)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn file(&self, path: &Path) -> io::Result<String> {
        let size = std::fs::metadata(path)?.len();
        if size > MAX_SECRET_BYTES {
            return Err(io::Error::other(format!("it has {size} bytes; at most {MAX_SECRET_BYTES} are read")));
        }
        std::fs::read_to_string(path)
    }
}

/// A file that a value is read from is at most this long: a bundle of certificates has some hundred KiB.
const MAX_SECRET_BYTES: u64 = 1024 * 1024;
/// Keys whose value is the path of a file and stands for what is in it.
const FILE_KEYS: [&str; 2] = ["private_key_file", "tls_ca"];

/// A value's references, replaced.
struct Replaced {
    span: Span,
    /// As written, for messages.
    written: String,
    /// What stands there now; `None` where the secrets are not needed and this one has no default.
    value: Option<String>,
}

/// The references of one file.
pub struct Expansion<'a> {
    environment: Option<&'a dyn Environment>,
    folder: &'a Path,
    replaced: Vec<Replaced>,
    /// The files that `${file:…}` and keys such as `private_key_file` name.
    pub files: Vec<PathBuf>,
}

impl<'a> Expansion<'a> {
    /// Without an `environment` only defaults are put in, and a reference without one is left as it is: lint needs no
    /// secrets. Relative paths begin in `folder`.
    pub fn new(environment: Option<&'a dyn Environment>, folder: &'a Path) -> Self {
        Self { environment, folder, replaced: Vec::new(), files: Vec::new() }
    }

    /// Replaces the references in all values of a tree; reports each that has no value.
    pub fn expand(&mut self, node: &mut Node, out: &mut Vec<Diagnostic>) {
        match &mut node.kind {
            Kind::Scalar(text) if text.value.contains("${") => {
                if let Some(value) = self.replace(text, out) {
                    *text = text.replaced(style(&value), value);
                }
            }
            Kind::Scalar(_) => {}
            Kind::List(items) => items.iter_mut().for_each(|item| self.expand(item, out)),
            Kind::Map(entries) => {
                for (key, node) in entries {
                    self.expand(node, out);
                    if FILE_KEYS.contains(&key.value.as_str()) {
                        self.read_named(node, out);
                    }
                }
            }
        }
    }

    /// Puts what is in a file in the place of its path.
    fn read_named(&mut self, node: &mut Node, out: &mut Vec<Diagnostic>) {
        let Kind::Scalar(text) = &mut node.kind else { return };
        let path = self.replaced.iter().position(|replaced| replaced.span == text.span);
        if text.value.trim().is_empty() || path.is_some_and(|at| self.replaced[at].value.is_none()) {
            return;
        }
        let value = self.read(&text.value, text.span, out);
        match path {
            // What is said of the file names the reference to its path.
            Some(at) => self.replaced[at].value.clone_from(&value),
            None => self.replaced.push(Replaced { span: text.span, written: text.value.clone(), value: value.clone() }),
        }
        if let Some(value) = value {
            *text = text.replaced(Style::Text, value);
        }
    }

    /// The text of a file.
    fn read(&mut self, path: &str, span: Span, out: &mut Vec<Diagnostic>) -> Option<String> {
        let path = self.folder.join(path);
        self.files.push(path.clone());
        let text = self.environment?.file(&path);
        let unreadable = |error| UNRESOLVED_REFERENCE.at(span, format!("`{}` cannot be read: {error}", path.display()));
        text.map_err(|error| out.push(unreadable(error))).ok()
    }

    /// Takes the values out of messages, and the passwords of addresses that are no references: what is said of a value that came from elsewhere names the reference instead, and
    /// what is said of one that is not known is not said.
    pub fn redact(&self, diagnostics: &mut Vec<Diagnostic>) {
        diagnostics.retain_mut(|diagnostic| {
            for Replaced { written, value, .. } in &self.replaced {
                let Some(value) = value.as_deref().filter(|value| !value.is_empty()) else { continue };
                diagnostic.message = diagnostic.message.replace(value, written);
                diagnostic.help = diagnostic.help.take().map(|help| help.replace(value, written));
            }
            let at = self.replaced.iter().find(|replaced| replaced.span == diagnostic.span);
            match at {
                Some(Replaced { value: None, .. }) if diagnostic.rule.name != UNRESOLVED_REFERENCE.name => {
                    return false;
                }
                // Says nothing of what stands in an address, see its page.
                Some(Replaced { value: Some(value), .. })
                    if diagnostic.rule.name == BAD_ADDRESS.name && !value.is_empty() => {}
                Some(Replaced { value: Some(value), written, .. }) => {
                    let expected =
                        diagnostic.message.split(", got ").next().filter(|text| text.starts_with("expected "));
                    diagnostic.message = match expected {
                        _ if value.is_empty() => format!("expected a value, got nothing by `{written}`"),
                        Some(expected) => format!("{expected}, got something else by `{written}`"),
                        None => format!("the value that `{written}` stands for does not fit here"),
                    };
                    diagnostic.help = None;
                }
                _ => {}
            }
            diagnostic.message = password::hide(&diagnostic.message, 0..0).0;
            true
        });
    }

    /// What the references stand for, for a digest.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.replaced.iter().filter_map(|replaced| replaced.value.as_deref())
    }

    fn replace(&mut self, text: &Text, out: &mut Vec<Diagnostic>) -> Option<String> {
        let mut value = String::new();
        let mut known = true;
        let mut rest = 0;
        while let Some(found) = text.value[rest..].find("${") {
            let start = rest + found;
            value.push_str(&text.value[rest..start]);
            let Some(length) = text.value[start..].find('}') else {
                let message = "expected `}` at the end of `${`";
                out.push(BAD_VALUE.at(text.span_of(start..start + 2), message));
                return None;
            };
            let end = start + length + 1;
            match self.look_up(&text.value[start + 2..end - 1], text.span_of(start..end), out) {
                Some(found) => value.push_str(&found),
                None => known = false,
            }
            rest = end;
        }
        value.push_str(&text.value[rest..]);
        let value = known.then_some(value);
        self.replaced.push(Replaced { span: text.span, written: text.value.clone(), value: value.clone() });
        value
    }

    fn look_up(&mut self, reference: &str, span: Span, out: &mut Vec<Diagnostic>) -> Option<String> {
        if let Some(path) = reference.strip_prefix("file:") {
            let text = self.read(path, span, out)?;
            return Some(text.strip_suffix('\n').map_or(text.as_str(), |t| t.trim_end_matches('\r')).to_owned());
        }
        let (name, default) = match reference.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (reference, None),
        };
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(word) {
            let message = format!("expected the name of an environment variable, got {name:?}");
            out.push(BAD_VALUE.at(span, message).help("write ${NAME}, ${NAME:-default} or ${file:/path}"));
            return None;
        }
        let value = self.environment.and_then(|environment| environment.variable(name));
        // As in a shell, `:-` also stands in for a variable that is set to nothing.
        let value = value.filter(|value| !value.is_empty() || default.is_none()).or(default.map(str::to_owned));
        if value.is_none() && self.environment.is_some() {
            let message = format!("the environment variable `{name}` is not set");
            out.push(UNRESOLVED_REFERENCE.at(span, message).help(format!("set it, or write ${{{name}:-default}}")));
        }
        value
    }
}

/// A replaced value counts as a number or a boolean where it is spelled like one, so that `"${WORKERS}"` may stand for 4;
/// anything else is text whatever it looks like.
fn style(value: &str) -> Style {
    match resolve(value) {
        Json::Number(number) if number.to_string() == value => Style::Plain,
        Json::Bool(boolean) if boolean.to_string() == value => Style::Plain,
        _ => Style::Text,
    }
}
