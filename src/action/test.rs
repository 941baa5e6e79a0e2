//! `tests` of an action: whether each could pass, and shows something. Running them is the command line's.

use std::collections::{HashMap, HashSet};

use super::{OwnError, Params, Variables};
use crate::{
    backend::Driver,
    diagnostic::{BAD_TEST, Diagnostic, EMPTY_EXPECT, Level, Span, suggest},
    spec::{ActionSpec, ExpectSpec, TestSpec},
    template::Dialect,
    yaml::Kind,
};

/// The codes that a caller may see (SPEC 8.2).
pub const CODES: &[&str] = &[
    "invalid_request",
    "missing_parameter",
    "invalid_parameter",
    "unknown_parameter",
    "unauthenticated",
    "forbidden",
    "action_not_found",
    "method_not_allowed",
    "not_acceptable",
    "not_found",
    "idempotency_conflict",
    "constraint_violation",
    "request_too_large",
    "cost_exceeded",
    "rate_limited",
    "internal",
    "result_invalid",
    "result_too_large",
    "schema_drift",
    "backend_error",
    "backend_unavailable",
    "backend_limited",
    "overloaded",
    "contention",
    "action_unavailable",
    "timeout",
];

/// What an action makes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Runs {
    /// Statements with binds.
    Statements,
    /// The write of a record.
    Record,
}

pub(super) fn check(
    spec: &ActionSpec,
    params: &Params,
    errors: &HashMap<String, OwnError>,
    driver: Option<&'static Driver>,
    runs: Runs,
    out: &mut Vec<Diagnostic>,
) {
    let declared = spec.params.iter().all(|(_, param)| !faulty(param.0.span, out));
    let mut names = HashSet::new();
    for test in spec.tests.iter().flatten() {
        if !names.insert(test.name.as_str()) {
            out.push(BAD_TEST.at(test.name.span, format!("a second test is called {:?}", test.name.value)));
        }
        let readable = !faulty(test.span, out);
        expectation(&test.expect, errors, driver, runs, out);
        if let Some(given) = &test.given {
            if given.rows.is_none() && given.changed.is_none() && !faulty(given.span, out) {
                let help = "such as given: { rows: [] }";
                out.push(BAD_TEST.at(given.span, "`given` says nothing of what the backend answers").help(help));
            }
            for row in given.rows.iter().flat_map(|rows| &rows.value).filter(|row| !matches!(row.kind, Kind::Map(_))) {
                let message = format!("expected a row as a map of columns, got {}", row.describe());
                out.push(BAD_TEST.at(row.span, message));
            }
        }
        // Where a declaration is broken or a key of the test is misspelt, a variable could be reported that is not at fault.
        if declared && readable && spec.params.0.len() == params.list().len() {
            variables(test, spec.allow_extra.unwrap_or(false), params, out);
        }
    }
}

/// Whether something inside of a place is known to be wrong, so that what follows from it needs no error of its own.
fn faulty(place: Span, out: &[Diagnostic]) -> bool {
    out.iter()
        .any(|found| found.level == Level::Error && place.start <= found.span.start && found.span.end <= place.end)
}

fn expectation(
    expect: &ExpectSpec,
    errors: &HashMap<String, OwnError>,
    driver: Option<&'static Driver>,
    runs: Runs,
    out: &mut Vec<Diagnostic>,
) {
    let ExpectSpec { span, status, code, row_count, result, sql, soql, binds, record } = expect;
    let of_rows = result.as_ref().map(|node| node.span).or(row_count.as_ref().map(|count| count.span));
    if expect.is_empty() && !faulty(*span, out) {
        let help = "such as expect: { row_count: 1 }; `datadip test --update` writes what comes of it";
        out.push(EMPTY_EXPECT.at(*span, "the test expects nothing, so it shows nothing").help(help));
    }
    if let Some(status) = status.as_ref().filter(|status| !matches!(status.as_str(), "success" | "error")) {
        let message = format!("expected success or error, got {:?}", status.value);
        out.push(BAD_TEST.at(status.span, message));
    }
    if let Some(code) = code {
        let known = CODES.iter().copied().chain(errors.values().map(|own| own.code.as_str()));
        if !known.clone().any(|known| known == code.value) {
            let message = format!("there is no code `{}`", code.value);
            let help = suggest::nearest(code, known).map(|near| format!("did you mean `{near}`?"));
            out.push(BAD_TEST.at(code.span, message).maybe_help(help));
        }
        if let Some(status) = status.as_ref().filter(|status| status.value == "success") {
            out.push(BAD_TEST.at(status.span, "a call that succeeds has no code"));
        }
    }
    let fails = code.is_some() || status.as_ref().is_some_and(|status| status.value == "error");
    if let (true, Some(span)) = (fails, of_rows) {
        out.push(BAD_TEST.at(span, "a call that fails has no result"));
    }
    if runs == Runs::Record {
        let sql = sql.iter().chain(soql).map(|text| text.span);
        for span in sql.chain(binds.as_ref().map(|binds| binds.span)) {
            let found = BAD_TEST.at(span, "this action writes a record and has no statement");
            out.push(found.help("write `record: { fields: { … } }`"));
        }
        return;
    }
    if let Some(record) = record {
        let found = BAD_TEST.at(record.span, "this action has statements and writes no record");
        out.push(found.help("write `sql` or `soql`, and `binds`"));
    }
    let soql_spoken = driver.map(|driver| driver.dialect == Dialect::Soql);
    for (text, fits, key) in [(sql, Some(false), "sql"), (soql, Some(true), "soql")] {
        if let Some(text) = text.as_ref().filter(|_| soql_spoken.is_some() && soql_spoken != fits) {
            out.push(BAD_TEST.at(text.span, format!("the backend of this action does not speak `{key}`")));
        }
    }
    if let Some(binds) = binds.as_ref().filter(|binds| !matches!(binds.kind, Kind::List(_))) {
        out.push(BAD_TEST.at(binds.span, format!("expected a list of values, got {}", binds.describe())));
    }
}

/// Coerces the variables as a call would, unless the test is about just that.
fn variables(test: &TestSpec, allow_extra: bool, params: &Params, out: &mut Vec<Diagnostic>) {
    let expected = test.expect.code.as_ref().map(|code| code.value.as_str());
    if expected == Some("invalid_request") {
        return;
    }
    params.check_scalars(&test.variables, out);
    let mut sent = Variables::from_nodes(&test.variables);
    // It is no variable of the action's; a call takes it out before it coerces the others.
    if let Err(error) = sent.take_idempotency_key() {
        out.push(BAD_TEST.at(test.name.span, error.0));
        return;
    }
    let Err(bad) = params.decode(&sent, allow_extra) else {
        if let (Some(code), Some("missing_parameter" | "unknown_parameter")) = (&test.expect.code, expected) {
            let message = format!("the variables of this test fit, so `{}` cannot come of it", code.value);
            out.push(BAD_TEST.at(code.span, message));
        }
        return;
    };
    let Some(first) = bad.first() else { return };
    let code = test.expect.code.as_ref();
    if let Some(code) = code.filter(|code| is_coercion(&code.value) && code.value != first.code) {
        let message = format!("expected `{}`, but `{}` comes of `{}` first", code.value, first.code, first.parameter);
        out.push(BAD_TEST.at(code.span, message));
    }
    let any_error = code.is_none() && test.expect.status.as_ref().is_some_and(|status| status.value == "error");
    // What comes of it is not known yet where nothing is expected.
    if any_error || test.expect.is_empty() || code.is_some_and(|code| is_coercion(&code.value)) {
        return;
    }
    // A misspelt variable is reported where it stands, not where the right one is missing.
    let hints: String =
        bad.iter().filter(|bad| bad.code == "unknown_parameter").map(|bad| bad.reason.as_str()).collect();
    for bad in bad {
        if bad.code == "missing_parameter" && hints.contains(&format!("did you mean {}?", bad.parameter)) {
            continue;
        }
        let sent = test.variables.0.iter().find(|entry| entry.name.value == bad.parameter);
        let span = match sent {
            Some(entry) if bad.code == "unknown_parameter" => entry.name.span,
            Some(entry) => entry.value.as_ref().map_or(entry.name.span, |node| node.span),
            None => test.name.span,
        };
        let got = bad.got.filter(|_| bad.code == "invalid_parameter").map(|got| format!(", got {got:?}"));
        let message = format!("`{}`: {}{}", bad.parameter, bad.reason, got.unwrap_or_default());
        let help = "or expect the code: a test may show that a value is refused";
        out.push(BAD_TEST.at(span, message).help(help));
    }
}

/// Whether it is a code of SPEC 4, which coercion gives.
pub fn is_coercion(code: &str) -> bool {
    matches!(code, "missing_parameter" | "invalid_parameter" | "unknown_parameter")
}
