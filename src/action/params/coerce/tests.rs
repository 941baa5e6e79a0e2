//! Every form that SPEC 4 accepts or refuses, type by type.

use proptest::prelude::*;

use super::*;

const SCALARS: [Scalar; 10] = [
    Scalar::String,
    Scalar::Integer,
    Scalar::Decimal,
    Scalar::Float,
    Scalar::Boolean,
    Scalar::Date,
    Scalar::Time,
    Scalar::Timestamp,
    Scalar::Uuid,
    Scalar::Json,
];

fn text(of: Scalar, text: &str) -> Result<Value, Reason> {
    scalar(of, &TimeZone::UTC, &Input::Text(text.into()))
}

/// Every text of a pair must become the value whose canonical text is the second one, and that text the same value.
#[track_caller]
fn accepts(of: Scalar, forms: &[(&str, &str)]) {
    for (form, canonical) in forms {
        let value = text(of, form).unwrap_or_else(|reason| panic!("{form:?}: {reason}"));
        assert_eq!(value.text().as_deref(), Some(*canonical), "{form:?}");
        assert_eq!(text(of, canonical), Ok(value), "{canonical:?}");
    }
}

#[track_caller]
fn refuses(of: Scalar, forms: &[&str]) {
    for form in forms {
        if let Ok(value) = text(of, form) {
            panic!("{form:?} became {value:?}");
        }
    }
}

#[test]
fn strings_are_taken_as_they_are() {
    accepts(Scalar::String, &[(" a\t", " a\t"), ("00123", "00123"), ("null", "null"), ("\u{0}", "\u{0}")]);
    for (input, expected) in
        [(Input::Number("1e3".into()), "1e3"), (Input::Number("1.10".into()), "1.10"), (Input::Boolean(true), "true")]
    {
        assert_eq!(scalar(Scalar::String, &TimeZone::UTC, &input), Ok(Value::Text(expected.into())));
    }
    for input in [Input::List(vec![]), Input::Object("{}".into()), Input::Null] {
        assert_eq!(scalar(Scalar::String, &TimeZone::UTC, &input), Err("expected text".into()));
    }
}

#[test]
fn integers_are_whole_numbers_of_64_bits() {
    accepts(
        Scalar::Integer,
        &[
            ("42", "42"),
            (" -42 ", "-42"),
            ("\t\r\n7\n", "7"),
            ("007", "7"),
            ("+7", "7"),
            ("-0", "0"),
            ("9223372036854775807", "9223372036854775807"),
            ("-9223372036854775808", "-9223372036854775808"),
        ],
    );
    refuses(
        Scalar::Integer,
        &[
            "12a",
            "12.0",
            "42.",
            "1e3",
            "1E3",
            "0x10",
            "1_000",
            "1,000",
            "--7",
            "+-7",
            "+",
            "-",
            "- 7",
            "٤٢",
            "\u{a0}7",
            "true",
            "9223372036854775808",
            "-9223372036854775809",
            "NaN",
        ],
    );
    for refused in ["42.0", "1e3", "1E+2"] {
        assert!(scalar(Scalar::Integer, &TimeZone::UTC, &Input::Number(refused.into())).is_err(), "{refused}");
    }
    assert_eq!(scalar(Scalar::Integer, &TimeZone::UTC, &Input::Number("-0".into())), Ok(Value::Integer(0)));
    assert!(scalar(Scalar::Integer, &TimeZone::UTC, &Input::Boolean(true)).is_err());
    assert!(text(Scalar::Integer, "9223372036854775808").is_err_and(|reason| reason.contains("9223372036854775807")));
}

#[test]
fn decimals_are_exact_and_keep_their_scale() {
    let nines = "9".repeat(38);
    let zeros = format!("{}1", "0".repeat(60));
    accepts(
        Scalar::Decimal,
        &[
            ("1.10", "1.10"),
            ("19.99", "19.99"),
            (" +007.50 ", "7.50"),
            ("-0.5", "-0.5"),
            ("0.000000001", "0.000000001"),
            ("42", "42"),
            (&nines, &nines),
            (&zeros, "1"),
            ("-0.00", "0.00"),
        ],
    );
    let fraction = format!("0.{}", "0".repeat(39));
    refuses(
        Scalar::Decimal,
        &[
            ".5",
            "5.",
            ".",
            "-",
            "+",
            "1e3",
            "1.5E2",
            "1.1.1",
            "1,5",
            "1_0",
            "NaN",
            "inf",
            "Infinity",
            "0x1",
            &"9".repeat(39),
            &fraction,
            &"9".repeat(5000),
            "１",
        ],
    );
    let exact = scalar(Scalar::Decimal, &TimeZone::UTC, &Input::Number("0.1000000000000000055511151231257827".into()));
    assert_eq!(exact.expect("a decimal").text().as_deref(), Some("0.1000000000000000055511151231257827"));
}

#[test]
fn floats_are_json_numbers_within_range() {
    accepts(
        Scalar::Float,
        &[
            ("1e3", "1000.0"),
            (" -2.5E-3 ", "-0.0025"),
            ("0", "0.0"),
            ("1e300", "1e300"),
            ("-0", "-0.0"),
            ("1e-400", "0.0"),
        ],
    );
    refuses(
        Scalar::Float,
        &[".5", "5.", "+7", "007", "NaN", "inf", "-Infinity", "1e400", "-1e400", "1e", "1e+", "0x1", "1f", "true", "-"],
    );
}

#[test]
fn booleans_have_words_in_any_case() {
    for word in ["true", "1", "yes", "y", "t", "on", "TRUE", "Yes", " oN "] {
        assert_eq!(text(Scalar::Boolean, word), Ok(Value::Boolean(true)), "{word}");
    }
    for word in ["false", "0", "no", "n", "f", "off", "FALSE", "No", "\toFF"] {
        assert_eq!(text(Scalar::Boolean, word), Ok(Value::Boolean(false)), "{word}");
    }
    refuses(Scalar::Boolean, &["2", "ja", "tru", "1.0", "01", "yesno", "-1", "null"]);
    assert_eq!(scalar(Scalar::Boolean, &TimeZone::UTC, &Input::Boolean(false)), Ok(Value::Boolean(false)));
    assert_eq!(scalar(Scalar::Boolean, &TimeZone::UTC, &Input::Number("1".into())), Ok(Value::Boolean(true)));
    assert!(scalar(Scalar::Boolean, &TimeZone::UTC, &Input::Number("1.0".into())).is_err());
}

#[test]
fn dates_are_year_month_day() {
    accepts(
        Scalar::Date,
        &[
            ("2026-11-20", "2026-11-20"),
            (" 2024-02-29 ", "2024-02-29"),
            ("0001-01-01", "0001-01-01"),
            ("9999-12-31", "9999-12-31"),
        ],
    );
    refuses(
        Scalar::Date,
        &[
            "2026-11-2",
            "2026-1-20",
            "20261120",
            "2026/11/20",
            "20.11.2026",
            "2026-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-11-31",
            "0000-01-01",
            "-001-01-01",
            "10000-01-01",
            "+002026-11-20",
            "2026-11-20T00:00:00",
            "today",
            "2026-11-20Z",
            "２０２６-11-20",
        ],
    );
    assert!(scalar(Scalar::Date, &TimeZone::UTC, &Input::Number("20261120".into())).is_err());
}

#[test]
fn times_have_minutes_and_up_to_six_digits_that_count() {
    accepts(
        Scalar::Time,
        &[
            ("14:05", "14:05:00"),
            (" 14:05:30 ", "14:05:30"),
            ("14:05:30.5", "14:05:30.500000"),
            ("00:00:00.000001", "00:00:00.000001"),
            ("23:59:59.999999", "23:59:59.999999"),
            ("14:05:30.0000000000", "14:05:30"),
        ],
    );
    refuses(
        Scalar::Time,
        &[
            "24:00",
            "24:00:00",
            "14",
            "14:5",
            "4:05",
            "14:60",
            "14:05:60",
            "14:05:30.",
            "14:05:30,5",
            "14:05:30.1234567",
            "14:05Z",
            "14:05:30+01:00",
            "2:05 pm",
            "14:05.5",
            "-1:05",
            "14:05:3",
            "14:05:30.5x",
        ],
    );
}

#[test]
fn timestamps_are_rfc_3339_or_local() {
    accepts(
        Scalar::Timestamp,
        &[
            ("2026-11-20T14:05:30Z", "2026-11-20 14:05:30"),
            ("2026-11-20t14:05:30z", "2026-11-20 14:05:30"),
            (" 2026-11-20 14:05:30 ", "2026-11-20 14:05:30"),
            ("2026-11-20 14:05:30.25+01:00", "2026-11-20 13:05:30.250000"),
            ("2026-11-20T00:05:30.0000000-23:59", "2026-11-21 00:04:30"),
            ("2026-11-20T14:05:30-00:00", "2026-11-20 14:05:30"),
            ("9999-12-31T23:59:59.999999Z", "9999-12-31 23:59:59.999999"),
            ("0001-01-01T00:00:00Z", "0001-01-01 00:00:00"),
        ],
    );
    refuses(
        Scalar::Timestamp,
        &[
            "2026-11-20",
            "2026-11-20T",
            "2026-11-20T14:05",
            "2026-11-20T14:05Z",
            "2026-11-20  14:05:30",
            "2026-11-20_14:05:30",
            "2026-11-20T14:05:30+0100",
            "2026-11-20T14:05:30+01",
            "2026-11-20T14:05:30+24:00",
            "2026-11-20T14:05:30+01:60",
            "2026-11-20T14:05:30 Z",
            "2026-11-20T14:05:30ZZ",
            "2026-11-20T24:00:00Z",
            "2026-11-20T23:59:60Z",
            "2026-11-20T14:05:30.Z",
            "2026-11-20T14:05:30.1234567Z",
            "2026-11-20T14:05:30[Europe/Berlin]",
            "1763647530",
            "2026-02-30T00:00:00Z",
            "0000-12-31T23:00:00-02:00",
            "0001-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-01:00",
            "2026-11-20é14:05:30",
        ],
    );
}

#[test]
fn local_time_is_read_in_its_zone_where_the_clock_may_skip_or_repeat_it() {
    let berlin = TimeZone::get("Europe/Berlin").expect("a zone of the bundled database");
    let read = |text: &str| {
        let value = scalar(Scalar::Timestamp, &berlin, &Input::Text(text.into()));
        value.map(|value| value.text().expect("text").into_owned()).map_err(|reason| reason.into_owned())
    };
    assert_eq!(read("2026-07-01T12:00:00").as_deref(), Ok("2026-07-01 10:00:00"));
    assert_eq!(read("2026-11-20 12:00:00").as_deref(), Ok("2026-11-20 11:00:00"));
    assert_eq!(read("2026-11-20T12:00:00Z").as_deref(), Ok("2026-11-20 12:00:00"));
    assert_eq!(read("2026-10-25T02:30:00").as_deref(), Ok("2026-10-25 00:30:00"), "the first of the two");
    assert!(read("2026-03-29T02:30:00").is_err_and(|reason| reason.contains("Europe/Berlin")));
    assert_eq!(read("2026-03-29T02:30:00+01:00").as_deref(), Ok("2026-03-29 01:30:00"));
    assert_eq!(read("9999-12-31T23:59:59").as_deref(), Ok("9999-12-31 22:59:59"));
    assert!(read("0001-01-01T00:00:00").is_err());
}

#[test]
fn uuids_have_their_usual_forms() {
    let canonical = "67e55044-10b1-426f-9247-bb680e5fe0c8";
    accepts(
        Scalar::Uuid,
        &[
            (canonical, canonical),
            ("67E5504410B1426F9247BB680E5FE0C8", canonical),
            (" {67e55044-10b1-426f-9247-bb680e5fe0c8} ", canonical),
            ("urn:uuid:67E55044-10B1-426F-9247-BB680E5FE0C8", canonical),
        ],
    );
    refuses(Scalar::Uuid, &["67e55044-10b1-426f-9247", "67e55044-10b1-426f-9247-bb680e5fe0cg", "0", "{}", "urn:uuid:"]);
}

#[test]
fn json_is_any_document_with_its_digits() {
    accepts(
        Scalar::Json,
        &[
            (" { \"a\" : [1.10, 1e3, \"x \\\" y\"] } ", r#"{"a":[1.10,1e3,"x \" y"]}"#),
            ("null", "null"),
            ("\"text\"", "\"text\""),
            ("12345678901234567890123", "12345678901234567890123"),
        ],
    );
    refuses(
        Scalar::Json,
        &[
            "text",
            "{",
            "{} {}",
            "[1,]",
            "{'a':1}",
            "01",
            "{\"a\":1,\"a\":2}",
            "\"\\ud800\"",
            "nul",
            &"[".repeat(51),
            "\u{FEFF}{}",
        ],
    );
    let list = Input::List(vec![Input::Number("1.10".into()), Input::Text("é\"".into()), Input::Null]);
    for (input, expected) in [
        (list, r#"[1.10,"é\"",null]"#),
        (Input::Object("{ \"a\" : 1.0 }".into()), r#"{"a":1.0}"#),
        (Input::Boolean(false), "false"),
        (Input::Number("1e3".into()), "1e3"),
    ] {
        assert_eq!(scalar(Scalar::Json, &TimeZone::UTC, &input), Ok(Value::Json(expected.into())));
    }
}

fn value() -> impl Strategy<Value = (Scalar, Value)> {
    let date = || (1i16..=9999, 1i8..=12, 1i8..=28).prop_map(|(y, m, d)| Date::new(y, m, d).expect("in range"));
    let time = || {
        (0i8..24, 0i8..60, 0i8..60, prop_oneof![Just(0), 0..1_000_000])
            .prop_map(|(h, m, s, micros)| Time::new(h, m, s, micros * 1_000).expect("in range"))
    };
    prop_oneof![
        any::<String>().prop_map(|text| (Scalar::String, Value::Text(text.into()))),
        any::<i64>().prop_map(|number| (Scalar::Integer, Value::Integer(number))),
        (-10i128.pow(38) + 1..10i128.pow(38), 0i64..=38).prop_filter_map("38 digits", |(number, scale)| {
            let scale = scale.min(38 - 1).min(number.unsigned_abs().to_string().len() as i64);
            Some((Scalar::Decimal, Value::Decimal(BigDecimal::new(number.into(), scale))))
        }),
        any::<f64>()
            .prop_filter("finite", |number| number.is_finite())
            .prop_map(|number| (Scalar::Float, Value::Float(number))),
        any::<bool>().prop_map(|value| (Scalar::Boolean, Value::Boolean(value))),
        date().prop_map(|date| (Scalar::Date, Value::Date(date))),
        time().prop_map(|time| (Scalar::Time, Value::Time(time))),
        (date(), time()).prop_map(|(date, time)| (Scalar::Timestamp, Value::Timestamp(date.to_datetime(time)))),
        any::<u128>().prop_map(|number| (Scalar::Uuid, Value::Uuid(uuid::Uuid::from_u128(number)))),
        any::<(String, i64)>().prop_map(|(text, number)| {
            (Scalar::Json, Value::Json(serde_json::json!({ "a": [text, number] }).to_string().into()))
        }),
    ]
}

fn near_miss() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[-+0-9.eE ]{0,45}",
        "[0-9]{4}-[01][0-9]-[0-3][0-9]",
        "[0-2][0-9]:[0-6][0-9](:[0-6][0-9](\\.[0-9]{0,8})?)?",
        "[0-9]{4}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-6][0-9]:[0-5][0-9](\\.[0-9]{1,7})?(Z|[-+][0-2][0-9]:[0-6][0-9])?",
        "[{]?[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}[}]?",
        "[\\[\\]{}\", :a0.e-]{0,30}",
    ]
}

proptest! {
    #[test]
    fn a_value_comes_back_from_its_text_and_from_its_json((of, value) in value()) {
        let canonical = value.text().expect("no list");
        let again = text(of, &canonical);
        prop_assert_eq!(again.as_ref(), Ok(&value));
        let json = value.to_json().to_string();
        let variables = format!("{{\"v\":{json}}}");
        let sent = crate::action::Variables::from_json(&variables).expect("JSON");
        prop_assert_eq!(scalar(of, &TimeZone::UTC, &sent.0[0].1), Ok(value));
    }

    #[test]
    fn any_text_is_refused_or_means_what_its_canonical_text_means(sent in near_miss()) {
        for of in SCALARS {
            if let Ok(value) = text(of, &sent) {
                let canonical = value.text().expect("no list").into_owned();
                let again = text(of, &canonical);
                prop_assert_eq!(again.as_ref(), Ok(&value));
                let again = again.expect("accepted");
                let text = again.text().map(Cow::into_owned);
                prop_assert_eq!(text, Some(canonical));
            }
        }
    }

    #[test]
    fn an_instant_is_the_same_in_every_zone_that_it_is_sent_in(
        seconds in -60_000_000_000_i64..250_000_000_000, zone in prop::sample::select(vec!["Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu"]),
    ) {
        let instant = jiff::Timestamp::from_second(seconds).expect("in range");
        let zone = TimeZone::get(zone).expect("a zone");
        let local = zone.to_datetime(instant);
        let offset = zone.to_offset(instant);
        let expected = TimeZone::UTC.to_datetime(instant);
        let read = scalar(Scalar::Timestamp, &zone, &Input::Text(local.to_string().into())).expect("it exists");
        let Value::Timestamp(read) = read else { panic!("a timestamp") };
        // In autumn the first of two instants is taken, so the one sent may be the second.
        let first = zone.to_ambiguous_timestamp(local).earlier().expect("it exists");
        prop_assert!(read == expected || first != instant);
        if offset.seconds() % 60 == 0 {
            let sent = format!("{local}{}", jiff::fmt::strtime::format("%:z", &instant.to_zoned(zone)).expect("an offset"));
            prop_assert_eq!(text(Scalar::Timestamp, &sent), Ok(Value::Timestamp(expected)));
        }
    }
}
