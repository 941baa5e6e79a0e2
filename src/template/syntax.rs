//! What to say where MiniJinja cannot read a template.

use std::ops::Range;

use minijinja::{
    machinery::{Token, tokenize},
    syntax::SyntaxConfig,
};

use super::{Dialect, sql};
use crate::{
    diagnostic::{Diagnostic, TEMPLATE_SYNTAX},
    yaml::Text,
};

/// The parser's error, where reading stopped; for a block that is never closed, at its beginning.
pub(super) fn error(source: &Text, error: &minijinja::Error, dialect: Dialect) -> Diagnostic {
    let text = &source.value;
    let detail = error.detail().unwrap_or("not a template");
    if detail.starts_with("unexpected end of input")
        && let Some((name, tag)) = unclosed(text)
    {
        let message = format!("`{{% {name} … %}}` is never closed");
        return TEMPLATE_SYNTAX
            .at(source.span_of(tag), message)
            .help(format!("write `{{% end{name} %}}` where it ends"));
    }
    let mut range = error.range().unwrap_or(text.len()..text.len());
    range.end = range.end.min(text.len());
    range.start = range.start.min(range.end);
    while !text.is_char_boundary(range.start) {
        range.start -= 1;
    }
    while !text.is_char_boundary(range.end) {
        range.end += 1;
    }
    let help = sql::help(text, range.end, dialect).or_else(|| slip(detail).map(Into::into));
    TEMPLATE_SYNTAX.at(source.span_of(range), format!("not a template: {detail}")).maybe_help(help)
}

/// The innermost block that is open where the text ends, with its tag.
fn unclosed(text: &str) -> Option<(&str, Range<usize>)> {
    let mut open: Vec<(&str, Range<usize>)> = Vec::new();
    let mut tag = None;
    let mut first = false;
    for token in tokenize(text, false, SyntaxConfig::default()) {
        let (token, span) = token.ok()?;
        match token {
            Token::BlockStart => (tag, first) = (Some(span.start_offset as usize), true),
            Token::BlockEnd => {
                if let (Some(start), Some((_, range))) = (tag.take(), open.last_mut())
                    && range.start == start
                {
                    range.end = span.end_offset as usize;
                }
            }
            Token::Ident(name) if first => {
                first = false;
                match (name, tag) {
                    ("endif" | "endfor", _) => drop(open.pop()),
                    ("if" | "for", Some(start)) => open.push((name, start..text.len())),
                    _ => {}
                }
            }
            _ => first = false,
        }
    }
    open.pop().filter(|_| tag.is_none())
}

/// What to write instead, for the slips of those who know SQL or another template language better.
fn slip(detail: &str) -> Option<&'static str> {
    match detail {
        "unknown statement elseif" | "unknown statement elsif" => Some("write `elif`"),
        "unknown statement endif"
        | "unknown statement endfor"
        | "unknown statement else"
        | "unknown statement elif" => Some("no `if` or `for` is open here: remove it, or write the beginning"),
        _ if detail.starts_with("unexpected `=`") => Some("write `==` to compare"),
        _ if detail.starts_with("unexpected `}`") => Some("a placeholder ends with two brackets: `}}`"),
        _ => None,
    }
}
