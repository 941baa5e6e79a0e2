//! One statement from its submission to its end. It has a handle as early as the service gives one, and is stopped when
//! nobody waits for it any more, however that comes about.

use std::{
    borrow::Cow,
    mem,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};
use serde::Deserialize;
use tokio::{
    runtime::Handle as Runtime,
    time::{Instant, sleep_until, timeout, timeout_at},
};

use super::{
    api::{Api, Ask, is_handle},
    failure,
};
use crate::backend::{
    Failure, FailureKind, Retry,
    service::{
        Refused, Then, Tries,
        client::{Answer, Lost},
        retry_after,
    },
};

/// How soon a statement is asked for after its submission; half as much again after each time, up to [`SLOWEST`].
const SOONEST: Duration = Duration::from_millis(50);
/// The longest pause between two polls.
const SLOWEST: Duration = Duration::from_secs(1);
/// How long a submission may go on when nobody waits for it any more, so that what it began can be stopped.
const LINGER: Duration = Duration::from_secs(5);
/// How long stopping a statement may take.
const STOPPING: Duration = Duration::from_secs(5);

/// What a statement is run with.
#[derive(Clone, Debug)]
pub struct Order {
    /// The body of its submission.
    pub body: Bytes,
    /// How each request is tried.
    pub retry: Retry,
    /// When nobody waits any more.
    pub deadline: Instant,
}

/// A statement that has ended well.
#[derive(Debug)]
pub struct Ended {
    /// Its handle.
    pub handle: Arc<str>,
    /// The answer with its first rows.
    pub body: Vec<u8>,
}

/// A statement that runs, or may. Dropped before its end, it is stopped.
struct Execution {
    api: Arc<Api>,
    state: State,
    submission: Arc<Submission>,
}

/// What is known of a submission while it goes on.
#[derive(Debug, Default)]
struct Submission {
    /// Whether it was sent.
    sent: AtomicBool,
    /// Whether the statement may have been begun and nobody was told.
    lost: AtomicBool,
    /// Whether nobody waits for it any more: then it is not sent again.
    left: AtomicBool,
    /// How often it was sent again.
    retries: AtomicU32,
}

enum State {
    /// It is being submitted.
    Submitting(BoxFuture<'static, Result<Submitted, Refused>>),
    /// It runs.
    Running(Arc<str>),
    /// It has ended.
    Over,
}

/// What becomes of a submission.
#[derive(Debug)]
struct Submitted {
    handle: Arc<str>,
    /// The answer, where it is there already.
    body: Option<Vec<u8>>,
}

/// Runs a statement to its end. `begun` hears its handle as soon as there is one. Requests that were tried again are counted in
/// `retries`.
///
/// # Errors
///
/// Why there is no answer; in doubt where the statement may take effect, or may have, all the same.
pub async fn run(
    api: &Arc<Api>,
    order: &Order,
    retries: &AtomicU32,
    begun: impl FnOnce(&Arc<str>),
) -> Result<Ended, Refused> {
    let submission = Arc::new(Submission::default());
    let submitting = submit(api.clone(), order.clone(), submission.clone()).boxed();
    let mut execution = Execution { api: api.clone(), state: State::Submitting(submitting), submission };
    let submitted = execution.submitted(order.deadline).await;
    retries.fetch_add(execution.submission.retries.load(Ordering::Relaxed), Ordering::Relaxed);
    let Submitted { handle, body } = submitted?;
    begun(&handle);
    let body = match body {
        Some(body) => body,
        None => poll(api, order, &handle, retries).await.inspect_err(|refused| {
            // What ended by itself needs no stopping.
            if !refused.in_doubt {
                execution.state = State::Over;
            }
        })?,
    };
    execution.state = State::Over;
    Ok(Ended { handle, body })
}

impl Execution {
    async fn submitted(&mut self, deadline: Instant) -> Result<Submitted, Refused> {
        let State::Submitting(submitting) = &mut self.state else { return Err(late(false)) };
        let outcome = timeout_at(deadline, submitting).await;
        let submitted = outcome.map_err(|_| late(self.submission.sent.load(Ordering::Relaxed)))?;
        self.state = match &submitted {
            Ok(Submitted { handle, body: None }) => State::Running(handle.clone()),
            _ => State::Over,
        };
        submitted
    }
}

impl Drop for Execution {
    fn drop(&mut self) {
        self.submission.left.store(true, Ordering::Relaxed);
        let Ok(runtime) = Runtime::try_current() else { return };
        let api = self.api.clone();
        match mem::replace(&mut self.state, State::Over) {
            State::Submitting(submitting) => {
                runtime.spawn(async move {
                    if let Ok(Ok(Submitted { handle, body: None })) = timeout(LINGER, submitting).await {
                        stop(&api, handle).await;
                    }
                });
            }
            State::Running(handle) => {
                runtime.spawn(async move { stop(&api, handle).await });
            }
            State::Over => {}
        }
    }
}

/// Submits a statement. It is sent again with the same id, which tells the service that it is the same statement.
async fn submit(api: Arc<Api>, order: Order, submission: Arc<Submission>) -> Result<Submitted, Refused> {
    let mut id = [0; 16];
    getrandom::fill(&mut id)
        .map_err(|_| Refused::never(Failure::new(FailureKind::Other, "there is no source of randomness")))?;
    let id = uuid::Builder::from_random_bytes(id).into_uuid();
    let tries = Tries { retry: order.retry, deadline: order.deadline + LINGER, retries: &submission.retries };
    let ask = || match submission.left.load(Ordering::Relaxed) {
        true => Err(late(false).failure),
        false => Ok(Ask::Submit(order.body.clone(), id, submission.sent.swap(true, Ordering::Relaxed))),
    };
    let judge = |outcome: Result<Answer, Lost>| {
        match &outcome {
            Err(Lost::Broken(_) | Lost::TooLarge) => submission.lost.store(true, Ordering::Relaxed),
            Ok(answer) if answer.status >= 500 => submission.lost.store(true, Ordering::Relaxed),
            // Whatever was lost before: this is said of the same statement.
            Ok(answer) if is_settled(answer) => submission.lost.store(false, Ordering::Relaxed),
            _ => {}
        }
        accepted(outcome).map_err(|refused| {
            let next = Instant::now() + refused.failure.retry_after.unwrap_or_default();
            let then = if next >= order.deadline { Then::Never } else { refused.then };
            Refused { then, ..refused }
        })
    };
    let outcome = api.ask(tries, ask, judge).await;
    outcome.map_err(|refused| Refused { in_doubt: submission.lost.load(Ordering::Relaxed), ..refused })
}

/// Asks for a statement until it has ended.
async fn poll(api: &Api, order: &Order, handle: &Arc<str>, retries: &AtomicU32) -> Result<Vec<u8>, Refused> {
    let tries = Tries { retry: order.retry, deadline: order.deadline, retries };
    let mut pause = SOONEST;
    loop {
        let next = Instant::now() + pause;
        sleep_until(next.min(order.deadline)).await;
        if next >= order.deadline {
            return Err(late(true));
        }
        let settled = AtomicBool::new(false);
        let judge = |outcome: Result<Answer, Lost>| {
            settled.store(outcome.as_ref().is_ok_and(is_settled), Ordering::Relaxed);
            accepted(outcome)
        };
        let outcome = api.ask(tries, || Ok(Ask::Poll(handle.clone())), judge).await;
        let in_doubt = !settled.load(Ordering::Relaxed);
        match outcome.map_err(|refused| Refused { in_doubt, ..refused })?.body {
            Some(body) => return Ok(body),
            None => pause = (pause + pause / 2).min(SLOWEST),
        }
    }
}

/// Stops a statement. That it has ended by then is no failure, and nobody is there to be told of one.
async fn stop(api: &Api, handle: Arc<str>) {
    let (retries, deadline) = (AtomicU32::new(0), Instant::now() + STOPPING);
    let tries = Tries { retry: Retry::default(), deadline, retries: &retries };
    let judge = |outcome| answered(outcome).map(drop);
    if let Err(refused) = api.ask(tries, || Ok(Ask::Cancel(handle.clone())), judge).await {
        tracing::warn!("a statement on Snowflake could not be stopped: {}", refused.failure.message);
    }
}

/// An answer, or how a request goes on without one.
pub fn answered(outcome: Result<Answer, Lost>) -> Result<Answer, Refused> {
    let refusal = |failure: Failure| match failure.kind {
        FailureKind::Unavailable | FailureKind::Throttled => Refused::again(failure),
        _ => Refused::never(failure),
    };
    match outcome {
        Ok(answer) if (200..300).contains(&answer.status) => Ok(answer),
        Ok(answer) => {
            let failure = failure::answer(answer.status, &answer.body, retry_after(&answer.headers));
            let then = if answer.status == 401 { Then::Renew } else { refusal(failure.clone()).then };
            Err(Refused { failure, then, in_doubt: false })
        }
        Err(Lost::Unsent(reason) | Lost::Broken(reason)) => {
            Err(Refused::again(Failure::new(FailureKind::Unavailable, reason)))
        }
        Err(Lost::TooLarge) => Err(Refused::never(Failure::new(FailureKind::Other, "an answer of more than 64 MiB"))),
    }
}

/// What a submission or a poll answers, as far as it must be known here.
#[derive(Deserialize)]
struct Status<'a> {
    #[serde(default, borrow)]
    code: Cow<'a, str>,
    #[serde(rename = "statementHandle", borrow)]
    handle: Cow<'a, str>,
}

/// Takes the answer to a submission or a poll: the statement runs, or has ended well.
fn accepted(outcome: Result<Answer, Lost>) -> Result<Submitted, Refused> {
    let outcome = outcome.map(|answer| {
        // The service may be too busy to tell more than that the statement runs.
        let status = if answer.status == 429 && is_running(&answer.body) { 202 } else { answer.status };
        Answer { status, ..answer }
    });
    let answer = answered(outcome)?;
    let odd = || Refused::never(Failure::new(FailureKind::Other, "the answer names no statement"));
    let status: Status<'_> = serde_json::from_slice(&answer.body).map_err(|_| odd())?;
    let handle: Arc<str> = Some(&*status.handle).filter(|handle| is_handle(handle)).ok_or_else(odd)?.into();
    Ok(Submitted { handle, body: (answer.status != 202).then_some(answer.body) })
}

/// Whether an answer says that a statement still runs.
fn is_running(body: &[u8]) -> bool {
    serde_json::from_slice::<Status<'_>>(body).is_ok_and(|status| status.code == RUNNING)
}

/// Whether an answer says for good that a statement failed: it is undone by that.
fn is_settled(answer: &Answer) -> bool {
    matches!(answer.status, 408 | 422)
}

/// The code of a statement that runs.
const RUNNING: &str = "333334";

fn late(in_doubt: bool) -> Refused {
    let failure = Failure::new(FailureKind::Timeout, "the statement did not end in time");
    Refused { failure, then: Then::Never, in_doubt }
}
