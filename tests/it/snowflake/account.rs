//! An account: what its statements answer, how long they run, how often each of them was executed.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value as Json, json};

use super::server::{Reply, Work};
use crate::salesforce::server::Got;

/// A cell: always text, or null.
pub type Cell = Option<String>;

/// An account.
#[derive(Debug, Default)]
pub struct Account {
    /// What statements do, by their text. One that is not here answers the values that are bound to it.
    pub statements: HashMap<String, Canned>,
    /// Tables by their names, as `DESCRIBE TABLE` tells them.
    pub tables: HashMap<String, Described>,
    /// What the history tells of the credits of statements: it lags, and knows none at first.
    pub credits: Option<&'static str>,
    /// How often the history was asked, and on which warehouses.
    pub history: Vec<String>,
    /// Tokens that are taken, with their type.
    pub tokens: HashMap<String, &'static str>,
    /// Tokens that are no longer taken.
    pub refused: HashSet<String>,
    /// Logins so far.
    pub logins: usize,
    /// How often a statement was executed, by the id of its request.
    pub executions: BTreeMap<String, usize>,
    /// Whether polls are answered with 429 while a statement runs.
    pub busy: bool,
    running: BTreeMap<String, Running>,
    handles: HashMap<String, String>,
}

/// A table or a stream.
#[derive(Clone, Debug)]
pub struct Described {
    /// `TABLE` or `STREAM`.
    pub kind: &'static str,
    /// Its columns: name and type, with `!` where it may not be null.
    pub columns: &'static str,
    /// The role that may see it; any where it is none.
    pub role: Option<&'static str>,
}

/// What a statement does.
#[derive(Clone, Debug)]
pub struct Canned {
    pub outcome: Outcome,
    /// How often it is asked for in vain; `usize::MAX` for one that runs until it is cancelled.
    pub polls: usize,
}

/// How a statement ends.
#[derive(Clone)]
pub enum Outcome {
    /// Columns as the API describes them, and partitions of rows.
    Rows { columns: Json, partitions: usize, rows: Arc<dyn Fn(usize) -> Vec<Vec<Cell>> + Send + Sync> },
    /// The same with what a statement changed.
    Changes { columns: Json, row: Vec<Cell>, stats: Json },
    /// An error of the statement.
    Fails { status: u16, code: &'static str },
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outcome")
    }
}

#[derive(Debug)]
struct Running {
    outcome: Outcome,
    polls: usize,
    cancelled: bool,
    /// When its own timeout ends it.
    until: Option<Instant>,
}

/// A column of an answer.
pub fn column(name: &str, kind: &str, precision: Json, scale: Json) -> Json {
    json!({
        "name": name, "type": kind, "precision": precision, "scale": scale, "length": null, "byteLength": null,
        "nullable": true, "database": "", "schema": "", "table": "", "collation": null,
    })
}

impl Canned {
    /// Rows in one partition, there at once.
    pub fn rows(columns: &[Json], rows: &[&[Option<&str>]]) -> Self {
        let rows: Vec<Vec<Cell>> =
            rows.iter().map(|row| row.iter().map(|cell| cell.map(str::to_owned)).collect()).collect();
        Self::partitions(columns, 1, move |_| rows.clone())
    }

    /// Rows in several partitions.
    pub fn partitions(
        columns: &[Json],
        partitions: usize,
        rows: impl Fn(usize) -> Vec<Vec<Cell>> + Send + Sync + 'static,
    ) -> Self {
        let outcome = Outcome::Rows { columns: Json::from(columns), partitions, rows: Arc::new(rows) };
        Self { outcome, polls: 0 }
    }

    /// A row of counts; `stats` as the API gives them.
    pub fn changes(counts: &[(&str, u64)], stats: Json) -> Self {
        let columns = counts.iter().map(|(name, _)| column(name, "fixed", Json::from(19), Json::from(0))).collect();
        let row = counts.iter().map(|(_, count)| Some(count.to_string())).collect();
        Self { outcome: Outcome::Changes { columns, row, stats }, polls: 0 }
    }

    /// An error.
    pub fn fails(status: u16, code: &'static str) -> Self {
        Self { outcome: Outcome::Fails { status, code }, polls: 0 }
    }

    /// The same after some polls.
    pub fn after(self, polls: usize) -> Self {
        Self { polls, ..self }
    }

    /// The same when nobody waits for it any more.
    pub fn never(self) -> Self {
        self.after(usize::MAX)
    }
}

impl Account {
    /// An account with statements.
    pub fn with(statements: Vec<(&str, Canned)>) -> Self {
        let statements = statements.into_iter().map(|(text, canned)| (text.to_owned(), canned)).collect();
        Self { statements, ..Self::default() }
    }

    /// A table with columns such as `ID NUMBER(38,0)!, NAME VARCHAR(80)`.
    pub fn table(&mut self, name: &str, columns: &'static str) {
        self.tables.insert(name.to_owned(), Described { kind: "TABLE", columns, role: None });
    }

    /// How many statements were executed.
    pub fn executed(&self) -> usize {
        self.executions.values().sum()
    }

    /// How many statements run.
    pub fn still_running(&self) -> usize {
        self.running.values().filter(|running| !running.ended()).count()
    }

    /// How many statements were cancelled while they ran.
    pub fn cancelled(&self) -> usize {
        self.running.values().filter(|running| running.cancelled).count()
    }

    /// `POST /api/v2/statements`.
    pub fn submit(&mut self, got: &Got) -> Reply {
        if got.parameter("nullable").is_some() {
            return Reply::error(400, "390142", "it turns null into text");
        }
        let Ok(body) = serde_json::from_slice::<Json>(&got.body) else {
            return Reply::error(400, "390142", "Incoming request does not contain a valid payload.");
        };
        let known = ["statement", "timeout", "database", "schema", "warehouse", "role", "bindings", "parameters"];
        if let Some(other) = body.as_object().and_then(|body| body.keys().find(|key| !known.contains(&key.as_str()))) {
            return Reply::error(400, "390142", &format!("unknown member {other}"));
        }
        let statement = body["statement"].as_str().unwrap_or_default();
        if statement.trim().is_empty() {
            return Reply::error(400, "000900", "Empty SQL statement.");
        }
        if body["timeout"].as_u64().is_none_or(|seconds| seconds == 0) {
            return Reply::error(400, "390142", "this account wants statements to end");
        }
        let parameters = &body["parameters"];
        if parameters["TIMEZONE"] != "UTC" || parameters["QUERY_TAG"].as_str().is_none_or(str::is_empty) {
            return Reply::error(400, "391911", "the parameters are not those that datadip promises");
        }
        if parameters.as_object().is_some_and(|all| all.keys().any(|key| key.ends_with("OUTPUT_FORMAT"))) {
            return Reply::error(400, "391911", "it changes what cells look like");
        }
        let Some(request) = got.parameter("requestId").filter(|id| uuid::Uuid::parse_str(id).is_ok()) else {
            return Reply::error(400, "390142", "no requestId that is a UUID");
        };
        if got.parameter("retry").as_deref() == Some("true")
            && let Some(handle) = self.handles.get(&request)
        {
            return accepted(handle, 202);
        }
        *self.executions.entry(request.clone()).or_default() += 1;
        let asks_history = statement.contains("SNOWFLAKE.ACCOUNT_USAGE.QUERY_ATTRIBUTION_HISTORY");
        let canned = match self.statements.get(statement) {
            Some(canned) => canned.clone(),
            None if asks_history => self.told(&body),
            None => match self.describe(statement, &body).unwrap_or_else(|| run(statement, &body["bindings"])) {
                Ok(canned) => canned,
                Err(reply) => return reply,
            },
        };
        let handle = uuid::Uuid::from_u128(0x01b6_6701_0000_0000 + self.running.len() as u128).to_string();
        let until = body["timeout"].as_u64().map(|seconds| Instant::now() + Duration::from_secs(seconds));
        let running = Running { outcome: canned.outcome, polls: canned.polls, cancelled: false, until };
        self.running.insert(handle.clone(), running);
        self.handles.insert(request, handle.clone());
        if got.parameter("async").as_deref() == Some("true") {
            return accepted(&handle, 202);
        }
        self.poll(&handle, None)()
    }

    /// What the history of credits tells of the statements whose ids are bound as JSON.
    fn told(&mut self, body: &Json) -> Canned {
        self.history.push(body["warehouse"].as_str().unwrap_or_default().to_owned());
        let ids: Vec<String> =
            serde_json::from_str(body["bindings"]["1"]["value"].as_str().expect("a text")).expect("a list of ids");
        assert!(ids.iter().all(|id| self.running.contains_key(id)), "{ids:?}");
        let credits = self.credits;
        let rows: Vec<Vec<Cell>> =
            ids.into_iter().filter_map(|id| Some(vec![Some(id), Some(credits?.to_owned())])).collect();
        let columns = [column("ID", "text", Json::Null, Json::Null), column("CREDITS", "real", Json::Null, Json::Null)];
        Canned::partitions(&columns, 1, move |_| rows.clone())
    }

    /// What `DESCRIBE TABLE` and `DESCRIBE STREAM` answer; `None` for another statement. Names are folded to large letters.
    fn describe(&self, statement: &str, body: &Json) -> Option<Result<Canned, Reply>> {
        let (kind, name) = statement.strip_prefix("DESCRIBE ")?.split_once(' ')?;
        let role = body["role"].as_str();
        let named = |known: &str| known == name || (!name.contains('"') && known == name.to_uppercase());
        let table = self.tables.iter().find(|(known, table)| named(known) && table.kind == kind);
        let seen = table.map(|(_, table)| table).filter(|table| table.role.is_none() || table.role == role);
        let Some(table) = seen else {
            let message = format!("SQL compilation error:\nTable '{name}' does not exist or not authorized.");
            return Some(Err(Reply::error(422, "002003", &message)));
        };
        let names = ["name", "type", "kind", "null?", "default", "primary key", "unique key", "comment"];
        let columns: Vec<Json> = names.iter().map(|name| column(name, "text", Json::Null, Json::Null)).collect();
        let rows = table.columns.split(", ").map(|column| {
            let (name, kind) = column.split_once(' ').expect("a name and a type");
            let nullable = if kind.ends_with('!') { "N" } else { "Y" };
            let key = if name == "ID" { "Y" } else { "N" };
            let cells = [Some(name), Some(kind.trim_end_matches('!')), Some("COLUMN"), Some(nullable), None, Some(key)];
            let cells = cells.into_iter().chain([Some("N"), None]);
            cells.map(|cell| cell.map(str::to_owned)).collect::<Vec<Cell>>()
        });
        let rows: Vec<Vec<Cell>> = rows.collect();
        Some(Ok(Canned::partitions(&columns, 1, move |_| rows.clone())))
    }

    /// `GET /api/v2/statements/{handle}`.
    pub fn poll(&mut self, handle: &str, partition: Option<&str>) -> Work {
        let now = |reply: Reply| Box::new(move || reply) as Work;
        let busy = self.busy;
        let Some(running) = self.running.get_mut(handle) else {
            return now(Reply::error(400, "000709", "Statement not found"));
        };
        if running.cancelled {
            return now(Reply::error(422, "000604", "SQL execution canceled"));
        }
        if running.timed_out() {
            return now(Reply::error(408, "000630", "Statement reached its statement or warehouse timeout"));
        }
        if running.polls > 0 {
            if running.polls < usize::MAX {
                running.polls -= 1;
            }
            return now(accepted(handle, if busy { 429 } else { 202 }));
        }
        let handle = handle.to_owned();
        match (running.outcome.clone(), partition) {
            (Outcome::Fails { status, code }, _) => {
                now(Reply::error(status, code, &format!("the words of {code} say 'a secret'")))
            }
            (Outcome::Changes { columns, row, stats }, None | Some("0")) => {
                let mut reply = result(&handle, &columns, &[1], &[row]);
                if !stats.is_null() {
                    reply["stats"] = stats;
                }
                now(Reply::json(200, &reply))
            }
            (Outcome::Rows { columns, partitions, rows }, None) => Box::new(move || {
                let first = rows(0);
                let counts: Vec<usize> = (0..partitions).map(|_| first.len()).collect();
                let reply = result(&handle, &columns, &counts, &first);
                Reply { packed: true, ..Reply::json(200, &reply) }
            }),
            (Outcome::Rows { partitions, rows, .. }, Some(at)) => {
                let Some(at) = at.parse().ok().filter(|at| *at < partitions) else {
                    return now(Reply::error(400, "391922", "partition out of range"));
                };
                Box::new(move || {
                    // Text at once, not a tree first: the memory of the test is measured.
                    let mut body = String::from("{\"data\":[");
                    for (index, row) in rows(at).iter().enumerate() {
                        if index > 0 {
                            body.push(',');
                        }
                        body += &serde_json::to_string(row).expect("text");
                    }
                    body += "]}";
                    Reply { status: 200, body, packed: true }
                })
            }
            (_, Some(_)) => now(Reply::error(400, "391922", "partition out of range")),
        }
    }

    /// `POST /api/v2/statements/{handle}/cancel`.
    pub fn cancel(&mut self, handle: &str) -> Reply {
        let Some(running) = self.running.get_mut(handle) else {
            return Reply::error(400, "000709", "Statement not found");
        };
        if !running.ended() {
            running.cancelled = true;
        }
        Reply::json(
            200,
            &json!({ "code": "000604", "sqlState": "57014", "message": "SQL execution canceled",
            "statementHandle": handle, "statementStatusUrl": format!("/api/v2/statements/{handle}") }),
        )
    }
}

impl Running {
    fn timed_out(&self) -> bool {
        self.polls > 0 && self.until.is_some_and(|until| Instant::now() > until)
    }

    fn ended(&self) -> bool {
        self.cancelled || self.polls == 0 || self.timed_out()
    }
}

fn accepted(handle: &str, status: u16) -> Reply {
    Reply::json(
        status,
        &json!({
            "code": "333334", "message": "Asynchronous execution in progress.", "statementHandle": handle,
            "statementStatusUrl": format!("/api/v2/statements/{handle}"),
        }),
    )
}

fn result(handle: &str, columns: &Json, counts: &[usize], rows: &[Vec<Cell>]) -> Json {
    let partitions: Vec<Json> = counts
        .iter()
        .map(|count| json!({ "rowCount": count, "uncompressedSize": 1000, "compressedSize": 100 }))
        .collect();
    json!({
        "resultSetMetaData": {
            "numRows": counts.iter().sum::<usize>(), "format": "jsonv2", "partitionInfo": partitions, "rowType": columns,
        },
        "data": rows, "code": "090001", "sqlState": "00000", "message": "Statement executed successfully.",
        "statementHandle": handle, "statementStatusUrl": format!("/api/v2/statements/{handle}?requestId=x"),
        "requestId": "x", "createdOn": 1_795_000_000_000_u64,
    })
}

/// What a statement does that nobody has told of: it answers what is bound to it, each value as a column of its type.
fn run(statement: &str, bindings: &Json) -> Result<Canned, Reply> {
    let word = statement.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
    if matches!(word.as_str(), "USE" | "BEGIN" | "COMMIT" | "ROLLBACK" | "PUT" | "GET" | "ALTER") {
        return Err(Reply::error(422, "391911", "Unsupported SQL statement"));
    }
    if word != "SELECT" {
        return Err(Reply::error(422, "001003", "SQL compilation error: syntax error line 1 at position 0"));
    }
    let places = statement.matches('?').count();
    let (mut columns, mut row) = (Vec::new(), Vec::new());
    for place in 1..=places {
        let binding = &bindings[place.to_string()];
        let Some(kind) = binding["type"].as_str() else {
            return Err(Reply::error(422, "002049", &format!("Bind variable :{place} not set.")));
        };
        let value = match &binding["value"] {
            Json::Null => None,
            Json::String(text) => Some(text.as_str()),
            _ => return Err(Reply::error(400, "390142", "a binding that is no text")),
        };
        let (kind, cell) = echo(kind, value).map_err(|code| Reply::error(422, code, "the value does not fit"))?;
        let scale = match kind {
            "fixed" => 0.into(),
            "time" | "timestamp_ltz" | "timestamp_ntz" => 9.into(),
            _ => Json::Null,
        };
        columns.push(column(&format!("C{place}"), kind, Json::Null, scale));
        row.push(cell);
    }
    let row = Arc::new(row);
    Ok(Canned::partitions(&columns, 1, move |_| vec![row.to_vec()]))
}

/// A value as a cell of its type (FACTS 3.2 and 3.3), or the code of why it is none.
fn echo(kind: &str, value: Option<&str>) -> Result<(&'static str, Cell), &'static str> {
    let seconds = |nanos: &str| -> Result<String, &'static str> {
        let nanos: i128 = nanos.parse().map_err(|_| "002086")?;
        let sign = if nanos < 0 { "-" } else { "" };
        let nanos = nanos.unsigned_abs();
        Ok(format!("{sign}{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000))
    };
    let (name, cell) = match kind {
        "FIXED" => ("fixed", value.map(|text| text.parse::<i128>().map(|_| text.to_owned()).map_err(|_| "002086"))),
        "REAL" => ("real", value.map(|text| text.parse::<f64>().map(|_| text.to_owned()).map_err(|_| "002086"))),
        "TEXT" => ("text", value.map(|text| Ok(text.to_owned()))),
        "BOOLEAN" => {
            ("boolean", value.map(|text| matches!(text, "true" | "false").then(|| text.to_owned()).ok_or("002086")))
        }
        "DATE" => (
            "date",
            value.map(|text| {
                let millis: i64 = text.parse().map_err(|_| "002086")?;
                Ok(millis.div_euclid(86_400_000).to_string())
            }),
        ),
        "TIME" => ("time", value.map(seconds)),
        "TIMESTAMP_LTZ" => ("timestamp_ltz", value.map(seconds)),
        "TIMESTAMP_NTZ" => ("timestamp_ntz", value.map(seconds)),
        _ => return Err("002040"),
    };
    Ok((name, cell.transpose()?))
}
