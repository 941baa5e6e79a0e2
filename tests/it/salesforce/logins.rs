//! Logging in: each flow, once for all callers, and again when a token is refused.

use std::{sync::Arc, time::Duration};

use datadip::backend::{Backend, FailureKind, Health};
use futures_util::future::join_all;
use tokio::time::timeout;

use super::{Fault, NAMES, Org, Server, read, token::KEY};

/// Logs in by a flow.
async fn check(auth: &str, outcome: Result<(), (&str, &str)>) {
    let server = Server::start(Org::demo());
    let backend = server.backend_as(auth, "");
    match (backend.connect().await, outcome) {
        (Ok(()), Ok(())) => assert_eq!((backend.health(), server.logins()), (Health::Up, 1), "{auth}"),
        (Err(failure), Err((code, message))) => {
            assert_eq!(failure.kind, FailureKind::Unavailable, "{auth}");
            assert_eq!((failure.code.as_deref(), failure.message.as_str()), (Some(code), message), "{auth}");
            assert_eq!(backend.health(), Health::Down);
        }
        (got, expected) => panic!("{auth}: {got:?}, expected {expected:?}"),
    }
}

#[tokio::test]
async fn each_flow_logs_in() {
    check(super::AUTH, Ok(())).await;
    check("{ flow: refresh_token, client_id: app, refresh_token: '5Aep861=' }", Ok(())).await;
    let password =
        "flow: password, client_id: app, client_secret: app secret, username: ada@example.com, password: p&ss+wörd";
    check(&format!("{{ {password}, security_token: TOKEN }}"), Ok(())).await;
    // What a key file holds stands in the place of its path when a driver reads its block.
    let key = serde_json::Value::from(KEY).to_string();
    let jwt = "flow: jwt_bearer, client_id: app, username: ada@example.com";
    check(&format!("{{ {jwt}, private_key_file: {key} }}"), Ok(())).await;
    let refused = |what| Err(("invalid_grant", what));
    check(
        &format!("{{ {jwt}, private_key_file: {key}, audience: https://test.salesforce.com }}"),
        refused("the credentials are refused: audience is invalid"),
    )
    .await;
    check(&format!("{{ {password} }}"), refused("the credentials are refused: authentication failure")).await;
    let wrong = "{ flow: client_credentials, client_id: app, client_secret: another }";
    check(wrong, Err(("invalid_client", "the credentials are refused: invalid client credentials"))).await;
}

/// So many reads at once; all of them answer.
async fn crowd(backend: &Arc<dyn Backend>, count: usize) {
    let outcomes = join_all((0..count).map(|_| read(backend, NAMES))).await;
    for outcome in outcomes {
        assert_eq!(outcome.expect("it answers").rows.len(), 2);
    }
}

#[tokio::test]
async fn fifty_first_calls_log_in_once() {
    let server = Server::start(Org::demo());
    server.fault("/token", Fault::Late(Duration::from_millis(100)));
    crowd(&server.backend("max_concurrency: 50"), 50).await;
    assert_eq!(server.logins(), 1);
}

#[tokio::test]
async fn an_expired_token_costs_one_login_and_no_call() {
    let server = Server::start(Org::demo());
    let backend = server.backend("max_concurrency: 50");
    crowd(&backend, 1).await;
    for round in 2..5 {
        server.org().tokens.clear();
        crowd(&backend, 50).await;
        assert_eq!(server.logins(), round);
    }
}

#[tokio::test]
async fn a_token_that_is_refused_when_it_is_new_is_given_up() {
    let server = Server::start(Org::demo());
    let backend = server.backend("");
    server.faults("/query", 2, &Fault::error(401, "INVALID_SESSION_ID", "Session expired or invalid"));
    let failure = read(&backend, NAMES).await.expect_err("it is refused twice");
    assert_eq!((failure.kind, server.logins()), (FailureKind::Unavailable, 2));
    assert_eq!(server.requests("/query").len(), 2);
    crowd(&backend, 1).await;
    assert_eq!(server.logins(), 2);
}

#[tokio::test]
async fn a_crowd_that_is_refused_asks_once() {
    let server = Server::start(Org::demo());
    server.fault("/token", Fault::Late(Duration::from_millis(100)));
    let auth = "{ flow: client_credentials, client_id: app, client_secret: another }";
    let backend = server.backend_as(auth, "max_concurrency: 50");
    for outcome in join_all((0..50).map(|_| read(&backend, NAMES))).await {
        assert_eq!(outcome.expect_err("it is refused").kind, FailureKind::Unavailable);
    }
    assert_eq!((server.logins(), server.requests("/query").len()), (1, 0));
}

#[tokio::test]
async fn a_login_that_fails_for_a_while_is_tried_again() {
    let server = Server::start(Org::demo());
    server.fault("/token", Fault::Answer(503, Vec::new(), "<html>".into()));
    server.fault("/token", Fault::Cut);
    crowd(&server.backend(""), 1).await;
    assert_eq!(server.logins(), 3);
}

#[tokio::test]
async fn a_login_goes_on_when_its_caller_has_left() {
    let server = Server::start(Org::demo());
    let backend = server.backend("");
    server.fault("/token", Fault::Late(Duration::from_millis(300)));
    let left = timeout(Duration::from_millis(50), read(&backend, NAMES)).await;
    assert!(left.is_err(), "nobody is logged in yet");
    crowd(&backend, 1).await;
    assert_eq!(server.logins(), 1);
}

#[tokio::test]
async fn a_token_is_sent_to_no_address_in_the_clear() {
    for instance in ["http://example.com", "ftp://127.0.0.1", "example.com", ""] {
        let server = Server::start(Org::demo());
        let body = serde_json::json!({ "access_token": "t", "instance_url": instance }).to_string();
        server.fault("/token", Fault::Answer(200, Vec::new(), body));
        let failure = read(&server.backend(""), NAMES).await.expect_err("there is no such instance");
        let expected = "the token endpoint answers an `instance_url` that is not one of HTTPS";
        assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Unavailable, expected), "{instance}");
    }
}
