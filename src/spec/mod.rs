//! How an action file is written (SPEC 2): keys, their types and their spans, and nothing of what they mean together.
//!
//! The declarations are the JSON Schema for editors as well; [`crate::action`] turns an [`ActionSpec`] into something
//! that runs, file for file.

mod param;
mod result;
mod test;

use std::time::Duration;

use crate::{
    diagnostic::{BAD_VALUE, Diagnostic, WRONG_TYPE},
    yaml::{
        Kind, Node, Spanned, Text,
        read::{Entries, FromNode, Needed, Rate, keywords, record},
    },
};

pub use param::{LongParam, ParamSpec};
pub use result::{NotFound, Overflow, ResultSpec, Shape};
pub use test::{ExpectSpec, GivenSpec, RecordExpectSpec, TestSpec};

record! {
    /// One data action: a look-up or a write that callers reach over HTTP.
    pub struct ActionSpec {
        /// What the action does, shown in the catalog, OpenAPI and console.
        description: Option<Spanned<String>>,
        /// The name of a backend in `datadip.yaml`.
        backend: Needed<String>,
        /// The parameters: a map of name to type, or to the long form with `type`.
        params: Entries<ParamSpec>,
        /// The SQL template, or a list of templates that run in order in one transaction.
        sql: Option<Statements>,
        /// The SOQL template, for a Salesforce backend.
        soql: Option<Text>,
        /// `read` (default) or `write`.
        mode: Option<Spanned<Mode>>,
        /// Shape, schema and limits of the answer. Default: rows, unchecked.
        result: Option<ResultSpec>,
        /// The whole call's deadline, waiting and retries included; at most `90s`. Default: `5s` on databases.
        timeout: Option<Spanned<Duration>>,
        /// How often and how soon a failure that had no effect is tried again.
        retry: Option<RetrySpec>,
        /// The highest total cost that the planner may estimate. An error where the planner gives none.
        max_cost: Option<Spanned<Cost>>,
        /// Columns that must exist: a map of table to list of columns.
        requires: Entries<Vec<Spanned<String>>>,
        /// How long answers of a read may be served again.
        cache: Option<CacheSpec>,
        /// Limits of this action for all callers together, on top of the gateway's.
        limits: Option<LimitsSpec>,
        /// A path of its own. Default: `/actions/<name>`, `POST`.
        route: Option<RouteSpec>,
        /// The names of the keys that may call it. Default: by the keys' own rules.
        access: Option<Spanned<Vec<Spanned<String>>>>,
        /// Whether variables that the action does not declare are ignored. Default: `false`.
        allow_extra: Option<bool>,
        /// Own codes for a database's codes: a map of SQLSTATE or vendor code to `code` and `http`.
        errors: Entries<OwnErrorSpec>,
        /// Also send the validated result to CXone.
        forward: Option<ForwardSpec>,
        /// Options of the backend.
        options: Option<Node>,
        /// Tests of this action, run by `datadip test`.
        tests: Option<Vec<TestSpec>>,
        /// Who looks after it. Shown, not acted on.
        owner: Option<String>,
        /// Tags. Shown, not acted on.
        tags: Option<Vec<String>>,
        /// Whether it should no longer be used. Shown, not acted on.
        deprecated: Option<bool>,
    }
}

keywords! {
    /// What an action may do to its backend.
    pub enum Mode {
        /// It only reads; the database itself enforces it.
        Read = "read",
        /// It writes, in one transaction.
        Write = "write",
    }
}

/// `sql`: one template or a list. Empty where none could be read, which is reported.
#[derive(Clone, Debug)]
pub struct Statements(pub Vec<Text>);

impl FromNode for Statements {
    fn from_node(node: &Node, out: &mut Vec<Diagnostic>) -> Option<Self> {
        match &node.kind {
            Kind::List(items) => {
                if items.is_empty() {
                    out.push(WRONG_TYPE.at(node.span, "expected at least one statement, got an empty list"));
                }
                Vec::from_node(node, out).map(Self)
            }
            _ => Some(Self(Text::from_node(node, out).into_iter().collect())),
        }
    }

    fn schema() -> serde_json::Value {
        serde_json::json!({ "oneOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" }, "minItems": 1 }] })
    }
}

/// A cost above zero, in a planner's own units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost(pub f64);

impl FromNode for Cost {
    fn from_node(node: &Node, out: &mut Vec<Diagnostic>) -> Option<Self> {
        let Some(cost) = node.to_json().as_f64() else {
            out.push(WRONG_TYPE.at(node.span, format!("expected a number, got {}", node.describe())));
            return None;
        };
        if cost <= 0.0 || !cost.is_finite() {
            out.push(BAD_VALUE.at(node.span, format!("expected a cost above 0, got {cost}")));
        }
        Some(Self(cost))
    }

    fn schema() -> serde_json::Value {
        serde_json::json!({ "type": "number", "exclusiveMinimum": 0 })
    }
}

record! {
    /// Retries of failures that certainly had no effect.
    pub struct RetrySpec {
        /// How many times in all, the first try included. Default: `3`.
        attempts: Option<Spanned<u64>>,
        /// The first pause at most; each further one doubles. Default: `100ms`.
        base_delay: Option<Duration>,
        /// The longest pause. Default: `2s`.
        max_delay: Option<Duration>,
    }
}

record! {
    /// Serving an earlier answer again, reads only.
    pub struct CacheSpec {
        /// How long an answer is fresh.
        ttl: Spanned<Duration>,
        /// How long after that an answer may still be served when the backend fails.
        stale_if_error: Option<Duration>,
    }
}

record! {
    /// Limits of one action.
    pub struct LimitsSpec {
        /// How many calls run at once; the rest waits.
        concurrency: Option<Spanned<u64>>,
        /// How many calls in a length of time; the rest is refused.
        rate: Option<Rate>,
    }
}

record! {
    /// A path of the action's own.
    pub struct RouteSpec {
        /// A fixed path that begins with `/`.
        path: Option<Spanned<String>>,
        /// `GET`, `POST` or both. Default: `POST`.
        methods: Option<Vec<Spanned<Method>>>,
    }
}

keywords! {
    /// An HTTP method of an action.
    pub enum Method {
        /// Reads only, never with a `sensitive` parameter.
        Get = "GET",
        /// The usual one.
        Post = "POST",
    }
}

record! {
    /// What a caller sees for one of the database's codes.
    pub struct OwnErrorSpec {
        /// The code in the answer.
        code: Spanned<String>,
        /// The HTTP status, a 4xx.
        http: Spanned<u64>,
    }
}

record! {
    /// Sending the result to CXone as well.
    pub struct ForwardSpec {
        /// The id of CXone's data action.
        cxone: Spanned<String>,
        /// The most rows that are sent. Default: `100`.
        max_rows: Option<u64>,
    }
}
