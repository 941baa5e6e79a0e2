//! A call whose rows are given on as they come, as NDJSON over a bounded channel.

use std::{
    pin::pin,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use futures_util::future::BoxFuture;
use serde_json::{Value as Json, json};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

use super::{CallError, Code, Target, Trace, admit, attempts, failed, give_back, prepare, request, stands, unfit};
use crate::{
    action::{ResultError, RowStream, Variables},
    backend::{Column, Failure, FailureKind, Flow, Sink, Stop},
};

/// What came of a stream that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streamed {
    /// Rows given on.
    pub row_count: usize,
    /// Whether it was cut at `max_rows`, as its last line says.
    pub truncated: bool,
    /// Whether its reader left, or took nothing for too long: the rows before are not all there are.
    pub gone: bool,
}

/// Makes a call and gives its rows to `lines`, which closes at the end. The action's timeout covers the time to the first
/// row and again to each further one, not what the reader takes.
///
/// A failure before anything was sent is only returned, so that it can be an answer of its own; after that it is the
/// stream's last line as well, and nothing is tried again.
pub async fn stream(
    target: Target<'_>,
    variables: &Variables<'_>,
    trace: &mut Trace,
    lines: mpsc::Sender<Vec<u8>>,
) -> Result<Streamed, CallError> {
    let action = target.action;
    let deadline = Instant::now() + action.timeout;
    let _permits = admit(target, deadline, trace).await?;
    prepare(action, variables, trace)?;
    stands(target)?;
    let request = request(target, deadline, trace);
    let pace = Pace::new(deadline, action.timeout);
    let mut sink = Paced { rows: action.result.stream(lines), pace: &pace };
    let run = attempts(target, &request, &mut sink, trace, |sink| !sink.rows.sent());
    let outcome = pace.keep(run).await;
    give_back(request, trace);
    let rows = sink.rows;
    let failure = match outcome {
        Ok(()) => {
            let streamed = Streamed { row_count: rows.row_count(), truncated: rows.truncated(), gone: false };
            let gone = rows.close(None).await.is_err();
            return Ok(Streamed { gone, ..streamed });
        }
        Err(failure) => failure,
    };
    let error = match (failure.kind.clone(), rows.error()) {
        (FailureKind::Stopped, Some(ResultError::Gone)) => {
            return Ok(Streamed { row_count: rows.row_count(), truncated: false, gone: true });
        }
        (FailureKind::Stopped, Some(reason)) => unfit(reason.clone()),
        (FailureKind::Stopped, None) => CallError::new(Code::Internal).detail("the stream stopped without a reason"),
        _ => failed(action, failure, trace, false),
    };
    if rows.sent() {
        let line = json!({ "error": error.members() }).to_string();
        // A reader that is gone is not told.
        let _ = rows.close(Some(line.as_bytes())).await;
    }
    Err(error)
}

/// The deadline of the next row, moved on by each row; none while the reader is waited for, whose patience is the sink's.
struct Pace {
    start: Instant,
    timeout: Duration,
    /// Milliseconds from `start`.
    deadline: AtomicU64,
}

impl Pace {
    const NONE: u64 = u64::MAX;
    /// When to look again while there is no deadline.
    const LATER: Duration = Duration::from_secs(60);

    fn new(first: Instant, timeout: Duration) -> Self {
        let start = Instant::now();
        let deadline = (first.saturating_duration_since(start).as_millis() as u64).into();
        Self { start, timeout, deadline }
    }

    fn restart(&self) {
        self.deadline.store((self.start.elapsed() + self.timeout).as_millis() as u64, Ordering::Relaxed);
    }

    fn stop(&self) {
        self.deadline.store(Self::NONE, Ordering::Relaxed);
    }

    fn deadline(&self) -> Instant {
        match self.deadline.load(Ordering::Relaxed) {
            Self::NONE => Instant::now() + Self::LATER,
            millis => self.start + Duration::from_millis(millis),
        }
    }

    /// Runs `run` as long as it keeps the pace.
    async fn keep(&self, run: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
        let mut run = pin!(run);
        loop {
            match timeout_at(self.deadline(), run.as_mut()).await {
                Ok(outcome) => return outcome,
                Err(_) if self.deadline() > Instant::now() => {}
                Err(_) => return Err(Failure::new(FailureKind::Timeout, "no further row came in time")),
            }
        }
    }
}

/// Rows that move the deadline on.
struct Paced<'a> {
    rows: RowStream<'a>,
    pace: &'a Pace,
}

impl Sink for Paced<'_> {
    fn wanted(&self) -> Option<usize> {
        self.rows.wanted()
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.pace.deadline())
    }

    fn begin(&mut self, columns: &[Column]) -> Result<(), Stop> {
        self.rows.begin(columns)
    }

    fn row(&mut self, row: Vec<Json>) -> Result<Flow, Stop> {
        self.pace.restart();
        self.rows.row(row)
    }

    fn flush(&mut self) -> BoxFuture<'_, Result<(), Stop>> {
        Box::pin(async {
            self.pace.stop();
            let flushed = self.rows.flush().await;
            self.pace.restart();
            flushed
        })
    }

    fn end(&mut self, changed: u64) -> Result<(), Stop> {
        self.rows.end(changed)
    }
}
