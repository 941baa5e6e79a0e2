//! What is wrong in an author's file, and where.
//!
//! A [`Diagnostic`] belongs to one [`Source`] and points at bytes of it. Stages collect diagnostics and go on, so that
//! one run reports everything; nothing here prints, and nothing here knows what a file means. The formats
//! ([`text`], [`json`], [`sarif`], [`github`]) are separate from what they show.

pub mod github;
pub mod json;
pub mod password;
mod rules;
pub mod sarif;
pub mod suggest;
pub mod text;

use std::{ops::Range, sync::Arc};

pub use rules::*;

/// How bad a [`Diagnostic`] is. An error keeps a file from loading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The file cannot be served.
    Error,
    /// The file is served; the author most likely meant something else.
    Warning,
    /// Worth knowing.
    Note,
}

impl Level {
    /// The word used in every output format.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One thing that lint can find: its kebab-case name, its usual level and its page in `docs/rules/`.
#[derive(Debug)]
pub struct Rule {
    /// Kebab-case name, as printed in brackets and taken by `datadip explain`.
    pub name: &'static str,
    /// The level of its diagnostics unless `datadip.yaml` changes it.
    pub level: Level,
    /// The page: what it does, why it is bad, an example and what to write instead, in Markdown.
    pub page: &'static str,
}

impl Rule {
    /// A diagnostic of this rule at `span`.
    pub fn at(&'static self, span: impl Into<Span>, message: impl Into<String>) -> Diagnostic {
        Diagnostic { rule: self, level: self.level, message: message.into(), help: None, span: span.into() }
    }

    /// What it does: the paragraph below the title of its page, as one line.
    pub fn description(&self) -> String {
        let below = self.page.lines().skip(1).skip_while(|line| line.is_empty());
        below.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// The first sentence of [`Rule::description`].
    pub fn summary(&self) -> String {
        let mut description = self.description();
        if let Some(end) = description.find(". ") {
            description.truncate(end + 1);
        }
        description
    }
}

/// A range of bytes in a [`Source`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The span from `start` to `end`, both in bytes.
    pub fn new(start: usize, end: usize) -> Self {
        // Files over 4 GiB are refused long before this (`yaml::MAX_BYTES`).
        Self { start: start as u32, end: end as u32 }
    }

    /// The same as a range, for slicing.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

impl From<Range<usize>> for Span {
    fn from(range: Range<usize>) -> Self {
        Self::new(range.start, range.end)
    }
}

/// One finding, at one place of one file.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// The rule that found it.
    pub rule: &'static Rule,
    /// Its level here; `datadip.yaml` may have changed the rule's own.
    pub level: Level,
    /// What was expected and what came, in one sentence without a full stop.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// Where, in bytes of the file.
    pub span: Span,
}

impl Diagnostic {
    /// The same diagnostic with a help line that says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same diagnostic with a help line if there is one to give.
    #[must_use]
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }
}

/// Where a [`Span`] begins and ends for people: lines and columns from 1, columns in characters, the end after its last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line of its first character.
    pub line: usize,
    /// The column of its first character.
    pub column: usize,
    /// The line on which it ends.
    pub end_line: usize,
    /// The column after its last character.
    pub end_column: usize,
}

/// A file as its author wrote it: the path as shown, and the text that spans point into.
#[derive(Debug)]
pub struct Source {
    /// The path as printed: relative to the deployment, with `/`.
    pub path: String,
    /// The file's text. Never expanded: `${…}` stays as written. A password may stand in it, see [`password`].
    pub text: String,
}

impl Source {
    /// The nearest span whose ends are bytes where characters begin, on lines that the file has: the place after a last
    /// line feed is the end of the last line.
    pub fn clamp(&self, span: Span) -> Span {
        let last = self
            .text
            .strip_suffix('\n')
            .map_or(self.text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text))
            .len();
        let start = self.text.floor_char_boundary((span.start as usize).min(last));
        let end = self.text.ceil_char_boundary((span.end as usize).min(self.text.len()));
        Span::new(start, end.max(start))
    }

    /// The place of a span, clamped.
    pub fn place(&self, span: Span) -> Place {
        let span = self.clamp(span);
        let (line, column) = self.line_column(span.start);
        let (end_line, end_column) = self.line_column(span.end);
        Place { line, column, end_line, end_column }
    }

    /// The text of the line on which a span begins, without its end.
    pub fn line_of(&self, span: Span) -> &str {
        let start = self.clamp(span).start as usize;
        let start = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line = self.text[start..].split('\n').next().unwrap_or_default();
        line.strip_suffix('\r').unwrap_or(line)
    }

    /// Line and column of a byte offset, both from 1, the column in characters.
    pub fn line_column(&self, offset: u32) -> (usize, usize) {
        let before = &self.text[..self.text.floor_char_boundary(offset as usize)];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

/// The diagnostics of one file, together with the text that they point into.
#[derive(Clone, Debug)]
pub struct Report {
    /// The file.
    pub source: Arc<Source>,
    /// Its diagnostics, ordered by place.
    pub diagnostics: Vec<Diagnostic>,
}

impl Report {
    /// Orders `diagnostics` by place and drops exact repeats.
    pub fn new(source: Arc<Source>, mut diagnostics: Vec<Diagnostic>) -> Self {
        diagnostics.sort_by(|a, b| {
            (a.span, a.level, a.rule.name, &a.message).cmp(&(b.span, b.level, b.rule.name, &b.message))
        });
        diagnostics.dedup_by(|a, b| a.span == b.span && a.rule.name == b.rule.name && a.message == b.message);
        Self { source, diagnostics }
    }

    /// How many diagnostics have this level.
    pub fn count(&self, level: Level) -> usize {
        self.diagnostics.iter().filter(|d| d.level == level).count()
    }
}

/// Whether a part of a file has an error: what could not be read there is absent, and nothing can be said of its absence.
pub fn has_errors_in(diagnostics: &[Diagnostic], part: Span) -> bool {
    let inside = |d: &Diagnostic| d.span.start >= part.start && d.span.end <= part.end;
    diagnostics.iter().any(|d| d.level == Level::Error && inside(d))
}

/// Whether any of these keeps its file from loading.
pub fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|d| d.level == Level::Error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_summed_up_by_the_first_sentence_of_its_page_which_may_span_lines() {
        let check = |page, description, summary| {
            let rule = Rule { name: "a", level: Level::Note, page };
            assert_eq!((rule.description().as_str(), rule.summary().as_str()), (description, summary));
        };
        check("# a\n\nFinds 1.5 x\nof y. More.\n\n## Why\n", "Finds 1.5 x of y. More.", "Finds 1.5 x of y.");
        check("# a\n\nOne.\n\n## Why\n", "One.", "One.");
        check("# a\n", "", "");
    }
}
