//! Files before and after `--update`, offline: recorded rows take the place of a backend.

use std::{collections::HashMap, sync::Arc};

use jiff::tz::TimeZone;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    action::{Action, Context, Schemas},
    backend::{Driver, salesforce, sqlite},
    cli::test::run::run_test,
    diagnostic::Source,
    lint,
    spec::ActionSpec,
    yaml::{read::FromNode, write::tests::values},
};

/// An action and the rules that find something in it.
fn compile(file: &str) -> (Arc<Action>, Vec<&'static str>) {
    let source = Arc::new(Source { path: "test.yaml".into(), text: file.to_owned() });
    let (document, mut out) = yaml::parse(file);
    let spec = ActionSpec::from_node(&document.expect("YAML").root, &mut out).expect("an action");
    let drivers: [(&str, &'static Driver); 2] = [("demo", &sqlite::DRIVER), ("org", &salesforce::DRIVER)];
    let backends = HashMap::from(drivers.map(|(name, driver)| (name.to_owned(), driver)));
    let context = Context {
        backends: Some(&backends),
        schemas: &Schemas::default(),
        keys: None,
        zone: &TimeZone::UTC,
        response_bytes: 1 << 20,
    };
    let action = Action::compile("test", &spec, &source, &context, &mut out);
    lint::check(action.as_ref().map_err(AsRef::as_ref), &spec, &mut out);
    let action = action.unwrap_or_else(|_| panic!("{file}\n{out:?}"));
    (Arc::new(action), out.iter().map(|found| found.rule.name).collect())
}

/// What comes of the tests of a file.
fn run(file: &str) -> (Arc<Action>, Vec<Ran>) {
    let action = compile(file).0;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let run = |test| runtime.block_on(run_test(&action, test, Err("no backend".into())));
    let ran = action.tests.iter().map(run).collect();
    (action, ran)
}

/// The file after `--update`, and what became of each test that had failed.
fn update(file: &str) -> (String, Vec<(usize, Updated)>) {
    let (action, ran) = run(file);
    let ran: Vec<(usize, &Ran)> = ran.iter().enumerate().collect();
    let (text, updated) = rewrite(file, action.result.shape, &ran);
    (text.unwrap_or_else(|| file.to_owned()), updated)
}

const HEAD: &str = "\
backend: demo # the demo
params:
  id: { type: integer, required: false }
  pin: { type: string, sensitive: true, required: false }
sql: |
  SELECT  id, name
  FROM t WHERE id = {{ id | default(0) }} AND pin = {{ pin | default('') }}
  {% if id is defined %} AND 1 = 1 {% endif %}
  LIMIT 9
";

/// Updates one test of rows that came, and compares what is left of the file below `expect`.
fn check(rows: &Json, expect: &str, expected: &str) {
    check_with(HEAD, &json!({ "id": 1 }), rows, expect, expected, &[]);
}

/// The same for an action, the variables of the test, and what is told not to be written.
fn check_with(head: &str, variables: &Json, rows: &Json, expect: &str, expected: &str, left: &[&str]) {
    let file = |expect: &str| {
        format!("{head}tests:\n  - name: a # b\n    variables: {variables}\n    given: {{ rows: {rows} }}\n{expect}")
    };
    let (text, updated) = update(&file(expect));
    assert_eq!(text, file(expected));
    let passes = run(&text).1[0].verdict == Verdict::Passed;
    assert_eq!(updated, [(0, Updated { passes, left: left.iter().map(|left| (*left).to_owned()).collect() })]);
}

#[test]
fn named_members_change_and_nothing_else_does() {
    let rows = json!([{ "id": 1, "name": "Ada", "note": null }, { "id": 2, "name": "yes", "note": "" }]);
    check(
        &rows,
        "    expect: { row_count: 1, result: [ { id: 7 } ] } # why\n",
        "    expect: { row_count: 2, result: [ { id: 1 }, { id: 2 } ] } # why\n",
    );
    check(
        &rows,
        "    expect:\n      result:\n        # the first\n        - name: 'Bob' # her name\n          id: 1.0\n        - id: 3\n",
        "    expect:\n      result:\n        # the first\n        - name: 'Ada' # her name\n          id: 1.0\n        - id: 2\n",
    );
    check(
        &rows,
        "    expect:\n      result:\n      - { id: 1, town: x }\n      - { name: no }\n      - { id: 3 } # gone\n      row_count: 3\n",
        "    expect:\n      result:\n      - { id: 1 }\n      - { name: \"yes\" }\n      row_count: 2\n",
    );
    check(
        &rows,
        "    expect: { result: [] }\n",
        "    expect: { result: [{ id: 1, name: Ada, note: null }, { id: 2, name: \"yes\", note: \"\" }] }\n",
    );
    check(&json!([]), "    expect: { result: [ { id: 1 } ] }\n", "    expect: { result: [] }\n");
}

#[test]
fn an_empty_expectation_becomes_what_came() {
    let rows = json!([{ "id": 1, "name": "Ada" }]);
    check(&rows, "    expect: {}\n", "    expect: { row_count: 1, result: [{ id: 1, name: Ada }] }\n");
    let name = "x".repeat(60);
    check(
        &json!([{ "id": 1, "name": name }, { "id": 2, "name": name }]),
        "    expect: {} # all\n",
        &format!(
            "    expect: # all\n      row_count: 2\n      result:\n        - {{ id: 1, name: {name} }}\n        \
             - {{ id: 2, name: {name} }}\n"
        ),
    );
}

#[test]
fn statements_keep_their_lines_where_the_author_wrote_lines() {
    let given = json!([]);
    let text = "SELECT id, name FROM t WHERE id = ? AND pin = ? AND 1 = 1 LIMIT 9";
    check(
        &given,
        "    expect: { sql: SELECT 1, binds: [2, x] }\n",
        &format!("    expect: {{ sql: {text}, binds: [1, \"\"] }}\n").replace(text, &format!("\"{text}\"")),
    );
    check(
        &given,
        "    expect:\n      sql: |\n        SELECT id\n      binds: [1, \"\"]\n",
        "    expect:\n      sql: |\n        SELECT  id, name\n        FROM t WHERE id = ? AND pin = ?\n         AND 1 = 1\n        LIMIT 9\n      binds: [1, \"\"]\n",
    );
}

#[test]
fn what_is_sensitive_is_never_written() {
    let (variables, given) = (json!({ "id": 1, "pin": "s3cr3t" }), json!([{ "id": 1, "name": "of s3cr3t" }]));
    check_with(
        HEAD,
        &variables,
        &given,
        "    expect: { result: [ { id: 2, name: x } ] }\n",
        "    expect: { result: [ { id: 1, name: x } ] }\n",
        &["result[0].name: it holds the value of a sensitive parameter"],
    );
    check_with(
        HEAD,
        &variables,
        &given,
        "    expect: { binds: [2, x] }\n",
        "    expect: { binds: [1, x] }\n",
        &["binds[1]: it holds the value of a sensitive parameter"],
    );
    check_with(
        HEAD,
        &variables,
        &given,
        "    expect: {}\n",
        "    expect: { row_count: 1, result: [{ id: 1 }] }\n",
        &["result[0].name: it holds the value of a sensitive parameter"],
    );
}

#[test]
fn a_test_that_turned_is_left_to_its_author() {
    check_with(
        HEAD,
        &json!({ "id": 1 }),
        &json!([]),
        "    expect: { code: invalid_parameter }\n",
        "    expect: { code: invalid_parameter }\n",
        &["it succeeds now; write what else it should expect, if that is right"],
    );
    let file = format!("{HEAD}tests:\n  - name: a\n    variables: {{ id: x }}\n    expect: {{}}\n");
    let (text, updated) = update(&file);
    assert_eq!(text, file.replace("{}\n", "{ code: invalid_parameter }\n"));
    assert!(updated[0].1.passes);
}

#[test]
fn an_alias_is_not_broken() {
    let file = format!(
        "{HEAD}tests:\n  - name: a\n    variables: {{ id: 1 }}\n    given: {{ rows: [&row {{ id: 1 }}] }}\n    \
         expect: {{ result: [*row] }}\n  - name: b\n    variables: {{ id: 1 }}\n    given: {{ rows: [{{ id: 2 }}] }}\n    \
         expect: {{ result: [*row], row_count: 3 }}\n"
    );
    let (text, updated) = update(&file);
    assert_eq!(text, file);
    assert!(updated[0].1.left[0].contains("would touch something else"), "{updated:?}");
}

#[test]
fn a_record_changes_by_its_named_members_and_its_fields_as_a_whole() {
    let head = "\
backend: org
mode: write
params: { name: string, city: string }
options: { operation: create, object: Account, fields: { Name: \"{{ name }}\", City__c: \"{{ city }}\" } }
";
    let expect = "    expect:\n      record:\n        object: Acount\n        fields: { Name: x, Zip__c: y }\n";
    let file = format!("{head}tests:\n  - name: a\n    variables: {{ name: Ada, city: Paris }}\n{expect}");
    let (text, updated) = update(&file);
    let expected = "        object: Account\n        fields: { Name: Ada, City__c: Paris }\n";
    assert!(text.ends_with(expected) && updated[0].1.passes, "{text}");
}

/// Rows of a backend, with odd values in them.
fn rows() -> impl Strategy<Value = Json> {
    let row = prop::collection::vec(values(), 1..4);
    prop::collection::vec(row, 0..4).prop_map(|rows| {
        let names = ["id", "Größe #", "yes", "a: b"];
        let row = |row: Vec<Json>| -> Json {
            Json::Object(names.iter().zip(row).map(|(name, value)| ((*name).to_owned(), value)).collect())
        };
        rows.into_iter().map(row).collect()
    })
}

proptest! {
    #[test]
    fn whatever_came_the_test_passes_afterwards_and_the_rest_of_the_file_is_the_same(
        came in rows(),
        other in rows(),
        pick in 0..4_usize,
    ) {
        // What the author expected: something else, something like it, nothing of it, or nothing at all.
        let expect = match pick {
            0 => json!({ "result": other, "row_count": 99 }),
            1 => json!({ "result": came.as_array().map(|rows| rows.iter().skip(1).cloned().collect::<Vec<_>>()), "binds": [] }),
            2 => json!({ "row_count": 99, "result": [] }),
            _ => json!({}),
        };
        let file = |expect: &Json| {
            let expect = yaml::write::block(&json!({ "expect": expect }), 4).join("\n");
            let given = yaml::write::flow(&came);
            format!(
                "{HEAD}result: {{ schema: {{ type: object }} }}\ntests:\n  - name: a # b\n    variables: {{ id: 1 }}\n    \
                 given: {{ rows: {given} }}\n{expect}\n    # end\n  - name: c\n    variables: {{ id: x }}\n    \
                 expect: {{ code: invalid_parameter }}\n"
            )
        };
        let before = file(&expect);
        let (text, updated) = update(&before);
        prop_assert!(updated.iter().all(|(_, updated)| *updated == Updated { passes: true, left: vec![] }), "{updated:?}\n{text}");
        let (_, ran) = run(&text);
        prop_assert!(ran.iter().all(|ran| ran.verdict == Verdict::Passed), "{ran:?}\n{text}");
        let (head, rest) = text.split_once("expect:").expect("a test");
        let (old_head, old_rest) = before.split_once("expect:").expect("a test");
        prop_assert_eq!(head, old_head);
        prop_assert_eq!(rest.split("    # end").last(), old_rest.split("    # end").last());
        let new = compile(&text).1;
        let old = compile(&before).1;
        prop_assert!(new.iter().all(|rule| old.contains(rule)), "{new:?}\n{text}");
        // A second time nothing changes.
        prop_assert_eq!(update(&text).0, text);
    }

    #[test]
    fn a_secret_is_not_written_wherever_it_comes_from(came in rows(), at in any::<prop::sample::Index>()) {
        let mut came = came;
        if let Some(rows) = came.as_array_mut().filter(|rows| !rows.is_empty()) {
            let row = at.index(rows.len());
            rows[row]["id"] = json!({ "deep": ["a s3cr3t b"] });
        }
        let given = yaml::write::flow(&came);
        let file = format!(
            "{HEAD}tests:\n  - name: a\n    variables: {{ pin: s3cr3t }}\n    given: {{ rows: {given} }}\n    expect: {{}}\n"
        );
        let (text, updated) = update(&file);
        prop_assert_eq!(text.matches("s3cr3t").count(), file.matches("s3cr3t").count());
        prop_assert!(updated[0].1.passes && run(&text).1[0].verdict == Verdict::Passed, "{text}");
    }
}
