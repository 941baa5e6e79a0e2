//! SQLite: its fixture, and what only it promises.

use std::{fs, path::Path, sync::Arc};

use datadip::{
    backend::{Again, Backend, Deployment, Driver, FailureKind, Health, driver, inspect::JsonKind},
    template::Dialect,
    value::{Scalar, Value},
    yaml,
};
use serde_json::json;
use tempfile::TempDir;

use super::{
    Fixture,
    calls::{action, call},
    tools::*,
};

const INIT: &str = "
    CREATE TABLE things (
      id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, amount INTEGER NOT NULL CHECK (amount >= 0)
    );
    CREATE TABLE parts (id INTEGER PRIMARY KEY, thing INTEGER NOT NULL REFERENCES things (id));
    INSERT INTO things VALUES (1, 'one', 1), (2, 'two', 2), (3, 'three', 3);
";

/// A folder with a database of its own.
struct Sqlite(TempDir);

impl Sqlite {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("init.sql"), INIT).expect("writable");
        Self(folder)
    }

    fn folder(&self) -> &Path {
        self.0.path()
    }

    fn open(&self, settings: &str) -> Arc<dyn Backend> {
        let (document, mut out) = yaml::parse(&format!("kind: sqlite\nurl: sqlite:test.db\n{settings}"));
        let backend =
            (self.driver().open)(&document.expect("valid YAML").root, &Deployment::at(self.folder()), &mut out);
        backend.unwrap_or_else(|| panic!("{out:?}"))
    }
}

impl Fixture for Sqlite {
    fn driver(&self) -> &'static Driver {
        driver("sqlite").expect("it is registered")
    }

    fn pooled(&self, pool: &str) -> Arc<dyn Backend> {
        self.open(&format!("init: init.sql\npool: {{ {pool} }}\n"))
    }

    fn endless(&self) -> &'static str {
        "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n) SELECT n FROM n WHERE n < 0"
    }

    fn endless_rows(&self) -> &'static str {
        "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n) SELECT n FROM n"
    }

    fn kept_back(&self) -> usize {
        0
    }

    fn query_that_writes(&self) -> &'static str {
        "WITH one AS (SELECT 1) DELETE FROM things"
    }

    fn tricks(&self) -> Vec<Vec<&'static str>> {
        let open = "PRAGMA query_only = OFF";
        let change = "UPDATE things SET amount = 99";
        vec![
            vec![change],
            vec!["WITH one AS (SELECT 1) DELETE FROM things"],
            vec!["INSERT INTO things VALUES (9, 'nine', 9) RETURNING id"],
            vec!["REPLACE INTO things VALUES (1, 'nine', 9)"],
            vec!["DROP TABLE things"],
            vec![open],
            vec![open, change],
            vec!["/* a comment */ PRAGMA query_only = OFF", change, "SELECT 1"],
            vec!["SELECT * FROM pragma_query_only(0)", change],
            vec!["PRAGMA writable_schema = ON", "DELETE FROM sqlite_schema"],
            vec!["PRAGMA user_version = 7"],
            vec!["PRAGMA journal_mode = DELETE"],
            vec!["PRAGMA wal_checkpoint(TRUNCATE)"],
            vec!["COMMIT", open, change],
            vec!["BEGIN", change, "COMMIT"],
            vec!["ROLLBACK", "BEGIN EXCLUSIVE", change],
            vec!["SAVEPOINT here", change, "RELEASE here"],
            vec!["ATTACH 'test.db' AS other", "UPDATE other.things SET amount = 99"],
            vec![open, "ATTACH 'test.db' AS other", "UPDATE other.things SET amount = 99"],
            vec!["ATTACH 'file:test.db?mode=rw' AS other", "UPDATE other.things SET amount = 99"],
            vec!["ATTACH ':memory:' AS other", "CREATE TABLE other.things AS SELECT 1 AS id"],
            // A temporary table or view would stand before the real one in the next call.
            vec!["CREATE TEMP TABLE things (id, name, amount)"],
            vec![open, "CREATE TEMP TABLE things (id, name, amount)"],
            vec![open, "CREATE TEMP VIEW things AS SELECT 9 AS id, 'nine' AS name, 9 AS amount"],
            vec![open, "COMMIT", "CREATE TEMP TABLE things (id, name, amount)"],
            vec!["VACUUM"],
            vec!["VACUUM INTO 'made-by-a-read.db'"],
            vec![open, "VACUUM INTO 'made-by-a-read.db'"],
            vec!["REINDEX"],
            vec!["ANALYZE"],
            vec!["SELECT load_extension('x')"],
            vec!["SELECT writefile('test.db', '')"],
        ]
    }
}

super::conformance!(Some(Sqlite::new()));

#[tokio::test]
async fn a_read_makes_no_file() {
    let fixture = Sqlite::new();
    let backend = fixture.backend(1);
    let path = fixture.folder().join("made.db");
    let sql = [format!("VACUUM INTO '{}'", path.display()), format!("ATTACH '{}' AS made", path.display())];
    for sql in sql {
        run(&backend, read(statements(SQL, &["PRAGMA query_only = OFF", &sql]))).await.expect_err("no query");
        run(&backend, read(statements(SQL, &[&sql]))).await.expect_err("no query");
        assert!(!path.exists(), "{sql}");
    }
}

const SQL: Dialect = Dialect::Sqlite;

#[tokio::test]
async fn a_missing_file_without_init_is_unavailable_and_not_created() {
    let fixture = Sqlite::new();
    let backend = fixture.open("");
    assert_eq!(backend.health(), Health::Unused);
    for request in [read(statements(SQL, &["SELECT 1"])), write(statements(SQL, &["SELECT 1"]))] {
        let failure = run(&backend, request).await.expect_err("there is no file");
        assert_eq!(failure.kind, FailureKind::Unavailable);
        assert!(!failure.message.contains("test.db"), "a path may be a secret's value: {}", failure.message);
    }
    assert_eq!(backend.connect().await.expect_err("there is no file").kind, FailureKind::Unavailable);
    assert_eq!(backend.health(), Health::Down);
    assert!(!fixture.folder().join("test.db").exists());
}

#[tokio::test]
async fn a_file_that_is_no_database_is_unavailable() {
    let fixture = Sqlite::new();
    fs::write(fixture.folder().join("test.db"), "a".repeat(10_000)).expect("writable");
    let failure = run(&fixture.open(""), read(statements(SQL, &["SELECT 1 FROM t"]))).await.expect_err("no database");
    assert_eq!(failure.kind, FailureKind::Unavailable);
}

#[tokio::test]
async fn a_file_that_vanishes_and_comes_back_is_found_again() {
    let fixture = Sqlite::new();
    let backend = fixture.backend(2);
    backend.connect().await.expect("init makes the file");
    assert_eq!((things(&backend, SQL).await, backend.health()), (first_things(), Health::Up));
    backend.close().await;

    let backend = fixture.open("");
    assert_eq!(things(&backend, SQL).await, first_things());
    run(&backend, write(statements(SQL, &["UPDATE things SET amount = 7"]))).await.expect("the write succeeds");
    let (here, away) = (fixture.folder().join("test.db"), fixture.folder().join("away.db"));
    fs::rename(&here, &away).expect("the file can be moved");
    for request in [read(statements(SQL, &["SELECT 1"])), write(statements(SQL, &["SELECT 1"]))] {
        let failure = run(&backend, request).await.expect_err("the file is gone");
        assert_eq!((failure.kind, backend.health()), (FailureKind::Unavailable, Health::Down));
    }
    // Another file of that name is another database, whose log is not the old one's.
    for log in ["test.db-wal", "test.db-shm"] {
        let _ = fs::remove_file(fixture.folder().join(log));
    }
    let other = Sqlite::new();
    other.backend(1).connect().await.expect("init makes the file");
    fs::copy(other.folder().join("test.db"), &here).expect("the file can be copied");
    assert_eq!((things(&backend, SQL).await, backend.health()), (first_things(), Health::Up));
}

#[tokio::test]
async fn a_file_that_is_cut_short_fails_calls_and_not_the_process() {
    let fixture = Sqlite::new();
    let fill = "CREATE TABLE big AS WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 5000) \
                SELECT n, hex(randomblob(500)) AS filling FROM n;";
    fs::write(fixture.folder().join("init.sql"), fill).expect("writable");
    let backend = fixture.backend(1);
    let count = read(statements(SQL, &["SELECT sum(length(filling)) AS n FROM big"]));
    assert_eq!(run(&backend, count).await.expect("the file is whole").rows, [[json!(5_000_000)]]);
    let file = fs::File::options().write(true).open(fixture.folder().join("test.db")).expect("writable");
    file.set_len(100_000).expect("the file can be cut");
    let count = read(statements(SQL, &["SELECT sum(length(filling)) AS n FROM big"]));
    let failure = run(&backend, count).await.expect_err("most of it is gone");
    assert_eq!(failure.kind, FailureKind::Unavailable, "{}", failure.message);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn init_runs_once_however_many_start_at_once() {
    let fixture = Arc::new(Sqlite::new());
    // Every backend has connections of its own, as processes have.
    let starts: Vec<_> = (0..8)
        .map(|number| {
            let fixture = fixture.clone();
            tokio::spawn(async move {
                let backend = fixture.backend(2);
                assert_eq!(things(&backend, SQL).await, first_things(), "nobody sees a half-filled database");
                let sql = format!("INSERT INTO parts (id, thing) VALUES ({number}, 1)");
                run(&backend, write(statements(SQL, &[&sql]))).await.map(drop)
            })
        })
        .collect();
    let mut written = 0;
    for start in starts {
        match start.await.expect("does not panic") {
            Ok(()) => written += 1,
            Err(failure) => assert_eq!(failure.kind, FailureKind::Contention),
        }
    }
    let backend = fixture.backend(1);
    assert_eq!(rows(&backend, SQL, "SELECT COUNT(*) AS n FROM parts").await, [[json!(written)]]);
    let mut names: Vec<String> = fs::read_dir(fixture.folder())
        .expect("readable")
        .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
        .filter(|name| !name.ends_with("-wal") && !name.ends_with("-shm"))
        .collect();
    names.sort();
    assert_eq!(names, ["init.sql", "test.db"], "no draft is left");
}

#[tokio::test]
async fn an_init_that_fails_leaves_no_file() {
    let fixture = Sqlite::new();
    fs::write(fixture.folder().join("init.sql"), "CREATE TABLE t (id); INSERT INTO nowhere VALUES ('secret')")
        .expect("writable");
    let backend = fixture.backend(1);
    for _ in 0..2 {
        let failure = backend.connect().await.expect_err("the script is wrong");
        assert_eq!(failure.kind, FailureKind::Unavailable);
        assert!(!failure.message.contains("secret"), "{}", failure.message);
    }
    let names: Vec<_> =
        fs::read_dir(fixture.folder()).expect("readable").map(|entry| entry.expect("readable")).collect();
    assert_eq!(names.len(), 1, "{names:?}");
}

#[tokio::test]
async fn a_database_made_by_init_is_in_wal_mode() {
    let fixture = Sqlite::new();
    let backend = fixture.backend(1);
    assert_eq!(rows(&backend, SQL, "SELECT * FROM pragma_journal_mode").await, [[json!("wal")]]);
    assert_eq!(rows(&backend, SQL, "SELECT * FROM pragma_query_only").await, [[json!(1)]]);
}

#[tokio::test]
async fn text_that_is_not_utf8_fails_clearly() {
    let fixture = Sqlite::new();
    let backend = fixture.backend(1);
    let failure = run(&backend, read(statements(SQL, &["SELECT CAST(x'ff41' AS TEXT) AS t"]))).await;
    let failure = failure.expect_err("it is no text");
    assert_eq!(failure.kind, FailureKind::Other);
    assert!(failure.message.contains("utf-8"), "{}", failure.message);
    assert_eq!(things(&backend, SQL).await, first_things());
}

#[tokio::test]
async fn a_row_of_many_megabytes_fails_clearly() {
    let fixture = Sqlite::new();
    let backend = fixture.backend(1);
    let sql = "SELECT zeroblob(1000000) AS a, zeroblob(66200000) AS b";
    let failure = run(&backend, read(statements(SQL, &[sql]))).await.expect_err("too large");
    assert_eq!(failure.kind, FailureKind::Other);
    assert!(failure.message.contains("a row of more than 67108864 bytes"), "{}", failure.message);
    assert_eq!(things(&backend, SQL).await, first_things());
}

#[tokio::test]
async fn values_come_by_their_own_type() {
    let backend = Sqlite::new();
    let backend = backend.backend(1);
    let check = async |sql: &str, expected| assert_eq!(rows(&backend, SQL, sql).await, [[expected]], "{sql}");
    check("SELECT 1.5 AS v", json!(1.5)).await;
    check("SELECT 9e999 AS v", json!("Infinity")).await;
    check("SELECT -9e999 AS v", json!("-Infinity")).await;
    check("SELECT 9e999 - 9e999 AS v", json!(null)).await;
    check("SELECT x'00ff' AS v", json!("\\x00ff")).await;
    check("SELECT x'' AS v", json!("\\x")).await;
    check("SELECT 'a' || char(0) || 'b' AS v", json!("a\u{0}b")).await;
}

#[tokio::test]
async fn a_value_that_a_function_refuses_is_invalid() {
    let backend = Sqlite::new();
    let backend = backend.backend(1);
    for sql in ["SELECT abs(-9223372036854775807 - 1)", "SELECT json('{')"] {
        let failure = run(&backend, read(statements(SQL, &[sql]))).await.expect_err("the function refuses it");
        assert_eq!(failure.kind, FailureKind::InvalidValue, "{sql}: {}", failure.message);
    }
}

#[tokio::test]
async fn a_refused_value_is_told_by_its_parameter_where_there_is_one() {
    let fixture = Sqlite::new();
    let backend = fixture.backend(1);
    let one = action(fixture.driver(), "params: { text: string }\nsql: SELECT json({{ text }}) AS v\n");
    let (answer, _) = call(&one, &backend, r#"{"text": "{"}"#).await;
    let error = answer.expect_err("it is no JSON");
    assert_eq!((error.code.as_str(), error.code.status()), ("invalid_parameter", 400));
    assert_eq!(error.errors[0].parameter, "text");
    let text = "params: { text: string, id: integer }\nsql: SELECT json({{ text }}) AS v WHERE 1 = {{ id }}\n";
    let (answer, _) = call(&action(fixture.driver(), text), &backend, r#"{"text": "{", "id": 1}"#).await;
    let error = answer.expect_err("it is no JSON");
    assert_eq!((error.code.as_str(), error.errors.len()), ("invalid_parameter", 0));
}

#[tokio::test]
async fn a_write_that_meets_a_lock_may_be_tried_again() {
    let fixture = Sqlite::new();
    let (backend, other) = (fixture.backend(1), fixture.backend(1));
    things(&backend, SQL).await;
    let hold = ["UPDATE things SET amount = 50", "SELECT id FROM things"];
    let holder = held(&other, write(statements(SQL, &hold))).await;
    let failure = run(&backend, write(statements(SQL, &["UPDATE things SET amount = 9"]))).await.expect_err("locked");
    assert_eq!((failure.kind, failure.again), (FailureKind::Contention, Again::Paused));
    assert_eq!(things(&backend, SQL).await, first_things(), "reads do not wait for a writer");
    holder.abort();
    assert!(holder.await.is_err_and(|error| error.is_cancelled()));
    run(&backend, write(statements(SQL, &["UPDATE things SET amount = 9"]))).await.expect("the lock is gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_is_waited_for_by_trying_again() {
    let fixture = Sqlite::new();
    let (backend, other) = (fixture.backend(1), fixture.backend(1));
    things(&backend, SQL).await;
    let text = "mode: write\ntimeout: 60s\nsql: UPDATE things SET amount = 9 WHERE id = 1\n";
    let holder = held(&other, write(statements(SQL, &["DELETE FROM things", "SELECT 1"]))).await;
    let few = action(fixture.driver(), &format!("{text}retry: {{ attempts: 2, base_delay: 1ms }}\n"));
    let (answer, trace) = call(&few, &backend, "{}").await;
    let error = answer.expect_err("the lock is held");
    assert_eq!((error.code.as_str(), error.code.status(), trace.retries), ("contention", 503, 1));
    assert!(error.retry_after.is_some() && !error.in_doubt);

    let many = action(fixture.driver(), &format!("{text}retry: {{ attempts: 20, base_delay: 50ms }}\n"));
    let counted = Counted::new(&backend);
    let backend: Arc<dyn Backend> = counted.clone();
    let waiting = tokio::spawn(async move { call(&many, &backend, "{}").await });
    until("it has met the lock", async || counted.failed() > 0).await;
    holder.abort();
    let (answer, trace) = waiting.await.expect("does not panic");
    assert_eq!(answer.expect("the lock is gone in time")["row_count"], json!(1));
    assert!(trace.retries > 0);
}

#[tokio::test]
async fn no_time_is_left_for_a_retry_that_would_end_after_the_deadline() {
    let fixture = Sqlite::new();
    let (backend, other) = (fixture.backend(1), fixture.backend(1));
    things(&backend, SQL).await;
    let holder = held(&other, write(statements(SQL, &["DELETE FROM things", "SELECT 1"]))).await;
    let text = "mode: write\ntimeout: 10s\nretry: { attempts: 20, base_delay: 60s, max_delay: 60s }\n\
                sql: UPDATE things SET amount = 9 WHERE id = 1\n";
    let (answer, _) = call(&action(fixture.driver(), text), &backend, "{}").await;
    assert_eq!(answer.expect_err("the lock is held").code.as_str(), "contention");
    holder.abort();
}

#[tokio::test]
async fn statement_timeout_bounds_a_run() {
    let fixture = Sqlite::new();
    let backend = fixture.open("init: init.sql\nstatement_timeout: 2s\n");
    let failure = run(&backend, read(statements(SQL, &[fixture.endless()]))).await.expect_err("it never ends");
    assert_eq!((failure.kind, failure.again), (FailureKind::Timeout, Again::Never));
    assert_eq!(things(&backend, SQL).await, first_things());
}

#[tokio::test]
async fn a_closed_backend_takes_no_calls() {
    let fixture = Sqlite::new();
    let backend = fixture.backend(1);
    things(&backend, SQL).await;
    backend.close().await;
    let failure = run(&backend, read(statements(SQL, &["SELECT 1"]))).await.expect_err("it is closed");
    assert_eq!(failure.kind, FailureKind::Unavailable);
    assert_eq!(backend.connections().open, 0);
}

#[tokio::test]
async fn a_statement_is_described_by_the_database_as_it_is_now() {
    let fixture = Sqlite::new();
    let backend = fixture.backend(1);
    let inspect = backend.inspect().expect("it can be asked");
    let select = statement(SQL, "SELECT id, name, amount + 1 AS more FROM things WHERE id = {{ id }}", &[ID]).statement;
    let insert = statement(SQL, "INSERT INTO things (id, name, amount) VALUES ({{ id }}, 'x', 1)", &[ID]).statement;
    for _ in 0..2 {
        let described = inspect.describe(&select).await.expect("it is fine").expect("it is described");
        let columns = described.columns.iter().map(|column| (column.name.as_str(), column.json)).collect::<Vec<_>>();
        assert_eq!(columns, [("id", JsonKind::Any), ("name", JsonKind::String), ("more", JsonKind::Any)]);
        let described = inspect.describe(&insert).await.expect("a write can be described").expect("it is described");
        assert_eq!((described.columns.len(), described.problems.len()), (0, 0));
    }
    let tables = ["things".to_owned(), "none".to_owned()];
    let before = inspect.digests(&tables).await.expect("digests");
    assert_eq!(before.keys().collect::<Vec<_>>(), ["things"]);
    let change = |sql: &'static str| run(&backend, write(statements(SQL, &[sql])));
    change("ALTER TABLE things RENAME COLUMN name TO called").await.expect("changed");
    assert_ne!(inspect.digests(&tables).await.expect("digests"), before);
    for statement in [&select, &insert] {
        let failure = inspect.describe(statement).await.expect_err("a column is missing");
        assert_eq!(failure.kind, FailureKind::Drift, "{}", failure.message);
        assert!(failure.message.contains("name"), "{}", failure.message);
    }
    change("ALTER TABLE things RENAME COLUMN called TO name").await.expect("changed");
    assert_eq!(inspect.digests(&tables).await.expect("digests"), before);
    inspect.describe(&select).await.expect("it is fine again");
    assert_eq!(things(&backend, SQL).await, first_things(), "nothing was run");
}

#[tokio::test]
async fn tables_and_plans_can_be_asked_for() {
    let fixture = Sqlite::new();
    let backend = fixture.backend(1);
    let inspect = backend.inspect().expect("it can be asked");
    assert_eq!(inspect.tables().await.expect("tables"), ["parts", "things"]);
    let table = inspect.table("main.\"Things\"", &[]).await.expect("an answer").expect("the table");
    assert_eq!((table.name.as_str(), table.key), ("things", vec!["id".to_owned()]));
    let columns = table.columns.iter().map(|c| (c.name.as_str(), c.scalar, c.nullable)).collect::<Vec<_>>();
    let expected = [
        ("id", Some(Scalar::Integer), false),
        ("name", Some(Scalar::String), false),
        ("amount", Some(Scalar::Integer), false),
    ];
    assert_eq!(columns, expected);
    for name in ["none", "other.things", "things; DROP TABLE things", ""] {
        assert_eq!(inspect.table(name, &[]).await.expect("an answer"), None, "{name}");
    }
    let nested = "SELECT name FROM things WHERE id IN (SELECT thing FROM parts) AND id = {{ id }}";
    let plan = inspect.plan(&statement(SQL, nested, &[ID]).statement).await.expect("a plan");
    assert_eq!(plan.cost, None);
    let steps: Vec<&str> = plan.plan.as_array().expect("steps").iter().filter_map(|step| step.as_str()).collect();
    assert!(steps[0].starts_with("SEARCH things") && steps.iter().any(|step| step.starts_with("  ")), "{steps:?}");
}

const ID: (&str, Scalar, Value) = ("id", Scalar::Integer, Value::Integer(1));
