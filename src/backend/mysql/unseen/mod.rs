//! What statements do without saying so: views may call functions, and writes may fire triggers. A call never waits for
//! the catalog that tells: until it is known, whatever touches a table is taken for opaque. What is known holds until the
//! watcher, which looks each minute, sees that it has changed, or has seen nothing for some minutes.

mod schema;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use quick_cache::sync::Cache;
use tokio::time::Instant;

pub(super) use self::schema::{Fact, Reading, Schema};
use super::nature::{Nature, Verb};

/// Of how many statements it is remembered what they are.
const NATURES: usize = 4096;
/// How soon a call has the catalog read again that could not be read: longer than reading it takes, so that calls have it
/// read once at a time.
const AGAIN: Duration = Duration::from_secs(30);
/// How long what is known holds while the catalog cannot be read again. A server that is too busy to tell is not helped by
/// calls that make a connection each.
const HOLDS: Duration = Duration::from_secs(300);

/// What is known of one database, for all of its connections.
#[derive(Debug)]
pub(super) struct Unseen {
    known: ArcSwap<Known>,
    generation: Generation,
    times: Mutex<Times>,
}

#[derive(Debug, Default)]
struct Times {
    /// When the catalog was read last.
    read: Option<Instant>,
    /// When a call may have it read again.
    next: Option<Instant>,
}

/// What is known at one time, and what statements are by that.
#[derive(Debug)]
struct Known {
    schema: Option<Schema>,
    natures: Cache<String, Nature>,
}

/// Counts the times that a view or trigger turned out to be another: until that was seen, connections may have been left
/// otherwise than they were opened.
#[derive(Clone, Debug, Default)]
pub(super) struct Generation(Arc<AtomicU64>);

impl Generation {
    /// The one that connections are of which are made now.
    pub(super) fn now(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

impl Unseen {
    /// Nothing is known yet. When that changes again later, connections of the generation before are not to be used.
    pub(super) fn new(generation: Generation) -> Self {
        Self { known: ArcSwap::from_pointee(Known::new(None)), generation, times: Mutex::default() }
    }

    /// What statements are, taken together.
    pub(super) fn nature<'a>(&self, texts: impl Iterator<Item = &'a str>) -> Nature {
        let known = self.known.load();
        let none = Nature { verb: Verb::Query, opaque: false };
        texts.fold(none, |all, text| {
            let nature = known.nature(text);
            Nature { verb: all.verb.max(nature.verb), opaque: all.opaque || nature.opaque }
        })
    }

    /// Whether it is the caller's turn to have the catalog read: nothing is known, and nobody tried lately.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        if self.known.load().schema.is_some() {
            return false;
        }
        let mut times = self.times();
        let due = times.next.is_none_or(|next| next <= now);
        if due {
            times.next = Some(now + AGAIN);
        }
        due
    }

    /// What the catalog says now; `None` where that is too much.
    pub(super) fn learn(&self, schema: Option<Schema>, now: Instant) {
        self.times().read = Some(now);
        self.replace(schema);
    }

    /// The catalog cannot be read now.
    pub(super) fn miss(&self, now: Instant) {
        let holds = self.times().read.is_some_and(|read| now.duration_since(read) < HOLDS);
        if !holds {
            self.replace(None);
        }
    }

    fn replace(&self, schema: Option<Schema>) {
        let before = self.known.load();
        if before.schema == schema {
            return;
        }
        self.known.store(Arc::new(Known::new(schema)));
        // Afterwards, so that whoever has a connection of the new generation knows what is new.
        if before.schema.is_some() {
            self.generation.0.fetch_add(1, Ordering::Release);
        }
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn new(schema: Option<Schema>) -> Self {
        Self { schema, natures: Cache::new(NATURES) }
    }

    fn nature(&self, text: &str) -> Nature {
        self.natures.get(text).unwrap_or_else(|| {
            let mut nature = Nature::of(text);
            nature.opaque |= match &self.schema {
                Some(schema) => schema.may_call(text, nature.verb),
                None => nature.verb != Verb::Query || schema::reads_tables(text),
            };
            self.natures.insert(text.to_owned(), nature);
            nature
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_opaque(unseen: &Unseen, text: &str) -> bool {
        unseen.nature([text].into_iter()).opaque
    }

    #[test]
    fn nothing_that_touches_a_table_is_trusted_before_the_catalog_is_known() {
        let unseen = Unseen::new(Generation::default());
        for text in ["SELECT a FROM t", "TABLE t", "SELECT (SELECT a FROM t)", "INSERT INTO t (a) VALUES (1)", "DO 1"] {
            assert!(is_opaque(&unseen, text), "{text}");
        }
        for text in ["SELECT 1", "VALUES (1)"] {
            assert!(!is_opaque(&unseen, text), "{text}");
        }
        unseen.learn(Some(Schema::default()), Instant::now());
        assert!(!is_opaque(&unseen, "SELECT a FROM t"));
        unseen.learn(None, Instant::now());
        assert!(is_opaque(&unseen, "SELECT a FROM t"));
    }

    #[test]
    fn statements_are_what_the_most_of_them_is() {
        let unseen = Unseen::new(Generation::default());
        unseen.learn(Some(Schema::default()), Instant::now());
        let check = |texts: &[&str], verb, opaque| {
            assert_eq!(unseen.nature(texts.iter().copied()), Nature { verb, opaque }, "{texts:?}");
        };
        check(&["SELECT 1", "SELECT 2"], Verb::Query, false);
        check(&["SELECT f()", "DELETE FROM t", "SELECT 2"], Verb::Change, true);
    }

    #[test]
    fn one_call_has_the_catalog_read_and_another_one_later_where_that_failed() {
        let unseen = Unseen::new(Generation::default());
        let now = Instant::now();
        assert_eq!([unseen.is_due(now), unseen.is_due(now)], [true, false]);
        unseen.miss(now);
        let later = now + AGAIN;
        assert_eq!([unseen.is_due(later), unseen.is_due(later)], [true, false]);
        unseen.learn(Some(Schema::default()), Instant::now());
        assert!(!unseen.is_due(later + AGAIN));
    }

    #[test]
    fn what_is_known_holds_for_minutes_while_the_catalog_cannot_be_read() {
        let unseen = Unseen::new(Generation::default());
        let now = Instant::now();
        let check = |expected| assert_eq!(is_opaque(&unseen, "SELECT a FROM t"), expected);
        unseen.miss(now);
        check(true);
        unseen.learn(Some(Schema::default()), now);
        unseen.miss(now + HOLDS / 2);
        check(false);
        unseen.learn(Some(Schema::default()), now + HOLDS / 2);
        unseen.miss(now + HOLDS);
        check(false);
        unseen.miss(now + HOLDS * 2);
        check(true);
    }

    #[test]
    fn a_change_ends_the_connections_that_were_made_before_it() {
        let generation = Generation::default();
        let unseen = Unseen::new(generation.clone());
        let other = || {
            let mut reading = Reading::default();
            reading.add(Fact::Fires, "db", "t");
            reading.end()
        };
        unseen.learn(None, Instant::now());
        unseen.learn(Some(Schema::default()), Instant::now());
        unseen.learn(Some(Schema::default()), Instant::now());
        assert_eq!(generation.now(), 0);
        unseen.learn(other(), Instant::now());
        unseen.learn(other(), Instant::now());
        assert_eq!(generation.now(), 1);
        unseen.learn(None, Instant::now());
        assert_eq!(generation.now(), 2);
    }
}
