//! What a live org says of queries and objects.

use std::time::Duration;

use datadip::backend::{
    Backend, FailureKind,
    inspect::{Description, JsonKind},
};

use super::{Org, Server, query};

async fn describe(backend: &dyn Backend, soql: &str) -> Result<Description, (FailureKind, String)> {
    let inspect = backend.inspect().expect("it can be asked");
    inspect.describe(&query(soql).statement).await.map_err(|failure| (failure.kind, failure.message))
}

#[tokio::test]
async fn columns_have_the_names_and_types_of_the_org() {
    let server = Server::start(Org::demo());
    let backend = server.backend("");
    let soql = "SELECT id, account.name, Account.Owner.Email, SCORE__C, LastCall__c, MailingAddress, (SELECT Id FROM cases) FROM contact";
    let description = describe(&*backend, soql).await.expect("it is all there");
    let columns: Vec<_> = description.columns.iter().map(|c| (c.name.as_str(), c.json, c.nullable)).collect();
    let expected = [
        ("Id", JsonKind::String, Some(false)),
        ("Account", JsonKind::Object, Some(true)),
        ("Score__c", JsonKind::Number, Some(true)),
        ("LastCall__c", JsonKind::String, Some(true)),
        ("MailingAddress", JsonKind::Object, Some(true)),
        ("Cases", JsonKind::Array, Some(false)),
    ];
    assert_eq!(columns, expected);
    let count = describe(&*backend, "SELECT COUNT() FROM Case").await.expect("it is there");
    assert_eq!(count.columns[0].json, JsonKind::Integer);
    let groups = describe(&*backend, "SELECT Account.Name, COUNT(Id) n FROM Contact GROUP BY Account.Name").await;
    let columns: Vec<_> = groups.expect("it is there").columns.into_iter().map(|c| (c.name, c.json)).collect();
    assert_eq!(columns, [("Name".to_owned(), JsonKind::String), ("n".to_owned(), JsonKind::Any)]);
    assert_eq!(describe(&*backend, "SELECT FIELDS(ALL) FROM Case LIMIT 5").await, Ok(Description::default()));
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let server = Server::start(Org::demo());
    let backend = server.backend("");
    let check = async |soql: &str, expected: &str| {
        assert_eq!(describe(&*backend, soql).await, Err((FailureKind::Drift, expected.to_owned())), "{soql}");
    };
    check("SELECT Id FROM Acount", "`Acount` is no object that the user may see").await;
    check("SELECT Id, Nmae FROM Account", "`Nmae` is no field of the object `Account`").await;
    check(
        "SELECT Id FROM Account WHERE Nmae = 'x' ORDER BY Foo__c",
        "`Nmae` is no field of the object `Account`; `Foo__c` is no field of the object `Account`",
    )
    .await;
    check("SELECT Acount.Name FROM Contact", "`Acount` is no relationship to a parent of the object `Contact`").await;
    check("SELECT Account.Owner.Nmae FROM Contact", "`Nmae` is no field of the object `User`").await;
    check(
        "SELECT Id, (SELECT Id FROM Kontacts) FROM Account",
        "`Kontacts` is no relationship to children of the object `Account`",
    )
    .await;
    check("SELECT Id, (SELECT Nmae FROM Contacts) FROM Account", "`Nmae` is no field of the object `Contact`").await;
    // What may be one of several objects nobody can tell.
    describe(&*backend, "SELECT Owner.Whatever FROM Case").await.expect("it may be there");
}

#[tokio::test]
async fn tables_are_objects_and_the_ways_to_others() {
    let server = Server::start(Org::demo());
    let backend = server.backend("");
    let inspect = backend.inspect().expect("it can be asked");
    let names = ["Contact", "contact.Account.Owner", "Account.Contacts", "Gone", "Contact.Gone", "Case.Owner", "a b"];
    let before = inspect.digests(&names.map(str::to_owned)).await.expect("it answers");
    let mut known: Vec<&str> = before.keys().map(String::as_str).collect();
    known.sort_unstable();
    assert_eq!(known, ["Account.Contacts", "Contact", "contact.Account.Owner"]);
    assert_eq!(before["Account.Contacts"], before["Contact"]);
    assert_ne!(before["Contact"], before["contact.Account.Owner"]);
    let table = inspect.table("case").await.expect("it answers").expect("it is there");
    assert_eq!(
        (table.name.as_str(), table.key.as_slice(), table.columns[0].name.as_str()),
        ("Case", &["Id".to_owned()][..], "Id")
    );
    assert_eq!(inspect.tables().await.expect("it answers"), ["User", "Account", "Contact", "Case", "Task"]);
    assert_eq!(inspect.every(), Duration::from_secs(3600));
    assert_eq!(server.requests("/describe").iter().filter(|got| got.target.contains("/Contact/")).count(), 1);
}
