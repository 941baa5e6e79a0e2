//! One run on one connection: statements, transaction, rows.

use std::{
    mem,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures_util::{StreamExt, stream::BoxStream};
use serde_json::Value as Json;
use sqlx::{
    Either, Executor,
    postgres::{PgQueryResult, PgRow},
};
use tokio::{task::coop::consume_budget, time::timeout};

use super::{
    Shared,
    connect::{Session, State},
    failure,
    known::Known,
    text::Verb,
};
use crate::{
    backend::{Again, Bound, Failure, FailureKind, Flow, Isolation, Nobody, Request, Sink},
    template::Statement,
};

/// How long the rows that nobody wants may take, before the statement is cancelled.
const REST: Duration = Duration::from_millis(2);

type Rows<'a> = BoxStream<'a, Result<Either<PgQueryResult, PgRow>, sqlx::Error>>;

/// Begins a read that keeps the database itself from writing. The query after it makes the transaction's first snapshot,
/// after which no statement can make a writing one of it.
fn begin_read(isolation: Option<Isolation>) -> &'static str {
    match isolation {
        None => "BEGIN READ ONLY; SELECT 1",
        Some(Isolation::ReadCommitted) => "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; SELECT 1",
        Some(Isolation::RepeatableRead) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT 1",
        Some(Isolation::Serializable) => "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY; SELECT 1",
    }
}

fn begin_write(isolation: Option<Isolation>) -> &'static str {
    match isolation {
        None => "BEGIN READ WRITE",
        Some(Isolation::ReadCommitted) => "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
        Some(Isolation::RepeatableRead) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE",
        Some(Isolation::Serializable) => "BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE",
    }
}

/// A request on a session. Whatever way it ends, also by being dropped, the session's state tells what it is left in.
pub(super) struct Run<'a> {
    pub(super) session: &'a mut Session,
    pub(super) shared: &'a Shared,
    pub(super) request: &'a Request,
}

impl Run<'_> {
    /// Runs the request.
    pub(super) async fn run(&mut self, sink: &mut dyn Sink) -> Result<(), Failure> {
        let Some((last, first)) = self.request.statements.split_last() else {
            return Err(Failure::new(FailureKind::Other, "there is no statement"));
        };
        let epoch = self.shared.statements.epoch();
        if self.session.epoch != epoch {
            let idle = mem::replace(&mut self.session.state, State::Busy);
            let cleared = sqlx::Connection::clear_cached_statements(&mut self.session.connection).await;
            self.session.state = idle;
            cleared.map_err(|error| self.fail(&error, "", true))?;
            self.session.epoch = epoch;
        }
        if self.request.write { self.write(first, last, sink).await } else { self.read(first, last, sink).await }
    }

    async fn read(&mut self, first: &[Bound], last: &Bound, sink: &mut dyn Sink) -> Result<(), Failure> {
        if first.is_empty() && self.request.options.isolation.is_none() {
            let known = self.known(&last.statement).await?;
            let idle = mem::replace(&mut self.session.state, State::Busy);
            let harmless = known.harmless(&mut self.session.connection, &last.statement).await;
            self.session.state = idle;
            if harmless.map_err(|error| self.fail(&error, "", true))? {
                return self.query(last, &known, State::Clean, sink).await;
            }
        }
        self.learn_all().await?;
        self.command(begin_read(self.request.options.isolation), State::Open, true).await?;
        self.statements(first, last, sink).await
    }

    async fn write(&mut self, first: &[Bound], last: &Bound, sink: &mut dyn Sink) -> Result<(), Failure> {
        self.learn_all().await?;
        let begun = self.command(begin_write(self.request.options.isolation), State::Open, true).await;
        // "cannot set transaction read-write mode during recovery"
        begun.map_err(|failure| self.standby(failure, "0A000"))?;
        self.statements(first, last, sink).await.map_err(|failure| self.standby(failure, "25006"))?;
        if self.request.dry {
            return Ok(());
        }
        self.request.committing.store(true, Ordering::Relaxed);
        let outcome = self.command("COMMIT", State::Used, false).await;
        // Where even the answer to it was lost, nobody knows.
        let lost = self.session.state == State::Gone;
        self.request.committing.store(lost, Ordering::Relaxed);
        outcome
    }

    async fn statements(&mut self, first: &[Bound], last: &Bound, sink: &mut dyn Sink) -> Result<(), Failure> {
        for bound in first {
            let known = self.known(&bound.statement).await?;
            self.query(bound, &known, State::Open, &mut Nobody).await?;
        }
        let known = self.known(&last.statement).await?;
        self.query(last, &known, State::Open, sink).await
    }

    /// Makes sure that all statements are known: a transaction would end with the first trial that the server refuses. One
    /// that needs what an earlier one makes is learnt after that.
    async fn learn_all(&mut self) -> Result<(), Failure> {
        for bound in &self.request.statements {
            match self.known(&bound.statement).await {
                Err(failure) if self.session.state == State::Gone => return Err(failure),
                _ => {}
            }
        }
        Ok(())
    }

    /// What is known of a statement. Preparing one runs nothing, but may wait for somebody who changes its tables.
    async fn known(&mut self, statement: &Statement) -> Result<Arc<Known>, Failure> {
        if let Some(known) = self.shared.statements.known(statement) {
            return Ok(known);
        }
        // Not within a transaction: its locks may be what the one before waits for.
        let _turn = match self.session.state {
            State::Clean => match self.shared.statements.turn(statement).await {
                Ok(known) => return Ok(known),
                Err(turn) => Some(turn),
            },
            _ => None,
        };
        let idle = mem::replace(&mut self.session.state, State::Busy);
        let epoch = self.session.epoch;
        let known = self.shared.statements.learn(&mut self.session.connection, statement, epoch).await;
        self.session.state = idle;
        // Before its transaction has begun, a write may be repeated as well.
        let again = !self.request.write || idle == State::Clean;
        known.map_err(|error| self.fail(&error, statement.text(), again))
    }

    /// A statement of our own without rows, after which the session is in a state; `again` where nothing was run before it.
    async fn command(&mut self, sql: &'static str, after: State, again: bool) -> Result<(), Failure> {
        let before = self.session.state;
        self.session.state = State::Busy;
        match sqlx::raw_sql(sql).execute(&mut self.session.connection).await {
            Ok(_) => {
                self.session.state = after;
                Ok(())
            }
            Err(error) => {
                self.session.state = if before == State::Clean { State::Open } else { before };
                Err(self.fail(&error, "", again))
            }
        }
    }

    /// Runs one statement to its end or to the sink's, and gives its rows to the sink.
    async fn query(&mut self, bound: &Bound, known: &Known, idle: State, sink: &mut dyn Sink) -> Result<(), Failure> {
        let write = self.request.write;
        match known.text.verb {
            Verb::Session if write => {
                return Err(Failure::new(FailureKind::Other, "a statement of a write would end its transaction"));
            }
            // The database refuses those that write. Others last longer than their transaction.
            Verb::Session | Verb::Other if !write => {
                return Err(Failure::new(FailureKind::Other, "a read tried something other than a query"));
            }
            _ => {}
        }
        let prepared = &*known.prepared;
        let arguments = prepared.arguments(&bound.binds)?;
        self.session.state = State::Busy;
        let mut rows = self.session.connection.fetch_many(sqlx::query_with(prepared.sql(), arguments));
        let mut changed = 0;
        let mut begun = false;
        let error = loop {
            // As long as there is something to be read, sqlx lets nobody else have a turn, not even the caller's deadline.
            consume_budget().await;
            let row = match rows.next().await {
                Some(Ok(Either::Right(row))) => row,
                Some(Ok(Either::Left(done))) => {
                    changed = counted(&done, known.text.verb, write);
                    continue;
                }
                Some(Err(error)) => break Some(error),
                None => break None,
            };
            if !begun {
                if !prepared.fits(&row) {
                    self.shared.statements.forget();
                    let message = "the columns of the result have changed since the statement was prepared";
                    return Err(Failure { again: Again::Once, ..Failure::new(FailureKind::Other, message) });
                }
                sink.begin(prepared.columns())?;
                begun = true;
            }
            let Some(values) = prepared.row(&row)? else {
                drop(rows);
                // The driver remembers the fields of types as long as a connection lives.
                self.session.state = State::Gone;
                self.shared.generation.end(self.session);
                self.shared.statements.forget();
                let message = "the fields of a type have changed since the statement was prepared";
                return Err(Failure { again: Again::Once, ..Failure::new(FailureKind::Other, message) });
            };
            match take(values, sink).await? {
                Flow::Enough if !write => {
                    if timeout(REST, rest(&mut rows)).await.unwrap_or(false) {
                        drop(rows);
                        self.session.state = idle;
                    }
                    return sink.end(0).map_err(Failure::from);
                }
                _ => {}
            }
        };
        drop(rows);
        self.session.state = idle;
        if let Some(error) = error {
            return Err(self.fail(&error, bound.statement.text(), !write));
        }
        if !begun {
            sink.begin(prepared.columns())?;
        }
        sink.end(changed).map_err(Failure::from)
    }

    /// Notes what an error says of the connection, and makes a failure of it; `again` where the run may be repeated if the
    /// connection was lost.
    fn fail(&mut self, error: &sqlx::Error, text: &str, again: bool) -> Failure {
        let failure = failure::statement(error, text);
        if failure::is_lost(error) {
            self.session.state = State::Gone;
            self.shared.generation.end(self.session);
            let again = if again { Again::Once } else { Again::Never };
            return Failure { again, ..failure };
        }
        if failure::is_stale(error) {
            self.shared.statements.forget();
            return Failure { again: Again::Once, ..failure };
        }
        failure
    }

    /// A server that refuses writes with this code has become a standby: its name may lead to another one by now.
    fn standby(&mut self, failure: Failure, code: &str) -> Failure {
        if failure.code.as_deref() != Some(code) {
            return failure;
        }
        self.session.state = State::Gone;
        self.shared.generation.end(self.session);
        Failure { kind: FailureKind::Unavailable, again: Again::Paused, ..failure }
    }
}

/// Reads the rows that nobody wants; answers whether the statement ended well.
async fn rest(rows: &mut Rows<'_>) -> bool {
    while let Some(step) = rows.next().await {
        if step.is_err() {
            return false;
        }
        consume_budget().await;
    }
    true
}

/// The rows that a statement changed. The server counts those that a query gives, too.
fn counted(done: &PgQueryResult, verb: Verb, write: bool) -> u64 {
    if write && verb != Verb::Query { done.rows_affected() } else { 0 }
}

async fn take(values: Vec<Json>, sink: &mut dyn Sink) -> Result<Flow, Failure> {
    let flow = sink.row(values)?;
    if flow == Flow::Flush {
        sink.flush().await?;
    }
    Ok(flow)
}
