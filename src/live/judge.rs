//! What the words of a live backend mean for an action: diagnostics at their places in its file. No backend is asked here.

use std::collections::HashSet;

use crate::{
    action::{Action, Requirement, Types},
    backend::{
        Failure, FailureKind,
        inspect::{Described, Description, JsonKind, Problem, Table, name_parts},
    },
    diagnostic::{
        COST_EXCEEDED, COST_UNKNOWN, DUPLICATE_COLUMN, Diagnostic, REFUSED_STATEMENT, SCHEMA_DRIFT, Span,
        UNEXAMINED_ACTION, UNRENDERABLE_COLUMN, UNTYPED_PLACEHOLDER, suggest,
    },
    lint::{self, Statement, Subject},
    spec::{ActionSpec, Shape},
    template::{Dialect, ShapeText, lexer::TokenKind},
};

/// Codes of PostgreSQL and MySQL for functions, procedures and operators that are not there.
const ROUTINES: [&str; 2] = ["42883", "1305"];

/// What the backend has that an author may have meant.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The columns of the action's tables.
    pub columns: Vec<String>,
    /// All tables.
    pub tables: Vec<String>,
}

impl Known {
    /// A help line with a name that another one is a slip of the keyboard for.
    fn near(&self, name: &str) -> Option<String> {
        let near = suggest::nearest(name, self.columns.iter().chain(&self.tables).map(String::as_str))?;
        (!near.eq_ignore_ascii_case(name)).then(|| format!("did you mean `{near}`?"))
    }
}

/// An action that is being judged.
#[derive(Debug)]
pub(super) struct Judge<'a> {
    action: &'a Action,
    subject: Subject<'a>,
    found: Vec<Diagnostic>,
}

impl<'a> Judge<'a> {
    /// A judge of an action and its file; nothing can be said where the two do not belong together.
    pub fn new(action: &'a Action, spec: &'a ActionSpec) -> Option<Self> {
        Some(Self { action, subject: Subject::new(Ok(action), spec)?, found: Vec::new() })
    }

    /// What is wrong. The same finding in many shapes is one.
    pub fn found(self) -> Vec<Diagnostic> {
        let mut known = HashSet::new();
        let mut found = self.found;
        found.retain(|d| known.insert((d.rule.name, d.span, d.message.clone())));
        found
    }

    /// What the backend says of a shape of the last statement, whose rows are the result, or of another one.
    pub fn description(&mut self, shape: &dyn Fn() -> Option<ShapeText>, description: &Description, last: bool) {
        for problem in &description.problems {
            let Some(statement) = self.statement(shape, last) else { continue };
            self.found.push(self.problem(&statement, problem));
        }
        // A write without rows answers how many it changed.
        if !last || description.columns.is_empty() {
            return;
        }
        match self.action.result.shape {
            Shape::Rows | Shape::Row => self.row(shape, &description.columns),
            Shape::Value => self.value(&description.columns[0]),
            Shape::Affected => {}
        }
    }

    /// That the backend refuses a shape; `known` is what else it may have meant.
    pub fn refused(&mut self, shape: &dyn Fn() -> Option<ShapeText>, failure: &Failure, known: &Known) {
        let Some(statement) = self.statement(shape, false) else { return };
        let said = failure.message.trim_end_matches('.');
        let place = name_place(&statement, said);
        self.found.push(if failure.kind == FailureKind::Drift {
            let routine = failure.code.as_deref().is_some_and(|code| ROUTINES.contains(&code));
            let tables = lint::tables(&statement.text.text, self.subject.dialect).filter(|_| !routine);
            let among = among(said, &tables.unwrap_or_default());
            let message = format!("the backend lacks what the statement names: {said}{among}");
            let near = || known.near(named(&statement, said)?.1.as_str());
            SCHEMA_DRIFT.at(place, message).help(match routine {
                true if said.starts_with("operator") => {
                    "these types do not go together: write a cast, as `{{ … }}::integer`".to_owned()
                }
                true => "name one that is there, with arguments of its types, or create it".to_owned(),
                false => near().unwrap_or_else(|| "bring it back, or change the statement".to_owned()),
            })
        } else {
            let message = format!("the backend refuses the statement: {said}");
            REFUSED_STATEMENT.at(place, message)
        });
    }

    /// What the backend has of a table that `requires` names, or the write of a record.
    pub fn table(&mut self, requirement: &Requirement, table: Option<&Table>, known: &Known) {
        let name = &requirement.table;
        let (thing, part) = match self.subject.dialect {
            Dialect::Soql => ("object", "field"),
            _ => ("table", "column"),
        };
        let Some(table) = table else {
            let message = format!("the backend has no {thing} `{}`", name.value);
            let near = suggest::nearest(&name.value, known.tables.iter().map(String::as_str));
            let help = near.map(|near| format!("did you mean `{near}`?"));
            let help = help.unwrap_or_else(|| "bring it back, or do not name it".to_owned());
            self.found.push(SCHEMA_DRIFT.at(name.span, message).help(help));
            return;
        };
        let names = || table.columns.iter().map(|column| column.name.as_str());
        for column in &requirement.columns {
            if !names().any(|name| same_name(self.subject.dialect, &column.value, name)) {
                let message = format!("the {thing} `{}` has no {part} `{}`", name.value, column.value);
                let help = suggest::nearest(&column.value, names()).map(|near| format!("did you mean `{near}`?"));
                self.found.push(SCHEMA_DRIFT.at(column.span, message).maybe_help(help));
            }
        }
    }

    /// That the backend does not tell of a table that `requires` names.
    pub fn untold(&mut self, requirement: &Requirement, failure: &Failure) {
        let (name, said) = (&requirement.table, failure.message.trim_end_matches('.'));
        let message = format!("the backend does not tell of the table `{}`: {said}", name.value);
        self.found.push(REFUSED_STATEMENT.at(name.span, message));
    }

    /// The highest cost of a shape.
    pub fn cost(&mut self, highest: f64) {
        let Some(most) = self.action.max_cost.as_ref().filter(|most| highest > most.value.0) else { return };
        let message = format!("the planner estimates a cost of {highest}, and `max_cost` is {}", most.value.0);
        let help = format!("`datadip plan {}` shows the plans", self.action.name);
        self.found.push(COST_EXCEEDED.at(most.span, message).help(help));
    }

    /// That the planner gives no cost for a shape.
    pub fn no_cost(&mut self) {
        let Some(most) = &self.action.max_cost else { return };
        let message = "the planner gives no cost for this statement, so `max_cost` does not bound it";
        self.found.push(COST_UNKNOWN.at(most.span, message).help("remove `max_cost`; `timeout` bounds every call"));
    }

    /// That the backend cannot answer at the moment.
    pub fn unexamined(&mut self, failure: &Failure) {
        let message = format!("the action could not be examined: {}", failure.message.trim_end_matches('.'));
        self.found.push(UNEXAMINED_ACTION.at(self.subject.place(), message).help("try again later"));
    }

    /// The statement of a shape, read again: only where something is wrong with it.
    fn statement(&self, shape: &dyn Fn() -> Option<ShapeText>, last: bool) -> Option<Statement> {
        shape().map(|text| Statement::read(text, self.subject.dialect, last))
    }

    fn problem(&self, statement: &Statement, problem: &Problem) -> Diagnostic {
        let site = problem.placeholder.and_then(|at| statement.text.placeholders.get(at));
        match site {
            Some(site) => UNTYPED_PLACEHOLDER.at(statement.text.span_of(site.range.clone()), &problem.message),
            None => UNRENDERABLE_COLUMN.at(name_place(statement, &problem.message), &problem.message),
        }
        .help(&problem.help)
    }

    /// The columns of a row against the schema.
    fn row(&mut self, shape: &dyn Fn() -> Option<ShapeText>, columns: &[Described]) {
        let place = |name: &str, otherwise: Span| {
            let statement = self.statement(shape, true);
            let column = statement.as_ref().and_then(|statement| {
                let column = statement.columns.as_ref()?.list.iter().find(|column| column.may_be(name))?;
                Some(statement.text.span_of(column.place.clone()))
            });
            column.unwrap_or(otherwise)
        };
        let mut found = Vec::new();
        let mut names = HashSet::new();
        for column in columns.iter().filter(|column| !names.insert(&column.name)) {
            let message = format!("a second column is called `{}`", column.name);
            let help = "a row has each name once: give one of them another name with `AS`";
            found.push(DUPLICATE_COLUMN.at(place(&column.name, self.subject.place()), message).help(help));
        }
        let Some(schema) = self.action.result.schema.as_deref() else {
            self.found.append(&mut found);
            return;
        };
        for required in self.subject.row_schema().required {
            if !columns.iter().any(|column| column.name == required) {
                let message = format!("the schema requires `{required}`, and the result has no such column");
                let help = suggest::help(required, columns.iter().map(|column| column.name.as_str()));
                found.push(SCHEMA_DRIFT.at(self.subject.required_place(required), message).maybe_help(help));
            }
        }
        for column in columns {
            let allowed = schema.property_types(&column.name);
            if !allowed.meets(written(column.json)) {
                let at = place(&column.name, self.subject.required_place(&column.name));
                found.push(SCHEMA_DRIFT.at(at, misfit(column, allowed)));
            } else if schema.refuses_property(&column.name) {
                let message = format!("the result has a column `{}`, and the schema allows none", column.name);
                let at = place(&column.name, self.subject.required_place(&column.name));
                found.push(
                    SCHEMA_DRIFT.at(at, message).help("add it to `properties`, or leave it out of the statement"),
                );
            }
        }
        self.found.append(&mut found);
    }

    /// The first column against the schema of the value.
    fn value(&mut self, column: &Described) {
        let Some(schema) = self.action.result.schema.as_deref() else { return };
        let allowed = schema.value_types();
        if !allowed.meets(written(column.json)) {
            let place = self.subject.required_place(&column.name);
            self.found.push(SCHEMA_DRIFT.at(place, misfit(column, allowed)));
        }
    }
}

fn misfit(column: &Described, allowed: Types) -> String {
    let becomes = match column.json {
        JsonKind::Integer | JsonKind::Number => "a number",
        JsonKind::String => "text",
        JsonKind::Boolean => "true or false",
        JsonKind::Array => "a list",
        JsonKind::Object => "an object",
        JsonKind::Any => "anything",
    };
    let allowed = allowed.words();
    format!("`{}` of type {} becomes {becomes}, and the schema says {allowed}", column.name, column.type_name)
}

/// The types that values may be written as, null aside: a number also as text, where the schema says text.
fn written(kind: JsonKind) -> Types {
    match kind {
        JsonKind::Integer => Types::INTEGER | Types::STRING,
        JsonKind::Number => Types::INTEGER | Types::FRACTION | Types::STRING,
        JsonKind::String => Types::STRING,
        JsonKind::Boolean => Types::BOOLEAN,
        JsonKind::Array => Types::ARRAY,
        JsonKind::Object => Types::OBJECT,
        JsonKind::Any => Types::ALL,
    }
}

/// Whether a column that a file names is one of the database's: unquoted names are folded, or compared without case.
pub(super) fn same_name(dialect: Dialect, wanted: &str, name: &str) -> bool {
    wanted == name
        || match dialect {
            Dialect::Postgres => wanted.to_lowercase() == name,
            Dialect::Snowflake => wanted.to_uppercase() == name,
            Dialect::Sqlite | Dialect::Mysql | Dialect::Soql => wanted.eq_ignore_ascii_case(name),
        }
}

/// The tables of a statement, where a message tells none of them.
fn among<'a>(said: &str, tables: impl IntoIterator<Item = &'a String>) -> String {
    let tables: Vec<&String> = tables.into_iter().collect();
    let told = |table: &&String| names(table).last().is_some_and(|name| said.contains(name.as_str()));
    if tables.is_empty() || tables.iter().any(told) {
        return String::new();
    }
    let tables: Vec<String> = tables.iter().map(|table| format!("`{table}`")).collect();
    format!(", in {}", tables.join(" or "))
}

/// Where a statement has what a message names; else where it begins.
fn name_place(statement: &Statement, said: &str) -> Span {
    statement.span(named(statement, said).map_or_else(|| statement.first(), |(at, _)| at))
}

/// What a message names, and which piece of the statement that is.
fn named(statement: &Statement, said: &str) -> Option<(usize, String)> {
    let is_name = |kind| matches!(kind, TokenKind::Word | TokenKind::QuotedIdentifier);
    candidates(said).into_iter().find_map(|wanted| {
        let at = statement.code.iter().position(|code| {
            let text = code.token.text(&statement.text.text);
            is_name(code.token.kind) && names(text).last().is_some_and(|name| name.eq_ignore_ascii_case(&wanted))
        })?;
        Some((at, wanted))
    })
}

/// The names that a message may be about, the likeliest first: what stands in quotes, what follows a colon, other words.
fn candidates(said: &str) -> Vec<String> {
    const COMMON: &[&str] = &[
        "a", "column", "columns", "does", "exist", "field", "function", "has", "in", "is", "list", "named", "no",
        "not", "of", "relation", "such", "table", "the", "type", "unknown", "values", "view",
    ];
    let quoted = ['"', '`', '\''].into_iter().flat_map(|quote| said.split(quote).skip(1).step_by(2));
    let after = said.rsplit_once(": ").map(|(_, after)| after);
    let words = said.split_whitespace().filter(|word| !COMMON.contains(&word.to_ascii_lowercase().as_str()));
    let words = words.map(|word| word.split('(').next().unwrap_or(word));
    quoted.chain(after).chain(words).flat_map(|piece| names(piece).into_iter().next_back()).collect()
}

/// The parts of a dotted name.
fn names(name: &str) -> Vec<String> {
    name_parts(name).unwrap_or_default().into_iter().map(|part| part.text).collect()
}

#[cfg(test)]
mod tests;
