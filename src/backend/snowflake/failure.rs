//! What Snowflake's refusals mean (SPEC 7.3, FACTS 3.5), and what of their words may stand in the log: they quote statements, and
//! some of them values.

use std::time::Duration;

use serde::Deserialize;

use crate::backend::{Again, Failure, FailureKind};

/// As much of a message is kept, in characters.
const MAX_MESSAGE: usize = 300;

/// What an answer says that gives no rows. Errors of statements that ran on after their first answer have no state.
#[derive(Debug, Default, Deserialize)]
struct Said {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default, rename = "sqlState")]
    state: Option<String>,
}

/// A refusal as a failure, by its HTTP status and its body, whatever that is. `retry_after` is what its headers say.
pub fn answer(status: u16, body: &[u8], retry_after: Option<Duration>) -> Failure {
    let said: Said = serde_json::from_slice(body).unwrap_or_default();
    let code = said.code.as_str();
    let state = said.state.as_deref().unwrap_or_default();
    let kind = kind(status, code, state);
    let passes = matches!(kind, FailureKind::Unavailable | FailureKind::Throttled);
    Failure {
        // Nothing ran: a new submission is another statement.
        again: if kind == FailureKind::Contention { Again::Paused } else { Again::Never },
        retry_after: retry_after.filter(|_| passes),
        code: is_code(code).then(|| code.to_owned()),
        state: is_state(state).then(|| state.to_owned()),
        ..Failure::new(kind.clone(), message(status, &said, &kind))
    }
}

fn kind(status: u16, code: &str, state: &str) -> FailureKind {
    match (code, status) {
        // A token that is refused.
        (_, 401) => FailureKind::Unavailable,
        (_, 429) => FailureKind::Throttled,
        // Locks: too many wait for the same table. Its state is that of statements that were cancelled.
        ("000625", _) => FailureKind::Contention,
        // Its own limit of time, or the session's.
        ("000630", _) | (_, 408) => FailureKind::Timeout,
        // Cancelled by somebody.
        ("000604", _) => FailureKind::Other,
        // The resource monitor's quota is used up.
        ("090073", _) => FailureKind::Limited,
        // A name, a table, a database that is not there.
        ("000904" | "002003" | "391918", _) => FailureKind::Drift,
        // A null in a column that takes none.
        ("100072", _) => FailureKind::Constraint("not_null"),
        (code, _) if VALUES.contains(&code) => FailureKind::InvalidValue,
        (_, 500 | 502 | 503 | 504) => FailureKind::Unavailable,
        _ if VALUE_STATES.contains(&state) => FailureKind::InvalidValue,
        _ => FailureKind::Other,
    }
}

/// Values that are no time, number, boolean or date, that are too long or out of range, and binds that do not fit.
const VALUES: [&str; 8] = ["002086", "100035", "100037", "100038", "100039", "100040", "100046", "100078"];
/// States of values that are refused as data (SPEC 4), among them that of a cast.
const VALUE_STATES: [&str; 6] = ["22001", "22003", "22007", "22008", "22018", "22021"];

/// What the log says: the status and the state, and of the words what can hold no value.
fn message(status: u16, said: &Said, kind: &FailureKind) -> String {
    let mut message = format!("HTTP {status}");
    if let Some(state) = said.state.as_deref().filter(|state| is_state(state)) {
        message += &format!(" ({state})");
    }
    let words = match kind {
        FailureKind::InvalidValue => "a value is refused".to_owned(),
        FailureKind::Constraint(_) => "a constraint is broken".to_owned(),
        _ if said.code == "000606" => "no warehouse: none is given, its name is written in other letters than SHOW WAREHOUSES prints, the role may not use it, or it is suspended".to_owned(),
        // What is wrong before a statement runs: values are bound, so that they are no part of it.
        _ if PLAIN.iter().any(|range| said.code.starts_with(range)) => {
            without_quoted(&said.message, *kind == FailureKind::Drift)
        }
        _ => String::new(),
    };
    if !words.is_empty() {
        message += ": ";
        message += &words;
    }
    message
}

/// How codes begin whose words hold no value but in quotes: of compiling and running at all, of warehouses, of access.
const PLAIN: [&str; 5] = ["000", "001", "002", "090", "39"];

fn is_code(text: &str) -> bool {
    (5..=7).contains(&text.trim_start_matches('-').len())
        && text.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit())
}

fn is_state(text: &str) -> bool {
    text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// A message on one line without its quoted pieces, but for `names`: what looks like one. A quote that does not end takes the
/// rest with it.
fn without_quoted(message: &str, names: bool) -> String {
    let mut kept = String::new();
    let mut rest = message;
    while let Some(open) = rest.find(['\'', '"', '`']) {
        let quote = &rest[open..=open];
        kept += &rest[..=open];
        let after = &rest[open + 1..];
        let Some(close) = after.find(quote) else {
            kept += "…";
            rest = "";
            break;
        };
        kept += if names && is_name(&after[..close]) { &after[..close] } else { "…" };
        kept += quote;
        rest = &after[close + 1..];
    }
    kept += rest;
    kept.chars().map(|char| if char.is_control() { ' ' } else { char }).take(MAX_MESSAGE).collect()
}

/// Whether a quoted piece is the name of an object or a column, as Snowflake folds them.
fn is_name(text: &str) -> bool {
    let part = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '$' | '.');
    !text.is_empty() && text.len() <= 255 && text.chars().all(part)
}

#[cfg(test)]
mod tests;
