//! The log's line for each call, and its place in the profile: what happened, under the request id, and never a value.

use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use super::problem::Problem;
use crate::{
    call::{CacheUse, Trace},
    catalog::Entry,
    profile::{Call, Profile},
};

/// What the log says of one request, filled in along the way. Written when it is dropped, so that a caller who leaves
/// is on record as well.
#[derive(Debug)]
pub struct Line<'a> {
    /// When the request came.
    pub started: Instant,
    /// The action, once it is known.
    pub action: Option<&'a Entry>,
    /// The name of the caller's key.
    pub key: Option<&'a str>,
    /// What the call did, as far as it got; `None` before it began.
    pub trace: Option<Trace>,
    /// Whether it was a simulation.
    pub simulated: bool,
    /// Whether a write has begun.
    pub writing: bool,
    /// Rows in the answer.
    pub rows: Option<u64>,
    /// Where it is counted; nowhere where what came was no request.
    pub profile: Option<&'a Profile>,
    request_id: &'a str,
    status: u16,
    code: Cow<'static, str>,
    detail: Option<Box<str>>,
    in_doubt: bool,
    silent: bool,
}

impl<'a> Line<'a> {
    /// The line of a request. Until something else is said, its caller left before the answer.
    pub fn new(request_id: &'a str, started: Instant) -> Self {
        Self {
            started,
            action: None,
            key: None,
            trace: None,
            simulated: false,
            writing: false,
            rows: None,
            profile: None,
            request_id,
            status: 499,
            code: "caller_left".into(),
            detail: None,
            in_doubt: false,
            silent: false,
        }
    }

    /// The request was answered with success.
    pub fn success(&mut self) {
        self.status = 200;
        self.code = "success".into();
    }

    /// The request was answered with a problem.
    pub fn problem(&mut self, problem: &Problem) {
        self.status = problem.error.code.status();
        self.code = problem.error.code.as_str().to_owned().into();
        self.detail.clone_from(&problem.error.detail);
        self.in_doubt = problem.error.in_doubt;
    }

    /// Counts the call, and keeps it among the last ones.
    fn count(&self, profile: &Profile, total: Duration) {
        let trace = self.trace.as_ref();
        let call = Call {
            request_id: self.request_id.to_owned(),
            status: self.status,
            code: self.code.clone(),
            rows: self.rows,
            queue: trace.map_or(Duration::ZERO, |trace| trace.queue),
            backend: trace.map_or(Duration::ZERO, |trace| trace.backend),
            total,
            retries: trace.map_or(0, |trace| trace.retries),
            cache: trace.and_then(|trace| trace.cache).map(CacheUse::as_str),
            jobs: trace.map(|trace| trace.jobs.list()).unwrap_or_default(),
        };
        match self.action {
            Some(entry) => {
                entry.stats.count(&call);
                profile.recent.add(&entry.name, call);
            }
            None => profile.strangers.count(&call),
        }
    }

    /// The request was no call, or another line is written for it.
    pub fn silence(&mut self) {
        self.silent = true;
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        if self.silent {
            return;
        }
        if std::thread::panicking() {
            (self.status, self.code) = (500, "internal".into());
        }
        let total = self.started.elapsed();
        if let Some(profile) = self.profile.filter(|_| !self.simulated) {
            self.count(profile, total);
        }
        let millis = |time: Duration| time.as_micros() as f64 / 1000.0;
        let trace = self.trace.as_ref();
        tracing::info!(
            target: "datadip::call",
            action = self.action.map(|entry| &*entry.name),
            key = self.key,
            request_id = self.request_id,
            status = self.status,
            code = &*self.code,
            simulated = self.simulated.then_some(true),
            rows = self.rows,
            queue_ms = trace.map(|trace| millis(trace.queue)),
            backend_ms = trace.map(|trace| millis(trace.backend)),
            total_ms = millis(total),
            retries = trace.map(|trace| trace.retries),
            replayed = trace.filter(|trace| trace.replayed).map(|_| true),
            in_doubt = self.in_doubt.then_some(true),
            cache = trace.and_then(|trace| trace.cache).map(CacheUse::as_str),
            detail = self.detail.as_deref().or(trace.and_then(|trace| trace.detail.as_deref())),
        );
    }
}
