//! A backend that keeps failing, as callers and operators see it.

use std::time::Duration;

use datadip::backend::{Again, FailureKind, breaker::Breaker, sqlite};
use tokio::time::timeout;

use crate::{
    gateway::Serving,
    scripted::{Does, Scripted},
};

#[tokio::test]
async fn callers_of_a_backend_that_keeps_failing_hear_at_once_when_to_come_again() {
    let scripted = Scripted::new((0..5).map(|_| Does::Fail(FailureKind::Unavailable, Again::Never)));
    let files = [("actions/find.yaml", super::FIND), ("seed.sql", super::SEED)];
    let mut gateway = Serving::start_with(&files, |gateway| {
        let breaker = Breaker::new("demo", &sqlite::DRIVER, scripted.clone());
        gateway.backends.insert("demo".into(), std::sync::Arc::new(breaker));
    });
    let find = async |gateway: &Serving| gateway.post("/actions/find", r#"{"customer_id": 1}"#).await;
    for _ in 0..5 {
        assert_eq!(find(&gateway).await.code(), "backend_unavailable");
    }
    let ready = gateway.get("/readyz").await.json();
    assert_eq!((&ready["status"], &ready["backends"]["demo"]), (&"degraded".into(), &"down".into()));
    for _ in 0..3 {
        let answer = find(&gateway).await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "backend_unavailable"));
        let seconds: u64 = answer.header("retry-after").expect("Retry-After").parse().expect("seconds");
        assert!((1..=5).contains(&seconds), "{seconds}");
    }
    gateway.reload("actions/other.yaml", super::FIND);
    for action in ["find", "other"] {
        let answer = gateway.post(&format!("/actions/{action}"), r#"{"customer_id": 1}"#).await;
        assert_eq!(answer.code(), "backend_unavailable", "{action}");
    }
    assert_eq!(scripted.runs(), 5, "it is left alone, after a reload too");
    let up = async {
        while gateway.get("/readyz").await.json()["backends"]["demo"] != "up" {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    timeout(Duration::from_secs(20), up).await.expect("it is as the backend says, without a call");
    assert_eq!(scripted.runs(), 5);
}
