//! SQLite's result codes as failures: <https://www.sqlite.org/rescode.html>.

use sqlx::error::DatabaseError;

use crate::backend::{Again, Failure, FailureKind};

/// A failure of a statement or connection; `write` tells whether it was one of a writer's.
pub(super) fn failure(error: sqlx::Error, write: bool) -> Failure {
    match error {
        sqlx::Error::Database(error) => of_database(&*error, write),
        sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed => Failure::new(FailureKind::Unavailable, error.to_string()),
        other => Failure::new(FailureKind::Other, other.to_string()),
    }
}

/// The same for a statement with this text. A column that a full-text search misses came in a value where the statement does
/// not name it (<https://www.sqlite.org/fts5.html#fts5_column_filters>).
pub(super) fn failure_of(statement: &str, error: sqlx::Error, write: bool) -> Failure {
    in_search(statement, failure(error, write))
}

fn in_search(statement: &str, failure: Failure) -> Failure {
    let missing = failure.message.split_once(MISSING_COLUMN).map(|(_, name)| name);
    if missing.is_some_and(|name| !statement.contains(name)) && statement.to_ascii_lowercase().contains("match") {
        let message = format!("{MISSING_COLUMN}…");
        return Failure { kind: FailureKind::InvalidValue, message, ..failure };
    }
    failure
}

const MISSING_COLUMN: &str = "no such column: ";

fn of_database(error: &dyn DatabaseError, write: bool) -> Failure {
    let code: i32 = error.code().and_then(|code| code.parse().ok()).unwrap_or(1);
    let message = error.message();
    let kind = kind(code, message, write);
    let mut message = without_quotes(message);
    if kind == FailureKind::Other && code & 0xff == READONLY {
        message = format!("a read tried to write: {message}");
    }
    // A statement that met a lock changed nothing, and its transaction is rolled back.
    let again = if kind == FailureKind::Contention { Again::Paused } else { Again::Never };
    Failure { again, code: Some(code.to_string()), ..Failure::new(kind, message) }
}

const READONLY: i32 = 8;

fn kind(code: i32, message: &str, write: bool) -> FailureKind {
    match code {
        275 => return FailureKind::Constraint("check"),
        787 => return FailureKind::Constraint("foreign_key"),
        1299 => return FailureKind::Constraint("not_null"),
        // A primary key and a rowid are unique as well.
        1555 | 2067 | 2579 => return FailureKind::Constraint("unique"),
        // A value of another type in a STRICT table.
        3091 => return FailureKind::InvalidValue,
        // The file was moved since it was opened.
        1032 => return FailureKind::Unavailable,
        _ => {}
    }
    match code & 0xff {
        // ERROR: everything that has no code of its own is told by its words.
        1 if DRIFT.iter().any(|words| message.contains(words)) => FailureKind::Drift,
        1 if BAD_VALUE.iter().any(|words| message.contains(words)) => FailureKind::InvalidValue,
        // BUSY, LOCKED, and SCHEMA: the schema changed while the statement was made.
        5 | 6 | 17 => FailureKind::Contention,
        READONLY if write => FailureKind::Unavailable,
        // INTERRUPT
        9 => FailureKind::Timeout,
        // PERM, NOMEM, IOERR, CORRUPT, FULL, CANTOPEN, PROTOCOL, AUTH, NOTADB
        3 | 7 | 10 | 11 | 13 | 14 | 15 | 23 | 26 => FailureKind::Unavailable,
        // TOOBIG, MISMATCH
        18 | 20 => FailureKind::InvalidValue,
        _ => FailureKind::Other,
    }
}

/// Words of messages about tables and columns that are not there.
const DRIFT: [&str; 5] =
    ["no such table", "no such column", "no such view", "has no column named", "values were supplied"];
/// Words of messages about values that a function refuses.
const BAD_VALUE: [&str; 8] = [
    "fts5: syntax error",
    "unterminated string",
    "integer overflow",
    "malformed JSON",
    "JSON path error",
    "bad JSON path",
    "pattern too complex",
    "string or blob too big",
];

/// A message without what stands in quotes or brackets in it, which may be a value.
fn without_quotes(message: &str) -> String {
    let mut kept = String::with_capacity(message.len());
    let mut chars = message.chars();
    while let Some(open) = chars.next() {
        kept.push(open);
        let close = match open {
            '"' | '\'' | '`' => open,
            '[' => ']',
            _ => continue,
        };
        kept.push('…');
        kept.extend(chars.by_ref().find(|&char| char == close));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_lose_what_is_quoted() {
        let check = |message, expected| assert_eq!(without_quotes(message), expected);
        check("near \"secret\": syntax error", "near \"…\": syntax error");
        check("malformed MATCH expression: [secret]", "malformed MATCH expression: […]");
        check("UNIQUE constraint failed: customers.email", "UNIQUE constraint failed: customers.email");
        check("a 'b' and an open \"secret", "a '…' and an open \"…");
    }

    #[test]
    fn a_column_of_a_search_text_is_a_bad_value_and_not_shown() {
        let check = |statement| {
            let failure = in_search(statement, Failure::new(FailureKind::Drift, "no such column: smith"));
            (failure.kind, failure.message)
        };
        let shown = (FailureKind::Drift, "no such column: smith".to_owned());
        assert_eq!(check("SELECT a FROM f WHERE f MATCH ?"), (FailureKind::InvalidValue, "no such column: …".into()));
        assert_eq!(check("SELECT smith FROM f WHERE f MATCH ?"), shown);
        assert_eq!(check("SELECT a FROM a_view"), shown);
    }

    #[test]
    fn codes_become_kinds() {
        let check = |code, message, expected| assert_eq!(kind(code, message, false), expected, "{code} {message}");
        check(5, "database is locked", FailureKind::Contention);
        check(517, "database is locked", FailureKind::Contention);
        check(2067, "UNIQUE constraint failed: t.a", FailureKind::Constraint("unique"));
        check(1811, "too many calls", FailureKind::Other);
        check(1, "no such table: t", FailureKind::Drift);
        check(1, "integer overflow", FailureKind::InvalidValue);
        check(1, "near \"x\": syntax error", FailureKind::Other);
        check(9, "interrupted", FailureKind::Timeout);
        check(522, "disk I/O error", FailureKind::Unavailable);
        check(8, "attempt to write a readonly database", FailureKind::Other);
        assert_eq!(kind(8, "attempt to write a readonly database", true), FailureKind::Unavailable);
    }
}
