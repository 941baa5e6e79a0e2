//! What the profiler and the metrics tell of calls.

use std::collections::HashSet;

use serde_json::{Value as Json, json};

use super::customers;
use crate::gateway::Serving;

async fn profiled(gateway: &Serving, name: &str) -> Json {
    let profiler = gateway.get("/profiler").await.json();
    let mut actions = profiler["actions"].as_array().expect("actions").iter();
    actions.find(|action| action["name"] == name).unwrap_or_else(|| panic!("no {name} in {profiler}")).clone()
}

#[tokio::test]
async fn the_profiler_counts_calls_by_action_and_keeps_the_last_ones_over_a_reload() {
    let mut gateway = customers();
    for body in [r#"{"customer_id": 1}"#, r#"{"customer_id": 9}"#, r#"{"customer_id": "secret-value"}"#] {
        gateway.send("POST /actions/find\nX-Request-Id: my-id", body).await;
    }
    gateway.post("/simulate/find", r#"{"customer_id": 1}"#).await;
    gateway.post("/actions/nothing", "{}").await;
    let file = "description: Finds.\nbackend: demo\nparams: { customer_id: integer }\nsql: SELECT 1 AS one LIMIT 1\n";
    gateway.reload("actions/find.yaml", file);
    let find = profiled(&gateway, "find").await;
    assert_eq!((&find["count"], &find["errors"], &find["rows"]), (&json!(3), &json!(1), &json!(1)));
    assert_eq!(find["codes"], json!({ "invalid_parameter": 1, "success": 2 }));
    assert!(find["p50"].as_f64() > Some(0.0) && find["p99"].as_f64() >= find["p50"].as_f64(), "{find}");
    assert_eq!(profiled(&gateway, "rename").await["count"], 0);
    let text = gateway.get("/profiler").await.text().to_owned();
    assert!(!text.contains("secret-value"), "{text}");
    let profiler: Json = serde_json::from_str(&text).expect("JSON");
    let history = profiler["execution_history"].as_array().expect("a list");
    assert_eq!(history.len(), 3, "a simulation and what reaches no action are not kept");
    let first = &history[0];
    assert_eq!((&first["action"], &first["request_id"]), (&json!("find"), &json!("my-id")));
    assert_eq!((&first["status"], &first["code"]), (&json!(400), &json!("invalid_parameter")));
    let last = &history[2]["timings"];
    assert!(last["total"].as_f64() >= last["backend"].as_f64() && last["backend"].as_f64() > Some(0.0), "{last}");
}

#[tokio::test]
async fn the_profiler_keeps_as_many_calls_as_it_is_told() {
    let mut gateway = customers();
    let config = std::fs::read_to_string(gateway.folder.path().join("datadip.yaml")).expect("a configuration");
    gateway.reload("datadip.yaml", &format!("{config}\nprofiler: {{ history: 2 }}\n"));
    for _ in 0..4 {
        gateway.post("/actions/find", r#"{"customer_id": 1}"#).await;
    }
    let profiler = gateway.get("/profiler").await.json();
    assert_eq!(profiler["execution_history"].as_array().map(Vec::len), Some(2));
    assert_eq!(profiled(&gateway, "find").await["count"], 4);
}

/// The samples of a metric: labels and value.
fn samples(text: &str, name: &str) -> Vec<(String, f64)> {
    let lines = text.lines().filter_map(|line| line.strip_prefix(name)).filter(|rest| rest.starts_with(['{', ' ']));
    lines
        .map(|line| line.rsplit_once(' ').expect("a value"))
        .map(|(labels, value)| (labels.to_owned(), value.parse().unwrap_or_else(|_| panic!("{value} is no number"))))
        .collect()
}

#[tokio::test]
async fn the_metrics_count_calls_and_how_long_they_took() {
    let gateway = customers();
    for id in ["1", "2", "x"] {
        gateway.post("/actions/find", &format!(r#"{{"customer_id": "{id}"}}"#)).await;
    }
    gateway.post("/actions/nothing", "{}").await;
    let text = gateway.get("/metrics").await.text().to_owned();
    let calls: HashSet<String> =
        samples(&text, "datadip_calls_total").into_iter().map(|(labels, count)| format!("{labels} {count}")).collect();
    let expected = [
        r#"{action="find",code="success"} 2"#,
        r#"{action="find",code="invalid_parameter"} 1"#,
        r#"{action="",code="action_not_found"} 1"#,
    ];
    assert_eq!(calls, expected.map(str::to_owned).into());
    let buckets = samples(&text, "datadip_call_duration_seconds_bucket");
    let counts: Vec<f64> = buckets.iter().map(|(_, count)| *count).collect();
    assert!(counts.is_sorted() && counts.last() == Some(&3.0), "{buckets:?}");
    assert!(buckets.last().is_some_and(|(labels, _)| labels.contains(r#"le="+Inf""#)));
    assert!(samples(&text, "datadip_call_duration_seconds_sum")[0].1 > 0.0);
    // A family has its type once, before its samples, and no other between them.
    let (mut seen, mut family) = (HashSet::new(), "");
    for line in text.lines() {
        match line.strip_prefix("# TYPE ").and_then(|line| line.split(' ').next()) {
            Some(name) => {
                assert!(seen.insert(name), "{line}");
                family = name;
            }
            None if line.starts_with('#') => {}
            None => {
                let name = line.split(['{', ' ']).next().unwrap_or_default();
                let suffix = name.strip_prefix(family).unwrap_or_else(|| panic!("{line} is not of {family}"));
                assert!(["", "_bucket", "_sum", "_count"].contains(&suffix), "{line} is not of {family}");
            }
        }
    }
    assert!(seen.len() > 5, "{seen:?}");
}
