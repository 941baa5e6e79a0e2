//! What a live PostgreSQL says of statements and tables. Nothing is run, and what a question needs is gone with its
//! transaction.

mod kind;
mod null;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use serde_json::Value as Json;
use sqlx::{
    Column as _, Connection as _, Either, Executor, Row, Statement as _,
    error::DatabaseError,
    postgres::{PgColumn, PgConnectOptions, PgConnection, PgRow},
    raw_sql,
};

use self::{kind::Type, null::Nulls};
use super::{
    connect::{Connector, Generation},
    failure,
    known::Statements,
    prepared::Prepared,
};
use crate::{
    backend::{
        Failure, FailureKind,
        health::LastSeen,
        inspect::{ALL_TABLES, Described, Description, Inspect, NamePart, Plan, Side, Table, TableColumn, name_parts},
    },
    template::Statement,
};

/// The longest that the server works on one statement of a question.
const STATEMENT: Duration = Duration::from_secs(10);
/// Plans are made without values. Somebody who changes a table is not waited for long. The just-in-time compiler takes
/// longer than any question of the catalog.
const SETTINGS: [(&str, &str); 3] = [("plan_cache_mode", "force_generic_plan"), ("lock_timeout", "2s"), ("jit", "off")];

const COLUMNS: &str = include_str!("columns.sql");
const DIGESTS: &str = include_str!("digests.sql");
const TABLE: &str = include_str!("table.sql");
const TABLES: &str = include_str!("tables.sql");

/// What the catalog says at one time: the digests of tables, and that of all code that statements may call.
#[derive(Clone, Debug, Default)]
struct Digests {
    tables: HashMap<String, String>,
    code: i64,
}

/// Asks one database.
#[derive(Debug)]
pub(super) struct Inspector {
    side: Side<Connector>,
    /// Forgotten when tables or code that they may call have changed.
    statements: Arc<Statements>,
    /// Ended when tables have changed: the driver remembers the fields of types as long as a connection lives.
    generation: Arc<Generation>,
    last: Mutex<Option<Digests>>,
}

impl Inspector {
    /// Connects as the calls do, so that names and rights are theirs.
    pub(super) fn new(
        options: PgConnectOptions,
        seen: Arc<LastSeen>,
        statements: Arc<Statements>,
        generation: Arc<Generation>,
    ) -> Self {
        let connector = Connector::new(options.options(SETTINGS), STATEMENT, Arc::default());
        Self { side: Side::new(connector, seen), statements, generation, last: Mutex::default() }
    }

    /// Compares what the catalog says with what it said before.
    fn note(&self, now: &Digests) {
        let before = self.last.lock().unwrap_or_else(PoisonError::into_inner).replace(now.clone());
        let Some(before) = before else { return };
        let changed = now.tables.iter().any(|(name, digest)| before.tables.get(name).is_some_and(|old| old != digest));
        if changed {
            // First, so that nothing is learnt anew on a connection that is of another time.
            self.generation.end_all();
        }
        if changed || before.code != now.code {
            self.statements.forget();
        }
    }

    /// Closes its connection.
    pub(super) fn close(&self) {
        self.side.close();
    }
}

impl Inspect for Inspector {
    fn describe<'a>(&'a self, statement: &'a Statement) -> BoxFuture<'a, Result<Option<Description>, Failure>> {
        Box::pin(self.side.ask(async |session| describe(&mut session.connection, statement).await.map(Some)))
    }

    fn plan<'a>(&'a self, statement: &'a Statement) -> BoxFuture<'a, Result<Plan, Failure>> {
        // A failure may leave a prepared statement behind.
        Box::pin(self.side.ask_in_steps(async |session| plan(&mut session.connection, statement).await))
    }

    fn digests<'a>(&'a self, tables: &'a [String]) -> BoxFuture<'a, Result<HashMap<String, String>, Failure>> {
        Box::pin(async {
            let digests = self.side.ask(async |session| digests(&mut session.connection, tables).await).await?;
            self.note(&digests);
            Ok(digests.tables)
        })
    }

    fn table<'a>(&'a self, name: &'a str, _: &'a [&'a str]) -> BoxFuture<'a, Result<Option<Table>, Failure>> {
        Box::pin(async {
            let Some((schema, name)) = resolved(name) else { return Ok(None) };
            self.side.ask(async |session| table(&mut session.connection, schema, name).await).await
        })
    }

    fn tables(&self) -> BoxFuture<'_, Result<Vec<String>, Failure>> {
        Box::pin(
            self.side.ask(async |session| {
                sqlx::query_scalar(TABLES).fetch_all(&mut session.connection).await.map_err(failed)
            }),
        )
    }
}

async fn describe(connection: &mut PgConnection, statement: &Statement) -> Result<Description, Failure> {
    let known = prepare(connection, statement).await?;
    let mut description = known.description().clone();
    if description.columns.is_empty() {
        return Ok(description);
    }
    // From memory: this very text was prepared just now.
    let prepared = connection.prepare(known.sql()).await.map_err(failed)?;
    let columns = prepared.columns();
    let rows = sqlx::query(COLUMNS)
        .bind(columns.iter().map(|column| column.type_info().oid()).collect::<Vec<_>>())
        .bind(columns.iter().map(PgColumn::relation_id).collect::<Vec<_>>())
        .bind(columns.iter().map(PgColumn::relation_attribute_no).collect::<Vec<_>>())
        .fetch_all(connection)
        .await
        .map_err(failed)?;
    let nulls = Nulls::of(statement.text());
    for (described, row) in description.columns.iter_mut().zip(&rows) {
        complete(described, row, &nulls).map_err(failed)?;
    }
    Ok(description)
}

/// Prepares a statement as calls do, anew: what was prepared before would be answered from memory.
async fn prepare(connection: &mut PgConnection, statement: &Statement) -> Result<Arc<Prepared>, Failure> {
    connection.clear_cached_statements().await.map_err(failed)?;
    Prepared::prepare(connection, statement).await.map_err(failed)
}

/// Adds what the catalog says of a column.
fn complete(described: &mut Described, row: &PgRow, nulls: &Nulls<'_>) -> Result<(), sqlx::Error> {
    described.type_name = row.try_get(0)?;
    if let (Some(name), Some(true)) = (row.try_get::<Option<String>, _>(1)?, row.try_get(3)?) {
        described.nullable = nulls.may_be(&name, row.try_get(2)?);
    }
    Ok(())
}

/// The generic plan: the one that the server makes without the values. EXECUTE makes it on every version, of the types that
/// calls bind; the GENERIC_PLAN of PostgreSQL 16 is the same plan, but cannot be told types.
async fn plan(connection: &mut PgConnection, statement: &Statement) -> Result<Plan, Failure> {
    let known = prepare(connection, statement).await?;
    if let Some(problem) = known.description().problems.first() {
        return Err(Failure::new(FailureKind::Other, problem.message.clone()));
    }
    let prepared = connection.prepare(known.sql()).await.map_err(failed)?;
    let parameters = prepared.parameters().and_then(Either::left).unwrap_or_default();
    let types: Vec<_> = parameters.iter().map(kind::parameter).collect();
    let mut before = vec!["PREPARE datadip_plan "];
    let mut after = vec!["; EXPLAIN (FORMAT JSON) EXECUTE datadip_plan "];
    if !types.is_empty() {
        before.extend(bracketed(&types));
        after.extend(bracketed(&vec!["NULL"; types.len()]));
    }
    before.push(" AS");
    after.push("; DEALLOCATE datadip_plan");
    let row = match raw_sql(statement.between(&before, &after)).fetch_one(connection).await {
        Ok(row) => row,
        // The server has prepared this very text, but PREPARE does not know it: it has no plan, as CALL.
        Err(error) if error.as_database_error().and_then(DatabaseError::code).as_deref() == Some(SYNTAX_ERROR) => {
            return Ok(Plan { cost: None, plan: Json::Null });
        }
        Err(error) => return Err(failed(error)),
    };
    let text: &str = row.try_get_unchecked(0).map_err(failed)?;
    let plan: Json = serde_json::from_str(text).map_err(|error| Failure::new(FailureKind::Other, error.to_string()))?;
    Ok(Plan { cost: plan.pointer("/0/Plan/Total Cost").and_then(Json::as_f64), plan })
}

const SYNTAX_ERROR: &str = "42601";

fn bracketed(items: &[&'static str]) -> Vec<&'static str> {
    let mut list = vec!["("];
    for (at, item) in items.iter().enumerate() {
        list.extend((at > 0).then_some(", "));
        list.push(item);
    }
    list.push(")");
    list
}

async fn digests(connection: &mut PgConnection, tables: &[String]) -> Result<Digests, Failure> {
    let names: Vec<(&String, Option<String>, String)> = tables
        .iter()
        .filter(|table| *table != ALL_TABLES)
        .filter_map(|table| resolved(table).map(|(schema, name)| (table, schema, name)))
        .collect();
    let all = tables.iter().any(|table| table == ALL_TABLES);
    let found: Vec<(Option<i64>, Option<i64>)> = sqlx::query_as(DIGESTS)
        .bind(names.iter().map(|(_, schema, _)| schema.clone()).collect::<Vec<_>>())
        .bind(names.iter().map(|(_, _, name)| name.clone()).collect::<Vec<_>>())
        .bind(all)
        .fetch_all(connection)
        .await
        .map_err(failed)?;
    let named = |place: i64| match usize::try_from(place - 1) {
        Ok(at) => names.get(at).map(|(table, ..)| (*table).clone()),
        Err(_) => Some(ALL_TABLES.to_owned()),
    };
    let mut digests = Digests::default();
    for (place, digest) in found {
        let digest = digest.unwrap_or_default();
        match place {
            Some(place) => digests.tables.extend(named(place).map(|name| (name, format!("{digest:016x}")))),
            None => digests.code = digest,
        }
    }
    Ok(digests)
}

async fn table(connection: &mut PgConnection, schema: Option<String>, name: String) -> Result<Option<Table>, Failure> {
    let rows = sqlx::query(TABLE).bind(schema).bind(name).fetch_all(connection).await.map_err(failed)?;
    let mut table: Option<Table> = None;
    let mut key = Vec::new();
    for row in rows {
        let table = match &mut table {
            Some(table) => table,
            None => {
                let name = row.try_get(0).map_err(failed)?;
                table.insert(Table { name, columns: Vec::new(), key: Vec::new() })
            }
        };
        let name: String = row.try_get(1).map_err(failed)?;
        let ty = Type::read(&row, 4).map_err(failed)?;
        let place: Option<i32> = row.try_get(8).map_err(failed)?;
        key.extend(place.map(|place| (place, name.clone())));
        table.columns.push(TableColumn {
            name,
            type_name: row.try_get(2).map_err(failed)?,
            scalar: ty.scalar(),
            json: ty.json(),
            nullable: !row.try_get::<bool, _>(3).map_err(failed)?,
        });
    }
    key.sort();
    Ok(table.map(|table| Table { key: key.into_iter().map(|(_, name)| name).collect(), ..table }))
}

/// The schema, where one is named, and the name of a table as the catalog has them. A third name before them can only be
/// the database's own.
fn resolved(name: &str) -> Option<(Option<String>, String)> {
    let folded = |part: NamePart| if part.quoted { part.text } else { part.text.to_ascii_lowercase() };
    let mut parts = name_parts(name)?.into_iter().map(folded).rev();
    let name = parts.next()?;
    let schema = parts.next();
    (parts.count() <= 1).then_some((schema, name))
}

/// In a question there are no values: whatever the server quotes stands in the author's text or in the catalog.
fn failed(error: sqlx::Error) -> Failure {
    let failure = failure::statement(&error, "");
    match error.as_database_error() {
        Some(error) => Failure { message: error.message().to_owned(), ..failure },
        None => failure,
    }
}
