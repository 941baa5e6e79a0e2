//! Results: rows of a backend become the answer's body, checked against the schema and within limits (SPEC 5). What a row's
//! values are is the backend's matter; what an answer is sent over is the server's.

mod check;
mod encoder;
mod envelope;
mod kept;
mod rows;
mod stream;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::{
    action::{Schemas, schemas::Schema},
    diagnostic::{Diagnostic, has_errors, has_errors_in},
    spec::{NotFound, Overflow, ResultSpec, Shape},
};

pub use encoder::{Encoded, Encoder};
pub use envelope::{Age, Envelope};
pub use kept::Kept;
pub use stream::{PATIENCE, RowStream};

/// The most rows of an answer whose file sets no `max_rows`.
const MAX_ROWS: usize = 1000;

/// The shape, schema and limits of an action's answers, compiled.
#[derive(Debug)]
pub struct ResultShape {
    /// How rows become the result.
    pub shape: Shape,
    /// Whether the action writes: a write always runs to its end.
    pub write: bool,
    /// The most rows; at least 1.
    pub max_rows: usize,
    /// Whether the file set `max_rows` itself: only then it bounds a stream.
    pub max_rows_set: bool,
    /// The most bytes of the whole answer.
    pub max_bytes: usize,
    /// What happens over a limit.
    pub on_overflow: Overflow,
    /// What no row means.
    pub not_found: NotFound,
    /// Whether it may be streamed.
    pub stream: bool,
    /// The schema of one row; of the value for `value` and `affected`.
    pub schema: Option<Arc<Schema>>,
}

/// Why rows are not an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResultError {
    /// A row breaks the schema, or two columns have one name: which row, where and which keyword, for the log; values are
    /// masked.
    Invalid(String),
    /// Over `max_rows` or `max_bytes`: over which.
    TooLarge(String),
    /// No row, and the file calls that an error.
    NotFound,
    /// The stream's reader is gone or took nothing for too long.
    Gone,
}

impl ResultShape {
    /// Compiles `result`; without one: rows, unchecked. `response_bytes` is the gateway's limit, the default of `max_bytes`.
    pub fn compile(
        spec: Option<&ResultSpec>,
        write: bool,
        schemas: &Schemas,
        response_bytes: usize,
        out: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        let rows = Self {
            shape: Shape::Rows,
            write,
            max_rows: MAX_ROWS,
            max_rows_set: false,
            max_bytes: response_bytes,
            on_overflow: Overflow::Error,
            not_found: NotFound::Null,
            stream: false,
            schema: None,
        };
        let Some(spec) = spec else { return Some(rows) };
        let mut found = Vec::new();
        let schema = spec.schema.as_ref().and_then(|node| schemas.compile(node, &mut found));
        check::limits(spec, &mut found);
        // A key that could not be read is absent here: what is said of the others together would be wrong.
        let unread = has_errors_in(out, spec.span);
        if !unread {
            check::keys(spec, write, schema.is_some(), &mut found);
        }
        let broken = unread || has_errors(&found);
        out.append(&mut found);
        (!broken).then(|| Self {
            shape: spec.shape.as_ref().map_or(rows.shape, |shape| shape.value),
            max_rows: spec
                .max_rows
                .as_ref()
                .map_or(rows.max_rows, |max| usize::try_from(max.value).unwrap_or(usize::MAX)),
            max_rows_set: spec.max_rows.is_some(),
            max_bytes: spec.max_bytes.as_ref().map_or(rows.max_bytes, |max| max.value.0),
            on_overflow: spec.on_overflow.as_ref().map_or(rows.on_overflow, |over| over.value),
            not_found: spec.not_found.as_ref().map_or(rows.not_found, |not| not.value),
            stream: spec.stream.as_ref().is_some_and(|stream| stream.value),
            schema,
            ..rows
        })
    }

    /// An encoder for the answer to one request.
    pub fn encoder<'a>(&'a self, envelope: Envelope<'a>) -> Encoder<'a> {
        Encoder::new(self, envelope)
    }

    /// A sink that gives rows as NDJSON to a bounded channel, in chunks of about 16 KiB.
    pub fn stream(&self, lines: mpsc::Sender<Vec<u8>>) -> RowStream<'_> {
        RowStream::new(self, lines)
    }
}
