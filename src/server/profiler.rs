//! `/profiler` (SPEC 10): what the calls of each action did, the last ones one by one, and what services say of their limits
//! and costs.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Map, Value as Json, json};

use crate::{
    backend::{Backend, Job, Usage},
    gateway::Gateway,
    profile::{Call, Recent},
};

/// The percentiles of durations that are shown.
const PERCENTILES: [f64; 3] = [50.0, 95.0, 99.0];

/// Everything that the profiler knows.
pub fn profile(gateway: &Gateway) -> Json {
    let actions = gateway.catalog.entries().map(|entry| {
        let summary = entry.stats.summary(&PERCENTILES, &[]);
        let [p50, p95, p99] = [0, 1, 2].map(|at| millis(summary.percentiles[at]));
        json!({
            "name": &*entry.name, "count": summary.calls, "errors": summary.errors, "codes": summary.codes,
            "p50": p50, "p95": p95, "p99": p99, "rows": summary.rows, "retries": summary.retries,
            "cache_hits": summary.cache.get("hit").copied().unwrap_or_default(),
        })
    });
    let actions: Vec<Json> = actions.collect();
    let history: Vec<Json> = gateway.profile.recent.list().iter().map(|recent| shown(gateway, recent)).collect();
    json!({
        "actions": actions,
        "execution_history": history,
        "limits": by_backend(gateway, limits),
        "credits": by_backend(gateway, |backend| backend.costs()),
    })
}

/// One call.
fn shown(gateway: &Gateway, recent: &Recent) -> Json {
    let Recent { at, action, call } = recent;
    let Call { request_id, status, code, rows, queue, backend, total, retries, cache, jobs } = call;
    // A job's costs are told by the backend that ran it, which the action may have left since.
    let cost = |job: &Job| gateway.backends.values().find_map(|backend| backend.cost(&job.id));
    let job = |job: &Job| {
        json!({
            "id": &*job.id, "elapsed": millis(job.elapsed), "rows": job.rows, "bytes": job.bytes, "credits": cost(job),
        })
    };
    json!({
        "at": at.to_string(), "action": &**action, "request_id": request_id, "status": status, "code": code,
        "rows": rows, "retries": retries, "cache": cache,
        "timings": { "queue": millis(*queue), "backend": millis(*backend), "total": millis(*total) },
        "jobs": jobs.iter().map(job).collect::<Vec<_>>(),
    })
}

/// How much of a service's own limits is used.
fn limits(backend: &dyn Backend) -> Option<Map<String, Json>> {
    let usage = backend.usage();
    let limit = |Usage { name, used, limit }| (name, json!({ "used": used, "limit": limit }));
    (!usage.is_empty()).then(|| usage.into_iter().map(limit).collect())
}

/// What there is to tell of each backend, by its name.
fn by_backend<T: Into<Json>>(gateway: &Gateway, tell: impl Fn(&dyn Backend) -> Option<T>) -> BTreeMap<String, Json> {
    let told = gateway.backends.iter().filter_map(|(name, backend)| Some((name.clone(), tell(&**backend)?.into())));
    told.collect()
}

fn millis(time: Duration) -> f64 {
    time.as_micros() as f64 / 1000.0
}
