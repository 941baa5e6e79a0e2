//! `/metrics` and `/profiler` (SPEC 8.4, 10), as far as they are about backends: whether they are up, what their connections do,
//! and how much of a service's own limits is used. Calls are not counted here.

use std::{collections::BTreeMap, fmt::Write};

use serde_json::{Value as Json, json};

use crate::{
    backend::{Backend, Health, Usage},
    catalog::State,
    gateway::Gateway,
};

/// The text format of Prometheus
/// (<https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>).
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What is measured of the backends, in the text format of Prometheus.
pub fn metrics(gateway: &Gateway) -> String {
    let backends = backends(gateway);
    let mut text = String::new();
    let health = backends.iter().filter_map(|(name, backend)| match backend.health() {
        Health::Up => Some((labels(&[("backend", name)]), 1)),
        Health::Down => Some((labels(&[("backend", name)]), 0)),
        Health::Unused => None,
    });
    family(&mut text, "datadip_backend_up", "Whether the last call or connection found the backend.", health);
    let connections = backends.iter().flat_map(|(name, backend)| {
        let connections = backend.connections();
        let counted = [("open", connections.open), ("idle", connections.idle)];
        counted.map(|(state, count)| (labels(&[("backend", name), ("state", state)]), count as u64))
    });
    family(
        &mut text,
        "datadip_pool_connections",
        "Connections of a backend, or calls that a service works on.",
        connections,
    );
    let breakers =
        backends.iter().map(|(name, backend)| (labels(&[("backend", name)]), u64::from(backend.circuit_open())));
    family(&mut text, "datadip_breaker_open", "Whether the backend's circuit breaker refuses calls.", breakers);
    let usage = |part: fn(&Usage) -> u64| {
        let usage =
            backends.iter().flat_map(|(name, backend)| backend.usage().into_iter().map(move |usage| (name, usage)));
        usage.map(move |(name, usage)| (labels(&[("backend", name), ("limit", &usage.name)]), part(&usage)))
    };
    family(
        &mut text,
        "datadip_api_used",
        "Requests that a service has counted against a limit of its own.",
        usage(|usage| usage.used),
    );
    family(&mut text, "datadip_api_limit", "That limit.", usage(|usage| usage.limit));
    let broken = gateway.catalog.entries().filter(|entry| entry.file != State::Ok).count();
    let broken = [(String::new(), broken as u64)].into_iter();
    family(&mut text, "datadip_quarantined_files", "Action files that are broken.", broken);
    text
}

/// How much of the limits of services is used, by backend.
pub fn profile(gateway: &Gateway) -> Json {
    let used = |backend: &dyn Backend| -> serde_json::Map<String, Json> {
        let usage = backend.usage().into_iter();
        usage.map(|Usage { name, used, limit }| (name, json!({ "used": used, "limit": limit }))).collect()
    };
    let limits = backends(gateway).into_iter().map(|(name, backend)| (name.to_owned(), used(backend)));
    let limits: BTreeMap<String, _> = limits.filter(|(_, limits)| !limits.is_empty()).collect();
    json!({ "limits": limits })
}

fn backends(gateway: &Gateway) -> BTreeMap<&str, &dyn Backend> {
    gateway.backends.iter().map(|(name, backend)| (name.as_str(), &**backend)).collect()
}

/// Writes a metric with its samples: labels and value. Nothing where there are none.
fn family(text: &mut String, name: &str, help: &str, samples: impl Iterator<Item = (String, u64)>) {
    for (at, (labels, value)) in samples.enumerate() {
        // Writing to a String cannot fail.
        let _ = match at {
            0 => writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name}{labels} {value}"),
            _ => writeln!(text, "{name}{labels} {value}"),
        };
    }
}

fn labels(labels: &[(&str, &str)]) -> String {
    let escaped = |value: &str| value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
    let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    format!("{{{}}}", labels.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_labels_are_escaped() {
        assert_eq!(labels(&[("a", "b\"c\\d\ne"), ("f", "g")]), r#"{a="b\"c\\d\ne",f="g"}"#);
    }
}
