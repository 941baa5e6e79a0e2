//! What is said of a file for what a backend says.

use std::{collections::HashMap, sync::Arc, time::Duration};

use jiff::tz::TimeZone;

use super::*;
use crate::{
    action::{Context, Schemas},
    backend::{Driver, Options, inspect::TableColumn},
    diagnostic::Source,
    yaml::{self, read::FromNode},
};

static POSTGRES: Driver = Driver {
    kind: "test",
    dialect: Dialect::Postgres,
    default_timeout: Duration::from_secs(5),
    open: |_, _, _| None,
    queues: false,
    schema: || serde_json::json!({}),
    options: Options::database,
};

const FIND: &str = "\
backend: demo
params: { id: integer, term: { type: string, required: false } }
sql: |
  SELECT id, total FROM orders AS o
  WHERE o.id = {{ id }} {% if term is defined %} AND o.note = {{ term }} {% endif %}
requires: { orders: [id, totl] }
max_cost: 100
result:
  schema:
    type: object
    required: [id, total]
    properties:
      id: { type: integer }
      total: { type: [number, 'null'] }
    additionalProperties: false
";

/// What `judge` finds: rule, the text that it points at, the message.
fn check(file: &str, judge: impl FnOnce(&mut Judge<'_>, &Action)) -> Vec<String> {
    let source = Arc::new(Source { path: "test.yaml".into(), text: file.to_owned() });
    let (document, mut out) = yaml::parse(file);
    let spec = ActionSpec::from_node(&document.expect("YAML").root, &mut out).expect("an action");
    let backends = HashMap::from([("demo".to_owned(), &POSTGRES)]);
    let context = Context {
        backends: Some(&backends),
        schemas: &Schemas::default(),
        keys: None,
        zone: &TimeZone::UTC,
        response_bytes: 32 * 1024,
    };
    let action = Action::compile("test", &spec, &source, &context, &mut out);
    let action = action.unwrap_or_else(|_| panic!("{out:#?}"));
    let mut judging = Judge::new(&action, &spec).expect("a judge");
    judge(&mut judging, &action);
    judging.found().iter().map(|d| format!("{} [{}] {}", d.rule.name, &file[d.span.range()], d.message)).collect()
}

/// What is found where each shape has these columns: name, type and what it becomes.
fn columns(file: &str, columns: &[(&str, &str, JsonKind)]) -> Vec<String> {
    let described = |(name, ty, json): &(&str, &str, JsonKind)| Described {
        name: (*name).into(),
        type_name: (*ty).into(),
        json: *json,
        nullable: None,
    };
    let description = Description { columns: columns.iter().map(described).collect(), problems: Vec::new() };
    each(file, |judge, shape| judge.description(shape, &description, true))
}

fn each(file: &str, tell: impl Fn(&mut Judge<'_>, &dyn Fn() -> Option<ShapeText>)) -> Vec<String> {
    check(file, |judge, action| {
        for (shape, _) in action.statements[0].shapes() {
            tell(judge, &|| action.statements[0].shape_text(shape));
        }
    })
}

fn refused(kind: FailureKind, message: &str) -> Vec<String> {
    let failure = Failure::new(kind, message);
    each(FIND, |judge, shape| judge.refused(shape, &failure, &Known::default()))
}

/// The help lines for what is missing with a code, where the backend has a column `totals` and a table `orders_2`.
fn helps(code: &str, message: &str) -> Vec<String> {
    let failure = Failure { code: Some(code.into()), ..Failure::new(FailureKind::Drift, message) };
    let known = Known { columns: vec!["totals".into()], tables: vec!["orders_2".into()] };
    let mut helps = Vec::new();
    check(FIND, |judge, action| {
        for (shape, _) in action.statements[0].shapes() {
            judge.refused(&|| action.statements[0].shape_text(shape), &failure, &known);
        }
        helps.extend(judge.found.iter().filter_map(|found| found.help.clone()));
    });
    helps.dedup();
    helps
}

const ID: (&str, &str, JsonKind) = ("id", "int8", JsonKind::Integer);
const TOTAL: (&str, &str, JsonKind) = ("total", "numeric", JsonKind::Number);

#[test]
fn columns_that_fit_are_nothing() {
    assert_eq!(columns(FIND, &[ID, TOTAL]), [""; 0]);
    assert_eq!(columns(FIND, &[("id", "numeric", JsonKind::Number), TOTAL]), [""; 0], "it may be whole");
    assert_eq!(columns(FIND, &[("id", "jsonb", JsonKind::Any), TOTAL]), [""; 0]);
    let text = FIND.replace("id: { type: integer }", "id: { type: string }");
    assert_eq!(columns(&text, &[ID, TOTAL]), [""; 0], "a number becomes text there");
}

#[test]
fn columns_that_do_not_fit_are_told_once_for_all_shapes() {
    let expected = ["schema-drift [total] `total` of type text becomes text, and the schema says number or null"];
    assert_eq!(columns(FIND, &[ID, ("total", "text", JsonKind::String)]), expected);
    let expected = ["schema-drift [id] `id` of type bool becomes true or false, and the schema says integer"];
    assert_eq!(columns(FIND, &[("id", "bool", JsonKind::Boolean), TOTAL]), expected);
    let text = FIND.replace("id: { type: integer }", "id: { type: string }");
    let expected = ["schema-drift [id] `id` of type int4[] becomes a list, and the schema says string"];
    assert_eq!(columns(&text, &[("id", "int4[]", JsonKind::Array), TOTAL]), expected);
}

#[test]
fn columns_of_a_star_are_compared_as_well() {
    let star = FIND.replace("SELECT id, total", "SELECT *");
    let expected = ["schema-drift [total] the schema requires `total`, and the result has no such column"];
    assert_eq!(columns(&star, &[ID]), expected);
    let found = columns(&star, &[ID, TOTAL, ("note", "text", JsonKind::String)]);
    assert!(found[0].ends_with("the result has a column `note`, and the schema allows none"), "{found:?}");
    let found = columns(&star, &[ID, TOTAL, ID]);
    assert!(found.len() == 1 && found[0].starts_with("duplicate-column"), "{found:?}");
}

#[test]
fn the_value_of_an_action_is_its_first_column() {
    let value =
        "backend: demo\nsql: SELECT sum(total) FROM orders\nresult: { shape: value, schema: { type: integer } }\n";
    assert_eq!(columns(value, &[("sum", "numeric", JsonKind::Number)]), [""; 0]);
    let found = columns(value, &[("sum", "text", JsonKind::String), ID]);
    assert_eq!(
        found,
        ["schema-drift [{ type: integer }] `sum` of type text becomes text, and the schema says integer"]
    );
}

#[test]
fn what_is_missing_is_told_where_the_statement_names_it() {
    let check = |message: &str, expected: &str| {
        assert_eq!(refused(FailureKind::Drift, message), [format!("schema-drift {expected}")], "{message}");
    };
    let lacks = "the backend lacks what the statement names";
    check("column \"total\" does not exist", &format!("[total] {lacks}: column \"total\" does not exist, in `orders`"));
    check("column o.total does not exist", &format!("[total] {lacks}: column o.total does not exist, in `orders`"));
    check("relation \"orders\" does not exist", &format!("[orders] {lacks}: relation \"orders\" does not exist"));
    check("no such table: orders", &format!("[orders] {lacks}: no such table: orders"));
    check(
        "function total(text) does not exist",
        &format!("[total] {lacks}: function total(text) does not exist, in `orders`"),
    );
    check("no such thing", &format!("[SELECT] {lacks}: no such thing, in `orders`"));
    // Only one shape has it; the other, which is refused for it as well, shows where it begins.
    let found = refused(FailureKind::Drift, "column o.note does not exist");
    assert!(found.iter().any(|found| found.starts_with("schema-drift [note]")), "{found:?}");
}

#[test]
fn what_may_have_been_meant_is_told() {
    assert_eq!(helps("42703", "column o.total does not exist"), ["did you mean `totals`?"]);
    assert_eq!(helps("42P01", "relation \"orders\" does not exist"), ["did you mean `orders_2`?"]);
    assert_eq!(helps("42703", "column o.id does not exist"), ["bring it back, or change the statement"]);
    let routine = "name one that is there, with arguments of its types, or create it";
    assert_eq!(helps("42883", "function total(text) does not exist"), [routine]);
    assert_eq!(helps("1305", "PROCEDURE total does not exist"), [routine]);
    let cast = "these types do not go together: write a cast, as `{{ … }}::integer`";
    assert_eq!(helps("42883", "operator does not exist: integer = text"), [cast]);
}

#[test]
fn another_refusal_is_told_in_the_databases_words() {
    let found = refused(FailureKind::Other, "operator does not exist: integer = text");
    assert_eq!(
        found,
        ["refused-statement [SELECT] the backend refuses the statement: operator does not exist: integer = text"]
    );
}

#[test]
fn problems_stand_at_their_placeholder_or_column() {
    let problem = |placeholder, message: &str| Problem { placeholder, message: message.into(), help: "cast".into() };
    let description = Description {
        columns: Vec::new(),
        problems: vec![problem(Some(0), "an interval"), problem(None, "the column `total` is a multirange")],
    };
    let found = each(FIND, |judge, shape| judge.description(shape, &description, true));
    let expected = [
        "untyped-placeholder [{{ id }}] an interval",
        "unrenderable-column [total] the column `total` is a multirange",
    ];
    assert_eq!(found, expected);
}

#[test]
fn required_tables_and_columns_are_told_at_their_place() {
    let column = |name: &str| TableColumn {
        name: name.into(),
        type_name: "text".into(),
        scalar: None,
        json: JsonKind::String,
        nullable: true,
    };
    let table = Table { name: "orders".into(), columns: vec![column("id"), column("total")], key: Vec::new() };
    let found = check(FIND, |judge, action| judge.table(&action.requires[0], Some(&table), &Known::default()));
    assert_eq!(found, ["schema-drift [totl] the table `orders` has no column `totl`"]);
    let found = check(FIND, |judge, action| judge.table(&action.requires[0], None, &Known::default()));
    assert_eq!(found, ["schema-drift [orders] the backend has no table `orders`"]);
}

#[test]
fn a_cost_over_the_limit_is_told_with_both_figures() {
    assert_eq!(check(FIND, |judge, _| judge.cost(100.0)), [""; 0]);
    let found = check(FIND, |judge, _| judge.cost(100.5));
    assert_eq!(found, ["cost-exceeded [100] the planner estimates a cost of 100.5, and `max_cost` is 100"]);
    let found = check(FIND, |judge, _| judge.no_cost());
    assert!(found[0].starts_with("cost-unknown [100]"), "{found:?}");
}

#[test]
fn unquoted_names_are_compared_as_the_dialect_folds_them() {
    assert!(same_name(Dialect::Postgres, "Total", "total") && !same_name(Dialect::Postgres, "total", "Total"));
    assert!(same_name(Dialect::Sqlite, "TOTAL", "total") && same_name(Dialect::Snowflake, "total", "TOTAL"));
    assert!(!same_name(Dialect::Mysql, "totals", "total"));
}
