//! `# datadip: allow(a, b)`: silences warnings and notes at a place of the file.

use std::ops::Range;

use crate::{
    diagnostic::{Diagnostic, LIVE_RULES, Level, RULES, Source, Span, UNKNOWN_RULE, UNUSED_ALLOW, has_errors, suggest},
    spec::ActionSpec,
    yaml::{Comment, Text},
};

/// Who looked for what is silenced: each tells only of the rules that it can find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finder {
    /// The check of files.
    Files,
    /// A live backend.
    Live,
}

/// Removes the warnings and notes that the file's comments allow, from everything that was found in it. A name that is
/// no rule, and one that silences nothing, is a warning itself; where errors kept rules from running, nothing is said of
/// the latter.
pub fn silence(
    source: &Source,
    comments: &[Comment],
    spec: Option<&ActionSpec>,
    finder: Finder,
    out: &mut Vec<Diagnostic>,
) {
    let templates: Vec<&Text> =
        spec.iter().flat_map(|spec| spec.sql.iter().flat_map(|sql| &sql.0).chain(&spec.soql)).collect();
    let mut allows = Vec::new();
    for comment in comments {
        let indent = comment.text.len() - comment.text.trim_start().len();
        let start = comment.span.start as usize + 1 + indent;
        read(
            comment.text.trim_start(),
            |name| Span::new(start + name.start, start + name.end),
            comment.span,
            &mut allows,
        );
    }
    for template in &templates {
        for (at, _) in template.value.match_indices("{#") {
            let body = &template.value[at + 2..];
            let body = &body[..body.find("#}").unwrap_or(body.len())];
            let indent = body.len() - body.trim_start_matches(['-', '+', ' ', '\n']).len();
            let start = at + 2 + indent;
            let place = |name: Range<usize>| template.span_of(start + name.start..start + name.end);
            read(&body[indent..], place, template.span_of(at..at + 2), &mut allows);
        }
    }
    if allows.is_empty() {
        return;
    }
    let lines = Lines::new(&source.text);
    for allow in &mut allows {
        allow.lines = lines.covered(allow.comment, &templates);
    }
    let errors = has_errors(out);
    out.retain(|found| {
        let line = lines.of(found.span.start);
        let mut silenced = false;
        for allow in allows.iter_mut().filter(|allow| allow.lines.contains(&line) && allow.name == found.rule.name) {
            allow.used = true;
            silenced = found.level != Level::Error;
        }
        !silenced
    });
    for allow in allows {
        let live = LIVE_RULES.iter().any(|rule| rule.name == allow.name);
        if live != (finder == Finder::Live) {
            continue;
        }
        match RULES.iter().find(|rule| rule.name == allow.name) {
            None => {
                let message = format!("`{}` is no rule", allow.name);
                let help = suggest::nearest(&allow.name, RULES.iter().map(|rule| rule.name));
                let help = help.map(|near| format!("did you mean `{near}`?"));
                out.push(UNKNOWN_RULE.at(allow.span, message).maybe_help(help));
            }
            Some(_) if !allow.used && !errors => {
                let message = format!("`{}` is allowed here, and nothing of it was found", allow.name);
                out.push(UNUSED_ALLOW.at(allow.span, message).help("remove it"));
            }
            Some(rule) if allow.used && rule.level == Level::Error => {
                let message = format!("`{}` is an error, and errors cannot be allowed", allow.name);
                out.push(UNUSED_ALLOW.at(allow.span, message).help("mend the error, and remove this"));
            }
            Some(_) => {}
        }
    }
}

/// One name in one comment.
struct Allow {
    name: String,
    span: Span,
    comment: Span,
    lines: Range<usize>,
    used: bool,
}

/// Reads `datadip: allow(a, b)`, whatever follows it.
fn read(text: &str, place: impl Fn(Range<usize>) -> Span, comment: Span, allows: &mut Vec<Allow>) {
    let Some(rest) = text.strip_prefix("datadip:") else { return };
    let Some(names) = rest.trim_start().strip_prefix("allow(") else { return };
    let mut at = text.len() - names.len();
    let names = names.split_once(')').map_or(names, |(names, _)| names);
    for piece in names.split(',') {
        let name = piece.trim();
        let start = at + (piece.len() - piece.trim_start().len());
        if !name.is_empty() {
            let span = place(start..start + name.len());
            allows.push(Allow { name: name.to_owned(), span, comment, lines: 0..0, used: false });
        }
        at += piece.len() + 1;
    }
}

/// The lines of a file, counted from 0.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    fn of(&self, offset: u32) -> usize {
        self.starts.partition_point(|&start| start <= offset as usize).saturating_sub(1)
    }

    fn text(&self, line: usize) -> &'a str {
        let start = self.starts.get(line).copied().unwrap_or(self.text.len());
        let end = self.starts.get(line + 1).copied().unwrap_or(self.text.len());
        self.text[start..end].trim()
    }

    /// The lines that a comment speaks of: its own, or the next one that is no comment where it stands alone. The line of
    /// a statement's key stands for the whole statement.
    fn covered(&self, comment: Span, templates: &[&Text]) -> Range<usize> {
        let alone = |line: usize| {
            let text = self.text(line);
            text.starts_with('#') || (text.starts_with("{#") && text.find("#}").is_none_or(|end| end + 2 == text.len()))
        };
        let mut line = self.of(comment.start);
        if alone(line) {
            line += 1;
            while line < self.starts.len() && (alone(line) || self.text(line).is_empty()) {
                line += 1;
            }
        }
        let key = self.text(line);
        if !key.starts_with("sql:") && !key.starts_with("soql:") {
            return line..line + 1;
        }
        let last = templates.last().map_or(line, |template| self.of(template.span.end.saturating_sub(1)));
        line..last.max(line) + 1
    }
}
