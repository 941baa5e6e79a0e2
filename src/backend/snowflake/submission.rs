//! What is sent to have a statement run (FACTS 3.1).

use serde_json::{Map, Value as Json, json};
use tokio::time::Instant;

use super::{api::Api, execution::Order};
use crate::backend::{Origin, Retry};

/// A statement, and what it is run with.
#[derive(Debug)]
pub struct Submission<'a> {
    /// Its text.
    pub text: &'a str,
    /// Its binds, one for each placeholder.
    pub bindings: Map<String, Json>,
    /// The warehouse that it runs on; `None` for the user's own.
    pub warehouse: Option<&'a str>,
    /// The role that it runs with, in place of the backend's.
    pub role: Option<&'a str>,
    /// What the history of statements says of it.
    pub tag: String,
}

impl Submission<'_> {
    /// What is sent, up to a deadline.
    pub fn order(self, api: &Api, retry: Retry, deadline: Instant) -> Order {
        let context = &api.context;
        // Where nobody can stop it any more, it stops itself.
        let left = deadline.saturating_duration_since(Instant::now());
        let mut body = Map::new();
        body.insert("statement".into(), self.text.into());
        body.insert("timeout".into(), (left.as_millis().div_ceil(1000).max(1) as u64).into());
        let named = [
            ("database", context.database.as_deref()),
            ("schema", context.schema.as_deref()),
            ("warehouse", self.warehouse),
            ("role", self.role.or(context.role.as_deref())),
        ];
        body.extend(named.into_iter().filter_map(|(key, name)| Some((key.to_owned(), name?.into()))));
        if !self.bindings.is_empty() {
            body.insert("bindings".into(), self.bindings.into());
        }
        body.insert("parameters".into(), json!({ "TIMEZONE": "UTC", "QUERY_TAG": self.tag }));
        Order { body: Json::Object(body).to_string().into(), retry, deadline }
    }
}

/// What the history of statements says of one, as JSON: Snowflake reads it with `PARSE_JSON(query_tag)`. `word` is the author's
/// own.
pub fn tag(origin: Option<&Origin>, word: Option<&str>) -> String {
    let mut tag = Map::new();
    tag.insert("by".into(), "datadip".into());
    if let Some(origin) = origin {
        tag.insert("action".into(), origin.action.as_str().into());
        tag.insert("request".into(), origin.request_id.as_str().into());
    }
    tag.extend(word.map(|word| ("tag".to_owned(), word.into())));
    Json::Object(tag).to_string()
}
