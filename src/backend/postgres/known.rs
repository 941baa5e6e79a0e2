//! What is known of statements, once for all connections of a backend.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU64, Ordering},
};

use quick_cache::{Equivalent, sync::Cache};
use sqlx::postgres::PgConnection;

use super::{harmless, prepared::Prepared, text::Text};
use crate::{template::Statement, value::ParamType};

/// How many statements are remembered; more are prepared again.
const MOST: usize = 4096;

/// A statement as it was found on this database.
#[derive(Debug)]
pub(super) struct Known {
    /// Its parameters and columns.
    pub(super) prepared: Arc<Prepared>,
    /// What its text says.
    pub(super) text: Text,
    harmless: OnceLock<bool>,
}

impl Known {
    /// Whether it may run in a session that the next call uses as it is, without a transaction of its own around it. Asks
    /// the server where that is not known yet.
    pub(super) async fn harmless(
        &self,
        connection: &mut PgConnection,
        statement: &Statement,
    ) -> Result<bool, sqlx::Error> {
        if let Some(harmless) = self.harmless.get() {
            return Ok(*harmless);
        }
        let harmless = harmless::harmless(connection, statement, self.text).await?;
        Ok(*self.harmless.get_or_init(|| harmless))
    }
}

/// The statements of a backend.
#[derive(Debug)]
pub(super) struct Statements {
    known: Cache<Key, Arc<Known>>,
    /// Counts the times that prepared statements were found to be of another time; no session keeps older ones.
    epoch: AtomicU64,
}

/// What a statement is known by: actions may have one text, and other types.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key(Box<str>, Box<[ParamType]>);

impl Key {
    fn of(statement: &Statement) -> Self {
        Self(statement.text().into(), statement.types().into())
    }
}

#[derive(Hash)]
struct KeyOf<'a>(&'a str, &'a [ParamType]);

impl Equivalent<Key> for KeyOf<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        *self.0 == *key.0 && *self.1 == *key.1
    }
}

impl Default for Statements {
    fn default() -> Self {
        Self { known: Cache::new(MOST), epoch: AtomicU64::new(0) }
    }
}

impl Statements {
    /// What is known of a statement, unless it is new.
    pub(super) fn known(&self, statement: &Statement) -> Option<Arc<Known>> {
        self.known.get(&KeyOf(statement.text(), statement.types()))
    }

    /// Waits for whoever learns the same statement; where nobody does any more, it is the caller's turn until what this
    /// gives is dropped.
    pub(super) async fn turn(&self, statement: &Statement) -> Result<Arc<Known>, impl Sized + use<'_>> {
        let turn = self.known.get_value_or_guard_async(&Key::of(statement)).await;
        // Turns are passed on even where the one before has learnt it.
        turn.or_else(|turn| self.known(statement).ok_or(turn))
    }

    /// Asks the server about a statement that is new, in a session of an epoch.
    pub(super) async fn learn(
        &self,
        connection: &mut PgConnection,
        statement: &Statement,
        epoch: u64,
    ) -> Result<Arc<Known>, sqlx::Error> {
        let prepared = Prepared::prepare(connection, statement).await?;
        let text = Text::read(statement.text());
        let known = Arc::new(Known { prepared, text, harmless: OnceLock::new() });
        // What was forgotten meanwhile may be what was just learnt.
        if epoch == self.epoch() {
            self.known.insert(Key::of(statement), known.clone());
        }
        Ok(known)
    }

    /// Forgets everything, here and in all sessions: the tables are no longer what they were.
    pub(super) fn forget(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.known.clear();
    }

    /// The time that prepared statements are of.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }
}
