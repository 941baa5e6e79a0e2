//! `datadip new`: starters lint and pass their own tests, whatever the table.

use serde_json::Value as Json;

use super::*;
use crate::database::Database;

/// A deployment on one backend.
fn deployment(kind: &str, url: &str) -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    fs::create_dir(folder.path().join("actions")).expect("a folder");
    write(
        &folder,
        "datadip.yaml",
        &format!("backends:\n  crm: {{ kind: {kind}, url: \"{url}\", allow_tests: true }}\n"),
    );
    folder
}

/// Writes a starter for each of these tables, each found by the key that stands beside it. None has a finding, and all pass
/// their tests.
fn check_tables(folder: &TempDir, tables: &[(&str, &str)]) {
    for (at, (table, by)) in tables.iter().enumerate() {
        let name = format!("made/t{at}");
        let Printed { out, error } = check_in(folder.path(), &["new", &name, "--backend", "crm", "--table", table], 0);
        assert!(out.contains(&format!("datadip test {name}")), "{out}");
        assert_eq!(error, format!("wrote actions/{name}.yaml\n"));
        let text = fs::read_to_string(folder.path().join(format!("actions/{name}.yaml"))).expect("it was written");
        let params: Vec<&str> = text
            .split("params:\n")
            .nth(1)
            .and_then(|rest| rest.split("sql: |").next())
            .unwrap_or_default()
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.trim().split_once(':').map(|(name, _)| name))
            .collect();
        assert_eq!(params.join(" "), *by, "{text}");
        let lint = check_in(folder.path(), &["lint", &format!("actions/{name}.yaml"), "--deny-warnings"], 0);
        assert!(lint.out.is_empty(), "{}\n{text}", lint.out);
        check_in(folder.path(), &["test", &name, "--deny-skipped"], 0);
    }
    let lint = check_in(folder.path(), &["lint", "--live", "--deny-warnings"], 0);
    assert_eq!(lint.out, "");
    check_in(folder.path(), &["fmt", "--check"], 0);
}

/// What a call of a starter answers.
fn call(folder: &TempDir, arguments: &[&str]) -> Json {
    let out = check_in(folder.path(), &[&["run"], arguments].concat(), 0).out;
    serde_json::from_str::<Json>(&out).expect("JSON")["result"].clone()
}

/// What is the same with every database.
fn check_errors(folder: &TempDir) {
    for (arguments, code, expected) in [
        (&["new", "a", "--backend", "crm", "--table", "custmers"][..], 2, "help: did you mean `customers`?"),
        (&["new", "a", "--backend", "crm", "--table", "no such"], 2, "has no table `no such` that it may see"),
        (&["new", "a", "--backend", "cmr", "--table", "customers"], 2, "help: did you mean `crm`?"),
        (&["new", "Big", "--backend", "crm"], 2, "error: `Big` is no name for an action"),
        (&["new", "../a", "--backend", "crm"], 2, "is no name for an action"),
    ] {
        let Printed { out, error } = check_in(folder.path(), arguments, code);
        assert_eq!(out, "", "{arguments:?}");
        assert!(error.starts_with("error: ") && error.contains(expected), "{error}");
    }
    assert!(!folder.path().join("actions/a.yaml").exists());
    write(folder, "actions/mine.yml", "mine");
    let error = check_in(folder.path(), &["new", "mine", "--backend", "crm", "--table", "customers"], 2).error;
    assert!(error.starts_with("error: actions/mine.yml already exists\n"), "{error}");
    fs::remove_file(folder.path().join("actions/mine.yml")).expect("it is there");
}

#[test]
fn an_action_without_a_table_fits_its_backend_and_needs_none() {
    for (kind, url) in [("sqlite", "sqlite:no.db"), ("postgres", "${NO_URL}"), ("mysql", "${NO_URL}")] {
        let folder = deployment(kind, url);
        check_in(folder.path(), &["new", "crm/hello", "--backend", "crm"], 0);
        let lint = check_in(folder.path(), &["lint", "--deny-warnings"], 0);
        assert_eq!((lint.out.as_str(), lint.error.as_str()), ("", "2 files: nothing found\n"));
        check_in(folder.path(), &["fmt", "--check"], 0);
        check_in(folder.path(), &["test", "--deny-skipped"], 0);
    }
}

#[test]
fn a_backend_that_cannot_be_reached_is_told() {
    let folder = deployment("postgres", "postgres://nobody@127.0.0.1:9/none");
    let error = check_in(folder.path(), &["new", "a", "--backend", "crm", "--table", "t"], 1).error;
    assert!(error.starts_with("error: the backend `crm` cannot be reached: "), "{error}");
    assert!(error.ends_with("help: without `--table` no database is needed\n"), "{error}");
}

#[test]
fn a_table_of_sqlite_becomes_an_action() {
    let folder = deployment("sqlite", "sqlite:test.db");
    replace(&folder, "datadip.yaml", "allow_tests", "init: init.sql, allow_tests");
    let script = r##"
        CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT, total NUMERIC, raw BLOB);
        INSERT INTO customers VALUES (42, 'Ada', NULL, 1.5, x'00');
        CREATE TABLE "Order lines" ("order" TEXT, "in" INTEGER, note TEXT, PRIMARY KEY ("order", "in"));
        CREATE TABLE plain (a REAL, b TEXT);
        CREATE VIEW gold AS SELECT id, name FROM customers;
        CREATE TABLE odd (id INTEGER PRIMARY KEY, "{{ x }}" TEXT, "#: a" TEXT);
        CREATE TABLE "{% odd %}" (id INTEGER PRIMARY KEY);
    "##;
    write(&folder, "init.sql", script);
    check_tables(
        &folder,
        &[
            ("customers", "id"),
            ("\"Order lines\"", "order in_value"),
            ("plain", "b"),
            ("gold", "id"),
            ("CUSTOMERS", "id"),
            ("odd", "id"),
        ],
    );
    let row = call(&folder, &["made/t0", "--var", "id=42"]);
    assert_eq!((&row["name"], &row["email"]), (&Json::from("Ada"), &Json::Null));
    let odd = fs::read_to_string(folder.path().join("actions/made/t5.yaml")).expect("it was written");
    assert!(odd.contains("# Left out, its name cannot stand in a template: \"{{ x }}\""), "{odd}");
    let error = check_in(folder.path(), &["new", "a", "--backend", "crm", "--table", "\"{% odd %}\""], 1).error;
    assert!(error.contains("no starter can be made of the table"), "{error}");
    check_errors(&folder);
}

#[test]
fn a_table_of_postgresql_becomes_an_action() {
    let script = r#"
        CREATE TYPE mood AS ENUM ('calm', 'cross');
        CREATE TABLE customers (
          id bigint PRIMARY KEY, name varchar(30) NOT NULL, email text, mood mood, born date, at timestamptz, notes jsonb,
          tags text[], total numeric(10,2), active boolean NOT NULL, ref uuid, span int4range
        );
        INSERT INTO customers (id, name, active) VALUES (42, 'Ada', true);
        CREATE SCHEMA "My Schema";
        CREATE TABLE "My Schema"."T.x" ("Order" text, day date, "user" uuid, x int, PRIMARY KEY ("Order", day, "user"));
        CREATE TABLE by_time (at timestamp PRIMARY KEY, t time, d numeric);
        CREATE TABLE by_amount (d numeric, f float8, PRIMARY KEY (d, f));
        CREATE TABLE notes (doc jsonb, tags text[], at date);
        CREATE TABLE documents (doc jsonb, tags text[]);
        CREATE VIEW gold AS SELECT name, id FROM customers;
        CREATE TABLE odd (id int PRIMARY KEY, name text, kind regclass, rights aclitem);
    "#;
    let Some(database) = Database::postgres(script) else { return };
    let folder = deployment("postgres", database.url());
    check_tables(
        &folder,
        &[
            ("customers", "id"),
            ("\"My Schema\".\"T.x\"", "order day user"),
            ("public.by_time", "at"),
            ("by_amount", "d f"),
            ("notes", "at"),
            ("documents", ""),
            ("gold", "name"),
            ("odd", "id"),
        ],
    );
    let odd = fs::read_to_string(folder.path().join("actions/made/t7.yaml")).expect("it was written");
    assert!(
        odd.contains("# Left out, no answer can show its type \"regclass\" unless it is made text: \"kind\"\n"),
        "{odd}"
    );
    assert!(odd.contains("  SELECT id, name\n"), "{odd}");
    let error = check_in(folder.path(), &["new", "a", "--backend", "crm", "--table", "\"t.X\""], 2).error;
    assert!(error.ends_with("help: did you mean `\"My Schema\".\"T.x\"`?\n"), "{error}");
    let row = call(&folder, &["made/t0", "--var", "id=42"]);
    assert_eq!((&row["name"], &row["email"], &row["active"]), (&Json::from("Ada"), &Json::Null, &Json::from(true)));
    assert_eq!(call(&folder, &["made/t6", "--var", "name=Ada"]), serde_json::json!([{ "name": "Ada", "id": 42 }]));
    check_errors(&folder);
}

#[test]
fn a_table_of_mysql_becomes_an_action() {
    let script = "
        CREATE TABLE customers (
          id bigint PRIMARY KEY, name varchar(30) NOT NULL, email text, mood enum('calm', 'cross'), born date,
          at datetime(6), total decimal(10,2), active tinyint(1) NOT NULL
        );
        INSERT INTO customers (id, name, active) VALUES (42, 'Ada', 1);
        CREATE TABLE `T.x` (`Order` varchar(9), day date, `key` int, PRIMARY KEY (`Order`, day));
        CREATE TABLE `order` (at datetime PRIMARY KEY, f double);
        CREATE VIEW gold AS SELECT name, id FROM customers;
        CREATE TABLE places (id int PRIMARY KEY, place geometry, name varchar(9));
    ";
    let Some(database) = Database::mysql(script) else { return };
    let folder = deployment("mysql", database.url());
    check_tables(
        &folder,
        &[("customers", "id"), ("`T.x`", "order day"), ("order", "at"), ("gold", "name"), ("places", "id")],
    );
    let row = call(&folder, &["made/t0", "--var", "id=42"]);
    assert_eq!((&row["name"], &row["email"], &row["active"]), (&Json::from("Ada"), &Json::Null, &Json::from(1)));
    check_errors(&folder);
}
