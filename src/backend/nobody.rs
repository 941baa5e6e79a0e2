//! A sink for rows that nobody wants.

use futures_util::future::BoxFuture;
use serde_json::Value as Json;

use super::{Column, Flow, Sink, Stop};

/// Takes everything and keeps nothing: the rows of all statements but the last.
#[derive(Clone, Copy, Debug)]
pub struct Nobody;

impl Sink for Nobody {
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
