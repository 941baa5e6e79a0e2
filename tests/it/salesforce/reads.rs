//! What comes out: records as rows, pages, children, datetimes.

use std::sync::{Arc, Mutex};

use datadip::backend::{Column, Flow, Sink, Stop};
use futures_util::future::BoxFuture;
use serde_json::{Value as Json, json};

use super::{Fault, NAMES, Org, Server, read, request};

/// The rows of a query, as the server of the demo gives them.
async fn rows(soql: &str) -> Json {
    let server = Server::start(Org::demo());
    let rows = read(&server.backend(""), soql).await.expect("it answers").rows;
    rows.into_iter().map(Json::from).collect()
}

#[tokio::test]
async fn a_record_becomes_a_row_in_the_order_of_the_query() {
    let server = Server::start(Org::demo());
    let backend = server.backend("");
    let soql = "SELECT account.owner.name, LASTNAME, Account.CreatedDate, LastCall__c, Score__c, MailingAddress, Account.Note__c \
                FROM Contact WHERE Email = 'ada@example.com'";
    let kept = read(&backend, soql).await.expect("it answers");
    assert_eq!(kept.columns, ["Account", "LastName", "LastCall__c", "Score__c", "MailingAddress"]);
    // The note looks like a datetime and is text.
    let account = json!({ "Owner": { "Name": "Grace Hopper" }, "CreatedDate": "2024-02-29T09:30:00+00:00",
        "Note__c": "2024-02-29T09:30:00.000+0000" });
    let expected =
        json!([account, "Lovelace", "2026-11-19T08:15:00+00:00", 7.5, { "city": "London", "postalCode": "W1" }]);
    assert_eq!(Json::from(kept.rows[0].clone()), expected);
    assert_eq!(kept.changed, Some(0));
}

#[tokio::test]
async fn missing_parents_are_null_and_missing_children_an_empty_list() {
    let soql = "SELECT LastName, Account.Name, (SELECT Id FROM Cases) FROM Contact WHERE LastName = 'Nobody'";
    assert_eq!(rows(soql).await, json!([["Nobody", null, []]]));
    let soql = "SELECT LastName, (SELECT CaseNumber, CreatedDate FROM cases) FROM Contact WHERE LastName = 'Lovelace'";
    let case = |number: &str| json!({ "CaseNumber": number, "CreatedDate": "2026-11-18T10:00:00+00:00" });
    assert_eq!(rows(soql).await, json!([["Lovelace", [case("00001001"), case("00001002")]]]));
}

#[tokio::test]
async fn values_are_found_whatever_is_in_them() {
    assert_eq!(rows(r"SELECT Id FROM Account WHERE Name = 'O\'Neil & Söhne'").await, json!([["001B"]]));
    assert_eq!(rows("SELECT Id FROM Contact WHERE Phone = '+12025550123'").await, json!([["003A"]]));
}

#[tokio::test]
async fn a_count_is_a_number() {
    let server = Server::start(Org::demo());
    let kept = read(&server.backend(""), "SELECT COUNT() FROM Case").await.expect("it answers");
    assert_eq!((kept.columns, kept.rows), (vec!["count".to_owned()], vec![vec![Json::from(2)]]));
}

#[tokio::test]
async fn no_record_is_no_row() {
    assert_eq!(rows("SELECT Id FROM Account WHERE Name = 'x'").await, json!([]));
}

#[tokio::test]
async fn groups_are_rows_with_their_datetimes_in_one_form_and_numbers_keep_their_digits() {
    let server = Server::start(Org::demo());
    let group = r#"{"attributes":{"type":"AggregateResult"},"expr0":1.10,"Status":"New","latest":"2026-11-18T10:00:00.000+0000"}"#;
    let group: Json = serde_json::from_str(group).expect("JSON");
    server.org().canned.push(("GROUP BY Status".into(), vec![group]));
    let soql = "SELECT Status, SUM(Score__c), MAX(CreatedDate) latest FROM Case GROUP BY Status";
    let kept = read(&server.backend(""), soql).await.expect("it answers");
    assert_eq!(kept.columns, ["Status", "expr0", "latest"]);
    assert_eq!(Json::from(kept.rows[0].clone()).to_string(), r#"["New",1.10,"2026-11-18T10:00:00+00:00"]"#);
}

#[tokio::test]
async fn descriptions_are_asked_for_only_where_datetimes_are_and_once() {
    let server = Server::start(Org::demo());
    let backend = server.backend("");
    for _ in 0..3 {
        read(&backend, NAMES).await.expect("it answers");
    }
    assert_eq!(server.requests("/describe").len(), 0);
    for _ in 0..3 {
        read(&backend, "SELECT Name, CreatedDate FROM Account").await.expect("it answers");
    }
    assert_eq!(server.requests("/describe").len(), 1);
}

/// An org with so many things.
pub fn things(count: usize) -> Org {
    let mut org = Org::new();
    org.object("Thing__c", "Id:id Name:string CreatedDate:datetime");
    for n in 0..count {
        let record = json!({ "Id": format!("a0{n}"), "Name": format!("thing {n}"), "CreatedDate": "2026-01-01T00:00:00.000+0000" });
        org.record("Thing__c", record);
    }
    org
}

const THINGS: &str = "SELECT Name, CreatedDate FROM Thing__c";

/// Counts rows, and remembers how many pages had been asked for at each flush.
struct Counting {
    server: Arc<Server>,
    rows: usize,
    pages: Mutex<Vec<(usize, usize)>>,
}

impl Sink for Counting {
    fn begin(&mut self, _: &[Column]) -> Result<(), Stop> {
        Ok(())
    }

    fn row(&mut self, _: Vec<Json>) -> Result<Flow, Stop> {
        self.rows += 1;
        Ok(if self.rows.is_multiple_of(100) { Flow::Flush } else { Flow::More })
    }

    fn flush(&mut self) -> BoxFuture<'_, Result<(), Stop>> {
        let pages = self.server.requests("/query").len();
        self.pages.lock().expect("no panic").push((self.rows, pages));
        Box::pin(async { Ok(()) })
    }

    fn end(&mut self, _: u64) -> Result<(), Stop> {
        Ok(())
    }
}

#[tokio::test]
async fn ten_thousand_records_come_page_by_page_and_no_page_before_its_time() {
    let server = Arc::new(Server::start(things(10_000)));
    let mut sink = Counting { server: server.clone(), rows: 0, pages: Mutex::default() };
    server.backend("").run(&request(THINGS), &mut sink).await.expect("it answers");
    assert_eq!(sink.rows, 10_000);
    assert_eq!(server.requests("/query").len(), 5);
    // While a row is given on, no page after its own was asked for: no more than one is held.
    for (rows, pages) in sink.pages.into_inner().expect("no panic") {
        assert_eq!(pages, (rows - 1) / 2000 + 1, "after {rows} rows");
    }
}

#[tokio::test]
async fn no_page_is_fetched_that_nobody_wants() {
    let server = Server::start(things(4000));
    let backend = server.backend("");
    let mut sink = crate::backends::tools::Kept { enough: Some(5), ..Default::default() };
    backend.run(&request(THINGS), &mut sink).await.expect("it answers");
    assert_eq!((sink.rows.len(), server.requests("/query").len()), (5, 1));
}

#[tokio::test]
async fn children_over_many_pages_are_complete() {
    let mut org = Org::demo();
    org.children_page = 3;
    for n in 0..20 {
        let contact = json!({ "Id": format!("003X{n}"), "LastName": format!("Number {n}"), "AccountId": "001B" });
        org.record("Contact", contact);
        for m in 0..5 {
            let case = json!({ "Id": format!("500X{n}-{m}"), "CaseNumber": format!("{n}/{m}"), "ContactId": format!("003X{n}") });
            org.record("Case", case);
        }
    }
    let server = Server::start(org);
    let soql =
        "SELECT Id, (SELECT LastName, (SELECT CaseNumber FROM Cases) FROM Contacts) FROM Account WHERE Id = '001B'";
    let rows = read(&server.backend(""), soql).await.expect("it answers").rows;
    let case = |n: usize, m: usize| json!({ "CaseNumber": format!("{n}/{m}") });
    let contact = |n: usize| json!({ "LastName": format!("Number {n}"), "Cases": (0..5).map(|m| case(n, m)).collect::<Vec<_>>() });
    assert_eq!(rows[0][1], (0..20).map(contact).collect::<Json>());
}

#[tokio::test]
async fn a_query_too_long_for_an_address_travels_in_a_body() {
    let server = Server::start(Org::demo());
    let backend = server.backend("");
    let names: Vec<String> = (0..600).map(|n| format!("'Nobody of the name of {n}'")).collect();
    let soql = format!("SELECT Name FROM Account WHERE Name IN ('Acme',{})", names.join(","));
    assert!(soql.len() > 16_384);
    let kept = read(&backend, &soql).await.expect("it answers");
    assert_eq!(kept.rows, [[Json::from("Acme")]]);
    assert_eq!((server.requests("/composite").len(), server.requests("/query").len()), (1, 0));
    // What is refused within the answer is refused.
    server.org().tokens.clear();
    server.fault(
        "/composite",
        Fault::Answer(
            200,
            Vec::new(),
            json!({ "compositeResponse": [{
        "body": [{ "errorCode": "UNABLE_TO_LOCK_ROW", "message": "x" }], "httpHeaders": {}, "httpStatusCode": 400,
        "referenceId": "query" }] })
            .to_string(),
        ),
    );
    let kept = read(&backend, &soql).await.expect("it answers after a retry and a renewal");
    assert_eq!(kept.rows.len(), 1);
}
