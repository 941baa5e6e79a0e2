//! Whole calls of actions: codes, retries, deadlines and streams.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use datadip::{
    action::{Action, Context, Schemas, Variables},
    backend::{Backend, Driver},
    call::{self, Cache, CallError, Lookup, Repeats, Target, Trace, Under},
    diagnostic::Source,
    limit::{Limiter, LimiterSettings},
    spec::ActionSpec,
    yaml::{
        self,
        read::{FromNode, Rate},
    },
};
use futures_util::future::join_all;
use jiff::tz::TimeZone;
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;

use super::{Fixture, tools::*};

/// An action of the backend `b`.
pub fn action(driver: &'static Driver, text: &str) -> Arc<Action> {
    let text = format!("description: A test.\nbackend: b\n{text}");
    let source = Arc::new(Source { path: "actions/test.yaml".into(), text: text.clone() });
    let (document, mut out) = yaml::parse(&text);
    let spec = document.and_then(|document| ActionSpec::from_node(&document.root, &mut out)).expect("an action's keys");
    let context = Context {
        backends: Some(&HashMap::from([("b".to_owned(), driver)])),
        schemas: &Schemas::default(),
        keys: None,
        zone: &TimeZone::UTC,
        response_bytes: 1 << 20,
    };
    let action = Action::compile("test", &spec, &source, &context, &mut out);
    Arc::new(action.unwrap_or_else(|_| panic!("{text}\n{out:?}")))
}

/// Calls an action; the answer is the body, or the error.
pub async fn call(
    action: &Arc<Action>,
    backend: &Arc<dyn Backend>,
    variables: &str,
) -> (Result<Json, CallError>, Trace) {
    let mut trace = Trace::default();
    let target =
        Target { action, backend, limiters: [None, None], standing: None, dry: false, cache: None, request_id: "r" };
    let answer = call::call(target, &Variables::from_json(variables).expect("an object"), &mut trace).await;
    (answer.map(|encoded| serde_json::from_slice(&encoded.body).expect("the body is JSON")), trace)
}

async fn code(action: &Arc<Action>, backend: &Arc<dyn Backend>, variables: &str) -> (String, u16) {
    let (answer, _) = call(action, backend, variables).await;
    let error = answer.expect_err("the call fails");
    (error.code.as_str().to_owned(), error.code.status())
}

fn refused(code: &str, status: u16) -> (String, u16) {
    (code.to_owned(), status)
}

pub async fn a_call_answers_what_it_found(fixture: &dyn Fixture) {
    let backend = fixture.backend(1);
    let action =
        action(fixture.driver(), "params: { id: integer }\nsql: SELECT id, name FROM things WHERE id = {{ id }}\n");
    let (answer, trace) = call(&action, &backend, r#"{"id": "2"}"#).await;
    let expected = json!({
        "status": "success", "result": [{ "id": 2, "name": "two" }],
        "row_count": 1, "message": "1 row", "request_id": "r",
    });
    assert_eq!(answer.expect("the call succeeds"), expected);
    assert_eq!((trace.retries, trace.statements.len(), trace.shapes.len()), (0, 1, 1));
    assert!(trace.backend > Duration::ZERO);
    assert_eq!(call::values_json(&action, &trace.values), json!({ "id": 2 }));
    let shown = call::statements_json(&action, &trace);
    assert_eq!(shown[0]["binds"], json!([{ "parameter": "id", "type": "integer", "value": 2 }]));
}

pub async fn a_dry_run_masks_what_is_sensitive(fixture: &dyn Fixture) {
    let text =
        "params: { name: { type: string, sensitive: true } }\nsql: SELECT id FROM things WHERE name = {{ name }}\n";
    let action = action(fixture.driver(), text);
    let mut trace = Trace::default();
    let variables = Variables::from_json(r#"{"name": "secret"}"#).expect("an object");
    call::prepare(&action, &variables, &mut trace).expect("the value fits");
    let shown = call::statements_json(&action, &trace);
    assert_eq!(shown[0]["binds"][0]["value"], json!("***"));
    assert_eq!(call::values_json(&action, &trace.values), json!({ "name": "***" }));
}

pub async fn bad_parameters_reach_no_backend(fixture: &dyn Fixture) {
    let backend = fixture.backend(1);
    let text = "params: { ids: 'integer[]' }\nsql: SELECT id FROM things WHERE id IN ({{ ids | spread }})\n";
    let action = action(fixture.driver(), text);
    assert_eq!(code(&action, &backend, "{}").await, refused("missing_parameter", 400));
    assert_eq!(code(&action, &backend, r#"{"ids": ["x"]}"#).await, refused("invalid_parameter", 400));
    assert_eq!(code(&action, &backend, r#"{"ids": [1], "more": 1}"#).await, refused("unknown_parameter", 400));
    let (answer, _) = call(&action, &backend, r#"{"ids": []}"#).await;
    let error = answer.expect_err("an empty list finds nothing");
    assert_eq!((error.code.as_str(), error.errors[0].parameter.as_str()), ("invalid_parameter", "ids"));
    assert_eq!(backend.connections().open, 0);
}

pub async fn a_write_whose_result_breaks_the_schema_leaves_no_trace(fixture: &dyn Fixture) {
    let (dialect, backend) = (fixture.driver().dialect, fixture.backend(1));
    let text = "
mode: write
sql: [ UPDATE things SET amount = amount + 10, SELECT id FROM things ]
result: { schema: { type: object, required: [id], properties: { id: { type: integer, maximum: 2 } } } }
";
    let action = action(fixture.driver(), text);
    assert_eq!(code(&action, &backend, "{}").await, refused("result_invalid", 502));
    assert_eq!(things(&backend, dialect).await, first_things());
}

pub async fn a_write_that_finds_nothing_is_rolled_back(fixture: &dyn Fixture) {
    let (dialect, backend) = (fixture.driver().dialect, fixture.backend(1));
    let text = "
mode: write
sql: [ UPDATE things SET amount = amount + 10, SELECT id FROM things WHERE id = 99 ]
result: { shape: row, not_found: error }
";
    let action = action(fixture.driver(), text);
    assert_eq!(code(&action, &backend, "{}").await, refused("not_found", 404));
    assert_eq!(things(&backend, dialect).await, first_things());
}

pub async fn a_simulated_write_is_rolled_back(fixture: &dyn Fixture) {
    let (dialect, backend) = (fixture.driver().dialect, fixture.backend(1));
    let action = action(fixture.driver(), "mode: write\nsql: UPDATE things SET amount = amount + 10 WHERE id = 1\n");
    let target = Target {
        action: &action,
        backend: &backend,
        limiters: [None, None],
        standing: None,
        dry: true,
        cache: None,
        request_id: "r",
    };
    let answer = call::call(target, &Variables::default(), &mut Trace::default()).await.expect("it succeeds");
    assert_eq!(answer.row_count, 1);
    assert_eq!(things(&backend, dialect).await, first_things());
}

pub async fn a_call_past_its_deadline_answers_timeout(fixture: &dyn Fixture) {
    let (dialect, backend) = (fixture.driver().dialect, fixture.backend(1));
    for mode in ["read", "write"] {
        let action = action(fixture.driver(), &format!("mode: {mode}\ntimeout: 50ms\nsql: {}\n", fixture.endless()));
        let (answer, trace) = call(&action, &backend, "{}").await;
        let error = answer.expect_err("it never ends");
        assert_eq!((error.code.as_str(), error.code.status(), error.in_doubt), ("timeout", 504, false));
        assert_eq!(trace.statements.len(), 1, "the log knows what ran");
        assert_eq!(things(&backend, dialect).await, first_things());
    }
    settled(&backend).await;
}

/// All connections are lost while nobody uses them, as when the server was started anew: `sever` does that.
pub async fn lost_connections_are_made_up_for(fixture: &dyn Fixture, sever: impl Fn()) {
    let backend = fixture.backend(3);
    let dialect = fixture.driver().dialect;
    learnt(&backend).await;
    join_all((0..3).map(|_| things(&backend, dialect))).await;
    assert_eq!(backend.connections().open, 3);
    let action = action(fixture.driver(), "sql: SELECT count(*) AS n FROM things\nresult: { shape: value }\n");
    sever();
    for _ in 0..4 {
        let (answer, trace) = call(&action, &backend, "{}").await;
        assert_eq!(answer.expect("a new connection")["result"], 3);
        assert!(trace.retries <= 1);
    }
}

pub async fn a_write_under_a_key_runs_once(fixture: &dyn Fixture) {
    let (dialect, backend) = (fixture.driver().dialect, fixture.backend(3));
    let text = "
mode: write
params: { id: integer }
timeout: 30s
sql: UPDATE things SET amount = amount + 10 WHERE id = {{ id }}
result: { shape: affected }
";
    let action = action(fixture.driver(), text);
    let repeats = Repeats::default();
    let send = async |key| {
        let under = Under { repeats: &repeats, caller: None, key, first: &AtomicBool::new(false) };
        let target = Target {
            action: &action,
            backend: &backend,
            limiters: [None, None],
            standing: None,
            dry: false,
            cache: None,
            request_id: "r",
        };
        let mut trace = Trace::default();
        let variables = Variables::from_json(r#"{"id": 1}"#).expect("an object");
        let answer = call::once(target, under, &variables, &mut trace).await.expect("it succeeds");
        (answer.row_count, trace.replayed)
    };
    let mut came = join_all(["k"; 3].map(&send)).await;
    came.sort_unstable();
    assert_eq!(came, [(1, false), (1, true), (1, true)]);
    assert_eq!(things(&backend, dialect).await[0][2], 11);
    assert_eq!(send("l").await, (1, false));
    assert_eq!(things(&backend, dialect).await[0][2], 21);
}

pub async fn a_cached_answer_is_served_again(fixture: &dyn Fixture) {
    let backend = fixture.backend(1);
    let text = "
params: { id: integer }
sql: SELECT amount FROM things WHERE id = {{ id }}
result: { shape: value }
cache: { ttl: 1h }
";
    let read = action(fixture.driver(), text);
    let write = action(fixture.driver(), "mode: write\nsql: UPDATE things SET amount = amount + 10 WHERE id < 9\n");
    let cache = Cache::new(1 << 20);
    let ask = async |variables: &str, refresh| {
        let target = Target {
            action: &read,
            backend: &backend,
            limiters: [None, None],
            standing: None,
            dry: false,
            cache: Some(Lookup { cache: &cache, backend: &[0; 32], refresh }),
            request_id: "r",
        };
        let variables = Variables::from_json(variables).expect("an object");
        let answer = call::call(target, &variables, &mut Trace::default()).await.expect("it succeeds");
        serde_json::from_slice::<Json>(answer.result()).expect("JSON")
    };
    assert_eq!(ask(r#"{"id": 1}"#, false).await, 1);
    call(&write, &backend, "{}").await.0.expect("it succeeds");
    assert_eq!(ask(r#"{"id": "1"}"#, false).await, 1);
    assert_eq!(ask(r#"{"id": 2}"#, false).await, 12);
    assert_eq!(ask(r#"{"id": 1}"#, true).await, 11);
    assert_eq!(ask(r#"{"id": 1}"#, false).await, 11);
}

pub async fn own_codes_stand_for_the_databases(fixture: &dyn Fixture) {
    let backend = fixture.backend(1);
    let sql = "mode: write\nsql: INSERT INTO things (id, name, amount) VALUES (9, 'one', 1)\n";
    let plain = action(fixture.driver(), sql);
    let (answer, _) = call(&plain, &backend, "{}").await;
    let error = answer.expect_err("the name is taken");
    assert_eq!((error.code.as_str(), error.code.status()), ("constraint_violation", 409));
    assert_eq!((error.constraint, error.message.contains("things")), (Some("unique"), false));
    let vendor = error.detail.expect("the log knows more").split(':').next().expect("a code").to_owned();
    let own = action(fixture.driver(), &format!("{sql}errors: {{ '{vendor}': {{ code: name_taken, http: 422 }} }}\n"));
    assert_eq!(code(&own, &backend, "{}").await, refused("name_taken", 422));
}

pub async fn drift_is_told_without_names(fixture: &dyn Fixture) {
    let backend = fixture.backend(1);
    let action = action(fixture.driver(), "sql: SELECT wrong FROM things\n");
    let (answer, _) = call(&action, &backend, "{}").await;
    let error = answer.expect_err("there is no such column");
    assert_eq!((error.code.as_str(), error.code.status()), ("schema_drift", 502));
    assert!(!error.message.contains("wrong") && error.detail.is_some_and(|detail| detail.contains("wrong")));
}

pub async fn limits_refuse_before_anything_runs(fixture: &dyn Fixture) {
    let backend = fixture.backend(1);
    let action = action(fixture.driver(), "sql: SELECT id FROM things\n");
    let rate = Rate { count: NonZeroU32::MIN, period: Duration::from_secs(3600) };
    let settings =
        LimiterSettings { concurrency: Some(1), queue: 0, max_wait: Duration::from_secs(1), rate: Some(rate) };
    let limiter = Limiter::new(settings);
    let call = async |dry| {
        let target = Target {
            action: &action,
            backend: &backend,
            limiters: [Some(&limiter), None],
            standing: None,
            dry,
            cache: None,
            request_id: "r",
        };
        call::call(target, &Variables::default(), &mut Trace::default()).await
    };
    call(false).await.expect("the first is within the rate");
    let error = call(false).await.expect_err("the second is over the rate");
    assert_eq!((error.code.as_str(), error.code.status()), ("rate_limited", 429));
    assert!(error.retry_after.is_some_and(|wait| wait > Duration::from_secs(3000)));
    call(true).await.expect("a simulation is not counted");
    let _held = limiter.acquire(tokio::time::Instant::now()).await.expect("nothing runs");
    let error = call(true).await.expect_err("one runs and none may wait");
    assert_eq!((error.code.as_str(), error.code.status()), ("overloaded", 503));
}

/// Streams an action; `channel` chunks are buffered.
pub fn stream(
    action: &Arc<Action>,
    backend: &Arc<dyn Backend>,
    channel: usize,
) -> (mpsc::Receiver<Vec<u8>>, tokio::task::JoinHandle<Result<call::Streamed, CallError>>) {
    let (lines, reader) = mpsc::channel(channel);
    let (action, backend) = (action.clone(), backend.clone());
    let task = tokio::spawn(async move {
        let target = Target {
            action: &action,
            backend: &backend,
            limiters: [None, None],
            standing: None,
            dry: false,
            cache: None,
            request_id: "r",
        };
        call::stream(target, &Variables::default(), &mut Trace::default(), lines).await
    });
    (reader, task)
}

fn numbers(fixture: &dyn Fixture, below: u64, timeout: &str) -> String {
    format!("timeout: {timeout}\nresult: {{ stream: true }}\nsql: >-\n  {}\n", fixture.numbers(below))
}

pub async fn a_stream_of_200000_rows_takes_little_memory(fixture: &dyn Fixture) {
    let backend = fixture.backend(1);
    let action = action(fixture.driver(), &numbers(fixture, 200_000, "60s"));
    let (mut reader, task) = stream(&action, &backend, 2);
    let before = resident();
    let mut chunk = reader.recv().await;
    // A producer that does not wait for its reader would run ahead now.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (mut bytes, mut lines, mut most) = (0, 0, resident());
    while let Some(text) = chunk {
        bytes += text.len();
        lines += text.iter().filter(|byte| **byte == b'\n').count();
        if lines % 1000 < 100 {
            most = most.max(resident());
        }
        chunk = reader.recv().await;
    }
    let streamed = task.await.expect("does not panic").expect("the stream ends well");
    assert_eq!((lines, streamed.row_count, streamed.truncated), (200_000, 200_000, false));
    assert!(bytes > 40_000_000, "{bytes}");
    assert!(most.saturating_sub(before) < 8_000_000, "{before} bytes before, {most} at most");
    settled(&backend).await;
}

/// Bytes of memory in use; 0 where the system does not tell.
pub fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split(' ').nth(1)?.parse::<usize>().ok());
    pages.unwrap_or(0) * 4096
}

pub async fn a_slow_reader_is_waited_for(fixture: &dyn Fixture) {
    let backend = fixture.backend(1);
    let action = action(fixture.driver(), &numbers(fixture, 2000, "3s"));
    let (mut reader, task) = stream(&action, &backend, 1);
    let mut bytes = 0;
    for chunk in 0.. {
        let Some(text) = reader.recv().await else { break };
        bytes += text.len();
        if chunk < 4 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
    assert_eq!(task.await.expect("does not panic").expect("the reader's time does not count").row_count, 2000);
    assert!(bytes > 400_000);
}

pub async fn a_stream_that_fails_midway_ends_with_an_error_line(fixture: &dyn Fixture) {
    let backend = fixture.backend(1);
    let endless = fixture.endless_rows().replace("SELECT n FROM n", "SELECT n FROM n WHERE n < 5000");
    let action = action(fixture.driver(), &format!("timeout: 3s\nresult: {{ stream: true }}\nsql: {endless}\n"));
    let (mut reader, task) = stream(&action, &backend, 2);
    let mut text = Vec::new();
    while let Some(chunk) = reader.recv().await {
        text.extend(chunk);
    }
    let error = task.await.expect("does not panic").expect_err("no row comes after the 4999th");
    assert_eq!(error.code.as_str(), "timeout");
    let text = String::from_utf8(text).expect("JSON is text");
    let (rows, last) = text.trim_end().rsplit_once('\n').expect("lines");
    let count = rows.lines().count();
    assert!((4999 - fixture.kept_back()..5000).contains(&count), "{count}");
    let last: Json = serde_json::from_str(last).expect("JSON");
    assert_eq!(last["error"]["code"], json!("timeout"));
    settled(&backend).await;
}

pub async fn a_stream_that_fails_at_once_sends_nothing(fixture: &dyn Fixture) {
    let backend = fixture.backend(1);
    let text = format!("timeout: 100ms\nresult: {{ stream: true }}\nsql: {}\n", fixture.endless());
    for (text, code) in
        [(text.as_str(), "timeout"), ("result: { stream: true }\nsql: SELECT wrong FROM things\n", "schema_drift")]
    {
        let (mut reader, task) = stream(&action(fixture.driver(), text), &backend, 2);
        assert_eq!(reader.recv().await, None);
        assert_eq!(task.await.expect("does not panic").expect_err("it fails").code.as_str(), code);
    }
}

pub async fn a_reader_that_leaves_ends_the_stream(fixture: &dyn Fixture) {
    let (dialect, backend) = (fixture.driver().dialect, fixture.backend(1));
    let text = format!("timeout: 60s\nresult: {{ stream: true }}\nsql: {}\n", fixture.endless_rows());
    let (mut reader, task) = stream(&action(fixture.driver(), &text), &backend, 2);
    assert!(reader.recv().await.is_some());
    drop(reader);
    let started = Instant::now();
    assert!(task.await.expect("does not panic").expect("a reader that leaves is no failure").gone);
    assert!(started.elapsed() < Duration::from_secs(30));
    assert_eq!(things(&backend, dialect).await, first_things());
}
