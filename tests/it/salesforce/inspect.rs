//! What a live org says of queries and objects.

use std::time::Duration;

use datadip::backend::{
    Backend, FailureKind,
    inspect::{Description, JsonKind},
};

use super::{Fault, Org, Server, query, read};

async fn describe(backend: &dyn Backend, soql: &str) -> Result<Description, (FailureKind, String)> {
    let inspect = backend.inspect().expect("it can be asked");
    inspect
        .describe(&query(soql).statement)
        .await
        .map(|described| described.expect("an org tells of queries"))
        .map_err(|failure| (failure.kind, failure.message))
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
    let table = inspect.table("case", &[]).await.expect("it answers").expect("it is there");
    assert_eq!(
        (table.name.as_str(), table.key.as_slice(), table.columns[0].name.as_str()),
        ("Case", &["Id".to_owned()][..], "Id")
    );
    assert_eq!(inspect.tables().await.expect("it answers"), ["User", "Account", "Contact", "Case", "Task"]);
    assert_eq!(inspect.every(), Duration::from_secs(3600));
    assert_eq!(server.requests("/describe").iter().filter(|got| got.target.contains("/Contact/")).count(), 1);
}

/// How often an object was described.
fn described(server: &Server, object: &str) -> usize {
    server.requests(&format!("/sobjects/{object}/describe")).len()
}

#[tokio::test]
async fn a_call_that_keeps_failing_has_its_own_objects_described_again_and_not_each_time() {
    let server = Server::start(Org::demo());
    let backend = server.backend("");
    let inspect = backend.inspect().expect("it can be asked");
    let names = ["Contact", "Contact.Account", "Case", "Gone"].map(str::to_owned);
    let counts = async || {
        inspect.digests(&names).await.expect("it answers");
        ["Contact", "Account", "Case", "Gone"].map(|object| described(&server, object))
    };
    assert_eq!(counts().await, [1, 1, 1, 1]);
    for _ in 0..3 {
        server.fault("/query", Fault::error(400, "INVALID_FIELD", "a date is compared with a datetime"));
        let failure = read(&backend, "SELECT Account.Name FROM Contact").await.expect_err("it is refused");
        assert_eq!(failure.kind, FailureKind::Drift);
        assert_eq!(counts().await, [2, 2, 1, 1]);
    }
}

#[tokio::test]
async fn what_was_made_since_an_object_was_described_is_found() {
    let server = Server::start(Org::demo());
    let backend = server.backend("");
    let inspect = backend.inspect().expect("it can be asked");
    let soql = "SELECT Account.Region__c FROM Contact";
    let lacks = async || {
        let table = inspect.table("Account", &["Region__c"]).await.expect("it answers").expect("it is there");
        let column = table.columns.iter().any(|column| column.name == "Region__c");
        (describe(&*backend, soql).await.is_err(), !column)
    };
    assert_eq!(lacks().await, (true, true));
    server.org().object("Account", "Id:id Name:string Region__c:string?");
    // What was said just now is not asked for again.
    tokio::time::sleep(Duration::from_millis(5500)).await;
    assert_eq!(lacks().await, (false, false));
    assert_eq!((described(&server, "Account"), described(&server, "Contact")), (2, 1));
}

#[tokio::test]
async fn an_odd_answer_to_a_describe_says_nothing_of_an_action() {
    let faults = [
        Fault::Answer(200, Vec::new(), "<html>Log in</html>".into()),
        Fault::Answer(302, vec![("Location", "/login".into())], String::new()),
        Fault::Answer(404, Vec::new(), "<html>".into()),
        Fault::error(403, "INSUFFICIENT_ACCESS", "no"),
        Fault::error(400, "INVALID_FIELD", "no"),
    ];
    for fault in faults {
        let server = Server::start(Org::demo());
        let backend = server.backend("");
        let inspect = backend.inspect().expect("it can be asked");
        server.faults("/Account/describe", 9, &fault);
        let untold = describe(&*backend, "SELECT Account.Name FROM Contact").await.expect_err("nobody can tell");
        assert_eq!(untold.0, FailureKind::Untold, "{fault:?}");
        let untold = inspect.table("Account", &[]).await.expect_err("nobody can tell");
        assert_eq!(untold.kind, FailureKind::Untold, "{fault:?}");
        let digests =
            inspect.digests(&["Account", "Contact", "Case"].map(str::to_owned)).await.expect("others are told");
        assert_eq!(digests.len(), 2, "{fault:?}");
        assert_eq!(described(&server, "Account"), 1, "an object that is not told is left alone for a while");
    }
}

#[tokio::test]
async fn an_object_that_is_slow_to_describe_keeps_no_others_waiting() {
    let server = Server::start(Org::demo());
    let backend = server.backend("");
    server.fault("/Account/describe", Fault::Late(Duration::from_secs(60)));
    let names = ["Account", "Case", "Contact"].map(str::to_owned);
    let others = async {
        while described(&server, "Case") + described(&server, "Contact") < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        digests = backend.inspect().expect("it can be asked").digests(&names) => panic!("{digests:?}"),
        () = others => {}
    }
}

#[tokio::test]
async fn what_an_else_of_a_typeof_names_is_of_no_object() {
    let server = Server::start(Org::demo());
    let soql = "SELECT TYPEOF Who WHEN Contact THEN Email ELSE Name END FROM Task";
    describe(&*server.backend(""), soql).await.expect("it is all there");
    let bound = query(soql);
    let objects = bound.statement.outline().expect("a query").objects();
    assert_eq!(Vec::from_iter(objects), ["Contact", "Task"]);
    assert_eq!(described(&server, "Name"), 0);
    let refused = describe(&*server.backend(""), &soql.replace("Who", "What")).await;
    let message = "`What` is no relationship to a parent of the object `Task`".to_owned();
    assert_eq!(refused, Err((FailureKind::Drift, message)));
}
