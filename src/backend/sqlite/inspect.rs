//! What SQLite says of statements and tables, on a read-only connection of its own.
//!
//! A column of SQLite's holds values of any type, whatever is declared: of a result only columns of text are certain. Its
//! planner tells a plan and no cost.

use std::collections::{HashMap, HashSet};

use futures_util::future::BoxFuture;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use sqlx::{Column as _, Connection, Executor, Row, SqliteConnection, Statement as _, TypeInfo, sqlite::SqliteRow};
use tokio::time::Instant;

use super::{CONNECT, Sqlite, failure::failure};
use crate::{
    backend::{
        Failure, Inspect,
        inspect::{ALL_TABLES, Described, Description, JsonKind, Plan, Table, TableColumn, name_parts},
    },
    template::{
        Dialect, Statement,
        lexer::{self, TokenKind},
    },
    value::Scalar,
};

/// Words that are no name without quotes: <https://www.sqlite.org/lang_keywords.html>, those without a fall-back.
const RESERVED: &[&str] = &[
    "add",
    "all",
    "alter",
    "and",
    "as",
    "autoincrement",
    "between",
    "case",
    "check",
    "collate",
    "commit",
    "constraint",
    "create",
    "default",
    "deferrable",
    "delete",
    "distinct",
    "drop",
    "else",
    "escape",
    "except",
    "exists",
    "foreign",
    "from",
    "group",
    "having",
    "in",
    "index",
    "insert",
    "intersect",
    "into",
    "is",
    "isnull",
    "join",
    "limit",
    "not",
    "nothing",
    "notnull",
    "null",
    "on",
    "or",
    "order",
    "primary",
    "references",
    "returning",
    "select",
    "set",
    "table",
    "then",
    "to",
    "transaction",
    "union",
    "unique",
    "update",
    "using",
    "values",
    "when",
    "where",
];

impl Sqlite {
    /// Asks on the connection for questions, and gives it back.
    async fn asked<T>(
        &self,
        ask: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, Failure> {
        let outcome = async {
            let mut lease = self.inspector.get(Instant::now() + CONNECT).await?;
            let answer = ask(&mut lease.connection).await.map_err(|error| failure(error, false));
            lease.release();
            answer
        }
        .await;
        self.seen.note(&outcome);
        outcome
    }
}

impl Inspect for Sqlite {
    fn describe<'a>(&'a self, statement: &'a Statement) -> BoxFuture<'a, Result<Option<Description>, Failure>> {
        Box::pin(self.asked(async |connection| describe(connection, statement).await.map(Some)))
    }

    fn plan<'a>(&'a self, statement: &'a Statement) -> BoxFuture<'a, Result<Plan, Failure>> {
        Box::pin(self.asked(async |connection| {
            connection.clear_cached_statements().await?;
            let rows = sqlx::query(statement.between(&["EXPLAIN QUERY PLAN"], &[])).fetch_all(connection).await?;
            Ok(Plan { cost: None, plan: steps(&rows)? })
        }))
    }

    fn digests<'a>(&'a self, tables: &'a [String]) -> BoxFuture<'a, Result<HashMap<String, String>, Failure>> {
        Box::pin(self.asked(async |connection| {
            let rows = sqlx::query("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name");
            let rows = rows.fetch_all(connection).await?;
            let objects: Vec<Object> = rows.iter().map(Object::of).collect::<Result<_, _>>()?;
            Ok(tables.iter().filter_map(|table| Some((table.clone(), digest(&objects, table)?))).collect())
        }))
    }

    fn table<'a>(&'a self, name: &'a str, _: &'a [&'a str]) -> BoxFuture<'a, Result<Option<Table>, Failure>> {
        Box::pin(self.asked(async |connection| match local(name) {
            Some(name) => table(connection, &name).await,
            None => Ok(None),
        }))
    }

    fn tables(&self) -> BoxFuture<'_, Result<Vec<String>, Failure>> {
        Box::pin(self.asked(async |connection| {
            let names = "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' \
                         ESCAPE '\\' ORDER BY name";
            let rows = sqlx::query(names).fetch_all(connection).await?;
            rows.iter().map(|row| row.try_get(0).map(|name: String| quoted(&name))).collect()
        }))
    }
}

async fn describe(connection: &mut SqliteConnection, statement: &Statement) -> Result<Description, sqlx::Error> {
    // A statement that was prepared before is not looked at again, and one that is new is compiled by what SQLite remembers
    // of the file until a statement runs.
    connection.clear_cached_statements().await?;
    let views = sqlx::query("SELECT lower(name) FROM sqlite_schema WHERE type = 'view'");
    let views = views.fetch_all(&mut *connection).await?;
    let views: HashSet<String> = views.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    let prepared = connection.prepare(statement.sql()).await?;
    let plain = is_plain(statement.text(), &views);
    let described = |column: &sqlx::sqlite::SqliteColumn| {
        let ty = column.type_info();
        let text = plain && ty.name() == "TEXT";
        Described {
            name: column.name().to_owned(),
            type_name: ty.name().to_owned(),
            json: if text { JsonKind::String } else { JsonKind::Any },
            nullable: None,
        }
    };
    Ok(Description { columns: prepared.columns().iter().map(described).collect(), problems: Vec::new() })
}

/// Whether a column of a statement has the type that SQLite tells: of a UNION, also one inside of a view, it tells only the
/// first part's.
fn is_plain(text: &str, views: &HashSet<String>) -> bool {
    lexer::tokens(text, Dialect::Sqlite).iter().all(|token| match token.kind {
        TokenKind::Word | TokenKind::QuotedIdentifier => {
            let word = token.text(text).to_ascii_lowercase();
            let name = name_parts(&word).and_then(|parts| parts.into_iter().next()).map_or(word, |part| part.text);
            !["union", "intersect", "except"].contains(&name.as_str()) && !views.contains(&name)
        }
        _ => true,
    })
}

/// The steps of a plan, each indented below the one that it is part of.
fn steps(rows: &[SqliteRow]) -> Result<Json, sqlx::Error> {
    let mut depths: HashMap<i64, usize> = HashMap::new();
    let step = |row: &SqliteRow| {
        let (id, parent, detail): (i64, i64, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(3)?);
        let depth = depths.get(&parent).map_or(0, |depth| depth + 1);
        depths.insert(id, depth);
        Ok(Json::from(format!("{}{detail}", "  ".repeat(depth))))
    };
    rows.iter().map(step).collect()
}

/// A row of SQLite's catalog.
#[derive(Debug)]
struct Object {
    kind: String,
    name: String,
    table: String,
    sql: Option<String>,
}

impl Object {
    fn of(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self { kind: row.try_get(0)?, name: row.try_get(1)?, table: row.try_get(2)?, sql: row.try_get(3)? })
    }
}

/// A digest of a table with its indexes. A view depends on tables that its own definition need not name, and so do triggers:
/// theirs is a digest of everything.
fn digest(objects: &[Object], table: &str) -> Option<String> {
    let name = if table == ALL_TABLES { None } else { Some(local(table)?) };
    let mut own: Vec<&Object> = objects.iter().collect();
    if let Some(name) = name {
        let is_own = |object: &&Object| object.table.eq_ignore_ascii_case(&name);
        let kinds = || objects.iter().filter(is_own).map(|object| object.kind.as_str());
        kinds().find(|kind| ["table", "view"].contains(kind))?;
        if kinds().all(|kind| ["table", "index"].contains(&kind)) {
            own.retain(is_own);
        }
    }
    let mut digest = Sha256::new();
    for object in own {
        for part in [&object.kind, &object.name, object.sql.as_deref().unwrap_or_default()] {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
    }
    Some(hex::encode(&digest.finalize()[..16]))
}

/// The name of a table of the file itself, without quotes; there are no others on a connection of ours.
fn local(name: &str) -> Option<String> {
    let mut parts = name_parts(name)?;
    let table = parts.pop()?.text;
    parts.iter().all(|part| part.text.eq_ignore_ascii_case("main")).then_some(table)
}

async fn table(connection: &mut SqliteConnection, name: &str) -> Result<Option<Table>, sqlx::Error> {
    let columns = "SELECT m.name, c.name, c.type, c.\"notnull\", c.pk FROM sqlite_schema AS m, \
                   pragma_table_xinfo(m.name) AS c WHERE m.type IN ('table', 'view') AND lower(m.name) = lower(?) \
                   AND c.hidden <> 1 ORDER BY c.cid";
    let rows = sqlx::query(columns).bind(name).fetch_all(connection).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let mut key: Vec<(i64, String)> = Vec::new();
    let column = |row: &SqliteRow| {
        let (name, declared): (String, String) = (row.try_get(1)?, row.try_get(2)?);
        let (not_null, at): (bool, i64) = (row.try_get(3)?, row.try_get(4)?);
        if at > 0 {
            key.push((at, name.clone()));
        }
        let (scalar, json) = meant(&declared);
        // The only key that SQLite keeps from being null by itself.
        let rowid = at > 0 && declared.eq_ignore_ascii_case("integer");
        Ok(TableColumn { name, type_name: declared, scalar, json, nullable: !not_null && !rowid })
    };
    let columns = rows.iter().map(column).collect::<Result<_, sqlx::Error>>()?;
    key.sort();
    let name = quoted(&first.try_get::<String, _>(0)?);
    Ok(Some(Table { name, columns, key: key.into_iter().map(|(_, name)| name).collect() }))
}

/// What somebody who declared a type most likely keeps there.
fn meant(declared: &str) -> (Option<Scalar>, JsonKind) {
    const MEANT: &[(&str, Scalar, JsonKind)] = &[
        ("bool", Scalar::Boolean, JsonKind::Integer),
        ("datetime", Scalar::Timestamp, JsonKind::String),
        ("timestamp", Scalar::Timestamp, JsonKind::String),
        ("date", Scalar::Date, JsonKind::String),
        ("time", Scalar::Time, JsonKind::String),
        ("uuid", Scalar::Uuid, JsonKind::String),
        ("int", Scalar::Integer, JsonKind::Integer),
        ("char", Scalar::String, JsonKind::String),
        ("clob", Scalar::String, JsonKind::String),
        ("text", Scalar::String, JsonKind::String),
        ("real", Scalar::Float, JsonKind::Number),
        ("floa", Scalar::Float, JsonKind::Number),
        ("doub", Scalar::Float, JsonKind::Number),
        ("dec", Scalar::Decimal, JsonKind::Number),
        ("num", Scalar::Decimal, JsonKind::Number),
    ];
    let declared = declared.to_ascii_lowercase();
    if declared.contains("blob") {
        return (None, JsonKind::String);
    }
    let found = MEANT.iter().find(|(word, ..)| declared.contains(word));
    found.map_or((None, JsonKind::Any), |(_, scalar, json)| (Some(*scalar), *json))
}

/// A name as a statement may write it.
fn quoted(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let begins = name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    if begins && name.bytes().all(plain) && !RESERVED.contains(&name.to_ascii_lowercase().as_str()) {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(kind: &str, name: &str, table: &str, sql: &str) -> Object {
        Object { kind: kind.into(), name: name.into(), table: table.into(), sql: Some(sql.into()) }
    }

    #[test]
    fn a_digest_is_of_the_table_alone_unless_other_tables_matter() {
        let mut objects = vec![
            object("table", "a", "a", "CREATE TABLE a (x)"),
            object("index", "i", "a", "CREATE INDEX i ON a (x)"),
            object("table", "b", "b", "CREATE TABLE b (y)"),
            object("view", "v", "v", "CREATE VIEW v AS SELECT y FROM b"),
        ];
        let all = |objects: &[Object]| ["a", "main.\"A\"", "b", "v", "*", "none"].map(|name| digest(objects, name));
        let before = all(&objects);
        assert!(before[..5].iter().all(Option::is_some) && before[5].is_none());
        assert_eq!(before[0], before[1]);
        assert_eq!(digest(&objects, "other.a"), None);
        objects[2] = object("table", "b", "b", "CREATE TABLE b (z)");
        let after = all(&objects);
        assert_eq!(before[0], after[0]);
        assert!((2..5).all(|at| before[at] != after[at]), "the table, the view on it, and everything");
        objects.push(object("trigger", "t", "a", "CREATE TRIGGER t INSERT ON a BEGIN DELETE FROM b; END"));
        assert_ne!(digest(&objects, "a"), before[0]);
    }

    #[test]
    fn the_types_of_a_union_or_a_view_are_not_certain() {
        let views = HashSet::from(["v".to_owned()]);
        assert!(is_plain("SELECT name, 'union' AS word FROM t -- union", &views));
        for sql in ["SELECT a FROM t UNION ALL SELECT 1", "SELECT a FROM V", "SELECT a FROM \"v\"", "SELECT a FROM [v]"]
        {
            assert!(!is_plain(sql, &views), "{sql}");
        }
    }

    #[test]
    fn names_are_quoted_where_they_must_be() {
        let check = |name: &str, expected: &str| assert_eq!(quoted(name), expected);
        check("customers", "customers");
        check("Order", "\"Order\"");
        check("two words", "\"two words\"");
        check("a\"b", "\"a\"\"b\"");
        check("1st", "\"1st\"");
    }
}
