//! What comes out: records as rows, pages, children, datetimes.

use serde_json::{Value as Json, json};

use super::{Org, Server, read};

#[tokio::test]
async fn a_record_becomes_a_row_in_the_order_of_the_query() {
    let server = Server::start(Org::demo());
    let backend = server.backend("");
    let soql = "SELECT account.owner.name, LASTNAME, Account.CreatedDate, LastCall__c, Score__c, MailingAddress, Account.Note__c \
                FROM Contact WHERE Email = 'ada@example.com'";
    let kept = read(&backend, soql).await.expect("it answers");
    assert_eq!(kept.columns, ["Account", "LastName", "LastCall__c", "Score__c", "MailingAddress"]);
    let account = json!({ "Owner": { "Name": "Grace Hopper" }, "CreatedDate": "2024-02-29T09:30:00+00:00",
        "Note__c": "2024-02-29T09:30:00.000+0000" });
    let expected =
        json!([account, "Lovelace", "2026-11-19T08:15:00+00:00", 7.5, { "city": "London", "postalCode": "W1" }]);
    assert_eq!(Json::from(kept.rows[0].clone()), expected);
}
