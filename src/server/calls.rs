//! `/actions/…` and `/simulate/…`: a request becomes variables, the variables a call, and what came of it an answer.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use actix_http::{Method, Payload, Response, StatusCode, body::BoxBody, header::HeaderMap};
use serde_json::{Value as Json, json};

use super::{
    Received,
    access::Caller,
    answer,
    log::Line,
    problem::Problem,
    repeats,
    request::{self, RequestId},
    running::Entered,
    stream,
};
use crate::{
    action::{Action, Encoded, Variables},
    backend::Backend,
    call::{self, Code, Digest, Lookup, Target, Trace},
    catalog::{Entry, Standing},
    gateway::Gateway,
    limit::Limiter,
};

/// Everything of the gateway that calls of an action need.
pub struct Callee<'a> {
    /// The action.
    pub action: &'a Arc<Action>,
    backend: &'a Arc<dyn Backend>,
    gateway: &'a Gateway,
    backend_digest: &'a Digest,
    limiters: [Option<&'a Limiter>; 2],
    standing: &'a Standing,
}

impl<'a> Callee<'a> {
    /// What an action needs to be called, if its file was ever good.
    pub fn of(gateway: &'a Gateway, entry: &'a Entry) -> Result<Self, Code> {
        let action = entry.action.as_ref().ok_or(Code::ActionUnavailable)?;
        let (backend, backend_digest) = gateway.backend(&action.backend).ok_or(Code::ActionUnavailable)?;
        let limiters = [Some(&*gateway.limiter), entry.limiter.as_deref()];
        Ok(Self { action, backend, backend_digest, gateway, limiters, standing: &entry.standing })
    }

    /// What one call runs with. It leaves the cache alone.
    pub fn target(&self, dry: bool, request_id: &'a str) -> Target<'_> {
        Target {
            action: self.action,
            backend: self.backend,
            limiters: self.limiters,
            standing: Some(self.standing),
            dry,
            cache: None,
            request_id,
        }
    }

    /// The same for a call that is served from the cache where its action has one, unless its headers want a new answer.
    fn cached_target(&self, headers: &HeaderMap, request_id: &'a str) -> Target<'_> {
        let lookup = |_| Lookup {
            cache: &self.gateway.cache,
            backend: self.backend_digest,
            refresh: request::wants_no_cache(headers),
        };
        Target { cache: self.action.cache.map(lookup), ..self.target(false, request_id) }
    }
}

/// What a call that runs beside its answer, and may outlive it, needs of its own.
pub struct Beside {
    /// The request's id.
    pub id: RequestId,
    /// What it may touch.
    pub gateway: Arc<Gateway>,
    /// Its action.
    pub entry: Arc<Entry>,
    /// The name of the caller's key.
    pub key: Option<String>,
    started: Instant,
    _entered: Entered,
}

impl Beside {
    /// What the call of a request needs. Its own line is written instead of the request's.
    pub fn of(received: Received<'_>, entry: &Arc<Entry>, line: &mut Line<'_>) -> Self {
        line.silence();
        Self {
            id: received.id.clone(),
            gateway: received.gateway.clone(),
            entry: entry.clone(),
            key: line.key.map(str::to_owned),
            started: line.started,
            _entered: received.shared.running.enter(),
        }
    }

    /// The log's line.
    pub fn line(&self) -> Line<'_> {
        let mut line = Line::new(self.id.as_str(), self.started);
        line.profile = Some(&self.gateway.profile);
        (line.action, line.key) = (Some(&*self.entry), self.key.as_deref());
        line
    }
}

/// The answer of a call that succeeded.
pub fn success(called: Encoded, line: &mut Line<'_>) -> Response<BoxBody> {
    line.rows = Some(called.row_count);
    line.success();
    answer::json(StatusCode::OK, called.body.into())
}

/// Answers a call of an action.
pub async fn answer<'a>(
    received: Received<'a>,
    caller: Caller<'a>,
    entry: &'a Arc<Entry>,
    payload: Payload,
    line: &mut Line<'a>,
) -> Result<Response<BoxBody>, Problem> {
    line.action = Some(entry);
    let Received { head, gateway, id, .. } = received;
    let callee = Callee::of(gateway, entry)?;
    let action = callee.action;
    if !action.methods.iter().any(|method| method.as_str() == head.method.as_str()) {
        let allow: Vec<&str> = action.methods.iter().map(|method| method.as_str()).collect();
        return Err(Problem::method_not_allowed(allow.join(", ")));
    }
    if !caller.may_call(action) {
        return Err(Problem::forbidden("this key may not call this action"));
    }
    let wants_stream = request::wants_ndjson(head.headers());
    if wants_stream && !action.result.stream {
        return Err(Code::NotAcceptable.into());
    }
    let body;
    let sent = if head.method == Method::GET {
        request::from_query(head)?
    } else {
        body = request::read_body(head, payload, gateway.settings.limits.request_bytes).await?;
        request::from_body(head, &body)?
    };
    if wants_stream {
        return stream::answer(received, entry, sent.variables, line).await;
    }
    if let (true, Some(key)) = (action.result.write, sent.idempotency_key) {
        return repeats::answer(received, entry, sent.variables, key, line).await;
    }
    line.writing = action.result.write;
    let trace = line.trace.insert(Trace::default());
    let target = callee.cached_target(head.headers(), id.as_str());
    let called = call::call(target, &sent.variables, trace).await?;
    Ok(success(called, line))
}

/// Answers a simulation: the same call, whose write is rolled back, with everything that happened on its way.
pub async fn simulate<'a>(
    received: Received<'a>,
    name: &str,
    payload: Payload,
    line: &mut Line<'a>,
) -> Result<Response<BoxBody>, Problem> {
    let Received { head, gateway, id, .. } = received;
    let entry = gateway.catalog.get(name).ok_or(Code::ActionNotFound)?;
    line.action = Some(entry);
    line.simulated = true;
    if head.method != Method::POST {
        return Err(Problem::method_not_allowed("POST".into()));
    }
    let callee = Callee::of(gateway, entry)?;
    let body = request::read_body(head, payload, gateway.settings.limits.request_bytes).await?;
    let variables = request::from_body(head, &body)?.variables;
    let trace = line.trace.insert(Trace::default());
    let outcome = call::call(callee.target(true, id.as_str()), &variables, trace).await;
    let elapsed = line.started.elapsed();
    // A backend that did not answer is not asked more.
    let unanswered = outcome.as_ref().is_err_and(|error| matches!(error.code.status(), 503 | 504));
    let plan = match unanswered {
        true => Json::Null,
        false => call::plans(&**callee.backend, &trace.statements).await,
    };
    let shown = show(callee.action, &variables, trace, plan, elapsed);
    match outcome {
        Ok(called) => {
            line.rows = Some(called.row_count);
            line.success();
            let result: Json = serde_json::from_slice(called.result()).map_err(|_| Code::Internal)?;
            let body = json!({ "status": "success", "simulated_result": result, "trace": shown });
            Ok(answer::json(StatusCode::OK, body.to_string().into()))
        }
        Err(error) => {
            let problem = Problem::from(error);
            line.problem(&problem);
            Ok(problem.response(id.as_str(), Some(shown)))
        }
    }
}

/// What happened in a call, sensitive values masked.
fn show(action: &Action, variables: &Variables<'_>, trace: &Trace, plan: Json, total: Duration) -> Json {
    let millis = |time: Duration| time.as_micros() as f64 / 1000.0;
    json!({
        "variables": action.params.show_variables(variables),
        "coerced": call::values_json(action, &trace.values),
        "statements": call::statements_json(action, trace),
        "shape": trace.shapes,
        "plan": plan,
        "timings": { "queue": millis(trace.queue), "backend": millis(trace.backend), "total": millis(total) },
        "retries": trace.retries,
    })
}
