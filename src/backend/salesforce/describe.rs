//! What Salesforce says of its objects: fields, their types, where relationships lead. Asked once for all who want it, and
//! again after an hour.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::api::{Api, Ask};
use crate::backend::{
    Failure, FailureKind, Retry,
    service::{
        Refused, Then, Tries,
        client::Answer,
        once::{Known, Once},
    },
};

/// How long a description is taken for true.
pub const HOUR: Duration = Duration::from_secs(60 * 60);
/// So much before that it is asked for again: descriptions are of a moment after the hour began.
const SOON: Duration = Duration::from_secs(5 * 60);
/// How long a description may take to come.
const LONGEST: Duration = Duration::from_secs(20);
/// What was said within that time is not asked for again where something is missing.
const NEW: Duration = Duration::from_secs(5);
/// An object whose description was refused is not asked for again within that time.
const REFUSED: Duration = Duration::from_secs(30);
/// The least time from one doubt of an object to the next, and the longest that it grows to.
const DOUBTS: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(16 * 60)];
/// Of so many objects descriptions are kept.
const MAX_OBJECTS: usize = 1000;

/// An object.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Object {
    /// Its name.
    pub name: String,
    /// Its fields.
    pub fields: Vec<Field>,
    /// The relationships to its children.
    #[serde(default)]
    pub child_relationships: Vec<Child>,
}

/// A field of an object.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its type in Salesforce's words.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it may be null.
    #[serde(default)]
    pub nillable: bool,
    /// What the relationship is called that it is the key of.
    #[serde(default)]
    pub relationship_name: Option<String>,
    /// The objects that this relationship may lead to.
    #[serde(default)]
    pub reference_to: Vec<String>,
}

/// A relationship to children.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Child {
    /// The object of the children.
    #[serde(rename = "childSObject")]
    pub object: String,
    /// Its name; none where a query cannot follow it.
    #[serde(default)]
    pub relationship_name: Option<String>,
}

impl Object {
    /// A field by its name, in whatever letters.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))
    }

    /// The key of a relationship to a parent.
    pub fn parent(&self, relationship: &str) -> Option<&Field> {
        let named = |field: &&Field| {
            field.relationship_name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(relationship))
        };
        self.fields.iter().find(named)
    }

    /// A relationship to children.
    pub fn child(&self, relationship: &str) -> Option<&Child> {
        let named = |child: &&Child| {
            child.relationship_name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(relationship))
        };
        self.child_relationships.iter().find(named)
    }

    /// The object that a relationship leads to, where it is one.
    pub fn next(&self, relationship: &str) -> Option<&str> {
        match (self.child(relationship), self.parent(relationship)) {
            (Some(child), _) => Some(&child.object),
            (None, Some(key)) => key.reference_to.first().filter(|_| key.reference_to.len() == 1).map(String::as_str),
            (None, None) => None,
        }
    }

    /// A digest of what statements depend on.
    pub fn digest(&self) -> String {
        let mut parts: Vec<String> = self
            .fields
            .iter()
            .map(|f| format!("{} {} {} {:?} {:?}", f.name, f.kind, f.nillable, f.relationship_name, f.reference_to))
            .chain(self.child_relationships.iter().map(|c| format!("{} {:?}", c.object, c.relationship_name)))
            .collect();
        parts.sort_unstable();
        hex::encode(&Sha256::digest(parts.join("\n"))[..16])
    }
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

/// Descriptions that were asked for.
#[derive(Clone, Debug)]
pub struct Objects {
    api: Arc<Api>,
    known: Arc<Mutex<HashMap<String, Entry>>>,
}

/// What is known of one object.
#[derive(Clone, Debug, Default)]
struct Entry {
    /// Its description; none where there is no such object.
    said: Arc<Once<Option<Arc<Object>>>>,
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

impl Objects {
    /// None yet.
    pub fn new(api: Arc<Api>) -> Self {
        Self { api, known: Arc::default() }
    }

    /// An object, in whatever letters. `None` where there is none that this user may see.
    ///
    /// # Errors
    ///
    /// When it cannot be asked for now, and was not before.
    pub async fn get(&self, name: &str, when: When) -> Result<Option<Arc<Object>>, Failure> {
        if !is_name(name) {
            return Ok(None);
        }
        match self.entry(name).said.known().filter(|_| when == When::AtHand) {
            Some(known) => {
                if known.since.elapsed() > HOUR {
                    let (objects, name) = (self.clone(), name.to_owned());
                    tokio::spawn(async move { objects.ask(&name, When::Now).await.map(drop) });
                }
                Ok(Option::clone(&known.value))
            }
            None => self.ask(name, when).await,
        }
    }

    /// The same. One that `has` not what is wanted of it may have got it since: for what is said of an action it is asked for
    /// again.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn having(
        &self,
        name: &str,
        when: When,
        has: impl Fn(&Object) -> bool,
    ) -> Result<Option<Arc<Object>>, Failure> {
        match self.get(name, when).await? {
            Some(object) if has(&object) => Ok(Some(object)),
            _ if when == When::Now => self.get(name, When::Within(NEW)).await,
            lacking => Ok(lacking),
        }
    }

    /// What was said of an object, however long ago.
    pub fn said(&self, name: &str) -> Option<Arc<Object>> {
        let said = self.known().get(&name.to_ascii_lowercase())?.said.clone();
        Option::clone(&said.known()?.value)
    }

    /// That what was said of an object may no longer be so: what is asked of it from now on is asked anew. Not where it was
    /// in doubt a short while ago, nor so often where it was found unchanged.
    pub fn doubt(&self, name: &str) {
        if let Some(entry) = self.known().get_mut(&name.to_ascii_lowercase()) {
            entry.doubts.raise(Instant::now());
        }
    }

    async fn ask(&self, name: &str, when: When) -> Result<Option<Arc<Object>>, Failure> {
        let Entry { said, doubts, refused } = self.entry(name);
        if let Some((_, failure)) = refused.filter(|(at, _)| at.elapsed() < REFUSED) {
            return Err(failure);
        }
        let age = if let When::Within(age) = when { age } else { HOUR - SOON };
        let fits = |known: &Known<Option<Arc<Object>>>| {
            known.since.elapsed() < age && doubts.last.is_none_or(|doubted| known.since > doubted)
        };
        let before = said.known();
        match said.get(fits, || fetch(self.api.clone(), name.to_owned())).await {
            Ok(known) => {
                let digest = |known: &Known<Option<Arc<Object>>>| known.value.as_ref().as_ref().map(|o| o.digest());
                if before.is_some_and(|before| {
                    !Arc::ptr_eq(&before.value, &known.value) && digest(&before) != digest(&known)
                }) {
                    self.change(name, |entry| entry.doubts.vain = 0);
                }
                Ok(Option::clone(&known.value))
            }
            Err(Refused { failure, then, .. }) => {
                if then == Then::Never {
                    self.change(name, |entry| entry.refused = Some((Instant::now(), failure.clone())));
                }
                Err(failure)
            }
        }
    }

    fn entry(&self, name: &str) -> Entry {
        let mut known = self.known();
        let name = name.to_ascii_lowercase();
        if known.len() >= MAX_OBJECTS && !known.contains_key(&name) {
            known.clear();
        }
        known.entry(name).or_default().clone()
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Entry)) {
        self.known().get_mut(&name.to_ascii_lowercase()).map(change);
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn fetch(api: Arc<Api>, name: String) -> Result<Option<Arc<Object>>, Refused> {
    let path = api.path(&format!("sobjects/{name}/describe"));
    let (retries, deadline) = (Default::default(), Instant::now() + LONGEST);
    let tries = Tries { retry: Retry::default(), deadline, retries: &retries };
    match api.ask(tries, &Ask::get(&path, "")).await {
        Ok(answer) => read(&answer).map(|object| Some(Arc::new(object))),
        Err(refused) if refused.failure.code.as_deref() == Some(MISSING) => Ok(None),
        Err(refused) => Err(refused),
    }
}

/// The code for an object that is not there.
const MISSING: &str = "NOT_FOUND";

fn read(answer: &Answer) -> Result<Object, Refused> {
    let odd = |_| Refused::never(Failure::new(FailureKind::Other, "the description of an object cannot be read"));
    serde_json::from_slice(&answer.body).map_err(odd)
}

/// Whether a text is a name of an object: it becomes a piece of an address.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
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
