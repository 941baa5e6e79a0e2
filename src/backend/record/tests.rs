//! `options` of a write in, diagnostics or the records of calls out.

use bigdecimal::BigDecimal;
use jiff::{civil::date, tz::TimeZone};
use proptest::prelude::*;

use super::*;
use crate::{
    template::{Param, Refusal},
    value::{ParamType, Scalar, Value},
    yaml,
};

fn param(name: &str, scalar: Scalar) -> Param {
    let (name, list) = name.strip_suffix("[]").map_or((name, false), |name| (name, true));
    let (name, optional) = name.strip_suffix('?').map_or((name, false), |name| (name, true));
    let ty = Some(ParamType { scalar, list });
    Param { name: name.into(), ty, optional, nullable: false, choices: Vec::new(), zone: TimeZone::UTC }
}

fn params() -> Vec<Param> {
    vec![
        param("id", Scalar::String),
        param("subject", Scalar::String),
        param("note?", Scalar::String),
        param("tags[]", Scalar::String),
        param("amount", Scalar::Decimal),
        param("doc", Scalar::Json),
        param("at", Scalar::Timestamp),
    ]
}

/// The template of some options, and what is wrong with them: rule, place and help.
fn compile(options: &str) -> (Option<RecordTemplate>, Vec<String>) {
    let (document, mut out) = yaml::parse(options);
    let template = RecordTemplate::compile(&document.expect("YAML").root, &params(), &mut out);
    let help = |d: &Diagnostic| d.help.clone().unwrap_or_default();
    (template, out.iter().map(|d| format!("{} `{}`: {}", d.rule.name, &options[d.span.range()], help(d))).collect())
}

/// The rules that options break, each with its place.
#[track_caller]
fn check(options: &str, expected: &[&str]) {
    let (template, found) = compile(options);
    assert_eq!(template.is_some(), found.is_empty(), "{options}: {found:?}");
    assert_eq!(found.len(), expected.len(), "{options}: {found:?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{options}: {found}, not {expected}");
    }
}

fn decide(options: &str, sent: &[(&str, Value)]) -> Result<RecordWrite, Refusal> {
    let (template, found) = compile(options);
    let sent = |param: &Param| sent.iter().find(|(name, _)| *name == param.name).map(|(_, value)| value.clone());
    let values: Vec<Option<Value>> = params().iter().map(sent).collect();
    template.unwrap_or_else(|| panic!("{options}: {found:?}")).decide(&values)
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

#[test]
fn a_create_writes_constants_and_parameters_by_their_type() {
    let options = r#"
        operation: create
        object: Case
        fields: { Origin: Phone, Priority__c: 3, Rate__c: 1.10, Urgent__c: true, Parent__c: null, Subject: "{{ subject | upper }}",
                  Note__c: "{{ note }}", Topics__c: "{{ tags }}", Amount__c: "{{ amount }}", At__c: "{{ at }}" }
    "#;
    let amount = "12345678901234567890.10".parse::<BigDecimal>().expect("a number");
    let sent = [
        ("subject", text("no \"signal\"")),
        ("tags", Value::List([text("a"), text("b c")].into())),
        ("amount", Value::Decimal(amount)),
        ("at", Value::Timestamp(date(2026, 12, 1).at(10, 30, 0, 250_000_000))),
    ];
    let record = decide(options, &sent).expect("a record");
    let expected = r#"{"operation":"create","object":"Case","id":null,"fields":{"Origin":"Phone","Priority__c":3,"Rate__c":1.10,"Urgent__c":true,"Parent__c":null,"Subject":"NO \"SIGNAL\"","Topics__c":"a;b c","Amount__c":12345678901234567890.10,"At__c":"2026-12-01T10:30:00.250Z"}}"#;
    assert_eq!(record.shown(|_| false).to_string(), expected);
    assert_eq!(record.body().len(), 9);
    let masked = record.shown(|params| params.contains(&1));
    assert_eq!((&masked["fields"]["Subject"], &masked["fields"]["Origin"]), (&json!("***"), &json!("Phone")));
}

#[test]
fn an_update_and_an_upsert_name_their_record() {
    let update = decide(
        r#"{ operation: update, object: Case, id: "{{ id }}", fields: { Status: Closed } }"#,
        &[("id", text("500/.."))],
    );
    let shown = json!({ "operation": "update", "object": "Case", "id": "500/..", "fields": { "Status": "Closed" } });
    assert_eq!(update.expect("a record").shown(|_| false), shown);
    let upsert = r#"{ operation: upsert, object: Case, external_id: { Call__c: "{{ 'c-' ~ id }}" }, fields: {} }"#;
    let upsert = decide(upsert, &[("id", text("7"))]).expect("a record");
    assert_eq!(upsert.shown(|_| false)["id"], json!({ "Call__c": "c-7" }));
    assert_eq!(upsert.shown(|params| !params.is_empty())["id"], json!({ "Call__c": "***" }));
    assert_eq!(upsert.param_of(["call__C"].into_iter()), Some(0));
}

#[test]
fn a_write_of_nothing_is_refused() {
    let options =
        |operation: &str| format!(r#"{{ operation: {operation}, fields: {{ Subject: "{{{{ subject }}}}" }} }}"#);
    let update = options(r#"update, object: Case, id: "{{ id }}""#);
    for options in [update, options("create, object: Case")] {
        let refused = decide(&options, &[("id", text("500A"))]);
        assert!(matches!(refused, Err(Refusal::Value { param: None, .. })), "{options}: {refused:?}");
        decide(&options, &[("id", text("500A")), ("subject", text("x"))]).expect("a record");
    }
}

#[test]
fn a_key_that_is_no_segment_of_an_address_is_refused() {
    let check = |id: &str| {
        let refused = decide(
            r#"{ operation: update, object: Case, id: "{{ id }}", fields: { Status: x } }"#,
            &[("id", text(id))],
        );
        assert!(matches!(refused, Err(Refusal::Value { param: Some(0), .. })), "{id}: {refused:?}");
    };
    ["", ".", "..", &"é".repeat(256)].into_iter().for_each(check);
}

#[test]
fn what_a_field_cannot_hold_is_refused_and_nothing_is_altered() {
    let check = |options: &str, name: &str, value: Value, expected: usize| {
        let refused =
            decide(&format!("{{ operation: create, object: A, fields: {{ F: \"{options}\" }} }}"), &[(name, value)]);
        assert!(matches!(refused, Err(Refusal::Value { param: Some(param), .. }) if param == expected), "{refused:?}");
    };
    check("{{ tags }}", "tags", Value::List([text("a"), text("b;c")].into()), 3);
    check("{{ at }}", "at", Value::Timestamp(date(2026, 12, 1).at(10, 30, 0, 1_000)), 6);
    check("{{ at }}", "at", Value::Timestamp(date(9999, 12, 31).at(0, 0, 0, 0)), 6);
}

#[test]
fn an_empty_list_is_null_and_null_stays_null() {
    let options = r#"{ operation: create, object: A, fields: { F: "{{ tags }}", G: "{{ subject }}" } }"#;
    let record = decide(options, &[("tags", Value::List([].into())), ("subject", Value::Null)]).expect("a record");
    assert_eq!(Json::Object(record.body()), json!({ "F": null, "G": null }));
}

#[test]
fn the_parameter_of_a_field_is_told_where_it_is_one() {
    let options = r#"{ operation: create, object: A, fields: { F: "{{ subject }}", G: x, H: "{{ subject ~ id }}" } }"#;
    let record = decide(options, &[("subject", text("s")), ("id", text("i"))]).expect("a record");
    for (names, expected) in
        [(&["f"][..], Some(1)), (&["G"], None), (&["H"], None), (&["Other", "F"], Some(1)), (&[], None)]
    {
        assert_eq!(record.param_of(names.iter().copied()), expected, "{names:?}");
    }
}

#[test]
fn keys_that_do_not_go_with_the_operation_are_errors_at_their_place() {
    let fields = "object: Case\nfields: { Status: x }\n";
    check(&format!("operation: create\n{fields}"), &[]);
    check(&format!("operation: create\nid: x\n{fields}"), &["record-key `id`: write `operation: update`"]);
    check(
        &format!("operation: create\nexternal_id: {{ A: x }}\n{fields}"),
        &["record-key `external_id`: write `operation: upsert`"],
    );
    check(&format!("operation: update\n{fields}"), &["record-key `update`: add the record's `id`"]);
    check(
        &format!("operation: update\nexternal_id: {{ A: x }}\n{fields}"),
        &["record-key `external_id`: write `operation: upsert`"],
    );
    check(&format!("operation: update\nid: x\nexternal_id: {{ A: x }}\n{fields}"), &["record-key `external_id`"]);
    check(&format!("operation: upsert\n{fields}"), &["record-key `upsert`: add the field"]);
    check(&format!("operation: upsert\nid: x\n{fields}"), &["record-key `id`: write `operation: update`"]);
    check(&format!("operation: upsert\nexternal_id: {{}}\n{fields}"), &["record-key `{}`"]);
    check(&format!("operation: upsert\nexternal_id: {{ A: x, B: y }}\n{fields}"), &["record-key `{ A: x, B: y }`"]);
    check(&format!("operation: delete\nid: x\n{fields}"), &["bad-value `delete`"]);
    check(&format!("operation: updat\nid: x\n{fields}"), &["bad-value `updat`: did you mean `update`?"]);
    check(&format!("id: x\nexternal_id: {{ A: x }}\n{fields}"), &["missing-key ``", "record-key `external_id`"]);
    check(&format!("operation: update\nID: x\n{fields}"), &["unknown-key `ID`: did you mean `id`?"]);
    check("operation: create\nobject: Case\n", &["missing-key ``"]);
}

#[test]
fn values_of_keys_are_text_or_numbers_that_are_always_sent() {
    let check_id = |id: &str, expected: &[&str]| {
        check(&format!("operation: update\nobject: A\nid: {id}\nfields: {{ F: x }}\n"), expected)
    };
    check_id("500", &[]);
    check_id("a0B", &[]);
    check_id("'..'", &["record-key `'..'`"]);
    check_id("''", &["record-key `''`"]);
    check_id("true", &["record-key `true`"]);
    check_id("'{{ note }}'", &["possibly-undefined `'{{ note }}'`"]);
    check_id("'{{ note | default(id) }}'", &[]);
    check_id("'{{ tags }}'", &["record-key `'{{ tags }}'`"]);
    check_id("'{{ at }}'", &["record-key `'{{ at }}'`"]);
    check_id("{ a: b }", &["record-field `{ a: b }`"]);
}

#[test]
fn names_and_values_of_fields_are_checked() {
    let check_field = |field: &str, expected: &[&str]| {
        check(&format!("operation: create\nobject: A\nfields:\n  {field}\n"), expected)
    };
    check_field("Call_Id__c: x", &[]);
    check_field("Account.Name: x", &["record-field `Account.Name`: write that record's id"]);
    check_field("my field: x", &["record-field `my field`: such as"]);
    check_field("_F: x", &["record-field `_F`"]);
    check_field("Id: x", &["record-field `Id`"]);
    check_field("attributes: x", &["record-field `attributes`"]);
    check_field("F: x\n  f: y", &["record-field `f`: keep one"]);
    check_field(
        "F: Call of {{ subject }}",
        &["record-field `Call of {{ subject }}`: write `{{ 'Call of ' ~ subject }}`"],
    );
    check_field("F: '{{ doc }}'", &["record-field `'{{ doc }}'`: declare"]);
    check_field("F: '{{ subjct }}'", &["unknown-parameter `subjct`: did you mean `subject`?"]);
    check_field("F: [a, b]", &["record-field `[a, b]`: write several values"]);
    check_field("F: { Ext__c: x }", &["record-field `{ Ext__c: x }`"]);
    check_field("F: 1e3", &["record-field `1e3`: write its digits"]);
    check("operation: create\nobject: My Object\nfields: { F: x }\n", &["bad-value `My Object`"]);
    check("operation: create\nobject: A\nfields: {}\n", &["record-field `{}`"]);
    check("operation: upsert\nobject: A\nexternal_id: { F: x }\nfields: { f: y }\n", &["record-field `f`: remove it"]);
    let (template, found) = compile("operation: create\nobject: A\nfields: { Phone: 0049123 }\n");
    assert!(
        template.is_some() && found == ["ambiguous-scalar `0049123`: write \"0049123\" if these digits are meant"],
        "{found:?}"
    );
}

const PIECES: &[&str] = &[
    "operation: ",
    "object: ",
    "id: ",
    "external_id: ",
    "fields: ",
    "create",
    "update",
    "upsert",
    "Case",
    "{ ",
    " }",
    ", ",
    ": ",
    "F",
    "A.b",
    "[",
    "]",
    "'{{ id }}'",
    "'{{ id'",
    "'{{ note ~ tags }}'",
    "'{% if x %}'",
    "'{{ doc | upper }}'",
    "x",
    "1e9",
    "007",
    "null",
    "é",
    "'",
    "\n",
    "  ",
];

proptest! {
    #[test]
    fn no_options_make_it_panic(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..30)) {
        let text = pieces.concat();
        let (Some(document), mut out) = yaml::parse(&text) else { return Ok(()) };
        let template = RecordTemplate::compile(&document.root, &params(), &mut out);
        prop_assert!(template.is_some() || !out.is_empty());
        for found in out {
            prop_assert!(text.get(found.span.range()).is_some(), "{found:?}");
        }
    }

    #[test]
    fn numbers_and_texts_are_written_exactly(
        integer in any::<i64>(),
        digits in "-?(0|[1-9][0-9]{0,20})\\.[0-9]{1,17}",
        word in any::<String>(),
        float in any::<f64>().prop_filter("finite", |float| float.is_finite()),
    ) {
        let write = |value: Value| serde_json::to_string(&value::json(&value).expect("a value")).expect("JSON");
        prop_assert_eq!(write(Value::Integer(integer)), integer.to_string());
        let decimal: BigDecimal = digits.parse().expect("a number");
        prop_assert_eq!(write(Value::Decimal(decimal.clone())), decimal.to_plain_string());
        prop_assert_eq!(serde_json::from_str::<String>(&write(text(&word))).expect("text"), word);
        prop_assert_eq!(write(Value::Float(float)).parse::<f64>().expect("a number"), float);
    }

    #[test]
    fn a_list_reads_back_as_its_elements(items in prop::collection::vec(any::<String>(), 1..5)) {
        let list = Value::List(items.iter().map(|item| text(item)).collect());
        match value::json(&list) {
            Ok(Json::String(joined)) => prop_assert_eq!(joined.split(';').collect::<Vec<_>>(), items),
            Ok(other) => prop_assert!(false, "{}", other),
            Err(_) => prop_assert!(items.iter().any(|item| item.contains(';'))),
        }
    }
}
