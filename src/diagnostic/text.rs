//! Diagnostics for people: the file's own lines, a caret under the place, and a help line.

use annotate_snippets::{AnnotationKind, Level as Title, Renderer, Snippet};

use super::{Diagnostic, Level, Report};

/// Renders all diagnostics of a report, each followed by an empty line. `colour` adds terminal colours.
pub fn render(report: &Report, colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    report.diagnostics.iter().map(|d| one(report, d, &renderer) + "\n\n").collect()
}

fn one(report: &Report, diagnostic: &Diagnostic, renderer: &Renderer) -> String {
    let level = match diagnostic.level {
        Level::Error => Title::ERROR,
        Level::Warning => Title::WARNING,
        Level::Note => Title::NOTE,
    };
    let text = &report.source.text;
    let mut span = diagnostic.span.range();
    span.end = span.end.min(text.len());
    span.start = span.start.min(span.end);
    // A caret under a whole block says nothing: keep to its first line.
    if let Some(newline) = text.get(span.clone()).and_then(|covered| covered.find('\n')) {
        span.end = span.start + newline;
    }
    let snippet =
        Snippet::source(text.as_str()).path(report.source.path.as_str()).annotation(AnnotationKind::Primary.span(span));
    let mut group = level.primary_title(diagnostic.message.as_str()).id(diagnostic.rule.name).element(snippet);
    if let Some(help) = &diagnostic.help {
        group = group.element(Title::HELP.message(help.as_str()));
    }
    renderer.render(&[group])
}
