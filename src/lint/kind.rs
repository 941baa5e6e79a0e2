//! What a statement is by its first word, and why some kinds are no data actions.

use super::Statement;
use crate::{diagnostic::suggest, template::Dialect};

/// A kind of statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It reads or changes rows, or calls a procedure.
    Data,
    /// It changes what tables there are.
    Definition,
    /// It is for the server or the session, for this reason.
    Control(&'static str),
    /// It is none.
    Unknown,
}

const DATA: &[&str] = &["select", "with", "values", "table", "insert", "update", "delete", "replace", "merge", "call"];
const DEFINITION: &[&str] = &["create", "alter", "drop", "truncate", "rename", "comment", "undrop"];
const CONTROL: &[(&[&str], &str)] = &[
    (
        &["begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release", "xa"],
        "a write action runs in one transaction of its own already",
    ),
    (
        &["set", "reset", "unset", "use", "pragma", "discard", "attach", "detach"],
        "it changes the session, which the next call shares",
    ),
    (&["grant", "revoke", "reassign", "security"], "it changes who may do what"),
    (&["lock", "unlock"], "its locks would outlive the call"),
    (
        &[
            "vacuum",
            "analyze",
            "analyse",
            "reindex",
            "optimize",
            "repair",
            "check",
            "checkpoint",
            "cluster",
            "flush",
            "kill",
            "purge",
            "install",
            "uninstall",
            "refresh",
            "import",
            "change",
        ],
        "it is maintenance of the server",
    ),
    (
        &["copy", "load", "put", "get", "list", "ls", "remove", "rm", "unload"],
        "it moves files, and its values cannot be bound",
    ),
    (
        &[
            "prepare",
            "execute",
            "exec",
            "deallocate",
            "declare",
            "fetch",
            "move",
            "close",
            "open",
            "handler",
            "do",
            "listen",
            "notify",
            "unlisten",
            "signal",
            "resignal",
        ],
        "it needs a session of its own",
    ),
    (
        &["explain", "show", "describe", "desc"],
        "it says something about the server, not about data; `datadip plan` shows plans",
    ),
];
/// What is for another reason no data action on Snowflake.
const SNOWFLAKE: &[(&[&str], &str)] = &[
    (
        &["begin", "start", "commit", "end", "rollback"],
        "each statement is a request of its own there, and commits by itself",
    ),
    (&["use", "set", "unset"], IN_A_SESSION),
];
/// Why nothing is said to a session of Snowflake's.
pub(crate) const IN_A_SESSION: &str = "each statement has a session of its own there, which ends with it; the backend's `database`, `schema`, \
                                       `warehouse` and `role`, and the action's `options`, say where it runs";

/// The kind of a statement that begins with this word.
pub(crate) fn of(word: &str, dialect: Dialect) -> Kind {
    let word = word.to_ascii_lowercase();
    let foreign = match word.as_str() {
        "replace" => matches!(dialect, Dialect::Postgres | Dialect::Snowflake),
        "merge" => matches!(dialect, Dialect::Sqlite | Dialect::Mysql),
        "table" => matches!(dialect, Dialect::Sqlite | Dialect::Snowflake),
        "call" => dialect == Dialect::Sqlite,
        _ => false,
    };
    if foreign {
        return Kind::Unknown;
    }
    let find = |list: &'static [(&[&str], &'static str)]| list.iter().find(|(words, _)| words.contains(&word.as_str()));
    let own = if dialect == Dialect::Snowflake { find(SNOWFLAKE) } else { None };
    match own.or_else(|| find(CONTROL)) {
        Some((_, reason)) => Kind::Control(reason),
        None if DATA.contains(&word.as_str()) => Kind::Data,
        None if DEFINITION.contains(&word.as_str()) => Kind::Definition,
        None => Kind::Unknown,
    }
}

/// Whether a statement is `ALTER SESSION`, which of all that we speak only Snowflake knows.
pub(crate) fn sets_session(statement: &Statement, first: usize) -> bool {
    statement.is(first, "alter") && statement.is(first + 1, "session")
}

/// The first word that may have been meant.
pub(crate) fn nearest(word: &str) -> Option<&'static str> {
    suggest::nearest(word, DATA.iter().copied())
}
