//! Answers of reads that are served again (SPEC 6): which entry a call may have, and who fills one that is missing.

use std::{
    collections::{HashMap, hash_map::RandomState},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use quick_cache::{
    OptionsBuilder, Weighter,
    sync::{Cache as Entries, DefaultLifecycle},
};
use tokio::{
    sync::OnceCell,
    time::{Instant, timeout_at},
};

use super::{
    CallError, Code, Target, Trace,
    digest::{self, Digest},
    perform,
};
use crate::action::{Age, CachePolicy, Encoded, Kept};

/// The results of all cached actions, within so many bytes. Keys hold the action's revision, so that a file that changes
/// leaves its old entries to die.
#[derive(Debug)]
pub struct Cache {
    max_bytes: usize,
    entries: Entries<Digest, Arc<Entry>, Bytes, RandomState>,
    flights: Mutex<HashMap<Digest, Arc<Flight>>>,
}

/// The cache as one call uses it.
#[derive(Clone, Copy, Debug)]
pub struct Lookup<'a> {
    /// The cache.
    pub cache: &'a Cache,
    /// Of which settings the backend is: another database has other answers.
    pub backend: &'a Digest,
    /// Whether the caller wants no earlier answer. Its own becomes the entry all the same.
    pub refresh: bool,
}

/// What a call of a cached action had of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheUse {
    /// A fresh entry, or the answer to a call that ran at the same time.
    Hit,
    /// Nothing: it asked the backend.
    Miss,
    /// An expired entry, because the backend failed.
    Stale,
    /// The caller wanted no entry.
    Skip,
}

impl CacheUse {
    /// The word in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Stale => "stale",
            Self::Skip => "skip",
        }
    }
}

#[derive(Debug)]
struct Entry {
    result: Kept,
    /// When the backend was asked: which of two answers is newer.
    asked: Instant,
    /// When it had answered: from then on the entry is fresh.
    filled: Instant,
}

impl Entry {
    fn is_within(&self, age: Duration) -> bool {
        self.filled.elapsed() < age
    }
}

/// What an entry takes besides its result: its key, the table's slots and what is allocated.
const OVERHEAD: usize = 256;
/// The usual size of an entry.
const USUAL: usize = 2048;
/// The table's parts, each with a lock and its share of the bytes: an answer that is larger than that is not kept. Small
/// caches have fewer.
const PARTS: usize = 8;

#[derive(Clone, Debug)]
struct Bytes;

impl Weighter<Digest, Arc<Entry>> for Bytes {
    fn weight(&self, _: &Digest, entry: &Arc<Entry>) -> u64 {
        (OVERHEAD + entry.result.size()) as u64
    }
}

impl Cache {
    /// An empty cache. One of 0 bytes keeps nothing; calls at the same time share an answer all the same.
    pub fn new(max_bytes: usize) -> Self {
        let mut options = OptionsBuilder::new();
        options.shards(PARTS).estimated_items_capacity(max_bytes / USUAL).weight_capacity(max_bytes as u64);
        let options = options.build().expect("capacities were given");
        let entries = Entries::with_options(options, Bytes, RandomState::new(), DefaultLifecycle::default());
        Self { max_bytes, entries, flights: Mutex::default() }
    }

    /// The most bytes that its entries take.
    pub fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// The bytes that its entries take.
    pub fn bytes(&self) -> usize {
        usize::try_from(self.entries.weight()).unwrap_or(usize::MAX)
    }

    fn keep(&self, key: Digest, answer: &Encoded, asked: Instant) -> Arc<Entry> {
        let entry = Arc::new(Entry { result: Kept::of(answer), asked, filled: Instant::now() });
        // A slow answer does not take the place of one that was asked for after it.
        if self.entries.peek(&key).is_none_or(|other| other.asked <= asked) {
            self.entries.insert(key, entry.clone());
        }
        entry
    }

    fn fresh(&self, key: &Digest, policy: CachePolicy) -> Option<Arc<Entry>> {
        self.entries.get(key).filter(|entry| entry.is_within(policy.ttl))
    }

    /// Joins those who want this entry filled.
    fn board(&self, key: Digest) -> Passenger<'_> {
        let mut flights = self.flights();
        let flight = flights.entry(key).or_default().clone();
        flight.passengers.fetch_add(1, Ordering::Relaxed);
        Passenger { cache: self, key, flight }
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<Digest, Arc<Flight>>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One filling of an entry, or the failure of its statement, for all who wait. Where the filler leaves, runs out of its own
/// time or loses its connection, the next who waits fills.
#[derive(Debug, Default)]
struct Flight {
    filled: OnceCell<Result<Arc<Entry>, CallError>>,
    /// Whether the backend has failed a filler.
    failed: AtomicBool,
    /// How many wait; changed while the flights are held.
    passengers: AtomicUsize,
}

/// Somebody who waits for a flight.
struct Passenger<'a> {
    cache: &'a Cache,
    key: Digest,
    flight: Arc<Flight>,
}

impl Passenger<'_> {
    /// The flight is over: who comes from now on takes another one.
    fn land(&self) {
        self.remove_from(&mut self.cache.flights());
    }

    fn remove_from(&self, flights: &mut HashMap<Digest, Arc<Flight>>) {
        if flights.get(&self.key).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight)) {
            flights.remove(&self.key);
        }
    }
}

impl Drop for Passenger<'_> {
    fn drop(&mut self) {
        let mut flights = self.cache.flights();
        if self.flight.passengers.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.remove_from(&mut flights);
        }
    }
}

/// Answers a prepared call from the cache, or fills the entry.
pub(super) async fn answer(
    target: Target<'_>,
    policy: CachePolicy,
    Lookup { cache, backend, refresh }: Lookup<'_>,
    deadline: Instant,
    trace: &mut Trace,
) -> Result<Encoded, CallError> {
    let key = digest::of_statements(target.action, backend, &trace.shapes, &trace.statements);
    if refresh {
        trace.cache = Some(CacheUse::Skip);
        let asked = Instant::now();
        let answer = perform(target, true, deadline, trace).await?;
        cache.keep(key, &answer, asked);
        return Ok(answer);
    }
    let again = |entry: &Entry, age| entry.result.answer(target.request_id, age);
    let found = cache.entries.get(&key);
    if let Some(entry) = found.as_ref().filter(|entry| entry.is_within(policy.ttl)) {
        trace.cache = Some(CacheUse::Hit);
        return Ok(again(entry, Age::Cached));
    }
    let longest = policy.ttl.saturating_add(policy.stale_if_error);
    let stale = found.filter(|entry| entry.is_within(longest));
    trace.cache = Some(CacheUse::Miss);
    let passenger = cache.board(key);
    let flight = &passenger.flight;
    let (mut own, mut began) = (None, None);
    let boarded = Instant::now();
    let filling = flight.filled.get_or_try_init(|| async {
        // It was filled while this call came here.
        if let Some(entry) = cache.fresh(&key, policy) {
            passenger.land();
            return Ok(Ok(entry));
        }
        if stale.is_some() && flight.failed.load(Ordering::Relaxed) {
            return Err(CallError::new(Code::BackendUnavailable).detail("the backend has failed another call"));
        }
        let asked = *began.insert(Instant::now());
        let outcome = perform(target, true, deadline, trace).await;
        let outcome = outcome.map(|answer| {
            let entry = cache.keep(key, &answer, asked);
            own = Some(answer);
            entry
        });
        flight.failed.store(outcome.as_ref().is_err_and(may_pass), Ordering::Relaxed);
        passenger.land();
        match outcome {
            Err(error) if is_the_fillers_own(&error) => Err(error),
            outcome => Ok(outcome),
        }
    });
    let late = || Err(CallError::new(Code::Timeout).detail("the deadline passed while another call filled the cache"));
    let filled = timeout_at(deadline, filling).await.unwrap_or_else(|_| late()).and_then(Clone::clone);
    trace.queue += began.unwrap_or_else(Instant::now) - boarded;
    match (filled, stale) {
        (Ok(entry), _) => Ok(own.unwrap_or_else(|| {
            trace.cache = Some(CacheUse::Hit);
            again(&entry, Age::Cached)
        })),
        (Err(error), Some(entry)) if may_pass(&error) => {
            trace.cache = Some(CacheUse::Stale);
            trace.detail = Some(format!("{}: {}", error.code.as_str(), error.detail.unwrap_or_default()).into());
            Ok(again(&entry, Age::Stale))
        }
        (Err(error), _) => Err(error),
    }
}

/// Whether another who waits may fare better: what comes of the statement itself would only take as long again.
fn is_the_fillers_own(error: &CallError) -> bool {
    matches!(error.code, Code::Timeout | Code::BackendUnavailable)
}

/// Whether the backend failed, rather than answered something that nobody wants to hear: what is a mistake must be seen.
fn may_pass(error: &CallError) -> bool {
    matches!(error.code.status(), 503 | 504)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_who_leaves_a_flight_clears_it_away() {
        let cache = Cache::new(0);
        let passengers = [cache.board([1; 32]), cache.board([1; 32])];
        // Two who leave at once both have their hold on it still.
        let _leaving = passengers[0].flight.clone();
        drop(passengers);
        assert!(cache.flights().is_empty());
    }
}
