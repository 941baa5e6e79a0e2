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
    service::{Refused, Tries, client::Answer, once::Once},
};

/// How long a description is taken for true.
pub const HOUR: Duration = Duration::from_secs(60 * 60);
/// So much before that it is asked for again: descriptions are of a moment after the hour began.
const SOON: Duration = Duration::from_secs(5 * 60);
/// How long a description may take to come.
const LONGEST: Duration = Duration::from_secs(20);
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
}

/// Descriptions that were asked for.
#[derive(Clone, Debug)]
pub struct Objects {
    api: Arc<Api>,
    known: Arc<Mutex<Known>>,
}

#[derive(Debug)]
struct Known {
    objects: HashMap<String, Arc<Once<Object>>>,
    /// Since when what was said before may no longer be so.
    doubted: Instant,
}

impl Objects {
    /// None yet.
    pub fn new(api: Arc<Api>) -> Self {
        // What comes first is new: nobody need doubt it.
        let known = Known { objects: HashMap::new(), doubted: Instant::now() };
        Self { api, known: Arc::new(Mutex::new(known)) }
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
        match self.entry(name).0.known().filter(|_| when == When::AtHand) {
            Some(known) => {
                if known.since.elapsed() > HOUR {
                    let (objects, name) = (self.clone(), name.to_owned());
                    tokio::spawn(async move { objects.now(&name).await.map(drop) });
                }
                Ok(Some(known.value))
            }
            None => self.now(name).await,
        }
    }

    async fn now(&self, name: &str) -> Result<Option<Arc<Object>>, Failure> {
        let (once, doubted) = self.entry(name);
        let path = self.api.path(&format!("sobjects/{name}/describe"));
        let api = Arc::clone(&self.api);
        let fetch = || async move {
            let (retries, deadline) = (Default::default(), Instant::now() + LONGEST);
            let tries = Tries { retry: Retry::default(), deadline, retries: &retries };
            api.ask(tries, &Ask::get(&path, "")).await.and_then(|answer| read(&answer))
        };
        let recent = |since: Instant| since.elapsed() < HOUR - SOON && since > doubted;
        match once.get(|known| recent(known.since), fetch).await {
            Ok(known) => Ok(Some(known.value)),
            Err(refused) if refused.failure.code.as_deref() == Some(MISSING) => Ok(None),
            Err(refused) => Err(refused.failure),
        }
    }

    /// That what was said may no longer be so: what is asked for from now on is asked anew. Not where the last doubt is newer
    /// than this: doubts that nothing comes of must not use up the day's requests. Answers whether it counts.
    pub fn doubt(&self, apart: Duration) -> bool {
        let mut known = self.known();
        let new = known.doubted.elapsed() > apart;
        if new {
            known.doubted = Instant::now();
        }
        new
    }

    fn entry(&self, name: &str) -> (Arc<Once<Object>>, Instant) {
        let mut known = self.known();
        let name = name.to_ascii_lowercase();
        if known.objects.len() >= MAX_OBJECTS && !known.objects.contains_key(&name) {
            known.objects.clear();
        }
        (known.objects.entry(name).or_default().clone(), known.doubted)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
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
