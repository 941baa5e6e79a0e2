//! The grammar of SOQL, by hand and by recursive descent: a query's text becomes its [`Outline`], or what is wrong with it, each
//! fault at its place and with what to write instead. It knows Salesforce's language and nothing of its objects.
//!
//! What Salesforce refuses in any org is a fault; what depends on an org (fields, types, features) is not, but for a few fields
//! that every org has ([`dates`]). After a fault reading goes on at the next condition, item or clause, so that one run tells
//! of several.

mod condition;
mod dates;
mod groups;
mod select;
mod slips;
#[cfg(test)]
mod tests;
mod unreadable;
mod value;
mod words;

use std::{collections::BTreeSet, ops::Range};

use super::outline::{Base, FieldPath, Name, Outline, Select};
use crate::template::{
    Dialect, PlaceholderSite,
    lexer::{self, Token, TokenKind},
};
use groups::Expression;
use words::{Clause, one_of};

/// How deep brackets, calls and subqueries may nest: each level is a few frames of the stack.
const MAX_NESTING: usize = 40;
/// How many faults of one text are told.
const MAX_ERRORS: usize = 20;
/// A child subquery may stand in another, up to this many levels below the outermost query
/// (<https://developer.salesforce.com/docs/platform/salesforce-soql-sosl/guide/sforce-api-calls-soql-relationships-query-limits.html>).
const MAX_CHILD_LEVELS: usize = 4;
/// A path may lead through this many parents; source as above.
const MAX_PARENTS: usize = 5;
/// A query may follow this many relationships to parents, and to children; source as above, which says 55. Its edition of 2015
/// (`atlas.en-us.194.0`) said 35, the number that FACTS has.
const MAX_PARENT_RELATIONSHIPS: usize = 55;
const MAX_CHILD_RELATIONSHIPS: usize = 20;

/// Something that Salesforce would refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// Its place in the query's text.
    pub range: Range<usize>,
    /// What was expected and what came.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

/// Reads a query whose values are placeholders.
pub fn parse(text: &str, placeholders: &[PlaceholderSite]) -> Result<Outline, Vec<SyntaxError>> {
    let (comments, tokens) = lexer::tokens(text, Dialect::Soql)
        .into_iter()
        .filter(|token| token.kind != TokenKind::Whitespace)
        .partition(|token| token.kind == TokenKind::Comment);
    let mut parser = Parser {
        text,
        tokens,
        at: 0,
        placeholders,
        scopes: Vec::new(),
        scope: 0,
        paths: Vec::new(),
        compared: vec![None; placeholders.len()],
        children: 0,
        nesting: 0,
        errors: Vec::new(),
    };
    parser.comments(comments);
    let query = parser.whole();
    parser.finish(query)
}

/// What reading a query came to: `None` is a fault that was told.
type Read<T> = Option<T>;

struct Parser<'a> {
    text: &'a str,
    /// The tokens without blanks and comments.
    tokens: Vec<Token>,
    at: usize,
    placeholders: &'a [PlaceholderSite],
    /// The queries so far, and the types of TYPEOF: what paths begin at.
    scopes: Vec<Scope>,
    /// The one that is being read.
    scope: usize,
    paths: Vec<Path>,
    compared: Vec<Option<usize>>,
    /// How many child subqueries there are.
    children: usize,
    nesting: usize,
    errors: Vec<SyntaxError>,
}

/// What paths begin at.
#[derive(Debug, Default)]
struct Scope {
    /// The scope whose records have these as children.
    parent: Option<usize>,
    /// The object, or the child relationship.
    from: String,
    /// Names that stand for a way from there: aliases of FROM.
    aliases: Vec<(String, Vec<String>)>,
    /// Names of selected values, which ORDER BY and HAVING may use.
    values: Vec<String>,
    /// Whether it stands in `IN (…)`.
    semi_join: bool,
    /// How many semi-joins filter it.
    semi_joins: usize,
    /// What HAVING and ORDER BY name.
    named: Vec<(Place, Expression)>,
}

/// A path as it is written.
#[derive(Debug)]
struct Path {
    scope: usize,
    names: Vec<String>,
    range: Range<usize>,
    /// Whether it stands where the name of a selected value may stand.
    after_select: bool,
    /// Whether it is that of a TYPEOF.
    relationship: bool,
}

/// Where a query stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    Outermost,
    /// After SELECT, so many levels below the outermost query.
    Child(usize),
    /// In `IN (…)`.
    SemiJoin,
}

/// Where a field or a function stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Select,
    Where,
    GroupBy,
    Having,
    OrderBy,
}

impl Parser<'_> {
    /// The whole text.
    fn whole(&mut self) -> Read<Select> {
        if !self.is("select") {
            self.no_select();
            return None;
        }
        let query = self.query(Position::Outermost);
        if query.is_some() && self.at < self.tokens.len() {
            self.unexpected_end();
        }
        query
    }

    /// A query, from its SELECT on. Faults inside of it are told and passed over.
    fn query(&mut self, position: Position) -> Read<Select> {
        let outer = self.scope;
        let parent = matches!(position, Position::Child(_)).then_some(outer);
        self.scopes.push(Scope { parent, semi_join: position == Position::SemiJoin, ..Scope::default() });
        self.scope = self.scopes.len() - 1;
        let query = self.select(position);
        self.scope = outer;
        query
    }

    fn select(&mut self, position: Position) -> Read<Select> {
        let select = self.at;
        self.at += 1;
        let items = self.items(position);
        if !self.take("from") {
            let help = "a query is `SELECT fields FROM object …`";
            self.expected("`FROM`", Some(help.into()));
            return None;
        }
        let from = self.sources(position)?;
        let clauses = self.clauses(position);
        Some(self.selected(self.tokens[select], from, items, clauses, position))
    }

    /// The objects after FROM: the first one's name.
    fn sources(&mut self, position: Position) -> Read<Name> {
        if self.kind() == Some(TokenKind::Open) {
            let help = "FROM takes an object; children are selected by a subquery after SELECT, and `Id IN (SELECT …)` filters";
            self.expected("an object", Some(help.into()));
            return None;
        }
        let mut first: Option<(Vec<String>, Range<usize>)> = None;
        loop {
            let what = if matches!(position, Position::Child(_)) { "a child relationship" } else { "an object" };
            let (names, range) = self.names(what)?;
            if let Some((object, _)) = first.as_ref().filter(|_| names.len() == 1) {
                let object = object.join(".");
                let message = format!("`{}` is reached from `{object}`: a query has one object", names[0]);
                let help = format!("write `FROM {object} x, x.{} y`, with the relationship's name", names[0]);
                self.error(range.clone(), message, Some(help));
            }
            self.source_alias(&names, first.is_none());
            first = first.or(Some((names, range)));
            if !self.take_sign(",") {
                break;
            }
        }
        if self.take("using") {
            if !self.take("scope") {
                self.expected("`SCOPE`", Some("write `USING SCOPE mine`".into()));
                return None;
            }
            self.names("a scope")?;
        }
        let (mut names, range) = first?;
        // A child relationship may be written with its parent's name: `FROM Account.Contacts`.
        let text = names.pop()?;
        self.scopes[self.scope].from.clone_from(&text);
        Some(Name { text, range })
    }

    /// The alias after an object of FROM, which stands for the way to it.
    fn source_alias(&mut self, names: &[String], first: bool) {
        let written = self.take("as");
        let scope = self.scope;
        if written && words::is_reserved(self.word()) {
            self.no_name("a name");
        }
        let alias = match self.tokens.get(self.at) {
            Some(token) if token.kind == TokenKind::Word && !self.ends_source() => {
                let alias = token.text(self.text).to_owned();
                self.at += 1;
                Some(alias)
            }
            _ => None,
        };
        let way = match names.split_first() {
            Some((start, rest)) if !first => {
                let known = self.scopes[scope].aliases.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(start));
                let mut way = known.map(|(_, way)| way.clone()).unwrap_or_default();
                way.extend_from_slice(rest);
                way
            }
            _ => Vec::new(),
        };
        let name = if first { names.last().cloned() } else { None };
        self.scopes[scope].aliases.extend(alias.into_iter().chain(name).map(|alias| (alias, way.clone())));
    }

    /// Whether the word at hand is no alias of an object.
    fn ends_source(&self) -> bool {
        const ENDS: &[&str] = &["using", "group", "order", "all"];
        let word = self.word();
        Clause::of(word, self.word_after(1)).is_some()
            || one_of(word, ENDS)
            || words::is_reserved(word)
            || slips::is_foreign(word)
            || self.misspelt_clause()
    }

    fn finish(mut self, query: Read<Select>) -> Result<Outline, Vec<SyntaxError>> {
        let paths: Vec<Option<FieldPath>> = self.paths.iter().map(|path| self.resolve(path)).collect();
        self.long_ways(&paths);
        let Some(query) = query.filter(|_| self.errors.is_empty()) else {
            self.errors.sort_by_key(|error| error.range.start);
            return Err(self.errors);
        };
        let mut number = 0;
        let numbers: Vec<Option<usize>> = paths
            .iter()
            .map(|path| {
                number += usize::from(path.is_some());
                path.as_ref().map(|_| number - 1)
            })
            .collect();
        let compared = self.compared.iter().map(|path| path.and_then(|path| numbers[path])).collect();
        Ok(Outline { query, paths: paths.into_iter().flatten().collect(), compared })
    }

    /// The field that a path means; `None` where it is the alias of a selected value.
    fn resolve(&self, path: &Path) -> Option<FieldPath> {
        let mut scope = &self.scopes[path.scope];
        if let [only] = &path.names[..]
            && path.after_select
            && scope.values.iter().any(|value| value.eq_ignore_ascii_case(only))
        {
            return None;
        }
        let mut children = Vec::new();
        while let Some(parent) = scope.parent {
            children.push(scope.from.clone());
            scope = &self.scopes[parent];
        }
        children.reverse();
        let base = Base { object: scope.from.clone(), children };
        let (range, relationship) = (path.range.clone(), path.relationship);
        Some(FieldPath { base, path: self.way(path), range, relationship })
    }

    /// The names of a path from its object on: an alias at its beginning is replaced by the way that it stands for.
    fn way(&self, path: &Path) -> Vec<String> {
        let scope = &self.scopes[path.scope];
        match path.names.split_first() {
            Some((first, rest)) if !rest.is_empty() => {
                // `(SELECT Contact.LastName FROM Contacts)`: the object behind the relationship, by its usual name.
                if scope.parent.is_some() && is_plural(&scope.from, first) {
                    return rest.to_vec();
                }
                let known = scope.aliases.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(first));
                known.map_or_else(|| path.names.clone(), |(_, way)| [way, rest].concat())
            }
            _ => path.names.clone(),
        }
    }

    /// Tells of ways through more relationships than Salesforce follows.
    fn long_ways(&mut self, paths: &[Option<FieldPath>]) {
        let mut ways = BTreeSet::new();
        for path in paths.iter().flatten() {
            let parents = &path.path[..path.path.len() - 1];
            if parents.len() > MAX_PARENTS {
                let message =
                    format!("this path leads through {} parents, and {MAX_PARENTS} is the most", parents.len());
                self.error(
                    path.range.clone(),
                    message,
                    Some("begin at an object that is nearer, or add a formula field".into()),
                );
            }
            for length in 1..=parents.len().min(MAX_PARENTS) {
                let way = parents[..length].iter().map(|name| name.to_lowercase()).collect::<Vec<_>>();
                let new = ways.insert((path.base.object.to_lowercase(), path.base.children.clone(), way));
                if new && ways.len() == MAX_PARENT_RELATIONSHIPS + 1 {
                    let message =
                        format!("the query follows more than {MAX_PARENT_RELATIONSHIPS} relationships to parents");
                    self.error(path.range.clone(), message, Some("split it into two actions".into()));
                }
            }
        }
    }

    /// A name with its parents, `Account.Owner.Name`.
    fn names(&mut self, what: &str) -> Read<(Vec<String>, Range<usize>)> {
        let Some(token) = self.tokens.get(self.at).copied().filter(|token| token.kind == TokenKind::Word) else {
            self.no_name(what);
            return None;
        };
        if words::is_reserved(token.text(self.text)) {
            self.no_name(what);
            return None;
        }
        let mut names = vec![token.text(self.text).to_owned()];
        let mut end = token.end;
        self.at += 1;
        while self.sign() == "." {
            let dot = self.tokens[self.at];
            self.at += 1;
            match self.tokens.get(self.at).copied() {
                Some(token) if token.kind == TokenKind::Word && token.start == dot.end && dot.start == end => {
                    names.push(token.text(self.text).to_owned());
                    end = token.end;
                    self.at += 1;
                }
                next => {
                    let written = &self.text[self.tokens[self.at - 2].start..dot.end];
                    let apart = next.is_some_and(|next| next.kind == TokenKind::Word) && !self.is("from");
                    let (message, help) = if apart {
                        ("no blank stands around the dot of a path".to_owned(), "remove the blank")
                    } else {
                        (
                            format!("expected a name after `{written}`, got {}", self.found()),
                            "name the field, or remove the dot",
                        )
                    };
                    self.error(dot.start..dot.end, message, Some(help.into()));
                    return None;
                }
            }
        }
        Some((names, token.start..end))
    }

    /// A path to a field, by its number.
    fn path(&mut self, what: &str, place: Place) -> Read<usize> {
        let (names, range) = self.names(what)?;
        let after_select = matches!(place, Place::Having | Place::OrderBy);
        self.paths.push(Path { scope: self.scope, names, range, after_select, relationship: false });
        Some(self.paths.len() - 1)
    }

    /// One level deeper, unless that is too deep.
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        if self.nesting == MAX_NESTING {
            let message = format!("more than {MAX_NESTING} levels of brackets");
            self.error(self.here(), message, Some("write it with fewer brackets, or as two actions".into()));
            self.at = self.tokens.len();
            return None;
        }
        self.nesting += 1;
        let read = read(self);
        self.nesting -= 1;
        read
    }

    /// The kind of the token at hand.
    fn kind(&self) -> Option<TokenKind> {
        self.tokens.get(self.at).map(|token| token.kind)
    }

    /// The text of the token at hand; empty at the end.
    fn sign(&self) -> &str {
        self.sign_after(0)
    }

    /// The text of a token further on; empty past the end.
    fn sign_after(&self, ahead: usize) -> &str {
        self.tokens.get(self.at + ahead).map_or("", |token| token.text(self.text))
    }

    /// The word at hand; empty where there is none.
    fn word(&self) -> &str {
        self.word_after(0)
    }

    /// A word further on; empty where there is none.
    fn word_after(&self, ahead: usize) -> &str {
        let token = self.tokens.get(self.at + ahead).filter(|token| token.kind == TokenKind::Word);
        token.map_or("", |token| token.text(self.text))
    }

    /// Whether this word is at hand, in any letters.
    fn is(&self, word: &str) -> bool {
        self.word().eq_ignore_ascii_case(word)
    }

    /// Whether one of these words is at hand.
    fn is_any(&self, words: &[&str]) -> bool {
        one_of(self.word(), words)
    }

    /// The clause that begins here.
    fn clause(&self) -> Option<Clause> {
        Clause::of(self.word(), self.word_after(1))
    }

    /// Takes this word if it is at hand.
    fn take(&mut self, word: &str) -> bool {
        let found = self.is(word);
        self.at += usize::from(found);
        found
    }

    /// Takes this sign if it is at hand.
    fn take_sign(&mut self, sign: &str) -> bool {
        let found = self.sign() == sign && self.kind() != Some(TokenKind::String);
        self.at += usize::from(found);
        found
    }

    /// The place of the token at hand; at the end, of the last one; of the whole text where there is none.
    fn here(&self) -> Range<usize> {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(0..self.text.len(), |token| token.start..token.end)
    }

    /// From the beginning of a token to the end of the last one that was taken.
    fn since(&self, first: usize) -> Range<usize> {
        let start = self.tokens.get(first).map_or(0, |token| token.start);
        start..self.tokens[..self.at].last().map_or(start, |last| last.end.max(start))
    }

    /// Goes on to the next token on this level of brackets for which `stop` says so; to the end of the brackets, or of the
    /// text, where there is none.
    fn skip(&mut self, stop: impl Fn(&Self) -> bool) {
        let mut depth = 0_usize;
        while let Some(kind) = self.kind() {
            match kind {
                TokenKind::Open => depth += 1,
                TokenKind::Close if depth == 0 => return,
                TokenKind::Close => depth -= 1,
                _ if depth == 0 && stop(self) => return,
                _ => {}
            }
            self.at += 1;
        }
    }

    /// Goes on behind the bracket that closes the one before the token at hand.
    fn skip_brackets(&mut self) {
        self.skip(|_| false);
        self.at = (self.at + 1).min(self.tokens.len());
    }

    /// Takes the closing bracket that must stand here, or tells of it.
    fn close(&mut self) -> Read<()> {
        if self.take_sign(")") {
            return Some(());
        }
        self.expected("`)`", None);
        None
    }

    fn error(&mut self, range: Range<usize>, message: impl Into<String>, help: Option<String>) {
        if self.errors.len() < MAX_ERRORS && !self.errors.iter().any(|error| error.range == range) {
            self.errors.push(SyntaxError { range, message: message.into(), help });
        }
    }

    /// Tells that something else must stand here.
    fn expected(&mut self, what: &str, help: Option<String>) {
        let message = format!("expected {what}, got {}", self.found());
        self.error(self.here(), message, help);
    }

    /// The token at hand, for people.
    fn found(&self) -> String {
        match self.tokens.get(self.at) {
            None => "the end of the query".into(),
            Some(token) if token.kind == TokenKind::Placeholder => "a bound value".into(),
            Some(token) => format!("`{}`", shown(token.text(self.text))),
        }
    }
}

/// Whether a child relationship is the plural of an object's name, as Salesforce builds it.
fn is_plural(relationship: &str, object: &str) -> bool {
    let stem = object.strip_suffix(['y', 'Y']).map(|stem| format!("{stem}ies"));
    relationship.eq_ignore_ascii_case(&format!("{object}s"))
        || stem.is_some_and(|stem| relationship.eq_ignore_ascii_case(&stem))
}

/// A piece of the text, shortened.
fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(40).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
