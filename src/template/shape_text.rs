//! A finished text together with the way back to the file: which byte of it the author wrote where.

use std::{ops::Range, sync::Arc};

use crate::{diagnostic::Span, yaml::Text};

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
