//! The file, its first filling, and connections to it.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sqlx::{
    ConnectOptions, Connection as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use tokio::sync::Mutex;

use super::{failure::failure, run::Session};
use crate::{
    backend::{Failure, FailureKind, pool::Connect},
    template::Script,
};

/// How long SQLite itself waits for a lock. Short, because nothing can interrupt this waiting; calls try again.
const BUSY: Duration = Duration::from_millis(100);
/// Prepared statements kept by each connection.
const STATEMENTS: usize = 256;
/// After how many of SQLite's operations a statement looks whether it is cancelled: every few microseconds.
const OPERATIONS: i32 = 1000;

/// A database file.
#[derive(Debug)]
pub(super) struct Database {
    path: PathBuf,
    /// SQL for a new file.
    init: Option<PathBuf>,
    /// Held while the file is made.
    making: Mutex<()>,
}

/// What a connection may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// Makes connections of one kind.
#[derive(Debug)]
pub(super) struct Connector {
    pub(super) database: Arc<Database>,
    pub(super) access: Access,
}

/// Which file a path names at the moment: another one after it was replaced.
pub(super) type Identity = (u64, u64);

impl Database {
    pub(super) fn new(path: PathBuf, init: Option<PathBuf>) -> Self {
        Self { path, init, making: Mutex::new(()) }
    }

    fn identity(&self) -> io::Result<Identity> {
        let metadata = fs::metadata(&self.path)?;
        #[cfg(unix)]
        return Ok((std::os::unix::fs::MetadataExt::dev(&metadata), std::os::unix::fs::MetadataExt::ino(&metadata)));
        #[cfg(not(unix))]
        Ok((0, metadata.created()?.duration_since(std::time::UNIX_EPOCH).map_or(0, |age| age.as_nanos() as u64)))
    }

    /// Makes the file if there is none and `init` says how. The work goes on when the caller leaves: a long script would
    /// never end within the deadline of a call.
    async fn ensure(self: &Arc<Self>) -> Result<(), Failure> {
        let Some(init) = self.init.clone().filter(|_| !self.path.exists()) else { return Ok(()) };
        let database = self.clone();
        let making = tokio::spawn(async move {
            let _one = database.making.lock().await;
            if database.path.exists() { Ok(()) } else { database.make(&init).await }
        });
        making.await.unwrap_or_else(|panic| Err(Failure::new(FailureKind::Other, panic.to_string())))
    }

    /// Fills a draft beside the file and links it into place: nobody sees a half-filled database, and where several
    /// processes start at once the first one's stays.
    async fn make(&self, init: &Path) -> Result<(), Failure> {
        let script = Script::read(init).map_err(|error| unfit("read the file that `init` names", &error))?;
        let draft = Draft::beside(&self.path);
        fill(&draft.0, &script).await?;
        fs::File::open(&draft.0).and_then(|file| file.sync_all()).map_err(|error| unfit("fill a new file", &error))?;
        match fs::hard_link(&draft.0, &self.path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(unfit("create the file that `url` names", &error))
            }
            Err(_) => Ok(()),
            Ok(()) => {
                // Where a database was lost while its backend has `init`, an operator must see why its data are new. The
                // path may come from a secret.
                tracing::info!("the file that a backend's `url` names did not exist; `init` made a new one");
                Ok(())
            }
        }
    }
}

/// A file that cannot be used, told without its path, which may come from a `${…}` whose value is never printed.
fn unfit(doing: &str, error: &io::Error) -> Failure {
    Failure::new(FailureKind::Unavailable, format!("cannot {doing}: {error}"))
}

/// Runs a script on a new file and leaves it in WAL mode, in which readers and the writer do not wait for each other.
async fn fill(path: &Path, script: &Script) -> Result<(), Failure> {
    let unfit = |error| {
        let Failure { code, message, .. } = failure(error, true);
        let message = format!("the init script failed: {message}");
        Failure { code, ..Failure::new(FailureKind::Unavailable, message) }
    };
    // Nothing of a draft need survive a crash, so nothing is journalled or synced on the way.
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Memory)
        .synchronous(SqliteSynchronous::Off)
        .disable_statement_logging();
    let mut connection = options.connect().await.map_err(unfit)?;
    sqlx::raw_sql(script.sql()).execute(&mut connection).await.map_err(unfit)?;
    sqlx::raw_sql("PRAGMA journal_mode = WAL").execute(&mut connection).await.map_err(unfit)?;
    connection.close().await.map_err(unfit)
}

/// A file that is gone when this is.
struct Draft(PathBuf);

impl Draft {
    fn beside(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let unique = getrandom::u64().unwrap_or_else(|_| std::process::id().into());
        Self(path.with_file_name(format!(".{name}.{unique:016x}")))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm"] {
            let mut path = self.0.clone().into_os_string();
            path.push(suffix);
            // What was never made need not be removed.
            let _ = fs::remove_file(path);
        }
    }
}

impl Connect for Connector {
    type Connection = Session;

    async fn connect(&self) -> Result<Session, Failure> {
        let database = &self.database;
        database.ensure().await?;
        let identity = database.identity().map_err(|error| unfit("open the file that `url` names", &error))?;
        // No `mmap_size`: a look-up gains nothing measurable from it, and a file that somebody cuts short, as `cp` over it
        // does, would end the whole process instead of a call.
        let mut options = SqliteConnectOptions::new()
            .filename(&database.path)
            .read_only(self.access == Access::Read)
            .busy_timeout(BUSY)
            .statement_cache_capacity(STATEMENTS)
            .foreign_keys(true)
            .disable_statement_logging();
        if self.access == Access::Read {
            options = options.pragma("query_only", "ON");
        } else if database.init.is_some() {
            // Ours is in WAL mode, where this loses no consistency.
            options = options.synchronous(SqliteSynchronous::Normal);
        }
        let failure = |error| failure(error, false);
        let mut connection = options.connect().await.map_err(failure)?;
        // SQLite looks into the file only now: what is no database is found here and not by the first call.
        sqlx::raw_sql("PRAGMA schema_version").execute(&mut connection).await.map_err(failure)?;
        let cancelled = cancel_flag(&mut connection).await.map_err(failure)?;
        Ok(Session::new(connection, cancelled, identity))
    }

    /// A file that was moved or removed is no longer the database, although SQLite would go on reading it.
    fn usable(&self, session: &Session) -> bool {
        self.database.identity().is_ok_and(|identity| identity == session.identity)
    }
}

/// A flag that interrupts whatever statement runs on the connection's thread.
async fn cancel_flag(connection: &mut SqliteConnection) -> Result<Arc<AtomicBool>, sqlx::Error> {
    let flag = Arc::new(AtomicBool::new(false));
    let seen = flag.clone();
    connection.lock_handle().await?.set_progress_handler(OPERATIONS, move || !seen.load(Ordering::Relaxed));
    Ok(flag)
}
