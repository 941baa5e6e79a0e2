//! `datadip lint --live` and `datadip plan`: what a live database says.

use serde_json::Value as Json;

use super::{ORDERS, Printed, check_in, datadip, replace, starter, write};
use crate::database::Database;

#[test]
fn lint_live_finds_nothing_wrong_with_a_starter() {
    let folder = starter();
    let Printed { out, error } = check_in(folder.path(), &["lint", "--live"], 0);
    assert_eq!((out.as_str(), error.as_str()), ("", "2 files: nothing found\n"));
}

#[test]
fn lint_live_tells_a_missing_column_at_its_place() {
    let folder = starter();
    replace(&folder, ORDERS, "c.phone = {{ phone }}", "c.fone = {{ phone }}");
    check_in(folder.path(), &["lint"], 0);
    let Printed { out, error } = check_in(folder.path(), &["lint", "--live"], 1);
    let expected = "\
error[schema-drift]: the backend lacks what the statement names: no such column: c.fone, in `customers` or `orders`
  --> actions/customer-orders.yaml:20:11
   |
20 |   WHERE c.fone = {{ phone }}
   |           ^^^^
   |
   = help: bring it back, or change the statement

";
    assert_eq!((out.as_str(), error.as_str()), (expected, "2 files: 1 error\n"));
    let out = check_in(folder.path(), &["lint", "--live", "--format", "json", ORDERS], 1).out;
    let answer: Json = serde_json::from_str(&out).expect("JSON");
    let found = &answer["diagnostics"][0];
    assert_eq!((&answer["errors"], &found["rule"], &found["line"]), (&1.into(), &"schema-drift".into(), &20.into()));
}

#[test]
fn lint_live_tells_what_may_have_been_meant() {
    let folder = starter();
    replace(&folder, ORDERS, "c.phone = {{ phone }}", "c.phoen = {{ phone }}");
    let action = "backend: demo\nsql: SELECT name FROM custmers LIMIT 1\nrequires: { ordrs: [id] }\n";
    write(&folder, "actions/a.yaml", action);
    let out = check_in(folder.path(), &["lint", "--live"], 1).out;
    for near in ["phone", "customers", "orders"] {
        assert!(out.contains(&format!("= help: did you mean `{near}`?\n")), "{near}\n{out}");
    }
}

#[test]
fn lint_live_tells_a_backend_that_cannot_be_reached_without_its_secrets() {
    let folder = starter();
    let config = "backends:\n  demo: { kind: sqlite, url: 'sqlite:${PLACE}/demo.db' }\n";
    write(&folder, "datadip.yaml", config);
    let output = datadip(folder.path(), &["lint", "--live"]).env("PLACE", "/no/such-secret").output().expect("it runs");
    let out = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1));
    assert!(out.starts_with("error[unreachable-backend]: the backend `demo` cannot be reached: "), "{out}");
    assert!(out.contains("--> datadip.yaml:2:3") && !out.contains("secret"), "{out}");
    let output = datadip(folder.path(), &["run", "customer-orders", "--var", "phone=+15550000042"])
        .env("PLACE", "/no/such-secret")
        .output()
        .expect("it runs");
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(said.contains("the backend `demo`: ") && !said.contains("secret"), "{said}");
    // Without its secret nothing is asked.
    let Printed { out, .. } = check_in(folder.path(), &["lint", "--live"], 1);
    assert!(out.contains("error[unresolved-reference]") && !out.contains("unreachable"), "{out}");
    check_in(folder.path(), &["lint"], 0);
}

#[test]
fn plan_shows_each_shape_or_the_one_that_variables_reach() {
    let folder = starter();
    let action = "\
backend: demo
params: { id: { type: integer, required: false } }
sql: SELECT name FROM customers {% if id is defined %} WHERE id = {{ id }} {% endif %}
";
    write(&folder, "actions/names.yaml", action);
    let Printed { out, error } = check_in(folder.path(), &["plan", "names"], 0);
    let expected = "\
shape [0]
  SELECT name FROM customers  WHERE id = ?
  SEARCH customers USING INTEGER PRIMARY KEY (rowid=?)

shape [1]
  SELECT name FROM customers
  SCAN customers
";
    assert_eq!((out.as_str(), error.as_str()), (expected, ""));
    let out = check_in(folder.path(), &["plan", "names", "--var", "id=1"], 0).out;
    assert!(out.contains("SEARCH customers") && !out.contains("SCAN"), "{out}");
    let Printed { out, error } = check_in(folder.path(), &["plan", "names", "--var", "id=x"], 1);
    assert_eq!((out.as_str(), error.as_str()), ("", "error: id: expected an integer, got \"x\"\n"));
    assert_eq!(check_in(folder.path(), &["plan", "nams"], 2).out, "");
    write(&folder, "actions/gone.yaml", "backend: demo\nsql: SELECT name FROM clients\n");
    let out = check_in(folder.path(), &["plan", "gone"], 1).out;
    assert!(out.contains("  no plan: no such table: clients"), "{out}");
}

#[test]
fn plan_says_that_a_call_has_none() {
    let script = "CREATE PROCEDURE pay(id INT) SELECT id;";
    let Some(database) = Database::mysql(script) else { return };
    let folder = starter();
    write(&folder, "datadip.yaml", &format!("backends:\n  demo: {{ kind: mysql, url: \"{}\" }}\n", database.url()));
    write(&folder, "actions/pay.yaml", "backend: demo\nmode: write\nsql: CALL pay(1)\n");
    let out = check_in(folder.path(), &["plan", "pay"], 0).out;
    assert_eq!(out, "shape []\n  CALL pay(1)\n  a statement of this kind, as `CALL`, has no plan\n");
}

#[test]
fn plan_asks_for_each_text_once_and_for_nothing_more_where_the_backend_is_gone() {
    let folder = starter();
    let action = "\
backend: demo
params: { id: { type: integer, required: false }, all: { type: boolean, required: false } }
sql: SELECT name FROM customers {% if all is defined %}{% endif %}{% if id is defined %} WHERE id = {{ id }} {% endif %}
";
    write(&folder, "actions/names.yaml", action);
    let out = check_in(folder.path(), &["plan", "names"], 0).out;
    assert_eq!((out.matches("shape [").count(), out.matches("SEARCH").count()), (2, 1), "{out}");
    write(&folder, "datadip.yaml", "backends:\n  demo: { kind: sqlite, url: 'sqlite:/no/such/demo.db' }\n");
    let out = check_in(folder.path(), &["plan", "names"], 1).out;
    assert_eq!((out.matches("shape [").count(), out.matches("no plan").count()), (1, 1), "{out}");
}
