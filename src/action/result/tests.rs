//! Answers and streams as their readers see them.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use proptest::prelude::*;
use serde_json::{Map, Number, Value as Json, json};
use tokio::sync::mpsc;

use super::*;
use crate::{
    backend::{Column, Flow, Sink},
    yaml::{self, read::FromNode},
};

const ENVELOPE: Envelope<'static> = Envelope { request_id: "01J9", kept: false };

fn compile(result: &str, write: bool) -> (Option<ResultShape>, Vec<Diagnostic>) {
    let (document, mut out) = yaml::parse(result);
    let spec = ResultSpec::from_node(&document.expect("YAML").root, &mut out);
    let shape = ResultShape::compile(spec.as_ref(), write, &Schemas::default(), 32 * 1024, &mut out);
    (shape, out)
}

fn shape(result: &str, write: bool) -> ResultShape {
    let (shape, out) = compile(result, write);
    assert!(out.is_empty(), "{out:?}");
    shape.expect("a shape")
}

fn columns(names: &[&str]) -> Vec<Column> {
    names.iter().map(|name| Column { name: (*name).into() }).collect()
}

/// Runs rows through an encoder as a backend would.
fn encode(shape: &ResultShape, names: &[&str], rows: &[Vec<Json>], changed: u64) -> Result<Encoded, ResultError> {
    let mut encoder = shape.encoder(ENVELOPE);
    let mut run = || {
        encoder.begin(&columns(names))?;
        for row in rows {
            if encoder.row(row.clone())? == Flow::Enough {
                break;
            }
        }
        encoder.end(changed)
    };
    let stopped = run().is_err();
    let outcome = encoder.finish();
    assert_eq!(stopped, outcome.is_err());
    outcome
}

/// The body of an answer to rows of `id` and `name`, or the error.
fn check(result: &str, write: bool, rows: Json, changed: u64) -> String {
    let rows: Vec<Vec<Json>> = serde_json::from_value(rows).expect("rows");
    let names: &[&str] = if rows.is_empty() && write { &[] } else { &["id", "name"] };
    match encode(&shape(result, write), names, &rows, changed) {
        Ok(answer) => {
            let body: Json = serde_json::from_slice(&answer.body).expect("the body is JSON");
            assert_eq!(body["result"], serde_json::from_slice::<Json>(answer.result()).expect("the result is JSON"));
            assert_eq!((&body["status"], &body["request_id"]), (&json!("success"), &json!("01J9")));
            let truncated = if answer.truncated { " truncated" } else { "" };
            format!("{} {} {}{truncated}", body["result"], body["row_count"], body["message"])
        }
        Err(error) => format!("{error:?}"),
    }
}

#[test]
fn rows_become_the_result_that_the_shape_asks_for() {
    let rows = || json!([[1, "Ada"], [2, null]]);
    assert_eq!(check("{}", false, rows(), 0), r#"[{"id":1,"name":"Ada"},{"id":2,"name":null}] 2 "2 rows""#);
    assert_eq!(check("{}", false, json!([]), 0), r#"[] 0 "0 rows""#);
    assert_eq!(check("shape: row", false, rows(), 0), r#"{"id":1,"name":"Ada"} 1 "1 row""#);
    assert_eq!(check("shape: row", false, json!([]), 0), r#"null 0 "0 rows""#);
    assert_eq!(check("shape: value", false, rows(), 0), r#"1 1 "1 row""#);
    assert_eq!(check("shape: value", false, json!([[null, 1]]), 0), r#"null 1 "1 row""#);
    assert_eq!(check("shape: value", false, json!([]), 0), r#"null 0 "0 rows""#);
    assert_eq!(check("{}", true, rows(), 2), r#"[{"id":1,"name":"Ada"},{"id":2,"name":null}] 2 "2 rows""#);
    assert_eq!(check("{}", true, json!([]), 2), r#"[] 2 "2 rows changed""#);
    assert_eq!(check("shape: affected", true, json!([]), 1), r#"1 1 "1 row changed""#);
    assert_eq!(check("shape: affected", true, rows(), 2), r#"2 2 "2 rows changed""#);
}

#[test]
fn no_row_is_an_error_where_the_file_says_so() {
    for shape in ["row", "value"] {
        let result = format!("{{ shape: {shape}, not_found: error }}");
        assert_eq!(check(&result, false, json!([]), 0), "NotFound");
        assert_eq!(check(&result, true, json!([]), 0), "NotFound");
    }
}

#[test]
fn over_max_rows_is_an_error_or_is_marked() {
    let rows = || json!([[1, "a"], [2, "b"], [3, "c"]]);
    assert_eq!(check("max_rows: 2", false, rows(), 0), r#"TooLarge("more than 2 rows")"#);
    let two = r#"[{"id":1,"name":"a"},{"id":2,"name":"b"}] 2 "2 rows" truncated"#;
    for write in [false, true] {
        assert_eq!(check("{ max_rows: 2, on_overflow: truncate }", write, rows(), 3), two);
        assert!(!check("{ max_rows: 3, on_overflow: truncate }", write, rows(), 3).contains("truncated"));
    }
}

#[test]
fn a_single_row_is_never_cut() {
    let long = "x".repeat(500);
    for shape in ["row", "value"] {
        let result = format!("{{ shape: {shape}, max_bytes: 300 }}");
        assert_eq!(check(&result, false, json!([[long, 1]]), 0), r#"TooLarge("more than 300 bytes")"#);
    }
}

proptest! {
    #[test]
    fn a_kept_result_fits_under_every_request_id(
        names in prop::collection::vec("[a-z]{0,30}", 0..20),
        max_bytes in 400usize..900,
        id in "[a-z]{1,128}",
        other in "[a-z]{1,128}",
    ) {
        let shape = shape(&format!("{{ max_bytes: {max_bytes}, on_overflow: truncate }}"), false);
        let mut encoder = shape.encoder(Envelope { request_id: &id, kept: true });
        encoder.begin(&columns(&["name"])).expect("it starts");
        for name in &names {
            if encoder.row(vec![name.as_str().into()]).expect("it fits or is left out") == Flow::Enough {
                break;
            }
        }
        encoder.end(0).expect("it ends");
        let first = encoder.finish().expect("an answer");
        let kept = Kept::of(&first);
        prop_assert_eq!(kept.answer(&id, Age::New), first.clone());
        let stale = kept.answer(&other, Age::Stale);
        prop_assert!(stale.body.len() <= max_bytes);
        let mut expected: Json = serde_json::from_slice(&first.body).expect("JSON");
        expected["request_id"] = other.into();
        expected["cached"] = true.into();
        expected["stale"] = true.into();
        prop_assert_eq!(serde_json::from_slice::<Json>(&stale.body).expect("JSON"), expected);
    }
}

#[test]
fn a_read_is_stopped_as_soon_as_the_answer_is_known_and_a_write_never() {
    for (result, enough_at) in [("shape: row", 0), ("shape: value", 0), ("{ max_rows: 2, on_overflow: truncate }", 2)] {
        for write in [false, true] {
            let shape = shape(result, write);
            let mut encoder = shape.encoder(ENVELOPE);
            encoder.begin(&columns(&["id"])).expect("one column");
            for at in 0..5 {
                let flow = encoder.row(vec![json!(at)]).expect("a row");
                assert_eq!(flow, if !write && at >= enough_at { Flow::Enough } else { Flow::More }, "{result} {write}");
            }
        }
    }
}

#[test]
fn a_second_try_forgets_the_first_one() {
    let shape = shape("{}", false);
    let mut encoder = shape.encoder(ENVELOPE);
    encoder.begin(&columns(&["old"])).expect("begin");
    encoder.row(vec![json!(1)]).expect("a row");
    encoder.begin(&columns(&["id"])).expect("begin");
    encoder.row(vec![json!(2)]).expect("a row");
    encoder.end(0).expect("the end");
    assert_eq!(encoder.finish().expect("an answer").result(), br#"[{"id":2}]"#);
}

#[test]
fn a_run_without_an_end_is_no_answer() {
    let shape = shape("{}", false);
    let mut encoder = shape.encoder(ENVELOPE);
    assert!(matches!(shape.encoder(ENVELOPE).finish(), Err(ResultError::Invalid(_))));
    encoder.begin(&columns(&["id"])).expect("begin");
    assert!(matches!(encoder.finish(), Err(ResultError::Invalid(_))));
}

#[test]
fn two_columns_of_one_name_are_an_error() {
    let error = encode(&shape("{}", false), &["id", "name", "id"], &[], 0);
    assert_eq!(error, Err(ResultError::Invalid("two columns are called `id`".into())));
}

#[test]
fn recorded_rows_take_the_way_of_live_ones() {
    let replay = |result: &str, rows: Json| {
        let shape = shape(result, false);
        let answer = shape.encoder(ENVELOPE).replay(rows.as_array().expect("rows"));
        answer.map(|answer| String::from_utf8(answer.result().to_vec()).expect("UTF-8"))
    };
    let rows = json!([{ "Id": "003", "Name": "Ada" }, { "Name": "Bob", "Id": "004" }]);
    let expected = r#"[{"Id":"003","Name":"Ada"},{"Id":"004","Name":"Bob"}]"#;
    assert_eq!(replay("{}", rows.clone()).as_deref(), Ok(expected));
    assert_eq!(replay("shape: value", rows.clone()).as_deref(), Ok("\"003\""));
    assert_eq!(replay("shape: row", json!([])).as_deref(), Ok("null"));
    assert_eq!(replay("max_rows: 1", rows), Err(ResultError::TooLarge("more than 1 rows".into())));
    for uneven in [json!([{ "Id": 1 }, { "Name": 2 }]), json!([{ "Id": 1 }, { "Id": 1, "Name": 2 }]), json!([[1]])] {
        let row = uneven.as_array().expect("rows").len();
        let expected = ResultError::Invalid(format!("row {row}: not the members of row 1"));
        assert_eq!(replay("{}", uneven), Err(expected));
    }
}

fn any_json() -> impl Strategy<Value = Json> {
    let number = prop_oneof!["-?[1-9][0-9]{0,37}", "-?[0-9]\\.[0-9]{1,30}", "[1-9]\\.?[0-9]{2}[eE][+-]?[1-9]"];
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        number.prop_map(|digits| Json::Number(digits.parse::<Number>().expect("a number"))),
        any::<String>().prop_map(Json::from),
        "[\u{0}-\u{20}\"\\\\\u{7f}\u{2028}\u{10ffff}]{0,8}".prop_map(Json::from),
    ];
    leaf.prop_recursive(6, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
            prop::collection::vec((any::<String>(), inner), 0..4).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

/// Names and rows that have a value for each.
fn table() -> impl Strategy<Value = (Vec<String>, Vec<Vec<Json>>)> {
    prop::collection::hash_set(any::<String>(), 1..4).prop_flat_map(|names| {
        let rows = prop::collection::vec(prop::collection::vec(any_json(), names.len()), 0..12);
        (Just(names.into_iter().collect()), rows)
    })
}

/// The body as serde_json would write it.
fn body(rows: &[Json], truncated: bool) -> String {
    let plural = if rows.len() == 1 { "" } else { "s" };
    let mut body = json!({
        "status": "success", "result": rows, "row_count": rows.len(),
        "message": format!("{} row{plural}", rows.len()), "request_id": ENVELOPE.request_id,
    });
    if truncated {
        body["truncated"] = json!(true);
    }
    body.to_string()
}

proptest! {
    #[test]
    fn an_answer_is_what_serde_json_would_write_with_as_many_rows_as_fit(
        (names, rows) in table(),
        max_rows in 1..14_usize,
        spare in -40_i64..40,
        cut in 0..12_usize,
    ) {
        let objects: Vec<Json> = rows
            .iter()
            .map(|row| Json::Object(names.iter().cloned().zip(row.iter().cloned()).collect::<Map<_, _>>()))
            .collect();
        // A limit near the size that some number of rows needs.
        let near = body(&objects[..cut.min(objects.len())], false).len() as i64;
        let mut shape = shape("on_overflow: truncate", false);
        shape.max_rows = max_rows;
        shape.max_bytes = (near + spare).max(1) as usize;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();

        let whole = body(&objects, false);
        let expected = if objects.len() <= max_rows && whole.len() <= shape.max_bytes {
            Some(whole)
        } else {
            (0..objects.len().min(max_rows + 1))
                .rev()
                .map(|count| body(&objects[..count], true))
                .find(|body| body.len() <= shape.max_bytes)
        };
        let found = encode(&shape, &names, &rows, 0).ok().map(|answer| String::from_utf8(answer.body).expect("UTF-8"));
        prop_assert_eq!(&found, &expected);

        shape.on_overflow = Overflow::Error;
        let strict = encode(&shape, &names, &rows, 0).ok().map(|answer| String::from_utf8(answer.body).expect("UTF-8"));
        prop_assert_eq!(strict, expected.filter(|body| !body.ends_with(r#","truncated":true}"#)));
    }

    #[test]
    fn lines_of_a_stream_parse_back_to_the_rows((names, rows) in table()) {
        let columns: Vec<Column> = names.iter().map(|name| Column { name: name.clone() }).collect();
        let shape = shape("stream: true", false);
        let (sender, mut receiver) = mpsc::channel(64);
        let text = futures_util::future::FutureExt::now_or_never(async move {
            let mut stream = shape.stream(sender);
            stream.begin(&columns).expect("distinct names");
            for row in &rows {
                if stream.row(row.clone()).expect("a row") == Flow::Flush {
                    stream.flush().await.expect("a reader");
                }
            }
            stream.close(None).await.expect("a reader");
            (rows, receiver.recv().await.unwrap_or_default())
        });
        let (rows, text) = text.expect("nothing waits: the channel is larger than the rows");
        let lines: Vec<Json> = text
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).expect("a line is JSON"))
            .collect();
        prop_assert_eq!(lines.len(), rows.len());
        for (line, row) in lines.iter().zip(&rows) {
            for (name, value) in names.iter().zip(row) {
                prop_assert_eq!(&line[name], value);
            }
        }
    }
}

/// Streams `count` rows to a reader that keeps nothing; answers the lines read, the most bytes that were under way at once,
/// and how the stream ended.
async fn flood(shape: &ResultShape, count: u64, last: Option<&[u8]>) -> (usize, usize, Option<ResultError>) {
    let (sender, mut receiver) = mpsc::channel::<Vec<u8>>(4);
    let under_way = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let reader = tokio::spawn({
        let under_way = Arc::clone(&under_way);
        async move {
            let mut lines = 0;
            while let Some(chunk) = receiver.recv().await {
                lines += chunk.iter().filter(|byte| **byte == b'\n').count();
                under_way.fetch_sub(chunk.len(), Ordering::SeqCst);
            }
            lines
        }
    });
    let mut stream = shape.stream(sender);
    let mut before = 0;
    stream.begin(&columns(&["id", "name"])).expect("begin");
    for id in 0..count {
        match stream.row(vec![json!(id), json!("a name of some length")]) {
            Ok(Flow::More) => {}
            Ok(Flow::Flush) => {
                let chunk = stream.chunk.len();
                most.fetch_max(under_way.fetch_add(chunk, Ordering::SeqCst) + chunk, Ordering::SeqCst);
                before += chunk;
                stream.flush().await.expect("the reader reads");
            }
            Ok(Flow::Enough) | Err(_) => break,
        }
    }
    let rest = stream.chunk.len() + last.map_or(0, |last| last.len() + 1);
    under_way.fetch_add(rest, Ordering::SeqCst);
    assert_eq!(stream.sent(), before > 0);
    let error = stream.error().cloned();
    stream.close(last).await.expect("the reader reads");
    (reader.await.expect("the reader"), most.load(Ordering::SeqCst), error)
}

#[tokio::test]
async fn a_long_stream_keeps_little_in_memory() {
    let (lines, most, error) = flood(&shape("stream: true", false), 200_000, None).await;
    assert_eq!((lines, error), (200_000, None));
    // One chunk in hand, four in the channel, one with the reader; each a row over 16 KiB at most.
    assert!(most <= 6 * (16 * 1024 + 100), "{most} bytes");
    assert!(most > 16 * 1024, "the test measures nothing");
}

#[tokio::test]
async fn a_stream_is_cut_only_at_max_rows_of_the_file() {
    let cut = shape("{ stream: true, max_rows: 1500, on_overflow: truncate }", false);
    assert_eq!(flood(&cut, 5000, None).await.0, 1501);
    assert_eq!(flood(&cut, 1500, None).await.0, 1500);
    let strict = shape("{ stream: true, max_rows: 1500 }", false);
    let (lines, _, error) = flood(&strict, 5000, Some(br#"{"error":{}}"#)).await;
    assert_eq!((lines, error), (1501, Some(ResultError::TooLarge("more than 1500 rows".into()))));
}

#[tokio::test]
async fn the_last_line_says_that_rows_are_missing() {
    let shape = shape("{ stream: true, max_rows: 1, on_overflow: truncate }", false);
    let (sender, mut receiver) = mpsc::channel(1);
    let mut stream = shape.stream(sender);
    stream.begin(&columns(&["id"])).expect("begin");
    assert_eq!(stream.row(vec![json!(1)]), Ok(Flow::More));
    assert_eq!(stream.row(vec![json!(2)]), Ok(Flow::Enough));
    assert!(stream.truncated() && !stream.sent());
    stream.close(None).await.expect("room for a chunk");
    assert_eq!(receiver.recv().await.as_deref(), Some(&b"{\"id\":1}\n{\"truncated\":true}\n"[..]));
    assert_eq!(receiver.recv().await, None);
}

#[tokio::test]
async fn a_reader_that_takes_nothing_or_leaves_is_cut_off() {
    let shape = shape("stream: true", false);
    for stays in [true, false] {
        let (sender, receiver) = mpsc::channel(1);
        let _receiver = stays.then_some(receiver);
        let mut stream = shape.stream(sender);
        stream.patience = Duration::from_millis(20);
        stream.begin(&columns(&["text"])).expect("begin");
        let mut flushed = 0;
        let stopped = loop {
            assert_eq!(stream.row(vec![json!("x".repeat(20_000))]), Ok(Flow::Flush));
            if stream.flush().await.is_err() {
                break flushed;
            }
            flushed += 1;
        };
        assert_eq!(stopped, usize::from(stays));
        assert_eq!(stream.error(), Some(&ResultError::Gone));
    }
}

#[test]
fn keys_that_cannot_be_meant_together_are_reported_at_their_place() {
    let check = |result: &str, write: bool| {
        let (shape, out) = compile(result, write);
        assert_eq!(shape.is_none(), has_errors(&out), "{out:?}");
        out.iter().map(|d| format!("{} [{}]", d.rule.name, &result[d.span.range()])).collect::<Vec<_>>().join(" ")
    };
    for (result, write, expected) in [
        ("shape: affected", false, "result-conflict [affected]"),
        ("shape: affected", true, ""),
        ("stream: true", true, "result-conflict [true]"),
        ("{ shape: row, stream: true }", false, "result-conflict [true]"),
        ("{ shape: row, stream: false }", false, ""),
        ("not_found: error", false, "result-conflict [error]"),
        ("not_found: null", false, ""),
        ("{ shape: affected, not_found: error }", true, "result-conflict [error]"),
        ("max_rows: 0", false, "bad-value [0]"),
        ("max_bytes: 64", false, "bad-value [64]"),
        ("max_bytes: 120", false, ""),
        ("{ shape: row, max_rows: 1 }", false, "unused-result-key [1]"),
        ("{ shape: value, on_overflow: truncate }", false, "unused-result-key [truncate]"),
        ("schema: { type: array }", false, "result-conflict [array]"),
        ("{ shape: row, schema: { type: [object, 'null'] } }", false, ""),
        ("{ shape: affected, schema: { type: string } }", true, "result-conflict [string]"),
        ("{ shape: value, schema: { type: string } }", false, ""),
        ("{ shape: rwo, not_found: error }", false, "bad-value [rwo]"),
        ("{ shape: rowz, max_rows: 0, max_bytes: 64 }", false, "bad-value [rowz] bad-value [0] bad-value [64]"),
        ("{ schema: { type: objct }, max_rows: 0 }", false, "invalid-schema [objct] bad-value [0]"),
    ] {
        assert_eq!(check(result, write), expected, "{result}");
    }
}

#[test]
fn rows_are_checked_and_numbers_become_text_where_the_schema_says_so() {
    let schema = "schema: { required: [id], properties: { id: { type: string, pattern: '^[0-9.]+$' }, name: { maxLength: 3 } } }";
    assert_eq!(
        check(schema, false, json!([[12345678901234567890_u64, "Ada"], ["1.10", null]]), 0),
        r#"[{"id":"12345678901234567890","name":"Ada"},{"id":"1.10","name":null}] 2 "2 rows""#
    );
    let long = check(schema, false, json!([[1, "Ada"], [2, "Grace"]]), 0);
    assert!(long.contains("row 2: /name: it is longer than 3 characters") && !long.contains("Grace"), "{long}");
    assert_eq!(check("{ shape: row, schema: { required: [x] } }", false, json!([]), 0), r#"null 0 "0 rows""#);
    let value = "{ shape: value, schema: { type: string } }";
    assert_eq!(check(value, false, json!([[1.5, 1]]), 0), r#""1.5" 1 "1 row""#);
    assert!(check(value, false, json!([[null, 1]]), 0).starts_with("Invalid"), "a null of a row is checked");
    let few = "{ shape: affected, schema: { maximum: 1 } }";
    assert_eq!(check(few, true, json!([]), 1), r#"1 1 "1 row changed""#);
    assert!(check(few, true, json!([]), 2).starts_with("Invalid"));
}

#[test]
fn a_left_out_row_is_not_checked() {
    let result = "{ max_rows: 1, on_overflow: truncate, schema: { properties: { id: { const: 1 } } } }";
    for write in [false, true] {
        assert_eq!(
            check(result, write, json!([[1, "a"], [2, "b"]]), 2),
            r#"[{"id":1,"name":"a"}] 1 "1 row" truncated"#
        );
    }
}

#[tokio::test]
async fn a_row_that_breaks_the_schema_ends_the_stream_before_it() {
    let shape = shape("{ stream: true, schema: { properties: { id: { const: 1 } } } }", false);
    let (sender, mut receiver) = mpsc::channel(1);
    let mut stream = shape.stream(sender);
    stream.begin(&columns(&["id"])).expect("begin");
    assert_eq!(stream.row(vec![json!(1)]), Ok(Flow::More));
    assert!(stream.row(vec![json!(2)]).is_err());
    assert!(matches!(stream.error(), Some(ResultError::Invalid(why)) if why.starts_with("row 2: /id: ")));
    stream.close(Some(b"{}")).await.expect("room for a chunk");
    assert_eq!(receiver.recv().await.as_deref(), Some(&b"{\"id\":1}\n{}\n"[..]));
}
