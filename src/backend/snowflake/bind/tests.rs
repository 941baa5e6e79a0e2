use bigdecimal::BigDecimal;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::{
    template::{Param, Template},
    value::ParamType,
    yaml::{self, Text, read::FromNode},
};

fn bind(scalar: Scalar, value: Value) -> Bind {
    Bind { param: Some(0), ty: ParamType::one(scalar), value, zone: None, padding: false }
}

/// The type and the value of the only binding.
fn bound(scalar: Scalar, value: Value) -> (String, Json) {
    let mut bindings = bindings(&[bind(scalar, value)]).expect("bindings");
    assert_eq!(bindings.len(), 1);
    let Some(Json::Object(mut binding)) = bindings.remove("1") else { panic!("the first one is called 1") };
    let ty = binding.remove("type").and_then(|ty| ty.as_str().map(str::to_owned)).expect("a type");
    let value = binding.remove("value").expect("a value");
    assert!(binding.is_empty() && (value.is_string() || value.is_null()));
    (ty, value)
}

fn check(scalar: Scalar, value: Value, ty: &str, expected: &str) {
    assert_eq!(bound(scalar, value), (ty.to_owned(), Json::from(expected)));
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

#[test]
fn each_type_is_bound_as_the_documentation_says() {
    check(Scalar::Integer, Value::Integer(i64::MIN), "FIXED", "-9223372036854775808");
    check(Scalar::Float, Value::Float(0.1), "REAL", "0.1");
    check(Scalar::Float, Value::Float(-1e300), "REAL", "-1e300");
    check(Scalar::Boolean, Value::Boolean(true), "BOOLEAN", "true");
    check(Scalar::Date, Value::Date(civil::date(2026, 10, 9)), "DATE", "1791504000000");
    check(Scalar::Date, Value::Date(civil::date(1969, 12, 31)), "DATE", "-86400000");
    check(Scalar::Time, Value::Time(civil::time(14, 5, 30, 500_000_000)), "TIME", "50730500000000");
    let moment = civil::date(2021, 3, 19).at(17, 6, 59, 1_000);
    check(Scalar::Timestamp, Value::Timestamp(moment), "TIMESTAMP_LTZ", "1616173619000001000");
    check(Scalar::String, text("00123"), "TEXT", "00123");
    let decimal: BigDecimal = "-12345678901234567890123456789012345.670".parse().expect("a decimal");
    check(Scalar::Decimal, Value::Decimal(decimal), "TEXT", "-12345678901234567890123456789012345.670");
    let uuid = uuid::Uuid::from_u128(0x67e5_5044_10b1_426f_9247_bb68_0e5f_e0c8);
    check(Scalar::Uuid, Value::Uuid(uuid), "TEXT", "67e55044-10b1-426f-9247-bb680e5fe0c8");
    check(Scalar::Json, Value::Json(r#"{"a":1.10}"#.into()), "TEXT", r#"{"a":1.10}"#);
}

#[test]
fn null_has_the_type_of_its_place() {
    for (scalar, ty) in [(Scalar::Integer, "FIXED"), (Scalar::Date, "DATE"), (Scalar::Json, "TEXT")] {
        assert_eq!(bound(scalar, Value::Null), (ty.to_owned(), Json::Null));
    }
}

#[test]
fn bindings_are_numbered_in_the_order_of_the_placeholders() {
    let binds: Vec<Bind> = (0..12).map(|at| bind(Scalar::Integer, Value::Integer(at))).collect();
    let bindings = bindings(&binds).expect("bindings");
    let keys: Vec<&str> = bindings.keys().map(String::as_str).collect();
    assert_eq!(keys, ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"]);
    assert_eq!(bindings["12"]["value"], "11");
}

#[test]
fn an_instant_that_nanoseconds_cannot_count_is_no_parameter() {
    let check = |year, possible: bool| {
        let value = Value::Timestamp(civil::date(year, 1, 1).at(0, 0, 0, 0));
        let outcome = bindings(&[bind(Scalar::Timestamp, value)]).map(drop).map_err(|failure| failure.kind);
        assert_eq!(outcome, if possible { Ok(()) } else { Err(FailureKind::InvalidValue) }, "{year}");
    };
    check(1677, false);
    check(1678, true);
    check(2261, true);
    check(2262, false);
    check(9999, false);
    let outcome = bindings(&[bind(Scalar::Integer, Value::Integer(1)), bind(Scalar::Date, text("x"))]);
    assert_eq!(outcome.map_err(|failure| failure.kind), Err(FailureKind::InvalidValue));
}

/// `SELECT …` with these placeholders, compiled for parameters `a` of type string and `t` of type timestamp.
fn template(source: &str) -> Template {
    let (document, mut out) = yaml::parse(&format!("'{source}'"));
    let source = Text::from_node(&document.expect("YAML").root, &mut out).expect("text");
    let param = |name: &str, scalar| Param {
        name: name.into(),
        ty: Some(ParamType::one(scalar)),
        optional: false,
        nullable: true,
        choices: Vec::new(),
        zone: TimeZone::UTC,
    };
    let params = [param("a", Scalar::String), param("t", Scalar::Timestamp)];
    Template::compile(&source, Dialect::Snowflake, &params, &mut out).unwrap_or_else(|| panic!("{out:?}"))
}

#[test]
fn an_instant_out_of_range_is_refused_before_anything_is_sent() {
    let template = template("SELECT 1 WHERE x > {{ t }}");
    let decide = |year| template.decide(&[None, Some(Value::Timestamp(civil::date(year, 6, 1).at(0, 0, 0, 0)))]);
    assert!(decide(2026).is_ok());
    let refusal = decide(2300).expect_err("out of range");
    assert_eq!(format!("{refusal:?}"), r#"Value { param: Some(1), reason: "expected a time from 1678 to 2261" }"#);
}

/// Days since 1970 as year, month and day: <https://howardhinnant.github.io/date_algorithms.html>.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// What stands in Snowflake after a binding, as text: read by another way than it was written.
fn decoded(ty: &str, value: &str) -> String {
    let number = || value.parse::<i128>().expect("a whole number");
    let date = |days: i128| {
        let (year, month, day) = civil_from_days(i64::try_from(days).expect("a day"));
        format!("{year:04}-{month:02}-{day:02}")
    };
    let time = |nanos: i128| {
        let (seconds, micros) = (nanos / 1_000_000_000, nanos % 1_000_000_000 / 1_000);
        assert_eq!(nanos % 1_000, 0, "microseconds");
        let fraction = if micros == 0 { String::new() } else { format!(".{micros:06}") };
        format!("{:02}:{:02}:{:02}{fraction}", seconds / 3600, seconds / 60 % 60, seconds % 60)
    };
    let day = 86_400_000_000_000;
    match ty {
        "FIXED" => number().to_string(),
        "REAL" => format!("{:016x}", value.parse::<f64>().expect("a float").to_bits()),
        "DATE" => {
            assert_eq!(number() % 86_400_000, 0, "midnight");
            date(number() / 86_400_000)
        }
        "TIME" => time(number()),
        "TIMESTAMP_LTZ" => format!("{} {}", date(number().div_euclid(day)), time(number().rem_euclid(day))),
        "BOOLEAN" | "TEXT" => value.to_owned(),
        other => panic!("an unknown type: {other}"),
    }
}

fn dates() -> impl Strategy<Value = civil::Date> {
    (1i16..=9999, 1i8..=12, 1i8..=28).prop_map(|(year, month, day)| civil::date(year, month, day))
}

fn times() -> impl Strategy<Value = civil::Time> {
    (0i8..24, 0i8..60, 0i8..60, prop_oneof![Just(0), 0i32..1_000_000])
        .prop_map(|(hour, minute, second, micros)| civil::time(hour, minute, second, micros * 1_000))
}

fn values() -> impl Strategy<Value = (Scalar, Value)> {
    prop_oneof![
        any::<i64>().prop_map(|value| (Scalar::Integer, Value::Integer(value))),
        any::<f64>()
            .prop_filter("finite", |value| value.is_finite())
            .prop_map(|value| (Scalar::Float, Value::Float(value))),
        any::<bool>().prop_map(|value| (Scalar::Boolean, Value::Boolean(value))),
        any::<String>().prop_map(|value| (Scalar::String, Value::Text(value.into()))),
        "-?[1-9][0-9]{0,18}(\\.[0-9]{1,19})?"
            .prop_map(|text| (Scalar::Decimal, Value::Decimal(text.parse().expect("a decimal")))),
        any::<u128>().prop_map(|value| (Scalar::Uuid, Value::Uuid(uuid::Uuid::from_u128(value)))),
        any::<String>().prop_map(|text| (Scalar::Json, Value::Json(Json::from(text).to_string().into()))),
        dates().prop_map(|value| (Scalar::Date, Value::Date(value))),
        times().prop_map(|value| (Scalar::Time, Value::Time(value))),
        (1678i16..=2261, dates(), times()).prop_map(|(year, date, time)| {
            let date = civil::date(year, date.month(), date.day());
            (Scalar::Timestamp, Value::Timestamp(date.to_datetime(time)))
        }),
    ]
}

proptest! {
    #[test]
    fn every_value_comes_back_bit_for_bit((scalar, value) in values()) {
        let (ty, text) = bound(scalar, value.clone());
        let expected = match value {
            Value::Float(value) => format!("{:016x}", value.to_bits()),
            value => value.text().expect("a text").into_owned(),
        };
        prop_assert_eq!(decoded(&ty, text.as_str().expect("a text")), expected);
    }

    #[test]
    fn a_hostile_text_is_bound_and_the_statement_stays_what_it_is(
        text in prop_oneof![
            any::<String>(),
            r#"['"$?:;\\-]{0,9}"#,
            Just("x'); DROP TABLE t; --".to_owned()),
            Just("\\' OR 1=1 --".to_owned()),
            Just("$$ ? :1 {{ a }} {% if a %}\0".to_owned()),
        ],
    ) {
        let template = template("SELECT 1 WHERE x = {{ a }} OR y IN (1, {{ a }})");
        let (shape, binds) = template.decide(&[Some(Value::Text(text.as_str().into())), None]).expect("binds");
        let statement = template.statement(&shape).expect("a statement");
        prop_assert_eq!(statement.text(), "SELECT 1 WHERE x = ? OR y IN (1, ?)");
        let bindings = bindings(&binds).expect("bindings");
        let sent: Json = serde_json::from_str(&Json::Object(bindings).to_string()).expect("JSON");
        prop_assert_eq!(sent, json!({ "1": { "type": "TEXT", "value": text }, "2": { "type": "TEXT", "value": text } }));
    }
}
