//! What Salesforce says of its objects: fields, their types, where relationships lead. Asked once for all who want it, and
//! again after an hour.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
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

/// Descriptions that were asked for.
#[derive(Debug)]
pub struct Objects {
    api: Arc<Api>,
    known: Mutex<HashMap<String, Arc<Once<Object>>>>,
}

impl Objects {
    /// None yet.
    pub fn new(api: Arc<Api>) -> Self {
        Self { api, known: Mutex::default() }
    }

    /// An object, in whatever letters, as it was said to be at most so long ago. `None` where there is none that this user may
    /// see. Where it cannot be asked for now, what was said before that counts.
    pub async fn get(&self, name: &str, age: Duration) -> Result<Option<Arc<Object>>, Failure> {
        let once = self.entry(name);
        let path = self.api.path(&format!("sobjects/{}/describe", encoded(name)));
        let api = Arc::clone(&self.api);
        let fetch = || async move {
            let (retries, deadline) = (Default::default(), Instant::now() + LONGEST);
            let tries = Tries { retry: Retry::default(), deadline, retries: &retries };
            api.ask(tries, &Ask::get(&path, "")).await.and_then(|answer| read(&answer))
        };
        match once.get(|known| known.since.elapsed() <= age, fetch).await {
            Ok(known) => Ok(Some(known.value)),
            Err(refused) if refused.failure.code.as_deref() == Some(MISSING) => Ok(None),
            Err(refused) => match once.known() {
                Some(known) => Ok(Some(known.value)),
                None => Err(refused.failure),
            },
        }
    }

    fn entry(&self, name: &str) -> Arc<Once<Object>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let name = name.to_ascii_lowercase();
        if known.len() >= MAX_OBJECTS && !known.contains_key(&name) {
            known.clear();
        }
        known.entry(name).or_default().clone()
    }
}

/// The code for an object that is not there.
const MISSING: &str = "NOT_FOUND";

fn read(answer: &Answer) -> Result<Object, Refused> {
    let odd = |_| Refused::never(Failure::new(FailureKind::Other, "the description of an object cannot be read"));
    serde_json::from_slice(&answer.body).map_err(odd)
}

/// A name as one segment of a path. Names come from action files and from Salesforce.
fn encoded(name: &str) -> String {
    percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC).to_string().replace("%5F", "_")
}
