//! What a statement may do to its connection, told from its words: enough to refuse what would end a transaction, and to
//! know when a connection must not serve another call. That a read cannot write is the database's own doing.

mod harmless;

use crate::template::{
    Dialect,
    lexer::{Token, TokenKind, tokens},
};

/// What a statement may do to its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Nature {
    /// What it begins with.
    pub(super) verb: Verb,
    /// Whether it calls or sets what may leave something behind: variables, locks, settings.
    pub(super) opaque: bool,
}

/// What a statement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verb {
    /// Gives rows and changes nothing by itself.
    Query,
    /// Changes rows, within a transaction.
    Change,
    /// Calls a procedure, which may try anything.
    Call,
    /// Anything else: it would end a transaction, write outside of it, or change the session.
    Other,
}

const VERBS: [(&str, Verb); 13] = [
    ("select", Verb::Query),
    ("values", Verb::Query),
    ("table", Verb::Query),
    ("explain", Verb::Query),
    ("describe", Verb::Query),
    ("desc", Verb::Query),
    ("show", Verb::Query),
    ("insert", Verb::Change),
    ("update", Verb::Change),
    ("delete", Verb::Change),
    ("replace", Verb::Change),
    ("do", Verb::Change),
    ("call", Verb::Call),
];

impl Nature {
    pub(super) fn of(text: &str) -> Self {
        let all = tokens(text, Dialect::Mysql);
        let meant: Vec<Token> = all.into_iter().filter(|token| !token.is_blank()).collect();
        let first = meant.iter().find(|token| !matches!(token.kind, TokenKind::Open | TokenKind::Semicolon));
        let verb = match first {
            Some(first) if first.is_word(text, "with") => after_with(text, &meant),
            Some(first) => verb_of(text, *first),
            None => Verb::Other,
        };
        // SELECT … INTO writes files and variables.
        let into = verb == Verb::Query && meant.iter().any(|token| token.is_word(text, "into"));
        let opaque = verb >= Verb::Call || (0..meant.len()).any(|at| is_opaque(text, &meant, at));
        Self { verb: if into { Verb::Other } else { verb }, opaque }
    }
}

fn verb_of(text: &str, token: Token) -> Verb {
    VERBS.iter().find(|(verb, _)| token.is_word(text, verb)).map_or(Verb::Other, |(_, verb)| *verb)
}

/// The verb that follows common table expressions: the first one outside of their brackets.
fn after_with(text: &str, meant: &[Token]) -> Verb {
    let mut depth = 0_usize;
    for token in meant {
        match token.kind {
            TokenKind::Open => depth += 1,
            TokenKind::Close => depth = depth.saturating_sub(1),
            TokenKind::Word if depth == 0 && verb_of(text, *token) != Verb::Other => return verb_of(text, *token),
            _ => {}
        }
    }
    Verb::Query
}

/// Whether the token sets a variable, or calls something that is not known to be harmless.
fn is_opaque(text: &str, meant: &[Token], at: usize) -> bool {
    let token = meant[at];
    match token.kind {
        TokenKind::Variable => !token.text(text).starts_with("@@"),
        // The check of templates refuses these.
        TokenKind::ExecutableComment | TokenKind::Unknown | TokenKind::Unterminated(_) => true,
        TokenKind::Word | TokenKind::QuotedIdentifier => {
            let Some(open) = meant.get(at + 1).filter(|next| next.kind == TokenKind::Open) else { return false };
            !names_columns(text, meant, at) && !harmless::is_call(text, token, *open, meant[..at].last())
        }
        _ => false,
    }
}

/// Whether a bracket after a name lists columns: `INSERT INTO t (…)`, `AS t (…)`, `WITH t (…) AS (…)`.
fn names_columns(text: &str, meant: &[Token], at: usize) -> bool {
    let mut start = at;
    while start >= 2 && meant[start - 1].text(text) == "." {
        start -= 2;
    }
    let before = start.checked_sub(1).map(|before| meant[before]);
    if before.is_some_and(|before| ["into", "insert", "replace", "as"].iter().any(|word| before.is_word(text, word))) {
        return true;
    }
    let mut depth = 0_usize;
    let close = meant[at + 1..].iter().position(|token| {
        match token.kind {
            TokenKind::Open => depth += 1,
            TokenKind::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    });
    let Some([as_, open, ..]) = close.and_then(|close| meant.get(at + 2 + close..)) else { return false };
    as_.is_word(text, "as") && open.kind == TokenKind::Open
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sql: &str, verb: Verb, opaque: bool) {
        assert_eq!(Nature::of(sql), Nature { verb, opaque }, "{sql}");
    }

    #[test]
    fn plain_statements_leave_nothing_behind() {
        for sql in [
            "SELECT id, COUNT(*) FROM t WHERE a IN (1, 2) AND (b = ? OR c = 2) GROUP BY id",
            "(SELECT 1) UNION (SELECT 2)",
            "-- why\n/* COMMIT */ SELECT 1",
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n), m (a, b) AS (SELECT 1, 2) SELECT n FROM n",
            "SELECT CAST(a AS CHAR(10)), @@version FROM t USE INDEX (i) JOIN u USING (id)",
            "SELECT SUM(a) OVER (PARTITION BY b) FROM (SELECT 1) AS t(a)",
            "SELECT a FROM t WHERE a = (SELECT MAX(b) FROM u) OR EXISTS (SELECT 1) FOR UPDATE",
            "SHOW TABLES",
        ] {
            check(sql, Verb::Query, false);
        }
        for sql in [
            "INSERT INTO t (a, b) VALUES (1, ?) ON DUPLICATE KEY UPDATE a = VALUES(a)",
            "INSERT t (a) SELECT NOW()",
            "REPLACE INTO db.`t` (a) VALUES (1)",
            "UPDATE t SET a = COALESCE(b, 1) WHERE c LIKE CONCAT(?, '%')",
            "DELETE FROM t WHERE id = ?",
            "WITH n AS (SELECT 1 AS a) DELETE FROM t WHERE id IN (SELECT a FROM n)",
        ] {
            check(sql, Verb::Change, false);
        }
    }

    #[test]
    fn calls_of_anything_else_are_opaque() {
        for sql in [
            "SELECT evil()",
            "SELECT `count`(1)",
            "SELECT db.count(1)",
            "SELECT COUNT (1)",
            "SELECT @a := 1",
            "SELECT GET_LOCK('a', 1)",
            "SELECT LAST_INSERT_ID(7)",
            "SELECT * FROM t WHERE evil ( 1 )",
            "WITH n AS (SELECT evil()) SELECT * FROM n",
        ] {
            check(sql, Verb::Query, true);
        }
        check("INSERT INTO t (a) VALUES (evil())", Verb::Change, true);
        check("CALL p()", Verb::Call, true);
    }

    #[test]
    fn what_ends_a_transaction_or_writes_outside_of_it_is_neither_query_nor_change() {
        for sql in [
            "COMMIT",
            "/* why */ COMMIT",
            "BEGIN",
            "START TRANSACTION",
            "SET autocommit = 0",
            "CREATE TABLE t (a INT)",
            "TRUNCATE t",
            "LOCK TABLES t WRITE",
            "EXECUTE IMMEDIATE 'COMMIT'",
            "XA START 'a'",
            "ANALYZE TABLE t",
            "HANDLER t OPEN",
            "USE other",
            "LOAD DATA INFILE 'a' INTO TABLE t",
            "SELECT a INTO OUTFILE '/tmp/a' FROM t",
            "SELECT a FROM t INTO @a",
            "-- nothing",
            "",
        ] {
            assert_eq!(Nature::of(sql).verb, Verb::Other, "{sql}");
        }
    }
}
