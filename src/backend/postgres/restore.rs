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
    sync::Mutex,
    time::{Instant, timeout},
};

use super::{
    Shared,
    connect::{Connector, Process, Session, State},
};
use crate::backend::pool::Lease;

/// How long the rest of a statement may take that nobody wants any more, before it is cancelled.
const REST: Duration = Duration::from_millis(2);
/// After which time a statement that does not end is cancelled again: the first time it had perhaps not begun.
const AGAIN: Duration = Duration::from_millis(25);
/// After which time the server's process is ended instead.
const PATIENCE: Duration = Duration::from_millis(150);
/// After which time it is left to itself.
const END: Duration = Duration::from_secs(10);

/// How long it may take to ask for either.
const SIGNAL: Duration = Duration::from_secs(3);

/// Puts a session back into the state in which it was opened, without touching its prepared statements. The last query
/// tells whether somebody else prepared any.
const WIPE: &str = "CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *; \
                    DISCARD SEQUENCES; DISCARD TEMP; SELECT pg_catalog.pg_advisory_unlock_all(); \
                    SELECT EXISTS (SELECT FROM pg_catalog.pg_prepared_statements WHERE from_sql)::text";

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
async fn restore(mut lease: Lease<Connector>, shared: Arc<Shared>) {
    let restored = timeout(END, async {
        let session = &mut *lease;
        if session.state == State::Busy && !settle(session, &shared.canceller).await {
            return false;
        }
        if session.state != State::Used && sqlx::raw_sql("ROLLBACK").execute(&mut session.connection).await.is_err() {
            return false;
        }
        wipe(&mut session.connection).await.unwrap_or(false)
    });
    if restored.await.unwrap_or(false) {
        lease.state = State::Clean;
        lease.release();
    }
}

async fn wipe(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let rows = sqlx::raw_sql(WIPE).fetch_all(connection).await?;
    let strange = rows.last().map(|row| row.try_get::<&str, _>(0)).transpose()?;
    Ok(strange == Some("false"))
}

/// Waits for the end of a statement, soon with less and less patience. Answers whether the connection can be used again;
/// if not, the server's process is gone.
async fn settle(session: &mut Session, canceller: &Canceller) -> bool {
    let Session { connection, process, .. } = session;
    let mut ready = Box::pin(drain(connection));
    if let Ok(usable) = timeout(REST, &mut ready).await {
        return usable;
    }
    let begun = Instant::now();
    loop {
        let sent =
            if begun.elapsed() < PATIENCE { canceller.cancel(process).await } else { canceller.end(process).await };
        if !sent {
            // A closed connection is noticed by the server, sooner or later.
            return false;
        }
        if let Ok(usable) = timeout(AGAIN, &mut ready).await {
            return usable;
        }
    }
}

/// Reads what is left of a statement, until the server is ready for another.
async fn drain(connection: &mut PgConnection) -> bool {
    loop {
        match connection.ping().await {
            Ok(()) => return true,
            Err(error) if super::failure::is_lost(&error) => return false,
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

    /// Cancels what a process runs at the moment. Whether it could be asked for.
    async fn cancel(&self, process: &Process) -> bool {
        self.signal(
            "SELECT pg_catalog.pg_cancel_backend(pid) FROM pg_catalog.pg_stat_activity \
             WHERE pid = $1 AND backend_start = $2::timestamptz",
            process,
        )
        .await
    }

    /// Ends a process.
    async fn end(&self, process: &Process) -> bool {
        self.signal(
            "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity \
             WHERE pid = $1 AND backend_start = $2::timestamptz",
            process,
        )
        .await
    }

    async fn signal(&self, sql: &'static str, process: &Process) -> bool {
        let mut kept = self.connection.lock().await;
        let outcome = timeout(SIGNAL, async {
            // The one that is kept may be dead.
            if let Some(connection) = kept.take()
                && let Ok(connection) = signal(connection, sql, process).await
            {
                return Ok(connection);
            }
            signal(self.connector.open().await?, sql, process).await
        });
        *kept = outcome.await.ok().and_then(Result::ok);
        kept.is_some()
    }
}

async fn signal(
    mut connection: PgConnection,
    sql: &'static str,
    process: &Process,
) -> Result<PgConnection, sqlx::Error> {
    connection.execute(sqlx::query(sql).bind(process.id).bind(&process.started)).await?;
    Ok(connection)
}
