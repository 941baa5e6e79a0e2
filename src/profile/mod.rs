//! What calls did (SPEC 10): counted for each action, and the last ones one by one, for `/profiler`, `/metrics` and the console.
//!
//! Memory is bounded: durations are counted in a histogram, which grows with their range and not with their number, and only
//! so many calls are kept. No value of a parameter or a row comes here.

mod recent;
mod stats;

use std::{borrow::Cow, sync::Arc, time::Duration};

use crate::backend::Job;

pub use recent::{Recent, RecentCalls};
pub use stats::{Stats, Summary};

/// What the calls of a gateway did, kept over every reload. What belongs to one action is with the action.
#[derive(Debug, Default)]
pub struct Profile {
    /// The last calls.
    pub recent: RecentCalls,
    /// Requests that reached no action: unknown paths, callers without a key.
    pub strangers: Arc<Stats>,
}

/// One call that has ended, or whose caller has left.
#[derive(Clone, Debug)]
pub struct Call {
    /// The request's id.
    pub request_id: String,
    /// The HTTP status of the answer; 499 where the caller left before it.
    pub status: u16,
    /// The code of the answer (SPEC 8.2), or `success`.
    pub code: Cow<'static, str>,
    /// Rows in the answer.
    pub rows: Option<u64>,
    /// Waiting for limits and connections.
    pub queue: Duration,
    /// The backend's work.
    pub backend: Duration,
    /// From the request's first byte to its answer.
    pub total: Duration,
    /// How many tries beyond the first.
    pub retries: u32,
    /// What it had of the cache, where its action has one: `hit`, `miss`, `stale` or `skip`.
    pub cache: Option<&'static str>,
    /// What a service ran for it.
    pub jobs: Vec<Job>,
}

impl Call {
    /// Whether its answer was no success.
    pub fn failed(&self) -> bool {
        self.status >= 400
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A call with this status that took so many microseconds.
    pub fn call(status: u16, micros: u64) -> Call {
        Call {
            request_id: String::new(),
            status,
            code: "success".into(),
            rows: None,
            queue: Duration::ZERO,
            backend: Duration::ZERO,
            total: Duration::from_micros(micros),
            retries: 0,
            cache: None,
            jobs: Vec::new(),
        }
    }
}
