//! The third step of a template of SOQL, which has no bind parameters: a shape's text and its binds become a [`Query`], with
//! a typed literal in the place of each placeholder.
//!
//! This is the one place where a value becomes part of a text. Why no value can become more than a value there:
//!
//! - The text around the literals is that of a shape: it was written and checked at load, without any value.
//! - A literal is written by the type of its value, texts in quotes and escaped as Salesforce's own grammar says
//!   (`literal.rs`); what has no literal is refused, never altered.
//! - The finished text is read again, in each call. It must have the tokens of the shape, kind by kind, with exactly one token
//!   of the placeholder's type where each literal was written. A text that has not is refused: it is a fault of ours.
//! - [`Query`] has one constructor, behind that check.

mod grammar;
mod literal;
mod outline;

use std::{collections::BTreeMap, ops::Range};

use super::{
    Bind, Dialect, Refusal, ShapeText,
    lexer::{self, Token, TokenKind},
};
use crate::{
    diagnostic::{Diagnostic, SOQL_GRAMMAR, Span},
    value::{MASK, ParamType},
};
use grammar::SyntaxError;
use literal::literal;

pub(crate) use grammar::parse;
pub use outline::{Base, Field, FieldKind, FieldPath, Name, Outline, Select};

/// The most characters of a query
/// (<https://developer.salesforce.com/docs/atlas.en-us.salesforce_app_limits_cheatsheet.meta/salesforce_app_limits_cheatsheet/salesforce_app_limits_platform_soslsoql.htm>).
const MAX_CHARACTERS: usize = 100_000;
/// What a caller reads whose values make a longer one.
const TOO_LONG: &str = "expected fewer or shorter values: a query has at most 100000 characters";

/// A query of SOQL with its values in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    text: String,
    literals: Box<[Range<usize>]>,
}

impl Query {
    /// The text that Salesforce gets.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text for people: the literals of the binds that are `hidden`, by their number, are masked.
    pub fn masked(&self, hidden: impl Fn(usize) -> bool) -> String {
        let mut shown = String::with_capacity(self.text.len());
        let mut from = 0;
        for (bind, literal) in self.literals.iter().enumerate() {
            if hidden(bind) {
                shown.extend([&self.text[from..literal.start], "'", MASK, "'"]);
                from = literal.end;
            }
        }
        shown + &self.text[from..]
    }
}

/// What a text of SOQL says of its placeholders: made with its statement, so that a call parses nothing.
#[derive(Clone, Debug)]
pub(super) struct Form {
    /// The placeholders, in order.
    places: Box<[Place]>,
    /// The kinds of all tokens of the text, blanks included.
    kinds: Box<[TokenKind]>,
    /// What the query asks for; `None` where it has a fault, so that its template does not compile.
    pub outline: Option<Outline>,
}

#[derive(Clone, Debug)]
struct Place {
    range: Range<usize>,
    role: Role,
    ty: ParamType,
}

/// What the text before a placeholder makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A value of any type.
    Value,
    /// A text: after LIKE, and inside of INCLUDES and EXCLUDES.
    Text,
    /// A pattern after LIKE whose wildcards are escaped with `\`.
    Pattern,
    /// A whole number without sign: of LIMIT, or of days in `LAST_N_DAYS:30`.
    Count,
    /// The same for OFFSET.
    Offset,
    /// A number of degrees, of GEOLOCATION.
    Degrees,
}

impl Role {
    /// The role of a placeholder by the token that decides of it. `like` tells that its wildcards are escaped.
    pub fn of(decides: Option<Token>, text: &str, like: bool) -> Self {
        match decides.map(|token| token.text(text).to_ascii_lowercase()).as_deref() {
            Some("like") if like => Self::Pattern,
            Some("like" | "includes" | "excludes") => Self::Text,
            Some("limit" | ":") => Self::Count,
            Some("offset") => Self::Offset,
            Some("geolocation") => Self::Degrees,
            _ => Self::Value,
        }
    }
}

/// The token that decides of what comes next: the last one, and inside of a list the one before its bracket.
pub(super) fn decides(last: Option<Token>, before_bracket: Option<Token>, text: &str) -> Option<Token> {
    if last.is_some_and(|last| matches!(last.text(text), "(" | ",")) { before_bracket } else { last }
}

impl Form {
    /// The form of a text whose tokens were checked. Faults of its grammar go to `out`, but for those at places where something
    /// else was found already.
    pub fn of(text: &ShapeText, out: &mut Vec<Diagnostic>) -> Self {
        let tokens = lexer::tokens(&text.text, Dialect::Soql);
        let (mut last, mut brackets) = (None, Vec::new());
        let mut sites = text.placeholders.iter();
        let mut places = Vec::with_capacity(text.placeholders.len());
        for token in &tokens {
            if token.kind == TokenKind::Placeholder
                && let Some(site) = sites.next()
            {
                let decides = decides(last, brackets.last().copied().flatten(), &text.text);
                let role = Role::of(decides, &text.text, site.like);
                places.push(Place { range: site.range.clone(), role, ty: site.ty });
            }
            match token.kind {
                TokenKind::Open => brackets.push(last),
                TokenKind::Close => drop(brackets.pop()),
                _ => {}
            }
            if !token.is_blank() {
                last = Some(*token);
            }
        }
        let outline = match parse(&text.text, &text.placeholders) {
            Ok(outline) => Some(outline),
            Err(faults) => {
                report(text, faults, out);
                None
            }
        };
        Self { places: places.into(), kinds: tokens.iter().map(|token| token.kind).collect(), outline }
    }

    /// Writes a literal for each bind into the text of the shape. The only constructor of a [`Query`].
    pub fn query(&self, shape: &str, binds: &[Bind]) -> Result<Query, Refusal> {
        let mut text = String::with_capacity(shape.len() + 16 * binds.len());
        let mut literals = Vec::with_capacity(binds.len());
        let mut from = 0;
        for (place, bind) in self.places.iter().zip(binds) {
            text.push_str(&shape[from..place.range.start]);
            let start = text.len();
            let refused = |reason: literal::Expected| Refusal::Value { param: bind.param, reason: reason.into() };
            text += &literal(&bind.value, place.role).map_err(refused)?;
            literals.push(start..text.len());
            from = place.range.end;
            // A loop may write one long value many times: stop where no query of so many bytes is short enough.
            if text.len() > MAX_CHARACTERS * char::MAX_LEN_UTF8 {
                return Err(too_long(binds, &literals));
            }
        }
        text.push_str(&shape[from..]);
        if text.chars().nth(MAX_CHARACTERS).is_some() {
            return Err(too_long(binds, &literals));
        }
        if !self.fits(&text, binds, &literals) {
            return Err(Refusal::Shape { reason: "the literals do not fit the query".into() });
        }
        Ok(Query { text, literals: literals.into() })
    }

    /// Whether the finished text has the tokens of the shape, with one of the right kind where each literal was written.
    fn fits(&self, text: &str, binds: &[Bind], literals: &[Range<usize>]) -> bool {
        let tokens = lexer::tokens(text, Dialect::Soql);
        let mut written = self.places.iter().zip(binds).zip(literals);
        let same = tokens.iter().zip(&self.kinds).all(|(token, kind)| match kind {
            TokenKind::Placeholder => written.next().is_some_and(|((place, bind), literal)| {
                *literal == (token.start..token.end) && token.kind == literal::kind(place.ty, &bind.value)
            }),
            kind => token.kind == *kind,
        });
        same && tokens.len() == self.kinds.len() && binds.len() == self.places.len() && written.next().is_none()
    }
}

fn report(text: &ShapeText, faults: Vec<SyntaxError>, out: &mut Vec<Diagnostic>) {
    let known: Vec<Span> = out.iter().map(|found| found.span).collect();
    let found = faults.into_iter().map(|fault| (text.span_of(fault.range.clone()), fault));
    let new = found.filter(|(span, _)| !known.iter().any(|known| known.start <= span.end && span.start <= known.end));
    out.extend(new.map(|(span, fault)| SOQL_GRAMMAR.at(span, fault.message).maybe_help(fault.help)));
}

/// Names the parameter whose literals are the longest together.
fn too_long(binds: &[Bind], literals: &[Range<usize>]) -> Refusal {
    let mut lengths = BTreeMap::new();
    for (bind, literal) in binds.iter().zip(literals) {
        *lengths.entry(bind.param).or_default() += literal.len();
    }
    let longest = lengths.into_iter().max_by_key(|(_, length): &(_, usize)| *length);
    Refusal::Value { param: longest.and_then(|(param, _)| param), reason: TOO_LONG.into() }
}
