//! Parameters: every declared type to every type of the database that can take it.

use datadip::{
    backend::FailureKind,
    value::{ParamType, Scalar, Value},
};
use jiff::tz::TimeZone;
use serde_json::{Value as Json, json};

use super::{Types, written};

/// A declared type, values of it, and the types that take them.
const TAKEN: &[(Scalar, &[&str], &str)] = &[
    (
        Scalar::Integer,
        &["0", "42", "-7"],
        "int2 int4 int8 numeric numeric(10,2) float4 float8 text varchar(9) char(5) name citext json jsonb",
    ),
    (Scalar::Integer, &["9223372036854775807", "-9223372036854775808"], "int8 numeric text jsonb"),
    (Scalar::Integer, &["0", "1"], "bool oid amount"),
    (Scalar::Decimal, &["1.10", "-0.005", "12345678901234567890.123", "0.00"], "numeric text json jsonb float8"),
    (Scalar::Decimal, &["1.10", "3"], "amount float4 numeric(9,4)"),
    (Scalar::Decimal, &["3", "-20"], "int2 int4 int8"),
    (Scalar::Float, &["1.5", "-0.1", "1e300", "1e-7"], "float8 numeric"),
    (Scalar::Float, &["1.5", "0.1"], "float4 json jsonb text"),
    (Scalar::Boolean, &["true", "false"], "bool text varchar(9) json jsonb"),
    (Scalar::Date, &["2026-11-20", "0001-01-01", "9999-12-31"], "date timestamp timestamptz text"),
    (Scalar::Time, &["14:05:00", "14:05:30.500000", "23:59:59.999999"], "time timetz"),
    (
        Scalar::Timestamp,
        &["2026-11-20 09:00:00", "1969-12-31 23:59:59.250000", "9999-12-31 23:59:59.999999", "0001-01-01 00:00:00"],
        "timestamp timestamptz",
    ),
    (Scalar::Uuid, &["67e55044-10b1-426f-9247-bb680e5fe0c8"], "uuid text varchar(40)"),
    (Scalar::Json, &["{\"a\":[1.10,\"ü\",null]}", "[]", "1.0", "\"x\"", "null"], "json jsonb text"),
    (
        Scalar::String,
        &["O'Brien; DROP TABLE things -- ü 🦀 {{ x }}", "", "  x ", "\\", "a\nb"],
        "text varchar(99) char(60) citext name",
    ),
    (Scalar::String, &["42", " 7 "], "int2 int4 int8 numeric float4 float8 oid amount text json"),
    (Scalar::String, &["1e-3", "-1.50", "NaN", "Infinity", "-inf", "+2.5e10", "1e40", "00012.00"], "numeric float8"),
    (Scalar::String, &["true", "f", "YES", "off", "1"], "bool"),
    (Scalar::String, &["2026-11-20", "infinity", "-infinity"], "date timestamp timestamptz"),
    (Scalar::String, &["2026-11-20T09:00:00", "2026-11-20 09:00:00.5"], "timestamp timestamptz"),
    (Scalar::String, &["2026-11-20T09:00:00+02:00", "2026-11-20 09:00:00Z"], "timestamptz"),
    (Scalar::String, &["14:05", "14:05:30.25"], "time timetz"),
    (Scalar::String, &["67E55044-10b1-426f-9247-bb680e5fe0c8", "{67e55044-10b1-426f-9247-bb680e5fe0c8}"], "uuid"),
    (Scalar::String, &["{\"a\": 1.10}", "null", "[1, 2]"], "json jsonb"),
    (Scalar::String, &["\\xdeadBEEF", "\\x"], "bytea"),
    (Scalar::String, &["sad", "it's ok", "Happy"], "mood text"),
    (Scalar::String, &["a.b.c"], "ltree lquery text"),
    (Scalar::String, &["x"], "\"char\" text"),
    (Scalar::String, &["<a>ü</a>"], "xml"),
    // What has no encoder is read by the database from a text.
    (Scalar::String, &["1 day -02:00", "2 months"], "interval"),
    (Scalar::String, &["10.0.0.1", "2001:db8::1"], "inet cidr"),
    (Scalar::String, &["[1,5)", "empty"], "int4range int8range numrange"),
    (Scalar::String, &["(1.5,2)"], "point"),
    (Scalar::String, &["101"], "bit(3) varbit"),
    (Scalar::String, &["a=>1, b=>NULL"], "hstore"),
    (Scalar::String, &["cat & !dog"], "tsquery"),
    (Scalar::String, &["cat dog"], "tsvector"),
    (Scalar::String, &["12.34"], "money"),
    (Scalar::String, &["08:00:2b:01:02:03"], "macaddr macaddr8"),
    (Scalar::String, &["$.a"], "jsonpath"),
    (Scalar::String, &["(1,x)"], "crm.pair"),
    (Scalar::String, &["0/16B374D8"], "pg_lsn"),
];

/// A value of a declared type, as coercion makes it of a text.
fn value(scalar: Scalar, text: &str) -> Value {
    match scalar {
        Scalar::String | Scalar::Choice => Value::Text(text.into()),
        Scalar::Integer => Value::Integer(text.parse().expect("an integer")),
        Scalar::Decimal => Value::Decimal(text.parse().expect("a decimal")),
        Scalar::Float => Value::Float(text.parse().expect("a float")),
        Scalar::Boolean => Value::Boolean(text == "true"),
        Scalar::Date => Value::Date(text.parse().expect("a date")),
        Scalar::Time => Value::Time(text.parse().expect("a time")),
        Scalar::Timestamp => Value::Timestamp(text.parse().expect("a timestamp")),
        Scalar::Uuid => Value::Uuid(text.parse().expect("a UUID")),
        Scalar::Json => Value::Json(text.into()),
    }
}

fn list(scalar: Scalar, texts: &[&str]) -> (ParamType, Value) {
    (ParamType { scalar, list: true }, Value::List(texts.iter().map(|text| value(scalar, text)).collect()))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Each declared type, value and type of the database.
fn taken() -> impl Iterator<Item = (Scalar, &'static str, &'static str)> {
    let each = |(scalar, texts, types): &(Scalar, &'static [&'static str], &'static str)| {
        let scalar = *scalar;
        texts.iter().flat_map(move |text| types.split(' ').map(move |ty| (scalar, *text, ty))).collect::<Vec<_>>()
    };
    TAKEN.iter().flat_map(each)
}

#[tokio::test]
async fn every_type_takes_the_values_that_it_can_hold() {
    let Some(types) = Types::new() else { return };
    let cases: Vec<_> = taken().collect();
    assert!(cases.len() > 200, "only {} cases", cases.len());
    let expressions: Vec<String> = cases.iter().map(|(_, text, ty)| format!("{}::{ty}", literal(text))).collect();
    let expected = types.to_json(&expressions).await;
    let mut wrong = String::new();
    for ((scalar, text, ty), expected) in cases.into_iter().zip(expected) {
        let sql = format!("SELECT {{{{ v }}}}::{ty} AS v");
        let got = types.bound(&sql, &[("v", ParamType::one(scalar), value(scalar, text))]).await;
        if !got.as_ref().is_ok_and(|row| written(&row[0]) == written(&expected)) {
            wrong += &format!("{scalar:?} {text:?} as {ty}: {got:?} instead of {expected}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[tokio::test]
async fn columns_are_compared_with_parameters() {
    let Some(types) = Types::new() else { return };
    let incomparable = ["json", "xml", "point", "jsonpath", "lquery"];
    let mut wrong = String::new();
    for (scalar, text, ty) in taken().filter(|(_, _, ty)| !incomparable.contains(ty)) {
        // These need the author's cast; the rest is inferred.
        let cast = match ty.split('(').next().expect("a name") {
            "interval" | "inet" | "cidr" | "int4range" | "int8range" | "numrange" | "bit" | "varbit" | "hstore"
            | "tsquery" | "tsvector" | "money" | "macaddr" | "macaddr8" | "crm.pair" | "pg_lsn" => {
                format!("::text::{ty}")
            }
            _ => String::new(),
        };
        let sql = format!(
            "SELECT (SELECT col FROM (SELECT {{% raw %}}{}{{% endraw %}}::{ty} AS col) t WHERE col = {{{{ v }}}}{cast}) \
             IS NOT NULL AS found",
            literal(text)
        );
        let got = types.bound(&sql, &[("v", ParamType::one(scalar), value(scalar, text))]).await;
        // Digits that only one of two float types has are not equal.
        let expected = !(ty == "float4" && ["0.1", "1.10"].contains(&text));
        if !got.as_ref().is_ok_and(|row| row[0] == json!(expected)) {
            wrong += &format!("{scalar:?} {text:?} with {ty}: {got:?}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[tokio::test]
async fn null_is_taken_by_every_type() {
    let Some(types) = Types::new() else { return };
    for (scalar, _, tys) in TAKEN {
        for ty in tys.split(' ') {
            let sql = format!("SELECT {{{{ v }}}}::{ty} AS v");
            let got = types.bound(&sql, &[("v", ParamType::one(*scalar), Value::Null)]).await;
            assert_eq!(got.expect("null is taken"), [Json::Null], "{scalar:?} as {ty}");
        }
    }
}

#[tokio::test]
async fn a_list_is_one_array() {
    let Some(types) = Types::new() else { return };
    let cases = [
        (list(Scalar::Integer, &["1", "-2", "3"]), "int2[] int4[] int8[] numeric[] float8[] text[] oid[]", "{1,-2,3}"),
        (list(Scalar::Integer, &[]), "int4[] text[]", "{}"),
        (list(Scalar::Decimal, &["1.10", "2"]), "numeric[] float8[] text[] amount[]", "{1.10,2}"),
        (list(Scalar::Float, &["0.1", "1e300"]), "float8[] numeric[]", "{0.1,1e300}"),
        (list(Scalar::Boolean, &["true", "false"]), "bool[] text[]", "{true,false}"),
        (list(Scalar::Date, &["2026-11-20"]), "date[] timestamp[] timestamptz[]", "{2026-11-20}"),
        (list(Scalar::Time, &["14:05:00"]), "time[] timetz[]", "{14:05:00}"),
        (list(Scalar::Timestamp, &["2026-11-20 09:00:00"]), "timestamp[] timestamptz[]", "{2026-11-20 09:00:00}"),
        (
            list(Scalar::Uuid, &["67e55044-10b1-426f-9247-bb680e5fe0c8"]),
            "uuid[] text[]",
            "{67e55044-10b1-426f-9247-bb680e5fe0c8}",
        ),
        (
            list(Scalar::String, &["a", "b c", "", "NULL"]),
            "text[] varchar(9)[] char(4)[] tags citext[]",
            r#"{a,"b c","","NULL"}"#,
        ),
        (list(Scalar::String, &["sad", "Happy"]), "mood[] text[]", "{sad,Happy}"),
        (list(Scalar::String, &["1 day"]), "interval[]", "{1 day}"),
    ];
    for ((ty, value), names, text) in cases {
        for name in names.split(' ').filter(|name| !(text.contains("-2") && *name == "oid[]")) {
            let sql = format!("SELECT {{{{ v }}}}::{name} AS v");
            let got = types.bound(&sql, &[("v", ty, value.clone())]).await.expect("the list is taken");
            let expected = types.to_json(&[format!("{}::{name}", literal(text))]).await;
            assert_eq!(got[0].to_string(), expected[0].to_string(), "{ty} as {name}");
        }
    }
    let ids = list(Scalar::Integer, &["1", "9223372036854775807"]);
    let sql = "SELECT array_agg(n ORDER BY n) AS n FROM generate_series(1, 3) AS n WHERE n = ANY({{ ids }}) \
               OR n IN ({{ ids | spread }})";
    assert_eq!(types.bound(sql, &[("ids", ids.0, ids.1)]).await.expect("they are compared"), [json!([1])]);
}

/// Where only the declared type can tell, or the inferred one does not hold every value, it is the declared one.
#[tokio::test]
async fn the_declared_type_counts_where_the_database_cannot_tell() {
    let Some(types) = Types::new() else { return };
    let large = Value::Integer(1 << 40);
    let check = async |sql: &str, scalar, value: Value, expected: Json| {
        let got = types.bound(sql, &[("v", ParamType::one(scalar), value)]).await;
        assert_eq!(got.unwrap_or_else(|failure| panic!("{failure:?}\n{sql}")), [expected], "{sql}");
    };
    check("SELECT {{ v }} AS v", Scalar::Integer, large.clone(), json!(1_i64 << 40)).await;
    check("SELECT {{ v }} AS v", Scalar::Boolean, Value::Boolean(true), json!(true)).await;
    check("SELECT {{ v }} IS NULL AS v", Scalar::Integer, Value::Null, json!(true)).await;
    check("SELECT coalesce({{ v }}, {{ v }}) AS v", Scalar::Integer, large.clone(), json!(1_i64 << 40)).await;
    check("SELECT {{ v }} + {{ v }} AS v", Scalar::Integer, large.clone(), json!(1_i64 << 41)).await;
    check("SELECT pg_typeof({{ v }})::text AS v", Scalar::Timestamp, Value::Null, json!("timestamp with time zone"))
        .await;
    check(
        "SELECT count(*) AS v FROM generate_series(1, 2) AS n WHERE n = {{ v }}",
        Scalar::Integer,
        large.clone(),
        json!(0),
    )
    .await;
    check(
        "SELECT count(*) AS v FROM generate_series(1, 2) AS n WHERE n < {{ v }}",
        Scalar::Integer,
        large.clone(),
        json!(2),
    )
    .await;
    check("SELECT 'a' || {{ v }} AS v", Scalar::Integer, large, json!("a1099511627776")).await;
    check("SELECT substring('abc', {{ v }}) AS v", Scalar::Integer, Value::Integer(2), json!("bc")).await;
    check("SELECT '7'::text = {{ v }} AS v", Scalar::Integer, Value::Integer(7), json!(true)).await;
    check("SELECT 2 < {{ v }} AS v", Scalar::Decimal, value(Scalar::Decimal, "2.5"), json!(true)).await;
    let noon = value(Scalar::Timestamp, "2026-11-20 12:00:00");
    check("SELECT date '2026-11-20' < {{ v }} AS v", Scalar::Timestamp, noon, json!(true)).await;
    let (ty, ids) = list(Scalar::Integer, &["1", "2"]);
    let sql = "SELECT sum(n)::int AS v FROM unnest({{ v }}) AS n";
    assert_eq!(types.bound(sql, &[("v", ty, ids)]).await.expect("it is an array"), [json!(3)]);
}

/// The driver keeps what it prepared by its text alone.
#[tokio::test]
async fn one_text_has_the_types_of_each_action() {
    let Some(types) = Types::new() else { return };
    for _ in 0..3 {
        for (scalar, text, expected) in [
            (Scalar::Integer, "1", json!(1)),
            (Scalar::String, "one", json!("one")),
            (Scalar::Boolean, "true", json!(true)),
            (Scalar::Float, "1.5", json!(1.5)),
        ] {
            let values = [("v", ParamType::one(scalar), value(scalar, text))];
            assert_eq!(types.bound("SELECT {{ v }} AS v", &values).await.expect("it is taken"), [expected]);
        }
    }
}

#[tokio::test]
async fn a_timestamp_is_the_wall_clock_of_its_zone_where_the_type_has_no_zone() {
    let Some(types) = Types::new() else { return };
    let berlin = TimeZone::get("Europe/Berlin").expect("a zone");
    for (utc, ty, expected) in [
        ("2026-07-01 10:00:00", "timestamp", "2026-07-01T12:00:00"),
        ("2026-12-01 23:30:00", "timestamp", "2026-12-02T00:30:00"),
        ("2026-07-01 10:00:00", "timestamptz", "2026-07-01T10:00:00+00:00"),
        ("9999-12-31 23:30:00", "timestamp", "9999-12-31T23:30:00"),
        ("9999-12-31 22:30:00", "timestamp", "9999-12-31T23:30:00"),
        ("1890-01-01 00:00:00", "timestamp", "1890-01-01T00:53:28"),
    ] {
        let values = [("v", ParamType::one(Scalar::Timestamp), value(Scalar::Timestamp, utc))];
        let got = types.zoned(&format!("SELECT {{{{ v }}}}::{ty} AS v"), &values, &berlin).await;
        assert_eq!(got.expect("it is taken"), [json!(expected)], "{utc} as {ty}");
    }
}

#[tokio::test]
async fn a_value_that_the_type_cannot_hold_is_the_callers_fault() {
    let Some(types) = Types::new() else { return };
    let string = |text: &str| value(Scalar::String, text);
    // Before anything is sent: no code of the database.
    for (sql, scalar, value) in [
        ("SELECT substring('abc', {{ v }}) AS v", Scalar::Integer, Value::Integer(1 << 31)),
        ("SELECT {{ v }}::text AS v", Scalar::String, string("a\0b")),
        ("SELECT {{ v }}::uuid AS v", Scalar::String, string("no uuid")),
        ("SELECT {{ v }}::int4 AS v", Scalar::String, string("2147483648")),
        ("SELECT {{ v }}::int4 AS v", Scalar::String, string("1.5")),
        ("SELECT {{ v }}::numeric AS v", Scalar::String, string("1e999999999")),
        ("SELECT {{ v }}::numeric AS v", Scalar::String, string("1.2.3")),
        ("SELECT {{ v }}::numeric AS v", Scalar::String, string("")),
        ("SELECT {{ v }}::float8 AS v", Scalar::String, string("1e999")),
        ("SELECT {{ v }}::float4 AS v", Scalar::String, string("1e39")),
        ("SELECT {{ v }}::bool AS v", Scalar::String, string("maybe")),
        ("SELECT {{ v }}::date AS v", Scalar::String, string("2026-02-30")),
        ("SELECT {{ v }}::time AS v", Scalar::String, string("25:00")),
        ("SELECT {{ v }}::timestamp AS v", Scalar::String, string("soon")),
        ("SELECT {{ v }}::bytea AS v", Scalar::String, string("dead")),
        ("SELECT {{ v }}::name AS v", Scalar::String, string(&"x".repeat(64))),
        ("SELECT {{ v }}::\"char\" AS v", Scalar::String, string("ab")),
    ] {
        let failure = types.bound(sql, &[("v", ParamType::one(scalar), value)]).await.expect_err("it does not fit");
        assert_eq!((failure.kind, failure.code), (FailureKind::InvalidValue, None), "{sql}");
    }
    // What only the database knows.
    for (sql, scalar, value) in [
        ("SELECT {{ v }}::mood AS v", Scalar::String, string("glad")),
        ("SELECT {{ v }}::jsonb AS v", Scalar::String, string("{")),
        ("SELECT {{ v }}::jsonb AS v", Scalar::Json, value(Scalar::Json, "\"\\u0000\"")),
        ("SELECT {{ v }}::int2 AS v", Scalar::Integer, Value::Integer(70_000)),
        ("SELECT {{ v }}::interval AS v", Scalar::String, string("never")),
        ("SELECT {{ v }}::xml AS v", Scalar::String, string("<a>")),
    ] {
        let failure = types.bound(sql, &[("v", ParamType::one(scalar), value)]).await.expect_err("it does not fit");
        assert_eq!(failure.kind, FailureKind::InvalidValue, "{sql}");
        assert!(failure.code.is_some(), "{sql}");
    }
}
