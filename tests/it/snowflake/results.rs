//! What is sent and what comes out: parameters that come back as they went, partitions, streams.

use datadip::{
    backend::Request,
    template::Dialect,
    value::{Scalar, Value},
};
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::{Value as Json, json};

use super::{
    ONE,
    account::{Account, Canned, Cell, column},
    action, one, read, run,
    server::{CANCEL, PARTITION, SUBMIT, Server},
    settled, soon,
};
use crate::backends::{
    calls::{call, resident, stream},
    tools::{self, Kept},
};

#[tokio::test]
async fn every_type_of_parameter_comes_back_as_it_was_sent() {
    let server = Server::start(Account::default());
    let text = "params: { s: string, i: integer, d: decimal, f: float, b: boolean, day: date, t: time, at: timestamp, u: uuid, \
                j: json, n: { type: integer, nullable: true } }\n\
                sql: SELECT {{ s }}, {{ i }}, {{ d }}, {{ f }}, {{ b }}, {{ day }}, {{ t }}, {{ at }}, {{ u }}, {{ j }}, {{ n }}\n";
    let variables = json!({
        "s": "Ada's \"x\" \\ ? :1 -- ; \u{e9}\u{1F600}", "i": -9_223_372_036_854_775_808_i64,
        "d": "-12345678901234567890123456789012345678", "f": 1.5e300, "b": "yes", "day": "1969-12-31",
        "t": "23:59:59.999999", "at": "1969-12-31T23:59:58.700001Z", "u": "550E8400-E29B-41D4-A716-446655440000",
        "j": { "a": [1, null, "x"] }, "n": null,
    });
    let (answer, _) = call(&action(text), &server.backend(""), &variables.to_string()).await;
    let row = &answer.expect("it answers")["result"][0];
    let expected = json!([
        "Ada's \"x\" \\ ? :1 -- ; \u{e9}\u{1F600}",
        -9_223_372_036_854_775_808_i64,
        "-12345678901234567890123456789012345678",
        1.5e300,
        true,
        "1969-12-31",
        "23:59:59.999999",
        "1969-12-31T23:59:58.700001+00:00",
        "550e8400-e29b-41d4-a716-446655440000",
        "{\"a\":[1,null,\"x\"]}",
        null,
    ]);
    for (at, expected) in expected.as_array().expect("a list").iter().enumerate() {
        let got = &row[format!("C{}", at + 1)];
        let same = match expected.as_f64() {
            Some(number) => got.as_f64() == Some(number),
            None => got == expected,
        };
        assert!(same, "{at}: {got} {expected}");
    }
    let sent = server.sent();
    assert_eq!(sent["statement"], "SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?");
}

#[test]
fn hostile_values_are_bound_and_come_back() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = Server::start(Account::default());
    let backend = server.backend("");
    let hostile = prop_oneof![any::<String>(), "['\"\\\\;:?$ -]{0,20}", Just("'; DROP TABLE t; --".to_owned())];
    let mut runner = TestRunner::new(ProptestConfig { cases: 24, ..ProptestConfig::default() });
    let outcome = runner.run(&(hostile, any::<i64>(), any::<bool>()), |(text, number, truth)| {
        let text = text.replace('\0', "");
        let values = [
            ("t", Scalar::String, Value::Text(text.as_str().into())),
            ("n", Scalar::Integer, Value::Integer(number)),
            ("b", Scalar::Boolean, Value::Boolean(truth)),
        ];
        let bound = tools::statement(Dialect::Snowflake, "SELECT {{ t }}, {{ n }}, {{ b }}", &values);
        let request = Request { retry: soon(), ..tools::read(vec![bound]) };
        let kept = runtime.block_on(run(&backend, request)).expect("it answers");
        prop_assert_eq!(&kept.rows, &[vec![json!(text), json!(number), json!(truth)]]);
        prop_assert_eq!(&server.sent()["statement"], "SELECT ?, ?, ?");
        Ok(())
    });
    outcome.expect("every value comes back");
}

#[tokio::test]
async fn a_value_that_it_cannot_hold_is_the_callers_fault() {
    let server = Server::start(Account::default());
    let action = action("params: { at: timestamp }\nsql: SELECT {{ at }}\n");
    let (answer, _) = call(&action, &server.backend(""), r#"{"at": "9999-12-31T00:00:00Z"}"#).await;
    assert_eq!(answer.expect_err("nanoseconds end in 2262").code.as_str(), "invalid_parameter");
    assert_eq!(server.requests(SUBMIT).len(), 0);
}

#[tokio::test]
async fn a_statement_says_where_it_runs_and_who_asks() {
    let server = Server::start(one());
    let settings = "database: CRM\nschema: PUBLIC\nwarehouse: WH\nrole: READER\nquery_tag: gateway\n";
    let (answer, _) = call(&action(&format!("sql: {ONE}\n")), &server.backend(settings), "{}").await;
    answer.expect("it answers");
    let sent = server.sent();
    let names = ["database", "schema", "warehouse", "role"].map(|name| sent[name].as_str().unwrap_or_default());
    assert_eq!(names, ["CRM", "PUBLIC", "WH", "READER"]);
    let tag: Json = serde_json::from_str(sent["parameters"]["QUERY_TAG"].as_str().expect("text")).expect("JSON");
    assert_eq!(tag, json!({ "by": "datadip", "action": "test", "request": "r", "tag": "gateway" }));
    assert_eq!(sent["timeout"], 60);
    assert_eq!(sent.get("bindings"), None);
    let text = format!("options: {{ warehouse: BIG, role: WRITER, query_tag: own }}\ntimeout: 5s\nsql: {ONE}\n");
    call(&action(&text), &server.backend(settings), "{}").await.0.expect("it answers");
    let sent = server.sent();
    assert_eq!([&sent["warehouse"], &sent["role"], &sent["timeout"]], [&json!("BIG"), &json!("WRITER"), &json!(5)]);
    assert!(sent["parameters"]["QUERY_TAG"].as_str().is_some_and(|tag| tag.contains(r#""tag":"own""#)));
}

#[tokio::test]
async fn every_way_to_log_in_is_taken() {
    let server = Server::start(one());
    server.account().tokens.insert("given".into(), "OAUTH");
    server.account().tokens.insert("pat".into(), "PROGRAMMATIC_ACCESS_TOKEN");
    let oauth = format!(
        "auth: {{ oauth: {{ token_url: '{}/oauth/token-request', client_id: app, client_secret: app secret }} }}",
        server.url()
    );
    for auth in [oauth.as_str(), "auth: { oauth_token: given }", "auth: { programmatic_access_token: pat }"] {
        let kept = run(&server.backend_as(auth, ""), read(ONE)).await;
        assert_eq!(kept.expect(auth).rows.len(), 1);
    }
    let wrong = run(&server.backend_as("auth: { oauth_token: other }", ""), read(ONE)).await;
    assert_eq!(wrong.expect_err("nobody knows it").code.as_deref(), Some("390303"));
}

fn pages(partitions: usize, per: usize) -> Canned {
    let columns = [column("N", "fixed", 38.into(), 0.into()), column("TEXT", "text", Json::Null, Json::Null)];
    let row = move |n: usize| -> Vec<Cell> { vec![Some(n.to_string()), Some(format!("text of row {n:08}"))] };
    Canned::partitions(&columns, partitions, move |at| (at * per..(at + 1) * per).map(row).collect())
}

#[tokio::test]
async fn partitions_follow_each_other() {
    let server = Server::start(Account::with(vec![(ONE, pages(4, 3).after(1))]));
    let kept = run(&server.backend(""), read(ONE)).await.expect("it answers");
    let numbers: Vec<&Json> = kept.rows.iter().map(|row| &row[0]).collect();
    assert_eq!(numbers.len(), 12);
    assert!(numbers.iter().enumerate().all(|(at, number)| **number == json!(at)));
    assert_eq!((kept.columns, server.requests(PARTITION).len()), (vec!["N".to_owned(), "TEXT".to_owned()], 3));
}

#[tokio::test]
async fn no_partition_is_fetched_that_nobody_wants() {
    let server = Server::start(Account::with(vec![(ONE, pages(10, 5))]));
    let mut kept = Kept { enough: Some(7), ..Kept::default() };
    server.backend("").run(&read(ONE), &mut kept).await.expect("it answers");
    assert_eq!((kept.rows.len(), kept.changed), (7, Some(0)));
    assert_eq!(server.requests(PARTITION).len(), 1);
    let text = format!("result: {{ max_rows: 4, on_overflow: truncate }}\nsql: {ONE}\n");
    let (answer, _) = call(&action(&text), &server.backend(""), "{}").await;
    assert_eq!(answer.expect("it answers")["truncated"], true);
    assert_eq!(server.requests(PARTITION).len(), 1);
    assert_eq!(server.requests(CANCEL).len(), 0);
}

#[tokio::test]
async fn no_rows_are_an_answer() {
    let columns = [column("N", "fixed", 38.into(), 0.into())];
    let server = Server::start(Account::with(vec![(ONE, Canned::rows(&columns, &[]))]));
    let kept = run(&server.backend(""), read(ONE)).await.expect("it answers");
    assert_eq!((kept.columns.len(), kept.rows.len(), kept.changed), (1, 0, Some(0)));
}

#[tokio::test]
async fn a_million_rows_take_little_memory() {
    let server = Server::start(Account::with(vec![(ONE, pages(100, 10_000))]));
    let action = action(&format!("result: {{ stream: true }}\nsql: {ONE}\n"));
    let backend = server.backend("");
    let (mut reader, task) = stream(&action, &backend, 2);
    let mut chunk = reader.recv().await;
    let before = resident();
    let (mut lines, mut most) = (0, before);
    while let Some(text) = chunk {
        lines += text.iter().filter(|byte| **byte == b'\n').count();
        most = most.max(resident());
        chunk = reader.recv().await;
    }
    let streamed = task.await.expect("does not panic").expect("the stream ends well");
    assert_eq!((lines, streamed.row_count), (1_000_000, 1_000_000));
    // The server is in this process as well, with a partition or two of its own.
    assert!(most.saturating_sub(before) < 64 << 20, "{before} bytes before, {most} at most");
}

#[tokio::test]
async fn a_reader_who_leaves_ends_the_fetching() {
    let server = Server::start(Account::with(vec![(ONE, pages(1000, 1000))]));
    let (mut reader, task) =
        stream(&action(&format!("result: {{ stream: true }}\nsql: {ONE}\n")), &server.backend(""), 1);
    reader.recv().await.expect("rows come");
    drop(reader);
    assert!(task.await.expect("no panic").expect("nobody is there to be told").gone);
    assert!(server.requests(PARTITION).len() < 999);
    settled(&server).await;
}
