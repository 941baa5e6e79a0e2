//! Which statements may run without a transaction of their own around them.
//!
//! A session is read-only unless it is told otherwise, so no statement writes by itself. But a function that it calls may
//! tell the session otherwise (`set_config`), or leave locks, and the next call would feel it. So a statement runs bare only
//! where all that it can reach is known. This does not follow the statement's meaning, which would take the server's own
//! parser, but asks for more than is needed: **none of its words**, whatever stands for a name in it and wherever, may name
//!
//! - a function, anywhere in the database, but PostgreSQL's own that only compute;
//! - a view, a foreign table, or a table with row security: their text is not here;
//!
//! and what no word names must be harmless as well: in the whole database operators, casts, operator classes, ranges,
//! checks of domains, and foreign tables below others; of the tables that are named, and of all that stand below others,
//! whatever the planner may evaluate before the statement runs: the expressions of indexes, checks, partitions and
//! statistics. Beyond PostgreSQL's own functions, operators, casts, operator classes and ranges may call C code that is not
//! declared volatile: only an administrator brings that.
//!
//! What is found holds until the watcher, which looks each minute, sees that any such code has changed. A statement that
//! becomes harmful within that minute still begins in a read-only session, but may leave it otherwise to the next call.

use sqlx::{Arguments, PgConnection, Row, postgres::PgArguments};

use super::{
    failure,
    text::{Text, Verb},
};
use crate::template::{
    Dialect, Statement,
    lexer::{self, TokenKind},
};

/// Functions of PostgreSQL's own that are declared volatile and still only answer.
const ANSWERING: [&str; 22] = [
    "random",
    "random_normal",
    "gen_random_uuid",
    "uuidv4",
    "uuidv7",
    "clock_timestamp",
    "timeofday",
    "array_sample",
    "array_shuffle",
    "current_query",
    "pg_sleep",
    "pg_sleep_for",
    "pg_sleep_until",
    "pg_is_in_recovery",
    "pg_blocking_pids",
    "pg_database_size",
    "pg_indexes_size",
    "pg_relation_size",
    "pg_table_size",
    "pg_tablespace_size",
    "pg_total_relation_size",
    "pg_xact_commit_timestamp",
];

/// Whether a statement with these words is harmless: `$1` are the words, `$2` what is in [`ANSWERING`]. Objects below 16384
/// are PostgreSQL's own; 12, 13 and 14 are the languages internal, C and SQL. `…_to_xml` runs queries that it is given.
/// Bounds of partitions are constants by the time they are stored; statistics have expressions from PostgreSQL 14 on.
const JUDGE: &str = r"
WITH harmful AS NOT MATERIALIZED (
  SELECT p.oid, p.proname, p.prolang, p.provolatile FROM pg_catalog.pg_proc p
  WHERE NOT (
    p.oid < 16384 AND p.prolang IN (12, 14) AND p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace
    AND (p.provolatile <> 'v' OR p.proname = ANY ($2::name[]))
    AND p.proname !~ '_to_xml|validator$'
  )
),
planned (oid) AS (
  SELECT c.oid FROM pg_catalog.pg_class c WHERE c.oid >= 16384 AND c.relname = ANY ($1::name[])
  UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i
),
expression (tree) AS (
  SELECT d.conbin::text FROM pg_catalog.pg_constraint d
  WHERE d.conbin IS NOT NULL AND (d.contypid <> 0 OR d.conrelid IN (SELECT oid FROM planned))
  UNION ALL SELECT pg_catalog.concat(i.indexprs, i.indpred) FROM pg_catalog.pg_index i
  WHERE (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL) AND i.indrelid IN (SELECT oid FROM planned)
  UNION ALL SELECT t.partexprs::text FROM pg_catalog.pg_partitioned_table t
  WHERE t.partexprs IS NOT NULL AND t.partrelid IN (SELECT oid FROM planned)
  UNION ALL SELECT pg_catalog.to_jsonb(s) ->> 'stxexprs' FROM pg_catalog.pg_statistic_ext s
  WHERE s.stxrelid IN (SELECT oid FROM planned)
)
SELECT
  EXISTS (SELECT FROM harmful WHERE proname = ANY ($1::name[]))
  OR EXISTS (
    SELECT FROM pg_catalog.pg_class c
    WHERE c.oid >= 16384 AND c.relname = ANY ($1::name[]) AND (c.relkind IN ('v', 'f') OR c.relrowsecurity)
  )
  OR EXISTS (SELECT FROM pg_catalog.pg_foreign_table f JOIN pg_catalog.pg_inherits i ON i.inhrelid = f.ftrelid)
  OR EXISTS (
    SELECT FROM harmful h
    WHERE (h.oid < 16384 OR h.prolang NOT IN (12, 13) OR h.provolatile = 'v') AND h.oid IN (
      SELECT oprcode FROM pg_catalog.pg_operator WHERE oid >= 16384
      UNION ALL SELECT castfunc FROM pg_catalog.pg_cast WHERE oid >= 16384
      UNION ALL SELECT amproc FROM pg_catalog.pg_amproc WHERE oid >= 16384
      UNION ALL SELECT rngcanonical FROM pg_catalog.pg_range WHERE rngtypid >= 16384
      UNION ALL SELECT rngsubdiff FROM pg_catalog.pg_range WHERE rngtypid >= 16384
    )
  )
  OR EXISTS (
    SELECT FROM expression e
    CROSS JOIN LATERAL pg_catalog.regexp_matches(e.tree, ':(?:op)?funcid (\d+)', 'g') AS called
    JOIN harmful h ON h.oid = called[1]::oid
  ) AS harmful";

/// Whether a statement is known to be harmless on this database.
pub(super) async fn harmless(
    connection: &mut PgConnection,
    statement: &Statement,
    text: Text,
) -> Result<bool, sqlx::Error> {
    if text.verb != Verb::Query {
        return Ok(false);
    }
    let Some(names) = names(statement.text()) else { return Ok(false) };
    let mut arguments = PgArguments::default();
    arguments.add(names).map_err(sqlx::Error::Encode)?;
    arguments.add(ANSWERING.as_slice()).map_err(sqlx::Error::Encode)?;
    match sqlx::query_with(JUDGE, arguments).fetch_one(connection).await {
        Ok(row) => row.try_get(0).map(|harmful: bool| !harmful),
        // Where a role may not read the catalog, nothing is known.
        Err(error) if !failure::is_lost(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Every word of a text that could be a name, as the catalog writes it; `None` where one cannot be read.
fn names(text: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for token in lexer::tokens(text, Dialect::Postgres) {
        let word = token.text(text);
        match token.kind {
            TokenKind::Word => {
                // Which letters the server folds depends on its encoding.
                names.push(word.to_ascii_lowercase());
                names.push(word.to_lowercase());
            }
            TokenKind::QuotedIdentifier => {
                // `U&"…"` has escapes of its own.
                names.push(word.strip_prefix('"')?.strip_suffix('"')?.replace("\"\"", "\""));
                if text[..token.start].ends_with("U&") || text[..token.start].ends_with("u&") {
                    return None;
                }
            }
            TokenKind::Unknown | TokenKind::Unterminated(_) | TokenKind::ExecutableComment => return None,
            _ => {}
        }
    }
    names.sort();
    names.dedup();
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_a_name() {
        let check = |text: &str, expected: &[&str]| {
            let expected = expected.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
            assert_eq!(names(text), Some(expected), "{text}");
        };
        check("SELECT a.F FROM x -- y\n", &["a", "f", "from", "select", "x"]);
        check("select \"A\"\"b\" ( 'c' || $$d$$ || $1 )", &["A\"b", "select"]);
        check("select É", &["select", "É", "é"]);
    }

    #[test]
    fn a_name_that_cannot_be_read_is_none() {
        for text in ["select U&\"\\0061\" from t", "select u&\"a\"", "select \"a"] {
            assert_eq!(names(text), None, "{text}");
        }
    }
}
