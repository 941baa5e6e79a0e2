//! One shape of a statement as the rules see it: its tokens with their depth, what it does, and its syntax tree.

use std::{
    collections::BTreeSet,
    ops::{ControlFlow, Range},
};

use sqlparser::{
    ast,
    dialect::{
        Dialect as ParserDialect, GenericDialect, MySqlDialect, PostgreSqlDialect, SQLiteDialect, SnowflakeDialect,
    },
    parser::Parser,
    tokenizer::{Location, Token as ParserToken},
};

use super::Columns;
use crate::{
    diagnostic::Span,
    template::{
        Dialect, ShapeText,
        lexer::{self, Token, TokenKind},
        soql::{self, Outline},
    },
};

/// The parser's own depth limit, stated: its frames must fit the stack of any thread that loads a file.
const MAX_DEPTH: usize = 50;
/// A statement with more tokens than this between two commas is not parsed: a chain of operators becomes a tree as deep as
/// it is long, and trees are walked and freed by recursion.
const MAX_CHAIN: usize = 2_000;

/// One shape of one statement.
#[derive(Debug)]
pub(crate) struct Statement {
    /// Its text, and the way back to the file.
    pub text: ShapeText,
    /// Its tokens without blanks and comments.
    pub code: Vec<Code>,
    /// Where a query or a write begins: the statement itself and those in its WITH clauses.
    pub parts: Vec<Part>,
    /// Its columns, where they can be known.
    pub columns: Option<Columns>,
    /// For SOQL: what it asks for.
    pub outline: Option<Outline>,
    /// Why the parser refuses it, and where.
    pub refused: Option<(String, Range<usize>)>,
    /// Whether it is the action's last statement, whose rows are the result.
    pub last: bool,
}

/// A token and how many brackets are open around it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Code {
    /// The token.
    pub token: Token,
    /// The brackets around it; an opening bracket and its closing one are outside.
    pub depth: usize,
}

/// A query or a write: its verb, as an index into the code, and everything that belongs to it.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// What it does.
    pub verb: Verb,
    /// Its tokens, the verb first, up to the end of its brackets.
    pub code: Range<usize>,
    /// The verb's depth.
    pub depth: usize,
}

/// What a part does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Select,
    Values,
    Table,
    Insert,
    Update,
    Delete,
    Replace,
    Merge,
    Call,
}

impl Verb {
    fn of(word: &str) -> Option<Self> {
        const VERBS: &[(&str, Verb)] = &[
            ("select", Verb::Select),
            ("values", Verb::Values),
            ("table", Verb::Table),
            ("insert", Verb::Insert),
            ("update", Verb::Update),
            ("delete", Verb::Delete),
            ("replace", Verb::Replace),
            ("merge", Verb::Merge),
            ("call", Verb::Call),
        ];
        VERBS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, verb)| *verb)
    }

    /// Whether it changes rows.
    pub fn writes(self) -> bool {
        matches!(self, Self::Insert | Self::Update | Self::Delete | Self::Replace | Self::Merge)
    }
}

impl Statement {
    /// Reads a shape that passed the checks on its tokens.
    pub fn read(text: ShapeText, dialect: Dialect, last: bool) -> Self {
        let code = code(&text.text, dialect);
        let parts = parts(&text.text, &code);
        if dialect == Dialect::Soql {
            // What its grammar refuses was told when the template was compiled.
            let outline = soql::parse(&text.text, &text.placeholders).ok();
            let columns = outline.as_ref().map(Columns::of_soql);
            return Self { text, code, parts, columns, outline, refused: None, last };
        }
        let (tree, refused) = match parse(&text.text, &code, dialect) {
            Ok(tree) => (Some(tree), None),
            Err(refused) => (None, Some(refused)),
        };
        let mut statement = Self { text, code, parts, columns: None, outline: None, refused, last };
        statement.columns = tree.and_then(|tree| {
            let list = statement.list();
            let place =
                |item: &Range<usize>| statement.code[item.start].token.start..statement.code[item.end - 1].token.end;
            let places: Vec<_> = list.iter().map(place).collect();
            Columns::of(&tree, &statement.text.text, &places, dialect)
        });
        statement
    }

    /// The statement's first token that is no bracket.
    pub fn first(&self) -> usize {
        self.code.iter().position(|code| code.token.kind != TokenKind::Open).unwrap_or(self.code.len())
    }

    /// The text of a token, counted in the code; nothing past its end.
    pub fn word(&self, at: usize) -> &str {
        self.code.get(at).map_or("", |code| code.token.text(&self.text.text))
    }

    /// Whether a token is this word.
    pub fn is(&self, at: usize, word: &str) -> bool {
        self.code.get(at).is_some_and(|code| code.token.is_word(&self.text.text, word))
    }

    /// Whether a token is one of these words.
    pub fn is_any(&self, at: usize, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(at, word))
    }

    /// The kind of a token.
    pub fn kind(&self, at: usize) -> Option<TokenKind> {
        self.code.get(at).map(|code| code.token.kind)
    }

    /// The place of a token in the file; of the statement's end past the last one.
    pub fn span(&self, at: usize) -> Span {
        match self.code.get(at) {
            Some(code) => self.text.span_of(code.token.start..code.token.end),
            None => self.text.span_of(self.text.text.trim_end().len()..self.text.text.trim_end().len()),
        }
    }

    /// The statement's own part, not those in its WITH clauses.
    pub fn main(&self) -> Option<&Part> {
        self.parts.iter().min_by_key(|part| (part.depth, part.code.start))
    }

    /// The first place in a part, on its own level, where one of these words stands.
    pub fn find(&self, part: &Part, words: &[&str]) -> Option<usize> {
        part.code.clone().skip(1).find(|&at| self.code[at].depth == part.depth && self.is_any(at, words))
    }

    /// The items of the list that names the result's columns: after SELECT, or after RETURNING.
    pub fn list(&self) -> Vec<Range<usize>> {
        let Some(main) = self.main() else { return Vec::new() };
        let before = if main.verb.writes() { self.find(main, &["returning"]) } else { Some(main.code.start) };
        let Some(mut first) = before.map(|at| at + 1) else { return Vec::new() };
        if self.is_any(first, &["distinct", "all"]) {
            first += 1;
        }
        if self.is(first, "top") {
            first += 2;
        }
        self.items(first, &["from", "into", "where", "group", "order", "limit", "union", "except", "intersect"])
    }

    /// The items of a list that begins at a token, on that token's level: split at commas, ended by one of these words or
    /// by the end of the brackets.
    pub fn items(&self, from: usize, ends: &[&str]) -> Vec<Range<usize>> {
        let Some(depth) = self.code.get(from).map(|code| code.depth) else { return Vec::new() };
        let mut items = Vec::new();
        let mut start = from;
        let mut at = from;
        while let Some(code) = self.code.get(at) {
            let own = code.depth == depth;
            if code.depth < depth || (own && (code.token.kind == TokenKind::Semicolon || self.is_any(at, ends))) {
                break;
            }
            if own && self.word(at) == "," {
                items.push(start..at);
                start = at + 1;
            }
            at += 1;
        }
        items.push(start..at);
        items.retain(|item| !item.is_empty());
        items
    }
}

/// The tables and views that a statement names, as it writes them; `None` where the parser refuses it. The names of its WITH
/// clauses are among them: inside of one, a table of the same name may be meant.
pub(crate) fn tables(text: &str, dialect: Dialect) -> Option<BTreeSet<String>> {
    let tree = read(text, dialect)?;
    let mut tables = BTreeSet::new();
    let _ = ast::visit_relations(&tree, |name| {
        tables.insert(name.to_string());
        ControlFlow::<()>::Continue(())
    });
    Some(tables)
}

/// The syntax tree of a statement; `None` where the parser refuses it.
pub(super) fn read(text: &str, dialect: Dialect) -> Option<ast::Statement> {
    parse(text, &code(text, dialect), dialect).ok()
}

fn code(text: &str, dialect: Dialect) -> Vec<Code> {
    let mut depth = 0_usize;
    let tokens = lexer::tokens(text, dialect).into_iter().filter(|token| !token.is_blank());
    let place = |token: Token| match token.kind {
        TokenKind::Open => {
            depth += 1;
            Code { token, depth: depth - 1 }
        }
        TokenKind::Close => {
            depth = depth.saturating_sub(1);
            Code { token, depth }
        }
        _ => Code { token, depth },
    };
    tokens.map(place).collect()
}

/// Where verbs stand: at the beginning of the statement, of a bracket after AS, and after a WITH clause of either.
fn parts(text: &str, code: &[Code]) -> Vec<Part> {
    let word = |at: usize| code.get(at).map_or("", |code| code.token.text(text));
    let is = |at: usize, name: &str| code.get(at).is_some_and(|code| code.token.is_word(text, name));
    let mut starts = vec![0];
    starts.extend(
        (1..code.len())
            .filter(|&at| code[at].token.kind == TokenKind::Open && (is(at - 1, "as") || is(at - 1, "materialized")))
            .map(|at| at + 1),
    );
    let mut parts = Vec::new();
    for mut start in starts {
        while code.get(start).is_some_and(|code| code.token.kind == TokenKind::Open) {
            start += 1;
        }
        let Some(depth) = code.get(start).map(|code| code.depth) else { continue };
        let end = code[start..].iter().position(|code| code.depth < depth).map_or(code.len(), |found| start + found);
        let verb_at = if is(start, "with") {
            (start + 1..end).find(|&at| {
                code[at].depth == depth
                    && code[at - 1].token.kind == TokenKind::Close
                    && code[at].token.kind == TokenKind::Word
                    && Verb::of(word(at)).is_some()
            })
        } else {
            Some(start)
        };
        let verb =
            verb_at.filter(|&at| code[at].token.kind == TokenKind::Word).and_then(|at| Some((at, Verb::of(word(at))?)));
        if let Some((at, verb)) = verb {
            parts.push(Part { verb, code: at..end, depth });
        }
    }
    parts
}

/// The syntax tree, or what the parser says against it and where.
fn parse(text: &str, code: &[Code], dialect: Dialect) -> Result<ast::Statement, (String, Range<usize>)> {
    let whole = code.first().map_or(0, |code| code.token.start)..code.last().map_or(0, |code| code.token.end);
    if longest_chain(text, code) > MAX_CHAIN {
        return Err(("it is too long".into(), whole));
    }
    let dialect: &dyn ParserDialect = match dialect {
        Dialect::Sqlite => &SQLiteDialect {},
        Dialect::Postgres => &PostgreSqlDialect {},
        Dialect::Mysql => &MySqlDialect {},
        Dialect::Snowflake => &SnowflakeDialect {},
        Dialect::Soql => &GenericDialect {},
    };
    let parser = Parser::new(dialect).with_recursion_limit(MAX_DEPTH).try_with_sql(text);
    let parsed = parser.and_then(|mut parser| {
        let statement = parser.parse_statement()?;
        while parser.consume_token(&ParserToken::SemiColon) {}
        parser.expect_token(&ParserToken::EOF)?;
        Ok(statement)
    });
    parsed.map_err(|error| {
        let message = error.to_string();
        let message = message.trim_start_matches("sql parser error: ");
        let (message, place) = match message.rsplit_once(" at Line: ") {
            Some((message, place)) => (message, location(place)),
            None => (message, None),
        };
        let at = place.and_then(|place| offset(text, place));
        let token = at.and_then(|at| code.iter().find(|code| code.token.end > at));
        (message.to_owned(), token.map_or(whole, |code| code.token.start..code.token.end))
    })
}

/// `3, Column: 14`.
fn location(place: &str) -> Option<Location> {
    let (line, column) = place.split_once(", Column: ")?;
    Some(Location { line: line.parse().ok()?, column: column.parse().ok()? })
}

/// The byte that a place of the parser's stands for: lines and characters from 1; 0 where it knows none.
pub(super) fn offset(text: &str, place: Location) -> Option<usize> {
    let line = usize::try_from(place.line).ok()?.checked_sub(1)?;
    let column = usize::try_from(place.column).ok()?.checked_sub(1)?;
    let start = match line {
        0 => 0,
        line => text.match_indices('\n').nth(line - 1)?.0 + 1,
    };
    let rest = &text[start..];
    Some(start + rest.char_indices().nth(column).map_or(rest.len(), |(at, _)| at))
}

/// The most tokens that can hang on one another: those since the last comma on each level of brackets, added up.
fn longest_chain(text: &str, code: &[Code]) -> usize {
    let mut levels: Vec<usize> = Vec::new();
    let (mut sum, mut longest) = (0, 0);
    for code in code {
        while levels.len() > code.depth + 1 {
            sum -= levels.pop().unwrap_or(0);
        }
        levels.resize(code.depth + 1, 0);
        if code.token.text(text) == "," {
            sum -= std::mem::take(&mut levels[code.depth]);
        } else {
            levels[code.depth] += 1;
            sum += 1;
        }
        longest = longest.max(sum);
    }
    longest
}
