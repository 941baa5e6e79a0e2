//! Connections to a server: the pinned session, and how work that nobody waits for is ended on the server.

use std::{path::PathBuf, sync::Arc, time::Duration};

use futures_util::TryStreamExt;
use sqlx::{ConnectOptions, Either, Executor, MySqlConnection, Row, mysql::MySqlConnectOptions, raw_sql};
use tokio::{sync::Mutex, time::timeout};

use super::{
    failure::{Phase, failure},
    run::Session,
    unseen::Generation,
};
use crate::{
    backend::{Again, Failure, FailureKind, address, pool::Connect},
    template::numbered,
};

/// What every session is set to, at its start and after each write that leaves it to the next call. Templates are cut into
/// tokens on the assumption that `"a"` is a text and `\` escapes in it, so `sql_mode` must hold neither ANSI_QUOTES nor
/// NO_BACKSLASH_ESCAPES; ONLY_FULL_GROUP_BY stays as the server has it. The limits of time are a safety net for work that a
/// crash leaves behind; each vendor reads its own and takes the other's for a comment.
macro_rules! settings {
    () => {
        "SET time_zone = '+00:00', autocommit = 1, wait_timeout = 28800, sql_mode = CONCAT('STRICT_ALL_TABLES,\
         NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', \
         IF(@@GLOBAL.sql_mode LIKE '%ONLY_FULL_GROUP_BY%', ',ONLY_FULL_GROUP_BY', '')), NAMES utf8mb4 \
         /*!80000 , max_execution_time = 3600000 */ /*M!100100 , max_statement_time = 3600 */; \
         SET SESSION TRANSACTION READ ONLY"
    };
}
pub(super) use settings;

/// Prepared statements kept by each connection.
const STATEMENTS: usize = 256;
/// How long the server may take to answer a new connection.
const CONNECT: Duration = Duration::from_secs(3);
/// How long the end of work on the server may take before its place in the pool is free again all the same.
const KILL: Duration = Duration::from_secs(5);

/// Makes connections.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    options: MySqlConnectOptions,
    /// Where the server is, for the log.
    place: String,
    killer: Arc<Killer>,
    generation: Generation,
    /// What a session is told beside [`settings`].
    told: Option<&'static str>,
}

/// Which connection of which server process a session is. Servers count their connections from one again after a restart,
/// so a number alone might be another's by now.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    /// `CONNECTION_ID()`.
    pub(super) id: u64,
    /// The end of its UUIDs: a number drawn when the process started, and its network address.
    server: String,
}

impl Connector {
    /// Connections that are not used any more when another generation begins.
    pub(super) fn new(options: MySqlConnectOptions, generation: Generation) -> Self {
        // What sqlx would set by itself, it would set in a round trip of its own.
        let options = options
            .pipes_as_concat(false)
            .no_engine_substitution(false)
            .timezone(None)
            .set_names(false)
            .statement_cache_capacity(STATEMENTS)
            .disable_statement_logging();
        let place = address::place(options.get_host(), options.get_port(), options.get_socket().map(PathBuf::as_path));
        let killer = Arc::new(Killer { options: options.clone(), side: Mutex::default() });
        Self { options, place, killer, generation, told: None }
    }

    /// Tells each session this as well.
    pub(super) fn with(self, told: &'static str) -> Self {
        Self { told: Some(told), ..self }
    }
}

impl Connect for Connector {
    type Connection = Session;

    async fn connect(&self) -> Result<Session, Failure> {
        let generation = self.generation.now();
        let opening = async {
            let (mut connection, identity) = open(&self.options).await?;
            if let Some(told) = self.told {
                connection.execute(told).await.map_err(|error| failure(error, Phase::Connect))?;
            }
            Ok((connection, identity))
        };
        let opened = timeout(CONNECT, opening).await;
        let opened = opened.unwrap_or_else(|_| {
            let failure = Failure::new(FailureKind::Unavailable, "the server does not answer");
            Err(Failure { again: Again::Paused, ..failure })
        });
        let (connection, identity) = opened.map_err(|failure| address::unreached(failure, &self.place))?;
        Ok(Session::new(connection, identity, self.killer.clone(), generation))
    }

    fn usable(&self, session: &Session) -> bool {
        session.generation == self.generation.now()
    }
}

/// Connects, sets the session up and asks who it is, in one round trip after the handshake.
async fn open(options: &MySqlConnectOptions) -> Result<(MySqlConnection, Identity), Failure> {
    const START: &str = concat!(settings!(), "; SELECT CONNECTION_ID(), RIGHT(UUID(), 17)");
    let failure = |error| failure(error, Phase::Connect);
    let mut connection = options.connect().await.map_err(failure)?;
    let mut identity = None;
    {
        let mut results = connection.fetch_many(raw_sql(START));
        while let Some(step) = results.try_next().await.map_err(failure)? {
            if let Either::Right(row) = step {
                let id = row.try_get_unchecked(0).map_err(failure)?;
                identity = Some(Identity { id, server: row.try_get_unchecked(1).map_err(failure)? });
            }
        }
    }
    match identity {
        Some(identity) => Ok((connection, identity)),
        None => Err(Failure::new(FailureKind::Unavailable, "the server does not tell a connection's number")),
    }
}

/// Ends connections by their numbers, over one of its own that it opens when it is first needed.
#[derive(Debug)]
pub(super) struct Killer {
    options: MySqlConnectOptions,
    side: Mutex<Option<(MySqlConnection, Identity)>>,
}

impl Killer {
    /// Ends a connection, and its statement and transaction with it: a server notices that its client left only when it
    /// writes to it.
    pub(super) async fn end(&self, victim: &Identity) {
        self.kill("KILL CONNECTION ", victim).await;
    }

    /// Ends the statement that a connection runs. Where it runs none, the next one may be hit.
    pub(super) async fn interrupt(&self, victim: &Identity) {
        self.kill("KILL QUERY ", victim).await;
    }

    async fn kill(&self, command: &'static str, victim: &Identity) {
        if timeout(KILL, self.try_kill(command, victim)).await.is_err() {
            tracing::warn!("a statement that nobody waits for could not be ended in time");
        }
    }

    async fn try_kill(&self, command: &'static str, victim: &Identity) {
        let mut side = self.side.lock().await;
        // Taken out, so that one on which a kill was left halfway is not used again.
        if let Some((mut connection, identity)) = side.take().filter(|(_, identity)| identity.server == victim.server)
            && answered(&mut connection, command, victim).await
        {
            *side = Some((connection, identity));
            return;
        }
        // Where nobody can connect, the server is gone and its work with it.
        let Ok((mut connection, identity)) = open(&self.options).await else { return };
        if identity.server != victim.server || answered(&mut connection, command, victim).await {
            *side = Some((connection, identity));
        }
    }
}

/// Whether the server answered. That there is no such connection any more is an answer too.
async fn answered(connection: &mut MySqlConnection, command: &'static str, victim: &Identity) -> bool {
    let outcome = connection.execute(raw_sql(numbered(command, victim.id.into(), ""))).await;
    matches!(outcome, Ok(_) | Err(sqlx::Error::Database(_)))
}
