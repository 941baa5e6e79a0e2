//! `SELECT *` as the result, and what SOQL has for it.

use crate::{
    diagnostic::{Diagnostic, SELECT_STAR},
    lint::{Statement, Subject},
    template::soql::{FieldKind, Select},
};

pub(super) fn check(subject: &Subject<'_>, statement: &Statement, out: &mut Vec<Diagnostic>) {
    if let Some(outline) = statement.outline.as_ref().filter(|_| statement.last && subject.answers_rows()) {
        fields(statement, &outline.query, out);
    }
    let Some(main) = statement.main().filter(|_| statement.last && subject.answers_rows()) else { return };
    for item in statement.list() {
        let star = item.clone().find(|&at| {
            statement.word(at) == "*"
                && statement.code[at].depth == main.depth
                && (at == item.start
                    || at + 1 == item.end
                    || statement.word(at - 1) == ".")
        });
        if let Some(star) = star {
            let message = "`*` answers whatever columns the table has at the time";
            let help = "name the columns: a new one in the table must not change the answer, or make it too large";
            out.push(SELECT_STAR.at(statement.span(star), message).help(help));
        }
    }
}

/// `FIELDS(…)` in a query of SOQL and its subqueries.
fn fields(statement: &Statement, query: &Select, out: &mut Vec<Diagnostic>) {
    for field in &query.fields {
        match &field.kind {
            FieldKind::Fields => {
                let written = &statement.text.text[field.range.clone()];
                let message = format!("`{written}` answers whatever fields the object has at the time");
                let help = "name the fields: a new one in the org must not change the answer, or make it too large";
                out.push(SELECT_STAR.at(statement.text.span_of(field.range.clone()), message).help(help));
            }
            FieldKind::Child(child) => fields(statement, child, out),
            FieldKind::Path(_) | FieldKind::Value { .. } | FieldKind::Typeof(_) | FieldKind::Count => {}
        }
    }
}
