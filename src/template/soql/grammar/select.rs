//! What stands after SELECT, and what it makes of the clauses behind it.

use std::ops::Range;

use super::{
    super::outline::{Base, Field, FieldKind, Name, Select},
    MAX_CHILD_LEVELS, MAX_CHILD_RELATIONSHIPS, Parser, Place, Position, Read, Scope,
    condition::Clauses,
    groups::{Expression, Groups},
    words::{self, Function, Kind},
};
use crate::template::lexer::{Token, TokenKind};

/// The most rows that `FIELDS(ALL)` and `FIELDS(CUSTOM)` take
/// (<https://developer.salesforce.com/docs/platform/salesforce-soql-sosl/guide/sforce-api-calls-soql-select-fields.html>).
const MAX_FIELDS_LIMIT: u64 = 200;

/// One item after SELECT.
pub(super) struct Item {
    what: What,
    alias: Option<Name>,
    range: Range<usize>,
}

enum What {
    /// A field, by the number of its path.
    Path(usize),
    Call(Call),
    /// TYPEOF, by the number of the relationship's path.
    Typeof(usize),
    Child(Select),
}

/// A call of a function.
pub(super) struct Call {
    pub function: Function,
    /// It, and the functions in it around its field, from the outside.
    pub functions: Vec<Function>,
    /// The field that it is about, by the number of its path.
    pub path: Option<usize>,
    /// Whether an aggregate stands in it, or is it.
    pub aggregate: bool,
    /// Whether it is `COUNT()`.
    counts: bool,
    /// For FIELDS: which ones.
    every: bool,
    pub range: Range<usize>,
}

impl Parser<'_> {
    /// The list after SELECT.
    pub(super) fn items(&mut self, position: Position) -> Vec<Item> {
        let mut items = Vec::new();
        self.select_words();
        loop {
            match self.item(position) {
                Some(item) => items.push(item),
                None => self.skip(|parser| parser.sign() == "," || parser.is("from")),
            }
            self.computed("SELECT");
            if self.take_sign(",") {
                if self.is("from") {
                    let help = Some("remove the comma before it, or name one more".into());
                    self.expected("a field", help);
                    return items;
                }
                continue;
            }
            if self.is("from") || self.at >= self.tokens.len() || self.clause().is_some() {
                return items;
            }
            self.after_item();
            self.skip(|parser| parser.sign() == "," || parser.is("from"));
            if !self.take_sign(",") {
                return items;
            }
        }
    }

    fn item(&mut self, position: Position) -> Read<Item> {
        let start = self.at;
        if self.case() {
            return None;
        }
        let what = match self.kind() {
            Some(TokenKind::Open) if self.word_after(1).eq_ignore_ascii_case("select") => {
                What::Child(self.child(position)?)
            }
            Some(TokenKind::Word) if self.is("typeof") && self.typeof_begins() => What::Typeof(self.type_of()?),
            Some(TokenKind::Word) if self.sign_after(1) == "(" => What::Call(self.call(Place::Select)?),
            _ => What::Path(self.path("a field", Place::Select)?),
        };
        let range = self.since(start);
        if position == Position::SemiJoin && !matches!(what, What::Path(_)) {
            let message = "a query inside of `IN (…)` selects one field";
            self.error(range.clone(), message, Some("name the field that holds the ids".into()));
        }
        let alias = self.alias();
        Some(Item { what, alias, range })
    }

    /// The name that a query gives to a value.
    fn alias(&mut self) -> Option<Name> {
        if self.is("as") {
            let help = format!("write the name alone, without `{}`", self.sign());
            self.error(self.here(), "SOQL has no `AS` before a name", Some(help));
            self.at += 1;
        }
        let word = self.word();
        if word.is_empty() || words::is_reserved(word) || self.clause().is_some() || self.sign_after(1) == "(" {
            return None;
        }
        let alias = Name { text: word.to_owned(), range: self.here() };
        self.at += 1;
        self.scopes[self.scope].values.push(alias.text.clone());
        Some(alias)
    }

    /// A child subquery, from its bracket on.
    fn child(&mut self, position: Position) -> Read<Select> {
        let start = self.at;
        let level = match position {
            Position::Outermost => 1,
            Position::Child(level) => level + 1,
            Position::SemiJoin => {
                self.at += 1;
                self.skip_brackets();
                let message = "a query inside of `IN (…)` has no subquery after its SELECT";
                self.error(self.since(start), message, Some("select the field that holds the ids".into()));
                return None;
            }
        };
        self.children += 1;
        if level > MAX_CHILD_LEVELS {
            let message = format!("child subqueries stand at most {MAX_CHILD_LEVELS} deep in one another");
            self.error(self.here(), message, Some("begin at the child, and reach its parents with a dot".into()));
        } else if self.children == MAX_CHILD_RELATIONSHIPS + 1 {
            let message = format!("a query has at most {MAX_CHILD_RELATIONSHIPS} child subqueries");
            self.error(self.here(), message, Some("split it into two actions".into()));
        }
        self.at += 1;
        let query = self.nested(|parser| parser.query(Position::Child(level)));
        if query.is_none() || self.close().is_none() {
            self.skip_brackets();
        }
        query
    }

    /// Whether `TYPEOF` here is the keyword, not a field of that name.
    fn typeof_begins(&self) -> bool {
        self.tokens.get(self.at + 1).is_some_and(|next| next.kind == TokenKind::Word)
            && !self.word_after(1).eq_ignore_ascii_case("from")
    }

    /// `TYPEOF What WHEN Account THEN Phone ELSE Name END`: the number of the relationship's path.
    fn type_of(&mut self) -> Read<usize> {
        self.at += 1;
        let path = self.path("a relationship", Place::Select)?;
        self.paths[path].relationship = true;
        let mut cases = 0;
        while self.take("when") {
            cases += 1;
            let (names, _) = self.names("an object")?;
            if !self.take("then") {
                self.expected("`THEN`", Some("write `WHEN Account THEN Phone, Website`".into()));
                return None;
            }
            self.typed_fields(names.concat())?;
        }
        if cases == 0 {
            self.expected("`WHEN`", Some("write `TYPEOF What WHEN Account THEN Phone END`".into()));
            return None;
        }
        if self.take("else") {
            // What an ELSE may name are the fields that all objects with a name have.
            self.typed_fields(Base::ANY.into())?;
        }
        if !self.take("end") {
            self.expected("`END`", Some("close the `TYPEOF` with it".into()));
            return None;
        }
        Some(path)
    }

    /// The fields of one type of a TYPEOF.
    fn typed_fields(&mut self, object: String) -> Read<()> {
        let outer = self.scope;
        self.scopes.push(Scope { from: object, ..Scope::default() });
        self.scope = self.scopes.len() - 1;
        let fields = loop {
            if self.path("a field", Place::Select).is_none() {
                break None;
            }
            if !self.take_sign(",") {
                break Some(());
            }
        };
        self.scope = outer;
        fields
    }

    /// A field, or a function of one; and whether an aggregate stands in it.
    pub(super) fn operand(&mut self, what: &str, place: Place) -> Read<(Option<usize>, Option<Call>)> {
        if self.kind() == Some(TokenKind::Word) && self.sign_after(1) == "(" {
            let call = self.nested(|parser| parser.call(place))?;
            return Some((call.path, Some(call)));
        }
        self.path(what, place).map(|path| (Some(path), None))
    }

    /// A call of a function. After a fault inside of it, reading goes on behind its brackets.
    pub(super) fn call(&mut self, place: Place) -> Read<Call> {
        let start = self.at;
        let open = self.at + 1;
        let Some(function) = words::function_of(self.word()) else {
            self.unknown_function(place);
            return None;
        };
        self.at = open + 1;
        let mut call = Call {
            function,
            functions: vec![function],
            path: None,
            aggregate: function.kind == Kind::Aggregate,
            counts: false,
            every: false,
            range: 0..0,
        };
        let read = self.arguments(&mut call, place).and_then(|()| self.close());
        if read.is_none() {
            self.at = open + 1;
            self.skip_brackets();
            return None;
        }
        call.range = self.since(start);
        if place == Place::Where && call.aggregate {
            let message = format!("`{}` cannot stand in WHERE", function.name);
            self.error(call.range.clone(), message, Some("compare it after `GROUP BY …`, in `HAVING`".into()));
        }
        Some(call)
    }

    fn arguments(&mut self, call: &mut Call, place: Place) -> Read<()> {
        match call.function.kind {
            Kind::Aggregate if call.function.name == "COUNT" && self.sign() == ")" => {
                call.counts = place == Place::Select;
                if !call.counts {
                    self.expected("a field", Some("write `COUNT(Id)`".into()));
                    return None;
                }
            }
            Kind::Aggregate => {
                if self.counted_otherwise() {
                    return None;
                }
                self.argument(call, place)?;
            }
            Kind::Date | Kind::Shown | Kind::Zone | Kind::Grouping => self.argument(call, place)?,
            Kind::Fields => {
                const SETS: &[&str] = &["all", "standard", "custom"];
                if place != Place::Select {
                    self.error(self.here(), "`FIELDS` stands after SELECT only", Some("name a field".into()));
                    return None;
                }
                if !self.is_any(SETS) {
                    self.expected("`ALL`, `STANDARD` or `CUSTOM`", None);
                    return None;
                }
                call.every = !self.is("standard");
                self.at += 1;
            }
            Kind::Distance => {
                const EXAMPLE: &str = "write `DISTANCE(Location__c, GEOLOCATION(52.5, 13.4), 'km')`";
                call.path = Some(self.path("a field of type geolocation", place)?);
                self.comma(EXAMPLE)?;
                if !self.is("geolocation") || self.sign_after(1) != "(" {
                    self.expected("`GEOLOCATION(latitude, longitude)`", Some(EXAMPLE.into()));
                    return None;
                }
                self.nested(|parser| parser.call(place))?;
                self.comma(EXAMPLE)?;
                self.unit()?;
            }
            Kind::Geolocation => {
                self.coordinate()?;
                self.comma("write `GEOLOCATION(latitude, longitude)`")?;
                self.coordinate()?;
            }
        }
        if self.sign() == "," {
            let message = format!("`{}` takes one field", call.function.name);
            self.error(self.here(), message, Some("write it once for each field".into()));
            return None;
        }
        Some(())
    }

    fn argument(&mut self, call: &mut Call, place: Place) -> Read<()> {
        let (path, inner) = self.operand("a field", place)?;
        if let Some(inner) = inner.as_ref().filter(|inner| inner.counts) {
            let message = format!("`{}` takes a field, not `COUNT()`", call.function.name);
            self.error(inner.range.clone(), message, Some("count a field, `COUNT(Id)`".into()));
            return None;
        }
        call.path = path;
        if let Some(inner) = inner {
            call.aggregate |= inner.aggregate;
            call.functions.extend(inner.functions);
        }
        if self.computed(call.function.name) { None } else { Some(()) }
    }

    fn comma(&mut self, example: &str) -> Read<()> {
        if self.take_sign(",") {
            return Some(());
        }
        self.expected("`,`", Some(example.into()));
        None
    }

    /// What a query gives, now that all of it is read.
    pub(super) fn selected(
        &mut self,
        select: Token,
        from: Name,
        items: Vec<Item>,
        clauses: Clauses,
        position: Position,
    ) -> Select {
        let aggregates =
            items.iter().any(|item| matches!(&item.what, What::Call(call) if call.aggregate && !call.counts));
        let grouped = aggregates || clauses.grouped.is_some();
        self.counting(&items, &clauses, position);
        if grouped && let Position::Child(_) = position {
            let place = items.iter().find(|item| matches!(&item.what, What::Call(call) if call.aggregate));
            let range = place.map_or(select.start..select.end, |item| item.range.clone());
            let message = "a child subquery answers records, not groups: it has no aggregate and no `GROUP BY`";
            self.error(range, message, Some("group in an action of its own, whose FROM is the child object".into()));
        }
        let selects_one = items.len() == 1 || position != Position::SemiJoin;
        if let Some(second) = items.get(1).filter(|_| !selects_one) {
            let message = "a query inside of `IN (…)` selects one field";
            self.error(second.range.clone(), message, Some("leave out the others".into()));
        }
        let mut fields = Vec::with_capacity(items.len());
        let mut number = 0;
        let groups = self.groups(&clauses);
        if grouped && position == Position::Outermost {
            self.named_fits(&clauses, &groups);
            self.one_row(&clauses);
        }
        for item in items {
            self.item_fits(&item, &clauses, grouped.then_some(&groups));
            fields.push(self.field(item, grouped, &mut number));
        }
        Select { from, fields, grouped, limited: clauses.limit.is_some() }
    }

    /// `COUNT()` stands alone.
    fn counting(&mut self, items: &[Item], clauses: &Clauses, position: Position) {
        let Some(count) = items.iter().find(|item| matches!(&item.what, What::Call(call) if call.counts)) else {
            return;
        };
        if let Some(ordered) = &clauses.ordered {
            let message = "`COUNT()` has no `ORDER BY`: its answer is a number, not records";
            self.error(ordered.clone(), message, Some("remove it".into()));
        }
        let message = if items.len() > 1 || count.alias.is_some() {
            "`COUNT()` must stand alone after SELECT: its answer is a number, not records"
        } else if clauses.grouped.is_some() {
            "`COUNT()` counts all records, not those of groups"
        } else if position != Position::Outermost {
            "`COUNT()` stands in the outermost query only"
        } else {
            return;
        };
        self.error(count.range.clone(), message, Some("count a field, `COUNT(Id)`".into()));
    }

    /// Whether an item may stand in a query of this kind: in one that groups, by these fields.
    fn item_fits(&mut self, item: &Item, clauses: &Clauses, groups: Option<&Groups>) {
        let grouped = groups.is_some();
        match &item.what {
            What::Path(path) if let Some(groups) = groups => {
                if !clauses.ungrouped {
                    self.group_fits(&Expression::field(*path, item.range.clone()), groups, Place::Select);
                }
            }
            What::Path(_) => {
                if let Some(alias) = &item.alias {
                    let message = format!("`{}` cannot rename a field of a record", alias.text);
                    let help = "if it is a field of its own, put a comma before it; only aggregates, functions and grouped fields \
                                have other names";
                    self.error(alias.range.clone(), message, Some(help.into()));
                }
            }
            What::Call(call) if call.function.kind == Kind::Fields => {
                if grouped {
                    let message = "`FIELDS` cannot stand in a query that groups";
                    self.error(item.range.clone(), message, Some("name the grouped fields".into()));
                } else if call.every
                    && clauses.limit.is_none_or(|limit| limit.is_some_and(|rows| rows > MAX_FIELDS_LIMIT))
                {
                    let written = &self.text[item.range.clone()];
                    let message = format!("`{written}` needs a `LIMIT` of at most {MAX_FIELDS_LIMIT}");
                    self.error(item.range.clone(), message, Some("add `LIMIT 200`, or name the fields".into()));
                }
            }
            What::Call(call) if matches!(call.function.kind, Kind::Geolocation | Kind::Zone) => {
                let message = format!("`{}` stands inside of another function", call.function.name);
                let help = match call.function.kind {
                    Kind::Zone => "write it in a date function, `HOUR_IN_DAY(convertTimezone(CreatedDate))`",
                    _ => "write it in `DISTANCE(…)`",
                };
                self.error(item.range.clone(), message, Some(help.into()));
            }
            What::Call(call) if call.function.kind == Kind::Date && !call.aggregate => match groups {
                Some(groups) if !clauses.ungrouped => self.group_fits(&Expression::call(call), groups, Place::Select),
                Some(_) => {}
                None => {
                    let message =
                        format!("`{}` stands after SELECT only in a query that groups by it", call.function.name);
                    let help = "select the field, or add `GROUP BY`; in WHERE it may stand without";
                    self.error(item.range.clone(), message, Some(help.into()));
                }
            },
            What::Typeof(_) if grouped => {
                let message = "`TYPEOF` cannot stand in a query that groups";
                self.error(item.range.clone(), message, Some("name the grouped fields".into()));
            }
            What::Child(_) if grouped => {
                let message = "a query that groups answers no records, which a child subquery could belong to";
                self.error(item.range.clone(), message, Some("remove the subquery, or the aggregates".into()));
            }
            What::Call(_) | What::Typeof(_) | What::Child(_) => {}
        }
    }

    /// What an item gives. `number` counts the values without a name.
    fn field(&self, item: Item, grouped: bool, number: &mut usize) -> Field {
        let Item { what, alias, range } = item;
        let path = |path: usize| {
            let mut names = self.way(&self.paths[path]);
            if grouped {
                names.drain(..names.len() - 1);
            }
            names
        };
        let mut numbered = || {
            *number += 1;
            FieldKind::Value { name: format!("expr{}", *number - 1), alias: false }
        };
        let named = alias.map(|alias| (alias.range, FieldKind::Value { name: alias.text, alias: true }));
        let (range, kind) = match (what, named) {
            (What::Child(child), _) => (range, FieldKind::Child(child)),
            (What::Typeof(relationship), _) => (range, FieldKind::Typeof(self.way(&self.paths[relationship]))),
            (What::Call(Call { counts: true, .. }), _) => (range, FieldKind::Count),
            (What::Call(Call { function: Function { kind: Kind::Fields, .. }, .. }), _) => (range, FieldKind::Fields),
            (_, Some(named)) => named,
            (What::Path(field), None) => (range, FieldKind::Path(path(field))),
            // A field that is only shown in another way keeps its name.
            (
                What::Call(Call {
                    function: Function { kind: Kind::Shown, .. },
                    aggregate: false,
                    path: Some(field),
                    ..
                }),
                None,
            ) => (range, FieldKind::Path(path(field))),
            (What::Call(_), None) => (range, numbered()),
        };
        Field { kind, range }
    }
}
