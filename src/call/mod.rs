//! One call from variables to result: limits, coercion, statements with retries, validation, within one deadline. It knows
//! nothing of HTTP; `run`, `test` and `/simulate` make the same calls as `/actions`.

mod cache;
mod digest;
mod error;
mod plan;
mod repeats;
mod show;
mod stream;

use std::{
    mem,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::time::{Instant, sleep, timeout_at};

use crate::{
    action::{Action, BadParam, Encoded, Envelope, ResultError, Variables},
    backend::{Again, Backend, Bound, Failure, FailureKind, Jobs, Origin, RecordWrite, Request, Sink, Timings},
    catalog::{Standing, State},
    limit::{Limiter, Permit, Refused},
    spec::Mode,
    template::{Refusal, Shape},
    value::Value,
};

pub use cache::{Cache, CacheUse, Lookup};
pub use digest::Digest;
pub use error::{CallError, Code};
pub use plan::plans;
pub use repeats::{Repeats, Under, once};
pub use show::{is_sensitive, statements_json, values_json};
pub use stream::{Streamed, stream};

/// What a call runs with.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The action.
    pub action: &'a Arc<Action>,
    /// Its backend.
    pub backend: &'a Arc<dyn Backend>,
    /// The limits that apply: the gateway's, then the action's. A dry call is not counted against rates.
    pub limiters: [Option<&'a Limiter>; 2],
    /// How it stands with its live backend, where somebody watches that.
    pub standing: Option<&'a Standing>,
    /// Whether a write is rolled back: simulations and tests.
    pub dry: bool,
    /// Where answers of cached actions are; `None` for a call that neither takes nor leaves one.
    pub cache: Option<Lookup<'a>>,
    /// The request's id, part of the answer.
    pub request_id: &'a str,
}

/// What happened on the way, also where the call failed: for `Server-Timing`, logs and simulations.
#[derive(Debug, Default)]
pub struct Trace {
    /// The coerced values, one for each parameter.
    pub values: Vec<Option<Value>>,
    /// The shape of each statement.
    pub shapes: Vec<Shape>,
    /// The statements with their binds.
    pub statements: Vec<Bound>,
    /// The record to write, instead of statements.
    pub record: Option<RecordWrite>,
    /// Waiting for limits and connections.
    pub queue: Duration,
    /// The backend's work.
    pub backend: Duration,
    /// How many tries beyond the first.
    pub retries: u32,
    /// What a service ran for it.
    pub jobs: Jobs,
    /// What it had of the cache, where its action has one.
    pub cache: Option<CacheUse>,
    /// What went wrong although there is an answer: for the log.
    pub detail: Option<Box<str>>,
    /// Whether the outcome is that of an earlier call under the same idempotency key.
    pub replayed: bool,
}

/// Makes a call. `trace` is filled as far as the call got.
pub async fn call(target: Target<'_>, variables: &Variables<'_>, trace: &mut Trace) -> Result<Encoded, CallError> {
    let action = target.action;
    let deadline = Instant::now() + action.timeout;
    let _permits = admit(target, deadline, trace).await?;
    prepare(action, variables, trace)?;
    stands(target)?;
    match (action.cache, target.cache) {
        // In a box, so that calls without a cache need not make room for it.
        (Some(policy), Some(lookup)) => Box::pin(cache::answer(target, policy, lookup, deadline, trace)).await,
        _ => perform(target, false, deadline, trace).await,
    }
}

/// The half of a call that needs its backend, once it is prepared. `kept` tells that others may get the same result.
async fn perform(target: Target<'_>, kept: bool, deadline: Instant, trace: &mut Trace) -> Result<Encoded, CallError> {
    let action = target.action;
    let envelope = Envelope { request_id: target.request_id, kept };
    let request = request(target, deadline, trace);
    if request.write && request.dry && !target.backend.can_roll_back() {
        give_back(request, trace);
        return Ok(Encoded::nothing(envelope));
    }
    let mut encoder = action.result.encoder(envelope);
    let started = Instant::now();
    let outcome = match timeout_at(deadline, attempts(target, &request, &mut encoder, trace, |_| true)).await {
        Ok(outcome) => outcome,
        Err(_) => {
            trace.backend = started.elapsed();
            Err(Failure::new(FailureKind::Timeout, "the call's deadline passed"))
        }
    };
    let in_doubt = request.committing.load(Ordering::Relaxed);
    let committed = request.committed.load(Ordering::Relaxed);
    give_back(request, trace);
    let answer = match outcome {
        Ok(()) => encoder.finish().map_err(unfit),
        Err(failure) if failure.kind == FailureKind::Stopped => Err(match encoder.finish() {
            Err(reason) => unfit(reason),
            Ok(_) => CallError::new(Code::Internal).detail("the encoder stopped without a reason"),
        }),
        Err(failure) => Err(failed(action, failure, trace, in_doubt)),
    };
    answer.map_err(|error| CallError { committed, ..error })
}

/// The half of a call that touches no backend: coerces `variables` and writes the statements or the record, into `trace`. For dry runs,
/// offline tests and the call itself.
pub fn prepare(action: &Action, variables: &Variables<'_>, trace: &mut Trace) -> Result<(), CallError> {
    trace.values = action.params.decode(variables, action.allow_extra).map_err(CallError::bad_params)?;
    trace.statements.reserve_exact(action.statements.len());
    for template in &action.statements {
        let refused = |refusal| refused(action, refusal);
        let (shape, binds) = template.decide(&trace.values).map_err(refused)?;
        let statement = template.statement(&shape).map_err(refused)?;
        trace.shapes.push(shape);
        trace.statements.push(Bound::new(statement, binds).map_err(refused)?);
    }
    if let Some(record) = &action.record {
        trace.record = Some(record.decide(&trace.values).map_err(|refusal| refused(action, refusal))?);
    }
    Ok(())
}

/// Refuses a call whose action does not fit its live backend.
fn stands(target: Target<'_>) -> Result<(), CallError> {
    match target.standing.and_then(Standing::refuses) {
        None => Ok(()),
        Some(State::Gated) => Err(CallError::new(Code::CostExceeded)),
        Some(_) => Err(CallError::new(Code::SchemaDrift).detail("the catalog shows what is wrong")),
    }
}

/// Held while a call runs, one for each limit that applies.
type Permits<'a> = [Option<Permit<'a>>; 2];

/// Rates, then concurrency.
async fn admit<'a>(target: Target<'a>, deadline: Instant, trace: &mut Trace) -> Result<Permits<'a>, CallError> {
    check_rates(target)?;
    acquire(target, deadline, trace).await
}

/// The gateway's rate, then the action's.
fn check_rates(target: Target<'_>) -> Result<(), CallError> {
    if target.dry {
        return Ok(());
    }
    target.limiters.into_iter().flatten().try_for_each(|limiter| limiter.check_rate()).map_err(limited)
}

/// A place among the calls that run: the gateway's, then the action's.
async fn acquire<'a>(target: Target<'a>, deadline: Instant, trace: &mut Trace) -> Result<Permits<'a>, CallError> {
    let (started, before) = (Instant::now(), trace.queue);
    let mut permits = [None, None];
    for (place, limiter) in permits.iter_mut().zip(target.limiters) {
        let Some(limiter) = limiter else { continue };
        let permit = limiter.acquire(deadline).await;
        trace.queue = before + started.elapsed();
        *place = Some(permit.map_err(limited)?);
    }
    Ok(permits)
}

fn limited(refused: Refused) -> CallError {
    match refused {
        Refused::Rate(wait) => CallError { retry_after: Some(wait), ..CallError::new(Code::RateLimited) },
        Refused::Overloaded => CallError::new(Code::Overloaded),
    }
}

fn request(target: Target<'_>, deadline: Instant, trace: &mut Trace) -> Request {
    let action = target.action;
    if action.driver.queues {
        trace.jobs = Jobs::new();
    }
    Request {
        statements: mem::take(&mut trace.statements),
        record: trace.record.take(),
        write: action.mode == Mode::Write,
        dry: target.dry,
        deadline,
        options: action.options.clone(),
        retry: action.retry,
        retries: 0.into(),
        committing: false.into(),
        committed: false.into(),
        jobs: trace.jobs.clone(),
        // Services are told; on the way to a database nothing is copied that it has no use for.
        origin: action
            .driver
            .queues
            .then(|| Origin { action: action.name.clone(), request_id: target.request_id.to_owned() }),
    }
}

/// Puts into the trace again what a request took from it, and how often a service was asked again.
fn give_back(request: Request, trace: &mut Trace) {
    trace.retries += request.retries.into_inner();
    trace.statements = request.statements;
    trace.record = request.record;
}

/// Tries until it succeeds, fails for good, has no time left for another try, or the sink takes none. A repeat at once, on
/// another connection, is none of the tries that `retry` counts: it makes up for a connection that was lost while nobody used
/// it.
async fn attempts<S: Sink>(
    target: Target<'_>,
    request: &Request,
    sink: &mut S,
    trace: &mut Trace,
    takes_another: impl Fn(&S) -> bool,
) -> Result<(), Failure> {
    let retry = target.action.retry;
    let (mut paused, mut repeated) = (0, false);
    loop {
        let started = Instant::now();
        let outcome = target.backend.run(request, sink).await;
        let timings = match &outcome {
            Ok(timings) => *timings,
            Err(failure) if failure.kind == FailureKind::Overloaded => {
                Timings { queue: started.elapsed(), backend: Duration::ZERO }
            }
            Err(_) => Timings { queue: Duration::ZERO, backend: started.elapsed() },
        };
        trace.queue += timings.queue;
        trace.backend += timings.backend;
        let Err(failure) = outcome else { return Ok(()) };
        if failure.kind == FailureKind::Drift
            && let Some(standing) = target.standing
        {
            standing.suspect();
        }
        let wait = match failure.again {
            Again::Once if !repeated => {
                repeated = true;
                Duration::ZERO
            }
            Again::Paused if paused + 1 < retry.attempts => {
                paused += 1;
                retry.pause(paused - 1)
            }
            _ => return Err(failure),
        };
        if !takes_another(sink) || Instant::now() + wait >= request.deadline {
            return Err(failure);
        }
        sleep(wait).await;
        trace.retries += 1;
    }
}

/// Values that are each valid but cannot be bound.
fn refused(action: &Action, refusal: Refusal) -> CallError {
    let invalid = |param: usize, reason: &str, got: Option<&str>| {
        CallError::bad_params(vec![BadParam::invalid(&action.params.list()[param], reason, got)])
    };
    match refusal {
        Refusal::EmptyList { param } => invalid(param, "expected at least one element", Some("[]")),
        Refusal::Value { param: Some(param), reason } => invalid(param, &reason, None),
        Refusal::Value { param: None, reason } => CallError::new(Code::InvalidParameter).message(reason),
        Refusal::Shape { reason } => CallError::new(Code::Internal).detail(reason),
    }
}

/// Rows that are not an answer.
fn unfit(reason: ResultError) -> CallError {
    match reason {
        ResultError::Invalid(detail) => CallError::new(Code::ResultInvalid).detail(detail),
        ResultError::TooLarge(detail) => CallError::new(Code::ResultTooLarge).detail(detail),
        ResultError::NotFound => CallError::new(Code::NotFound),
        ResultError::Gone => CallError::new(Code::Timeout).detail("the reader of the stream is gone"),
    }
}

/// What a caller sees of a backend's failure.
fn failed(action: &Action, failure: Failure, trace: &Trace, in_doubt: bool) -> CallError {
    let codes = [&failure.code, &failure.state].into_iter().flatten();
    // An outcome of the author's own would hide that nobody knows the outcome.
    let own = codes.filter(|_| !in_doubt).find_map(|code| action.errors.get(code));
    let (code, constraint) = match (own, failure.kind) {
        (Some(own), _) => (Code::Own(Box::new(own.clone())), None),
        (None, FailureKind::Constraint(constraint)) => (Code::ConstraintViolation, Some(constraint)),
        (None, FailureKind::Unavailable) => (Code::BackendUnavailable, None),
        (None, FailureKind::Limited | FailureKind::Throttled) => (Code::BackendLimited, None),
        (None, FailureKind::Overloaded) => (Code::Overloaded, None),
        (None, FailureKind::Contention) => (Code::Contention, None),
        (None, FailureKind::Timeout) => (Code::Timeout, None),
        (None, FailureKind::InvalidValue) => (Code::InvalidParameter, None),
        (None, FailureKind::Drift) => (Code::SchemaDrift, None),
        (None, FailureKind::Stopped | FailureKind::Untold | FailureKind::Other) => (Code::BackendError, None),
    };
    let names = failure.fields.iter().map(String::as_str);
    let at_fault = match &trace.record {
        // A field that is named may be one of the author's constants.
        Some(record) if !failure.fields.is_empty() => record.param_of(names),
        _ => only_param(trace),
    };
    let mut error = match at_fault.filter(|_| code == Code::InvalidParameter) {
        // Where one parameter is bound it must be that one; else nobody tells which.
        Some(param) => refused(action, Refusal::Value { param: Some(param), reason: REFUSED_VALUE.into() }),
        None => CallError::new(code),
    };
    (error.constraint, error.in_doubt) = (constraint, in_doubt);
    error.retry_after = failure.retry_after.or(error.retry_after);
    let detail = match failure.code {
        Some(code) => format!("{code}: {}", failure.message),
        None => failure.message,
    };
    let unavailable = error.code == Code::BackendUnavailable;
    error.detail(if unavailable { format!("the backend `{}`: {detail}", action.backend) } else { detail })
}

/// What is said of a value that fits its parameter and not the database.
const REFUSED_VALUE: &str = "the value is out of the range or form that is possible here";

/// The parameter that all binds, or all values of the record, come from, if there is exactly one.
fn only_param(trace: &Trace) -> Option<usize> {
    let of_record = trace.record.iter().flat_map(RecordWrite::params).map(Some);
    let mut params = trace.statements.iter().flat_map(|bound| &bound.binds).map(|bind| bind.param).chain(of_record);
    let first = params.next()??;
    params.all(|param| param == Some(first)).then_some(first)
}
