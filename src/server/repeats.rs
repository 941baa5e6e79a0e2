//! Writes under an idempotency key: the call runs beside its answer, and on when its caller leaves, so that a repeat finds
//! what came of it.

use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use actix_http::{Response, body::BoxBody};
use actix_rt::{self as rt, task::JoinHandle};

use super::{
    Received,
    calls::{self, Beside, Callee},
    log::Line,
    problem::Problem,
};
use crate::{
    action::Variables,
    call::{self, Trace, Under},
    catalog::Entry,
};

/// Answers a write under `key`.
pub async fn answer<'a>(
    received: Received<'a>,
    entry: &'a Arc<Entry>,
    variables: Variables<'_>,
    key: Cow<'_, str>,
    line: &mut Line<'a>,
) -> Result<Response<BoxBody>, Problem> {
    let beside = Beside::of(received, entry, line);
    let (variables, key) = (variables.into_owned(), key.into_owned());
    let first = Arc::new(AtomicBool::new(false));
    let runs_on = first.clone();
    let call = rt::spawn(async move {
        let Beside { id, gateway, entry, key: caller, .. } = &beside;
        let mut line = beside.line();
        let callee = Callee::of(gateway, entry)?;
        let trace = line.trace.insert(Trace::default());
        let under = Under { repeats: &gateway.repeats, caller: caller.as_deref(), key: &key, first: &first };
        let outcome = call::once(callee.target(false, id.as_str()), under, &variables, trace).await;
        let told = Trace { queue: trace.queue, backend: trace.backend, replayed: trace.replayed, ..Trace::default() };
        let outcome = match outcome {
            Ok(called) => Ok(calls::success(called, &mut line)),
            Err(error) => {
                let problem = Problem::from(error);
                line.problem(&problem);
                Err(problem)
            }
        };
        Ok::<_, Problem>((told, outcome))
    });
    let mut call = Call { task: call, runs_on };
    let (told, outcome) = (&mut call.task).await.map_err(|_| Problem::lost(true))??;
    line.trace = Some(told);
    outcome
}

/// A call beside its answer. Where the caller leaves, dropping this ends it, unless it is the first under its key.
struct Call<T> {
    task: JoinHandle<T>,
    /// Set by the call itself, on this very thread.
    runs_on: Arc<AtomicBool>,
}

impl<T> Drop for Call<T> {
    fn drop(&mut self) {
        if !self.runs_on.load(Ordering::Relaxed) {
            self.task.abort();
        }
    }
}
