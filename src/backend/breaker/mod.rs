//! The circuit breaker of a backend (SPEC 6): one that keeps failing is not asked for a while, so that its callers hear at
//! once that it is down, and it can come back without a crowd at its door.
//!
//! It stands before the backend as a backend, so that calls need not know of it. It knows no kind of backend.

mod circuit;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use serde_json::Value as Json;
use tokio::time::Instant;

use self::circuit::{Circuit, Pass, Turn};
use super::{
    Backend, Column, Connections, Driver, Failure, FailureKind, Flow, Health, Inspect, Request, Sink, Stop, Timings,
    Usage,
};

/// Timers may go off so much too early.
const TICK: Duration = Duration::from_millis(5);

/// A backend that is not asked while it keeps failing.
#[derive(Debug)]
pub struct Breaker {
    backend: Arc<dyn Backend>,
    name: String,
    circuit: Circuit,
    /// How long a run must have waited for an answer on its connection, so that its deadline is the backend's failure: half
    /// of the usual timeout of its kind. That lets no action with a short timeout open the circuit for all the others.
    patience: Duration,
    started: Instant,
    /// What the last failure was, for the log: calls that are refused do not meet it themselves.
    cause: Mutex<String>,
}

impl Breaker {
    /// A breaker before a backend of a driver, under the name that the log tells.
    pub fn new(name: &str, driver: &Driver, backend: Arc<dyn Backend>) -> Self {
        let patience = driver.default_timeout / 2;
        let (name, circuit) = (name.into(), Circuit::default());
        Self { backend, name, circuit, patience, started: Instant::now(), cause: Mutex::default() }
    }

    async fn run(&self, request: &Request, sink: &mut dyn Sink) -> Result<Timings, Failure> {
        let pass = self.circuit.enter(self.started.elapsed()).map_err(|wait| Failure {
            retry_after: Some(wait),
            ..Failure::new(FailureKind::Unavailable, format!("the circuit breaker is open: {}", self.cause()))
        })?;
        let since = pass.since;
        let mut attempt =
            Attempt { breaker: self, pass, since, deadline: request.deadline, sink, answered: false, over: false };
        let outcome = self.backend.run(request, &mut attempt).await;
        let verdict = attempt.verdict(&outcome);
        attempt.conclude(verdict, outcome.as_ref().err());
        outcome
    }

    fn cause(&self) -> MutexGuard<'_, String> {
        self.cause.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log(&self, turn: Turn) {
        match turn {
            Turn::None => {}
            Turn::Opened => {
                let cause = self.cause();
                tracing::warn!(backend = self.name, "the backend keeps failing: its circuit breaker opens: {cause}");
            }
            Turn::Closed => {
                tracing::info!(backend = self.name, "the backend answers again: its circuit breaker closes")
            }
        }
    }
}

impl Backend for Breaker {
    fn run<'a>(&'a self, request: &'a Request, sink: &'a mut dyn Sink) -> BoxFuture<'a, Result<Timings, Failure>> {
        Box::pin(self.run(request, sink))
    }

    fn connect(&self) -> BoxFuture<'_, Result<(), Failure>> {
        self.backend.connect()
    }

    fn health(&self) -> Health {
        // After that the next call is let through: the backend may be back, and what looks at it knows sooner.
        if self.circuit.refuses(self.started.elapsed()) { Health::Down } else { self.backend.health() }
    }

    fn circuit_open(&self) -> bool {
        self.circuit.is_open()
    }

    fn allow_tests(&self) -> bool {
        self.backend.allow_tests()
    }

    fn can_roll_back(&self) -> bool {
        self.backend.can_roll_back()
    }

    fn at_once(&self) -> usize {
        self.backend.at_once()
    }

    fn connections(&self) -> Connections {
        self.backend.connections()
    }

    fn usage(&self) -> Vec<Usage> {
        self.backend.usage()
    }

    fn cost(&self, job: &str) -> Option<f64> {
        self.backend.cost(job)
    }

    fn costs(&self) -> Option<f64> {
        self.backend.costs()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.backend.close()
    }

    fn inspect(&self) -> Option<&dyn Inspect> {
        self.backend.inspect()
    }
}

/// What a run says of its backend.
#[derive(Clone, Copy, Debug)]
enum Verdict {
    /// It works, whatever it thinks of the statement.
    Works,
    /// It does not.
    Fails,
    /// Nobody can tell.
    Unknown,
}

/// One run, which hears what comes. Dropped in the middle, it tells by the time whether the caller left or the deadline passed.
struct Attempt<'a> {
    breaker: &'a Breaker,
    pass: Pass,
    /// Since when the backend has it: a call that waited in vain for its turn is told from one by another failure.
    since: Duration,
    deadline: Instant,
    sink: &'a mut dyn Sink,
    /// Whether the backend gave anything.
    answered: bool,
    over: bool,
}

impl Attempt<'_> {
    fn verdict(&self, outcome: &Result<Timings, Failure>) -> Verdict {
        let Err(failure) = outcome else { return Verdict::Works };
        match failure.kind {
            FailureKind::Unavailable | FailureKind::Throttled => Verdict::Fails,
            // Our own limit, and a wait in which nothing was asked.
            FailureKind::Overloaded => Verdict::Unknown,
            // With a code it was the backend itself that gave the statement up.
            FailureKind::Timeout if failure.code.is_none() => self.silence(),
            _ => Verdict::Works,
        }
    }

    /// What it says that time is up.
    fn silence(&self) -> Verdict {
        let waited = self.breaker.started.elapsed().saturating_sub(self.since);
        match self.answered {
            true => Verdict::Works,
            false if waited >= self.breaker.patience => Verdict::Fails,
            false => Verdict::Unknown,
        }
    }

    fn conclude(&mut self, verdict: Verdict, failure: Option<&Failure>) {
        self.over = true;
        if matches!(verdict, Verdict::Fails) {
            let message = failure.map_or("it does not answer", |failure| &failure.message);
            message.clone_into(&mut self.breaker.cause());
        }
        let (circuit, now) = (&self.breaker.circuit, self.breaker.started.elapsed());
        self.breaker.log(match verdict {
            Verdict::Works => circuit.succeeded(self.pass, now),
            Verdict::Fails => circuit.failed(self.pass, now),
            Verdict::Unknown => {
                circuit.undecided(self.pass, now);
                Turn::None
            }
        });
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        let in_time = Instant::now() + TICK < self.deadline;
        self.conclude(if in_time && !self.answered { Verdict::Unknown } else { self.silence() }, None);
    }
}

impl Sink for Attempt<'_> {
    fn wanted(&self) -> Option<usize> {
        self.sink.wanted()
    }

    fn deadline(&self) -> Option<Instant> {
        self.sink.deadline()
    }

    fn connected(&mut self) {
        self.since = self.breaker.started.elapsed();
        self.sink.connected();
    }

    fn begin(&mut self, columns: &[Column]) -> Result<(), Stop> {
        self.answered = true;
        self.sink.begin(columns)
    }

    fn row(&mut self, row: Vec<Json>) -> Result<Flow, Stop> {
        self.sink.row(row)
    }

    fn flush(&mut self) -> BoxFuture<'_, Result<(), Stop>> {
        self.sink.flush()
    }

    fn end(&mut self, changed: u64) -> Result<(), Stop> {
        self.answered = true;
        self.sink.end(changed)
    }
}

#[cfg(test)]
mod tests;
