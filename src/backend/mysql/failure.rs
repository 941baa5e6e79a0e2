//! Error numbers and SQLSTATEs of MySQL and MariaDB as failures:
//! <https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html>,
//! <https://mariadb.com/kb/en/mariadb-error-code-reference/>.

use sqlx::mysql::MySqlDatabaseError;

use crate::backend::{Again, Failure, FailureKind};

/// What was being done when an error came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// A connection was made.
    Connect,
    /// A read, or a write none of whose statements was sent yet: a lost connection took nothing with it.
    Harmless,
    /// A write.
    Write,
}

/// An error as a failure.
pub(super) fn failure(error: sqlx::Error, phase: Phase) -> Failure {
    let lost = |message: String| {
        let again = match phase {
            Phase::Connect => Again::Paused,
            Phase::Harmless => Again::Once,
            Phase::Write => Again::Never,
        };
        Failure { again, ..Failure::new(FailureKind::Unavailable, message) }
    };
    match error {
        sqlx::Error::Database(error) => match error.try_downcast_ref::<MySqlDatabaseError>() {
            Some(error) => {
                let (number, state) = (error.number(), error.code().unwrap_or_default());
                let kind = kind(number, state);
                let message = match kind {
                    // Such a message may hold the value anywhere, also without quotes.
                    FailureKind::InvalidValue => "the server refuses a value".to_owned(),
                    _ => without_values(error.message(), kind == FailureKind::Drift),
                };
                let (kind, again) = match kind {
                    FailureKind::Contention => (kind, Again::Paused),
                    _ if phase == Phase::Connect => {
                        (FailureKind::Unavailable, if REFUSED.contains(&number) { Again::Never } else { Again::Paused })
                    }
                    FailureKind::Unavailable if LOST.contains(&number) => return coded(lost(message), number, state),
                    // Prepared of another time.
                    FailureKind::Other if matches!(number, 1243 | 1615) && phase == Phase::Harmless => {
                        (kind, Again::Once)
                    }
                    _ => (kind, Again::Never),
                };
                coded(Failure { again, ..Failure::new(kind, message) }, number, state)
            }
            None => Failure::new(FailureKind::Other, "an error of another kind of database"),
        },
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) => lost(error.to_string()),
        sqlx::Error::Tls(_) | sqlx::Error::Configuration(_) if phase == Phase::Connect => {
            Failure::new(FailureKind::Unavailable, error.to_string())
        }
        sqlx::Error::Encode(_) => Failure::new(FailureKind::InvalidValue, error.to_string()),
        other => Failure::new(FailureKind::Other, other.to_string()),
    }
}

/// Whether a statement ended because it was told to.
pub(super) fn is_interrupted(error: &sqlx::Error) -> bool {
    let error = error.as_database_error().and_then(|error| error.try_downcast_ref::<MySqlDatabaseError>());
    error.is_some_and(|error| error.number() == 1317)
}

/// Whether the server ends the connection with this failure; unless somebody raised it, as `SIGNAL` does with any number.
pub(super) fn ends_connection(failure: &Failure) -> bool {
    let number = failure.code.as_deref().and_then(|code| code.parse().ok());
    failure.kind == FailureKind::Unavailable && number.is_some_and(|number| LOST.contains(&number))
}

/// The same failure of a connection that is still there.
pub(super) fn raised(failure: Failure) -> Failure {
    Failure { kind: FailureKind::Other, again: Again::Never, ..failure }
}

fn coded(failure: Failure, number: u16, state: &str) -> Failure {
    Failure { code: Some(number.to_string()), state: Some(state.to_owned()), ..failure }
}

/// Credentials, databases and hosts that are refused: asking again changes nothing.
const REFUSED: [u16; 8] = [1044, 1045, 1049, 1130, 1251, 1698, 1820, 3118];
/// Numbers that end a connection: shutdown, killed, idle for too long, broken packets.
const LOST: [u16; 10] = [1053, 1077, 1152, 1158, 1159, 1160, 1161, 1184, 1927, 4031];

/// Values that are out of range, too long, of another type; wrong dates, characters, JSON, regular expressions.
const VALUES: [u16; 24] = [
    1139, 1264, 1265, 1292, 1300, 1365, 1366, 1367, 1406, 1411, 1416, 1426, 1441, 1690, 3140, 3141, 3143, 3155, 3156,
    3685, 3692, 3854, 4038, 4042,
];

fn kind(number: u16, state: &str) -> FailureKind {
    match number {
        // Locks: waited for too long, deadlock, NOWAIT; MariaDB: changed since it was read.
        1020 | 1205 | 1213 | 1614 | 3058 | 3572 => FailureKind::Contention,
        1022 | 1062 | 1169 | 1557 | 1586 | 1859 => FailureKind::Constraint("unique"),
        1215..=1217 | 1451 | 1452 | 1761 | 1762 => FailureKind::Constraint("foreign_key"),
        1048 | 1364 | 1138 | 1263 => FailureKind::Constraint("not_null"),
        // MySQL has another error of the second number.
        3819 => FailureKind::Constraint("check"),
        4025 if state == "23000" => FailureKind::Constraint("check"),
        // Tables, columns, keys, routines and sequences that are not there or are of another shape.
        1051 | 1054 | 1072 | 1091 | 1109 | 1136 | 1146 | 1176 | 1305 | 1318 | 1356 | 4091 => FailureKind::Drift,
        // A database that is not there: in a statement; when connecting it is refused as a whole.
        1049 => FailureKind::Drift,
        // Interrupted, by our own limit or somebody.
        1317 | 1969 | 3024 => FailureKind::Timeout,
        number if LOST.contains(&number) => FailureKind::Unavailable,
        // A server that takes no writes has become a replica: its name may lead to another one by now.
        1290 | 1836 => FailureKind::Unavailable,
        number if VALUES.contains(&number) => FailureKind::InvalidValue,
        _ if state.starts_with("22") => FailureKind::InvalidValue,
        _ => FailureKind::Other,
    }
}

/// A message without what stands in quotes in it, which may be a value. Names of tables, columns, keys and constraints are
/// kept: they stand in backticks, or in single quotes after a word that tells what they are. A value may itself hold quotes
/// and such words, so it ends at the last place that it can.
fn without_values(message: &str, names: bool) -> String {
    let mut kept = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(open) = rest.find(['\'', '"', '`']) {
        let (before, after) = (&rest[..open], &rest[open + 1..]);
        let quote = &rest[open..=open];
        if names || quote == "`" || NAMES.iter().any(|name| before.ends_with(name)) {
            let end = after.find(quote).map_or(rest.len(), |close| open + 1 + close + 1);
            kept += &rest[..end];
            rest = &rest[end..];
            continue;
        }
        kept += &rest[..=open];
        kept += "…";
        let end = ENDS.iter().filter_map(|end| after.rfind(end)).max().or_else(|| after.rfind(quote));
        let Some(end) = end else { return kept };
        kept += quote;
        rest = &after[end + 1..];
    }
    kept + rest
}

/// What stands before a name.
const NAMES: [&str; 8] = ["column ", "Column ", "Field ", "key ", "constraint ", "Constraint ", "table ", "Table "];
/// How a value ends before a name, or before what else there is to say.
const ENDS: [&str; 5] = ["' for key '", "' for column ", "' for function ", "' at line ", "' at row "];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_lose_values_and_keep_names() {
        let check = |message, expected: &str| assert_eq!(without_values(message, false), expected);
        check("Duplicate entry 'secret' for key 'name'", "Duplicate entry '…' for key 'name'");
        check("Duplicate entry 'it's' for key 'name'", "Duplicate entry '…' for key 'name'");
        check("Duplicate entry 'a' for key 'secret' b' for key 'name'", "Duplicate entry '…' for key 'name'");
        check("Truncated incorrect INTEGER value: 'its 'secret''", "Truncated incorrect INTEGER value: '…'");
        check("Data too long for column 'name' at row 1", "Data too long for column 'name' at row 1");
        check(
            "Incorrect integer value: 'secret' for column `db`.`t`.`a` at row 1",
            "Incorrect integer value: '…' for column `db`.`t`.`a` at row 1",
        );
        check("near 'secret", "near '…");
        check("no quotes", "no quotes");
    }

    #[test]
    fn numbers_become_kinds() {
        let check = |number, state, expected| assert_eq!(kind(number, state), expected, "{number} {state}");
        check(1205, "HY000", FailureKind::Contention);
        check(1213, "40001", FailureKind::Contention);
        check(1062, "23000", FailureKind::Constraint("unique"));
        check(4025, "23000", FailureKind::Constraint("check"));
        check(4025, "HY000", FailureKind::Other);
        check(1054, "42S22", FailureKind::Drift);
        check(1146, "42S02", FailureKind::Drift);
        check(1366, "22007", FailureKind::InvalidValue);
        check(1969, "70100", FailureKind::Timeout);
        check(1927, "70100", FailureKind::Unavailable);
        check(4031, "HY000", FailureKind::Unavailable);
        check(1836, "HY000", FailureKind::Unavailable);
        check(1114, "HY000", FailureKind::Other);
        check(1040, "08004", FailureKind::Other);
        check(1792, "25006", FailureKind::Other);
        check(1064, "42000", FailureKind::Other);
    }
}
