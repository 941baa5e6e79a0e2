//! A text cut into the pieces that its author wrote: for each block map and list its entries, with what stands above, beside and
//! between them. Scalars, and what is in `{ }` and `[ ]`, stay whole.

use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, StructureStyle};

use super::Odd;

/// White space within a line; there is more in Unicode, and that is text.
pub(super) const BLANKS: [char; 2] = [' ', '\t'];

/// A text whose root is a block map or list.
#[derive(Debug)]
pub(super) struct Layout<'a> {
    /// What stands at the top and stays there.
    pub head: Vec<Trivia<'a>>,
    /// The root.
    pub root: Block<'a>,
}

/// A block map or list.
#[derive(Debug)]
pub(super) struct Block<'a> {
    /// Whether its children have keys.
    pub is_map: bool,
    /// Its entries or items, at least one.
    pub children: Vec<Child<'a>>,
    /// What follows the last one and still belongs here.
    pub tail: Vec<Trivia<'a>>,
}

/// An entry of a map, or an item of a list.
#[derive(Debug)]
pub(super) struct Child<'a> {
    /// The lines above it.
    pub above: Vec<Trivia<'a>>,
    /// The key as written, quotes included; of an item nothing.
    pub key: &'a str,
    /// The key's text; of an item nothing.
    pub name: String,
    /// Its value.
    pub value: Value<'a>,
    /// Whether an anchor or an alias is in it: their order is not free.
    pub linked: bool,
}

/// A value with what stands around it.
#[derive(Debug)]
pub(super) struct Value<'a> {
    /// Anchors right after the key or the dash.
    pub anchors: &'a str,
    /// A comment that ends the line of the key or the dash, where the value begins on a later line.
    pub note: Option<Note<'a>>,
    /// The lines between, where the value begins on a later line and is no block with lines of its own.
    pub between: Vec<Trivia<'a>>,
    /// Whether the value begins on a line of its own.
    pub own_line: bool,
    /// Anchors before the value on its own line.
    pub prefix: &'a str,
    /// The value itself.
    pub body: Body<'a>,
    /// A comment after it.
    pub after: Option<Note<'a>>,
}

/// What a value is.
#[derive(Debug)]
pub(super) enum Body<'a> {
    /// Nothing.
    Empty,
    /// A scalar in quotes or without, or an alias.
    Scalar(Piece<'a>),
    /// What is in `{ }` or `[ ]`.
    Flow(Piece<'a>),
    /// A text after `|` or `>`.
    Literal(Literal<'a>),
    /// A block map or list.
    Block(Block<'a>),
}

/// A piece of the text, of one line or several.
#[derive(Debug)]
pub(super) struct Piece<'a> {
    /// As written.
    pub text: &'a str,
    /// The column that it begins in.
    pub column: usize,
    /// The indentation of the line that it begins on.
    pub indent: usize,
    /// Whether it is in quotes.
    pub quoted: bool,
    /// The scalars and comments in it, in bytes of `text`; with whether it is a scalar.
    pub inside: Vec<(Range<usize>, bool)>,
}

/// A block scalar.
#[derive(Debug)]
pub(super) struct Literal<'a> {
    /// `|` or `>` with its indicators.
    pub header: &'a str,
    /// The lines without their indentation.
    pub lines: Vec<&'a str>,
    /// Whether blank lines after it are part of it.
    pub keeps: bool,
}

/// A comment after something on its line, with the blanks before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Note<'a> {
    /// The blanks.
    pub gap: &'a str,
    /// The comment, `#` included.
    pub comment: &'a str,
}

/// A line that is no value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Trivia<'a> {
    /// A blank line.
    Blank,
    /// A comment, `#` included, and its column.
    Comment(&'a str, usize),
    /// A mark of a document, such as `---`, or an anchor.
    Raw(&'a str),
}

/// Cuts a text that is known to be YAML, has LF line ends and ends with one. Nothing where its root is no block.
pub(super) fn read(text: &str) -> Result<Option<Layout<'_>>, Odd> {
    let mut events = Vec::new();
    let mut comments = Vec::new();
    for next in Parser::new_from_str(text) {
        // A text that is YAML has no errors.
        let Ok((event, span)) = next else { break };
        let range = span.byte_range().unwrap_or_default();
        match event {
            Event::Comment(..) => comments.push(range),
            Event::StreamStart | Event::StreamEnd | Event::DocumentStart(..) | Event::DocumentEnd => {}
            event => events.push((event, range)),
        }
    }
    let mut reader = Reader { text, events, comments, next: 0, at: 0, pending: Vec::new() };
    let Some(start) = reader.block_start() else { return Ok(None) };
    let line = reader.line_start(start);
    let head = reader.lines_until(line);
    reader.at = line + indent_of(&text[line..]);
    if reader.at != start && !text[reader.at..start].starts_with('&') {
        return Err(reader.odd());
    }
    let root = reader.block(Vec::new(), None)?;
    Ok(Some(Layout { head, root }))
}

struct Reader<'a> {
    text: &'a str,
    /// The nodes in order.
    events: Vec<(Event<'a>, Range<usize>)>,
    comments: Vec<Range<usize>>,
    /// The next event.
    next: usize,
    /// How far the text is read.
    at: usize,
    /// Lines that were read after a block and do not belong to it.
    pending: Vec<Trivia<'a>>,
}

/// What stands between a key or a dash and its value.
struct Lead<'a> {
    anchors: &'a str,
    note: Option<Note<'a>>,
    lines: Vec<Trivia<'a>>,
    own_line: bool,
    prefix: &'a str,
}

impl<'a> Reader<'a> {
    /// The place of the next event where it begins a block.
    fn block_start(&self) -> Option<usize> {
        match self.events.get(self.next)? {
            (Event::MappingStart(StructureStyle::Block, ..) | Event::SequenceStart(StructureStyle::Block, ..), at) => {
                Some(at.start)
            }
            _ => None,
        }
    }

    /// Reads a block whose first entry or item stands at `self.at`. `parent` is the column of the block around it.
    fn block(&mut self, above: Vec<Trivia<'a>>, parent: Option<usize>) -> Result<Block<'a>, Odd> {
        let is_map = matches!(self.events[self.next].0, Event::MappingStart(..));
        let column = self.at - self.line_start(self.at);
        self.next += 1;
        let mut children = Vec::new();
        let mut trivia = above;
        while !matches!(self.events[self.next].0, Event::MappingEnd | Event::SequenceEnd) {
            let first = self.next;
            let (key, name) = if is_map { self.key()? } else { self.dash()? };
            let value = self.value(column)?;
            let linked = self.events[first..self.next].iter().any(|(event, _)| is_link(event));
            children.push(Child { above: trivia, key, name, value, linked });
            trivia = std::mem::take(&mut self.pending);
            trivia.extend(self.trivia());
        }
        self.next += 1;
        if let Some(parent) = parent {
            let own = own_part(&trivia, column.max(parent + 1));
            self.pending = trivia.split_off(own);
        }
        Ok(Block { is_map, children, tail: trivia })
    }

    /// Reads a key and its colon.
    fn key(&mut self) -> Result<(&'a str, String), Odd> {
        let (event, range) = &self.events[self.next];
        let Event::Scalar(name, ..) = event else { return Err(self.odd()) };
        let before = self.text.get(self.at..range.start).unwrap_or("?");
        if range.is_empty() || !(before.is_empty() || before.starts_with(['&', '!'])) || before.contains('\n') {
            return Err(self.odd());
        }
        let key = &self.text[self.at..range.end];
        let name = name.clone().into_owned();
        let colon = range.end + blanks(&self.text[range.end..]).len();
        if !self.text[colon..].starts_with(':') {
            return Err(self.odd());
        }
        self.at = colon + 1;
        self.next += 1;
        Ok((key, name))
    }

    /// Reads the dash of an item.
    fn dash(&mut self) -> Result<(&'a str, String), Odd> {
        if !self.text[self.at..].starts_with('-') {
            return Err(self.odd());
        }
        self.at += 1;
        Ok(("", String::new()))
    }

    /// Reads the value after a key or a dash, with its last line's end. `column` is that of the block around it.
    fn value(&mut self, column: usize) -> Result<Value<'a>, Odd> {
        let (event, range) = self.events[self.next].clone();
        let block = self.block_start().is_some();
        let style = match event {
            Event::Scalar(_, style, ..) => Some(style),
            _ => None,
        };
        let empty = style == Some(ScalarStyle::Plain) && range.is_empty();
        let of_map = block && matches!(event, Event::MappingStart(..));
        let mut lead = if empty { self.short_lead()? } else { self.lead(of_map) };
        let mut after = None;
        let body = if empty {
            self.next += 1;
            Body::Empty
        } else if block {
            // What an anchor stands after cannot move with the first entry.
            let raw = lead.lines.iter().rposition(|line| matches!(line, Trivia::Raw(_))).map_or(0, |at| at + 1);
            let above = lead.lines.split_off(raw);
            Body::Block(self.block(above, Some(column))?)
        } else if matches!(style, Some(ScalarStyle::Literal | ScalarStyle::Folded)) {
            self.next += 1;
            let (literal, note) = self.literal(column)?;
            after = note;
            Body::Literal(literal)
        } else {
            let start = self.at;
            let (end, inside) = self.skip_node(start);
            if start != range.start {
                return Err(self.odd());
            }
            let line = self.line_start(start);
            self.at = end;
            after = self.rest_of_line()?;
            let piece = Piece {
                text: &self.text[start..end],
                column: start - line,
                indent: indent_of(&self.text[line..]),
                quoted: matches!(style, Some(ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted)),
                inside,
            };
            let flow = matches!(event, Event::MappingStart(..) | Event::SequenceStart(..));
            if flow { Body::Flow(piece) } else { Body::Scalar(piece) }
        };
        let Lead { anchors, note, lines: between, own_line, prefix } = lead;
        Ok(Value { anchors, note, between, own_line, prefix, body, after })
    }

    /// Goes past the next node; answers its end, and the scalars and comments in it relative to `start`.
    fn skip_node(&mut self, start: usize) -> (usize, Vec<(Range<usize>, bool)>) {
        let mut depth = 0;
        let mut inside = Vec::new();
        let mut end = start;
        loop {
            let (event, range) = &self.events[self.next];
            self.next += 1;
            end = end.max(range.end);
            match event {
                Event::MappingStart(..) | Event::SequenceStart(..) => depth += 1,
                Event::MappingEnd | Event::SequenceEnd => depth -= 1,
                Event::Scalar(..) if range.start >= start => {
                    inside.push((range.start - start..range.end - start, true));
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
        let end = start + self.text[start..end].trim_end_matches([' ', '\t', '\n']).len();
        let comments = self.comments.iter().filter(|comment| comment.start >= start && comment.end <= end);
        inside.extend(comments.map(|comment| (comment.start - start..comment.end - start, false)));
        (end, inside)
    }

    /// Reads what stands before a value, up to its first byte. An anchor on the line of a map's first key is that key's.
    fn lead(&mut self, of_map: bool) -> Lead<'a> {
        let mut lead = Lead { anchors: "", note: None, lines: Vec::new(), own_line: false, prefix: "" };
        loop {
            let start = self.at + blanks(&self.text[self.at..]).len();
            let anchors = anchors(&self.text[start..]);
            let end = start + anchors.len();
            let value = end + blanks(&self.text[end..]).len();
            if !self.text[value..].starts_with(['\n', '#']) {
                let own = of_map && (lead.own_line || !anchors.is_empty());
                self.at = if own { start } else { value };
                *(if lead.own_line { &mut lead.prefix } else { &mut lead.anchors }) = if own { "" } else { anchors };
                return lead;
            }
            let line = line_of(&self.text[self.at..]);
            if lead.own_line {
                lead.lines.push(trivia(line));
            } else {
                lead.anchors = anchors;
                lead.note = note(&line[if anchors.is_empty() { 0 } else { end - self.at }..]);
                lead.own_line = true;
            }
            self.at += line.len() + 1;
        }
    }

    /// Reads what stands after a key or a dash without a value.
    fn short_lead(&mut self) -> Result<Lead<'a>, Odd> {
        let start = self.at + blanks(&self.text[self.at..]).len();
        let anchors = anchors(&self.text[start..]);
        let anchored = is_link(&self.events[self.next].0);
        if anchored && anchors.is_empty() {
            return Err(self.odd());
        }
        if anchored {
            self.at = start + anchors.len();
        }
        let note = self.rest_of_line()?;
        Ok(Lead { anchors, note, lines: Vec::new(), own_line: false, prefix: "" })
    }

    /// Reads a block scalar from its `|` or `>` on.
    fn literal(&mut self, parent: usize) -> Result<(Literal<'a>, Option<Note<'a>>), Odd> {
        let rest = &self.text[self.at..];
        let header = &rest[..rest.find([' ', '\t', '\n']).unwrap_or(rest.len())];
        if !header.starts_with(['|', '>']) {
            return Err(self.odd());
        }
        self.at += header.len();
        let note = self.rest_of_line()?;
        let body = &self.text[self.at..];
        let fixed = header.bytes().find(u8::is_ascii_digit).map(|digit| parent + usize::from(digit - b'0'));
        let first = body.split('\n').find(|line| !line.trim_start_matches(' ').is_empty());
        let found = fixed.or(first.map(indent_of)).filter(|&found| found > parent);
        // Without a line that stands far enough to the right there are only blank ones.
        let indent = found.unwrap_or(usize::MAX);
        let keeps = header.contains('+');
        let mut lines = Vec::new();
        let (mut used, mut read) = (0, 0);
        for line in body.split_inclusive('\n') {
            let text = line.trim_end_matches('\n');
            let blank = text.bytes().all(|byte| byte == b' ');
            if !blank && indent_of(text) < indent {
                break;
            }
            read += line.len();
            lines.push(text.get(indent..).unwrap_or_default());
            if keeps || !blank || text.len() > indent {
                used = read;
            }
        }
        // Blank lines after it are the lines of nobody.
        let count = body[..used].matches('\n').count();
        lines.truncate(count);
        self.at += used;
        Ok((Literal { header, lines, keeps }, note))
    }

    /// Reads the comment after a value, and the end of the line.
    fn rest_of_line(&mut self) -> Result<Option<Note<'a>>, Odd> {
        let line = line_of(&self.text[self.at..]);
        let note = note(line);
        if note.is_none() && !is_blank(line) {
            return Err(self.odd());
        }
        self.at = (self.at + line.len() + 1).min(self.text.len());
        Ok(note)
    }

    /// Reads blank lines and comments up to the next value, or to the end of the text.
    fn trivia(&mut self) -> Vec<Trivia<'a>> {
        let over =
            self.events[self.next..].iter().all(|(event, _)| matches!(event, Event::MappingEnd | Event::SequenceEnd));
        if over {
            return self.lines_until(self.text.len());
        }
        let mut end = self.at;
        for line in self.text[self.at..].split_inclusive('\n') {
            if matches!(trivia(line.trim_end_matches('\n')), Trivia::Raw(_)) {
                break;
            }
            end += line.len();
        }
        let lines = self.lines_until(end);
        self.at += indent_of(&self.text[self.at..]);
        lines
    }

    /// Reads the lines up to a line's start, whatever they are.
    fn lines_until(&mut self, end: usize) -> Vec<Trivia<'a>> {
        let lines = self.text[self.at..end].lines().map(trivia).collect();
        self.at = end;
        lines
    }

    fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |at| at + 1)
    }

    fn odd(&self) -> Odd {
        Odd { line: self.text[..self.at].matches('\n').count() + 1 }
    }
}

/// How many of the lines after a block belong to it: those up to its last comment that does not stand further left than
/// `column`. What silences lint for the next line belongs to that one.
fn own_part(trivia: &[Trivia<'_>], column: usize) -> usize {
    let mut own = 0;
    for (at, line) in trivia.iter().enumerate() {
        match line {
            Trivia::Comment(text, at_column) if *at_column >= column && !is_directive(text) => own = at + 1,
            Trivia::Blank => {}
            _ => break,
        }
    }
    own
}

/// Whether a comment speaks to datadip: of the line below it.
pub(super) fn is_directive(comment: &str) -> bool {
    comment[1..].trim_start().starts_with("datadip:")
}

fn is_link(event: &Event<'_>) -> bool {
    match event {
        Event::Alias(_) => true,
        Event::Scalar(_, _, anchor, _) | Event::SequenceStart(_, anchor, _) | Event::MappingStart(_, anchor, _) => {
            *anchor != 0
        }
        _ => false,
    }
}

/// What a line is that is no value.
fn trivia(line: &str) -> Trivia<'_> {
    let column = blanks(line).len();
    match line.trim_matches(BLANKS) {
        "" => Trivia::Blank,
        comment if comment.starts_with('#') => Trivia::Comment(comment, column),
        other => Trivia::Raw(other),
    }
}

/// The comment at the end of a line, where nothing but blanks stands before it.
fn note(line: &str) -> Option<Note<'_>> {
    let gap = blanks(line);
    let comment = line[gap.len()..].trim_end_matches(BLANKS);
    comment.starts_with('#').then_some(Note { gap, comment })
}

/// The anchors that a text begins with.
fn anchors(text: &str) -> &str {
    let mut end = 0;
    let mut next = 0;
    while text[next..].starts_with('&') {
        end = next + text[next..].find([' ', '\t', '\n']).unwrap_or(text.len() - next);
        next = end + blanks(&text[end..]).len();
    }
    &text[..end]
}

/// A text's first line.
fn line_of(text: &str) -> &str {
    &text[..text.find('\n').unwrap_or(text.len())]
}

/// The blanks and tabs that a text begins with.
fn blanks(text: &str) -> &str {
    &text[..text.len() - text.trim_start_matches(BLANKS).len()]
}

/// Whether there is nothing to see on a line.
pub(super) fn is_blank(line: &str) -> bool {
    line.trim_start_matches(BLANKS).is_empty()
}

/// How many blanks a line begins with.
fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}
