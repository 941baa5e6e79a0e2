//! What an org says of queries and objects without running anything: from its descriptions of objects.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures_util::{
    StreamExt, TryStreamExt,
    future::{BoxFuture, ready},
    stream,
};
use serde::Deserialize;
use tokio::time::Instant;

use super::{
    api::{Api, Ask},
    describe::{Field, HOUR, Object, Objects, When},
    names::{self, Found},
    query::COUNT,
};
use crate::{
    backend::{
        Failure, FailureKind, Inspect, Retry,
        inspect::{Described, Description, JsonKind, Plan, Table, TableColumn, name_parts},
        service::{Tries, descriptions::Describes},
    },
    template::{
        Statement,
        soql::{self, FieldKind, Outline},
    },
    value::Scalar,
};

/// So many objects are described at once.
const AT_ONCE: usize = 5;
/// How long the list of all objects may take.
const LONGEST: Duration = Duration::from_secs(20);

/// Asks an org.
#[derive(Debug)]
pub struct Inspector {
    api: Arc<Api>,
    objects: Objects,
}

impl Inspector {
    /// One that shares the descriptions of calls.
    pub fn new(api: Arc<Api>, objects: Objects) -> Self {
        Self { api, objects }
    }

    async fn describe(&self, statement: &Statement) -> Result<Description, Failure> {
        let Some(outline) = statement.outline() else {
            return Err(Failure::new(FailureKind::Other, "the statement is no query of SOQL"));
        };
        let missing = self.missing(outline).await.map_err(untold)?;
        if !missing.is_empty() {
            return Err(Failure::new(FailureKind::Drift, missing.join("; ")));
        }
        let mut columns: Vec<Described> = Vec::new();
        for field in &outline.query.fields {
            // Which members there are only Salesforce knows.
            let Some(column) = self.column(outline, field).await.map_err(untold)? else {
                return Ok(Description::default());
            };
            if !columns.iter().any(|known| known.name == column.name) {
                columns.push(column);
            }
        }
        Ok(Description { columns, problems: Vec::new() })
    }

    /// What the query names and the org has not.
    async fn missing(&self, outline: &Outline) -> Result<Vec<String>, Failure> {
        let mut missing = Vec::new();
        let root = names::object(&self.objects, &outline.query.from.text, When::Now).await?;
        if let Err(Found::Missing(message)) = root {
            return Ok(vec![message]);
        }
        for path in &outline.paths {
            if let Found::Missing(message) = names::field(&self.objects, path, When::Now).await?
                && !missing.contains(&message)
            {
                missing.push(message);
            }
        }
        Ok(missing)
    }

    async fn column(&self, outline: &Outline, field: &soql::Field) -> Result<Option<Described>, Failure> {
        let Ok(root) = names::object(&self.objects, &outline.query.from.text, When::Now).await? else {
            return Ok(None);
        };
        let column = |name: &str, type_name: &str, json, nullable| {
            Some(Described { name: name.to_owned(), type_name: type_name.to_owned(), json, nullable })
        };
        Ok(match &field.kind {
            FieldKind::Path(path) if path.len() > 1 => parent(&root, &path[0]),
            FieldKind::Typeof(path) => path.first().and_then(|name| parent(&root, name)),
            FieldKind::Path(path) => {
                let name = path.first().map(String::as_str).unwrap_or_default();
                // In groups a parent's field stands at the top, under its own name.
                let whole = outline.paths.iter().find(|path| path.range == field.range);
                let found = match whole {
                    Some(whole) => names::field(&self.objects, whole, When::Now).await?,
                    None => Found::Open,
                };
                match found.field() {
                    Some(field) => column(&field.name, &field.kind, json(field), Some(field.nillable)),
                    None => column(name, "any", JsonKind::Any, None),
                }
            }
            FieldKind::Value { name, .. } => column(name, "any", JsonKind::Any, None),
            FieldKind::Child(child) => {
                let name = root.child(&child.from.text).and_then(|child| child.relationship_name.as_deref());
                column(name.unwrap_or(&child.from.text), "records", JsonKind::Array, Some(false))
            }
            FieldKind::Count => column(COUNT, "long", JsonKind::Integer, Some(false)),
            FieldKind::Fields => None,
        })
    }

    /// The name of the object that a name leads to: an object, and relationships from there.
    async fn end(&self, name: &str) -> Result<Option<String>, Failure> {
        let parts = name_parts(name).unwrap_or_default();
        let Some((root, steps)) = parts.split_first() else { return Ok(None) };
        let mut name = root.text.clone();
        for step in steps {
            let object = self.objects.get(&name, When::Now).await?;
            match object.as_ref().and_then(|object| object.next(&step.text)) {
                Some(next) => name = next.to_owned(),
                None => return Ok(None),
            }
        }
        Ok(Some(name))
    }

    /// The digest of what a name leads to. What is not told now has none.
    async fn digest(&self, name: &str) -> Result<Option<String>, Failure> {
        let object = match self.end(name).await {
            Ok(Some(end)) => self.objects.get(&end, When::Now).await,
            Ok(None) => Ok(None),
            Err(failure) => Err(failure),
        };
        match object.map_err(untold) {
            Ok(object) => Ok(object.map(|object| object.digest())),
            Err(failure) if failure.kind == FailureKind::Untold => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn all(&self) -> Result<Vec<String>, Failure> {
        #[derive(Deserialize)]
        struct All {
            sobjects: Vec<One>,
        }
        #[derive(Deserialize)]
        struct One {
            name: String,
        }
        let (retries, deadline, path) = (Default::default(), Instant::now() + LONGEST, self.api.path("sobjects"));
        let tries = Tries { retry: Retry::default(), deadline, retries: &retries };
        let answer = self.api.ask(tries, &Ask::get(&path, "")).await.map_err(|refused| refused.failure)?;
        let all: All = serde_json::from_slice(&answer.body)
            .map_err(|_| Failure::new(FailureKind::Other, "the list of objects cannot be read"))?;
        Ok(all.sobjects.into_iter().map(|object| object.name).collect())
    }
}

impl Inspect for Inspector {
    fn describe<'a>(&'a self, statement: &'a Statement) -> BoxFuture<'a, Result<Option<Description>, Failure>> {
        Box::pin(async { self.describe(statement).await.map(Some) })
    }

    fn plan<'a>(&'a self, _: &'a Statement) -> BoxFuture<'a, Result<Plan, Failure>> {
        Box::pin(async { Err(Failure::new(FailureKind::Other, "Salesforce gives no plan")) })
    }

    fn digests<'a>(&'a self, tables: &'a [String]) -> BoxFuture<'a, Result<HashMap<String, String>, Failure>> {
        Box::pin(async move {
            // Descriptions that came stay where another one fails, or all of them together take too long: the next time goes
            // on from there.
            let digest = |name: String| async move {
                let digest = self.digest(&name).await?;
                Ok(digest.map(|digest| (name, digest)))
            };
            let digests = stream::iter(tables.to_vec()).map(digest).buffer_unordered(AT_ONCE);
            digests.try_filter_map(|digest| ready(Ok(digest))).try_collect().await
        })
    }

    fn table<'a>(&'a self, name: &'a str, wanted: &'a [&'a str]) -> BoxFuture<'a, Result<Option<Table>, Failure>> {
        Box::pin(async move {
            let Some(end) = self.end(name).await.map_err(untold)? else { return Ok(None) };
            let has = |object: &Object| wanted.iter().all(|field| object.field(field).is_some());
            let object = self.objects.having(&end, When::Now, has).await.map_err(untold)?;
            Ok(object.map(|object| Table {
                name: object.name.clone(),
                columns: object.fields.iter().map(table_column).collect(),
                key: vec!["Id".into()],
            }))
        })
    }

    fn tables(&self) -> BoxFuture<'_, Result<Vec<String>, Failure>> {
        Box::pin(self.all())
    }

    fn every(&self) -> Duration {
        HOUR
    }
}

/// What a refusal to describe an object means: nothing of who names it. That there is none is no refusal.
fn untold(failure: Failure) -> Failure {
    match failure.kind {
        FailureKind::Other | FailureKind::Drift | FailureKind::InvalidValue | FailureKind::Constraint(_) => {
            Failure { kind: FailureKind::Untold, ..failure }
        }
        _ => failure,
    }
}

/// The object that a relationship to a parent puts into a record.
fn parent(root: &Object, relationship: &str) -> Option<Described> {
    let key = root.parent(relationship)?;
    let name = key.relationship_name.clone()?;
    Some(Described { name, type_name: "record".into(), json: JsonKind::Object, nullable: Some(key.nillable) })
}

fn table_column(field: &Field) -> TableColumn {
    let scalar = match field.kind.as_str() {
        "boolean" => Some(Scalar::Boolean),
        "int" | "long" => Some(Scalar::Integer),
        "double" | "currency" | "percent" => Some(Scalar::Decimal),
        "date" => Some(Scalar::Date),
        "datetime" => Some(Scalar::Timestamp),
        "time" => Some(Scalar::Time),
        "address" | "location" | "complexvalue" | "base64" | "anyType" | "json" => None,
        _ => Some(Scalar::String),
    };
    let (name, type_name) = (field.name.clone(), field.kind.clone());
    TableColumn { name, type_name, scalar, json: json(field), nullable: field.nillable }
}

/// What the values of a field become. What Salesforce does not name today may become anything.
fn json(field: &Field) -> JsonKind {
    match field.kind.as_str() {
        "boolean" => JsonKind::Boolean,
        "int" | "long" => JsonKind::Integer,
        "double" | "currency" | "percent" => JsonKind::Number,
        "address" | "location" => JsonKind::Object,
        "id"
        | "string"
        | "picklist"
        | "multipicklist"
        | "combobox"
        | "reference"
        | "textarea"
        | "phone"
        | "url"
        | "email"
        | "encryptedstring"
        | "date"
        | "datetime"
        | "time"
        | "base64"
        | "datacategorygroupreference" => JsonKind::String,
        _ => JsonKind::Any,
    }
}
