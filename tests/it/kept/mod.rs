//! Answers that are given again: from the cache, and under an idempotency key. The backend is one whose every run is told
//! beforehand.

mod cache;
mod repeats;

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use datadip::{
    action::Action,
    backend::{Backend, Column, Connections, Failure, FailureKind, Health, Request, Sink, Timings, driver},
};
use futures_util::future::BoxFuture;
use serde_json::json;
use tokio::time::sleep;

/// What a run does.
#[derive(Clone, Debug)]
enum Step {
    /// Answers after a while.
    Slow(Duration),
    /// Fails.
    Fail(FailureKind),
    /// Fails after a while.
    FailSlowly(Duration, FailureKind),
    /// Never ends.
    Hang,
    /// Loses its connection while it commits.
    LostCommit,
    /// Never hears of its commit.
    SlowCommit,
    /// Panics.
    Panic,
}

/// Gives one row with the number of the run, counted from 1, at once where no step says otherwise.
#[derive(Debug, Default)]
struct Scripted {
    runs: AtomicUsize,
    steps: Mutex<VecDeque<Step>>,
}

impl Scripted {
    fn new(steps: impl IntoIterator<Item = Step>) -> Arc<Self> {
        Arc::new(Self { runs: AtomicUsize::new(0), steps: Mutex::new(steps.into_iter().collect()) })
    }

    fn then(&self, step: Step) {
        self.steps.lock().expect("nobody panics").push_back(step);
    }

    fn runs(&self) -> usize {
        self.runs.load(Ordering::Relaxed)
    }
}

impl Backend for Scripted {
    fn run<'a>(&'a self, request: &'a Request, sink: &'a mut dyn Sink) -> BoxFuture<'a, Result<Timings, Failure>> {
        Box::pin(async move {
            let run = self.runs.fetch_add(1, Ordering::Relaxed) + 1;
            let step = self.steps.lock().expect("nobody panics").pop_front();
            match step {
                None => {}
                Some(Step::Slow(time)) => sleep(time).await,
                Some(Step::Fail(kind)) => return Err(Failure::new(kind, "as told")),
                Some(Step::FailSlowly(time, kind)) => {
                    sleep(time).await;
                    return Err(Failure::new(kind, "as told"));
                }
                Some(Step::Hang) => std::future::pending().await,
                Some(Step::LostCommit) => {
                    request.committing.store(true, Ordering::Relaxed);
                    return Err(Failure::new(FailureKind::Unavailable, "as told"));
                }
                Some(Step::SlowCommit) => {
                    request.committing.store(true, Ordering::Relaxed);
                    std::future::pending().await
                }
                Some(Step::Panic) => panic!("as told"),
            }
            sink.begin(&[Column { name: "run".into() }])?;
            sink.row(vec![json!(run)])?;
            sink.end(0)?;
            Ok(Timings::default())
        })
    }

    fn connect(&self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async { Ok(()) })
    }

    fn health(&self) -> Health {
        Health::Up
    }

    fn allow_tests(&self) -> bool {
        false
    }

    fn connections(&self) -> Connections {
        Connections { open: 0, idle: 0 }
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

fn action(text: &str) -> Arc<Action> {
    crate::backends::action(driver("sqlite").expect("a driver"), text)
}
