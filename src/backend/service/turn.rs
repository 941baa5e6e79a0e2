//! The turn of a call among those that run at once: others have it while the reader of its rows is waited for.

use futures_util::future::{BoxFuture, poll_immediate};
use serde_json::Value as Json;
use tokio::time::Instant;

use crate::{
    backend::{Column, Flow, Sink, Stop},
    limit::{Limiter, Permit},
};

/// A sink whose call has its turn.
pub struct Turn<'a> {
    sink: &'a mut dyn Sink,
    limiter: &'a Limiter,
    permit: Option<Permit<'a>>,
}

impl<'a> Turn<'a> {
    /// With a permit of this limiter.
    pub fn new(limiter: &'a Limiter, permit: Permit<'a>, sink: &'a mut dyn Sink) -> Self {
        Self { sink, limiter, permit: Some(permit) }
    }
}

impl Sink for Turn<'_> {
    fn wanted(&self) -> Option<usize> {
        self.sink.wanted()
    }

    fn deadline(&self) -> Option<Instant> {
        self.sink.deadline()
    }

    fn connected(&mut self) {
        self.sink.connected();
    }

    fn begin(&mut self, columns: &[Column]) -> Result<(), Stop> {
        self.sink.begin(columns)
    }

    fn row(&mut self, row: Vec<Json>) -> Result<Flow, Stop> {
        self.sink.row(row)
    }

    fn flush(&mut self) -> BoxFuture<'_, Result<(), Stop>> {
        let Self { sink, limiter, permit } = self;
        Box::pin(async move {
            let mut flushing = sink.flush();
            if let Some(flushed) = poll_immediate(&mut flushing).await {
                return flushed;
            }
            *permit = None;
            flushing.await?;
            *permit = Some(limiter.acquire_again().await);
            Ok(())
        })
    }

    fn end(&mut self, changed: u64) -> Result<(), Stop> {
        self.sink.end(changed)
    }
}
