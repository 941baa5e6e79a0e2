//! Rows become the body of an answer, within its limits.

use std::ops::Range;

use futures_util::future::BoxFuture;
use serde_json::Value as Json;

use super::{
    Envelope, ResultError, ResultShape,
    envelope::{Age, HEAD, Tally},
    rows::{Rows, write_value},
};
use crate::{
    backend::{Column, Flow, Sink, Stop},
    spec::{NotFound, Overflow, Shape},
};

/// A finished answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// The whole body, envelope included; never longer than the action's `max_bytes`.
    pub body: Vec<u8>,
    /// `row_count`.
    pub row_count: u64,
    /// Whether rows were left out.
    pub truncated: bool,
    /// Whether `row_count` counts rows changed.
    pub(super) changed: bool,
    result: Range<usize>,
}

impl Encoded {
    /// The `result` member as JSON text.
    pub fn result(&self) -> &[u8] {
        &self.body[self.result.clone()]
    }

    /// The answer of a write that was only shown: null, and nothing changed. No schema is asked.
    pub fn nothing(envelope: Envelope<'_>) -> Self {
        Self::around(b"null", Tally { row_count: 0, changed: true, truncated: false, age: Age::New }, envelope)
    }

    /// The answer with this result.
    pub(super) fn around(result: &[u8], tally: Tally, envelope: Envelope<'_>) -> Self {
        let mut body = Vec::with_capacity(HEAD.len() + result.len() + envelope.tail_len(tally));
        body.extend_from_slice(HEAD);
        body.extend_from_slice(result);
        Self::close(body, tally, envelope)
    }

    /// The answer whose body has come to the end of its result.
    fn close(mut body: Vec<u8>, tally: Tally, envelope: Envelope<'_>) -> Self {
        let result = HEAD.len()..body.len();
        envelope.write_tail(tally, &mut body).expect("writing to memory cannot fail");
        let Tally { row_count, changed, truncated, .. } = tally;
        Self { body, row_count, truncated, changed, result }
    }
}

/// Writes rows into an answer's body as they come. It keeps at most `max_bytes` and one row.
///
/// A read is told [`Flow::Enough`] once the answer is known. A write runs to its end: rows past a limit are dropped with
/// `on_overflow: truncate`, and fail it, so that it is rolled back, with `error`. [`Sink::end`] must be called after the last
/// row, also after [`Flow::Enough`].
#[derive(Debug)]
pub struct Encoder<'a> {
    shape: &'a ResultShape,
    envelope: Envelope<'a>,
    longest_tail: usize,
    rows: Rows<'a>,
    body: Vec<u8>,
    /// Rows in the body.
    count: usize,
    /// The body's length and rows that remain if the next row has to be left out. `None` while not even an empty result
    /// would fit.
    kept: Option<(usize, usize)>,
    truncated: bool,
    outcome: Result<Encoded, ResultError>,
}

impl<'a> Encoder<'a> {
    pub(super) fn new(shape: &'a ResultShape, envelope: Envelope<'a>) -> Self {
        Self {
            shape,
            envelope,
            longest_tail: envelope.longest_tail(),
            rows: Rows::new(shape.schema.as_deref()),
            body: Vec::new(),
            count: 0,
            kept: None,
            truncated: false,
            outcome: unfinished(),
        }
    }

    /// The finished answer, or why there is none.
    pub fn finish(self) -> Result<Encoded, ResultError> {
        self.outcome
    }

    /// The answer to recorded rows, each an object with the same members (`given.rows` of a test): they take the way of
    /// live ones, their names as columns and their number as rows changed.
    pub fn replay(mut self, rows: &[Json]) -> Result<Encoded, ResultError> {
        let names: Vec<&String> =
            rows.first().and_then(Json::as_object).into_iter().flat_map(|row| row.keys()).collect();
        let columns: Vec<Column> = names.iter().map(|name| Column { name: (*name).clone() }).collect();
        let mut flow = self.begin(&columns).map(|()| Flow::More);
        for (at, row) in rows.iter().enumerate() {
            if flow != Ok(Flow::More) {
                break;
            }
            let values: Option<Vec<Json>> = names.iter().map(|name| row.get(name.as_str()).cloned()).collect();
            flow = match values.filter(|values| row.as_object().is_some_and(|row| row.len() == values.len())) {
                Some(values) => self.row(values),
                None => self.fail(ResultError::Invalid(format!("row {}: not the members of row 1", at + 1))),
            };
        }
        // A stop leaves its reason for `finish`.
        let _ = flow.and_then(|_| self.end(rows.len() as u64));
        self.finish()
    }

    /// A further row of the result.
    fn collect(&mut self, values: Vec<Json>) -> Result<Flow, Stop> {
        if self.truncated {
            return Ok(self.enough());
        }
        if self.count == self.shape.max_rows {
            return self.overflow(|shape| format!("more than {} rows", shape.max_rows));
        }
        let before = self.body.len();
        if self.count > 0 {
            self.body.push(b',');
        }
        self.rows.write(values, &mut self.body);
        if !self.fits(self.count + 1, false) {
            self.body.truncate(before);
            return self.overflow(too_many_bytes);
        }
        self.count += 1;
        if let Err(error) = self.rows.check(self.count) {
            return self.fail(error);
        }
        if self.fits(self.count, true) {
            self.kept = Some((self.body.len(), self.count));
        }
        Ok(Flow::More)
    }

    /// Whether the answer would be within its limit if it ended here.
    fn fits(&self, count: usize, truncated: bool) -> bool {
        let length = self.body.len() + b"]".len();
        let tally = Tally { row_count: count as u64, changed: false, truncated, age: Age::New };
        // Counting the tail costs more than writing a small row, and only matters near the limit.
        length + self.longest_tail <= self.shape.max_bytes
            || length + self.envelope.tail_len(tally) <= self.shape.max_bytes
    }

    /// There is a row too many.
    fn overflow(&mut self, why: impl FnOnce(&ResultShape) -> String) -> Result<Flow, Stop> {
        match (self.shape.on_overflow, self.kept) {
            (Overflow::Truncate, Some((length, count))) => {
                self.body.truncate(length);
                self.count = count;
                self.truncated = true;
                Ok(self.enough())
            }
            _ => self.fail(ResultError::TooLarge(why(self.shape))),
        }
    }

    /// No further row matters; a write has to run to its end all the same.
    fn enough(&self) -> Flow {
        if self.shape.write { Flow::More } else { Flow::Enough }
    }

    fn fail<T>(&mut self, error: ResultError) -> Result<T, Stop> {
        self.outcome = Err(error);
        Err(Stop)
    }
}

impl Sink for Encoder<'_> {
    fn wanted(&self) -> Option<usize> {
        // One more than is answered tells whether there are too many.
        Some(if self.shape.shape == Shape::Rows { self.shape.max_rows.saturating_add(1) } else { 1 })
    }

    fn begin(&mut self, columns: &[Column]) -> Result<(), Stop> {
        self.body.clear();
        self.body.extend_from_slice(HEAD);
        (self.count, self.truncated, self.kept, self.outcome) = (0, false, None, unfinished());
        if self.shape.shape == Shape::Rows {
            self.body.push(b'[');
            self.kept = self.fits(0, true).then_some((self.body.len(), 0));
        }
        self.rows.begin(columns).or_else(|error| self.fail(error))
    }

    fn row(&mut self, mut values: Vec<Json>) -> Result<Flow, Stop> {
        match self.shape.shape {
            Shape::Rows => return self.collect(values),
            Shape::Row if self.count == 0 => {
                self.rows.write(values, &mut self.body);
                if let Err(error) = self.rows.check(1) {
                    return self.fail(error);
                }
            }
            Shape::Value if self.count == 0 => {
                let value = if values.is_empty() { Json::Null } else { values.swap_remove(0) };
                if let Err(error) = write_value(self.shape.schema.as_deref(), value, &mut self.body) {
                    return self.fail(error);
                }
            }
            Shape::Row | Shape::Value | Shape::Affected => return Ok(self.enough()),
        }
        self.count = 1;
        Ok(self.enough())
    }

    fn flush(&mut self) -> BoxFuture<'_, Result<(), Stop>> {
        Box::pin(async { Ok(()) })
    }

    fn end(&mut self, changed: u64) -> Result<(), Stop> {
        let mut tally =
            Tally { row_count: self.count as u64, changed: false, truncated: self.truncated, age: Age::New };
        match self.shape.shape {
            Shape::Rows => {
                if self.shape.write && !self.rows.any_columns() {
                    (tally.row_count, tally.changed) = (changed, true);
                }
                self.body.push(b']');
            }
            Shape::Row | Shape::Value if self.count == 0 => {
                if self.shape.not_found == NotFound::Error {
                    return self.fail(ResultError::NotFound);
                }
                self.body.extend_from_slice(b"null");
            }
            Shape::Row | Shape::Value => {}
            Shape::Affected => {
                (tally.row_count, tally.changed) = (changed, true);
                if let Err(error) = write_value(self.shape.schema.as_deref(), changed.into(), &mut self.body) {
                    return self.fail(error);
                }
            }
        }
        let answer = Encoded::close(std::mem::take(&mut self.body), tally, self.envelope);
        if answer.body.len() + self.envelope.spare() > self.shape.max_bytes {
            return self.fail(ResultError::TooLarge(too_many_bytes(self.shape)));
        }
        self.outcome = Ok(answer);
        Ok(())
    }
}

/// What there is to say of an answer up to its end.
fn unfinished() -> Result<Encoded, ResultError> {
    Err(ResultError::Invalid("the backend did not say that its rows ended".into()))
}

fn too_many_bytes(shape: &ResultShape) -> String {
    format!("more than {} bytes", shape.max_bytes)
}
