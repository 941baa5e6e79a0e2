//! Each rule on files that break it, and on files that look like it and do not.

mod records;
mod soql;
mod statements;

use std::{collections::HashMap, sync::Arc, time::Duration};

use jiff::tz::TimeZone;
use proptest::{collection::vec, prelude::*, sample::select};

use super::*;
use crate::{
    action::{Context, Schemas},
    backend::{Driver, Options},
    diagnostic::{Level, Report, Source},
    template::Dialect,
    yaml::{self, read::FromNode},
};

macro_rules! driver {
    ($dialect:expr) => {
        Driver {
            kind: "test",
            dialect: $dialect,
            default_timeout: Duration::from_secs(5),
            open: |_, _, _| None,
            queues: false,
            schema: || serde_json::json!({}),
            options: Options::database,
        }
    };
}

static SQLITE: Driver = driver!(Dialect::Sqlite);
static POSTGRES: Driver = driver!(Dialect::Postgres);
static MYSQL: Driver = driver!(Dialect::Mysql);
static SNOWFLAKE: Driver = driver!(Dialect::Snowflake);
static SALESFORCE: Driver = driver!(Dialect::Soql);

/// Everything that is said of an action file.
fn lint(dialect: Dialect, file: &str) -> Report {
    let driver = match dialect {
        Dialect::Sqlite => &SQLITE,
        Dialect::Soql => &SALESFORCE,
        Dialect::Postgres => &POSTGRES,
        Dialect::Mysql => &MYSQL,
        Dialect::Snowflake => &SNOWFLAKE,
    };
    let source = Arc::new(Source { path: "test.yaml".into(), text: file.to_owned() });
    let (document, mut out) = yaml::parse(file);
    let document = document.expect("YAML");
    let spec = ActionSpec::from_node(&document.root, &mut out).expect("an action");
    let backends = HashMap::from([("demo".to_owned(), driver)]);
    let context = Context {
        backends: Some(&backends),
        schemas: &Schemas::default(),
        keys: None,
        zone: &TimeZone::UTC,
        response_bytes: 32 * 1024,
    };
    let action = Action::compile("test", &spec, &source, &context, &mut out);
    check(action.as_ref().map_err(AsRef::as_ref), &spec, &mut out);
    silence(&source, &document.comments, Some(&spec), Finder::Files, &mut out);
    Report::new(source, out)
}

/// The rules found in a file of the demo, each with the text that it points at, but for what is not the subject of most
/// tests: an action's description, schema, limit, tests and repeats.
fn check_file(dialect: Dialect, file: &str) -> Vec<String> {
    let quiet = ["missing-description", "missing-result-schema", "missing-limit", "missing-test", "unsafe-repeat"];
    let report = lint(dialect, file);
    let found = report.diagnostics.iter().filter(|d| !quiet.contains(&d.rule.name));
    found.map(|d| format!("{} {}", d.rule.name, &file[d.span.range()])).collect()
}

/// The same for a statement alone; `read` unless it begins with `w:`. Parameters are `a` to `c` of type string, optional.
fn check_sql(dialect: Dialect, sql: &str) -> Vec<String> {
    let (mode, sql) = sql.strip_prefix("w:").map_or(("read", sql), |sql| ("write", sql.trim()));
    let params: String = ["a", "b", "c"]
        .iter()
        .filter(|name| sql.contains(&format!("{{{{ {name}")))
        .map(|name| format!("  {name}: string\n"))
        .collect();
    let params = if params.is_empty() { params } else { format!("params:\n{params}") };
    check_file(dialect, &format!("backend: demo\nmode: {mode}\n{params}sql: |\n  {}\n", sql.replace('\n', "\n  ")))
}

fn one(dialect: Dialect, sql: &str, expected: &str) {
    assert_eq!(check_sql(dialect, sql), [expected], "{dialect:?}: {sql}");
}

const SQL: [Dialect; 4] = [Dialect::Sqlite, Dialect::Postgres, Dialect::Mysql, Dialect::Snowflake];

#[test]
fn a_first_word_must_begin_a_statement() {
    for dialect in SQL {
        one(dialect, "SELCT id FROM t", "unknown-statement SELCT");
        one(dialect, "id FROM t", "unknown-statement id");
        one(dialect, "-- nothing", "unknown-statement ");
    }
    let report = lint(Dialect::Sqlite, "backend: demo\nsql: UPDAET t SET a = 1\nmode: write\n");
    assert!(report.diagnostics.iter().any(|d| d.help.as_deref() == Some("did you mean `UPDATE`?")), "{report:?}");
}

#[test]
fn a_first_word_must_be_one_of_the_dialect() {
    for (dialect, sql) in [
        (Dialect::Sqlite, "w: MERGE INTO t USING u ON a = b WHEN MATCHED THEN DELETE"),
        (Dialect::Postgres, "w: REPLACE INTO t (a) VALUES (1)"),
        (Dialect::Sqlite, "w: CALL f()"),
        (Dialect::Snowflake, "TABLE t"),
    ] {
        let found = check_sql(dialect, sql);
        assert!(found.len() == 1 && found[0].starts_with("unknown-statement "), "{dialect:?}: {sql}: {found:?}");
    }
}

#[test]
fn writes_in_a_read_action_are_errors_also_where_the_parser_gives_up() {
    for dialect in SQL {
        one(dialect, "INSERT INTO t (a) VALUES (1)", "write-in-read INSERT");
        one(dialect, "UPDATE t SET a = 1 WHERE b = 2", "write-in-read UPDATE");
        one(dialect, "DELETE FROM t WHERE b = 2", "write-in-read DELETE");
        one(dialect, "WITH x AS (SELECT 1) DELETE FROM t WHERE b = 2", "write-in-read DELETE");
        let found = check_sql(dialect, "WITH x AS (SELECT 1) DELETE FROM t !!! WHERE b");
        assert!(found.contains(&"write-in-read DELETE".to_owned()) || found[0].starts_with("unreadable"), "{found:?}");
        assert_eq!(check_sql(dialect, "SELECT replace(a, 'b', 'c') AS r, \"update\" FROM t"), [""; 0]);
    }
    one(
        Dialect::Postgres,
        "WITH gone AS (DELETE FROM t WHERE b = 2 RETURNING a) SELECT a FROM gone",
        "write-in-read DELETE",
    );
    one(Dialect::Postgres, "SELECT a INTO u FROM t", "write-in-read INTO");
    one(Dialect::Postgres, "SELECT a FROM t FOR UPDATE", "write-in-read FOR");
    one(Dialect::Mysql, "REPLACE INTO t (a) VALUES (1)", "write-in-read REPLACE");
    let merge = "MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN UPDATE SET b = 1";
    one(Dialect::Snowflake, merge, "write-in-read MERGE");
    assert_eq!(check_sql(Dialect::Postgres, &format!("w: {merge}")), [""; 0]);
}

#[test]
fn statements_that_are_no_data_actions_say_why() {
    for dialect in SQL {
        one(dialect, "w: DROP TABLE t", "data-definition DROP");
        one(dialect, "CREATE TABLE t (a int)", "data-definition CREATE");
        one(dialect, "w: TRUNCATE t", "data-definition TRUNCATE");
        one(dialect, "BEGIN", "control-statement BEGIN");
        one(dialect, "w: SET a = 1", "control-statement SET");
        one(dialect, "w: GRANT SELECT ON t TO u", "control-statement GRANT");
    }
    one(Dialect::Sqlite, "PRAGMA user_version", "control-statement PRAGMA");
    one(Dialect::Sqlite, "w: ATTACH 'a' AS b", "control-statement ATTACH");
    one(Dialect::Sqlite, "w: VACUUM", "control-statement VACUUM");
}

#[test]
fn a_change_needs_a_condition_in_every_shape() {
    for dialect in SQL {
        one(dialect, "w: UPDATE t SET a = 1", "missing-where UPDATE");
        one(dialect, "w: DELETE FROM t", "missing-where DELETE");
        one(dialect, "w: DELETE FROM t WHERE 1 = 1", "missing-where WHERE");
        one(dialect, "w: UPDATE t SET a = (SELECT b FROM u WHERE c = 1)", "missing-where UPDATE");
        assert_eq!(check_sql(dialect, "w: DELETE FROM t WHERE a = {{ a }}"), [""; 0]);
    }
    let guarded = "backend: demo\nmode: write\nparams:\n  a: { type: string, required: false }\n\
                   sql: UPDATE t SET b = 1 {% if a %} WHERE a = {{ a }} {% endif %}\n";
    assert_eq!(check_file(Dialect::Sqlite, guarded), ["missing-where UPDATE"]);
    let upsert = "w: INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 2";
    assert_eq!(check_sql(Dialect::Postgres, upsert), [""; 0]);
    let upsert = "w: INSERT INTO t (a) VALUES (1) ON DUPLICATE KEY UPDATE b = 2";
    assert_eq!(check_sql(Dialect::Mysql, upsert), [""; 0]);
    let nested = "w: WITH gone AS (DELETE FROM t RETURNING a) INSERT INTO u SELECT a FROM gone WHERE a = 1";
    one(Dialect::Postgres, nested, "missing-where DELETE");
}

fn with_schema(sql: &str, schema: &str) -> String {
    format!("backend: demo\nsql: {sql}\nresult:\n  schema: {schema}\n")
}

#[test]
fn columns_that_the_schema_requires_must_be_there_under_that_name() {
    let required = "{ type: object, required: [id, name], properties: { id: {}, name: {} } }";
    let cases = [
        (Dialect::Sqlite, "SELECT id FROM t", "missing-column name"),
        (Dialect::Sqlite, "SELECT ID, Name FROM t", ""),
        (Dialect::Sqlite, "SELECT id, a AS Name FROM t", "missing-column Name"),
        (Dialect::Sqlite, "SELECT id, count(*) FROM t", "column-not-in-schema count(*), missing-column name"),
        (Dialect::Sqlite, "SELECT id, (name) AS name FROM t UNION SELECT a, b FROM u", ""),
        (Dialect::Sqlite, "WITH x AS (SELECT 1) SELECT x.id, name FROM t, x", ""),
        (Dialect::Postgres, "SELECT ID, \"name\" FROM t", ""),
        (Dialect::Postgres, "SELECT id, \"Name\" FROM t", "missing-column \"Name\""),
        (Dialect::Postgres, "SELECT id, name(a) FROM t", ""),
        (Dialect::Postgres, "SELECT id, a || b FROM t", ""),
        (Dialect::Mysql, "SELECT id, a AS name FROM t", ""),
        (Dialect::Snowflake, "SELECT \"id\", a AS \"name\" FROM t", ""),
        (Dialect::Snowflake, "SELECT \"id\", name FROM t", "missing-column name"),
    ];
    for (dialect, sql, expected) in cases {
        let found = check_file(dialect, &with_schema(&format!("|\n  {sql}"), required)).join(", ");
        assert_eq!(found, expected, "{dialect:?}: {sql}");
    }
    let report = lint(
        Dialect::Snowflake,
        &with_schema("SELECT id FROM t", "{ type: object, required: [id], properties: { id: {} } }"),
    );
    let help = report.diagnostics.iter().find_map(|d| d.help.clone().filter(|_| d.rule.name == "missing-column"));
    assert!(help.as_ref().is_some_and(|help| help.contains("id AS \"id\"")), "{help:?}");
    // A write whose statement answers no rows, a value, and `*` know no names.
    let write = format!("mode: write\n{}", with_schema("INSERT INTO t (a) VALUES (1)", required));
    assert_eq!(check_file(Dialect::Sqlite, &write), [""; 0]);
    let star = check_file(Dialect::Sqlite, &with_schema("SELECT * FROM t", required));
    assert_eq!(star, ["select-star *"]);
    let write = format!("mode: write\n{}", with_schema("DELETE FROM t WHERE a = 1 RETURNING id", required));
    assert_eq!(check_file(Dialect::Sqlite, &write), ["missing-column name"]);
}

#[test]
fn columns_of_one_name_and_columns_past_the_schema_are_found() {
    one(Dialect::Sqlite, "SELECT t.id, u.id FROM t, u", "duplicate-column id");
    one(Dialect::Postgres, "SELECT count(a), count(b) FROM t", "duplicate-column count(b)");
    one(Dialect::Postgres, "SELECT id, ID FROM t", "duplicate-column ID");
    assert_eq!(check_sql(Dialect::Sqlite, "SELECT t.id, u.id AS other FROM t, u"), [""; 0]);
    let schema = "{ type: object, properties: { id: {}, email: {} } }";
    assert_eq!(
        check_file(Dialect::Sqlite, &with_schema("SELECT id, emial FROM t", schema)),
        ["column-not-in-schema emial"]
    );
    let open = "{ type: object, properties: { id: {} }, additionalProperties: true }";
    assert_eq!(check_file(Dialect::Sqlite, &with_schema("SELECT id, b FROM t", open)), [""; 0]);
}

#[test]
fn affected_needs_a_statement_that_changes_rows() {
    let file = |sql: &str| format!("backend: demo\nmode: write\nsql: {sql}\nresult: {{ shape: affected }}\n");
    assert_eq!(check_file(Dialect::Sqlite, &file("SELECT 1 AS a")), ["affected-without-write SELECT"]);
    assert_eq!(check_file(Dialect::Sqlite, &file("DELETE FROM t WHERE a = 1")), [""; 0]);
}

#[test]
fn what_the_parser_refuses_is_a_warning_at_its_place() {
    let found = check_sql(Dialect::Sqlite, "SELECT id FROM t WHERE WHERE a");
    assert!(found.len() == 1 && found[0].starts_with("sql-unchecked "), "{found:?}");
}

#[test]
fn questionable_statements_are_warned_of() {
    for dialect in SQL {
        one(dialect, "SELECT * FROM t LIMIT 1", "select-star *");
        one(dialect, "SELECT t.* FROM t LIMIT 1", "select-star *");
        one(dialect, "SELECT DISTINCT * FROM t LIMIT 1", "select-star *");
        assert_eq!(check_sql(dialect, "SELECT count(*) AS n, 2 * 3 AS m FROM (SELECT * FROM t) AS u LIMIT 1"), [""; 0]);
        one(dialect, "SELECT a FROM t WHERE a LIKE {{ a }} LIMIT 1", "unescaped-like {{ a }}");
        one(dialect, "SELECT a FROM t WHERE a LIKE lower('%' || {{ a }} || '%') LIMIT 1", "unescaped-like {{ a }}");
        assert_eq!(check_sql(dialect, "SELECT a FROM t WHERE a LIKE 'x%' AND b = {{ a }} LIMIT 1"), [""; 0]);
        one(dialect, "SELECT a FROM t ORDER BY {{ a }} LIMIT 1", "sort-by-bind {{ a }}");
        one(dialect, "SELECT a FROM t ORDER BY a, {{ a }} DESC LIMIT 1", "sort-by-bind {{ a }}");
        one(dialect, "SELECT a FROM t GROUP BY {{ a }}", "sort-by-bind {{ a }}");
        assert_eq!(check_sql(dialect, "SELECT a FROM t ORDER BY a = {{ a }}, b LIMIT {{ b }}"), [""; 0]);
    }
}

/// Whether one rule is found in a file.
fn finds(rule: &str, file: &str) -> bool {
    lint(Dialect::Sqlite, file).diagnostics.iter().any(|d| d.rule.name == rule)
}

#[test]
fn rows_without_a_bound_are_warned_of() {
    let file = |sql: &str| format!("backend: demo\nsql: |\n  {sql}\n");
    for sql in [
        "SELECT a FROM t",
        "SELECT a FROM (SELECT a FROM t LIMIT 5)",
        "SELECT a, count(*) FROM t GROUP BY a",
        "SELECT a, count(*) OVER () FROM t",
        "SELECT a, (SELECT count(*) FROM u) FROM t",
    ] {
        assert!(finds("missing-limit", &file(sql)), "{sql}");
    }
    for sql in [
        "SELECT a FROM t LIMIT 5",
        "SELECT count(*) AS n FROM t",
        "SELECT coalesce(sum(a), 0) AS n FROM t WHERE b IN (SELECT b FROM u)",
        "SELECT 1 AS a",
        "WITH x AS (SELECT a FROM t) SELECT a FROM x LIMIT 1",
        "VALUES (1)",
    ] {
        assert!(!finds("missing-limit", &file(sql)), "{sql}");
    }
    assert!(!finds("missing-limit", "backend: demo\nsql: SELECT a FROM t\nresult: { shape: row }\n"));
}

#[test]
fn what_an_action_should_have_is_asked_for() {
    let bare = "backend: demo\nsql: SELECT 1 AS a\n";
    for rule in ["missing-description", "missing-result-schema", "missing-test"] {
        assert!(finds(rule, bare), "{rule}");
    }
    let full = "description: One.\nbackend: demo\nsql: SELECT 1 AS a\nresult: { schema: { type: object } }\n\
                tests: [{ name: one, variables: {}, expect: { status: success } }]\n";
    assert!(lint(Dialect::Sqlite, full).diagnostics.is_empty(), "{:?}", lint(Dialect::Sqlite, full));
}

#[test]
fn a_write_that_counts_on_what_was_there_is_noted() {
    let file = |sql: &str| format!("backend: demo\nmode: write\nsql: |\n  {sql}\n");
    for sql in [
        "INSERT INTO t (a) VALUES (1)",
        "UPDATE t SET a = a + 1 WHERE b = 1",
        "UPDATE t SET a = \"a\" || 'x' WHERE b = 1",
    ] {
        assert!(finds("unsafe-repeat", &file(sql)), "{sql}");
    }
    for sql in [
        "INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO NOTHING",
        "INSERT OR IGNORE INTO t (a) VALUES (1)",
        "INSERT INTO t (a) SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM t)",
        "UPDATE t SET a = 1, b = datetime('now'), c = NULL WHERE d = 1",
        "DELETE FROM t WHERE a = 1",
    ] {
        assert!(!finds("unsafe-repeat", &file(sql)), "{sql}");
    }
}

#[test]
fn unused_parameters_and_truthy_guards_are_warned_of() {
    let file = "backend: demo\nparams:\n  a: integer\n  b: { type: boolean, required: false }\n  c: string\n\
                sql: SELECT 1 AS x {% if b and not c %} WHERE 1 = {{ a }} {% endif %}\n";
    assert_eq!(check_file(Dialect::Sqlite, file), ["truthy-guard b"]);
    let file = "backend: demo\nparams:\n  a: { type: integer, required: false }\n  b: string\n\
                sql: SELECT 1 AS x {% if a is defined %} WHERE 1 = {{ a }} {% endif %}\n";
    assert_eq!(check_file(Dialect::Sqlite, file), ["unused-parameter b"]);
}

#[test]
fn comments_silence_warnings_where_they_stand() {
    let head = "description: A.\nbackend: demo\nresult: { schema: { type: object } }\ntests: [{ name: a, variables: {}, expect: { status: success } }]\n";
    let rules = |body: &str| -> Vec<String> {
        let file = format!("{head}{body}");
        lint(Dialect::Sqlite, &file)
            .diagnostics
            .iter()
            .map(|d| format!("{} {}", d.rule.name, &file[d.span.range()]))
            .collect()
    };
    assert_eq!(rules("sql: SELECT * FROM t LIMIT 1\n"), ["select-star *"]);
    for body in [
        "# datadip: allow(select-star)\nsql: SELECT * FROM t LIMIT 1\n",
        "sql: SELECT * FROM t LIMIT 1 # datadip: allow(select-star)\n",
        "sql: | # datadip: allow(select-star)\n  SELECT *\n  FROM t LIMIT 1\n",
        "# datadip: allow(missing-limit, select-star) the table is small\n# and old\nsql: |\n  SELECT *\n  FROM t\n",
        "sql: |\n  {# datadip: allow(select-star) #}\n  SELECT *\n  FROM t LIMIT 1\n",
        "sql: |\n  SELECT * {# datadip: allow(select-star) #}\n  FROM t LIMIT 1\n",
    ] {
        assert_eq!(rules(body), [""; 0], "{body}");
    }
    assert_eq!(
        rules("sql: |\n  SELECT *\n  {# datadip: allow(select-star) #}\n  FROM t LIMIT 1\n"),
        ["select-star *", "unused-allow select-star"]
    );
    assert_eq!(rules("# datadip: allow(select-sta)\nsql: SELECT a FROM t LIMIT 1\n"), ["unknown-rule select-sta"]);
    assert_eq!(rules("# datadip: allow(missing-where)\nmode: write\nsql: DELETE FROM t\n"), ["missing-where DELETE"]);
    let found = rules("mode: write\n# datadip: allow(missing-where)\nsql: DELETE FROM t\n");
    assert_eq!(found, ["unused-allow missing-where", "missing-where DELETE"]);
}

#[test]
fn one_finding_in_many_shapes_is_one_diagnostic() {
    let file = "backend: demo\nparams:\n  a: { type: string, required: false }\n  b: { type: string, required: false }\n\
                sql: SELECT * FROM t WHERE 1 = 1 {% if a %} AND a = {{ a }} {% endif %} {% if b %} AND b = {{ b }} {% endif %} LIMIT 1\n";
    assert_eq!(check_file(Dialect::Sqlite, file), ["select-star *"]);
}

#[test]
fn a_file_with_other_errors_is_told_of_its_statements_in_the_same_run() {
    let file =
        "backend: demo\nmode: write\nparams: { a: integr }\nsql:\n  - UPDATE t SET b = {{ c }}\n  - DELETE FROM t\n";
    assert_eq!(check_file(Dialect::Sqlite, file), ["bad-value integr", "unknown-parameter c", "missing-where DELETE"]);
}

#[test]
fn long_chains_and_deep_brackets_do_not_exhaust_the_stack() {
    let chain = |terms: usize| format!("SELECT 1{} AS a", " + 1".repeat(terms));
    for sql in [chain(900), chain(7_000), format!("SELECT {}1{} AS a", "(".repeat(8_000), ")".repeat(8_000))] {
        let errors =
            check_sql(Dialect::Sqlite, &sql).into_iter().filter(|found| !found.starts_with("sql-unchecked")).count();
        assert_eq!(errors, 0);
    }
    assert_eq!(check_sql(Dialect::Sqlite, &chain(900)), [""; 0]);
}

const PIECES: &[&str] = &[
    "SELECT",
    "a",
    "FROM",
    "t",
    "WHERE",
    "(",
    ")",
    ",",
    "*",
    "=",
    "WITH",
    "AS",
    "x AS (",
    "UPDATE",
    "SET",
    "DELETE",
    "INSERT INTO",
    "VALUES",
    "RETURNING",
    "ORDER BY",
    "GROUP BY",
    "LIMIT",
    "1",
    "'s'",
    "{{ a }}",
    "{{ b | contains }}",
    "UNION",
    "JOIN",
    "ON",
    "LIKE",
    "DISTINCT",
    "TOP 5",
    "count(*)",
    "OVER ()",
    "CASE",
    "END",
    ";",
    "::",
    "[",
    "]",
    "é",
    "{% if a %}",
    "{% endif %}",
    "NOT",
    "EXISTS",
];

proptest! {
    #[test]
    fn no_statement_makes_a_rule_panic(pieces in vec(select(PIECES), 0..24), write in any::<bool>()) {
        for dialect in SQL {
            check_sql(dialect, &format!("{}{}", if write { "w: " } else { "" }, pieces.join(" ")));
        }
    }
}

#[test]
fn snowflake_has_no_session_no_transaction_and_no_list_of_statements() {
    let check = |sql: &str, expected: &[&str]| assert_eq!(check_sql(Dialect::Snowflake, sql), expected, "{sql}");
    check("USE WAREHOUSE big", &["control-statement USE"]);
    check("w:USE SCHEMA a.b", &["control-statement USE"]);
    check("w:ALTER SESSION SET TIMEZONE = 'UTC'", &["control-statement ALTER"]);
    check("w:ALTER TABLE t ADD COLUMN a INT", &["data-definition ALTER"]);
    check("w:BEGIN", &["control-statement BEGIN"]);
    check("CALL p(1)", &["write-in-read CALL"]);
    check("w:CALL p(1)", &[]);
    check("SELECT v:city::string AS c FROM t QUALIFY ROW_NUMBER() OVER (ORDER BY c) = 1", &[]);
    assert_eq!(check_sql(Dialect::Postgres, "CALL p(1)"), Vec::<String>::new());

    let messages = |mode: &str, dialect| {
        let file = format!("backend: demo\n{mode}sql:\n  - SELECT 1 AS a\n  - SELECT 2 AS b\n");
        let report = lint(dialect, &file);
        let errors = report.diagnostics.into_iter().filter(|found| found.level == Level::Error);
        errors.map(|found| format!("{}: {}", &file[found.span.range()], found.message)).collect::<Vec<_>>()
    };
    let expected = ["SELECT 2 AS b: each statement commits by itself on Snowflake, so that an action has one"];
    assert_eq!(messages("", Dialect::Snowflake), expected);
    assert_eq!(messages("mode: write\n", Dialect::Snowflake), expected);
    assert_eq!(messages("", Dialect::Postgres), Vec::<String>::new());

    let report = lint(Dialect::Snowflake, "backend: demo\nmode: write\nsql: ALTER SESSION SET QUERY_TAG = 'a'\n");
    let found = report.diagnostics.iter().find(|found| found.rule.name == "control-statement").expect("a finding");
    assert!(found.message.contains("each statement has a session of its own there"), "{}", found.message);
}
