//! Text to tree, within bounds, with every place kept.

use std::collections::{HashMap, HashSet};

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError};
use serde_json::{Number, Value as Json};

use super::{Kind, MAX_ALIASES, MAX_BYTES, MAX_DEPTH, MAX_NODES, Node, Style, Text};
use crate::diagnostic::{DUPLICATE_KEY, Diagnostic, Span, YAML_SYNTAX};

/// A comment: its text after the `#`, and its place.
#[derive(Clone, Debug)]
pub struct Comment {
    /// The text after `#`.
    pub text: String,
    /// The place, `#` included.
    pub span: Span,
}

/// A parsed file.
#[derive(Clone, Debug)]
pub struct Document {
    /// The only document of the file.
    pub root: Node,
    /// All comments, in order.
    pub comments: Vec<Comment>,
}

/// Parses a file. Duplicate keys are reported and the first one kept; a syntax error ends the file.
pub fn parse(source: &str) -> (Option<Document>, Vec<Diagnostic>) {
    let mut out = Vec::new();
    if source.len() > MAX_BYTES {
        let message = format!("the file has {} bytes; at most {MAX_BYTES} are read", source.len());
        return (None, vec![YAML_SYNTAX.at(0..0, message).help("split it: one action a file")]);
    }
    let mut builder =
        Builder { source, out: &mut out, nodes: 0, aliases: 0, anchors: HashMap::new(), comments: Vec::new() };
    let root = builder.document();
    let comments = builder.comments;
    match root {
        Ok(Some(root)) => (Some(Document { root, comments }), out),
        Ok(None) => {
            out.push(
                YAML_SYNTAX
                    .at(0..0, "the file is empty")
                    .help("an action has at least `backend` and `sql`; `datadip new --gateway` in an empty folder writes files to start from"),
            );
            (None, out)
        }
        Err(diagnostic) => {
            out.push(*diagnostic);
            (None, out)
        }
    }
}

type Result<T> = std::result::Result<T, Box<Diagnostic>>;
type Events<'a> = Parser<'a, granit_parser::StrInput<'a>>;

struct Builder<'a> {
    source: &'a str,
    out: &'a mut Vec<Diagnostic>,
    nodes: usize,
    aliases: usize,
    anchors: HashMap<usize, (Node, usize)>,
    comments: Vec<Comment>,
}

impl<'a> Builder<'a> {
    fn document(&mut self) -> Result<Option<Node>> {
        let mut events = Parser::new_from_str(self.source);
        let mut root = None;
        while let Some((event, span)) = self.next(&mut events)? {
            match event {
                Event::StreamStart | Event::DocumentEnd | Event::StreamEnd => {}
                Event::DocumentStart(..) if root.is_some() => {
                    let message = "a second document begins here; a file holds one";
                    return Err(Box::new(YAML_SYNTAX.at(span, message).help("move it to a file of its own")));
                }
                Event::DocumentStart(..) => {}
                event => root = Some(self.node(event, span, &mut events, 0)?),
            }
        }
        Ok(root)
    }

    /// The next event that is not a comment.
    fn next(&mut self, events: &mut Events<'a>) -> Result<Option<(Event<'a>, Span)>> {
        for next in events.by_ref() {
            let (event, span) = next.map_err(|error| Box::new(self.syntax(&error)))?;
            let span = Span::from(span.byte_range().unwrap_or_default());
            match event {
                Event::Comment(text, _) => self.comments.push(Comment { text: text.into_owned(), span }),
                event => return Ok(Some((event, span))),
            }
        }
        Ok(None)
    }

    fn node(&mut self, event: Event<'a>, span: Span, events: &mut Events<'a>, depth: usize) -> Result<Node> {
        self.count(1, span)?;
        if depth > MAX_DEPTH {
            return Err(Box::new(YAML_SYNTAX.at(span, format!("nested deeper than {MAX_DEPTH} levels"))));
        }
        let before = self.nodes;
        let (anchor, node) = match event {
            Event::Scalar(value, style, anchor, tag) => {
                if let Some(tag) = tag {
                    return Err(Box::new(tagged(&tag, span)));
                }
                (anchor, Node { span, kind: Kind::Scalar(text(self.source, value.into_owned(), style, span)) })
            }
            Event::SequenceStart(_, anchor, tag) => {
                if let Some(tag) = tag {
                    return Err(Box::new(tagged(&tag, span)));
                }
                let mut items = Vec::new();
                let mut end = span.end;
                while let Some((event, span)) = self.next(events)? {
                    if matches!(event, Event::SequenceEnd) {
                        end = end.max(span.end);
                        break;
                    }
                    let item = self.node(event, span, events, depth + 1)?;
                    end = item.span.end;
                    items.push(item);
                }
                (anchor, Node { span: Span { start: span.start, end }, kind: Kind::List(items) })
            }
            Event::MappingStart(_, anchor, tag) => {
                if let Some(tag) = tag {
                    return Err(Box::new(tagged(&tag, span)));
                }
                let (entries, end) = self.entries(span, events, depth)?;
                (anchor, Node { span: Span { start: span.start, end }, kind: Kind::Map(entries) })
            }
            Event::Alias(id) => {
                self.aliases += 1;
                if self.aliases > MAX_ALIASES {
                    return Err(Box::new(YAML_SYNTAX.at(span, format!("more than {MAX_ALIASES} aliases in one file"))));
                }
                let Some((node, size)) = self.anchors.get(&id).cloned() else {
                    return Err(Box::new(YAML_SYNTAX.at(span, "an alias to a node that contains it")));
                };
                self.count(size, span)?;
                (0, node)
            }
            _ => return Err(Box::new(YAML_SYNTAX.at(span, "expected a value here"))),
        };
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), self.nodes - before + 1));
        }
        Ok(node)
    }

    fn entries(&mut self, map: Span, events: &mut Events<'a>, depth: usize) -> Result<(Vec<(Text, Node)>, u32)> {
        let mut entries: Vec<(Text, Node)> = Vec::new();
        let mut seen: HashSet<String> = HashSet::new();
        let mut end = map.end;
        while let Some((event, span)) = self.next(events)? {
            let key = match event {
                Event::MappingEnd => {
                    end = end.max(span.end.min(self.source.trim_end().len() as u32));
                    break;
                }
                Event::Scalar(value, style, ..) => text(self.source, value.into_owned(), style, span),
                _ => {
                    let found = YAML_SYNTAX.at(span, "a key must be plain text");
                    return Err(Box::new(found.maybe_help(flow_help(self.source, span))));
                }
            };
            let Some((event, span)) = self.next(events)? else { break };
            let node = self.node(event, span, events, depth + 1)?;
            end = node.span.end;
            if seen.insert(key.value.clone()) {
                entries.push((key, node));
            } else {
                let message = format!("the key `{}` is here a second time", key.value);
                self.out.push(DUPLICATE_KEY.at(key.span, message).help("keep one of the two"));
            }
        }
        Ok((entries, end))
    }

    fn count(&mut self, nodes: usize, span: Span) -> Result<()> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES {
            return Err(Box::new(YAML_SYNTAX.at(span, format!("more than {MAX_NODES} values in one file"))));
        }
        Ok(())
    }

    fn syntax(&self, error: &ScanError) -> Diagnostic {
        let at = error.marker().byte_offset().unwrap_or(self.source.len()).min(self.source.len());
        let span = Span::new(at, at);
        let help = syntax_help(error.kind()).map(Into::into);
        let help = flow_help(self.source, span).or(help);
        YAML_SYNTAX.at(span, format!("not YAML: {}", error.kind())).maybe_help(help)
    }
}

fn tagged(tag: &granit_parser::Tag, span: Span) -> Diagnostic {
    YAML_SYNTAX
        .at(span, format!("a YAML tag ({tag}) is not used here"))
        .help("remove the tag; types follow from the key")
}

/// What to do about the errors that people make most.
fn syntax_help(kind: &ErrorKind) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart => "indent with blanks: YAML takes no tabs there",
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::InvalidIndentation => {
            "the keys of one map begin in the same column, and what belongs to a key stands further right"
        }
        ErrorKind::MappingValueNotAllowed => {
            "a text that contains `: ` wants quotes around it; a key stands on a line of its own"
        }
        ErrorKind::SimpleKeyExpected => {
            "write a blank after the colon of `key: value`; the lines of a text stand further right than its key"
        }
        ErrorKind::UnclosedQuotedScalar | ErrorKind::InvalidQuotedScalarIndent => {
            "close the quote that begins before this place"
        }
        ErrorKind::UnknownAnchor | ErrorKind::UnexpectedCharacter { .. } => {
            "put a value that begins with a sign such as `*`, `@`, `%` or a backtick in quotes"
        }
        _ => return None,
    })
}

/// Where `${…}`, `{{ … }}` or `T[]` without quotes inside `{ }` or `[ ]` is the likely cause, says so.
fn flow_help(source: &str, span: Span) -> Option<String> {
    let at = (span.start as usize).min(source.len());
    let mut start = at.saturating_sub(1);
    while !source.is_char_boundary(start) {
        start -= 1;
    }
    let line_start = source[..start].rfind('\n').map_or(0, |at| at + 1);
    let line = source[line_start..].lines().next()?;
    let cause = ["${", "{{", "[]"].into_iter().find(|cause| line.contains(cause))?;
    Some(format!("inside {{ }} and [ ], YAML wants a value that contains `{cause}` in quotes"))
}

/// A scalar with the places of its text: decoded and written text are walked side by side. Line breaks and indentation
/// may differ; any other difference is an escape, and then the places inside are not known.
fn text(source: &str, value: String, style: ScalarStyle, span: Span) -> Text {
    let written = source.as_bytes();
    let mut places: Vec<(u32, u32)> = Vec::new();
    let mut file = span.start as usize;
    let quoted = matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted);
    if quoted {
        file += 1;
    }
    // A block's span starts at its first character that is no line break; the breaks before it have no place.
    let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
    let unplaced = if block { value.len() - value.trim_start_matches('\n').len() } else { 0 };
    for (offset, &byte) in value.as_bytes().iter().enumerate().skip(unplaced) {
        if written.get(file) != Some(&byte) || (quoted && matches!(byte, b'\\')) {
            let blanks = written[file.min(written.len())..].iter().take_while(|b| b.is_ascii_whitespace());
            let next_break = blanks.clone().position(|&blank| blank == b'\n').filter(|_| byte == b'\n');
            let skipped = blanks.count();
            let expected_blank = byte.is_ascii_whitespace();
            match written.get(file + skipped) {
                // Before a break may stand a carriage return, or the blanks of a line without text.
                _ if next_break.is_some() => file += next_break.unwrap_or_default(),
                Some(&next) if next == byte && skipped > 0 => file += skipped,
                // A folded line break stands for a blank: the blank is the break's own place.
                _ if expected_blank && skipped > 0 => file += skipped - 1,
                // A literal block's last line may end with the file.
                None if expected_blank => break,
                _ => return Text { value, style: kind(style), span, places: Vec::new() },
            }
        }
        if places.last().is_none_or(|&(text, at)| at + (offset as u32 - text) != file as u32) {
            places.push((offset as u32, file as u32));
        }
        file += 1;
    }
    if places.is_empty() {
        places.push((0, file as u32));
    }
    Text { value, style: kind(style), span, places }
}

fn kind(style: ScalarStyle) -> Style {
    if style == ScalarStyle::Plain { Style::Plain } else { Style::Text }
}

/// A plain scalar by YAML 1.2's core schema (<https://yaml.org/spec/1.2.2/#103-core-schema>), numbers with the digits that
/// were written. What JSON has no number for (`.inf`, `0x1F`) stays text.
pub fn resolve(plain: &str) -> Json {
    match plain {
        "" | "~" | "null" | "Null" | "NULL" => return Json::Null,
        "true" | "True" | "TRUE" => return Json::Bool(true),
        "false" | "False" | "FALSE" => return Json::Bool(false),
        _ => {}
    }
    if let Ok(number) = plain.parse::<Number>() {
        return Json::Number(number);
    }
    let digits = plain.strip_prefix(['+', '-']).unwrap_or(plain);
    if !digits.is_empty() && digits.len() <= 18 && digits.bytes().all(|b| b.is_ascii_digit()) {
        return plain.parse::<i64>().map_or_else(|_| Json::String(plain.into()), Json::from);
    }
    Json::String(plain.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn root(source: &str) -> Node {
        let (document, diagnostics) = parse(source);
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        document.expect("a document").root
    }

    #[test]
    fn places_inside_scalars_of_every_style_lead_back_to_the_file() {
        for source in [
            "sql: |\n  SELECT é\n\n    FROM {{ x }}\n  WHERE 1\n",
            "sql: >-\n  SELECT é\n  FROM {{ x }}\n  WHERE 1\n",
            "sql: SELECT é FROM {{ x }}\n",
            "sql: 'SELECT é FROM {{ x }}'\n",
            "sql: \"SELECT é FROM {{ x }}\"\n",
            "sql: SELECT é\n  FROM {{ x }}\n",
            "sql: |-\n\n    SELECT é\n    FROM {{ x }}",
            "sql: |\r\n  SELECT é\r\n\r\n\r\n  FROM {{ x }}\r\n",
            "sql: >\r\n  SELECT é\r\n\r\n  FROM {{ x }}\r\n",
            "sql: |\n  SELECT é\n  \n \n  FROM {{ x }}\n",
            "sql: |2-\n      SELECT é\n   FROM {{ x }}\n",
        ] {
            let root = root(source);
            let Kind::Scalar(text) = &root.get("sql").expect("sql").kind else { panic!() };
            let at = text.value.find("{{ x }}").expect("the placeholder");
            assert_eq!(&source[text.span_of(at..at + 7).range()], "{{ x }}", "{source:?}");
        }
    }

    #[test]
    fn an_escape_makes_places_fall_back_to_the_whole_scalar() {
        let source = "sql: \"a\\tb {{ x }}\"\n";
        let root = root(source);
        let Kind::Scalar(text) = &root.get("sql").expect("sql").kind else { panic!() };
        assert_eq!(text.span_of(4..6), text.span);
    }

    #[test]
    fn plain_scalars_follow_the_core_schema_and_keep_their_digits() {
        let source = "[1, -2, 1.10, 1e3, true, yes, null, ~, 00123, '1', .inf, 12345678901234567890123]";
        let expected = json!([1, -2, null, null, true, "yes", null, null, 123, "1", ".inf", null]);
        let found = root(source).to_json();
        for at in [0, 1, 4, 5, 6, 7, 8, 9, 10] {
            assert_eq!(found[at], expected[at], "{at}");
        }
        assert_eq!(found[2].to_string(), "1.10");
        assert_eq!(found[11].to_string(), "12345678901234567890123");
    }

    #[test]
    fn a_syntax_error_says_what_is_wrong() {
        for source in ["a: [", "a: b: c", "a: 'b", "- a\nb: 1"] {
            let (_, diagnostics) = parse(source);
            let what = diagnostics[0].message.strip_prefix("not YAML: ");
            assert!(what.is_some_and(|what| what.len() > 5), "{source:?}: {diagnostics:?}");
        }
    }

    #[test]
    fn a_duplicate_key_is_reported_at_the_second_one() {
        let (document, diagnostics) = parse("a: 1\nb: 2\na: 3\n");
        assert!(document.is_some());
        assert_eq!(diagnostics[0].rule.name, "duplicate-key");
        assert_eq!(diagnostics[0].span, Span::new(10, 11));
    }

    #[test]
    fn unquoted_templates_inside_braces_get_a_help_line() {
        for source in ["a: { b: ${X} }", "a: { b: {{ x }} }", "a: { b: string[] }"] {
            let (_, diagnostics) = parse(source);
            let help = diagnostics.iter().find_map(|d| d.help.clone());
            assert!(help.is_some_and(|help| help.contains("in quotes")), "{source}: {diagnostics:?}");
        }
    }

    #[test]
    fn common_slips_of_yaml_get_a_help_line() {
        for (source, expected) in [
            ("a:\n\tb: 1\n", "no tabs"),
            ("a:\n    b: 1\n   c: 2\n", "the same column"),
            ("a: all: of it\n", "wants quotes"),
            ("a: 1\nb:2\nc: 3\n", "after the colon"),
            ("a: \"b\nc: 1\n", "close the quote"),
            ("a: *b\n", "in quotes"),
            ("a: @b\n", "in quotes"),
            ("a: %b\n", "in quotes"),
            ("a: |\nSELECT 1\n", "further right"),
        ] {
            let (_, diagnostics) = parse(source);
            let help = diagnostics.iter().find_map(|d| d.help.clone());
            assert!(help.is_some_and(|help| help.contains(expected)), "{source}: {diagnostics:?}");
        }
    }

    #[test]
    fn bombs_are_refused() {
        let mut bomb = String::from("a: &a [x, x, x, x, x, x, x, x, x, x]\n");
        for (from, to) in ["ab", "bc", "cd", "de", "ef"].iter().map(|p| p.split_at(1)) {
            bomb += &format!("{to}: &{to} [{}]\n", vec![format!("*{from}"); 10].join(", "));
        }
        assert_eq!(parse(&bomb).1[0].rule.name, "yaml-syntax");
        assert_eq!(parse(&"[".repeat(5000)).1[0].rule.name, "yaml-syntax");
    }

    /// All spans of a tree.
    fn spans(node: &Node, found: &mut Vec<Span>) {
        found.push(node.span);
        match &node.kind {
            Kind::Scalar(text) => {
                let inside = (0..text.value.len()).filter(|at| text.value.is_char_boundary(*at));
                found.extend(inside.map(|at| text.span_of(at..text.value.len())));
            }
            Kind::List(items) => items.iter().for_each(|item| spans(item, found)),
            Kind::Map(entries) => entries.iter().for_each(|(key, node)| {
                found.push(key.span);
                spans(node, found);
            }),
        }
    }

    proptest! {
        #[test]
        fn every_text_is_parsed_or_refused_with_places_inside_of_it(
            source in "([a-c]: |- |\\n|\\n  |  |\\[|\\]|\\{|\\}|, |'|\"|\\\\n|\\||>-|&a |\\*a|#x|é|!!t |[a-z0-9]{1,3}|\\t|\\$\\{X\\}|\\{\\{ x \\}\\}){0,40}",
        ) {
            let (document, diagnostics) = parse(&source);
            let mut found: Vec<Span> = diagnostics.iter().map(|diagnostic| diagnostic.span).collect();
            prop_assert!(document.is_some() || !found.is_empty());
            if let Some(document) = &document {
                spans(&document.root, &mut found);
            }
            for span in found {
                prop_assert!(source.get(span.range()).is_some(), "{span:?} of {source:?}");
            }
        }

        #[test]
        fn plain_words_and_quoted_text_come_back(value in "[a-zé ,:{}\\[\\]#'$-]{0,30}") {
            let source = format!("a: '{}'\n", value.replace('\'', "''"));
            let root = root(&source);
            prop_assert_eq!(root.to_json(), json!({ "a": value }));
        }
    }
}
