//! The pieces of a layout put together again: two blanks a level, at most one blank line, no blanks at the ends of lines.
//! The text of each piece is as written; the lines of one that has several are moved together.

use super::layout::{BLANKS, Block, Body, Child, Layout, Literal, Note, Piece, Trivia, Value, is_blank};

/// How much further right a level stands.
const STEP: usize = 2;

/// Writes a layout.
pub(super) fn write(layout: &Layout<'_>) -> String {
    let mut writer = Writer::default();
    writer.trivia(&layout.head, 0);
    writer.children(&layout.root, 0, true);
    let end = layout.root.tail.iter().rposition(|line| !matches!(line, Trivia::Blank)).map_or(0, |at| at + 1);
    writer.trivia(&layout.root.tail[..end], 0);
    writer.out
}

#[derive(Default)]
struct Writer {
    out: String,
    /// Whether a blank line would become part of the text above it.
    keeps: bool,
}

impl Writer {
    fn trivia(&mut self, lines: &[Trivia<'_>], indent: usize) {
        for line in lines {
            match line {
                Trivia::Blank if self.keeps || self.out.is_empty() || self.out.ends_with("\n\n") => {}
                Trivia::Blank => self.out.push('\n'),
                Trivia::Comment(text, _) | Trivia::Raw(text) => self.line(indent, text),
            }
        }
    }

    fn line(&mut self, indent: usize, text: &str) {
        self.indent(indent);
        self.out.push_str(text);
        self.end_line(None);
    }

    fn indent(&mut self, indent: usize) {
        self.out.extend(std::iter::repeat_n(' ', indent));
    }

    fn end_line(&mut self, note: Option<Note<'_>>) {
        if let Some(Note { gap, comment }) = note {
            self.out.push_str(&gap.replace('\t', " "));
            self.out.push_str(comment);
        }
        self.out.push('\n');
        self.keeps = false;
    }

    /// Writes a block's children. `fresh` says that its first line is a new one, not that of a dash.
    fn children(&mut self, block: &Block<'_>, indent: usize, fresh: bool) {
        for (at, child) in block.children.iter().enumerate() {
            if at > 0 {
                self.trivia(&child.above, indent);
            } else if fresh {
                self.trivia(without_blanks(&child.above), indent);
            }
            if at > 0 || fresh {
                // A dash with the first entry behind it has the lines above that entry above itself.
                let mut value = &child.value;
                while let (Body::Block(block), false) = (&value.body, value.own_line) {
                    self.trivia(without_blanks(&block.children[0].above), indent);
                    value = &block.children[0].value;
                }
                self.indent(indent);
            }
            self.child(child, indent);
        }
    }

    fn child(&mut self, child: &Child<'_>, indent: usize) {
        self.out.push_str(child.key);
        self.out.push(if child.key.is_empty() { '-' } else { ':' });
        let value = &child.value;
        if !value.anchors.is_empty() {
            self.out.push(' ');
            self.out.push_str(value.anchors);
        }
        let inner = indent + STEP;
        if value.own_line {
            self.end_line(value.note);
            self.trivia(&value.between, inner);
        } else if !matches!(value.body, Body::Empty) {
            self.out.push(' ');
        }
        self.body(value, inner);
        if let Body::Block(block) = &value.body {
            self.trivia(&block.tail, inner);
        }
    }

    /// Writes a value. What of it begins on a new line, and all its further lines, stand at `indent`.
    fn body(&mut self, value: &Value<'_>, indent: usize) {
        if let Body::Block(block) = &value.body {
            return self.children(block, indent, value.own_line);
        }
        if value.own_line {
            self.indent(indent);
            if !value.prefix.is_empty() {
                self.out.push_str(value.prefix);
                self.out.push(' ');
            }
        }
        match &value.body {
            Body::Scalar(piece) => self.scalar(piece, indent, value.own_line && value.prefix.is_empty()),
            Body::Flow(piece) => self.flow(piece),
            Body::Literal(literal) => return self.literal(literal, indent, value.after),
            Body::Empty | Body::Block(_) => return self.end_line(value.note),
        }
        self.end_line(value.after);
    }

    /// Writes a scalar. Of its further lines, or of all, the one furthest left stands at `indent`; blanks before them mean nothing.
    fn scalar(&mut self, piece: &Piece<'_>, indent: usize, first_too: bool) {
        let mut lines = piece.text.split('\n');
        let first = lines.next().unwrap_or_default();
        let further = lines.clone().filter(|line| !is_blank(line)).map(column);
        let least = further.chain(first_too.then_some(piece.column)).min().unwrap_or(0);
        if first_too {
            self.indent(piece.column - least);
        }
        self.out.push_str(if piece.quoted { first } else { first.trim_end_matches(BLANKS) });
        for line in lines {
            self.out.push('\n');
            let text = line.trim_start_matches(BLANKS);
            if !text.is_empty() {
                self.indent(indent + column(line) - least);
                self.out.push_str(if piece.quoted { text } else { text.trim_end_matches(BLANKS) });
            }
        }
    }

    /// Writes what is in `{ }` or `[ ]`: its lines move as far as the first one does.
    fn flow(&mut self, piece: &Piece<'_>) {
        let line = &self.out[self.out.rfind('\n').map_or(0, |at| at + 1)..];
        let moved = column(line);
        let text = without_tabs(piece);
        let mut at = 0;
        for line in text.split('\n') {
            let end = at + line.len();
            let in_scalar = piece.inside.iter().any(|(range, scalar)| *scalar && range.start < end && end < range.end);
            let kept = if in_scalar { line } else { line.trim_end_matches(BLANKS) };
            if at == 0 {
                self.out.push_str(kept);
            } else {
                self.out.push('\n');
                let kept = kept.trim_start_matches(BLANKS);
                if !kept.is_empty() {
                    self.indent((column(line) + moved).saturating_sub(piece.indent));
                    self.out.push_str(kept);
                }
            }
            at = end + 1;
        }
    }

    fn literal(&mut self, literal: &Literal<'_>, indent: usize, note: Option<Note<'_>>) {
        let step = STEP.to_string();
        self.out.push_str(&literal.header.replace(|sign: char| sign.is_ascii_digit(), &step));
        self.end_line(note);
        for line in &literal.lines {
            if !line.is_empty() {
                self.indent(indent);
            }
            self.out.push_str(line);
            self.out.push('\n');
        }
        self.keeps = literal.keeps;
    }
}

/// The lines without the blank ones that they begin with.
fn without_blanks<'l, 'a>(lines: &'l [Trivia<'a>]) -> &'l [Trivia<'a>] {
    let first = lines.iter().position(|line| !matches!(line, Trivia::Blank)).unwrap_or(lines.len());
    &lines[first..]
}

/// How many blanks and tabs a line begins with.
fn column(line: &str) -> usize {
    line.len() - line.trim_start_matches(BLANKS).len()
}

/// A piece with a blank for each tab that is not part of a scalar or a comment.
fn without_tabs(piece: &Piece<'_>) -> String {
    let inside = |at: usize| piece.inside.iter().any(|(range, _)| range.contains(&at));
    let signs = piece.text.char_indices().map(|(at, sign)| if sign == '\t' && !inside(at) { ' ' } else { sign });
    signs.collect()
}
