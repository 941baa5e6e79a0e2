//! Values bound and read back.

use datadip::value::{Scalar, Value};
use serde_json::{Value as Json, json};

use super::{Fixture, tools::*};

/// Values of every type, and what they come back as where a database has no types of its own for them.
pub fn samples() -> Vec<(Scalar, Value, Json)> {
    let decimal = |text: &str| Value::Decimal(text.parse().expect("a decimal"));
    let timestamp = |text: &str| Value::Timestamp(text.parse().expect("an instant"));
    let uuid = "67e55044-10b1-426f-9247-bb680e5fe0c8";
    vec![
        (
            Scalar::String,
            Value::Text("O'Brien; DROP TABLE things -- ü 🦀 {{ x }}".into()),
            json!("O'Brien; DROP TABLE things -- ü 🦀 {{ x }}"),
        ),
        (Scalar::String, Value::Text("".into()), json!("")),
        (Scalar::Integer, Value::Integer(i64::MAX), json!(i64::MAX)),
        (Scalar::Integer, Value::Integer(i64::MIN), json!(i64::MIN)),
        (Scalar::Float, Value::Float(-1.5e300), json!(-1.5e300)),
        (
            Scalar::Decimal,
            decimal("99999999999999999999999999999999999.10"),
            json!("99999999999999999999999999999999999.10"),
        ),
        (Scalar::Decimal, decimal("1e3"), json!("1000")),
        (Scalar::Boolean, Value::Boolean(true), json!(1)),
        (Scalar::Boolean, Value::Boolean(false), json!(0)),
        (Scalar::Date, Value::Date("2026-11-20".parse().expect("a date")), json!("2026-11-20")),
        (Scalar::Time, Value::Time("14:05".parse().expect("a time")), json!("14:05:00")),
        (Scalar::Time, Value::Time("14:05:30.5".parse().expect("a time")), json!("14:05:30.500000")),
        (Scalar::Timestamp, timestamp("2026-11-20T09:00:00"), json!("2026-11-20 09:00:00")),
        (Scalar::Timestamp, timestamp("1969-12-31T23:59:59.25"), json!("1969-12-31 23:59:59.250000")),
        (Scalar::Uuid, Value::Uuid(uuid.parse().expect("a UUID")), json!(uuid)),
        (Scalar::Json, Value::Json("{\"a\":[1.10]}".into()), json!("{\"a\":[1.10]}")),
    ]
}

pub async fn every_type_comes_back_as_it_was_bound(fixture: &dyn Fixture) {
    let (dialect, backend) = (fixture.driver().dialect, fixture.backend(1));
    for (scalar, value, expected) in fixture.samples() {
        let bound = statement(dialect, "SELECT {{ v }} AS v", &[("v", scalar, value)]);
        let kept = run(&backend, read(vec![bound])).await.expect("the value is taken");
        assert_eq!(kept.rows, [[expected]], "{scalar:?}");
    }
}

pub async fn null_of_every_type_comes_back(fixture: &dyn Fixture) {
    let (dialect, backend) = (fixture.driver().dialect, fixture.backend(1));
    for (scalar, ..) in fixture.samples() {
        let bound = statement(dialect, "SELECT {{ v }} AS v", &[("v", scalar, Value::Null)]);
        assert_eq!(run(&backend, read(vec![bound])).await.expect("null is taken").rows, [[Json::Null]], "{scalar:?}");
    }
}
