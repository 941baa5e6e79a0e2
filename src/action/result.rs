//! Results: rows of a backend become the answer's `result`, checked against the schema and within limits (SPEC 5).

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::Value as Json;

use crate::{
    action::Schemas,
    backend::{Column, Flow, Sink, Stop},
    diagnostic::Diagnostic,
    spec::{NotFound, Overflow, ResultSpec, Shape},
};

/// The shape, schema and limits of an action's answers, compiled.
#[derive(Debug)]
pub struct ResultShape {
    /// How rows become the result.
    pub shape: Shape,
    /// The most rows; `None` only for a stream whose file sets none.
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
    /// The schema as JSON, for OpenAPI and lint.
    pub schema: Option<Arc<Json>>,
}

/// Why rows are not an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResultError {
    /// A row breaks the schema: where and which keyword, for the log; values are masked.
    Invalid(String),
    /// Over `max_rows` or `max_bytes`.
    TooLarge(String),
    /// No row, and the file calls that an error.
    NotFound,
    /// The stream's reader is gone or took nothing for too long.
    Gone,
}

/// A finished answer's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// The `result` member as JSON text.
    pub json: Vec<u8>,
    /// `row_count`.
    pub row_count: u64,
    /// Whether rows were left out.
    pub truncated: bool,
}

impl ResultShape {
    /// Compiles `result`. `response_bytes` is the gateway's limit, the default of `max_bytes`.
    pub fn compile(
        spec: Option<&ResultSpec>,
        write: bool,
        schemas: &Schemas,
        response_bytes: usize,
        out: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        let _ = (spec, write, schemas, response_bytes, out);
        None
    }

    /// An encoder for one call. `overhead` is the size in bytes of everything around `result` in the answer's body.
    pub fn encoder(&self, overhead: usize) -> Encoder<'_> {
        let _ = overhead;
        Encoder { shape: self }
    }

    /// A sink that gives rows as NDJSON lines to a bounded channel.
    pub fn stream(&self, lines: tokio::sync::mpsc::Sender<Vec<u8>>) -> RowStream<'_> {
        let _ = lines;
        RowStream { shape: self }
    }
}

/// Collects rows into an answer's `result`.
#[derive(Debug)]
pub struct Encoder<'a> {
    shape: &'a ResultShape,
}

impl Encoder<'_> {
    /// The finished result, or why there is none.
    pub fn finish(self) -> Result<Encoded, ResultError> {
        let _ = self.shape;
        Err(ResultError::NotFound)
    }
}

/// Gives rows on as NDJSON, in chunks, within bounded memory.
#[derive(Debug)]
pub struct RowStream<'a> {
    shape: &'a ResultShape,
}

impl Sink for Encoder<'_> {
    fn begin(&mut self, _: &[Column]) -> Result<(), Stop> {
        Ok(())
    }

    fn row(&mut self, _: Vec<Json>) -> Result<Flow, Stop> {
        Ok(Flow::More)
    }

    fn flush(&mut self) -> BoxFuture<'_, Result<(), Stop>> {
        Box::pin(async { Ok(()) })
    }

    fn end(&mut self, _: u64) -> Result<(), Stop> {
        Ok(())
    }
}

impl Sink for RowStream<'_> {
    fn begin(&mut self, _: &[Column]) -> Result<(), Stop> {
        Ok(())
    }

    fn row(&mut self, _: Vec<Json>) -> Result<Flow, Stop> {
        let _ = self.shape;
        Ok(Flow::More)
    }

    fn flush(&mut self) -> BoxFuture<'_, Result<(), Stop>> {
        Box::pin(async { Ok(()) })
    }

    fn end(&mut self, _: u64) -> Result<(), Stop> {
        Ok(())
    }
}
