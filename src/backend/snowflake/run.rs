//! Runs a statement: what is sent, and how its rows are fetched and given on, one partition at a time.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use serde::Deserialize;
use serde_json::{Value as Json, value::RawValue};
use tokio::time::{Instant, timeout_at};

use super::{
    api::{Api, Ask},
    bind::bindings,
    costs::Costs,
    execution::{self, Ended, Order, answered},
    nature::Nature,
    render::{Column as Cells, RowType},
    submission::{Submission, tag},
};
use crate::backend::{
    Column, Failure, FailureKind, Flow, Request, Sink,
    service::{Refused, Tries},
};

/// The answer of a statement, with its first rows.
#[derive(Deserialize)]
struct ResultSet<'a> {
    #[serde(rename = "resultSetMetaData")]
    meta: Meta,
    #[serde(borrow, default)]
    data: Vec<&'a RawValue>,
    #[serde(default)]
    stats: Option<Stats>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    #[serde(default)]
    num_rows: Option<u64>,
    row_type: Vec<RowType>,
    #[serde(default)]
    partition_info: Vec<Partition>,
}

/// One of the pieces that a result comes in.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Partition {
    #[serde(default)]
    uncompressed_size: Option<u64>,
}

/// Further rows.
#[derive(Deserialize)]
struct More<'a> {
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
}

/// What a statement changed; left out where that is nothing.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stats {
    num_rows_inserted: Option<u64>,
    num_rows_updated: Option<u64>,
    num_rows_deleted: Option<u64>,
}

/// Runs the only statement of a request.
pub async fn run(
    api: &Arc<Api>,
    costs: Option<&Arc<Costs>>,
    request: &Request,
    sink: &mut dyn Sink,
) -> Result<(), Failure> {
    let refused = |message: &str| Err(Failure::new(FailureKind::Other, message));
    let [bound] = &request.statements[..] else { return refused("a call to Snowflake has one statement") };
    let nature = Nature::of(bound.text());
    if !request.write && nature != Nature::Query {
        return refused("an action that reads sends queries only");
    }
    if request.write && request.dry {
        return refused("what a statement writes on Snowflake cannot be undone");
    }
    let deadline = sink.deadline().unwrap_or(request.deadline);
    let options = &request.options;
    let submission = Submission {
        text: bound.text(),
        bindings: bindings(&bound.binds)?,
        warehouse: options.warehouse.as_deref().or(api.context.warehouse.as_deref()),
        role: options.role.as_deref(),
        tag: tag(request.origin.as_ref(), options.query_tag.as_deref().or(api.context.query_tag.as_deref())),
    };
    let order = submission.order(api, request.retry, deadline);
    let job = request.jobs.next();
    let begun = |id: &Arc<str>| {
        if let Some(costs) = costs {
            costs.ran(id);
        }
        request.jobs.begin(id.clone());
    };
    let started = Instant::now();
    let ended = if request.write {
        write(api, request, &order, begun).await
    } else {
        execution::run(api, &order, &request.retries, begun).await.map_err(|refused| refused.failure)
    };
    request.jobs.change(job, |job| job.elapsed = started.elapsed());
    let ended = ended?;
    let changed = if nature == Nature::Change {
        sink.begin(&[])?;
        ResultSet::read(&ended.body)?.changed()?
    } else {
        give(api, request, job, ended, sink).await?
    };
    Ok(sink.end(changed)?)
}

/// Runs a statement that writes. It commits by itself: from the time when it is sent its outcome is in doubt until there is
/// an answer.
async fn write(
    api: &Arc<Api>,
    request: &Request,
    order: &Order,
    begun: impl FnOnce(&Arc<str>),
) -> Result<Ended, Failure> {
    // Nothing is in doubt while there is not even a token. What is wrong with it is told by the submission.
    let _ = timeout_at(order.deadline, api.connect()).await;
    request.committing.store(true, Ordering::Relaxed);
    let outcome = execution::run(api, order, &request.retries, begun).await;
    let in_doubt = outcome.as_ref().is_err_and(|refused| refused.in_doubt);
    request.committing.store(in_doubt, Ordering::Relaxed);
    request.committed.store(outcome.is_ok(), Ordering::Relaxed);
    outcome.map_err(|refused| refused.failure)
}

/// Gives the rows of a result on, with one partition in memory. What there is no use for is not fetched. How many rows were
/// changed, where the statement was a procedure that did.
async fn give(api: &Api, request: &Request, job: usize, ended: Ended, sink: &mut dyn Sink) -> Result<u64, Failure> {
    let Ended { handle, body } = ended;
    let ResultSet { meta, data, stats } = ResultSet::read(&body)?;
    let cells: Result<Vec<Cells>, Failure> = meta.row_type.into_iter().map(Cells::of).collect();
    let cells = cells?;
    let columns: Vec<Column> = cells.iter().map(|cells| Column { name: cells.name.clone() }).collect();
    let sizes = meta.partition_info.iter().map(|partition| partition.uncompressed_size);
    request.jobs.change(job, |job| (job.rows, job.bytes) = (meta.num_rows, sizes.sum()));
    sink.begin(&columns)?;
    let mut flow = rows(&data, &cells, sink).await?;
    drop(data);
    drop(body);
    for number in 1..meta.partition_info.len() {
        if flow == Flow::Enough {
            break;
        }
        let deadline = sink.deadline().unwrap_or(request.deadline);
        let tries = Tries { retry: request.retry, deadline, retries: &request.retries };
        let body = partition(api, &handle, number, tries).await?;
        flow = rows(&More::read(&body)?.data, &cells, sink).await?;
    }
    Ok(stats.as_ref().map_or(0, Stats::changed))
}

/// Further rows of a result.
async fn partition(api: &Api, handle: &Arc<str>, number: usize, tries: Tries<'_>) -> Result<Vec<u8>, Failure> {
    let answer = api.ask(tries, || Ok(Ask::Partition(handle.clone(), number)), answered).await;
    Ok(answer.map_err(|refused| refused.failure)?.body)
}

/// Gives rows on as far as they are wanted.
async fn rows(data: &[&RawValue], cells: &[Cells], sink: &mut dyn Sink) -> Result<Flow, Failure> {
    for row in data {
        let row = row_of(row, cells.len())?;
        let values: Result<Vec<Json>, Failure> = cells.iter().zip(row).map(|(cells, cell)| cells.cell(cell)).collect();
        match sink.row(values?)? {
            Flow::More => {}
            Flow::Flush => sink.flush().await?,
            Flow::Enough => return Ok(Flow::Enough),
        }
    }
    Ok(Flow::More)
}

/// The cells of a row.
fn row_of(row: &RawValue, columns: usize) -> Result<Vec<Option<String>>, Failure> {
    let row: Vec<Option<String>> = serde_json::from_str(row.get()).map_err(|_| odd("has a row that cannot be read"))?;
    if row.len() != columns {
        return Err(odd("has a row with other columns than it says"));
    }
    Ok(row)
}

/// A row of a statement of datadip's own: its cells by the names of their columns.
pub type Row = HashMap<String, Option<String>>;

/// All rows of a statement of datadip's own.
///
/// # Errors
///
/// What keeps it from being answered by the deadline of its order.
pub async fn all(api: &Arc<Api>, order: &Order) -> Result<Vec<Row>, Refused> {
    let retries = AtomicU32::new(0);
    let Ended { handle, body } = execution::run(api, order, &retries, |_| ()).await?;
    let ResultSet { meta, data, .. } = ResultSet::read(&body).map_err(Refused::never)?;
    let names: Vec<String> = meta.row_type.into_iter().map(|column| column.name).collect();
    let mut rows = Vec::new();
    let mut take = |data: &[&RawValue]| -> Result<(), Failure> {
        for row in data {
            rows.push(names.iter().cloned().zip(row_of(row, names.len())?).collect());
        }
        Ok(())
    };
    take(&data).map_err(Refused::never)?;
    for number in 1..meta.partition_info.len() {
        let tries = Tries { retry: order.retry, deadline: order.deadline, retries: &retries };
        let body = partition(api, &handle, number, tries).await.map_err(Refused::never)?;
        More::read(&body).and_then(|more| take(&more.data)).map_err(Refused::never)?;
    }
    Ok(rows)
}

impl<'a> More<'a> {
    fn read(body: &'a [u8]) -> Result<Self, Failure> {
        serde_json::from_slice(body).map_err(|_| odd("is no partition of rows"))
    }
}

impl<'a> ResultSet<'a> {
    fn read(body: &'a [u8]) -> Result<Self, Failure> {
        serde_json::from_slice(body).map_err(|_| odd("cannot be read"))
    }

    /// How many rows were changed: the row of counts says it, and that of a MERGE has one for each kind of change. Other
    /// counts (`number of multi-joined rows updated`) are of the same rows.
    fn changed(&self) -> Result<u64, Failure> {
        let counts = |column: &RowType| column.name.to_ascii_lowercase().starts_with("number of rows ");
        let Some(row) = self.data.first().filter(|_| self.meta.row_type.iter().any(counts)) else {
            return Ok(self.stats.as_ref().map_or(0, Stats::changed));
        };
        let row = row_of(row, self.meta.row_type.len())?;
        let counts = self.meta.row_type.iter().zip(row).filter(|(column, _)| counts(column)).map(|(_, count)| count);
        counts.map(|count| count?.parse::<u64>().ok()).sum::<Option<u64>>().ok_or_else(|| odd("counts no rows"))
    }
}

impl Stats {
    fn changed(&self) -> u64 {
        [self.num_rows_inserted, self.num_rows_updated, self.num_rows_deleted].into_iter().flatten().sum()
    }
}

fn odd(what: &str) -> Failure {
    Failure::new(FailureKind::Other, format!("the answer {what}"))
}
