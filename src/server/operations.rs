//! What operators ask (SPEC 8.4): health, readiness, the catalog, the OpenAPI document, metrics.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use actix_http::{Method, Response, StatusCode, body::BoxBody, header::HeaderValue};
use bytes::Bytes;
use serde_json::{Value as Json, json};

use super::{Received, answer, metrics, openapi, problem::Problem, profiler};
use crate::{
    backend::Health,
    catalog::{Catalog, Entry, State},
    diagnostic,
    gateway::Gateway,
};

/// A path of our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `/healthz`
    Health,
    /// `/readyz`
    Ready,
    /// `/catalog`
    Catalog,
    /// `/openapi.json`
    OpenApi,
    /// `/metrics`
    Metrics,
    /// `/profiler`
    Profiler,
}

impl Operation {
    /// The operation of a path.
    pub fn of(path: &str) -> Option<Self> {
        match path {
            "/healthz" => Some(Self::Health),
            "/readyz" => Some(Self::Ready),
            "/catalog" => Some(Self::Catalog),
            "/openapi.json" => Some(Self::OpenApi),
            "/metrics" => Some(Self::Metrics),
            "/profiler" => Some(Self::Profiler),
            _ => None,
        }
    }

    /// Whether it is answered without a key also where there are keys: probes have none.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Health | Self::Ready)
    }
}

/// Answers an operation that is no call.
pub fn answer(received: Received<'_>, operation: Operation) -> Result<Response<BoxBody>, Problem> {
    if ![Method::GET, Method::HEAD].contains(&received.head.method) {
        return Err(Problem::method_not_allowed("GET, HEAD".into()));
    }
    let gateway = received.gateway;
    let (status, body) = match operation {
        Operation::Health => (StatusCode::OK, json!({ "status": "ok" }).to_string().into()),
        Operation::Ready => {
            let draining = received.shared.running.draining();
            let status = if draining { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
            (status, ready(gateway, draining).to_string().into())
        }
        Operation::Catalog => (StatusCode::OK, catalog(&gateway.catalog).to_string().into()),
        Operation::OpenApi => (StatusCode::OK, received.shared.documents.get(gateway)),
        Operation::Metrics => {
            let media_type = HeaderValue::from_static(metrics::MEDIA_TYPE);
            return Ok(answer::with_type(StatusCode::OK, media_type, BoxBody::new(metrics::metrics(gateway))));
        }
        Operation::Profiler => (StatusCode::OK, profiler::profile(gateway).to_string().into()),
    };
    Ok(answer::json(status, body))
}

/// The OpenAPI document, made once for each catalog.
#[derive(Debug, Default)]
pub struct Documents(Mutex<Option<(String, bool, Bytes)>>);

impl Documents {
    fn get(&self, gateway: &Gateway) -> Bytes {
        let mut cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (catalog, keys) = (&gateway.catalog, gateway.settings.access.is_some());
        if let Some((revision, with_keys, document)) = &*cached
            && (revision, *with_keys) == (&catalog.revision, keys)
        {
            return document.clone();
        }
        let actions = catalog.entries().filter_map(|entry| entry.action.as_deref());
        let document = Bytes::from(openapi::document(actions, &catalog.revision, keys).to_string());
        *cached = Some((catalog.revision.clone(), keys, document.clone()));
        document
    }
}

/// Whether the gateway is ready; with `access`, which is for operators only, in numbers instead of names.
fn ready(gateway: &Gateway, draining: bool) -> Json {
    let health: BTreeMap<&str, Health> =
        gateway.backends.iter().map(|(name, backend)| (name.as_str(), backend.health())).collect();
    let troubled: Vec<&str> =
        gateway.catalog.entries().filter(|entry| entry.file != State::Ok).map(|entry| &*entry.name).collect();
    let refused = gateway.catalog.entries().any(|entry| entry.standing.refuses().is_some());
    let problem = gateway.reload_problem.as_deref();
    let degraded =
        problem.is_some() || refused || !troubled.is_empty() || health.values().any(|health| *health == Health::Down);
    let status = match (draining, degraded) {
        (true, _) => "draining",
        (false, true) => "degraded",
        (false, false) => "ready",
    };
    let (backends, quarantined) = if gateway.settings.access.is_some() {
        let count = |wanted| health.values().filter(|health| **health == wanted).count();
        (json!({ "up": count(Health::Up), "down": count(Health::Down) }), json!(troubled.len()))
    } else {
        let words = health.into_iter().map(|(name, health)| (name.to_owned(), word(health).into()));
        (Json::Object(words.collect()), json!(troubled))
    };
    let mut ready = json!({ "status": status, "backends": backends, "quarantined": quarantined });
    if let Some(problem) = problem {
        // Its words name files, which are for operators.
        let shown = if gateway.settings.access.is_some() { "the last reload failed" } else { problem };
        ready["problem"] = shown.into();
    }
    ready
}

fn word(health: Health) -> &'static str {
    match health {
        Health::Up => "up",
        Health::Down => "down",
        Health::Unused => "unused",
    }
}

fn catalog(catalog: &Catalog) -> Json {
    let actions: Vec<Json> = catalog.entries().map(|entry| describe(entry)).collect();
    json!({ "revision": catalog.revision, "actions": actions })
}

/// An action that never had a good version is known by its name alone.
fn describe(entry: &Entry) -> Json {
    let action = entry.action.as_ref();
    let finding = entry.standing.finding();
    let (state, since) = match &finding {
        Some(finding) => (finding.state, finding.since),
        None => (entry.file, entry.standing.mended().map_or(entry.since, |mended| mended.max(entry.since))),
    };
    let reports = entry.report.iter().chain(finding.iter().map(|finding| &finding.report));
    json!({
        "name": &*entry.name,
        "path": action.map(|action| &action.path),
        "methods": action.map(|action| action.methods.iter().map(|method| method.as_str()).collect::<Vec<_>>()),
        "backend": action.map(|action| &action.backend),
        "mode": action.map(|action| action.mode.as_str()),
        "state": state.as_str(),
        "since": since.to_string(),
        "diagnostics": reports.flat_map(diagnostic::json::list).collect::<Vec<_>>(),
    })
}
