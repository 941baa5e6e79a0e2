//! A finished text together with the way back to the file: which byte of it the author wrote where.

use std::{fmt::Write, ops::Range, sync::Arc};

use super::{Dialect, tree::Node};
use crate::{diagnostic::Span, value::ParamType, yaml::Text};

/// The text of one shape, as it is checked at load and by lint.
#[derive(Clone, Debug)]
pub struct ShapeText {
    /// The text, with placeholders in the dialect's form.
    pub text: String,
    /// Where placeholders were written, in order.
    pub placeholders: Vec<PlaceholderSite>,
    /// Where each piece of the text comes from: from this offset on, up to the next piece.
    pub segments: Vec<(usize, Origin)>,
    pub(super) sources: Arc<Sources>,
}

/// One placeholder of a finished text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceholderSite {
    /// Its bytes in the text.
    pub range: Range<usize>,
    /// Which `{{ … }}` of the template wrote it, counted from 0; one site may write several.
    pub site: usize,
    /// Whether it is one of the placeholders of a list (`spread`).
    pub spread: bool,
    /// Whether its value escapes wildcards with `\`, so that a dialect without a default escape character needs
    /// `ESCAPE`.
    pub like: bool,
    /// The type that is bound there, whatever the value.
    pub ty: ParamType,
}

/// Where a piece of a finished text comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Copied from the template, beginning at this offset of it.
    Template(usize),
    /// The text of a word of a choice, from its beginning.
    Choice {
        /// The parameter.
        param: usize,
        /// The word, in the file's order.
        word: usize,
    },
    /// Written for this site (placeholders and the commas between them).
    Site(usize),
}

/// The texts of the file that finished texts are made of.
#[derive(Debug)]
pub(super) struct Sources {
    /// The template.
    pub template: Text,
    /// The place of each site's `{{ … }}` in the template.
    pub sites: Vec<Range<usize>>,
    /// The texts of each parameter's choices; empty for other parameters.
    pub choices: Vec<Vec<Text>>,
}

impl ShapeText {
    /// The place in the file of a range of the finished text: of the template, of a choice's text, or of the `{{ … }}`
    /// that wrote a placeholder. A range over several of them is shown as far as it lies in the first one's scalar.
    pub fn span_of(&self, range: Range<usize>) -> Span {
        let first = self.piece_at(range.start);
        let last = self.piece_at(range.end.saturating_sub(1).max(range.start));
        let mut span = self.span_in(first, &range);
        for piece in first + 1..=last {
            match self.segments[piece].1 {
                Origin::Choice { .. } => break,
                _ if matches!(self.segments[first].1, Origin::Choice { .. }) => break,
                _ => span.end = span.end.max(self.span_in(piece, &range).end),
            }
        }
        span
    }

    /// The piece that holds a byte of the text.
    fn piece_at(&self, offset: usize) -> usize {
        self.segments.partition_point(|&(start, _)| start <= offset).saturating_sub(1)
    }

    /// The place of the part of `range` that lies in one piece.
    fn span_in(&self, piece: usize, range: &Range<usize>) -> Span {
        let Some(&(start, origin)) = self.segments.get(piece) else { return self.sources.template.span };
        let end = self.segments.get(piece + 1).map_or(self.text.len(), |&(next, _)| next);
        let from = range.start.clamp(start, end) - start;
        let to = range.end.clamp(start, end) - start;
        match origin {
            Origin::Template(offset) => self.sources.template.span_of(offset + from..offset + to),
            Origin::Choice { param, word } => self.sources.choices[param][word].span_of(from..to),
            Origin::Site(site) => self.sources.template.span_of(self.sources.sites[site].clone()),
        }
    }
}

/// The longest text of a shape, in bytes.
pub(super) const MAX_TEXT_BYTES: usize = 256 * 1024;

/// Why there is no text for some decisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoText {
    /// It would be longer than [`MAX_TEXT_BYTES`], or have more placeholders than the server takes.
    TooLarge,
    /// The decisions are not of this template.
    Foreign,
}

/// Writes the text of some decisions. This is the second phase of a call: it sees no values.
pub(super) fn write(
    nodes: &[Node],
    sources: &Arc<Sources>,
    dialect: Dialect,
    decisions: &[u32],
) -> Result<ShapeText, NoText> {
    let text = ShapeText {
        text: String::with_capacity(sources.template.value.len() + 64),
        placeholders: Vec::new(),
        segments: Vec::new(),
        sources: Arc::clone(sources),
    };
    let mut writer = Writer { text, dialect, decisions: decisions.iter() };
    writer.write(nodes)?;
    if writer.decisions.next().is_some() { Err(NoText::Foreign) } else { Ok(writer.text) }
}

struct Writer<'a> {
    text: ShapeText,
    dialect: Dialect,
    decisions: std::slice::Iter<'a, u32>,
}

impl Writer<'_> {
    fn write(&mut self, nodes: &[Node]) -> Result<(), NoText> {
        let sources = Arc::clone(&self.text.sources);
        for node in nodes {
            match node {
                Node::Text(range) => {
                    self.piece(Origin::Template(range.start), &sources.template.value[range.clone()]);
                }
                Node::Bind(site) => {
                    self.piece(Origin::Site(site.id), "");
                    self.placeholder(site.id, false, site.like, site.ty);
                }
                Node::Spread(spread) => {
                    let count = self.next()?;
                    let comma = if self.dialect == Dialect::Soql { "," } else { ", " };
                    self.piece(Origin::Site(spread.id), "");
                    for at in 0..count {
                        if at > 0 {
                            self.text.text.push_str(comma);
                        }
                        self.placeholder(spread.id, true, false, spread.ty);
                        self.check_size()?;
                    }
                }
                Node::Choice { param, .. } => {
                    let word = self.next()?;
                    let choices = sources.choices.get(*param).ok_or(NoText::Foreign)?;
                    let text = choices.get(word).ok_or(NoText::Foreign)?;
                    self.piece(Origin::Choice { param: *param, word }, &text.value);
                }
                Node::If { branches, otherwise } => {
                    let taken = self.next()?;
                    let body = match branches.get(taken) {
                        Some((_, body)) => body,
                        None if taken == branches.len() => otherwise,
                        None => return Err(NoText::Foreign),
                    };
                    self.write(body)?;
                }
                Node::For { body, .. } => {
                    for _ in 0..self.next()? {
                        self.write(body)?;
                        self.check_size()?;
                    }
                }
            }
        }
        self.check_size()
    }

    fn next(&mut self) -> Result<usize, NoText> {
        self.decisions.next().map(|&decision| decision as usize).ok_or(NoText::Foreign)
    }

    fn piece(&mut self, origin: Origin, text: &str) {
        self.text.segments.push((self.text.text.len(), origin));
        self.text.text.push_str(text);
    }

    fn placeholder(&mut self, site: usize, spread: bool, like: bool, ty: ParamType) {
        let start = self.text.text.len();
        match self.dialect {
            Dialect::Postgres => {
                // Writing to a String cannot fail.
                let _ = write!(self.text.text, "${}", self.text.placeholders.len() + 1);
            }
            Dialect::Sqlite | Dialect::Mysql | Dialect::Snowflake | Dialect::Soql => self.text.text.push('?'),
        }
        self.text.placeholders.push(PlaceholderSite { range: start..self.text.text.len(), site, spread, like, ty });
    }

    fn check_size(&self) -> Result<(), NoText> {
        let fits =
            self.text.text.len() <= MAX_TEXT_BYTES && self.text.placeholders.len() <= self.dialect.max_placeholders();
        if fits { Ok(()) } else { Err(NoText::TooLarge) }
    }
}
