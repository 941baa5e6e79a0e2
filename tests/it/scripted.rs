//! A backend that does what a test says, run by run.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use datadip::backend::{Again, Backend, Column, Connections, Failure, FailureKind, Health, Request, Sink, Timings};
use futures_util::future::BoxFuture;
use serde_json::Value as Json;
use tokio::time::sleep;

/// What it does with one run.
#[derive(Clone, Debug)]
pub enum Does {
    /// Answers a row with this `n`.
    Answer(i64),
    /// Answers the number of the run after a while.
    Slow(Duration),
    /// Fails.
    Fail(FailureKind, Again),
    /// Fails after a while.
    FailSlowly(Duration, FailureKind),
    /// Gives a row with this `n` and fails then.
    Break(i64, FailureKind, Again),
    /// Fails while it commits.
    Lose(FailureKind),
    /// Never hears of its commit.
    Commit,
    /// Never answers.
    Hang,
    /// Panics.
    Panic,
}

/// Does one thing after the other, and answers the number of the run, counted from 1, when there is nothing left to do.
#[derive(Debug, Default)]
pub struct Scripted {
    script: Mutex<VecDeque<Does>>,
    runs: AtomicUsize,
}

impl Scripted {
    /// A backend that does this.
    pub fn new(script: impl IntoIterator<Item = Does>) -> Arc<Self> {
        Arc::new(Self { script: Mutex::new(script.into_iter().collect()), runs: AtomicUsize::new(0) })
    }

    /// Does this as well, when all else is done.
    pub fn then(&self, does: Does) {
        self.script.lock().expect("no panic").push_back(does);
    }

    /// How often it was asked.
    pub fn runs(&self) -> usize {
        self.runs.load(Ordering::Relaxed)
    }
}

fn give(n: i64, sink: &mut dyn Sink) -> Result<(), Failure> {
    sink.begin(&[Column { name: "n".into() }])?;
    sink.row(vec![Json::from(n)])?;
    Ok(())
}

fn failure(kind: FailureKind, again: Again) -> Failure {
    Failure { again, ..Failure::new(kind, "as the script says") }
}

impl Backend for Scripted {
    fn run<'a>(&'a self, request: &'a Request, sink: &'a mut dyn Sink) -> BoxFuture<'a, Result<Timings, Failure>> {
        Box::pin(async {
            let run = self.runs.fetch_add(1, Ordering::Relaxed) as i64 + 1;
            let next = self.script.lock().expect("no panic").pop_front();
            match next.unwrap_or(Does::Answer(run)) {
                Does::Answer(n) => give(n, sink)?,
                Does::Slow(time) => {
                    sleep(time).await;
                    give(run, sink)?;
                }
                Does::Fail(kind, again) => return Err(failure(kind, again)),
                Does::FailSlowly(time, kind) => {
                    sleep(time).await;
                    return Err(failure(kind, Again::Never));
                }
                Does::Break(n, kind, again) => {
                    give(n, sink)?;
                    return Err(failure(kind, again));
                }
                Does::Lose(kind) => {
                    request.committing.store(true, Ordering::Relaxed);
                    return Err(failure(kind, Again::Never));
                }
                Does::Commit => {
                    request.committing.store(true, Ordering::Relaxed);
                    std::future::pending().await
                }
                Does::Hang => std::future::pending().await,
                Does::Panic => panic!("as the script says"),
            }
            sink.end(1)?;
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
        true
    }

    fn connections(&self) -> Connections {
        Connections { open: 0, idle: 0 }
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}
