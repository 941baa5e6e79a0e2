//! Writes one record: one request, sent again only where it certainly had no effect (SPEC 7.3).

use std::{sync::atomic::Ordering, time::Duration};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value as Json;
use tokio::time::timeout_at;

use super::{
    api::{Api, Ask},
    describe::{Objects, When},
    failure::Effect,
};
use crate::backend::{
    Column, Failure, FailureKind, RecordWrite, Request, Sink,
    record::{Key, Operation},
    service::{Refused, Tries, client::Answer},
};

/// What stands for itself in a segment of an address (RFC 3986, section 2.3). A segment of dots alone is no value of a key.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// An object that was there within that time is there.
const RECENT: Duration = Duration::from_secs(60);

/// What Salesforce answers to a record that was written.
#[derive(Debug, Default, Deserialize)]
struct Written {
    id: Option<String>,
    created: Option<bool>,
}

/// Writes the record of a request.
///
/// # Errors
///
/// When it was not written, or may not have been: then [`Request::committing`] is set. What fails after it was written
/// leaves [`Request::committed`] set: nothing takes it back.
pub async fn write(
    api: &Api,
    objects: &Objects,
    record: &RecordWrite,
    request: &Request,
    sink: &mut dyn Sink,
) -> Result<(), Failure> {
    let path = api.path(&resource(record));
    let method = if record.operation == Operation::Create { Method::POST } else { Method::PATCH };
    let body = Json::Object(record.body());
    let names: Vec<&str> =
        [&*record.object].into_iter().chain(record.fields.iter().map(|field| &*field.name)).collect();
    let names = names.join(" ");
    let committing = Some(&request.committing);
    let ask = Ask { method, body: Some(&body), effect: Effect::Writes, committing, ..Ask::get(&path, &names) };
    let tries = Tries { retry: request.retry, deadline: request.deadline, retries: &request.retries };
    let outcome = api.ask(tries, &ask).await;
    request.committed.store(outcome.is_ok(), Ordering::Relaxed);
    let operation = record.operation;
    let failure = match outcome {
        Ok(_) if operation == Operation::Update => return answer(operation, None, 1, sink),
        Ok(said) => return answer(operation, Some(written(operation, &said)?), 1, sink),
        Err(Refused { failure, .. }) => failure,
    };
    if operation == Operation::Update
        && is_gone(&failure)
        && !(is_missing(&failure) && is_no_object(objects, record, request).await)
    {
        return answer(operation, None, 0, sink);
    }
    if !is_missing(&failure) && failure.kind != FailureKind::Drift {
        return Err(failure);
    }
    objects.doubt(&record.object);
    Err(Failure { kind: FailureKind::Drift, ..failure })
}

/// Whether the object of a record is not there: Salesforce refuses an update of a record that is gone, and of an object that is
/// gone, in the same words.
async fn is_no_object(objects: &Objects, record: &RecordWrite, request: &Request) -> bool {
    let object = timeout_at(request.deadline, objects.get(&record.object, When::Within(RECENT)));
    matches!(object.await, Ok(Ok(None)))
}

/// The resource that a record is written to. What a caller sent is one segment of it, the last one.
fn resource(record: &RecordWrite) -> String {
    let object = &record.object;
    match &record.key {
        None => format!("sobjects/{object}"),
        Some(Key { external_id: None, value, .. }) => format!("sobjects/{object}/{}", segment(value)),
        Some(Key { external_id: Some(field), value, .. }) => format!("sobjects/{object}/{field}/{}", segment(value)),
    }
}

fn segment(value: &str) -> String {
    utf8_percent_encode(value, SEGMENT).to_string()
}

/// Whether there is no such record, or not any more.
fn is_gone(failure: &Failure) -> bool {
    matches!(failure.code.as_deref(), Some("NOT_FOUND" | "ENTITY_IS_DELETED"))
}

/// Whether there is no such object, or no such external id.
fn is_missing(failure: &Failure) -> bool {
    failure.code.as_deref() == Some("NOT_FOUND")
}

/// Answers the rows of a write, and how many records it changed.
fn answer(operation: Operation, row: Option<Vec<Json>>, changed: u64, sink: &mut dyn Sink) -> Result<(), Failure> {
    let columns: Vec<Column> = operation.columns().iter().map(|name| Column { name: (*name).into() }).collect();
    sink.begin(&columns)?;
    row.map(|row| sink.row(row)).transpose()?;
    Ok(sink.end(changed)?)
}

/// What an answer says of the record that was written. An upsert of an older version of the API says nothing of a record that
/// was there.
fn written(operation: Operation, answer: &Answer) -> Result<Vec<Json>, Failure> {
    let odd = || Failure::new(FailureKind::Other, "the record is written, and the answer does not tell its id");
    let written: Written = match answer.status {
        204 => Written::default(),
        _ => serde_json::from_slice(&answer.body).map_err(|_| odd())?,
    };
    let created = operation == Operation::Create || written.created.unwrap_or(answer.status == 201);
    match written.id {
        None if created => Err(odd()),
        id => Ok(vec![id.into(), created.into()]),
    }
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;
    use reqwest::Url;

    use super::*;

    fn record(external_id: Option<&str>, value: &str) -> RecordWrite {
        let external_id = external_id.map(Into::into);
        let key = Some(Key { external_id, value: value.into(), params: [0].into() });
        RecordWrite { operation: Operation::Upsert, object: "Case".into(), key, fields: Vec::new() }
    }

    #[test]
    fn a_record_has_its_resource() {
        assert_eq!(resource(&RecordWrite { key: None, ..record(None, "") }), "sobjects/Case");
        assert_eq!(resource(&record(None, "500Hs00001AbcdeIAB")), "sobjects/Case/500Hs00001AbcdeIAB");
        assert_eq!(
            resource(&record(Some("Ref__c"), "a/b?c#d é%2F")),
            "sobjects/Case/Ref__c/a%2Fb%3Fc%23d%20%C3%A9%252F"
        );
    }

    proptest! {
        #[test]
        fn what_a_caller_sends_is_one_segment_and_reads_back(
            value in prop_oneof![any::<String>(), "[./\\\\?#%;:@&=+ \\r\\n\\t2eEfF]{1,12}"],
        ) {
            prop_assume!(!matches!(value.as_str(), "" | "." | ".."));
            let path = format!("/services/data/v66.0/{}", resource(&record(Some("Ref__c"), &value)));
            let url: Url = Url::parse("https://acme.my.salesforce.com").expect("an address").join(&path).expect("an address");
            let segments: Vec<&str> = url.path_segments().expect("segments").collect();
            prop_assert_eq!(&segments[..6], &["services", "data", "v66.0", "sobjects", "Case", "Ref__c"]);
            prop_assert_eq!((segments.len(), url.query(), url.fragment()), (7, None, None));
            prop_assert_eq!(url.host_str(), Some("acme.my.salesforce.com"));
            prop_assert_eq!(percent_decode_str(segments[6]).decode_utf8().expect("UTF-8"), value);
        }
    }
}
