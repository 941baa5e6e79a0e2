//! Schemas as authors write them, in actions and in files, and what is said of them.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;

const CUSTOMER: &str = r##"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "$id": "customer.json",
  "$defs": {
    "row": {
      "type": "object",
      "required": ["id"],
      "properties": {
        "id": { "$ref": "#/$defs/id" },
        "name": { "$ref": "#name" },
        "address": { "$ref": "common/address.json" }
      }
    },
    "id": { "type": "integer", "minimum": 1 },
    "name": { "$anchor": "name", "type": ["string", "null"] }
  }
}"##;
const ADDRESS: &str = r##"{ "type": "object", "properties": { "of": { "$ref": "../customer.json#/$defs/id" } } }"##;

fn load(files: &[(&str, &str)]) -> (Schemas, BTreeMap<String, Vec<Diagnostic>>) {
    Schemas::load(files.iter().map(|(path, text)| ((*path).into(), (*text).into())).collect())
}

fn schemas() -> Schemas {
    let (schemas, reports) = load(&[("customer.json", CUSTOMER), ("common/address.json", ADDRESS)]);
    assert!(reports.is_empty(), "{reports:?}");
    schemas
}

fn node(source: &str) -> Node {
    let (document, found) = yaml::parse(source);
    assert!(found.is_empty(), "{found:?}");
    document.expect("YAML").root
}

/// What is reported of a text: the rule, what is under the caret, the message and the help.
fn show(source: &str, found: &[Diagnostic]) -> Vec<String> {
    let line = |d: &Diagnostic| {
        let help = d.help.as_ref().map_or_else(String::new, |help| format!(" ({help})"));
        format!("{} [{}] {}{help}", d.rule.name, &source[d.span.range()], d.message)
    };
    found.iter().map(line).collect()
}

/// What is wrong with a schema of an action.
fn check(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let compiled = schemas().compile(&node(source), &mut found);
    assert_eq!(compiled.is_none(), has_errors(&found), "{found:?}");
    show(source, &found)
}

/// What is wrong with a file.
fn check_file(text: &str) -> Vec<String> {
    let (_, mut reports) = load(&[("a.json", text), ("b.json", "{}")]);
    show(text, &reports.remove("a.json").unwrap_or_default())
}

fn compile(source: &str) -> Arc<Schema> {
    let mut found = Vec::new();
    let compiled = schemas().compile(&node(source), &mut found);
    compiled.unwrap_or_else(|| panic!("{:?}", show(source, &found)))
}

#[test]
fn references_lead_through_files_and_back() {
    let schema = compile("$ref: customer.json#/$defs/row");
    for (row, why) in [
        (json!({ "id": 1, "name": null, "address": { "of": 2 } }), None),
        (json!({ "id": 0 }), Some("/id: it is less than the minimum of 1")),
        (json!({ "name": "Ada" }), Some("\"id\" is missing")),
        (json!({ "id": 1, "name": true }), Some("/name: it is not of types ")),
        (json!({ "id": 1, "address": { "of": 0 } }), Some("/address: deeper inside, it is less than the minimum of 1")),
    ] {
        match (schema.check(&row), why) {
            (Ok(()), None) => {}
            (Err(found), Some(why)) => assert!(found.starts_with(why), "{found}"),
            (found, _) => panic!("{row}: {found:?}"),
        }
    }
}

#[test]
fn a_lowered_schema_stands_alone_wherever_it_is_put() {
    let schema = compile(
        "{ properties: { a: { $ref: 'customer.json#/$defs/id' }, b: { const: { $ref: x } }, c: { $ref: '#' } } }",
    );
    let name = "file.customer.json__defs_id";
    let expected = json!({
        "properties": { "a": { "$ref": format!("#/$defs/{name}") }, "b": { "const": { "$ref": "x" } }, "c": { "$ref": "#" } },
        "$defs": { name: { "type": "integer", "minimum": 1 } },
    });
    assert_eq!(schema.json(), &expected);
    let placed = schema.json_at("#/components/schemas/x");
    assert_eq!(placed["properties"]["a"]["$ref"], format!("#/components/schemas/x/$defs/{name}"));
    assert_eq!(placed["properties"]["c"]["$ref"], "#/components/schemas/x");
    assert_eq!(placed["properties"]["b"]["const"]["$ref"], "x");
}

#[test]
fn names_of_the_author_are_not_overwritten() {
    let schema = compile(
        "{ $ref: 'customer.json#/$defs/id', properties: { a: { $ref: '#/$defs/file.customer.json__defs_id' } }, \
         $defs: { file.customer.json__defs_id: { type: 'null' } } }",
    );
    assert_eq!(schema.json()["$ref"], "#/$defs/file.customer.json__defs_id.2");
    assert_eq!(schema.json()["$defs"]["file.customer.json__defs_id"], json!({ "type": "null" }));
}

#[test]
fn no_reference_leaves_the_folder() {
    for reference in [
        "https://example.com/row.json",
        "//example.com/row.json",
        "file:///etc/passwd",
        "/customer.json",
        "C:customer.json",
        "customer.json?x",
        "..%5Ccustomer.json",
        "%2Fcustomer.json",
    ] {
        let found = check(&format!("{{ properties: {{ a: {{ $ref: '{reference}' }} }} }}"));
        let expected = format!("schema-reference ['{reference}'] `{reference}` is not a file below `schemas/`");
        assert!(found.len() == 1 && found[0].starts_with(&expected), "{found:?}");
    }
    for reference in ["../customer.json", "common/../../customer.json", "%2e%2e/customer.json"] {
        let found = check(&format!("$ref: '{reference}'"));
        let expected = format!("schema-reference ['{reference}'] `{reference}` leaves the folder `schemas/`");
        assert!(found.len() == 1 && found[0].starts_with(&expected), "{found:?}");
    }
}

#[test]
fn a_reference_to_nothing_says_what_there_is() {
    for (reference, expected) in [
        ("custmer.json", "there is no file `custmer.json` below `schemas/` (did you mean `customer.json`?)"),
        ("schemas/customer.json", "there is no file `schemas/customer.json` below `schemas/` (write `customer.json`)"),
        ("customer.json#/$defs/rwo", "there is no schema at `/$defs/rwo` (did you mean `row`?)"),
        ("customer.json#/$defs", "there is no schema at `/$defs`"),
        (
            "customer.json#/$defs/row/required",
            "there is no schema at `/$defs/row/required` (expected one of: properties)",
        ),
        ("customer.json#row", "there is no `$anchor: row` (a JSON pointer begins with `/`, as in `#/$defs/row`)"),
        ("\"#/$defs/x\"", "there is no schema at `/$defs/x`"),
    ] {
        let plain = reference.trim_matches('"');
        assert_eq!(
            check(&format!("$ref: {reference}")),
            [format!("schema-reference [{reference}] {expected}")],
            "{plain}"
        );
    }
}

#[test]
fn every_wrong_keyword_is_reported_at_its_place() {
    let found = check(concat!(
        "type: objct\n",
        "requierd: [id]\n",
        "x-note: fine\n",
        "properties:\n",
        "  id: { type: [integer, null], minimum: '1' }\n",
        "  day: { format: dat, required: true }\n",
        "  no: { pattern: '(?=x)', nullable: true }\n",
        "  tags: { items: [1], uniqueItems: yes }\n",
        "allOf: []\n",
        "required: [id, id]\n",
    ));
    assert_eq!(
        found,
        [
            "invalid-schema [objct] `type`: expected the name of a type, or a list of them, got the text \"objct\" (did you mean `object`?)",
            "unknown-schema-keyword [requierd] unknown schema keyword `requierd` (did you mean `required`?)",
            "invalid-schema [null] `type`: expected the name of a type, or a list of them, got nothing (write \"null\" in quotes: without them it is no text)",
            "invalid-schema ['1'] `minimum`: expected a number, got the text \"1\"",
            "unknown-format [dat] unknown format `dat` (did you mean `date`?)",
            "invalid-schema [true] `required`: expected a list of names, each once, got the boolean true (`required` stands beside `properties` and lists names)",
            "unknown-schema-keyword [nullable] unknown schema keyword `nullable` (write `type: [string, \"null\"]`)",
            "invalid-schema [[1]] expected a schema, got a list (a schema is a map of keywords, or true or false)",
            "invalid-schema [yes] `uniqueItems`: expected true or false, got the text \"yes\"",
            "invalid-schema [[]] `allOf`: expected a list of schemas, got a list",
            "invalid-schema [id] `required`: expected a list of names, each once, got the text \"id\"",
        ]
    );
}

#[test]
fn every_pattern_that_the_engine_refuses_is_reported() {
    let found =
        check("{ properties: { a: { pattern: '(?=x)' }, b: { pattern: '^x{2}$' } }, patternProperties: { '(': {} } }");
    assert_eq!(
        found.iter().map(|line| line.split_once(']').expect("a place").0).collect::<Vec<_>>(),
        ["invalid-pattern ['(?=x)'", "invalid-pattern ['('"]
    );
    assert_eq!(check("pattern: '.{0,404600}'").len(), 1, "too large once compiled");
}

#[test]
fn only_one_dialect_and_no_other_address() {
    assert_eq!(check("$schema: https://json-schema.org/draft/2020-12/schema#"), [""; 0]);
    assert!(
        check("$schema: http://json-schema.org/draft-07/schema#")[0]
            .starts_with("schema-reference [http://json-schema.org/draft-07")
    );
    assert!(
        check("$id: https://example.com/row.json")[0].starts_with("schema-reference [https://example.com/row.json] ")
    );
    assert!(check("{ $dynamicRef: '#node' }")[0].starts_with("unknown-schema-keyword [$dynamicRef] "));
    assert_eq!(check_file(r#"{ "$id": "a.json" }"#), [""; 0]);
    assert_eq!(check_file(r#"{ "$id": "b.json" }"#).len(), 1);
    assert_eq!(check_file(r#"{ "$id": "https://example.com/a.json" }"#).len(), 1);
}

#[test]
fn a_file_is_reported_at_its_own_places() {
    let one = |text: &str| check_file(text).join("\n");
    assert_eq!(one("{\n  \"type\": \"object\",\n}"), "json-syntax [}] not JSON: key must be a string");
    assert_eq!(one("{ \"a\": 01 }").split_once(']').expect("a place").0, "json-syntax [1");
    assert_eq!(one(""), "json-syntax [] not JSON: EOF while parsing a value");
    assert_eq!(one("type: object").split_once(']').expect("a place").0, "json-syntax [y");
    assert_eq!(
        one("{\n\t\"requierd\": []\n}"),
        "unknown-schema-keyword [\"requierd\"] unknown schema keyword `requierd` (did you mean `required`?)"
    );
    assert_eq!(
        one(r#"{ "type": "string", "type": "null" }"#).split_once(']').expect("a place").0,
        "duplicate-key [\"type\""
    );
    assert_eq!(
        one(r#"{ "$ref": "c.json" }"#),
        "schema-reference [\"c.json\"] there is no file `c.json` below `schemas/` (did you mean `a.json`?)"
    );
    assert_eq!(
        one(r#"{ "$defs": { "x": { "pattern": "(" } } }"#).split_once(']').expect("a place").0,
        "invalid-pattern [\"(\""
    );
    assert_eq!(one(r#"{ "description": "\ud83d\ude00\/" }"#), "");
}

#[test]
fn a_broken_file_breaks_what_refers_to_it_and_nothing_else() {
    let (schemas, reports) = load(&[
        ("good.json", r#"{ "$defs": { "far": { "$ref": "bad.json" }, "near": {} } }"#),
        ("bad.json", r#"{ "tpye": "object" }"#),
        ("worse.json", "{"),
    ]);
    assert_eq!(reports.keys().collect::<Vec<_>>(), ["bad.json", "worse.json"]);
    for (reference, broken) in [
        ("good.json#/$defs/near", None),
        ("good.json#/$defs/far", Some("bad.json")),
        ("bad.json", Some("bad.json")),
        ("worse.json", Some("worse.json")),
    ] {
        let source = format!("$ref: {reference}");
        let mut found = Vec::new();
        let compiled = schemas.compile(&node(&source), &mut found);
        let expected: Vec<String> = broken
            .map(|file| format!("schema-reference [{reference}] `{file}` below `schemas/` has errors of its own (its own report says which)"))
            .into_iter()
            .collect();
        assert_eq!(show(&source, &found), expected);
        assert_eq!(compiled.is_none(), broken.is_some());
    }
}

#[test]
fn what_a_schema_depends_on_includes_what_is_missing() {
    let (schemas, _) = load(&[
        ("a.json", r#"{ "$ref": "sub/b.json" }"#),
        ("sub/b.json", r#"{ "$ref": "../a.json", "$defs": { "x": { "$ref": "missing.json" } } }"#),
        ("other.json", "{}"),
    ]);
    let reached = schemas.reached(&node("{ properties: { a: { $ref: a.json }, b: { $ref: nowhere.json#/x } } }"));
    assert_eq!(reached.into_iter().collect::<Vec<_>>(), ["a.json", "nowhere.json", "sub/b.json", "sub/missing.json"]);
    assert!(schemas.reached(&node("type: object")).is_empty());
}

#[test]
fn numbers_become_text_where_the_schema_says_text_and_not_number() {
    let schema = compile(
        "allOf: [{ $ref: 'customer.json#/$defs/row' }]\n\
         properties:\n\
         \x20 plain: { type: string }\n\
         \x20 nullable: { type: [string, 'null'] }\n\
         \x20 either: { type: [string, integer] }\n\
         \x20 number: { type: number }\n\
         \x20 any: {}\n\
         \x20 referred: { $ref: '#/$defs/text' }\n\
         \x20 optional: { anyOf: [{ $ref: '#/$defs/text' }, { type: 'null' }] }\n\
         \x20 loop: { $ref: '#/$defs/loop' }\n\
         $defs: { text: { type: string }, loop: { $ref: '#/$defs/loop' } }\n",
    );
    let names = ["plain", "nullable", "either", "number", "any", "referred", "optional", "loop", "name", "id"];
    let texts: Vec<&str> = names.into_iter().filter(|name| schema.says_text(name)).collect();
    assert_eq!(texts, ["plain", "nullable", "referred", "optional", "name"]);
    assert!(compile("type: string").value_is_text() && !compile("type: [string, number]").value_is_text());
}

#[test]
fn what_is_said_of_a_row_holds_nothing_of_its_values() {
    let schema = compile(
        "properties:\n\
         \x20 status: { enum: [active, closed] }\n\
         \x20 no: { pattern: '^C-' }\n\
         \x20 doc: { additionalProperties: false, propertyNames: { maxLength: 1 }, properties: { a: { const: 1 } } }\n\
         \x20 day: { type: string, format: date }\n\
         additionalProperties: false\n",
    );
    let check = |row: Json| schema.check(&row).expect_err("a row that breaks the schema");
    assert_eq!(check(json!({ "status": "SECRET" })), "/status: not one of the enum (/properties/status/enum)");
    assert_eq!(check(json!({ "no": "SECRET" })), "/no: it breaks `pattern` (/properties/no/pattern)");
    assert_eq!(check(json!({ "day": "SECRET" })), "/day: it is not a \"date\" (/properties/day/format)");
    assert_eq!(
        check(json!({ "doc": { "a": "SECRET" } })),
        "/doc: deeper inside, it breaks `const` (/properties/doc/properties/a/const)"
    );
    for row in [json!({ "doc": { "SECRET": 1 } }), json!({ "doc": { "SE": 1 } }), json!({ "SECRET": 1 })] {
        assert!(!check(row.clone()).contains("SE"), "{row}");
    }
}

#[test]
fn a_schema_that_refers_to_itself_ends() {
    for source in [
        "$ref: '#'",
        "allOf: [{ $ref: '#' }]",
        "{ $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } } }",
    ] {
        assert_eq!(compile(source).check(&json!({ "a": 1 })), Ok(()));
    }
}

#[test]
fn a_chain_of_references_is_followed_or_refused_and_never_too_deep() {
    for (length, fits) in [(100, true), (4000, false)] {
        let link = |at: usize| match at + 1 {
            next if next == length => json!({ "items": { "$ref": "#/$defs/d0" } }),
            next => json!({ "$ref": format!("#/$defs/d{next}") }),
        };
        let chain =
            json!({ "$defs": (0..length).map(|at| (format!("d{at}"), link(at))).collect::<serde_json::Map<_, _>>() });
        let (schemas, reports) = load(&[("a.json", &chain.to_string())]);
        assert!(reports.is_empty());
        let mut own = chain;
        own["$ref"] = json!("#/$defs/d0");
        for source in [own.to_string(), "$ref: a.json#/$defs/d0".into()] {
            let mut found = Vec::new();
            let compiled = schemas.compile(&node(&source), &mut found);
            assert_eq!((compiled.is_some(), found.len()), (fits, usize::from(!fits)), "{length}");
            let deep = (0..120).fold(json!(1), |inside, _| json!([inside]));
            assert!(compiled.is_none_or(|schema| schema.check(&deep).is_ok()));
        }
    }
}

fn value() -> impl Strategy<Value = Json> {
    let scalar = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        (-2..9_i32).prop_map(Json::from),
        Just(json!(1.5)),
        prop::sample::select(vec!["string", "integer", "nul", "a", "^a$"]).prop_map(Json::from),
    ];
    prop_oneof![
        scalar.clone(),
        prop::collection::vec(scalar.clone(), 0..3).prop_map(Json::Array),
        Just(json!({})),
        Just(json!({ "x-a": {} })),
        Just(json!([{}, true])),
        Just(json!({ "x-a": ["b"] })),
        Just(json!({ "x-a": 1 })),
    ]
}

proptest! {
    /// The specification's own meta-schema is the judge of what a keyword may hold.
    #[test]
    fn keywords_are_refused_exactly_where_the_meta_schema_refuses_them(
        keyword in prop::sample::select(vec![
            "$defs", "$comment", "allOf", "not", "items", "contains", "additionalProperties", "properties",
            "patternProperties", "dependentSchemas", "propertyNames", "unevaluatedItems", "prefixItems", "type", "const",
            "enum", "multipleOf", "maximum", "exclusiveMinimum", "maxLength", "minItems", "uniqueItems", "required",
            "dependentRequired", "contentEncoding", "title", "default", "deprecated", "examples", "contentSchema", "if",
        ]),
        value in value(),
    ) {
        let json = json!({ keyword: value });
        let mut found = Vec::new();
        Schemas::default().compile(&node(&json.to_string()), &mut found);
        prop_assert_eq!(found.is_empty(), jsonschema::draft202012::meta::is_valid(&json), "{} {:?}", json, found);
    }

    #[test]
    fn no_reference_reaches_anything_but_a_file_of_the_folder(reference in "[a-c./#%$~:?A-F0-9\\\\-]{0,24}|(\\.\\./|a/|common/){0,4}customer\\.json(#[ -~]{0,6})?") {
        if let Ok((Some(path), _)) = reference::split(&reference, Some("common/address.json")) {
            prop_assert!(!path.starts_with('/') && path.split('/').all(|segment| !matches!(segment, "" | "." | "..")) || path.is_empty());
        }
        let source = json!({ "$ref": reference }).to_string();
        let mut found = Vec::new();
        let compiled = schemas().compile(&node(&source), &mut found);
        prop_assert_eq!(compiled.is_some(), found.is_empty());
    }

    #[test]
    fn no_text_of_a_file_makes_it_panic(text in "[\\{\\}\\[\\]\",:a-c$0-9 \\n\\t\\\\#-]{0,60}|.{0,40}") {
        let (_, reports) = load(&[("a.json", &text)]);
        prop_assert_eq!(reports.is_empty(), serde_json::from_str::<Json>(&text).is_ok_and(|json| json.is_boolean() || json == json!({})));
    }
}
