//! `/metrics` (SPEC 8.4, 10): what calls did, whether backends are up, what their connections do, and how much of a service's
//! own limits is used.

use std::{
    collections::BTreeMap,
    fmt::{Display, Write},
    time::Duration,
};

use crate::{
    backend::{Backend, Health, Usage},
    catalog::State,
    gateway::Gateway,
    profile::{Stats, Summary},
};

/// The text format of Prometheus
/// (<https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>).
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The bounds of the histogram of durations, in milliseconds: from a look-up in memory to the longest deadline.
const BOUNDS: [u64; 14] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 90_000];

/// All that is measured, in the text format of Prometheus.
pub fn metrics(gateway: &Gateway) -> String {
    let backends = backends(gateway);
    let mut text = String::new();
    calls(&mut text, gateway);
    let health = backends.iter().filter_map(|(name, backend)| match backend.health() {
        Health::Up => Some((labels(&[("backend", name)]), 1)),
        Health::Down => Some((labels(&[("backend", name)]), 0)),
        Health::Unused => None,
    });
    gauge(&mut text, "datadip_backend_up", "Whether the last call or connection found the backend.", health);
    let connections = backends.iter().flat_map(|(name, backend)| {
        let connections = backend.connections();
        let counted = [("open", connections.open), ("idle", connections.idle)];
        counted.map(|(state, count)| (labels(&[("backend", name), ("state", state)]), count as u64))
    });
    gauge(
        &mut text,
        "datadip_pool_connections",
        "Connections of a backend, or calls that a service works on.",
        connections,
    );
    let breakers =
        backends.iter().map(|(name, backend)| (labels(&[("backend", name)]), u64::from(backend.circuit_open())));
    gauge(&mut text, "datadip_breaker_open", "Whether the backend's circuit breaker refuses calls.", breakers);
    let usage = |part: fn(&Usage) -> u64| {
        let usage =
            backends.iter().flat_map(|(name, backend)| backend.usage().into_iter().map(move |usage| (name, usage)));
        usage.map(move |(name, usage)| (labels(&[("backend", name), ("limit", &usage.name)]), part(&usage)))
    };
    gauge(
        &mut text,
        "datadip_api_used",
        "Requests that a service has counted against a limit of its own.",
        usage(|usage| usage.used),
    );
    gauge(&mut text, "datadip_api_limit", "That limit.", usage(|usage| usage.limit));
    let credits = backends.iter().filter_map(|(name, backend)| Some((labels(&[("backend", name)]), backend.costs()?)));
    counter(&mut text, "datadip_credits_total", "Credits of statements, as far as the service told them.", credits);
    let broken = gateway.catalog.entries().filter(|entry| entry.file != State::Ok).count();
    let broken = [(String::new(), broken as u64)].into_iter();
    gauge(&mut text, "datadip_quarantined_files", "Action files that are broken.", broken);
    text
}

/// What calls did, by action. Actions that were not called have no samples.
fn calls(text: &mut String, gateway: &Gateway) {
    let bounds = BOUNDS.map(Duration::from_millis);
    let summary = |stats: &Stats| stats.summary(&[], &bounds);
    let actions = gateway.catalog.entries().map(|entry| (&*entry.name, summary(&entry.stats)));
    let called: Vec<(&str, Summary)> = actions.filter(|(_, summary)| summary.calls > 0).collect();
    // Requests that reached no action have no action's name.
    let strangers = [("", summary(&gateway.profile.strangers))];
    let codes = called.iter().chain(&strangers).flat_map(|(action, summary)| {
        summary.codes.iter().map(move |(code, count)| (labels(&[("action", action), ("code", code)]), *count))
    });
    counter(text, "datadip_calls_total", "Calls by the code of their answer.", codes);
    for (at, (action, summary)) in called.iter().enumerate() {
        const NAME: &str = "datadip_call_duration_seconds";
        if at == 0 {
            let _ = writeln!(text, "# HELP {NAME} From a request to its answer.\n# TYPE {NAME} histogram");
        }
        for (bound, count) in bounds.iter().zip(&summary.within) {
            let labels = labels(&[("action", action), ("le", &bound.as_secs_f64().to_string())]);
            let _ = writeln!(text, "{NAME}_bucket{labels} {count}");
        }
        let all = labels(&[("action", action), ("le", "+Inf")]);
        let (labels, calls, took) = (labels(&[("action", action)]), summary.calls, summary.took.as_secs_f64());
        let _ = writeln!(text, "{NAME}_bucket{all} {calls}\n{NAME}_sum{labels} {took}\n{NAME}_count{labels} {calls}");
    }
    let cache = called.iter().flat_map(|(action, summary)| {
        summary.cache.iter().map(move |(used, count)| (labels(&[("action", action), ("outcome", used)]), *count))
    });
    counter(text, "datadip_cache_total", "Calls of cached actions by what they had of the cache.", cache);
    let sum = |part: fn(&Summary) -> u64| {
        called.iter().map(move |(action, summary)| (labels(&[("action", action)]), part(summary)))
    };
    counter(text, "datadip_retries_total", "Tries beyond the first.", sum(|summary| summary.retries));
    counter(text, "datadip_rows_total", "Rows in answers.", sum(|summary| summary.rows));
}

fn backends(gateway: &Gateway) -> BTreeMap<&str, &dyn Backend> {
    gateway.backends.iter().map(|(name, backend)| (name.as_str(), &**backend)).collect()
}

/// Writes a gauge with its samples: labels and value. Nothing where there are none.
fn gauge(text: &mut String, name: &str, help: &str, samples: impl Iterator<Item = (String, impl Display)>) {
    family(text, "gauge", name, help, samples);
}

/// The same for a counter, whose name ends in `_total`.
fn counter(text: &mut String, name: &str, help: &str, samples: impl Iterator<Item = (String, impl Display)>) {
    family(text, "counter", name, help, samples);
}

fn family(
    text: &mut String,
    kind: &str,
    name: &str,
    help: &str,
    samples: impl Iterator<Item = (String, impl Display)>,
) {
    for (at, (labels, value)) in samples.enumerate() {
        // Writing to a String cannot fail.
        let _ = match at {
            0 => writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name}{labels} {value}"),
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
