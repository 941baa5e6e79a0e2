//! What happens to a connection after its run: idle and clean it waits for the next one at once; anything else is brought
//! into order behind the caller's back, in the pool's own time, and a connection that cannot be is closed.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
    time::Duration,
};

use sqlx::{Connection as _, Executor, PgConnection, Row};
use tokio::{
    runtime::Handle,
    sync::{Mutex, oneshot},
    time::{Instant, timeout},
};

use super::{
    Shared,
    connect::{Connector, Process, Session, State},
    failure::is_lost,
};
use crate::backend::pool::Lease;

/// After which time a statement that does not end is cancelled again: the first time it had perhaps not begun.
const AGAIN: Duration = Duration::from_millis(25);
/// After which time the server's process is ended instead, and its connection closed.
const PATIENCE: Duration = Duration::from_millis(150);
/// After which time a connection that is not in order by then is closed as it is.
const END: Duration = Duration::from_secs(10);

/// How long the server may take to answer either.
const SIGNAL: Duration = Duration::from_secs(3);

/// Puts a session back into the state in which it was opened, without touching its prepared statements. The role that is set
/// at login is lost with the first of these resets, and comes back with the second. The last query counts the prepared
/// statements; -1 where somebody else prepared any.
const WIPE: &str = "CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ROLE; RESET ALL; UNLISTEN *; \
                    DISCARD SEQUENCES; DISCARD TEMP; SELECT pg_catalog.pg_advisory_unlock_all(); \
                    SELECT CASE WHEN pg_catalog.bool_or(from_sql) THEN -1 ELSE pg_catalog.count(*) END \
                    FROM pg_catalog.pg_prepared_statements";

/// A connection in use. When this is dropped it is put into order and given back, or closed.
pub(super) struct Held {
    lease: Option<Lease<Connector>>,
    shared: Arc<Shared>,
}

impl Held {
    pub(super) fn new(lease: Lease<Connector>, shared: Arc<Shared>) -> Self {
        Self { lease: Some(lease), shared }
    }
}

impl Deref for Held {
    type Target = Session;

    fn deref(&self) -> &Session {
        self.lease.as_ref().expect("only drop empties it")
    }
}

impl DerefMut for Held {
    fn deref_mut(&mut self) -> &mut Session {
        self.lease.as_mut().expect("only drop empties it")
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some(lease) = self.lease.take() else { return };
        match lease.state {
            State::Clean => lease.release(),
            State::Gone => {}
            State::Used | State::Open | State::Busy => {
                // Without a runtime the process is ending, and its connections with it.
                if let Ok(runtime) = Handle::try_current() {
                    runtime.spawn(restore(lease, self.shared.clone()));
                }
            }
        }
    }
}

/// Until this ends the connection counts as one in use, so that the server never has more of ours than the pool allows.
async fn restore(lease: Lease<Connector>, shared: Arc<Shared>) {
    let restored = timeout(END, async {
        let mut lease = if lease.state == State::Busy { settle(lease, &shared.canceller).await? } else { lease };
        if lease.state != State::Used {
            sqlx::raw_sql("ROLLBACK").execute(&mut lease.connection).await.ok()?;
        }
        wipe(&mut lease.connection).await.ok()?.then_some(lease)
    });
    if let Ok(Some(mut lease)) = restored.await {
        lease.state = State::Clean;
        lease.release();
    }
}

/// Answers whether nothing is left of a run, and no prepared statement is lost.
async fn wipe(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let rows = sqlx::raw_sql(WIPE).fetch_all(&mut *connection).await?;
    let prepared: i64 = rows.last().map_or(Ok(-1), |row| row.try_get(0))?;
    Ok(usize::try_from(prepared).is_ok_and(|prepared| prepared >= connection.cached_statements_size()))
}

/// Cancels the statement that runs and waits for its end, or ends the server's process. Gives the connection back where it
/// can be used again.
async fn settle(lease: Lease<Connector>, canceller: &Canceller) -> Option<Lease<Connector>> {
    let process = lease.process.clone();
    // A connection that is closed in the middle of a statement is noticed by the server, sooner or later.
    canceller.cancel(&process).await.filter(|found| *found)?;
    let mut drained = drained(lease);
    let begun = Instant::now();
    let mut answered = true;
    loop {
        if let Ok(outcome) = timeout(AGAIN, &mut drained).await {
            // A signal without an answer may arrive late, and must not hit the next statement.
            return outcome.ok().filter(|_| answered);
        }
        let signal = if answered && begun.elapsed() < PATIENCE {
            canceller.cancel(&process).await
        } else {
            canceller.end(&process).await
        };
        match signal {
            Some(true) => {}
            // The process is gone, and nothing on the way has told the connection.
            Some(false) => return None,
            None => answered = false,
        }
    }
}

/// Reads what is left of a statement, until the server is ready for another. On a thread of its own: as long as there is
/// something to be read, sqlx reads on and lets nobody else have a turn. Where nobody waits any more, or the connection is
/// lost, it is closed.
fn drained(mut lease: Lease<Connector>) -> oneshot::Receiver<Lease<Connector>> {
    let (mut sender, receiver) = oneshot::channel();
    let runtime = Handle::current();
    let drain = async move {
        let ready = tokio::select! {
            ready = ready(&mut lease.connection) => ready,
            () = sender.closed() => false,
        };
        if ready {
            // Where nobody waits, it is closed all the same.
            let _ = sender.send(lease);
        }
    };
    tokio::task::spawn_blocking(move || runtime.block_on(drain));
    receiver
}

/// Waits until the server is ready for another statement. `false` where the connection is lost.
async fn ready(connection: &mut PgConnection) -> bool {
    loop {
        match connection.ping().await {
            Ok(()) => return true,
            Err(error) if is_lost(&error) => return false,
            // The statement's own failure; the server is ready after it.
            Err(_) => {}
        }
    }
}

/// Cancels statements of a backend over a connection of its own, made when it is first needed.
pub(super) struct Canceller {
    connector: Connector,
    connection: Mutex<Option<PgConnection>>,
}

impl Canceller {
    pub(super) fn new(connector: Connector) -> Self {
        Self { connector, connection: Mutex::new(None) }
    }

    /// Cancels what a process runs at the moment. Whether there is such a process; `None` where the server did not answer.
    async fn cancel(&self, process: &Process) -> Option<bool> {
        self.signal(
            "SELECT pg_catalog.pg_cancel_backend(pid) FROM pg_catalog.pg_stat_activity \
             WHERE pid = $1 AND backend_start IS NOT DISTINCT FROM $2::timestamptz",
            process,
        )
        .await
    }

    /// Ends a process. Whether there is such a process; `None` where the server did not answer.
    async fn end(&self, process: &Process) -> Option<bool> {
        self.signal(
            "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity \
             WHERE pid = $1 AND backend_start IS NOT DISTINCT FROM $2::timestamptz",
            process,
        )
        .await
    }

    async fn signal(&self, sql: &'static str, process: &Process) -> Option<bool> {
        let mut kept = self.connection.lock().await;
        let outcome = timeout(SIGNAL, async {
            // The one that is kept may be dead.
            if let Some(mut connection) = kept.take()
                && let Ok(found) = signal(&mut connection, sql, process).await
            {
                return Ok((connection, found));
            }
            let mut connection = self.connector.open().await?;
            // The role that is set at login may cancel nothing of the user that logs in.
            connection.execute("SET ROLE NONE").await?;
            let found = signal(&mut connection, sql, process).await?;
            Ok::<_, sqlx::Error>((connection, found))
        });
        let (connection, found) = outcome.await.ok().and_then(Result::ok)?;
        *kept = Some(connection);
        Some(found)
    }
}

async fn signal(connection: &mut PgConnection, sql: &'static str, process: &Process) -> Result<bool, sqlx::Error> {
    let query = sqlx::query(sql).bind(process.id).bind(&process.started);
    Ok(connection.fetch_optional(query).await?.is_some())
}
