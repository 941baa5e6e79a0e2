//! How database drivers are asked: on one connection beside those of the calls, so that no call waits for it. Who asks while
//! another asks waits for his turn.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, timeout_at};

use crate::backend::{
    Failure, FailureKind,
    health::LastSeen,
    pool::{Connect, Pool, PoolSettings},
};

/// The longest that a question takes, its turn and a new connection included.
const LONGEST: Duration = Duration::from_secs(20);
/// One connection, which does not live long: what it remembers of a database gets old.
const SIDE: PoolSettings = PoolSettings {
    min: 0,
    max: 1,
    acquire_timeout: LONGEST,
    idle_timeout: Duration::from_secs(15),
    max_lifetime: Duration::from_secs(60),
};

/// The connection beside those of the calls.
#[derive(Debug)]
pub struct Side<C: Connect> {
    pool: Pool<C>,
    seen: Arc<LastSeen>,
}

impl<C: Connect> Side<C> {
    /// Connects when it is first asked, and tells what comes of it.
    pub fn new(connect: C, seen: Arc<LastSeen>) -> Self {
        Self { pool: Pool::new(connect, SIDE), seen }
    }

    /// Closes its connection.
    pub fn close(&self) {
        self.pool.close();
    }

    /// Asks a question that leaves nothing behind where the server refuses it.
    ///
    /// # Errors
    ///
    /// The question's own; when there is no connection; when it takes too long.
    pub async fn ask<T>(
        &self,
        question: impl AsyncFnOnce(&mut C::Connection) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let refused = |failure: &Failure| {
            failure.code.is_some() && matches!(failure.kind, FailureKind::Drift | FailureKind::Other)
        };
        self.asked(question, refused).await
    }

    /// Asks a question that may leave something behind where it fails: then the connection is closed.
    ///
    /// # Errors
    ///
    /// As [`Side::ask`].
    pub async fn ask_in_steps<T>(
        &self,
        question: impl AsyncFnOnce(&mut C::Connection) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.asked(question, |_| false).await
    }

    async fn asked<T>(
        &self,
        question: impl AsyncFnOnce(&mut C::Connection) -> Result<T, Failure>,
        leaves_nothing: impl Fn(&Failure) -> bool,
    ) -> Result<T, Failure> {
        let end = Instant::now() + LONGEST;
        let asking = async {
            let mut lease = self.pool.get(end).await?;
            let answer = question(&mut lease).await;
            if answer.as_ref().err().is_none_or(leaves_nothing) {
                lease.release();
            }
            answer
        };
        let late = || Failure::new(FailureKind::Timeout, "the database took too long to answer about its tables");
        let answer = timeout_at(end, asking).await.unwrap_or_else(|_| Err(late()));
        self.seen.note(&answer);
        answer
    }
}
