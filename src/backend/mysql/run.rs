//! One run on one connection: statements, transaction, rows.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures_util::{StreamExt, stream::BoxStream};
use sqlx::{
    Column as _, Connection as _, Either, Executor, MySqlConnection, Row, SqlStr, Statement as _,
    mysql::{MySqlColumn, MySqlQueryResult, MySqlRow},
    raw_sql,
};
use tokio::{task::coop::consume_budget, time::timeout};

use super::{
    bind,
    connect::{Identity, Killer, settings},
    failure::{Phase, ends_connection, failure, is_interrupted, raised},
    nature::{Nature, Verb},
    render::{self, Rendering},
};
use crate::{
    backend::{Bound, Column, Failure, FailureKind, Flow, Isolation, Nobody, Request, Sink},
    template::{Statement, numbered},
};

/// How many rows that nobody wants are read before their statement is interrupted, and for how long.
const SPARE_ROWS: usize = 1000;
const SPARE_TIME: Duration = Duration::from_millis(10);
/// How long an interrupted statement may take to end, and a connection to show that it is there.
const SETTLE_TIME: Duration = Duration::from_secs(1);

/// A connection, and what is known of its state.
pub(super) struct Session {
    pub(super) connection: MySqlConnection,
    identity: Identity,
    killer: Arc<Killer>,
    /// When it was made.
    pub(super) generation: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Idle, without a transaction, and set as it was when it was opened. What the server remembers of its last statement,
    /// as `LAST_INSERT_ID()`, is the last call's.
    Clean,
    /// Idle within a transaction.
    Open,
    /// Idle or gone; something may be left behind on it.
    Spent,
    /// In the middle of something.
    Busy,
}

type Rows<'a> = BoxStream<'a, Result<Either<MySqlQueryResult, MySqlRow>, sqlx::Error>>;

impl Session {
    pub(super) fn new(connection: MySqlConnection, identity: Identity, killer: Arc<Killer>, generation: u64) -> Self {
        Self { connection, identity, killer, generation, state: State::Clean }
    }

    /// Whether it may serve another call.
    pub(super) fn is_clean(&self) -> bool {
        self.state == State::Clean
    }

    /// Ends what may be running on the server.
    pub(super) fn end(&self) -> Option<impl Future<Output = ()> + 'static> {
        let (killer, identity) = (self.killer.clone(), self.identity.clone());
        matches!(self.state, State::Open | State::Busy).then_some(async move { killer.end(&identity).await })
    }

    /// Runs a request. A future that is dropped on the way leaves the session busy.
    pub(super) async fn run(&mut self, request: &Request, nature: Nature, sink: &mut dyn Sink) -> Result<(), Failure> {
        let Some((last, first)) = request.statements.split_last() else {
            return Err(Failure::new(FailureKind::Other, "there is no statement"));
        };
        if !request.write && nature.verb != Verb::Query {
            return Err(Failure::new(FailureKind::Other, "a read tried something other than a query"));
        }
        if nature.verb == Verb::Other {
            let message = "a write tried something that no transaction holds, or that would end it";
            return Err(Failure::new(FailureKind::Other, message));
        }
        let outcome = if !request.write && first.is_empty() && !nature.opaque {
            // One statement sees one state of the database by itself.
            self.query(last, State::Clean, Phase::Harmless, sink).await
        } else {
            let transaction = Transaction::of(request, nature, &self.identity);
            self.transaction(transaction, first, last, request, sink).await
        };
        let lost = matches!(&outcome, Err(failure) if failure.kind == FailureKind::Unavailable);
        if lost || (nature.opaque && self.state == State::Clean) {
            self.state = State::Spent;
        }
        outcome
    }

    async fn transaction(
        &mut self,
        transaction: Transaction,
        first: &[Bound],
        last: &Bound,
        request: &Request,
        sink: &mut dyn Sink,
    ) -> Result<(), Failure> {
        self.command(transaction.begin, State::Open, Phase::Harmless).await?;
        let phase = if request.write { Phase::Write } else { Phase::Harmless };
        let mut outcome = self.statements(first, last, phase, sink).await;
        if self.state == State::Busy {
            return outcome;
        }
        if let Some(prepare) = transaction.prepare {
            let prepared = self.command(prepare, State::Open, phase).await;
            outcome = outcome.and(prepared);
        }
        if outcome.is_ok() && request.write && !request.dry {
            request.committing.store(true, Ordering::Relaxed);
            outcome = self.commit(transaction.commit).await;
            // Where even the answer to it was lost, nobody knows.
            let lost = matches!(&outcome, Err(failure) if failure.kind == FailureKind::Unavailable);
            request.committing.store(lost, Ordering::Relaxed);
            return outcome;
        }
        // Where it fails, the session stays busy and its end is the transaction's.
        let _ = self.command(transaction.rollback, State::Clean, phase).await;
        outcome
    }

    async fn statements(
        &mut self,
        first: &[Bound],
        last: &Bound,
        phase: Phase,
        sink: &mut dyn Sink,
    ) -> Result<(), Failure> {
        for bound in first {
            self.query(bound, State::Open, phase, &mut Nobody).await?;
        }
        self.query(last, State::Open, phase, sink).await
    }

    /// Statements of our own without rows, in one round trip, after which the session is in a state.
    async fn command(&mut self, sql: SqlStr, after: State, phase: Phase) -> Result<(), Failure> {
        self.state = State::Busy;
        self.connection.execute(raw_sql(sql)).await.map_err(|error| failure(error, phase))?;
        self.state = after;
        Ok(())
    }

    /// Commits, and sets the session as it was at its start. Only the first statement's fate is the write's.
    async fn commit(&mut self, sql: SqlStr) -> Result<(), Failure> {
        self.state = State::Busy;
        let mut results = self.connection.fetch_many(raw_sql(sql));
        if let Some(Err(error)) = results.next().await {
            return Err(failure(error, Phase::Write));
        }
        while let Some(result) = results.next().await {
            if result.is_err() {
                return Ok(());
            }
        }
        drop(results);
        self.state = State::Clean;
        Ok(())
    }

    /// Runs one statement to its end or to the sink's, and gives its rows to the sink. Afterwards the session is busy if the
    /// statement is not over, and otherwise as `idle` says.
    async fn query(&mut self, bound: &Bound, idle: State, phase: Phase, sink: &mut dyn Sink) -> Result<(), Failure> {
        let failure = |error| failure(error, phase);
        let arguments = bind::arguments(&bound.binds).map_err(|error| failure(sqlx::Error::Encode(error)))?;
        self.state = State::Busy;
        let mut rows = self.connection.fetch_many(sqlx::query_with(bound.statement.sql(), arguments));
        let mut changed = 0;
        let mut result: Option<Vec<Rendering>> = None;
        let mut over = false;
        while let Some(step) = rows.next().await {
            // A fast server never makes sqlx wait: without this nobody else would get to run, not even the deadline.
            consume_budget().await;
            let row = match step {
                Ok(Either::Right(row)) => row,
                Ok(Either::Left(done)) => {
                    changed = done.rows_affected();
                    over = result.is_some();
                    continue;
                }
                Err(error) => {
                    let is_answer = matches!(error, sqlx::Error::Database(_));
                    let failure = failure(error);
                    if is_answer {
                        // The server's own word ends the statement.
                        drop(rows);
                        if ends_connection(&failure) && self.is_there().await {
                            self.state = idle;
                            return Err(raised(failure));
                        }
                        self.state = idle;
                    }
                    return Err(failure);
                }
            };
            let taken = if over {
                Err(Failure::new(FailureKind::Other, "a procedure gave more than one result"))
            } else {
                take(&row, &mut result, phase, sink).await
            };
            let ended = match taken {
                Ok(Flow::Enough) if phase != Phase::Write => Ok(()),
                Ok(_) => continue,
                Err(failure) => Err(failure),
            };
            if settled(rows, &self.killer, &self.identity).await {
                self.state = idle;
            }
            ended?;
            return sink.end(0).map_err(Failure::from);
        }
        drop(rows);
        self.state = idle;
        if phase != Phase::Write {
            changed = 0;
        }
        if result.is_none() {
            let columns = if phase == Phase::Write { self.columns(&bound.statement).await? } else { Vec::new() };
            sink.begin(&columns)?;
        }
        sink.end(changed).map_err(Failure::from)
    }

    /// Whether the server still answers.
    async fn is_there(&mut self) -> bool {
        timeout(SETTLE_TIME, self.connection.ping()).await.is_ok_and(|answer| answer.is_ok())
    }

    /// The columns of a statement that gave no row. It is prepared already.
    async fn columns(&mut self, statement: &Statement) -> Result<Vec<Column>, Failure> {
        let prepared = self.connection.prepare(statement.sql()).await.map_err(|error| failure(error, Phase::Write))?;
        Ok(columns(prepared.columns()))
    }
}

fn columns(columns: &[MySqlColumn]) -> Vec<Column> {
    columns.iter().map(|column| Column { name: column.name().into() }).collect()
}

async fn take(
    row: &MySqlRow,
    result: &mut Option<Vec<Rendering>>,
    phase: Phase,
    sink: &mut dyn Sink,
) -> Result<Flow, Failure> {
    let renderings = match result {
        Some(renderings) => renderings,
        None => {
            let renderings = render::renderings(row.columns());
            let renderings = renderings.map_err(|message| Failure::new(FailureKind::Other, message))?;
            sink.begin(&columns(row.columns()))?;
            result.insert(renderings)
        }
    };
    let flow = sink.row(render::decode(row, renderings).map_err(|error| failure(error, phase))?)?;
    if flow == Flow::Flush {
        sink.flush().await?;
    }
    Ok(flow)
}

/// Ends a statement whose further rows nobody wants; whether the connection is idle then.
async fn settled(mut rows: Rows<'_>, killer: &Killer, victim: &Identity) -> bool {
    // Most have few rows left.
    let spare = async {
        for _ in 0..SPARE_ROWS {
            match rows.next().await {
                None | Some(Err(sqlx::Error::Database(_))) => return Some(true),
                Some(Ok(_)) => {}
                Some(Err(_)) => return Some(false),
            }
        }
        None
    };
    if let Ok(Some(idle)) = timeout(SPARE_TIME, spare).await {
        return idle;
    }
    killer.interrupt(victim).await;
    let rest = async {
        loop {
            consume_budget().await;
            match rows.next().await {
                Some(Ok(_)) => {}
                // Where the server does not say that it was interrupted, that may still hit what comes next.
                Some(Err(error)) => return is_interrupted(&error),
                None => return false,
            }
        }
    };
    timeout(SETTLE_TIME, rest).await.unwrap_or(false)
}

/// The commands around the statements of a run.
struct Transaction {
    begin: SqlStr,
    /// What ends its statements, before either of the others.
    prepare: Option<SqlStr>,
    commit: SqlStr,
    rollback: SqlStr,
}

/// A command, at the given level of isolation.
macro_rules! begin {
    ($isolation:expr, $command:literal) => {
        match $isolation {
            None => $command,
            Some(Isolation::ReadCommitted) => concat!("SET TRANSACTION ISOLATION LEVEL READ COMMITTED; ", $command),
            Some(Isolation::RepeatableRead) => concat!("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; ", $command),
            Some(Isolation::Serializable) => concat!("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; ", $command),
        }
    };
}

/// Gives user locks back, which the server would keep until it notices that the connection was closed.
macro_rules! unlock {
    () => {
        "DO RELEASE_ALL_LOCKS()"
    };
}

impl Transaction {
    fn of(request: &Request, nature: Nature, identity: &Identity) -> Self {
        let isolation = request.options.isolation;
        let fixed = SqlStr::from_static;
        if !request.write {
            let rollback = fixed(if nature.opaque { concat!("ROLLBACK; ", unlock!()) } else { "ROLLBACK" });
            return Self {
                begin: fixed(begin!(isolation, "START TRANSACTION READ ONLY")),
                prepare: None,
                commit: rollback.clone(),
                rollback,
            };
        }
        if nature.verb == Verb::Call {
            // A procedure may say COMMIT or change tables, which would commit what came before it; between XA START and
            // XA END the server refuses that.
            let start = begin!(isolation, "SET TRANSACTION READ WRITE; XA START 'datadip-");
            return Self {
                begin: numbered(start, identity.id.into(), "'"),
                prepare: Some(numbered("XA END 'datadip-", identity.id.into(), "'")),
                commit: numbered("XA COMMIT 'datadip-", identity.id.into(), concat!("' ONE PHASE; ", unlock!())),
                rollback: numbered("XA ROLLBACK 'datadip-", identity.id.into(), concat!("'; ", unlock!())),
            };
        }
        let (commit, rollback) = if nature.opaque {
            (concat!("COMMIT; ", unlock!()), concat!("ROLLBACK; ", unlock!()))
        } else {
            (concat!("COMMIT; ", settings!()), concat!("ROLLBACK; ", settings!()))
        };
        Self {
            begin: fixed(begin!(isolation, "START TRANSACTION READ WRITE")),
            prepare: None,
            commit: fixed(commit),
            rollback: fixed(rollback),
        }
    }
}
