//! What an account says of the tables of actions, and what becomes of actions that do not fit them.

use std::time::Duration;

use datadip::{
    backend::inspect::JsonKind,
    diagnostic::Level,
    live::{Pace, examine_all, watch},
};
use serde_json::{Value as Json, json};
use tokio::time::sleep;

use super::{
    Canned, Server,
    account::{self, Account, Described},
    action,
    server::SUBMIT,
};
use crate::gateway::Serving;

const ACTION: &str = "\
params: { id: integer }
sql: |
  SELECT c.ID AS \"id\", c.NAME AS \"name\"
  FROM CUSTOMERS c
  WHERE c.ID = {{ id }}
result:
  shape: row
  schema: { type: object, required: [id, name], properties: { id: { type: integer }, name: { type: string } } }
";

fn account() -> Account {
    let mut account = Account::default();
    account.table("CUSTOMERS", "ID NUMBER(38,0)!, NAME VARCHAR(80)!, SINCE DATE, PROFILE VARIANT");
    account
}

/// The errors that an account finds in an action: line, and message.
async fn found(account: Account, text: &str) -> Vec<(usize, String)> {
    let server = Server::start(account);
    let backend = server.backend("warehouse: DIP_WH\nrole: READER");
    let action = action(text);
    let mut reports = Vec::new();
    examine_all(&[&action], &*backend, &mut reports).await.expect("it answers");
    assert!(server.requests(SUBMIT).iter().all(|got| !String::from_utf8_lossy(&got.body).contains("DIP_WH")));
    let report = reports.pop().expect("one action");
    let errors = report.diagnostics.iter().filter(|found| found.level == Level::Error);
    errors.map(|found| (report.source.line_column(found.span.start).0, found.message.clone())).collect()
}

/// How many lines the actions of these tests have before their own.
const FIRST: usize = 3;

#[tokio::test]
async fn an_action_that_fits_its_tables_has_no_findings() {
    assert_eq!(found(account(), ACTION).await, []);
    let others = [
        "SELECT * FROM CUSTOMERS LIMIT 1",
        "SELECT ID, NAME FROM customers",
        "SELECT c.ID AS \"id\", c.PROFILE:city::string AS \"name\" FROM CUSTOMERS c",
        "WITH c AS (SELECT 1 AS ANYTHING) SELECT c.ANYTHING AS \"id\", '' AS \"name\" FROM c",
    ];
    for sql in others {
        let text = format!("sql: {}\nrequires: {{ CUSTOMERS: [ID, since] }}", Json::from(sql));
        assert_eq!(found(account(), &text).await, [], "{sql}");
    }
}

#[tokio::test]
async fn a_table_or_a_column_that_is_not_there_is_told_at_its_place() {
    let check = async |from: &str, to: &str, line: usize, message: &str| {
        let errors = found(account(), &ACTION.replace(from, to)).await;
        let [(at, said)] = &errors[..] else { panic!("{errors:?}") };
        assert_eq!(*at, FIRST + line, "{said}");
        assert!(said.contains(message), "{said}");
    };
    check("FROM CUSTOMERS", "FROM CUSTOMER", 4, "there is no `CUSTOMER` that this role may see").await;
    check("c.NAME", "c.NMAE", 3, "no column `NMAE` in `CUSTOMERS`").await;
    check("WHERE c.ID", "WHERE IDD", 5, "no column `IDD` in `CUSTOMERS`").await;
}

#[tokio::test]
async fn a_column_that_becomes_something_else_than_the_schema_says_is_told() {
    let mut account = account();
    account.table("CUSTOMERS", "ID VARCHAR(20)!, NAME NUMBER(12,2)");
    let errors = found(account, &ACTION.replace("name: { type: string }", "name: { type: boolean }")).await;
    let messages: Vec<&str> = errors.iter().map(|(_, message)| message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "`id` of type VARCHAR(20) becomes text, and the schema says integer",
            "`name` of type NUMBER(12,2) becomes a number, and the schema says boolean",
        ]
    );
}

#[tokio::test]
async fn an_action_sees_what_its_own_role_may_see() {
    let mut account = account();
    account
        .tables
        .insert("SECRETS".into(), Described { kind: "TABLE", columns: "ID NUMBER(38,0)", role: Some("WRITER") });
    let text = "sql: SELECT ID FROM SECRETS LIMIT 1\n";
    let mut same = self::account();
    same.tables.clone_from(&account.tables);
    assert_eq!(found(same, text).await.len(), 1);
    assert_eq!(found(account, &format!("{text}options: {{ role: WRITER }}\n")).await, []);
}

#[tokio::test]
async fn a_stream_is_no_missing_table() {
    let mut account = account();
    let stream = Described { kind: "STREAM", columns: "created_on TIMESTAMP_LTZ(3)", role: None };
    account.tables.insert("CHANGES".into(), stream);
    assert_eq!(found(account, "sql: SELECT c.WHATEVER FROM CHANGES c LIMIT 1\n").await, []);
}

#[tokio::test]
async fn an_action_that_is_deployed_after_a_change_of_its_table_fits_the_table_as_it_is() {
    let mut before = account();
    before.table("CUSTOMERS", "ID VARCHAR(20)!, NAME VARCHAR(80)");
    before.table("PLACES", "ID NUMBER(38,0)!");
    let server = Server::start(before);
    let backend = server.backend("");
    let join = "sql: SELECT c.ID, CITY FROM CUSTOMERS c JOIN PLACES p ON c.ID = p.ID LIMIT 1";
    let errors = async |text: &str| {
        let mut reports = Vec::new();
        examine_all(&[&action(text)], &*backend, &mut reports).await.expect("it answers");
        reports[0].count(Level::Error)
    };
    assert_eq!((errors(ACTION).await, errors(join).await), (1, 1));
    server.account().table("CUSTOMERS", "ID NUMBER(38,0)!, NAME VARCHAR(80)");
    server.account().table("PLACES", "ID NUMBER(38,0)!, CITY VARCHAR(80)");
    // What was said just now is not asked for again.
    sleep(Duration::from_millis(5500)).await;
    assert_eq!((errors(ACTION).await, errors(join).await), (0, 0));
}

#[tokio::test]
async fn a_table_is_described_for_starters() {
    let server = Server::start(account());
    let backend = server.backend("");
    let inspect = backend.inspect().expect("it can be asked");
    let table = inspect.table("customers", &[]).await.expect("it answers").expect("it is there");
    let columns: Vec<_> =
        table.columns.iter().map(|column| (column.name.as_str(), column.json, column.nullable)).collect();
    assert_eq!(table.key, ["ID"]);
    assert_eq!(
        columns,
        [
            ("ID", JsonKind::Integer, false),
            ("NAME", JsonKind::String, false),
            ("SINCE", JsonKind::String, true),
            ("PROFILE", JsonKind::Any, true),
        ]
    );
    assert_eq!(inspect.table("NOBODY", &[]).await.expect("it answers"), None);
    assert!(inspect.table("a b", &[]).await.is_err(), "that is no name");
}

/// The action as a file.
fn served() -> String {
    format!("description: Finds a customer.\nbackend: db\n{ACTION}")
}

#[tokio::test]
async fn a_dropped_column_makes_an_action_drifted_before_anything_runs_and_put_back_it_recovers() {
    let server = Server::start(account());
    let mut gateway = server.gateway("find", &served(), "");
    let fast = Duration::from_millis(50);
    let _watch = watch(gateway.live.clone(), Pace { every: fast, gather: fast, apart: fast, retry: fast });
    let text = "SELECT c.ID AS \"id\", c.NAME AS \"name\"\nFROM CUSTOMERS c\nWHERE c.ID = ?";
    let columns =
        [account::column("id", "fixed", 38.into(), 0.into()), account::column("name", "text", Json::Null, Json::Null)];
    server.account().statements.insert(text.into(), Canned::rows(&columns, &[&[Some("1"), Some("Ada")]]));
    let call = async |gateway: &Serving| gateway.post("/actions/find", r#"{"id": 1}"#).await;
    assert_eq!(call(&gateway).await.json()["result"], json!({ "id": 1, "name": "Ada" }));
    // The call meets the missing column; what was said of the table is asked for again.
    server.account().table("CUSTOMERS", "ID NUMBER(38,0)!");
    server.account().statements.insert(text.into(), Canned::fails(422, "000904"));
    assert_eq!(call(&gateway).await.code(), "schema_drift");
    let shown = gateway.state("drifted").await["diagnostics"].to_string();
    assert!(shown.contains("no column `NAME` in `CUSTOMERS`"), "{shown}");
    let executed = server.requests(SUBMIT).len();
    assert_eq!(call(&gateway).await.code(), "schema_drift");
    assert_eq!(server.requests(SUBMIT).len(), executed, "nothing is sent for an action that does not fit");
    // What was said just now is not asked for again.
    server.account().table("CUSTOMERS", "ID NUMBER(38,0)!, NAME VARCHAR(80)");
    server.account().statements.insert(text.into(), Canned::rows(&columns, &[&[Some("1"), Some("Ada")]]));
    sleep(Duration::from_millis(5500)).await;
    gateway.reload("actions/find.yaml", &format!("{}owner: me\n", served()));
    gateway.state("ok").await;
    assert_eq!(call(&gateway).await.json()["row_count"], 1);
}
