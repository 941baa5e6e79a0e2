//! One run on one connection: statements, transaction, rows.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use futures_util::{StreamExt, stream::BoxStream};
use serde_json::Value as Json;
use sqlx::{
    Column as _, Either, Executor, Row, SqliteConnection, Statement as _,
    sqlite::{SqliteQueryResult, SqliteRow},
};

use super::{
    connect::Identity,
    failure::{failure, failure_of},
    value,
};
use crate::{
    backend::{Bound, Column, Failure, FailureKind, Flow, Nobody, Request, Sink},
    template::Statement,
};

/// A connection, and what is known of its state.
pub(super) struct Session {
    pub(super) connection: SqliteConnection,
    /// Interrupts the statement that runs.
    cancelled: Arc<AtomicBool>,
    /// The file that it was opened on.
    pub(super) identity: Identity,
    /// Whether it is idle, without a transaction, and as it was when it was opened.
    clean: bool,
}

/// Its thread ends with the statement that it runs; nobody waits for it.
impl Drop for Session {
    fn drop(&mut self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}

type Rows<'a> = BoxStream<'a, Result<Either<SqliteQueryResult, SqliteRow>, sqlx::Error>>;

impl Session {
    pub(super) fn new(connection: SqliteConnection, cancelled: Arc<AtomicBool>, identity: Identity) -> Self {
        Self { connection, cancelled, identity, clean: true }
    }

    /// Whether it may serve another call.
    pub(super) fn is_clean(&self) -> bool {
        self.clean
    }

    /// Runs a request. A future that is dropped on the way leaves the session unclean.
    pub(super) async fn run(&mut self, request: &Request, sink: &mut dyn Sink) -> Result<(), Failure> {
        let Some((last, first)) = request.statements.split_last() else {
            return Err(Failure::new(FailureKind::Other, "there is no statement"));
        };
        let verb = request.statements.iter().map(|bound| Verb::of(&bound.statement)).fold(Verb::Query, Ord::max);
        if request.write && verb == Verb::Transaction {
            return Err(Failure::new(FailureKind::Other, "a statement of a write would end its transaction"));
        }
        // SQLite lets no query write here. VACUUM INTO and ATTACH make files all the same, and PRAGMA lasts.
        if !request.write && verb != Verb::Query {
            return Err(Failure::new(FailureKind::Other, "a read tried something other than a query"));
        }
        self.clean = false;
        let outcome = if request.write {
            self.write(first, last, request, sink).await
        } else {
            self.read(first, last, sink).await
        };
        // PRAGMA, ATTACH and their like would be felt by the next call.
        let lasts = verb > Verb::Change;
        let lost = matches!(&outcome, Err(failure) if failure.kind == FailureKind::Unavailable);
        self.clean &= !lasts && !lost;
        outcome
    }

    /// A single statement sees one state of the database by itself; several do in a transaction.
    async fn read(&mut self, first: &[Bound], last: &Bound, sink: &mut dyn Sink) -> Result<(), Failure> {
        if first.is_empty() {
            let outcome = self.query(last, false, sink).await;
            self.clean = true;
            return outcome;
        }
        self.command("BEGIN").await?;
        let outcome = self.statements(first, last, false, sink).await;
        self.clean = self.command("ROLLBACK").await.is_ok();
        outcome
    }

    async fn write(
        &mut self,
        first: &[Bound],
        last: &Bound,
        request: &Request,
        sink: &mut dyn Sink,
    ) -> Result<(), Failure> {
        if let Err(failure) = self.command("BEGIN IMMEDIATE").await {
            self.clean = true;
            return Err(failure);
        }
        let mut outcome = self.statements(first, last, true, sink).await;
        if outcome.is_ok() && !request.dry {
            request.committing.store(true, Ordering::Relaxed);
            outcome = self.command("COMMIT").await;
            // Where even the answer to it was lost, nobody knows.
            let lost = matches!(&outcome, Err(failure) if failure.kind == FailureKind::Unavailable);
            request.committing.store(lost, Ordering::Relaxed);
            if outcome.is_ok() {
                self.clean = true;
                return Ok(());
            }
        }
        // Fails where SQLite has rolled back by itself; such a connection is not used again.
        self.clean = self.command("ROLLBACK").await.is_ok();
        outcome
    }

    async fn statements(
        &mut self,
        first: &[Bound],
        last: &Bound,
        write: bool,
        sink: &mut dyn Sink,
    ) -> Result<(), Failure> {
        for bound in first {
            self.query(bound, write, &mut Nobody).await?;
        }
        self.query(last, write, sink).await
    }

    /// A statement of our own without rows.
    async fn command(&mut self, sql: &'static str) -> Result<(), Failure> {
        sqlx::query(sql).execute(&mut self.connection).await.map(drop).map_err(|error| failure(error, true))
    }

    /// Runs one statement to its end or to the sink's, and gives its rows to the sink.
    async fn query(&mut self, bound: &Bound, write: bool, sink: &mut dyn Sink) -> Result<(), Failure> {
        let failure = |error| failure_of(bound.statement.text(), error, write);
        let arguments = value::arguments(&bound.binds).map_err(|error| failure(sqlx::Error::Encode(error)))?;
        let query = sqlx::query_with(bound.statement.sql(), arguments);
        let mut rows = self.connection.fetch_many(query);
        let mut changed = 0;
        let mut begun = false;
        while let Some(step) = rows.next().await {
            let row = match step.map_err(failure)? {
                Either::Right(row) => row,
                Either::Left(done) => {
                    changed = done.rows_affected();
                    continue;
                }
            };
            let taken = match value::decode(&row).map_err(failure) {
                Ok(values) => take(&row, values, &mut begun, sink).await,
                Err(failure) => Err(failure),
            };
            match taken {
                Ok(Flow::Enough) if !write => {
                    settle(&self.cancelled, rows).await;
                    return sink.end(0).map_err(Failure::from);
                }
                Ok(_) => {}
                Err(failure) => {
                    settle(&self.cancelled, rows).await;
                    return Err(failure);
                }
            }
        }
        drop(rows);
        if !write {
            changed = 0;
        }
        if !begun {
            let columns = if write { self.columns(&bound.statement).await? } else { Vec::new() };
            if !columns.is_empty() {
                // SQLite still tells what the statement before it changed.
                changed = 0;
            }
            sink.begin(&columns)?;
        }
        sink.end(changed).map_err(Failure::from)
    }

    /// The columns of a statement that gave no row.
    async fn columns(&mut self, statement: &Statement) -> Result<Vec<Column>, Failure> {
        let prepared = self.connection.prepare(statement.sql()).await.map_err(|error| failure(error, true))?;
        Ok(prepared.columns().iter().map(|column| Column { name: column.name().into() }).collect())
    }
}

async fn take(row: &SqliteRow, values: Vec<Json>, begun: &mut bool, sink: &mut dyn Sink) -> Result<Flow, Failure> {
    if !*begun {
        let columns: Vec<Column> = row.columns().iter().map(|column| Column { name: column.name().into() }).collect();
        sink.begin(&columns)?;
        *begun = true;
    }
    let flow = sink.row(values)?;
    if flow == Flow::Flush {
        sink.flush().await?;
    }
    Ok(flow)
}

/// Ends a statement whose further rows nobody wants: interrupts it and waits until its thread has let go of it.
async fn settle(cancelled: &AtomicBool, mut rows: Rows<'_>) {
    cancelled.store(true, Ordering::Relaxed);
    while rows.next().await.is_some() {}
    cancelled.store(false, Ordering::Relaxed);
}

/// What a statement may leave behind on its connection, from nothing to everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verb {
    /// Nothing.
    Query,
    /// Changed rows.
    Change,
    /// Settings, attached files, temporary tables.
    Other,
    /// The end of our transaction.
    Transaction,
}

impl Verb {
    fn of(statement: &Statement) -> Self {
        const VERBS: [(&str, Verb); 14] = [
            ("select", Verb::Query),
            ("with", Verb::Query),
            ("values", Verb::Query),
            ("explain", Verb::Query),
            ("insert", Verb::Change),
            ("update", Verb::Change),
            ("delete", Verb::Change),
            ("replace", Verb::Change),
            ("begin", Verb::Transaction),
            ("commit", Verb::Transaction),
            ("end", Verb::Transaction),
            ("rollback", Verb::Transaction),
            ("savepoint", Verb::Transaction),
            ("release", Verb::Transaction),
        ];
        let word = first_word(statement.text());
        VERBS.iter().find(|(verb, _)| word.eq_ignore_ascii_case(verb)).map_or(Self::Other, |(_, verb)| *verb)
    }
}

/// The first word after blanks and comments.
fn first_word(sql: &str) -> &str {
    let mut rest = sql;
    loop {
        rest = rest.trim_start_matches(|char: char| char.is_whitespace() || char == ';');
        rest = if let Some(comment) = rest.strip_prefix("--") {
            comment.split_once('\n').map_or("", |(_, after)| after)
        } else if let Some(comment) = rest.strip_prefix("/*") {
            comment.split_once("*/").map_or("", |(_, after)| after)
        } else {
            break;
        };
    }
    &rest[..rest.bytes().take_while(u8::is_ascii_alphabetic).count()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_stands_after_blanks_and_comments() {
        let check = |sql, expected| assert_eq!(first_word(sql), expected, "{sql}");
        check("SELECT 1", "SELECT");
        check("  -- why\n /* COMMIT */ COMMIT", "COMMIT");
        check("(SELECT 1)", "");
        check("-- only a comment", "");
        check("/* open", "");
    }
}
