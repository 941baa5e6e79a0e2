//! Calls of [`Params`] with declarations as an author writes them and bodies as a caller sends them.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    spec::ParamSpec,
    yaml::{
        self,
        read::{Entries, FromNode},
    },
};

/// Parameters of a YAML map, and what is wrong with it: rule, place and message.
fn compiled(source: &str) -> (Params, Vec<String>) {
    let (document, mut out) = yaml::parse(source);
    let spec = Entries::<ParamSpec>::from_node(&document.expect("YAML").root, &mut out).expect("a map");
    let params = Params::compile(&spec, &TimeZone::UTC, &mut out);
    let found = out.iter().map(|d| format!("{} `{}` {}", d.rule.name, &source[d.span.range()], d.message));
    (params, found.collect())
}

/// Parameters of a YAML map without fault.
#[track_caller]
pub(super) fn params(source: &str) -> Params {
    let (params, found) = compiled(source);
    assert_eq!(found, [""; 0]);
    params
}

/// The canonical texts of the values, `-` for undefined, or the messages of what is wrong.
fn decode(params: &Params, body: &str) -> Result<Vec<String>, Vec<String>> {
    let (variables, _) = Variables::from_body(body).expect("a body");
    let show = |value: &Option<Value>| value.as_ref().map_or("-".into(), |value| value.to_json().to_string());
    match params.decode(&variables, false) {
        Ok(values) => Ok(values.iter().map(show).collect()),
        Err(bad) => Err(bad.iter().map(BadParam::message).collect()),
    }
}

/// One parameter `p` of this declaration, and what is sent for it as JSON.
#[track_caller]
fn one(declaration: &str, sent: &str) -> Result<String, String> {
    let params = params(&format!("p: {declaration}"));
    match decode(&params, &format!("{{\"p\":{sent}}}")) {
        Ok(values) => Ok(values.concat()),
        Err(messages) => Err(messages.join("; ")),
    }
}

const ALL_TYPES: [&str; 17] = [
    "string",
    "integer",
    "decimal",
    "float",
    "boolean",
    "date",
    "time",
    "timestamp",
    "uuid",
    "json",
    "text",
    "long",
    "double",
    "datetime",
    "currency",
    "percent",
    "integer[]",
];

#[test]
fn blank_text_and_null_mean_not_sent_for_every_type() {
    for ty in ALL_TYPES {
        for sent in [r#""""#, r#"" \t\r\n ""#, "null"] {
            assert_eq!(one(&format!("{{ type: \"{ty}\", required: false }}"), sent).as_deref(), Ok("-"), "{ty} {sent}");
            let missing = one(&format!("{{ type: \"{ty}\" }}"), sent).expect_err("required");
            assert!(missing.ends_with(", but it was not sent"), "{missing}");
        }
        let nullable = format!("{{ type: \"{ty}\", nullable: true }}");
        assert_eq!(one(&nullable, "null").as_deref(), Ok("null"), "{ty}");
        assert!(one(&nullable, r#""""#).is_err(), "{ty}: text is not null");
    }
    assert_eq!(one("{ type: integer, default: 7 }", r#"" ""#).as_deref(), Ok("7"));
    assert_eq!(one("{ type: integer, default: 7, nullable: true }", "null").as_deref(), Ok("null"));
    assert_eq!(one("{ type: integer, default: ~, nullable: true }", r#""""#).as_deref(), Ok("null"));
    let choice = "{ type: choice, default: a, choices: { a: x } }";
    assert_eq!(one(choice, r#"" ""#).as_deref(), Ok("\"a\""));
    assert_eq!(one(choice, "null").as_deref(), Ok("\"a\""));
}

#[test]
fn text_that_may_be_empty_is_taken_as_it_is() {
    let declaration = "{ type: string, allow_empty: true }";
    assert_eq!(one(declaration, r#""""#).as_deref(), Ok(r#""""#));
    assert_eq!(one(declaration, r#"" ""#).as_deref(), Ok(r#"" ""#));
    assert!(one(declaration, "null").is_err());
}

#[test]
fn lists_come_as_arrays_or_as_text_with_commas() {
    let ids = "{ type: \"integer[]\", max_items: 3 }";
    for sent in ["[1,2,3]", r#"["1"," 2","+3"]"#, r#""1, 2\t,3""#] {
        assert_eq!(one(ids, sent).as_deref(), Ok("[1,2,3]"), "{sent}");
    }
    assert_eq!(one(ids, "[]").as_deref(), Ok("[]"));
    assert_eq!(one(ids, "7").as_deref(), Ok("[7]"));
    assert_eq!(one("\"string[]\"", r#""a b , c""#).as_deref(), Ok(r#"["a b","c"]"#));
    assert_eq!(one("\"string[]\"", r#"[" a, b ", 1.10, true]"#).as_deref(), Ok(r#"[" a, b ","1.10","true"]"#));
    assert_eq!(one("\"boolean[]\"", "[true,\"no\",1]").as_deref(), Ok("[true,false,true]"));
    for (sent, expected) in [
        ("[1,\"x\"]", "p: element 2: expected an integer, got \"x\""),
        ("\"1,,2\"", "p: element 2: expected an integer, got \"\""),
        ("\"1,\"", "p: element 2: expected an integer, got \"\""),
        ("[null]", "p: element 1: expected an integer, got \"null\""),
        ("[\" \"]", "p: element 1: expected an integer, got \" \""),
        ("[[1]]", "p: element 1: expected an integer, got \"[1]\""),
        ("{\"a\": 1}", "p: expected a list, got \"{\"a\":1}\""),
        ("[1,2,3,4]", "p: expected at most 3 elements, got \"[1,2,3,4]\""),
        ("\"1,2,3,4\"", "p: expected at most 3 elements, got \"1,2,3,4\""),
    ] {
        assert_eq!(one(ids, sent), Err(expected.into()), "{sent}");
    }
    let hundred = |items: usize| format!("\"{}\"", vec!["1"; items].join(","));
    assert!(one("\"integer[]\"", &hundred(100)).is_ok());
    assert!(one("\"integer[]\"", &hundred(101)).is_err());
    assert_eq!(
        one("{ type: \"integer[]\", min_items: 2 }", "[1]"),
        Err("p: expected at least 2 elements, got \"[1]\"".into())
    );
    assert!(one("integer", "[1]").is_err());
    assert!(one("integer", "{}").is_err());
}

#[test]
fn repeated_fields_are_elements_as_they_are() {
    let pairs = [("tags", "a,b"), ("tags", " c ")].map(|(name, value)| (name.into(), value.into()));
    let params = params("tags: \"string[]\"");
    let values = params.decode(&Variables::from_pairs(pairs), false).expect("fits");
    assert_eq!(values[0].as_ref().map(Value::to_json), Some(json!(["a,b", " c "])));
}

#[test]
fn choices_are_words_of_the_author() {
    let order = "{ type: choice, choices: { newest: created_at DESC, 1: name } }";
    assert_eq!(one(order, "\" newest \"").as_deref(), Ok("\"newest\""));
    assert_eq!(one(order, "1").as_deref(), Ok("\"1\""));
    for sent in ["\"Newest\"", "\"created_at DESC\"", "\"newest;--\"", "2", "[]"] {
        assert!(
            one(order, sent).is_err_and(|message| message.starts_with("p: expected one of newest, 1, got ")),
            "{sent}"
        );
    }
    assert_eq!(one(order, "\"\""), Err("p: expected one of newest, 1, but it was not sent".into()));
}

#[test]
fn restrictions_hold_for_values_and_for_each_element() {
    for (declaration, fits, other, reason) in [
        ("{ type: integer, min: 1, max: 9 }", "1", "0", "expected at least 1"),
        ("{ type: integer, min: 1, max: 9 }", "\"9\"", "10", "expected at most 9"),
        ("{ type: decimal, max: 1.10 }", "1.1000", "1.1001", "expected at most 1.10"),
        ("{ type: float, min: -1e3 }", "-1000", "-1000.5", "expected at least -1000.0"),
        ("{ type: date, min: 2026-01-01 }", "\"2026-01-01\"", "\"2025-12-31\"", "expected at least 2026-01-01"),
        ("{ type: time, max: '12:00' }", "\"12:00:00\"", "\"12:00:01\"", "expected at most 12:00:00"),
        (
            "{ type: timestamp, max: '2026-01-01T00:00:00Z' }",
            "\"2026-01-01T01:00:00+01:00\"",
            "\"2026-01-01T00:00:01Z\"",
            "expected at most 2026-01-01 00:00:00",
        ),
        ("{ type: string, min_length: 2 }", "\"éé\"", "\"é\"", "expected at least 2 characters"),
        ("{ type: string, max_length: 1 }", "\"é\"", "\"éé\"", "expected at most 1 character"),
        ("{ type: string, pattern: 'a|ab' }", "\"ab\"", "\"abc\"", "expected text that matches a|ab"),
        ("{ type: string, pattern: '(?x) a # b' }", "\"a\"", "\"ab\"", "expected text that matches (?x) a # b"),
        ("{ type: string, pattern: '^a$' }", "\"a\"", "\"a\\n\"", "expected text that matches ^a$"),
        ("{ type: string, enum: [a, b] }", "\"b\"", "\" b\"", "expected one of a, b"),
        ("{ type: decimal, enum: [1.10] }", "\"1.1\"", "\"1.2\"", "expected one of 1.10"),
        ("{ type: 'integer[]', max: 9 }", "[9]", "[1,10]", "element 2: expected at most 9"),
        (
            "{ type: 'string[]', pattern: '[a-z]+' }",
            "\"a, b\"",
            "\"a,B\"",
            "element 2: expected text that matches [a-z]+",
        ),
    ] {
        assert!(one(declaration, fits).is_ok(), "{declaration} {fits}");
        let message = one(declaration, other).expect_err(declaration);
        assert!(message.starts_with(&format!("p: {reason}, got ")), "{declaration}: {message}");
    }
}

#[test]
fn all_bad_parameters_are_reported_in_the_order_of_the_file_and_unknown_ones_as_sent() {
    let params = params("a: integer\nsearch_term: { type: string, required: false }\nb: integer\nc: date\n");
    let sent = r#"{"zzz":"secret","c":"x","serach_term":"y","a":"12a"}"#;
    assert_eq!(
        decode(&params, sent).expect_err("bad"),
        [
            "a: expected an integer, got \"12a\"",
            "b: expected an integer, but it was not sent",
            "c: expected a date such as 2026-11-20, got \"x\"",
            "zzz: not a parameter of this action",
            "serach_term: not a parameter of this action; did you mean search_term?",
        ]
    );
    let (variables, _) = Variables::from_body(sent).expect("a body");
    let bad = params.decode(&variables, true).expect_err("bad");
    let codes: Vec<_> = bad.iter().map(|bad| (bad.code, bad.parameter.as_str(), bad.got.as_deref())).collect();
    assert_eq!(
        codes,
        [
            ("invalid_parameter", "a", Some("12a")),
            ("missing_parameter", "b", None),
            ("invalid_parameter", "c", Some("x"))
        ]
    );
    let (variables, _) = Variables::from_body(r#"{"a":1,"b":2,"c":"2026-11-20","zzz":1}"#).expect("a body");
    assert!(params.decode(&variables, true).is_ok());
    assert_eq!(params.decode(&variables, false).expect_err("unknown")[0].code, "unknown_parameter");
}

#[test]
fn what_is_reported_is_cut() {
    let params = params("a: integer\n");
    let long = "é".repeat(1_000);
    let many: Vec<String> = (0..300).map(|at| format!("\"{long}{at}\":1")).collect();
    let body = format!("{{{},\"a\":\"{long}\"}}", many.join(","));
    let (variables, _) = Variables::from_body(&body).expect("a body");
    let bad = params.decode(&variables, false).expect_err("bad");
    assert_eq!(bad.len(), 100);
    assert_eq!((bad[0].parameter.as_str(), bad[0].got.as_deref()), ("a", Some("é".repeat(100).as_str())));
    assert!(bad.iter().all(|bad| bad.parameter.chars().count() <= 100));
    let many: String = (0..150).map(|at| format!("p{at}: integer\n")).collect();
    assert_eq!(decode(&self::params(&many), "{}").expect_err("missing").len(), 100);
}

#[test]
fn many_parameters_are_found_by_name() {
    let many: String = (0..50).map(|at| format!("p{at}: {{ type: integer, required: false }}\n")).collect();
    let values = decode(&params(&many), r#"{"p49":1,"p7":2}"#).expect("fits");
    assert_eq!((values[49].as_str(), values[7].as_str(), values[8].as_str()), ("1", "2", "-"));
}

#[test]
fn sensitive_values_are_masked_wherever_they_are_shown() {
    let params =
        params("pin: { type: integer, sensitive: true, max: 9999 }\nname: { type: string, required: false }\n");
    for sent in ["\"12x4\"", "99999", "[1234]"] {
        let body = format!("{{\"pin\":{sent},\"pni\":\"1234\"}}");
        let messages = decode(&params, &body).expect_err("bad").join(" ");
        assert!(
            messages.contains("got \"***\"") && !messages.contains("12") && !messages.contains("99999"),
            "{messages}"
        );
    }
    let body = r#"{"pin":"1234","name":"Ada","pni":"1234"}"#;
    let (variables, _) = Variables::from_body(body).expect("a body");
    assert_eq!(params.show_variables(&variables), json!({ "pin": "***", "name": "Ada", "pni": "***" }));
}

#[test]
fn values_are_shown_as_they_are_bound() {
    let source = "i: integer\nd: decimal\nf: float\nb: boolean\nt: timestamp\nj: json\nl: \"date[]\"\n";
    let body = r#"{"i":42,"d":"1.10","f":1.5,"b":"on","t":"2026-11-20T09:00:00.5+01:00","j":{"a":1},"l":"2026-11-20"}"#;
    let params = params(source);
    let (variables, _) = Variables::from_body(body).expect("a body");
    let values = params.decode(&variables, false).expect("fits");
    let shown: Json = values.into_iter().flatten().map(|value| value.to_json()).collect();
    assert_eq!(shown, json!([42, "1.10", 1.5, true, "2026-11-20 08:00:00.500000", { "a": 1 }, ["2026-11-20"]]));
}

#[test]
fn a_timestamp_without_zone_is_read_in_the_parameters_zone_else_in_the_servers() {
    let source = "a: { type: timestamp, zone: Europe/Berlin }\nb: timestamp\n";
    let (document, mut out) = yaml::parse(source);
    let spec = Entries::<ParamSpec>::from_node(&document.expect("YAML").root, &mut out).expect("a map");
    let tokyo = TimeZone::get("Asia/Tokyo").expect("a zone");
    let params = Params::compile(&spec, &tokyo, &mut out);
    assert!(out.is_empty(), "{out:?}");
    let sent = r#"{"a":"2026-07-01 12:00:00","b":"2026-07-01 12:00:00"}"#;
    assert_eq!(decode(&params, sent).expect("fits"), ["\"2026-07-01 10:00:00\"", "\"2026-07-01 03:00:00\""]);
}

#[test]
fn everything_wrong_in_a_declaration_is_reported_at_its_place() {
    for (source, expected) in [
        ("loop: integer", "bad-parameter-name `loop` `loop` has a meaning of its own and cannot name a parameter"),
        ("idempotency_key: string", "bad-parameter-name `idempotency_key` "),
        ("customer-id: integer", "bad-parameter-name `customer-id` `customer-id` is no name for a parameter"),
        ("_a: integer", "bad-parameter-name `_a` "),
        ("é: integer", "bad-parameter-name `é` "),
        ("\"\": integer", "bad-parameter-name `\"\"` "),
        (
            "p: { type: integer, required: true, default: 1 }",
            "misused-key `true` a parameter with `default` is never required",
        ),
        ("p: { type: integer, pattern: a }", "misused-key `a` `pattern` does not apply to the type integer"),
        ("p: { type: integer, zone: UTC }", "misused-key `UTC` "),
        ("p: { type: integer, choices: { a: b } }", "misused-key `{ a: b }` "),
        ("p: { type: integer, min_items: 1 }", "misused-key `1` "),
        ("p: { type: 'string[]', allow_empty: true }", "misused-key `true` "),
        ("p: { type: boolean, min: true }", "misused-key `true` "),
        ("p: { type: json, enum: ['1'] }", "misused-key `['1']` "),
        ("p: { type: uuid, max_length: 4 }", "misused-key `4` "),
        ("p: { type: choice, choices: { a: b }, nullable: true }", "misused-key `true` "),
        ("p: choice", "bad-choice `choice` a choice without choices allows no value"),
        ("p: { type: choice, choices: {} }", "bad-choice `{}` "),
        (
            "p: { type: choice, required: false, choices: { a: b } }",
            "bad-choice `false` a choice is required or has a default",
        ),
        ("p: { type: choice, choices: { ' ': b } }", "bad-choice `' '` "),
        ("p: { type: choice, choices: { 'a ': b } }", "bad-choice `'a '` "),
        ("p: { type: integer, min: 2, max: 1 }", "empty-range `2` `min` 2 is above `max` 1: no value fits"),
        ("p: { type: string, min_length: 2, max_length: 1 }", "empty-range `2` `min_length` 2 is above `max_length` 1"),
        ("p: { type: 'date[]', min_items: 101 }", "empty-range `101` `min_items` 101 is above `max_items` 100"),
        ("p: { type: string, pattern: 'a(' }", "invalid-pattern `'a('` not a regular expression: unclosed group"),
        ("p: { type: string, pattern: 'a)(b' }", "invalid-pattern `'a)(b'` "),
        ("p: { type: string, pattern: '(?=a)' }", "invalid-pattern `'(?=a)'` "),
        ("p: { type: string, pattern: '\\pL{1000}{1000}' }", "invalid-pattern "),
        ("p: { type: timestamp, zone: Europe/Berln }", "unknown-zone `Europe/Berln` "),
        ("p: { type: timestamp, zone: CEST }", "unknown-zone `CEST` "),
        (
            "p: { type: integer, default: 12a }",
            "mismatched-value `12a` `default` of `p`: expected an integer, got \"12a\"",
        ),
        ("p: { type: integer, default: }", "mismatched-value `` `default` of `p`: expected an integer, but this means"),
        ("p: { type: string, default: '' }", "mismatched-value `''` "),
        (
            "p: { type: integer, max: 5, default: 6 }",
            "mismatched-value `6` `default` of `p`: expected at most 5, got \"6\"",
        ),
        (
            "p: { type: integer, example: 1.0 }",
            "mismatched-value `1.0` `example` of `p`: expected an integer, got \"1.0\"",
        ),
        ("p: { type: integer, min: x }", "mismatched-value `x` `min` of `p`: expected an integer, got \"x\""),
        ("p: { type: date, enum: [2026-02-30] }", "mismatched-value `2026-02-30` `enum` of `p`: expected a date"),
        (
            "p: { type: choice, default: c, choices: { a: b } }",
            "mismatched-value `c` `default` of `p`: expected one of a, got",
        ),
        (
            "p: { type: 'integer[]', default: [1, x] }",
            "mismatched-value `[1, x]` `default` of `p`: element 2: expected",
        ),
        ("p: { type: integer, enum: [] }", "bad-value `[]` an empty `enum` allows no value"),
        ("p: { type: string, default: 00123 }", "ambiguous-scalar `00123` "),
        ("p: { type: 'string[]', example: [a, 007] }", "ambiguous-scalar `007` "),
    ] {
        let (_, found) = compiled(source);
        assert_eq!(found.len(), 1, "{source}: {found:#?}");
        assert!(found[0].starts_with(expected), "{source}: {found:#?}");
    }
}

#[test]
fn good_declarations_have_no_fault() {
    params("a: { type: string, default: '00123' }\nb: { type: string, default: 1.10 }\nc: { type: decimal, min: 0 }\n");
    params(
        "d: { type: 'integer[]', default: '1, 2', example: [3] }\ne: { type: json, default: { a: [1] }, nullable: true }\n",
    );
    params("f: { type: choice, default: 1, choices: { 1: a, b: '' } }\ng: { type: timestamp, zone: europe/berlin }\n");
    params(
        "h: { type: 'timestamp[]', zone: UTC }\ni: { type: integer, enum: [1, '2'], default: 2, required: false }\n",
    );
}

#[test]
fn templates_also_see_parameters_whose_type_is_unreadable() {
    let (params, found) =
        compiled("a: intger\nb: { type: integer, required: false }\nc: { type: choice, choices: { x: y } }\n");
    assert_eq!(found.len(), 1);
    let seen: Vec<_> = params
        .for_templates()
        .iter()
        .map(|param| (param.name.as_str(), param.ty.map(|ty| ty.to_string()), param.optional, param.choices.len()))
        .collect();
    assert_eq!(
        seen,
        [("a", None, false, 0), ("b", Some("integer".into()), true, 0), ("c", Some("choice".into()), false, 1)]
    );
}

#[test]
fn a_number_that_stands_for_text_in_a_test_is_a_warning() {
    let params = params("id: integer\nno: { type: string, required: false }\n");
    let source = "id: 007\nno: 007\nother: 007\n";
    let (document, mut out) = yaml::parse(source);
    let variables = FromNode::from_node(&document.expect("YAML").root, &mut out).expect("a map");
    params.check_scalars(&variables, &mut out);
    let found: Vec<_> = out.iter().map(|d| (d.rule.name, d.span.range())).collect();
    assert_eq!(found, [("ambiguous-scalar", 12..15)]);
}

proptest! {
    #[test]
    fn whatever_is_sent_is_decoded_or_refused(
        members in prop::collection::vec(("[a-z]{1,2}", any::<String>(), 0..4), 0..8), extra in any::<bool>(),
    ) {
        let params = params("a: integer\nb: 'string[]'\nc: { type: json, nullable: true }\nd: { type: date, required: false }\n");
        let sent = members.iter().map(|(name, text, form)| {
            let text = text.as_str();
            let input = match form {
                0 => Input::Text(text.into()),
                1 => Input::Object(json!({ "k": text }).to_string().into()),
                2 => Input::List(vec![Input::Text(text.into()), Input::Null]),
                _ => Input::Number("1".into()),
            };
            (name.as_str().into(), input)
        });
        let variables = Variables(sent.collect());
        match params.decode(&variables, extra) {
            Ok(values) => prop_assert_eq!(values.len(), 4),
            Err(bad) => {
                prop_assert!(!bad.is_empty() && bad.len() <= 100);
                prop_assert!(!extra || bad.iter().all(|bad| bad.code != "unknown_parameter"));
            }
        }
    }
}
