//! Runs a query: page by page, each record a row, with at most one page in memory.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json, value::RawValue};

use super::{
    api::{Api, Ask},
    describe::{Object, Objects, When},
    names,
    record::{columns, datetime, plain, records, row, unfinished},
};
use crate::{
    backend::{
        Column, Failure, FailureKind, Flow, Request, Sink,
        service::{Tries, client::MAX_BODY},
    },
    template::soql::Outline,
};

/// The most bytes of an address: a longer query travels in a body. With its headers it may have 16,384, and a token may have
/// some thousand (FACTS 2.2).
const MAX_ADDRESS: usize = 12 * 1024;
/// The least and the most records of a page that may be asked for.
const BATCH: [usize; 2] = [200, 2000];
/// What is not encoded in an address.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// The column of a query that only counts.
pub const COUNT: &str = "count";

/// A page of records.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a> {
    total_size: u64,
    done: bool,
    #[serde(borrow)]
    next_records_url: Option<Cow<'a, str>>,
    #[serde(borrow)]
    records: Vec<&'a RawValue>,
}

/// A query that runs.
struct Run<'a> {
    api: &'a Api,
    objects: &'a Objects,
    request: &'a Request,
    text: &'a str,
    /// What the author wrote of it.
    written: &'a str,
    outline: Option<&'a Outline>,
    sink: &'a mut dyn Sink,
    /// Set by the first record.
    columns: Option<Vec<String>>,
    /// The objects whose records had what looks like a datetime; `None` where there is no such object.
    types: HashMap<String, Option<Arc<Object>>>,
    /// Whether groups have datetimes, once that was asked.
    grouped: Option<bool>,
}

/// Runs the only statement of a request.
pub async fn read(api: &Api, objects: &Objects, request: &Request, sink: &mut dyn Sink) -> Result<(), Failure> {
    let [bound] = &request.statements[..] else {
        return Err(Failure::new(FailureKind::Other, "a call to Salesforce has one query"));
    };
    let statement = &bound.statement;
    let (text, written, outline) = (bound.text(), statement.text(), statement.outline());
    let (columns, types) = (None, HashMap::new());
    let mut run = Run { api, objects, request, text, written, outline, sink, columns, types, grouped: None };
    let outcome = run.pages().await;
    if let (Err(Failure { kind: FailureKind::Drift, .. }), Some(outline)) = (&outcome, outline) {
        names::known(objects, outline).iter().for_each(|object| objects.doubt(object));
    }
    outcome
}

impl<'a> Run<'a> {
    async fn pages(&mut self) -> Result<(), Failure> {
        let mut body = self.first().await?;
        loop {
            let page = page(&body)?;
            if self.outline.is_some_and(Outline::counts) {
                self.sink.begin(&[Column { name: COUNT.into() }])?;
                self.sink.row(vec![page.total_size.into()])?;
                break;
            }
            let mut enough = false;
            for record in &page.records {
                let record = self.record(record).await?;
                match self.row(record)? {
                    Flow::More => {}
                    Flow::Flush => self.sink.flush().await?,
                    Flow::Enough => {
                        enough = true;
                        break;
                    }
                }
            }
            if enough || page.done {
                break;
            }
            let next = page.next_records_url.ok_or_else(|| odd("has more pages and does not say where"))?.into_owned();
            body = self.get(&next, None).await?;
        }
        if self.columns.is_none() && !self.outline.is_some_and(Outline::counts) {
            self.begin(Vec::new())?;
        }
        self.sink.end(0)?;
        Ok(())
    }

    /// The first page.
    async fn first(&mut self) -> Result<Vec<u8>, Failure> {
        let path = self.api.path(&format!("query?q={}", utf8_percent_encode(self.text, ENCODED)));
        if path.len() > MAX_ADDRESS {
            return self.composite(&path).await;
        }
        let batch = self.sink.wanted().map(|wanted| wanted.clamp(BATCH[0], BATCH[1]));
        self.get(&path, batch.filter(|batch| *batch < BATCH[1])).await
    }

    async fn get(&mut self, path: &str, batch: Option<usize>) -> Result<Vec<u8>, Failure> {
        let ask = Ask { batch, ..Ask::get(path, self.written) };
        self.api.ask(self.tries(), &ask).await.map(|answer| answer.body).map_err(|refused| refused.failure)
    }

    /// Sends what is too long for an address in a body: one request within another.
    async fn composite(&mut self, path: &str) -> Result<Vec<u8>, Failure> {
        let whole = self.api.path("composite");
        let body = json!({ "compositeRequest": [{ "method": "GET", "url": path, "referenceId": "query" }] });
        let ask = Ask { method: Method::POST, body: Some(&body), composite: true, ..Ask::get(&whole, self.written) };
        self.api.ask(self.tries(), &ask).await.map(|answer| answer.body).map_err(|refused| refused.failure)
    }

    fn tries(&self) -> Tries<'a> {
        let deadline = self.sink.deadline().unwrap_or(self.request.deadline);
        Tries { retry: self.request.retry, deadline, retries: &self.request.retries }
    }

    /// A record with all of its children, as data.
    async fn record(&mut self, raw: &RawValue) -> Result<Map<String, Json>, Failure> {
        let mut record: Json = parse(raw)?;
        self.complete(&mut record).await?;
        self.describe(&mut record).await?;
        let (types, grouped) = (&self.types, self.grouped == Some(true));
        records(&mut record, &mut |kind, members| {
            let object = types.get(kind).and_then(Option::as_ref);
            for (name, value) in members {
                let is_datetime = match object {
                    Some(object) => object.field(name).is_some_and(|field| field.kind == "datetime"),
                    None => kind == GROUP && grouped,
                };
                if let Some(text) = value.as_str().filter(|_| is_datetime).and_then(datetime) {
                    *value = text.into();
                }
            }
        });
        let Json::Object(mut record) = record else { return Err(odd("has a record that is none")) };
        plain(&mut record, self.outline.map(|outline| &outline.query));
        Ok(record)
    }

    /// Fetches the pages of children that are not there yet.
    async fn complete(&mut self, record: &mut Json) -> Result<(), Failure> {
        let mut bytes = 0;
        while let Some(children) = unfinished(record) {
            let next = children.get("nextRecordsUrl").and_then(Json::as_str);
            let next = next.ok_or_else(|| odd("has more children and does not say where"))?.to_owned();
            let body = self.get(&next, None).await?;
            bytes += body.len();
            if bytes > MAX_BODY {
                return Err(odd("has a record with more than 64 MiB of children"));
            }
            let page = page(&body)?;
            let more: Result<Vec<Json>, Failure> = page.records.iter().map(|record| parse(record)).collect();
            if let Some(Json::Array(all)) = children.get_mut("records") {
                all.extend(more?);
            }
            children.insert("done".into(), page.done.into());
            children.insert("nextRecordsUrl".into(), page.next_records_url.map_or(Json::Null, |url| url.into()));
        }
        Ok(())
    }

    /// Asks what the objects are whose records have what looks like a datetime: that, and nothing else, has to be known of
    /// them.
    async fn describe(&mut self, record: &mut Json) -> Result<(), Failure> {
        let mut unknown = Vec::new();
        records(record, &mut |kind, members| {
            if !self.types.contains_key(kind)
                && members.values().any(|value| value.as_str().is_some_and(|text| datetime(text).is_some()))
            {
                unknown.push(kind.to_owned());
            }
        });
        for kind in unknown {
            if kind == GROUP {
                if self.grouped.is_none() {
                    let datetimes = match self.outline {
                        Some(outline) => names::has_datetime(self.objects, outline).await?,
                        None => false,
                    };
                    self.grouped = Some(datetimes);
                }
            } else if !self.types.contains_key(&kind) {
                let object = self.objects.get(&kind, When::AtHand).await?;
                self.types.insert(kind, object);
            }
        }
        Ok(())
    }

    fn row(&mut self, record: Map<String, Json>) -> Result<Flow, Failure> {
        if self.columns.is_none() {
            self.begin(columns(&record, self.outline.map(|outline| &outline.query)))?;
        }
        let columns = self.columns.as_deref().unwrap_or_default();
        let values = row(record, columns).ok_or_else(|| odd("has records with other members than the first one"))?;
        Ok(self.sink.row(values)?)
    }

    fn begin(&mut self, columns: Vec<String>) -> Result<(), Failure> {
        let named: Vec<Column> = columns.iter().map(|name| Column { name: name.clone() }).collect();
        self.columns = Some(columns);
        Ok(self.sink.begin(&named)?)
    }
}

/// The type of the records of a query with groups.
const GROUP: &str = "AggregateResult";

fn odd(what: &str) -> Failure {
    Failure::new(FailureKind::Other, format!("the answer {what}"))
}

fn page(body: &[u8]) -> Result<Page<'_>, Failure> {
    serde_json::from_slice(body).map_err(|_| odd("is no page of records"))
}

fn parse(raw: &RawValue) -> Result<Json, Failure> {
    serde_json::from_str(raw.get()).map_err(|_| odd("has a record that cannot be read"))
}
