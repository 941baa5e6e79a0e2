//! The records of an org that are written one by one, as strict as the service is (FACTS 2.2): names, types, lengths, unique and
//! required fields, ids of one form.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value as Json, json};

use super::server::{Got, Reply};

/// A field: its name, what it holds, and how.
type Field = (&'static str, Holds, How);

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Holds {
    /// Text of at most so many characters.
    Text(usize),
    Number,
    Boolean,
    Date,
    DateTime,
    Time,
    /// The id of another record.
    Reference,
}

/// What else is asked of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    Optional,
    Required,
    /// An external id, which is unique or not.
    ExternalId {
        unique: bool,
    },
}

const CASE: &[Field] = &[
    ("Subject", Holds::Text(255), How::Optional),
    ("Status", Holds::Text(40), How::Optional),
    ("Origin", Holds::Text(40), How::Required),
    ("SuppliedPhone", Holds::Text(40), How::Optional),
    ("Topics__c", Holds::Text(4099), How::Optional),
    ("Amount__c", Holds::Number, How::Optional),
    ("Urgent__c", Holds::Boolean, How::Optional),
    ("On__c", Holds::Date, How::Optional),
    ("At__c", Holds::DateTime, How::Optional),
    ("From__c", Holds::Time, How::Optional),
    ("ContactId", Holds::Reference, How::Optional),
    ("Call_Id__c", Holds::Text(255), How::ExternalId { unique: true }),
    ("Line__c", Holds::Text(255), How::ExternalId { unique: false }),
];

/// The subject that a rule of the org refuses.
pub const FORBIDDEN: &str = "refused by a rule";

/// Cases by their ids.
#[derive(Debug, Default)]
pub struct Sobjects {
    pub cases: BTreeMap<String, Map<String, Json>>,
    made: usize,
}

impl Sobjects {
    /// Takes a write, if the request is one; `parts` are the segments below `sobjects`, as they were sent.
    pub fn write(&mut self, got: &Got, parts: &[&str]) -> Option<Reply> {
        let outcome = match (got.method.as_str(), parts) {
            ("POST", [object]) => self.create(object, got),
            ("PATCH", [object, id]) => self.update(object, &decoded(id), got),
            ("PATCH", [object, field, value]) => self.upsert(object, field, &decoded(value), got),
            _ => return None,
        };
        Some(outcome.unwrap_or_else(|refused| refused))
    }

    /// Puts a record there.
    pub fn insert(&mut self, fields: Json) -> String {
        let Json::Object(fields) = fields else { panic!("a map of fields") };
        self.made += 1;
        let id = format!("500Hs0000{:06}IAB", self.made);
        self.cases.insert(id.clone(), fields);
        id
    }

    fn create(&mut self, object: &str, got: &Got) -> Result<Reply, Reply> {
        let fields = self.fields(object, got)?;
        self.check(&fields, None, true)?;
        let id = self.insert(Json::Object(fields));
        Ok(Reply::json(201, &json!({ "id": id, "success": true, "errors": [] })))
    }

    fn update(&mut self, object: &str, id: &str, got: &Got) -> Result<Reply, Reply> {
        let fields = self.fields(object, got)?;
        if !matches!(id.len(), 15 | 18) || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(Reply::error(400, "MALFORMED_ID", &format!("Case ID: id value of incorrect type: {id}")));
        }
        self.check(&fields, Some(id), false)?;
        let Some(case) = self.cases.get_mut(id) else {
            return Err(Reply::error(404, "NOT_FOUND", "The requested resource does not exist"));
        };
        case.extend(fields);
        Ok(Reply { status: 204, body: String::new() })
    }

    fn upsert(&mut self, object: &str, field: &str, value: &str, got: &Got) -> Result<Reply, Reply> {
        let mut fields = self.fields(object, got)?;
        if !CASE.iter().any(|(name, _, how)| *name == field && matches!(how, How::ExternalId { .. })) {
            let message = format!("Provided external ID field does not exist or is not accessible: {field}");
            return Err(Reply::error(404, "NOT_FOUND", &message));
        }
        if fields.contains_key(field) {
            let message = format!("The {field} field should not be specified in the sobject data.");
            return Err(Reply::error(400, "INVALID_FIELD", &message));
        }
        let found: Vec<String> = self
            .cases
            .iter()
            .filter(|(_, case)| case.get(field) == Some(&value.into()))
            .map(|(id, _)| id.clone())
            .collect();
        match &found[..] {
            [] => {
                fields.insert(field.to_owned(), value.into());
                self.check(&fields, None, true)?;
                let id = self.insert(Json::Object(fields));
                Ok(Reply::json(201, &json!({ "id": id, "success": true, "errors": [], "created": true })))
            }
            [id] => {
                self.check(&fields, Some(id), false)?;
                self.cases.get_mut(id).expect("it was found").extend(fields);
                Ok(Reply::json(200, &json!({ "id": id, "success": true, "errors": [], "created": false })))
            }
            several => {
                let urls = several.iter().map(|id| format!("/services/data/v66.0/sobjects/Case/{id}"));
                Err(Reply::json(300, &urls.collect()))
            }
        }
    }

    /// The fields of a body, each of its type.
    fn fields(&self, object: &str, got: &Got) -> Result<Map<String, Json>, Reply> {
        if object != "Case" {
            return Err(Reply::error(404, "NOT_FOUND", "The requested resource does not exist"));
        }
        if got.header("content-type") != Some("application/json") {
            return Err(Reply::error(415, "UNSUPPORTED_MEDIA_TYPE", "the body is not JSON"));
        }
        let Ok(Json::Object(fields)) = serde_json::from_slice(&got.body) else {
            return Err(Reply::error(400, "JSON_PARSER_ERROR", "the body is not a JSON object"));
        };
        for (name, value) in &fields {
            let Some((name, holds, _)) = CASE.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name)) else {
                let message = format!("No such column '{name}' on sobject of type Case");
                return Err(Reply::error(400, "INVALID_FIELD", &message));
            };
            fits(name, *holds, value)?;
        }
        Ok(fields)
    }

    /// What is asked of the fields of a record together with all others.
    fn check(&self, fields: &Map<String, Json>, own: Option<&str>, new: bool) -> Result<(), Reply> {
        for (name, _, how) in CASE {
            let value = fields.get(*name).filter(|value| !value.is_null());
            match how {
                How::Required if value.is_none() && (new || fields.contains_key(*name)) => {
                    return Err(about(
                        name,
                        "REQUIRED_FIELD_MISSING",
                        &format!("Required fields are missing: [{name}]"),
                    ));
                }
                How::ExternalId { unique: true } => {
                    let mut others = self.cases.iter().filter(|(id, _)| Some(id.as_str()) != own);
                    if let Some((id, _)) = others.find(|(_, case)| value.is_some() && case.get(*name) == value) {
                        let message = format!("duplicate value found: {name} duplicates value on record with id: {id}");
                        return Err(Reply::error(400, "DUPLICATE_VALUE", &message));
                    }
                }
                _ => {}
            }
        }
        match fields.get("Subject") {
            Some(subject) if subject == FORBIDDEN => {
                Err(Reply::error(400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", "No such subject, please"))
            }
            _ => Ok(()),
        }
    }
}

/// A refusal that names its field.
fn about(field: &str, code: &str, message: &str) -> Reply {
    Reply::json(400, &json!([{ "message": message, "errorCode": code, "fields": [field] }]))
}

/// Whether a value is one of a field.
fn fits(name: &str, holds: Holds, value: &Json) -> Result<(), Reply> {
    let form = |text: &str, form: &str| {
        text.len() == form.len()
            && text.bytes().zip(form.bytes()).all(|(byte, form)| match form {
                b'0' => byte.is_ascii_digit(),
                other => byte == other,
            })
    };
    let text = value.as_str();
    let fitting = match holds {
        _ if value.is_null() => true,
        Holds::Text(most) if text.is_some_and(|text| text.chars().count() > most) => {
            let message = format!("{name}: data value too large: {value} (max length={most})");
            return Err(about(name, "STRING_TOO_LONG", &message));
        }
        Holds::Text(_) => text.is_some(),
        Holds::Number => value.is_number(),
        Holds::Boolean => value.is_boolean(),
        Holds::Date => text.is_some_and(|text| form(text, "0000-00-00")),
        Holds::DateTime => text.is_some_and(|text| form(text, "0000-00-00T00:00:00.000Z")),
        Holds::Time => text.is_some_and(|text| form(text, "00:00:00.000Z")),
        Holds::Reference => match text.is_some_and(|text| matches!(text.len(), 15 | 18)) {
            true => true,
            false => return Err(about(name, "MALFORMED_ID", "Contact ID: id value of incorrect type")),
        },
    };
    match fitting {
        true => Ok(()),
        false => Err(Reply::error(400, "JSON_PARSER_ERROR", &format!("Cannot deserialize {name} from {value}"))),
    }
}

/// A segment of an address, decoded.
fn decoded(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8().expect("UTF-8").into_owned()
}
