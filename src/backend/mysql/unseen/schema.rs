//! Which views and tables may do something that a statement does not say, told from the catalog. What the account may not
//! see there is not trusted.

use std::collections::{HashMap, HashSet};

use crate::{
    backend::mysql::nature::{Nature, Verb},
    template::{
        Dialect,
        lexer::{Token, TokenKind, tokens},
    },
};

/// The most tables, views, triggers and privileges that are looked at; where there are more, nothing is known.
const MOST: usize = 100_000;
/// Schemas of the server's own, without anything that calls.
const PLAIN: [&str; 2] = ["information_schema", "performance_schema"];
/// The schema of the server's own views that call functions.
const CALLING: &str = "sys";

/// A schema and a name in it, folded.
type Name = (String, String);

/// What a catalog tells of the unseen.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Schema {
    /// The schema of names that have none.
    own: String,
    /// Views that may call anything, and tables that set variables.
    calls: HashSet<Name>,
    /// Tables that may do anything when they are written to, and views of them.
    fires: HashSet<Name>,
}

impl Schema {
    /// Whether a statement may call anything. Each of its words is taken for a name.
    pub(super) fn may_call(&self, text: &str, verb: Verb) -> bool {
        let words = words(text);
        let named = |(schema, name): &Name| words.contains(name) && (*schema == self.own || words.contains(schema));
        words.contains(CALLING) || self.calls.iter().any(named) || (verb != Verb::Query && self.fires.iter().any(named))
    }
}

/// Whether a query may read a table or a view.
pub(super) fn reads_tables(text: &str) -> bool {
    let tokens = tokens(text, Dialect::Mysql);
    tokens.iter().any(|token| token.is_word(text, "from") || token.is_word(text, "table"))
}

/// What a row of the catalog says.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Fact<'a> {
    /// There is a table.
    Table,
    /// There is a view.
    View,
    /// What a view is made of; empty where the account may not see it.
    Definition(&'a str),
    /// A column of a table sets a variable, by its default or as it is computed.
    Sets,
    /// A table has a trigger, which may do anything.
    Fires,
    /// The account is told of the triggers of a table; without a name, of a schema; without that either, of all.
    Told,
}

/// A catalog that is being read.
#[derive(Debug, Default)]
pub(in super::super) struct Reading {
    own: String,
    tables: HashSet<Name>,
    /// `None` where the definition is not told.
    views: HashMap<Name, Option<View>>,
    sets: HashSet<Name>,
    fires: HashSet<Name>,
    told: HashSet<Name>,
    facts: usize,
}

impl Reading {
    /// The schema of names that have none.
    pub(in super::super) fn own(&mut self, schema: &str) {
        self.own = folded(schema);
    }

    /// What a row of the catalog says of a schema and a name in it.
    pub(in super::super) fn add(&mut self, fact: Fact<'_>, schema: &str, name: &str) {
        self.facts += 1;
        if self.facts > MOST {
            return;
        }
        let name = (folded(schema), folded(name));
        match fact {
            Fact::View => {
                self.views.entry(name).or_default();
            }
            Fact::Definition(text) => {
                self.views.insert(name, Some(View::new(text)));
            }
            Fact::Table => self.tables.extend([name]),
            Fact::Sets => self.sets.extend([name]),
            Fact::Fires => self.fires.extend([name]),
            Fact::Told => self.told.extend([name]),
        }
    }

    /// What all of it tells; `None` where it is too much.
    pub(in super::super) fn end(self) -> Option<Schema> {
        let Self { own, tables, views, sets, mut fires, told, facts } = self;
        if facts > MOST {
            return None;
        }
        let is_there = |name: &Name| tables.contains(name) || views.contains_key(name);
        let harmless = |(schema, name): &Name| {
            PLAIN.contains(&schema.as_str()) || is_sequence(name) || is_there(&(schema.clone(), name.clone()))
        };
        let is_known = |view: &View| !view.opaque && view.of.iter().all(harmless);
        let unknown = views.iter().filter(|(_, view)| !view.as_ref().is_some_and(is_known));
        let calls = unknown.map(|(name, _)| name.clone()).chain(sets).collect();
        let everywhere = told.contains(&(String::new(), String::new()));
        let is_told =
            |name: &Name| everywhere || told.contains(name) || told.contains(&(name.0.clone(), String::new()));
        fires.extend(tables.iter().filter(|name| !is_told(name)).cloned());
        Some(Schema { own, calls: with_views(calls, &views), fires: with_views(fires, &views) })
    }
}

/// The names, and those of all views that are made of them.
fn with_views(mut names: HashSet<Name>, views: &HashMap<Name, Option<View>>) -> HashSet<Name> {
    loop {
        let of = |view: &Option<View>| view.iter().flat_map(|view| &view.of).any(|of| names.contains(of));
        let more: Vec<Name> = views
            .iter()
            .filter(|(name, view)| !names.contains(*name) && of(view))
            .map(|(name, _)| name.clone())
            .collect();
        if more.is_empty() {
            return names;
        }
        names.extend(more);
    }
}

/// What a view's definition says.
#[derive(Debug)]
struct View {
    opaque: bool,
    of: Vec<Name>,
}

impl View {
    /// The server has written the names of tables in full and in backticks. One without a schema is that of a common table
    /// expression.
    fn new(text: &str) -> Self {
        let nature = Nature::of(text);
        let meant: Vec<Token> = tokens(text, Dialect::Mysql).into_iter().filter(|token| !token.is_blank()).collect();
        let mut of = Vec::new();
        for (at, token) in meant.iter().enumerate() {
            if ["from", "join", "straight_join"].iter().any(|word| token.is_word(text, word)) {
                let rest = &meant[at + 1..];
                let open = rest.iter().take_while(|token| token.kind == TokenKind::Open).count();
                if let [schema, dot, name, ..] = &rest[open..]
                    && dot.text(text) == "."
                {
                    of.push((folded(&unquoted(schema.text(text))), folded(&unquoted(name.text(text)))));
                }
            }
        }
        Self { opaque: nature.opaque || nature.verb != Verb::Query, of }
    }
}

/// Whether it is a table of numbers, as `seq_1_to_9_step_2`, which MariaDB has without listing it.
fn is_sequence(name: &str) -> bool {
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match name.split('_').collect::<Vec<_>>()[..] {
        ["seq", from, "to", to] => number(from) && number(to),
        ["seq", from, "to", to, "step", step] => number(from) && number(to) && number(step),
        _ => false,
    }
}

/// Every word of a text that could be a name, folded; those in texts and comments too.
fn words(text: &str) -> HashSet<String> {
    let is_letter = |char: char| !char.is_ascii() || char.is_ascii_alphanumeric() || matches!(char, '_' | '$');
    let bare = text.split(|char| !is_letter(char)).filter(|word| !word.is_empty()).map(folded);
    let tokens = tokens(text, Dialect::Mysql).into_iter();
    let quoted = tokens.filter(|token| token.kind == TokenKind::QuotedIdentifier);
    bare.chain(quoted.map(|token| folded(&unquoted(token.text(text))))).collect()
}

/// A name without its backticks.
fn unquoted(name: &str) -> String {
    match name.strip_prefix('`').and_then(|name| name.strip_suffix('`')) {
        Some(name) => name.replace("``", "`"),
        None => name.to_owned(),
    }
}

/// A name as all servers take it for the same that take any two for the same: letter by letter, whatever stands beside it.
fn folded(name: &str) -> String {
    name.chars().flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading() -> Reading {
        let mut reading = Reading::default();
        reading.own("Db");
        reading.add(Fact::Told, "db", "");
        for table in ["t", "fires", "Sets"] {
            reading.add(Fact::Table, "db", table);
        }
        reading
    }

    #[test]
    fn views_are_what_they_are_made_of() {
        let mut reading = reading();
        reading.add(Fact::Table, "other", "calls");
        for (name, text) in [
            ("plain", "select `db`.`t`.`a` AS `a`,count(0) AS `n` from (`db`.`t` join `db`.`t` `u`)"),
            ("calls", "select `db`.`f`(1) AS `a`"),
            ("locks", "select get_lock('a',0) AS `a` from `db`.`t`"),
            ("nested", "select `calls`.`a` AS `a` from (`db`.`plain` join `db`.`calls`)"),
            ("deeper", "select 1 AS `1` from dual where exists(select 1 from `db`.`nested` limit 1)"),
            ("hidden", ""),
            ("of_unlisted", "select 1 AS `1` from `db`.`unlisted`"),
            ("of_other", "select 1 AS `1` from `db`.`t` left join `other`.`t` on(1 = 1)"),
            ("of_sys", "select 1 AS `1` from `sys`.`version`"),
            ("of_server", "select 1 AS `1` from `information_schema`.`tables`"),
            ("of_numbers", "select `db`.`seq_1_to_9`.`seq` AS `seq` from `db`.`seq_1_to_9`"),
            ("with_expression", "with c as (select 1 AS `a`)select `c`.`a` AS `a` from `c`"),
            ("odd `name", "select `db`.`f`() AS `a`"),
            ("2024_calls", "select `db`.`f`() AS `a`"),
            ("ΣΑΣ", "select `db`.`f`() AS `a`"),
        ] {
            reading.add(Fact::View, "db", name);
            reading.add(Fact::Definition(text), "db", name);
        }
        reading.add(Fact::View, "db", "unlisted");
        let schema = reading.end().expect("it is not too much");
        let check = |sql: &str, expected| assert_eq!(schema.may_call(sql, Verb::Query), expected, "{sql}");
        for name in ["t", "plain", "db.plain", "of_server", "of_numbers", "with_expression", "t, other.t", "fires"] {
            check(&format!("SELECT a FROM {name}"), false);
        }
        for name in [
            "calls",
            "CALLS",
            "`Calls`",
            "t JOIN db . calls",
            "locks",
            "nested",
            "deeper",
            "hidden",
            "unlisted",
            "of_unlisted",
            "of_other",
            "of_sys",
            "`odd ``name`",
            "2024_calls",
            "db.2024_calls",
            "σασ",
            "sys.version",
        ] {
            check(&format!("SELECT a FROM {name}"), true);
        }
    }

    #[test]
    fn a_view_of_another_schema_is_meant_where_both_names_stand() {
        let mut reading = reading();
        reading.add(Fact::Definition("select `other`.`f`() AS `a`"), "other", "version");
        let schema = reading.end().expect("it is not too much");
        assert!(!schema.may_call("SELECT VERSION()", Verb::Query));
        assert!(schema.may_call("SELECT a FROM `Other`.version", Verb::Query));
    }

    #[test]
    fn writes_fire_what_is_there_or_cannot_be_seen() {
        let mut reading = reading();
        reading.add(Fact::Table, "blind", "t");
        reading.add(Fact::Table, "told", "t");
        reading.add(Fact::Table, "told", "u");
        reading.add(Fact::Told, "told", "u");
        reading.add(Fact::Fires, "db", "fires");
        reading.add(Fact::Sets, "db", "sets");
        reading.add(Fact::Definition("select `db`.`fires`.`a` AS `a` from `db`.`fires`"), "db", "v");
        let schema = reading.end().expect("it is not too much");
        let check = |sql: &str, verb, expected| assert_eq!(schema.may_call(sql, verb), expected, "{sql}");
        check("INSERT INTO t (a) VALUES (1)", Verb::Change, false);
        check("DELETE FROM told.u", Verb::Change, false);
        check("SELECT a FROM sets", Verb::Query, true);
        check("SELECT a FROM fires JOIN v JOIN blind.t", Verb::Query, false);
        for sql in [
            "INSERT INTO fires (a) VALUES (1)",
            "DELETE FROM Sets",
            "UPDATE v SET a = 1",
            "DELETE FROM blind.t",
            "DELETE FROM told.t",
        ] {
            check(sql, Verb::Change, true);
        }
    }

    #[test]
    fn the_whole_server_may_be_seen() {
        let mut reading = Reading::default();
        reading.own("db");
        reading.add(Fact::Told, "", "");
        reading.add(Fact::Table, "db", "t");
        assert!(!reading.end().expect("it is not too much").may_call("DELETE FROM t", Verb::Change));
    }

    #[test]
    fn too_much_is_not_known() {
        let mut reading = Reading::default();
        for number in 0..=MOST {
            reading.add(Fact::Table, "db", &number.to_string());
        }
        assert_eq!(reading.end(), None);
    }
}
