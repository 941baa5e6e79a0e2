//! The write of one record of a service: what an action's `options` say, compiled, and what a call makes of it. Nothing
//! here sends anything, and nothing knows what it would be sent over.

mod spec;
mod template;
mod value;

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use crate::{
    diagnostic::{Diagnostic, STATEMENT_KEY},
    value::MASK,
    yaml::Node,
};

pub use spec::{Operation, RecordSpec};
pub use template::RecordTemplate;

/// The columns of the row that a `create` and an `upsert` answer: the record's id, and whether it is new.
const ROW: &[&str] = &["id", "created"];

impl Operation {
    /// The columns of the rows that it answers: none for an `update`.
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Create | Self::Upsert => ROW,
            Self::Update => &[],
        }
    }
}

/// One record to write, as one call wants it.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordWrite {
    /// What is done with it.
    pub operation: Operation,
    /// The object that it is one of: an API name.
    pub object: Arc<str>,
    /// Which record it is; none for `create`.
    pub key: Option<Key>,
    /// Its fields, in the order of the file; those whose parameter was not sent are left out.
    pub fields: Vec<Field>,
}

/// Which record is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// The external id that it is found by; none where it is the record's own id.
    pub external_id: Option<Arc<str>>,
    /// The value: not empty, neither `.` nor `..`, at most 255 characters.
    pub value: String,
    /// The parameters that it is made of.
    pub params: Arc<[usize]>,
}

/// One field of a record.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its API name.
    pub name: Arc<str>,
    /// What is written.
    pub value: Json,
    /// The parameters that it is made of; none for a constant.
    pub params: Arc<[usize]>,
}

impl RecordWrite {
    /// The fields as one JSON object.
    pub fn body(&self) -> Map<String, Json> {
        self.fields.iter().map(|field| (field.name.to_string(), field.value.clone())).collect()
    }

    /// The parameters that its key and its fields are made of, as often as they stand there.
    pub fn params(&self) -> impl Iterator<Item = usize> {
        let key = self.key.iter().flat_map(|key| &*key.params);
        key.chain(self.fields.iter().flat_map(|field| &*field.params)).copied()
    }

    /// The parameter that feeds one of these fields, or else the record's key, where it is exactly one. Names are compared
    /// without case, as a service does.
    pub fn param_of<'a>(&self, mut fields: impl Iterator<Item = &'a str>) -> Option<usize> {
        let params = fields.find_map(|name| {
            let field = self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name));
            let of_key = |key: &&Key| key.external_id.as_deref().unwrap_or("Id").eq_ignore_ascii_case(name);
            field.map(|field| &field.params).or_else(|| self.key.as_ref().filter(of_key).map(|key| &key.params))
        })?;
        if let [only] = params[..] { Some(only) } else { None }
    }

    /// The record as dry runs, simulations and tests show it: `{"operation", "object", "id", "fields"}`. The `id` of an
    /// `upsert` is the external id with its value, that of a `create` null. `masked` tells whether what is made of
    /// parameters is to be hidden.
    pub fn shown(&self, masked: impl Fn(&[usize]) -> bool) -> Json {
        let hide = |params: &[usize], value: &Json| match masked(params) {
            true => MASK.into(),
            false => value.clone(),
        };
        let id = self.key.as_ref().map(|key| {
            let value = hide(&key.params, &key.value.as_str().into());
            match &key.external_id {
                Some(name) => json!({ &**name: value }),
                None => value,
            }
        });
        let fields = self.fields.iter().map(|field| (field.name.to_string(), hide(&field.params, &field.value)));
        let fields: Map<String, Json> = fields.collect();
        json!({ "operation": self.operation.as_str(), "object": &*self.object, "id": id, "fields": fields })
    }
}

/// Refuses the `options` of an action that reads, on a backend where they only say what a write does.
pub fn refuse_options(node: &Node, out: &mut Vec<Diagnostic>) {
    let message = "`options` on this kind of backend say what a write does, and this action reads";
    out.push(STATEMENT_KEY.at(node.span, message).help("add `mode: write`, or remove `options`"));
}

#[cfg(test)]
mod tests;
