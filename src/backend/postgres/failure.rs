//! PostgreSQL's error states as failures: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.

use sqlx::{
    error::DatabaseError,
    postgres::{PgDatabaseError, PgSeverity},
};

use crate::backend::{Again, Failure, FailureKind};

/// A failure of the statement with this text.
pub(super) fn statement(error: &sqlx::Error, text: &str) -> Failure {
    let failure = match error {
        sqlx::Error::Database(error) => of_database(error.downcast_ref(), text),
        sqlx::Error::Encode(_) => Failure::new(FailureKind::InvalidValue, "a value cannot be encoded"),
        sqlx::Error::ColumnDecode { index, .. } => {
            Failure::new(FailureKind::Other, format!("column {index} cannot be decoded"))
        }
        other => Failure::new(FailureKind::Other, other.to_string()),
    };
    if is_lost(error) { Failure { kind: FailureKind::Unavailable, ..failure } } else { failure }
}

/// A failure to connect: nothing was run, so that whatever may pass is tried again.
pub(super) fn connecting(error: sqlx::Error) -> Failure {
    match &error {
        sqlx::Error::Database(inner) => {
            let passes =
                ["53", "57", "08"].iter().any(|class| inner.code().is_some_and(|code| code.starts_with(class)));
            let failure = Failure { kind: FailureKind::Unavailable, ..statement(&error, "") };
            if passes { unconnected(failure) } else { Failure { again: Again::Never, ..failure } }
        }
        sqlx::Error::Io(_) => unconnected(statement(&error, "")),
        sqlx::Error::Protocol(_) => {
            Failure::new(FailureKind::Unavailable, "what answers there does not speak PostgreSQL's protocol")
        }
        other => Failure::new(FailureKind::Unavailable, other.to_string()),
    }
}

/// The same failure, to be tried again after a pause.
pub(super) fn unconnected(failure: Failure) -> Failure {
    Failure { again: Again::Paused, ..failure }
}

/// Whether the connection is lost with this error, or cannot be understood any more.
pub(super) fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => {
            // Whatever its code: a function may raise any, also one that says that another server's connection is lost.
            matches!(error.downcast_ref::<PgDatabaseError>().severity(), PgSeverity::Fatal | PgSeverity::Panic)
        }
        sqlx::Error::Encode(_) | sqlx::Error::ColumnDecode { .. } => false,
        _ => true,
    }
}

/// Whether a prepared statement is of another time: its result has other columns than when it was prepared (the routine's
/// name is told in no language), or somebody has removed it.
pub(super) fn is_stale(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else { return false };
    let error = error.downcast_ref::<PgDatabaseError>();
    match error.code() {
        "0A000" => error.routine() == Some("RevalidateCachedQuery"),
        "26000" => true,
        _ => false,
    }
}

fn of_database(error: &PgDatabaseError, text: &str) -> Failure {
    let code = error.code();
    let kind = kind(code);
    let again = if kind == FailureKind::Contention { Again::Paused } else { Again::Never };
    let mut message = if kind == FailureKind::InvalidValue || error.routine() == Some("exec_stmt_raise") {
        // The server writes values without quotes as well, and a function of the database's own whatever it likes.
        "the message may hold a value".to_owned()
    } else {
        // What the author wrote is no value: a name that is not there may be shown.
        let names = if kind == FailureKind::Drift { text } else { "" };
        without_quotes(error.message(), &names.to_lowercase())
    };
    let objects = [
        ("schema", error.schema()),
        ("table", error.table()),
        ("column", error.column()),
        ("type", error.data_type()),
        ("constraint", DatabaseError::constraint(error)),
    ];
    for (what, name) in objects {
        if let Some(name) = name {
            message += &format!(", {what} {name}");
        }
    }
    Failure { again, code: Some(code.to_owned()), ..Failure::new(kind, message) }
}

/// The kind of an error that the connection outlives.
fn kind(code: &str) -> FailureKind {
    match code {
        // An exclusion constraint is a unique one with other operators.
        "23505" | "23P01" => FailureKind::Constraint("unique"),
        "23503" | "23001" => FailureKind::Constraint("foreign_key"),
        // The check option of a view is one as well.
        "23514" | "44000" => FailureKind::Constraint("check"),
        "23502" => FailureKind::Constraint("not_null"),
        // lock_not_available is a lock's, the others a transaction's that another one was in the way of.
        "40001" | "40P01" | "55P03" => FailureKind::Contention,
        // query_canceled
        "57014" => FailureKind::Timeout,
        // Tables, columns, functions, types and schemas that are not there.
        "42P01" | "42703" | "42883" | "42704" | "3F000" => FailureKind::Drift,
        _ if code.starts_with("22") => FailureKind::InvalidValue,
        _ => FailureKind::Other,
    }
}

/// What quotes are differs by the server's language.
const QUOTES: [char; 8] = ['"', '\'', '`', '«', '»', '„', '“', '”'];

/// A message without what stands in quotes in it, which may be a value with quotes of its own: so all from the first quote
/// to the last is left out, unless each thing in quotes stands in `known`, in lower case.
fn without_quotes(message: &str, known: &str) -> String {
    let mut quoted = message.split(QUOTES).skip(1).step_by(2);
    let Some(at) = message.find(QUOTES).filter(|_| !quoted.all(|name| known.contains(&name.to_lowercase()))) else {
        return message.to_owned();
    };
    let (before, rest) = message.split_at(at);
    let open = rest.chars().next().expect("a character was found here");
    let close = match open {
        '«' => '»',
        '»' => '«',
        '„' => '“',
        '“' => '”',
        same => same,
    };
    let last = rest.rfind(QUOTES).filter(|last| *last > 0 && rest[*last..].starts_with(close));
    format!("{before}{open}…{}", last.map_or("", |last| &rest[last..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_lose_what_is_quoted() {
        let check = |message, expected| assert_eq!(without_quotes(message, "select a from \"crm\".people"), expected);
        check("invalid input syntax for type integer: \"secret\"", "invalid input syntax for type integer: \"…\"");
        check("ungültige Eingabesyntax für Typ integer: »secret«", "ungültige Eingabesyntax für Typ integer: »…«");
        check("a 'b' and an open \"secret", "a '…");
        check("type integer: \"a \"secret\" b\"", "type integer: \"…\"");
        check("relation \"a\" secret \"b\" does not exist", "relation \"…\" does not exist");
        check("relation \"People\" does not exist", "relation \"People\" does not exist");
        check("relation \"others\" does not exist", "relation \"…\" does not exist");
    }

    #[test]
    fn another_kind_of_server_is_named_so() {
        let said = connecting(sqlx::Error::Protocol("unexpected response (sqlx_postgres::tls:95)".into())).message;
        assert_eq!(said, "what answers there does not speak PostgreSQL's protocol");
    }

    #[test]
    fn codes_become_kinds() {
        let check = |code, expected| assert_eq!(kind(code), expected, "{code}");
        check("40001", FailureKind::Contention);
        check("40P01", FailureKind::Contention);
        check("55P03", FailureKind::Contention);
        check("22P02", FailureKind::InvalidValue);
        check("22001", FailureKind::InvalidValue);
        check("23505", FailureKind::Constraint("unique"));
        check("23P01", FailureKind::Constraint("unique"));
        check("23502", FailureKind::Constraint("not_null"));
        check("42P01", FailureKind::Drift);
        check("42601", FailureKind::Other);
        check("57014", FailureKind::Timeout);
        check("08006", FailureKind::Other);
        check("53400", FailureKind::Other);
        check("P0001", FailureKind::Other);
        check("", FailureKind::Other);
    }
}
