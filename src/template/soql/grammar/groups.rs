//! What may be named in a query that groups, or answers one row of aggregates: its groups and aggregates, and nothing else.
//!
//! Sources: the SOQL reference, pages "Considerations for GROUP BY", "HAVING", "COUNT() and COUNT(fieldName)", "Date
//! Functions" and "TYPEOF"
//! (<https://developer.salesforce.com/docs/platform/salesforce-soql-sosl/guide/sforce-api-calls-soql-select-group-by-considerations.html>).

use std::{collections::BTreeSet, mem, ops::Range};

use super::{
    Parser, Place,
    condition::Clauses,
    select::Call,
    words::{Function, Kind},
};

/// A field, or a function of one.
#[derive(Clone, Debug)]
pub(super) struct Expression {
    /// The field, by the number of its path; `COUNT()` has none.
    pub path: Option<usize>,
    /// The functions around it, from the outside.
    pub functions: Vec<Function>,
    /// Whether an aggregate is among them.
    pub aggregate: bool,
    /// Its place.
    pub range: Range<usize>,
}

impl Expression {
    /// A field alone.
    pub fn field(path: usize, range: Range<usize>) -> Self {
        Self { path: Some(path), functions: Vec::new(), aggregate: false, range }
    }

    /// A call.
    pub fn call(call: &Call) -> Self {
        let functions = call.functions.clone();
        Self { path: call.path, functions, aggregate: call.aggregate, range: call.range.clone() }
    }
}

/// What a query groups by, in one form, whatever its letters and aliases.
pub(super) type Groups = BTreeSet<String>;

impl Parser<'_> {
    /// A field, or the call that it stands in.
    pub(super) fn expression(&self, path: Option<usize>, call: Option<&Call>) -> Option<Expression> {
        match call {
            Some(call) => Some(Expression::call(call)),
            None => path.map(|path| Expression::field(path, self.paths[path].range.clone())),
        }
    }

    /// The groups of a query.
    pub(super) fn groups(&self, clauses: &Clauses) -> Groups {
        clauses.grouped.iter().flatten().filter_map(|group| self.form(group)).collect()
    }

    /// A field and its functions in one form.
    fn form(&self, expression: &Expression) -> Option<String> {
        let path = self.way(&self.paths[expression.path?]).join(".").to_lowercase();
        let functions = expression.functions.iter().map(|function| function.name);
        Some(functions.chain([path.as_str()]).collect::<Vec<_>>().join("("))
    }

    /// Whether a value may differ in the records of a group. That is certain of fields and of parts of dates only.
    fn differs(&self, expression: &Expression, groups: &Groups) -> bool {
        let judged = expression.functions.first().is_none_or(|function| function.kind == Kind::Date);
        let Some(path) = expression.path.filter(|_| judged && !expression.aggregate) else { return false };
        // A part of a date that is grouped by is one value, too.
        let field = self.form(&Expression::field(path, expression.range.clone()));
        ![self.form(expression), field].iter().flatten().any(|form| groups.contains(form))
    }

    /// Tells of a value that may differ in the records of a group.
    pub(super) fn group_fits(&mut self, expression: &Expression, groups: &Groups, place: Place) {
        if !self.differs(expression, groups) {
            return;
        }
        let written = &self.text[expression.range.clone()];
        let message = format!("`{written}` is neither grouped nor aggregated");
        let help = match place {
            Place::Having => "add it to `GROUP BY`, or write the condition in WHERE".to_owned(),
            _ if expression.functions.is_empty() => format!("add it to `GROUP BY`, or write `MAX({written})`"),
            _ => "add it to `GROUP BY`".to_owned(),
        };
        self.error(expression.range.clone(), message, Some(help));
    }

    /// Tells of what HAVING and ORDER BY name and a query that groups does not have.
    pub(super) fn named_fits(&mut self, clauses: &Clauses, groups: &Groups) {
        for (place, expression) in mem::take(&mut self.scopes[self.scope].named) {
            // HAVING without GROUP BY was told of.
            let judged = !clauses.ungrouped && (place != Place::Having || clauses.grouped.is_some());
            if judged && !self.is_value(&expression) {
                self.group_fits(&expression, groups, place);
            }
        }
    }

    /// Whether it is the name of a selected value: an alias, or `expr0`.
    fn is_value(&self, expression: &Expression) -> bool {
        let Some([name]) = expression.path.map(|path| &self.paths[path].names[..]) else { return false };
        let number = name.get(..4).filter(|start| start.eq_ignore_ascii_case("expr")).map(|_| &name[4..]);
        let numbered =
            number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
        numbered || self.scopes[self.scope].values.iter().any(|value| value.eq_ignore_ascii_case(name))
    }

    /// Aggregates without groups are one row, which has no LIMIT.
    pub(super) fn one_row(&mut self, clauses: &Clauses) {
        if let (None, Some(limit)) = (&clauses.grouped, &clauses.limited) {
            let help = "leave it out: the answer is one row";
            self.error(limit.clone(), "`LIMIT` cannot stand with aggregates without `GROUP BY`", Some(help.into()));
        }
    }
}
