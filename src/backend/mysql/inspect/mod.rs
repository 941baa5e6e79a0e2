//! What a live MySQL or MariaDB says of statements and tables.

mod catalog;
mod cost;
mod kind;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::future::BoxFuture;
use jiff::civil;
use serde_json::Value as Json;
use sqlx::{
    Column as _, Connection as _, Executor, Row, Statement as _, TypeInfo as _,
    mysql::{MySqlConnectOptions, MySqlConnection},
    raw_sql,
};
use tokio::time::Instant;

use super::{
    bind,
    connect::Connector,
    failure::{Phase, failure},
    render::{CAST, Rendering},
    unseen::{Generation, Unseen},
};
use crate::{
    backend::{
        Failure, FailureKind,
        health::LastSeen,
        identifier,
        inspect::{Described, Description, Inspect, Plan, Problem, Side, Table, TableColumn, name_parts},
    },
    template::{Bind, Dialect, Statement},
    value::{ParamType, Scalar, Value},
};

/// Somebody who changes a table is not waited for long. Each vendor takes the other's limit for a comment.
const SETTINGS: &str =
    "SET lock_wait_timeout = 2 /*!80000 , max_execution_time = 10000 */ /*M!100100 , max_statement_time = 10 */";
/// A transaction that may not write cannot even explain a write.
const READ_ONLY: &str = "1792";
/// What cannot be explained, as CALL, is no EXPLAIN at all.
const SYNTAX_ERROR: &str = "1064";

/// A routine that is not there.
const NO_ROUTINE: &str = "1305";

const PROCEDURE: &str = include_str!("procedure.sql");
const TABLE: &str = include_str!("table.sql");
const TABLES: &str = include_str!("tables.sql");

/// Asks one database.
#[derive(Debug)]
pub(super) struct Inspector {
    side: Side<Connector>,
    /// Learns what is new with each look at the catalog.
    unseen: Arc<Unseen>,
    /// Whether the log says that the catalog cannot be read.
    warned: AtomicBool,
}

impl Inspector {
    /// Connects as the calls do, so that names and rights are theirs.
    pub(super) fn new(options: MySqlConnectOptions, seen: Arc<LastSeen>, unseen: Arc<Unseen>) -> Self {
        let connector = Connector::new(options, Generation::default()).with(SETTINGS);
        Self { side: Side::new(connector, seen), unseen, warned: AtomicBool::new(false) }
    }

    /// Has the catalog read where nothing is known of what statements do unseen, in a task of its own: no call waits for it.
    pub(super) fn begin(self: &Arc<Self>, now: Instant) {
        if self.unseen.is_due(now) {
            let inspector = self.clone();
            tokio::spawn(async move { inspector.look(&[]).await.map(drop) });
        }
    }

    /// Closes its connection.
    pub(super) fn close(&self) {
        self.side.close();
    }

    /// The digests of tables, and what else the catalog says at that time.
    async fn look(&self, tables: &[String]) -> Result<HashMap<String, String>, Failure> {
        let answer =
            self.side.ask(async |session| catalog::read(&mut session.connection, tables).await.map_err(failed));
        match answer.await {
            Ok(catalog) => {
                self.unseen.learn(catalog.schema, Instant::now());
                self.warned.store(false, Ordering::Relaxed);
                Ok(catalog.digests)
            }
            Err(failure) => {
                self.unseen.miss(Instant::now());
                // That the server is not there is told elsewhere.
                if failure.kind != FailureKind::Unavailable && !self.warned.swap(true, Ordering::Relaxed) {
                    let code = failure.code.as_deref();
                    tracing::warn!(code, "views and triggers cannot be read: calls may not keep their connections");
                }
                Err(failure)
            }
        }
    }
}

impl Inspect for Inspector {
    fn describe<'a>(&'a self, statement: &'a Statement) -> BoxFuture<'a, Result<Option<Description>, Failure>> {
        Box::pin(self.side.ask(async |session| describe(&mut session.connection, statement).await.map(Some)))
    }

    fn plan<'a>(&'a self, statement: &'a Statement) -> BoxFuture<'a, Result<Plan, Failure>> {
        // A failure may leave a transaction open.
        Box::pin(self.side.ask_in_steps(async |session| plan(&mut session.connection, statement).await))
    }

    fn digests<'a>(&'a self, tables: &'a [String]) -> BoxFuture<'a, Result<HashMap<String, String>, Failure>> {
        Box::pin(self.look(tables))
    }

    fn table<'a>(&'a self, name: &'a str, _: &'a [&'a str]) -> BoxFuture<'a, Result<Option<Table>, Failure>> {
        Box::pin(async {
            let Some((schema, name)) = resolved(name) else { return Ok(None) };
            let question =
                self.side.ask(async |session| table(&mut session.connection, schema, &name).await.map_err(failed));
            question.await
        })
    }

    fn tables(&self) -> BoxFuture<'_, Result<Vec<String>, Failure>> {
        Box::pin(self.side.ask(async |session| {
            let rows = sqlx::query_as(TABLES).fetch_all(&mut session.connection).await.map_err(failed)?;
            let name = |(schema, name, own): &(String, String, bool)| written(schema, name, *own);
            Ok(rows.iter().map(name).collect())
        }))
    }
}

/// The server tells a column's table by its alias, so that nothing is known of nulls.
async fn describe(connection: &mut MySqlConnection, statement: &Statement) -> Result<Description, Failure> {
    // What was prepared before would be answered from memory.
    connection.clear_cached_statements().await.map_err(failed)?;
    // The server prepares a CALL of whatever name.
    if let Some(missing) = missing_procedure(connection, statement.text()).await? {
        return Err(missing);
    }
    // A session that may not write cannot even prepare a write.
    raw_sql("START TRANSACTION READ WRITE").execute(&mut *connection).await.map_err(failed)?;
    let prepared = connection.prepare(statement.sql()).await.map_err(failed);
    raw_sql("ROLLBACK").execute(connection).await.map_err(failed)?;
    let prepared = prepared?;
    let mut description = Description::default();
    for column in prepared.columns() {
        let (name, info) = (column.name().to_owned(), column.type_info());
        let rendering = Rendering::of(info);
        if rendering.is_none() {
            let message = format!("column `{name}` is of type {}, which has no JSON", info.name());
            description.problems.push(Problem { placeholder: None, message, help: CAST.to_owned() });
        }
        let (type_name, json) = (info.name().to_lowercase(), kind::rendered(rendering));
        description.columns.push(Described { name, type_name, json, nullable: None });
    }
    Ok(description)
}

/// That the procedure is not there which a statement calls. A name that looks like a schema's may be a package's.
async fn missing_procedure(connection: &mut MySqlConnection, text: &str) -> Result<Option<Failure>, Failure> {
    let Some((word, rest)) = text.trim_start().split_once(char::is_whitespace) else { return Ok(None) };
    let called = rest.split(['(', ';']).next().filter(|_| word.eq_ignore_ascii_case("call"));
    let Some((schema, name)) = called.and_then(resolved) else { return Ok(None) };
    let known: bool = sqlx::query_scalar(PROCEDURE)
        .bind(&schema)
        .bind(&name)
        .bind(&schema)
        .fetch_one(connection)
        .await
        .map_err(failed)?;
    let failure = || {
        let message = format!("PROCEDURE {name} does not exist");
        Failure { code: Some(NO_ROUTINE.to_owned()), ..Failure::new(FailureKind::Drift, message) }
    };
    Ok((!known).then(failure))
}

/// The plan for values that stand for any: there is no plan without values here, and null would make a condition that is
/// never met.
async fn plan(connection: &mut MySqlConnection, statement: &Statement) -> Result<Plan, Failure> {
    raw_sql("START TRANSACTION READ ONLY").execute(&mut *connection).await.map_err(failed)?;
    let mut explained = explain(connection, statement).await;
    if matches!(&explained, Err(failure) if failure.code.as_deref() == Some(READ_ONLY)) {
        raw_sql("ROLLBACK; START TRANSACTION READ WRITE").execute(&mut *connection).await.map_err(failed)?;
        explained = explain(connection, statement).await;
    }
    let cost: (String, String) = sqlx::query_as("SHOW SESSION STATUS LIKE 'Last_query_cost'")
        .persistent(false)
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    raw_sql("ROLLBACK").execute(connection).await.map_err(failed)?;
    match explained {
        Ok(plan) => Ok(Plan { cost: cost::of(&plan, cost.1.parse().ok()), plan }),
        Err(failure) if failure.code.as_deref() == Some(SYNTAX_ERROR) => Ok(Plan { cost: None, plan: Json::Null }),
        Err(failure) => Err(failure),
    }
}

async fn explain(connection: &mut MySqlConnection, statement: &Statement) -> Result<Json, Failure> {
    let bind = |ty: &ParamType| Bind { param: None, ty: *ty, value: sample(ty.scalar), zone: None, padding: false };
    let binds: Vec<Bind> = statement.types().iter().map(bind).collect();
    let arguments = bind::arguments(&binds).map_err(|error| failed(sqlx::Error::Encode(error)))?;
    let text: String = sqlx::query_scalar_with(statement.between(&["EXPLAIN FORMAT=JSON"], &[]), arguments)
        .persistent(false)
        .fetch_one(connection)
        .await
        .map_err(failed)?;
    serde_json::from_str(&text).map_err(|error| Failure::new(FailureKind::Other, error.to_string()))
}

/// A value that stands for any of a type: for LIKE, `%` is what reads the most.
fn sample(scalar: Scalar) -> Value {
    let date = civil::date(2000, 1, 1);
    match scalar {
        Scalar::String | Scalar::Choice => Value::Text("%".into()),
        Scalar::Integer => Value::Integer(1),
        Scalar::Decimal => Value::Decimal(1.into()),
        Scalar::Float => Value::Float(1.0),
        Scalar::Boolean => Value::Boolean(true),
        Scalar::Date => Value::Date(date),
        Scalar::Time => Value::Time(civil::time(12, 0, 0, 0)),
        Scalar::Timestamp => Value::Timestamp(date.at(0, 0, 0, 0)),
        Scalar::Uuid => Value::Uuid(uuid::Uuid::nil()),
        Scalar::Json => Value::Json("{}".into()),
    }
}

async fn table(
    connection: &mut MySqlConnection,
    schema: Option<String>,
    name: &str,
) -> Result<Option<Table>, sqlx::Error> {
    let rows = sqlx::query(TABLE).bind(schema).bind(name).fetch_all(connection).await?;
    let mut table: Option<Table> = None;
    let mut key = Vec::new();
    for row in rows {
        let found: String = row.try_get(1)?;
        let folds: bool = row.try_get(8)?;
        if !folds && found != name {
            continue;
        }
        let table = match &mut table {
            Some(table) => table,
            None => {
                let name = written(row.try_get(0)?, &found, row.try_get(7)?);
                table.insert(Table { name, columns: Vec::new(), key: Vec::new() })
            }
        };
        let name: String = row.try_get(2)?;
        let (type_name, data_type): (String, String) = (row.try_get(3)?, row.try_get(4)?);
        let place: Option<i64> = row.try_get(6)?;
        key.extend(place.map(|place| (place, name.clone())));
        table.columns.push(TableColumn {
            name,
            scalar: kind::scalar(&data_type, &type_name),
            json: kind::stored(&data_type),
            type_name,
            nullable: row.try_get(5)?,
        });
    }
    key.sort();
    Ok(table.map(|table| Table { key: key.into_iter().map(|(_, name)| name).collect(), ..table }))
}

/// The schema, where one is named, and the name of a table.
fn resolved(name: &str) -> Option<(Option<String>, String)> {
    let mut parts = name_parts(name)?.into_iter().map(|part| part.text).rev();
    let name = parts.next()?;
    let schema = parts.next();
    parts.next().is_none().then_some((schema, name))
}

/// A table's name as a statement writes it; that of its schema is left out where it is the connection's own.
fn written(schema: &str, name: &str, own: bool) -> String {
    let name = identifier(name, Dialect::Mysql);
    if own { name } else { format!("{}.{name}", identifier(schema, Dialect::Mysql)) }
}

/// In a question there are no values: whatever the server quotes stands in the author's text or in the catalog.
fn failed(error: sqlx::Error) -> Failure {
    let said = error.as_database_error().map(|error| error.message().to_owned());
    let failure = failure(error, Phase::Harmless);
    match said {
        Some(message) => Failure { message, ..failure },
        None => failure,
    }
}
