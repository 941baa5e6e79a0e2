//! One call from variables to result: limits, coercion, statements with retries, validation, within one deadline. It knows
//! nothing of HTTP; `run`, `test` and `/simulate` make the same calls as `/actions`.

mod error;

use std::{sync::Arc, time::Duration};

use crate::{
    action::{Action, Encoded, Variables},
    backend::{Backend, Bound},
    limit::Limiter,
    value::Value,
};

pub use error::{CallError, Code};

/// What a call runs with.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The action.
    pub action: &'a Arc<Action>,
    /// Its backend.
    pub backend: &'a Arc<dyn Backend>,
    /// The limits that apply, the gateway's first; empty for a simulation's rates.
    pub limiters: &'a [Arc<Limiter>],
    /// Whether a write is rolled back: simulations and tests.
    pub dry: bool,
    /// The request's id, part of the answer.
    pub request_id: &'a str,
}

/// What came of a call that succeeded.
#[derive(Debug)]
pub struct Answer {
    /// The whole body, and its result.
    pub result: Encoded,
}

/// What happened on the way, also where the call failed: for `Server-Timing`, logs and simulations.
#[derive(Debug, Default)]
pub struct Trace {
    /// The coerced values, one for each parameter.
    pub values: Vec<Option<Value>>,
    /// The statements with their binds.
    pub statements: Vec<Bound>,
    /// Waiting for limits and connections.
    pub queue: Duration,
    /// The backend's work.
    pub backend: Duration,
    /// How many tries beyond the first.
    pub retries: u32,
}

/// Makes a call. `trace` is filled as far as the call got.
pub async fn call(target: Target<'_>, variables: &Variables<'_>, trace: &mut Trace) -> Result<Answer, CallError> {
    let _ = (target, variables, trace);
    Err(CallError::new(Code::Internal))
}
