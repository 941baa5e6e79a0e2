//! Rows become NDJSON: one row a line, in chunks, within bounded memory however many there are.

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::Value as Json;
use tokio::{
    sync::mpsc::{self, error::TrySendError},
    time::timeout,
};

use super::{ResultError, ResultShape, rows::Rows};
use crate::{
    backend::{Column, Flow, Sink, Stop},
    spec::Overflow,
};

/// Lines are sent on when they are so many bytes together.
const CHUNK: usize = 16 * 1024;
/// A reader that takes nothing for so long is cut off.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// The last line of a stream that was cut at `max_rows`.
const TRUNCATED: &[u8] = b"{\"truncated\":true}\n";

/// Gives rows on as NDJSON. It holds one chunk and one row; the channel holds as many chunks as it was made for.
///
/// Nothing is sent before the first chunk is full or [`Self::close`] is called: up to then ([`Self::sent`]) the run may be
/// tried again, and its failure can be an answer of its own. After that a failure becomes the last line, given to `close`.
#[derive(Debug)]
pub struct RowStream<'a> {
    max_rows: usize,
    on_overflow: Overflow,
    rows: Rows<'a>,
    count: usize,
    pub(super) chunk: Vec<u8>,
    lines: mpsc::Sender<Vec<u8>>,
    pub(super) patience: Duration,
    sent: bool,
    truncated: bool,
    error: Option<ResultError>,
}

impl<'a> RowStream<'a> {
    pub(super) fn new(shape: &'a ResultShape, lines: mpsc::Sender<Vec<u8>>) -> Self {
        Self {
            max_rows: if shape.max_rows_set { shape.max_rows } else { usize::MAX },
            on_overflow: shape.on_overflow,
            rows: Rows::new(shape.schema.as_deref()),
            count: 0,
            chunk: Vec::new(),
            lines,
            patience: PATIENCE,
            sent: false,
            truncated: false,
            error: None,
        }
    }

    /// Whether anything was given to the channel.
    pub fn sent(&self) -> bool {
        self.sent
    }

    /// Rows written so far.
    pub fn row_count(&self) -> usize {
        self.count
    }

    /// Whether the stream was cut at `max_rows`, which its last line says.
    pub fn truncated(&self) -> bool {
        self.truncated
    }

    /// Why the sink stopped the run.
    pub fn error(&self) -> Option<&ResultError> {
        self.error.as_ref()
    }

    /// Sends what is left and then `last`, a line without its line feed: `{"error": {…}}` when the run failed. The channel
    /// closes with it.
    pub async fn close(mut self, last: Option<&[u8]>) -> Result<(), ResultError> {
        if let Some(last) = last {
            self.chunk.extend_from_slice(last);
            self.chunk.push(b'\n');
        }
        self.send().await
    }

    async fn send(&mut self) -> Result<(), ResultError> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::take(&mut self.chunk);
        self.sent = true;
        let taken = match self.lines.try_send(chunk) {
            Err(TrySendError::Full(chunk)) => {
                timeout(self.patience, self.lines.send(chunk)).await.is_ok_and(|sent| sent.is_ok())
            }
            taken => taken.is_ok(),
        };
        if taken { Ok(()) } else { Err(ResultError::Gone) }
    }

    fn fail<T>(&mut self, error: ResultError) -> Result<T, Stop> {
        self.error = Some(error);
        Err(Stop)
    }
}

impl Sink for RowStream<'_> {
    fn wanted(&self) -> Option<usize> {
        self.max_rows.checked_add(1)
    }

    fn begin(&mut self, columns: &[Column]) -> Result<(), Stop> {
        self.chunk.clear();
        (self.count, self.truncated, self.error) = (0, false, None);
        self.rows.begin(columns).or_else(|error| self.fail(error))
    }

    fn row(&mut self, values: Vec<Json>) -> Result<Flow, Stop> {
        if self.count == self.max_rows {
            if self.on_overflow == Overflow::Error {
                return self.fail(ResultError::TooLarge(format!("more than {} rows", self.max_rows)));
            }
            self.truncated = true;
            self.chunk.extend_from_slice(TRUNCATED);
            return Ok(Flow::Enough);
        }
        let before = self.chunk.len();
        self.rows.write(values, &mut self.chunk);
        if let Err(error) = self.rows.check(self.count + 1) {
            self.chunk.truncate(before);
            return self.fail(error);
        }
        self.chunk.push(b'\n');
        self.count += 1;
        Ok(if self.chunk.len() < CHUNK { Flow::More } else { Flow::Flush })
    }

    fn flush(&mut self) -> BoxFuture<'_, Result<(), Stop>> {
        Box::pin(async { self.send().await.or_else(|error| self.fail(error)) })
    }

    fn end(&mut self, _: u64) -> Result<(), Stop> {
        Ok(())
    }
}
