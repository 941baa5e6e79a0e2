//! Diagnostics for people: the file's own lines, a caret under the place, and a help line.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level as Title, Renderer, Snippet, normalize_untrusted_str};

use super::{Diagnostic, Level, Report, Source, Span, password};

/// The width that long lines are cut to, around their carets.
const WIDTH: usize = 120;

/// Renders all diagnostics of a report, each followed by an empty line. `colour` adds terminal colours.
pub fn render(report: &Report, colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() }.term_width(WIDTH);
    report.diagnostics.iter().map(|d| one(&report.source, d, &renderer) + "\n\n").collect()
}

/// A text of somebody else's without anything that a terminal would take for a command.
pub fn harmless(text: &str) -> String {
    normalize_untrusted_str(text)
}

fn one(source: &Source, diagnostic: &Diagnostic, renderer: &Renderer) -> String {
    let level = match diagnostic.level {
        Level::Error => Title::ERROR,
        Level::Warning => Title::WARNING,
        Level::Note => Title::NOTE,
    };
    let (number, line, span) = first_line(source, diagnostic.span);
    let (line, span) = password::hide(line, span);
    let snippet = Snippet::source(line)
        .line_start(number)
        .path(source.path.as_str())
        .annotation(AnnotationKind::Primary.span(span));
    let mut group = level.primary_title(diagnostic.message.as_str()).id(diagnostic.rule.name).element(snippet);
    if let Some(help) = &diagnostic.help {
        // Unlike a title, a message is not made harmless for terminals by the renderer.
        group = group.element(Title::HELP.message(harmless(help)));
    }
    renderer.render(&[group])
}

/// The line that a span begins on, its number, and the part of the span on it: carets under a whole block say nothing,
/// nor do carets under its indentation.
fn first_line(source: &Source, span: Span) -> (usize, &str, Range<usize>) {
    let span = source.clamp(span).range();
    let text = source.text.as_str();
    let start = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
    let line = source.line_of(Span::from(span.clone()));
    let (from, to) = (span.start - start, (span.end - start).min(line.len()));
    let from = from.min(to);
    let indent = line[from..to].len() - line[from..to].trim_start().len();
    let from = if from + indent < to { from + indent } else { from };
    (text[..start].matches('\n').count() + 1, line, from..to)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::diagnostic::UNKNOWN_KEY;

    /// Renders one diagnostic at `span` and answers everything below its title.
    fn check(text: &str, span: Range<usize>) -> String {
        let source = Arc::new(Source { path: "actions/x.yaml".into(), text: text.into() });
        let rendered = render(&Report::new(source, vec![UNKNOWN_KEY.at(span, "found")]), false);
        rendered.strip_prefix("error[unknown-key]: found\n").expect("the title").trim_end().to_owned()
    }

    #[test]
    fn a_diagnostic_shows_its_line_with_carets_and_its_help() {
        let source = Arc::new(Source { path: "actions/x.yaml".into(), text: "a: 1\nbackned: demo\n".into() });
        let diagnostic = UNKNOWN_KEY.at(5..12, "unknown key `backned`").help("did you mean `backend`?\nor not");
        let expected = "\
error[unknown-key]: unknown key `backned`
 --> actions/x.yaml:2:1
  |
2 | backned: demo
  | ^^^^^^^
  |
  = help: did you mean `backend`?
          or not

";
        assert_eq!(render(&Report::new(source, vec![diagnostic]), false), expected);
    }

    #[test]
    fn a_span_over_several_lines_is_shown_on_its_first_without_indentation() {
        let shown = check("sql: |\n  SELECT\n  1\n", 7..20);
        assert_eq!(shown, " --> actions/x.yaml:2:3\n  |\n2 |   SELECT\n  |   ^^^^^^");
    }

    #[test]
    fn the_end_of_a_file_is_the_end_of_its_last_line() {
        let expected = " --> actions/x.yaml:2:3\n  |\n2 | b:\n  |   ^";
        assert_eq!(check("a: 1\nb:\n", 8..8), expected);
        assert_eq!(check("a: 1\nb:", 7..7), expected);
        assert_eq!(check("a: 1\r\nb:\r\n", 10..10), expected);
        assert_eq!(check("", 0..0), " --> actions/x.yaml:1:1\n  |\n1 |\n  | ^");
    }

    #[test]
    fn carets_stand_under_wide_characters_and_after_tabs() {
        assert_eq!(check("a: 漢字 b\n", 10..11), " --> actions/x.yaml:1:7\n  |\n1 | a: 漢字 b\n  |         ^");
        assert_eq!(check("\ta: b\n", 4..5), " --> actions/x.yaml:1:5\n  |\n1 |     a: b\n  |        ^");
    }

    #[test]
    fn a_long_line_is_cut_around_its_carets() {
        let text = format!("sql: {}$1{}", "column_name, ".repeat(50), " AND a = b".repeat(50));
        let shown = check(&text, 655..657);
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH), "{shown}");
        let caret = lines[3].find("^^").expect("carets");
        assert_eq!(&lines[2][caret..caret + 2], "$1", "{shown}");
    }

    #[test]
    fn nothing_of_a_file_reaches_the_terminal_as_a_command() {
        let source = Arc::new(Source { path: "a.yaml".into(), text: "a: \u{1b}[31m\u{7}\u{202e}b\n".into() });
        let diagnostic = UNKNOWN_KEY.at(3..9, "got \u{1b}[31m").help("not \u{1b}]0;x\u{7}");
        let shown = render(&Report::new(source, vec![diagnostic]), false);
        assert!(!shown.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{shown:?}");
    }

    proptest! {
        #[test]
        fn every_span_of_every_text_can_be_shown(text in "(\\PC|[\t\r\n]){0,40}", start in 0_usize..60, end in 0_usize..60) {
            let source = Source { path: "a.yaml".into(), text };
            let (number, line, span) = first_line(&source, Span { start: start as u32, end: end as u32 });
            prop_assert!(line.get(span.clone()).is_some());
            let clamped = source.clamp(Span { start: start as u32, end: end as u32 });
            prop_assert_eq!(number, source.line_column(clamped.start).0);
            let source = Arc::new(source);
            render(&Report { source, diagnostics: vec![UNKNOWN_KEY.at(Span::new(start, end), "found")] }, false);
        }
    }
}
