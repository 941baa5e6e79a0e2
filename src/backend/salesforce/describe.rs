//! What Salesforce says of its objects: fields, their types, where relationships lead.

use std::{sync::Arc, time::Duration};

use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::api::{Api, Ask};
use crate::backend::{
    Failure, FailureKind, Retry,
    service::{
        Refused, Tries,
        client::Answer,
        descriptions::{Describes, Descriptions},
    },
};

pub use crate::backend::service::descriptions::{HOUR, When};

/// How long a description may take to come.
const LONGEST: Duration = Duration::from_secs(20);

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
}

impl Describes for Object {
    fn digest(&self) -> String {
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

/// The objects of an org that were described, in whatever letters they are named.
pub type Objects = Descriptions<Object>;

/// None yet.
pub fn objects(api: Arc<Api>) -> Objects {
    Objects::new(str::to_ascii_lowercase, move |name| Box::pin(fetch(api.clone(), name)))
}

async fn fetch(api: Arc<Api>, name: String) -> Result<Option<Object>, Refused> {
    if !is_name(&name) {
        return Ok(None);
    }
    let path = api.path(&format!("sobjects/{name}/describe"));
    let (retries, deadline) = (Default::default(), Instant::now() + LONGEST);
    let tries = Tries { retry: Retry::default(), deadline, retries: &retries };
    match api.ask(tries, &Ask::get(&path, "")).await {
        Ok(answer) => read(&answer).map(Some),
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
