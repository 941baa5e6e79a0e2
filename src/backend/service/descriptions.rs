//! What a service says of its objects, each described once for all who want to know it, and again after an hour.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::{
    Refused, Then,
    once::{Known, Once},
};
use crate::backend::Failure;

/// How long a description is taken for true.
pub const HOUR: Duration = Duration::from_secs(60 * 60);
/// So much before that it is asked for again: descriptions are of a moment after the hour began.
const SOON: Duration = Duration::from_secs(5 * 60);
/// What was said within that time is not asked for again where something is missing.
const NEW: Duration = Duration::from_secs(5);
/// An object whose description was refused is not asked for again within that time.
const REFUSED: Duration = Duration::from_secs(30);
/// The least time from one doubt of an object to the next, and the longest that it grows to.
const DOUBTS: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(16 * 60)];
/// Of so many objects descriptions are kept.
const MAX_OBJECTS: usize = 1000;

/// A description.
pub trait Describes: Send + Sync + 'static {
    /// A digest of what statements depend on.
    fn digest(&self) -> String;
}

/// How new a description has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// For a call: whatever is there. What is old is asked for again, and the call does not wait for that.
    AtHand,
    /// For what is said of an action: of this hour, and not of before somebody was in doubt.
    Now,
    /// The same, and not older than this.
    Within(Duration),
}

/// Asks the service for one description, by its key; `None` where there is no such object.
type Fetch<T> = dyn Fn(String) -> BoxFuture<'static, Result<Option<T>, Refused>> + Send + Sync;

/// Descriptions that were asked for, by their keys.
pub struct Descriptions<T> {
    fold: fn(&str) -> String,
    fetch: Arc<Fetch<T>>,
    known: Arc<Mutex<HashMap<String, Entry<T>>>>,
}

impl<T> Clone for Descriptions<T> {
    fn clone(&self) -> Self {
        Self { fold: self.fold, fetch: self.fetch.clone(), known: self.known.clone() }
    }
}

impl<T> fmt::Debug for Descriptions<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Descriptions")
    }
}

/// What is known of one object.
struct Entry<T> {
    /// Its description; none where there is no such object.
    said: Arc<Once<Option<Arc<T>>>>,
    doubts: Doubts,
    /// That it was not told, and when.
    refused: Option<(Instant, Failure)>,
}

/// When what was said of an object was in doubt. Doubts that nothing comes of must not use up the day's requests: each one has
/// to wait for twice as long as the one before.
#[derive(Clone, Copy, Debug, Default)]
struct Doubts {
    last: Option<Instant>,
    /// How many there were since the object was last found changed.
    vain: u32,
}

impl Doubts {
    fn raise(&mut self, now: Instant) {
        let [least, most] = DOUBTS;
        let apart = (least * (1 << self.vain.min(8)) / 2).clamp(least, most);
        match self.last.map(|last| now - last) {
            Some(waited) if waited < apart => return,
            Some(waited) if waited < HOUR => self.vain += 1,
            _ => self.vain = 1,
        }
        self.last = Some(now);
    }
}

impl<T> Default for Entry<T> {
    fn default() -> Self {
        Self { said: Arc::default(), doubts: Doubts::default(), refused: None }
    }
}

impl<T> Clone for Entry<T> {
    fn clone(&self) -> Self {
        Self { said: self.said.clone(), doubts: self.doubts, refused: self.refused.clone() }
    }
}

impl<T: Describes> Descriptions<T> {
    /// None yet. `fold` makes keys of the same object equal; `fetch` asks for an object by the key that was given.
    pub fn new(
        fold: fn(&str) -> String,
        fetch: impl Fn(String) -> BoxFuture<'static, Result<Option<T>, Refused>> + Send + Sync + 'static,
    ) -> Self {
        Self { fold, fetch: Arc::new(fetch), known: Arc::default() }
    }

    /// A description. `None` where there is no such object that this user may see.
    ///
    /// # Errors
    ///
    /// When it cannot be asked for now, and was not before.
    pub async fn get(&self, key: &str, when: When) -> Result<Option<Arc<T>>, Failure> {
        match self.entry(key).said.known().filter(|_| when == When::AtHand) {
            Some(known) => {
                if known.since.elapsed() > HOUR {
                    let (all, key) = (self.clone(), key.to_owned());
                    tokio::spawn(async move { all.ask(&key, When::Now).await.map(drop) });
                }
                Ok(Option::clone(&known.value))
            }
            None => self.ask(key, when).await,
        }
    }

    /// The same. One that `has` not what is wanted of it may have got it since: for what is said of an action it is asked for
    /// again.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn having(&self, key: &str, when: When, has: impl Fn(&T) -> bool) -> Result<Option<Arc<T>>, Failure> {
        match self.get(key, when).await? {
            Some(object) if has(&object) => Ok(Some(object)),
            _ if when == When::Now => self.get(key, When::Within(NEW)).await,
            lacking => Ok(lacking),
        }
    }

    /// What was said of an object, however long ago.
    pub fn said(&self, key: &str) -> Option<Arc<T>> {
        let said = self.known().get(&(self.fold)(key))?.said.clone();
        Option::clone(&said.known()?.value)
    }

    /// That what was said of an object may no longer be so: what is asked of it from now on is asked anew. Not where it was
    /// in doubt a short while ago, nor so often where it was found unchanged.
    pub fn doubt(&self, key: &str) {
        if let Some(entry) = self.known().get_mut(&(self.fold)(key)) {
            entry.doubts.raise(Instant::now());
        }
    }

    /// The same of all objects whose keys fit.
    pub fn doubt_all(&self, fits: impl Fn(&str) -> bool) {
        let now = Instant::now();
        let mut known = self.known();
        known.iter_mut().filter(|(key, _)| fits(key)).for_each(|(_, entry)| entry.doubts.raise(now));
    }

    async fn ask(&self, key: &str, when: When) -> Result<Option<Arc<T>>, Failure> {
        let Entry { said, doubts, refused } = self.entry(key);
        if let Some((_, failure)) = refused.filter(|(at, _)| at.elapsed() < REFUSED) {
            return Err(failure);
        }
        let age = if let When::Within(age) = when { age } else { HOUR - SOON };
        let fits = |known: &Known<Option<Arc<T>>>| {
            known.since.elapsed() < age && doubts.last.is_none_or(|doubted| known.since > doubted)
        };
        let before = said.known();
        match said.get(fits, || self.fetch(key)).await {
            Ok(known) => {
                let digest = |known: &Known<Option<Arc<T>>>| known.value.as_ref().as_ref().map(|o| o.digest());
                if before.is_some_and(|before| {
                    !Arc::ptr_eq(&before.value, &known.value) && digest(&before) != digest(&known)
                }) {
                    self.change(key, |entry| entry.doubts.vain = 0);
                }
                Ok(Option::clone(&known.value))
            }
            Err(Refused { failure, then, .. }) => {
                if then == Then::Never {
                    self.change(key, |entry| entry.refused = Some((Instant::now(), failure.clone())));
                }
                Err(failure)
            }
        }
    }

    fn fetch(&self, key: &str) -> impl Future<Output = Result<Option<Arc<T>>, Refused>> + Send + 'static {
        let fetching = (self.fetch)(key.to_owned());
        async move { Ok(fetching.await?.map(Arc::new)) }
    }

    fn entry(&self, key: &str) -> Entry<T> {
        let (mut known, key) = (self.known(), (self.fold)(key));
        if known.len() >= MAX_OBJECTS && !known.contains_key(&key) {
            known.clear();
        }
        known.entry(key).or_default().clone()
    }

    fn change(&self, key: &str, change: impl FnOnce(&mut Entry<T>)) {
        self.known().get_mut(&(self.fold)(key)).map(change);
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Entry<T>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubts_that_nothing_comes_of_grow_seldom() {
        let mut doubts = Doubts::default();
        let start = Instant::now();
        // A call fails each second.
        let mut counted = |from: u64, seconds: u64| -> Vec<u64> {
            let raised = (from..from + seconds).filter(|second| {
                let now = start + Duration::from_secs(*second);
                doubts.raise(now);
                doubts.last == Some(now)
            });
            raised.map(|second| second - from).collect()
        };
        assert_eq!(counted(0, 4000), [0, 60, 180, 420, 900, 1860, 2820, 3780]);
        assert_eq!(counted(10_000, 100), [0, 60], "after an hour without any they are new");
        doubts.vain = 0;
        doubts.raise(start + Duration::from_secs(10_120));
        assert_eq!(doubts.last, Some(start + Duration::from_secs(10_120)), "the object was found changed");
    }
}
