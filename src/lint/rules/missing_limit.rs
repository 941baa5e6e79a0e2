//! A query that may answer any number of rows.

use std::ops::Range;

use crate::{
    diagnostic::{Diagnostic, MISSING_LIMIT},
    lint::{Statement, Subject, statement::Verb},
    spec::Shape,
    template::lexer::TokenKind,
};

pub(super) fn check(subject: &Subject<'_>, statement: &Statement, out: &mut Vec<Diagnostic>) {
    let Some(main) = statement.main().filter(|main| statement.last && main.verb == Verb::Select) else { return };
    let Some(result) = subject.result else { return };
    if result.shape != Shape::Rows || result.stream || statement.find(main, &["from"]).is_none() {
        return;
    }
    let grouped = statement.find(main, &["group", "union", "except", "intersect"]).is_some();
    let outer = (0..statement.code.len()).filter(|&at| statement.code[at].depth <= main.depth);
    let limited = outer.into_iter().any(|at| statement.is_any(at, &["limit", "fetch", "top"]));
    // Without GROUP BY, aggregates of SOQL make one row.
    let one = statement.outline.as_ref().is_some_and(|outline| !grouped && (outline.query.grouped || outline.counts()));
    if limited || one || (!grouped && statement.list().iter().any(|item| aggregates(statement, item))) {
        return;
    }
    let message = "nothing bounds the number of rows";
    let help = format!(
        "add `LIMIT`, at most `result.max_rows` ({}); `shape: row` answers the first row only",
        result.max_rows
    );
    out.push(MISSING_LIMIT.at(statement.span(main.code.start), message).help(help));
}

/// Whether an item of a SELECT makes one row of all: an aggregate that is no window and in no query of its own.
fn aggregates(statement: &Statement, item: &Range<usize>) -> bool {
    const AGGREGATES: &[&str] = &[
        "count", "sum", "avg", "min", "max", "total", "group_concat", "string_agg", "array_agg", "json_agg", "jsonb_agg",
        "json_object_agg", "jsonb_object_agg", "json_group_array", "json_group_object", "json_arrayagg", "json_objectagg",
        "listagg", "object_agg", "bool_and", "bool_or", "every", "bit_and", "bit_or", "bit_xor", "stddev", "variance", "median",
        "any_value", "approx_count_distinct", "mode", "percentile_cont", "percentile_disc",
    ];
    let mut query = None;
    for at in item.clone() {
        let depth = statement.code[at].depth;
        if query.is_some_and(|query| depth <= query) {
            query = None;
        }
        let opens = statement.kind(at) == Some(TokenKind::Open);
        if query.is_none() && opens && statement.is_any(at + 1, &["select", "with"]) {
            query = Some(depth);
        }
        let call = statement.is_any(at, AGGREGATES) && statement.kind(at + 1) == Some(TokenKind::Open);
        if query.is_none() && call && !item.clone().any(|other| statement.is(other, "over")) {
            return true;
        }
    }
    false
}
