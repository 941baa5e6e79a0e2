//! ORDER BY or GROUP BY a bound value.

use crate::{
    diagnostic::{Diagnostic, SORT_BY_BIND},
    lint::{Statement, Subject},
    template::lexer::TokenKind,
};

/// What ends a list of sort keys, and what may follow a key.
const ENDS: &[&str] =
    &["limit", "offset", "fetch", "having", "order", "for", "rows", "range", "groups", "window", "union", "qualify", "returning"];
const AFTER_KEY: &[&str] = &["asc", "desc", "nulls"];

pub(super) fn check(_: &Subject<'_>, statement: &Statement, out: &mut Vec<Diagnostic>) {
    for at in 1..statement.code.len() {
        if !statement.is(at, "by") || !statement.is_any(at - 1, &["order", "group"]) {
            continue;
        }
        let clause = statement.word(at - 1).to_uppercase();
        for item in statement.items(at + 1, ENDS) {
            let bound = statement.kind(item.start) == Some(TokenKind::Placeholder);
            if bound && (item.len() == 1 || statement.is_any(item.start + 1, AFTER_KEY)) {
                let message = format!("`{clause} BY` a bound value is the same for all rows: it does nothing");
                let help = "to offer a column, declare a parameter of type `choice`";
                out.push(SORT_BY_BIND.at(statement.span(item.start), message).help(help));
            }
        }
    }
}
