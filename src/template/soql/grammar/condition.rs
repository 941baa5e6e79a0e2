//! The clauses after FROM, and conditions.

use std::ops::Range;

use super::{
    Parser, Place, Position, Read,
    groups::Expression,
    select::Call,
    words::{self, Clause, Kind},
};
use crate::{diagnostic::suggest, template::lexer::TokenKind};

/// The most rows that OFFSET passes over
/// (<https://developer.salesforce.com/docs/platform/salesforce-soql-sosl/guide/sforce-api-calls-soql-select-offset.html>).
const MAX_OFFSET: u64 = 2_000;
/// How many semi-joins and anti-joins a WHERE may have
/// (<https://developer.salesforce.com/docs/platform/salesforce-soql-sosl/guide/sforce-api-calls-soql-select-comparisonoperators.html>).
const MAX_SEMI_JOINS: usize = 2;

/// What the clauses of a query say of its result.
#[derive(Debug, Default)]
pub(super) struct Clauses {
    /// What it groups by.
    pub grouped: Option<Vec<Expression>>,
    /// Whether its GROUP BY has a fault, so that not all of its fields are known.
    pub ungrouped: bool,
    /// Its LIMIT; `Some(None)` where that is bound.
    pub limit: Option<Option<u64>>,
    /// The place of LIMIT.
    pub limited: Option<Range<usize>>,
    /// The place of ORDER BY.
    pub ordered: Option<Range<usize>>,
}

/// What stands between a field and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    /// `=`, `!=`, `<>`.
    Equal,
    /// `<`, `<=`, `>`, `>=`.
    Order,
    Like,
    /// IN, NOT IN.
    In,
    /// INCLUDES, EXCLUDES.
    Includes,
}

impl Parser<'_> {
    /// The clauses, to the end of the query.
    pub(super) fn clauses(&mut self, position: Position) -> Clauses {
        let mut clauses = Clauses::default();
        let mut last: Option<Clause> = None;
        loop {
            let Some(clause) = self.clause() else {
                if matches!(self.kind(), None | Some(TokenKind::Close)) {
                    return clauses;
                }
                self.unexpected(last);
                self.at += 1;
                self.skip(|parser| parser.clause().is_some());
                continue;
            };
            self.clause_fits(clause, last, position);
            last = last.max(Some(clause));
            if self.clause_of(clause, &mut clauses).is_none() {
                self.skip(|parser| parser.clause().is_some());
            }
        }
    }

    /// Whether a clause may stand here.
    fn clause_fits(&mut self, clause: Clause, last: Option<Clause>, position: Position) {
        let name = clause.name();
        let locks = clause == Clause::For && self.word_after(1).eq_ignore_ascii_case("update");
        let words = if locks || matches!(clause, Clause::GroupBy | Clause::OrderBy | Clause::AllRows) { 2 } else { 1 };
        let range = self.here().start..self.tokens[self.at + words - 1].end;
        let (message, help) = match position {
            Position::SemiJoin if !matches!(clause, Clause::Where | Clause::With) => {
                (format!("`{name}` cannot stand in a query inside of `IN (…)`"), Some("remove it".into()))
            }
            Position::Child(_) if clause >= Clause::For => {
                let help = "write it at the end of the outermost query";
                (format!("`{name}` cannot stand in a child subquery"), Some(help.into()))
            }
            _ if clause == Clause::AllRows => (
                "`ALL ROWS` is known in Apex only".into(),
                Some("remove it: over REST, deleted records are not part of a query".into()),
            ),
            _ if locks => (
                "`FOR UPDATE` is known in Apex only".into(),
                Some("remove it: over REST a query ends with its answer, and so would its locks".into()),
            ),
            _ if last == Some(clause) && clause == Clause::Where => {
                ("a second `WHERE`".into(), Some("join the conditions with `AND`".into()))
            }
            _ if last == Some(clause) && clause != Clause::With => {
                (format!("a second `{name}`"), Some("a query has each clause once".into()))
            }
            _ => match last.filter(|last| clause < *last) {
                Some(last) => (
                    format!("`{name}` must stand before `{}`", last.name()),
                    Some(format!("move it in front of `{}`", last.name())),
                ),
                None => return,
            },
        };
        self.error(range, message, help);
    }

    fn clause_of(&mut self, clause: Clause, clauses: &mut Clauses) -> Read<()> {
        self.at += 1;
        match clause {
            Clause::Where => self.conditions(Place::Where),
            Clause::With => self.with()?,
            Clause::GroupBy => {
                let fields = self.group_by();
                clauses.ungrouped = fields.is_none();
                clauses.grouped = Some(fields.unwrap_or_default());
                if clauses.ungrouped {
                    return None;
                }
            }
            Clause::Having => {
                if clauses.grouped.is_none() {
                    let help = "conditions on records stand in WHERE; to compare an aggregate, group first";
                    self.error(self.since(self.at - 1), "`HAVING` without `GROUP BY`", Some(help.into()));
                }
                self.conditions(Place::Having);
            }
            Clause::OrderBy => {
                self.at += 1;
                clauses.ordered = Some(self.since(self.at - 2));
                self.order_by()?;
            }
            Clause::Limit => {
                clauses.limited = Some(self.since(self.at - 1));
                clauses.limit = Some(None);
                clauses.limit = Some(self.count("LIMIT")?);
            }
            Clause::Offset => {
                let start = self.at;
                if self.count("OFFSET")?.is_some_and(|rows| rows > MAX_OFFSET) {
                    let message = format!("`OFFSET` passes over at most {MAX_OFFSET} rows");
                    let help = "go on behind the last record instead: `WHERE Id > {{ last }} ORDER BY Id`";
                    self.error(self.since(start), message, Some(help.into()));
                }
            }
            Clause::For => {
                if !self.is_any(&["view", "reference", "update"]) {
                    self.expected("`VIEW` or `REFERENCE`", None);
                    return None;
                }
                self.at += 1;
            }
            Clause::Update => loop {
                if !self.is_any(&["tracking", "viewstat"]) {
                    self.expected("`TRACKING` or `VIEWSTAT`", Some("SOQL only reads: it changes no fields".into()));
                    return None;
                }
                self.at += 1;
                if !self.take_sign(",") {
                    break;
                }
            },
            Clause::AllRows => self.at += 1,
        }
        Some(())
    }

    fn with(&mut self) -> Read<()> {
        const MODES: &[&str] = &["SECURITY_ENFORCED", "USER_MODE", "SYSTEM_MODE"];
        if self.is("data") && self.word_after(1).eq_ignore_ascii_case("category") {
            self.at += 2;
            return self.categories();
        }
        if self.is_any(MODES) {
            self.at += 1;
            return Some(());
        }
        let start = self.at;
        let (names, _) = self.names("`SECURITY_ENFORCED`, `USER_MODE`, `SYSTEM_MODE` or `DATA CATEGORY`")?;
        if self.take_sign("(") {
            return self.nested(Self::settings);
        }
        if self.kind() == Some(TokenKind::Operator) && self.sign() != "," {
            self.operator()?;
            self.literal("a value")?;
            return Some(());
        }
        let name = names.join(".");
        let help = suggest::help(&name, MODES.iter().copied());
        self.error(self.since(start), format!("`WITH` knows no `{name}`"), help);
        Some(())
    }

    /// `(name = value, …)`, from behind its bracket.
    fn settings(&mut self) -> Read<()> {
        loop {
            self.names("a name")?;
            if !self.take_sign("=") {
                self.expected("`=`", None);
                return None;
            }
            self.literal("a value")?;
            if !self.take_sign(",") {
                return self.close();
            }
        }
    }

    /// `Geography__c ABOVE usa__c AND …`.
    fn categories(&mut self) -> Read<()> {
        loop {
            self.names("a group of data categories")?;
            if !self.is_any(&["at", "above", "below", "above_or_below"]) {
                self.expected("`AT`, `ABOVE`, `BELOW` or `ABOVE_OR_BELOW`", None);
                return None;
            }
            self.at += 1;
            if self.take_sign("(") {
                loop {
                    self.names("a data category")?;
                    if !self.take_sign(",") {
                        break;
                    }
                }
                self.close()?;
            } else {
                self.names("a data category")?;
            }
            if self.is("or") {
                self.expected(
                    "`AND`",
                    Some("data categories are joined with `AND`; list several of one group in brackets".into()),
                );
                return None;
            }
            if !self.take("and") {
                return Some(());
            }
        }
    }

    /// What stands after GROUP BY.
    fn group_by(&mut self) -> Read<Vec<Expression>> {
        self.at += 1;
        let subtotals = self.is_any(&["rollup", "cube"]) && self.sign_after(1) == "(";
        if subtotals {
            self.at += 2;
        }
        let mut fields = Vec::new();
        loop {
            if self.is_any(&["rollup", "cube"]) && self.sign_after(1) == "(" {
                let help = "write all of its fields in the brackets";
                self.expected("a field", Some(help.into()));
                return None;
            }
            let (path, call) = self.operand("a field", Place::GroupBy)?;
            fields.extend(self.expression(path, call.as_ref()));
            if let Some(call) = call.filter(|call| call.aggregate) {
                let message = format!("`{}` cannot stand in GROUP BY", call.function.name);
                self.error(call.range, message, Some("name the fields that make the groups".into()));
            }
            if self.computed("GROUP BY") {
                return None;
            }
            if !self.take_sign(",") {
                break;
            }
        }
        if subtotals {
            self.close()?;
        }
        Some(fields)
    }

    fn order_by(&mut self) -> Read<()> {
        loop {
            let (path, call) = self.operand("a field", Place::OrderBy)?;
            self.name(Place::OrderBy, path, call.as_ref());
            if self.computed("ORDER BY") {
                return None;
            }
            if self.is_any(&["asc", "desc"]) {
                self.at += 1;
            }
            if self.take("nulls") {
                if !self.is_any(&["first", "last"]) {
                    self.expected("`FIRST` or `LAST`", None);
                    return None;
                }
                self.at += 1;
                if self.is_any(&["asc", "desc"]) {
                    let message = format!("`{}` must stand before `NULLS`", self.sign().to_uppercase());
                    self.error(self.here(), message, Some("write `ORDER BY Name DESC NULLS LAST`".into()));
                    self.at += 1;
                }
            }
            if !self.take_sign(",") {
                return Some(());
            }
        }
    }

    /// Conditions joined by AND or by OR.
    pub(super) fn conditions(&mut self, place: Place) {
        let mut joined: Option<&str> = None;
        let mut alone = self.is("not");
        let mut semi_join = self.condition(place);
        loop {
            let word = match (self.word(), self.sign()) {
                (word, _) if word.eq_ignore_ascii_case("and") => "AND",
                (word, _) if word.eq_ignore_ascii_case("or") => "OR",
                (_, "&") if self.sign_after(1) == "&" => "AND",
                (_, "|") if self.sign_after(1) == "|" => "OR",
                _ => return,
            };
            let start = self.at;
            if self.kind() == Some(TokenKind::Word) {
                self.at += 1;
            } else {
                self.at += 2;
                self.error(self.since(start), format!("SOQL writes `{word}`"), Some(format!("write `{word}`")));
            }
            if alone {
                let message = "a condition with `NOT` must stand alone, or in brackets";
                self.error(self.since(start), message, Some("write `(NOT …)` with brackets around it".into()));
            } else if joined.is_some_and(|joined| joined != word) {
                let message = "`AND` and `OR` are not mixed without brackets";
                self.error(self.since(start), message, Some("write `(a AND b) OR c`, or `a AND (b OR c)`".into()));
            }
            joined = joined.or(Some(word));
            alone = false;
            if self.is("not") {
                let message = format!("`NOT` after `{word}` must stand in brackets");
                self.error(self.here(), message, Some(format!("write `{word} (NOT …)`")));
            }
            let joins = self.condition(place);
            if word == "OR" && (joins || semi_join) {
                let range = self.tokens[start].start..self.tokens[start].end;
                let message = "a condition with `IN (SELECT …)` is not joined with `OR`";
                self.error(range, message, Some("write two actions, or join it with `AND`".into()));
            }
            semi_join = joins;
        }
    }

    /// One condition; after a fault in it, reading goes on at the next one. Answers whether it is a semi-join.
    fn condition(&mut self, place: Place) -> bool {
        let read = if self.is("not") {
            self.at += 1;
            if self.is("not") {
                self.error(self.here(), "a second `NOT`", Some("remove both".into()));
                self.skip(|parser| !parser.is("not"));
            }
            self.unnegated(place)
        } else {
            self.unnegated(place)
        };
        read.unwrap_or_else(|| {
            self.skip(|parser| parser.is("and") || parser.is("or") || parser.clause().is_some());
            false
        })
    }

    fn unnegated(&mut self, place: Place) -> Read<bool> {
        if self.sign() == "(" {
            self.nested(|parser| {
                parser.at += 1;
                parser.conditions(place);
                if parser.close().is_none() {
                    parser.skip_brackets();
                }
                Some(())
            })?;
            return Some(false);
        }
        let read = self.comparison(place)?;
        if self.computed(if place == Place::Having { "HAVING" } else { "WHERE" }) { None } else { Some(read) }
    }

    /// `field operator value`.
    fn comparison(&mut self, place: Place) -> Read<bool> {
        if self.value_first() {
            return None;
        }
        let (path, call) = self.operand("a field", place)?;
        if place == Place::Having {
            self.name(place, path, call.as_ref());
        }
        // What a function makes of a field is of another type.
        let path = path.filter(|_| call.is_none());
        let (operator, words) = (self.at, self.operator()?);
        if call.is_some_and(|call| call.function.kind == Kind::Distance) && !matches!(self.sign_before(1), "<" | ">") {
            let help = "write `DISTANCE(…) < 20`";
            self.error(self.since(operator), "`DISTANCE` is compared with `<` or `>` only", Some(help.into()));
        }
        match words {
            Operator::In => {
                if self.sign() == "(" && self.word_after(1).eq_ignore_ascii_case("select") {
                    self.semi_join(place);
                    return Some(true);
                }
                self.list(path, words)?;
            }
            Operator::Includes => self.list(path, words)?,
            Operator::Equal | Operator::Order | Operator::Like => {
                let value = self.at;
                let literal = self.literal("a value")?;
                self.fits(path, words, &literal, value);
                if words == Operator::Like && self.is("escape") {
                    let help = "remove it: `\\` escapes `%` and `_` by itself";
                    self.error(
                        self.since(operator).start..self.here().end,
                        "SOQL's LIKE has no `ESCAPE`",
                        Some(help.into()),
                    );
                    self.skip(|parser| parser.is("and") || parser.is("or") || parser.clause().is_some());
                }
            }
        }
        Some(false)
    }

    /// Keeps what a clause behind GROUP BY names, to be judged when the whole query is read.
    fn name(&mut self, place: Place, path: Option<usize>, call: Option<&Call>) {
        let expression = self.expression(path, call);
        self.scopes[self.scope].named.extend(expression.map(|expression| (place, expression)));
    }

    /// `(SELECT …)` after IN; the restrictions are those of the reference, see [`MAX_SEMI_JOINS`].
    fn semi_join(&mut self, place: Place) {
        self.at += 1;
        let scope = &mut self.scopes[self.scope];
        scope.semi_joins += 1;
        let fault = if scope.semi_join {
            Some(("a query inside of `IN (…)` has no other one in its WHERE", "write two actions"))
        } else if place == Place::Having {
            Some(("`IN (SELECT …)` cannot stand in HAVING", "move the condition to WHERE"))
        } else if scope.semi_joins == MAX_SEMI_JOINS + 1 {
            Some(("a WHERE has at most two `IN (SELECT …)`", "filter by fields of parents, or write two actions"))
        } else {
            None
        };
        if let Some((message, help)) = fault {
            self.error(self.here(), message, Some(help.into()));
        }
        let query = self.nested(|parser| parser.query(Position::SemiJoin));
        if query.is_none() || self.close().is_none() {
            self.skip_brackets();
        }
        let scope = &self.scopes[self.scope];
        // What a child relationship leads to is known to Salesforce only.
        let object = Some(&scope.from).filter(|_| scope.parent.is_none() && !scope.semi_join);
        if let Some(from) = query
            .map(|query| query.from)
            .filter(|from| object.is_some_and(|object| object.eq_ignore_ascii_case(&from.text)))
        {
            let message =
                format!("`IN (SELECT …)` asks another object, and `{}` is that of the query itself", from.text);
            let help =
                "write its conditions into the query's own WHERE; those on a parent with a dot, `Parent.Name = 'Ada'`";
            self.error(from.range, message, Some(help.into()));
        }
    }

    /// The operator of a comparison.
    fn operator(&mut self) -> Read<Operator> {
        let sign = self.sign();
        let next = self.sign_after(1);
        let adjacent = self.tokens.get(self.at + 1).is_some_and(|next| next.start == self.here().end);
        let operator = match sign {
            "=" | "!" | "<" | ">" | ":" if adjacent && matches!(next, "=" | "<" | ">" | "<=" | ">=" | "!=") => {
                self.misspelt_operator();
                return None;
            }
            "=" | "!=" | "<>" => Operator::Equal,
            "<" | "<=" | ">" | ">=" => Operator::Order,
            _ if self.is("like") => Operator::Like,
            _ if self.is("in") => Operator::In,
            _ if self.is_any(&["includes", "excludes"]) => Operator::Includes,
            _ if self.is("not") && next.eq_ignore_ascii_case("in") => {
                self.at += 1;
                Operator::In
            }
            _ => {
                self.no_operator();
                return None;
            }
        };
        self.at += 1;
        Some(operator)
    }

    /// `('a', 'b')`.
    fn list(&mut self, path: Option<usize>, operator: Operator) -> Read<()> {
        let start = self.at;
        if !self.take_sign("(") {
            self.no_list(operator);
            return None;
        }
        if self.take_sign(")") {
            let help = "leave the condition out where there is nothing to look for: `{% if ids %}…{% endif %}`";
            self.error(self.since(start), "an empty list", Some(help.into()));
            return Some(());
        }
        loop {
            let value = self.at;
            let Some(literal) = self.literal("a value") else {
                self.skip_brackets();
                return Some(());
            };
            self.fits(path, operator, &literal, value);
            if !self.take_sign(",") {
                break;
            }
            if self.sign() == ")" {
                self.error(self.since(self.at - 1), "a comma with nothing behind it", Some("remove it".into()));
                break;
            }
        }
        if !self.take_sign(")") {
            self.expected("`,` or `)`", None);
            self.skip_brackets();
        }
        Some(())
    }

    /// The number after LIMIT or OFFSET; `Some(None)` where it is bound.
    fn count(&mut self, clause: &str) -> Read<Option<u64>> {
        let what = format!("a whole number after `{clause}`");
        if self.kind() == Some(TokenKind::Placeholder) {
            self.at += 1;
            return Some(None);
        }
        let Ok(rows) = self.sign().parse::<u64>() else {
            let help = if self.is("all") { Some("leave the clause out for all rows".into()) } else { None };
            self.expected(&what, help);
            return None;
        };
        self.at += 1;
        if clause == "LIMIT" && self.sign() == "," {
            let message = "`LIMIT` takes one number";
            self.error(self.here(), message, Some("write `LIMIT 10 OFFSET 20`".into()));
            return None;
        }
        Some(Some(rows))
    }
}

/// Whether a word begins or joins conditions, or a clause.
pub(super) fn ends_value(word: &str) -> bool {
    words::one_of(word, &["and", "or"]) || words::is_reserved(word)
}
