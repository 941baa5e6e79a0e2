//! What an account says of its tables and views: `DESCRIBE TABLE`, which needs no warehouse (SPEC 7.3), asked once for all who
//! want to know it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::{
    StreamExt, TryStreamExt,
    future::{BoxFuture, ready},
    stream,
};
use serde_json::Map;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::{
    api::Api,
    run::{self, Row},
    submission::{Submission, tag},
};
use crate::{
    backend::{
        Failure, FailureKind, Inspect, Retry,
        inspect::{ALL_TABLES, Description, JsonKind, Plan, Table, TableColumn, name_parts},
        service::{
            Refused,
            descriptions::{Describes, Descriptions, HOUR, When},
        },
    },
    template::Statement,
    value::Scalar,
};

/// So many tables are described at once.
const AT_ONCE: usize = 5;
/// What is said of an action is of tables as they are now: it may have been deployed together with a change of theirs.
const NEW: Duration = Duration::from_secs(5);
/// How long a description may take to come.
const LONGEST: Duration = Duration::from_secs(20);
/// The code of what is not there, or not for this role.
const MISSING: &str = "002003";

/// Asks an account about its tables, with a role.
#[derive(Debug)]
pub struct Inspector {
    tables: Arc<Tables>,
    /// The role, in place of the backend's.
    role: Option<String>,
}

/// The tables of an account that were described.
#[derive(Debug)]
struct Tables {
    api: Arc<Api>,
    /// As each role sees them.
    known: Mutex<HashMap<Option<String>, Descriptions<Table>>>,
    /// Whether somebody called since that was last asked.
    used: AtomicBool,
}

impl Inspector {
    /// Asks with the backend's own role.
    pub fn new(api: Arc<Api>) -> Self {
        let tables = Tables { api, known: Mutex::default(), used: AtomicBool::default() };
        Self { tables: Arc::new(tables), role: None }
    }

    /// That a call ran a statement.
    pub fn used(&self) {
        self.tables.used.store(true, Ordering::Relaxed);
    }

    /// That what was said of the tables of a statement may no longer be so: a call of it failed as if something was missing.
    pub fn doubt(&self, role: Option<&str>, text: &str) {
        let text = text.to_lowercase();
        let named = |table: &str| {
            let last = name_parts(table).and_then(|mut parts| parts.pop());
            last.is_some_and(|name| text.contains(&name.text.to_lowercase()))
        };
        if let Some(known) = self.tables.known().get(&role.map(str::to_owned)) {
            known.doubt_all(named);
        }
    }

    /// What was described for this role.
    fn described(&self) -> Descriptions<Table> {
        let new = || {
            let (api, role) = (self.tables.api.clone(), self.role.clone());
            Descriptions::new(str::to_owned, move |name| Box::pin(fetch(api.clone(), name, role.clone())))
        };
        self.tables.known().entry(self.role.clone()).or_insert_with(new).clone()
    }
}

impl Tables {
    fn known(&self) -> MutexGuard<'_, HashMap<Option<String>, Descriptions<Table>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inspect for Inspector {
    fn describe<'a>(&'a self, _: &'a Statement) -> BoxFuture<'a, Result<Option<Description>, Failure>> {
        Box::pin(ready(Ok(None)))
    }

    fn plan<'a>(&'a self, _: &'a Statement) -> BoxFuture<'a, Result<Plan, Failure>> {
        Box::pin(ready(Err(Failure::new(FailureKind::Other, "Snowflake gives no plan without running on a warehouse"))))
    }

    fn digests<'a>(&'a self, tables: &'a [String]) -> BoxFuture<'a, Result<HashMap<String, String>, Failure>> {
        Box::pin(async move {
            let known = self.described();
            let digest = |name: String| {
                let known = known.clone();
                async move {
                    let table = known.get(&name, When::Now).await.map_err(untold);
                    match table {
                        Ok(table) => Ok(table.map(|table| (name, table.digest()))),
                        // What is not told now has none.
                        Err(failure) if failure.kind == FailureKind::Untold => Ok(None),
                        Err(failure) => Err(failure),
                    }
                }
            };
            let names: Vec<String> = tables.iter().filter(|table| *table != ALL_TABLES).cloned().collect();
            let digests = stream::iter(names).map(digest).buffer_unordered(AT_ONCE);
            let digests = digests.try_filter_map(|digest| ready(Ok(digest))).try_collect().await?;
            self.tables.used.store(false, Ordering::Relaxed);
            Ok(digests)
        })
    }

    fn every(&self) -> Duration {
        HOUR
    }

    fn rests(&self) -> bool {
        !self.tables.used.load(Ordering::Relaxed)
    }

    fn with_role(&self, role: &str) -> Option<Box<dyn Inspect + '_>> {
        Some(Box::new(Self { tables: self.tables.clone(), role: Some(role.to_owned()) }))
    }

    fn table<'a>(&'a self, name: &'a str, wanted: &'a [&'a str]) -> BoxFuture<'a, Result<Option<Table>, Failure>> {
        Box::pin(async move {
            if name_parts(name).is_none() {
                return Err(Failure::new(FailureKind::Untold, "it is no name of a table"));
            }
            let has = |table: &Table| {
                wanted.iter().all(|wanted| {
                    table.columns.iter().any(|column| column.name == **wanted || column.name == wanted.to_uppercase())
                })
            };
            let table = self.described().having(name, When::Within(NEW), has).await.map_err(untold)?;
            Ok(table.map(|table| Table::clone(&table)))
        })
    }
}

impl Describes for Table {
    fn digest(&self) -> String {
        let column = |column: &TableColumn| format!("{:?} {} {}", column.name, column.type_name, column.nullable);
        let columns: Vec<String> = self.columns.iter().map(column).collect();
        hex::encode(&Sha256::digest(columns.join("\n"))[..16])
    }
}

/// What a refusal to describe a table means: nothing of who names it. That there is none is no refusal.
fn untold(failure: Failure) -> Failure {
    match failure.kind {
        FailureKind::Other | FailureKind::Drift | FailureKind::InvalidValue => {
            Failure { kind: FailureKind::Untold, ..failure }
        }
        _ => failure,
    }
}

async fn fetch(api: Arc<Api>, name: String, role: Option<String>) -> Result<Option<Table>, Refused> {
    let ask = async |kind: &str| {
        let submission = Submission {
            text: &format!("DESCRIBE {kind} {name}"),
            bindings: Map::new(),
            warehouse: None,
            role: role.as_deref(),
            tag: tag(None, None),
        };
        let order = submission.order(&api, Retry::default(), Instant::now() + LONGEST);
        match run::all(&api, &order).await {
            Ok(rows) => Ok(Some(rows)),
            Err(refused) if refused.failure.code.as_deref() == Some(MISSING) => Ok(None),
            Err(refused) => Err(refused),
        }
    };
    if let Some(rows) = ask("TABLE").await? {
        return read(&name, &rows).map(Some).map_err(Refused::never);
    }
    // A stream is read like a table, and is described as something else: its columns are not told.
    let stream = ask("STREAM").await?;
    Ok(stream.map(|_| Table { name, columns: Vec::new(), key: Vec::new() }))
}

/// Reads the rows of `DESCRIBE TABLE` (<https://docs.snowflake.com/en/sql-reference/sql/desc-table>).
fn read(name: &str, rows: &[Row]) -> Result<Table, Failure> {
    let odd = || Failure::new(FailureKind::Other, "the description of a table cannot be read");
    let mut table = Table { name: name.to_owned(), columns: Vec::new(), key: Vec::new() };
    for row in rows {
        let cell = |name: &str| row.get(name).and_then(Option::as_deref);
        let (name, type_name) = cell("name").zip(cell("type")).ok_or_else(odd)?;
        if cell("primary key") == Some("Y") {
            table.key.push(name.to_owned());
        }
        let (scalar, json) = meaning(type_name);
        let (name, type_name) = (name.to_owned(), type_name.to_owned());
        table.columns.push(TableColumn { name, type_name, scalar, json, nullable: cell("null?") != Some("N") });
    }
    Ok(table)
}

/// The parameter that is compared with a column of a type, and what its values become. What is not known may become anything.
fn meaning(type_name: &str) -> (Option<Scalar>, JsonKind) {
    let (word, rest) = type_name.split_once('(').unwrap_or((type_name, ""));
    let whole = rest.trim_end_matches(')').rsplit_once(',').is_some_and(|(_, scale)| scale.trim() == "0");
    match word.trim().to_ascii_uppercase().as_str() {
        "NUMBER" if whole => (Some(Scalar::Integer), JsonKind::Integer),
        "NUMBER" => (Some(Scalar::Decimal), JsonKind::Number),
        "FLOAT" => (Some(Scalar::Float), JsonKind::Number),
        "VARCHAR" => (Some(Scalar::String), JsonKind::String),
        "BOOLEAN" => (Some(Scalar::Boolean), JsonKind::Boolean),
        "DATE" => (Some(Scalar::Date), JsonKind::String),
        "TIME" => (Some(Scalar::Time), JsonKind::String),
        "TIMESTAMP_LTZ" | "TIMESTAMP_TZ" | "TIMESTAMP_NTZ" => (Some(Scalar::Timestamp), JsonKind::String),
        "BINARY" => (None, JsonKind::String),
        "ARRAY" | "VECTOR" => (None, JsonKind::Array),
        // What GEOGRAPHY and GEOMETRY become is a setting of the account's.
        "OBJECT" | "MAP" => (None, JsonKind::Object),
        _ => (None, JsonKind::Any),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_mean_what_their_cells_become() {
        let check = |name: &str, expected| assert_eq!(meaning(name), expected, "{name}");
        check("NUMBER(38,0)", (Some(Scalar::Integer), JsonKind::Integer));
        check("NUMBER(12,2)", (Some(Scalar::Decimal), JsonKind::Number));
        check("VARCHAR(16777216)", (Some(Scalar::String), JsonKind::String));
        check("TIMESTAMP_NTZ(9)", (Some(Scalar::Timestamp), JsonKind::String));
        check("VECTOR(FLOAT, 3)", (None, JsonKind::Array));
        check("VARIANT", (None, JsonKind::Any));
        check("DECFLOAT", (None, JsonKind::Any));
    }
}
