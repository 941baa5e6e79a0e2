//! PostgreSQL: its fixture, and what only it promises.

use std::{
    future,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use datadip::{
    backend::{Again, Backend, Deployment, Driver, FailureKind, Health, Isolation, Options, Request, driver},
    template::Dialect,
    value::{Scalar, Value},
    yaml,
};
use serde_json::{Value as Json, json};
use sqlx::{Connection, Executor, PgConnection};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{
    Fixture,
    calls::{action, call},
    tools::*,
};
use crate::database::Database;

const INIT: &str = "
    CREATE TABLE things (
      id bigint PRIMARY KEY, name text NOT NULL UNIQUE, amount bigint NOT NULL CHECK (amount >= 0)
    );
    CREATE TABLE parts (id bigint PRIMARY KEY, thing bigint NOT NULL REFERENCES things (id));
    INSERT INTO things VALUES (1, 'one', 1), (2, 'two', 2), (3, 'three', 3);
";

/// What a database may have that a read could write with.
const TRAPS: &str = "
    CREATE SEQUENCE numbers;
    CREATE FUNCTION change() RETURNS bigint LANGUAGE sql AS
      'UPDATE things SET amount = 99; SELECT 1::bigint';
    CREATE FUNCTION change_as_owner() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS $$
      BEGIN UPDATE things SET amount = 99; RETURN 1; END $$;
    CREATE FUNCTION change_with_setting() RETURNS bigint LANGUAGE plpgsql SET default_transaction_read_only = off AS $$
      BEGIN UPDATE things SET amount = 99; RETURN 1; END $$;
    DO $$ BEGIN
      -- Later versions refuse such a function from the start.
      IF current_setting('server_version_num')::integer < 180000 THEN
        ALTER FUNCTION change_with_setting() SET transaction_read_only = off;
      END IF;
    END $$;
    CREATE FUNCTION unlock() RETURNS bigint LANGUAGE plpgsql AS $$
      BEGIN PERFORM set_config('default_transaction_read_only', 'off', false); RETURN 1; END $$;
    CREATE FUNCTION unlock(things) RETURNS bigint LANGUAGE sql AS 'SELECT unlock()';
    CREATE FUNCTION unlock_innocently() RETURNS bigint IMMUTABLE LANGUAGE plpgsql AS $$
      BEGIN PERFORM set_config('default_transaction_read_only', 'off', false); RETURN 1; END $$;
    CREATE FUNCTION unlock_then_change() RETURNS bigint LANGUAGE plpgsql AS $$
      BEGIN
        PERFORM set_config('default_transaction_read_only', 'off', false);
        PERFORM set_config('transaction_read_only', 'off', true);
        UPDATE things SET amount = 99;
        RETURN 1;
      END $$;
    CREATE FUNCTION prepare_trap() RETURNS bigint LANGUAGE plpgsql AS $$
      BEGIN EXECUTE 'PREPARE sqlx_s_9 AS UPDATE things SET amount = 99'; RETURN 1; END $$;
    CREATE FUNCTION forget_all() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN DEALLOCATE ALL; RETURN 1; END $$;
    CREATE FUNCTION lock() RETURNS bigint LANGUAGE plpgsql AS $$
      BEGIN PERFORM pg_advisory_lock(1); RETURN 1; END $$;
    CREATE PROCEDURE commit_and_change() LANGUAGE plpgsql AS $$
      BEGIN
        COMMIT;
        SET default_transaction_read_only = off;
        COMMIT;
        UPDATE things SET amount = 99;
        COMMIT;
      END $$;
    CREATE VIEW unlocking AS SELECT unlock() AS id;
    CREATE TABLE guarded (id bigint);
    INSERT INTO guarded VALUES (1);
    ALTER TABLE guarded ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    CREATE POLICY reading ON guarded USING (unlock() = 1);
";

/// Calls of functions that no word of theirs names.
const HIDDEN: &str = "
    CREATE FUNCTION unlock(text) RETURNS boolean LANGUAGE plpgsql AS $$
      BEGIN PERFORM set_config('default_transaction_read_only', 'off', false); RETURN true; END $$;
    CREATE FUNCTION same(bigint, text) RETURNS boolean LANGUAGE sql AS 'SELECT unlock($2)';
    CREATE OPERATOR === (LEFTARG = bigint, RIGHTARG = text, FUNCTION = same);
    CREATE TYPE mood AS ENUM ('good');
    CREATE FUNCTION of_mood(mood) RETURNS bigint LANGUAGE sql AS 'SELECT unlock($1::text)::int::bigint';
    CREATE CAST (mood AS bigint) WITH FUNCTION of_mood(mood) AS IMPLICIT;
    CREATE DOMAIN checked AS text CHECK (unlock(VALUE));
";

/// A database of its own.
pub struct Postgres(Database);

impl Postgres {
    /// `None` without a server.
    pub fn new() -> Option<Self> {
        Database::postgres(&format!("{INIT}{TRAPS}")).map(Self)
    }

    pub fn open(&self, settings: &str) -> Arc<dyn Backend> {
        self.open_at(self.0.url(), settings)
    }

    fn open_at(&self, url: &str, settings: &str) -> Arc<dyn Backend> {
        let (document, mut out) = yaml::parse(&format!("kind: postgres\nurl: \"{url}\"\n{settings}"));
        let backend =
            (self.driver().open)(&document.expect("valid YAML").root, &Deployment::at(Path::new(".")), &mut out);
        backend.unwrap_or_else(|| panic!("{out:?}"))
    }
}

impl Fixture for Postgres {
    fn driver(&self) -> &'static Driver {
        driver("postgres").expect("it is registered")
    }

    fn pooled(&self, pool: &str) -> Arc<dyn Backend> {
        self.open(&format!("pool: {{ {pool} }}\n"))
    }

    fn endless(&self) -> &'static str {
        "SELECT n FROM generate_series(1, 1000000000000) AS n WHERE n < 0"
    }

    fn endless_rows(&self) -> &'static str {
        "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n) SELECT n FROM n"
    }

    fn query_that_writes(&self) -> &'static str {
        "WITH one AS (SELECT 1) DELETE FROM things"
    }

    fn tricks(&self) -> Vec<Vec<&'static str>> {
        let open = "SET default_transaction_read_only = off";
        let change = "UPDATE things SET amount = 99";
        vec![
            vec![change],
            vec!["WITH gone AS (DELETE FROM things RETURNING id) SELECT id FROM gone"],
            vec!["EXPLAIN ANALYZE UPDATE things SET amount = 99"],
            vec!["SELECT id FROM things FOR UPDATE"],
            vec!["SELECT id, name, amount INTO TEMP things FROM things"],
            vec!["CREATE TEMP TABLE things (id bigint, name text, amount bigint)"],
            vec![open],
            vec![open, change],
            vec!["SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE"],
            vec!["SET TRANSACTION READ WRITE", change],
            vec!["SET SESSION AUTHORIZATION DEFAULT", "RESET ALL", change],
            vec!["SELECT set_config('default_transaction_read_only', 'off', false)"],
            vec!["SELECT \"set_config\"('default_transaction_read_only', 'off', false)"],
            vec!["SELECT pg_catalog . set_config('default_transaction_read_only', 'off', false)"],
            vec!["SELECT set_config('default_transaction_read_only', 'off', false)", change],
            vec!["SELECT set_config('transaction_read_only', 'off', false)", change],
            vec!["SELECT set_config('transaction_read_only', 'off', true)", change],
            vec!["SELECT set_config('search_path', 'nowhere', false)"],
            vec!["UPDATE pg_settings SET setting = 'off' WHERE name = 'default_transaction_read_only'"],
            vec!["COMMIT", change],
            vec!["COMMIT", open, change],
            vec!["ROLLBACK", "BEGIN READ WRITE", change, "COMMIT"],
            vec!["END", open],
            vec!["ABORT", open],
            vec!["SAVEPOINT here", change, "RELEASE here"],
            vec!["PREPARE sqlx_s_9 AS UPDATE things SET amount = 99"],
            vec!["DEALLOCATE ALL"],
            vec!["DISCARD ALL"],
            vec!["SELECT change()"],
            vec!["SELECT change_as_owner()"],
            vec!["SELECT change_with_setting()"],
            vec!["SELECT unlock()"],
            vec!["SELECT unlock()", change],
            vec!["SELECT unlock_innocently()"],
            vec!["SELECT unlock_innocently()", change],
            vec!["SELECT unlock_then_change()"],
            vec!["SELECT things.unlock FROM things"],
            vec!["SELECT (things).unlock FROM things"],
            vec!["SELECT \"unlock\"()"],
            vec!["SELECT U&\"\\0075nlock\"()"],
            vec!["SELECT id FROM unlocking"],
            vec!["TABLE unlocking"],
            vec!["SELECT id FROM guarded"],
            vec!["SELECT table_to_xml('unlocking', true, true, '')"],
            vec!["SELECT query_to_xml('SELECT unlock()', true, true, '')"],
            vec!["SELECT ts_stat('SELECT unlock()::text::tsvector')"],
            vec!["SELECT prepare_trap()"],
            vec!["SELECT forget_all()"],
            vec!["CALL commit_and_change()"],
            vec!["DO $$ BEGIN UPDATE things SET amount = 99; END $$"],
            vec!["DO $$ BEGIN COMMIT; SET default_transaction_read_only = off; END $$"],
            vec!["SELECT nextval('numbers')"],
            vec!["SELECT setval('numbers', 7)"],
            vec!["SELECT lock()"],
            vec!["SELECT pg_advisory_lock(2)"],
            vec!["SELECT lo_create(0)"],
            vec!["SELECT lo_import('/etc/passwd')"],
            vec!["SELECT setseed(0.5)"],
            vec!["LISTEN things"],
            vec!["NOTIFY things"],
            vec!["DECLARE c CURSOR WITH HOLD FOR SELECT 1"],
            vec!["COPY things TO STDOUT"],
            vec!["COPY things FROM STDIN"],
            vec!["COPY things TO PROGRAM 'true'"],
            vec!["LOCK TABLE things IN ACCESS EXCLUSIVE MODE"],
            vec!["LOAD 'auto_explain'"],
            vec!["VACUUM"],
            vec!["ANALYZE things"],
            vec!["CLUSTER"],
            vec!["DROP TABLE things"],
        ]
    }

    fn samples(&self) -> Vec<(Scalar, Value, Json)> {
        super::values::samples().into_iter().filter(|(scalar, ..)| *scalar == Scalar::String).collect()
    }
}

super::conformance!(Postgres::new());

/// A lock that a test holds, so that statements which want it wait for one another: no machine is too slow for that.
struct Gate(PgConnection);

impl Gate {
    /// A statement that waits for the lock. Others may have it as well, to the end of their transactions.
    const WAIT: &str = "SELECT pg_advisory_xact_lock_shared(4711)";

    async fn new(fixture: &Postgres) -> Self {
        let mut connection = PgConnection::connect(fixture.0.url()).await.expect("it connects");
        sqlx::raw_sql("SELECT pg_advisory_lock(4711)").execute(&mut connection).await.expect("it is free");
        Self(connection)
    }

    /// Gives the lock back once so many statements wait for it.
    async fn open(&mut self, fixture: &Postgres, waiting: usize) {
        let waits = || activity(fixture, "wait_event IS NOT DISTINCT FROM 'advisory'");
        until("statements wait", async || waits().iter().filter(|waits| *waits == "true").count() == waiting).await;
        sqlx::raw_sql("SELECT pg_advisory_unlock_all()").execute(&mut self.0).await.expect("it is free");
    }
}

#[tokio::test]
async fn connections_that_were_lost_meanwhile_are_made_up_for() {
    const SEVER: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE usename = current_user AND datname = current_database() AND pid <> pg_backend_pid()";
    let Some(postgres) = Postgres::new() else { return };
    super::calls::lost_connections_are_made_up_for(&postgres, || postgres.0.run(SEVER)).await;
}

const SQL: Dialect = Dialect::Postgres;

/// Whether a query runs without a transaction of its own around it: after one the session would be brought into order.
async fn runs_bare(fixture: &Postgres, from: &str) -> bool {
    let backend = fixture.backend(1);
    rows(&backend, SQL, &format!("SELECT 'bare'::text AS bare {from}")).await;
    settled(&backend).await;
    let last = activity(fixture, "query");
    backend.close().await;
    last.iter().any(|query| query.contains("'bare'"))
}

#[tokio::test]
async fn only_a_read_that_calls_nothing_unknown_runs_without_a_transaction() {
    let Some(fixture) = Postgres::new() else { return };
    for from in [
        "",
        "FROM things AS t WHERE t.id = 1 AND lower(name) LIKE 'o%' AND \"amount\" + random() > 0",
        "FROM (SELECT count(*), max(name) FROM public.things) AS t",
        "WHERE CASE WHEN current_date > '2020-01-01' THEN true END",
    ] {
        assert!(runs_bare(&fixture, from).await, "{from}");
    }
    for from in [
        "WHERE unlock() = 1",
        "FROM (SELECT t.unlock FROM things t LIMIT 1) AS u",
        "FROM unlocking",
        "FROM guarded",
        "WHERE pg_try_advisory_lock(1)",
        "WHERE set_config('a.b', 'c', false) = 'c'",
        // A column of such a name costs no more than the transaction.
        "FROM (SELECT 1 AS nextval) AS t",
    ] {
        assert!(!runs_bare(&fixture, from).await, "{from}");
    }
}

#[tokio::test]
async fn nothing_runs_bare_where_functions_are_called_without_being_named() {
    let Some(fixture) = Postgres::new() else { return };
    assert!(runs_bare(&fixture, "").await);
    fixture.0.run(HIDDEN);
    let backend = fixture.backend(1);
    assert!(!runs_bare(&fixture, "").await);
    for sql in ["SELECT id === 'x' AS v FROM things", "SELECT 'good'::mood + 1 AS v", "SELECT 'x'::checked::text AS v"]
    {
        let _ = run(&backend, read(statements(SQL, &[sql]))).await;
        let refused = run(&backend, read(statements(SQL, &[fixture.query_that_writes()]))).await;
        assert_eq!(refused.expect_err("it is a read").code.as_deref(), Some("25006"), "{sql}");
    }
}

#[tokio::test]
async fn nothing_runs_bare_whose_plan_may_call_a_function() {
    const TREES: &str = "
        CREATE FUNCTION evil(bigint) RETURNS bigint IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';
        CREATE TABLE indexed (id bigint);
        CREATE INDEX ON indexed (evil(id));
        CREATE TABLE partial (id bigint);
        CREATE INDEX ON partial (id) WHERE evil(1) = 1;
        CREATE TABLE checked (id bigint CHECK (evil(1) = 1));
        CREATE TABLE above (id bigint);
        CREATE TABLE below (CHECK (evil(id) = 1)) INHERITS (above);
        CREATE TABLE parted (id bigint) PARTITION BY RANGE (evil(id));
        CREATE TABLE counted (id bigint);
        CREATE STATISTICS counting ON (evil(id)), id FROM counted;
    ";
    let Some(fixture) = Postgres::new() else { return };
    fixture.0.run("CREATE INDEX ON things (lower(name)) WHERE abs(amount) > 0");
    assert!(runs_bare(&fixture, "FROM things").await, "nothing but PostgreSQL's own is called");
    fixture.0.run(TREES);
    for table in ["indexed", "partial", "checked", "above", "parted", "counted"] {
        assert!(!runs_bare(&fixture, &format!("FROM {table}")).await, "{table}");
    }
}

/// What the watcher asks each minute.
async fn asked(backend: &Arc<dyn Backend>, table: &str) {
    let digests = backend.inspect().expect("it can be asked").digests(&[table.to_owned()]).await;
    digests.expect("the catalog answers");
}

#[tokio::test]
async fn a_function_that_the_planner_calls_unlocks_nothing_once_the_catalog_was_asked() {
    let Some(fixture) = Postgres::new() else { return };
    let backend = fixture.backend(1);
    asked(&backend, "things").await;
    let sql = "SELECT name FROM things WHERE id = 2";
    assert_eq!(rows(&backend, SQL, sql).await, [[json!("two")]]);
    fixture.0.run(
        "CREATE FUNCTION evil(bigint) RETURNS bigint IMMUTABLE LANGUAGE plpgsql AS $$
           BEGIN PERFORM set_config('default_transaction_read_only', 'off', false); RETURN $1; END $$;
         CREATE INDEX ON things (id) WHERE evil(1) = 1;",
    );
    asked(&backend, "things").await;
    assert_eq!(rows(&backend, SQL, sql).await, [[json!("two")]]);
    settled(&backend).await;
    let setting = "SELECT current_setting('default_transaction_read_only') AS setting";
    assert_eq!(rows(&backend, SQL, setting).await, [[json!("on")]]);
}

#[tokio::test]
async fn nothing_runs_bare_where_an_operator_calls_what_is_volatile() {
    let Some(fixture) = Postgres::new() else { return };
    fixture.0.run(
        "CREATE OPERATOR |+| (RIGHTARG = bigint, FUNCTION = pg_catalog.int8um);
         CREATE EXTENSION citext; CREATE EXTENSION hstore; CREATE EXTENSION pg_trgm; CREATE EXTENSION btree_gist;",
    );
    assert!(runs_bare(&fixture, "").await);
    for function in ["pg_catalog.pg_advisory_lock", "set_limit"] {
        let ty = if function == "set_limit" { "real" } else { "bigint" };
        fixture.0.run(&format!("CREATE OPERATOR |#| (RIGHTARG = {ty}, FUNCTION = {function})"));
        assert!(!runs_bare(&fixture, "").await, "{function}");
        fixture.0.run(&format!("DROP OPERATOR |#| (NONE, {ty})"));
    }
}

/// What the server has of this database's connections, but for the one that asks.
fn activity(fixture: &Postgres, what: &str) -> Vec<String> {
    fixture.0.rows(&format!(
        "SELECT ({what})::text FROM pg_stat_activity a WHERE datname = current_database() AND pid <> pg_backend_pid()"
    ))
}

#[tokio::test]
async fn nothing_of_a_read_or_a_write_is_left_in_its_session() {
    let Some(fixture) = Postgres::new() else { return };
    let backend = fixture.backend(1);
    let left = [
        "SELECT lock()",
        "SELECT pg_advisory_lock(2)",
        "SELECT set_config('search_path', 'nowhere', false)",
        "SELECT set_config('TimeZone', 'Asia/Tokyo', false)",
        "SELECT set_config('role', 'datadip_role', false)",
    ];
    let now = "SELECT current_setting('search_path') || current_setting('TimeZone') || current_user \
               || current_setting('default_transaction_read_only') \
               || (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS v";
    let before = rows(&backend, SQL, now).await;
    for sql in left {
        for request in [read(statements(SQL, &[sql])), write(statements(SQL, &[sql]))] {
            let write = request.write;
            let _ = run(&backend, request).await;
            settled(&backend).await;
            assert_eq!(rows(&backend, SQL, now).await, before, "{sql}, a write: {write}");
        }
    }
    let temp = write(statements(SQL, &["CREATE TEMP TABLE things (id bigint, name text, amount bigint)"]));
    run(&backend, temp).await.expect("a write may make one");
    settled(&backend).await;
    assert_eq!(things(&backend, SQL).await, first_things());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_past_its_deadline_is_gone_from_the_server() {
    let Some(fixture) = Postgres::new() else { return };
    let backend = fixture.backend(4);
    let endless = fixture.endless();
    // One that is connected already: connecting would count as well.
    let mut observer = PgConnection::connect(fixture.0.url()).await.expect("the server is there");
    let running = "SELECT 1 FROM pg_stat_activity \
                   WHERE datname = current_database() AND state = 'active' AND starts_with(query, $1)";
    for list in [vec![endless], vec!["SELECT 1", endless], vec!["SELECT pg_sleep(60)"]] {
        // The connections and statements of the first call are not what is measured.
        things(&backend, SQL).await;
        let request = read(statements(SQL, &list));
        let mut kept = Kept::default();
        let deadline = Instant::now() + Duration::from_millis(100);
        let outcome = tokio::time::timeout_at(deadline.into(), backend.run(&request, &mut kept)).await;
        assert!(outcome.is_err());
        let statement = list[list.len() - 1];
        while observer.fetch_optional(sqlx::query(running).bind(statement)).await.expect("it answers").is_some() {
            // Generous, because tests run beside each other.
            assert!(deadline.elapsed() < Duration::from_secs(30), "{statement} goes on");
        }
        println!("{statement} is gone {:?} after its deadline", deadline.elapsed());
        settled(&backend).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deadlines_never_make_more_connections_than_the_pool_has() {
    let Some(fixture) = Postgres::new() else { return };
    let backend = fixture.backend(3);
    let request = Arc::new(read(statements(SQL, &[fixture.endless()])));
    for _ in 0..20 {
        let calls: Vec<_> = (0..6)
            .map(|_| {
                let (backend, request) = (backend.clone(), request.clone());
                tokio::spawn(async move {
                    let mut kept = Kept::default();
                    let _ = tokio::time::timeout(Duration::from_millis(20), backend.run(&request, &mut kept)).await;
                })
            })
            .collect();
        for call in calls {
            call.await.expect("does not panic");
        }
        assert!(backend.connections().open <= 3, "{:?}", backend.connections());
        // One more cancels. A process that was ended is listed until the server has noticed; one whose statement goes on, for
        // ever.
        until("the others are gone", async || activity(&fixture, "pid").len() <= 4).await;
    }
    settled(&backend).await;
    assert_eq!(things(&backend, SQL).await, first_things());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_calls_that_deadlock_both_succeed() {
    let Some(fixture) = Postgres::new() else { return };
    let backend = fixture.backend(2);
    let mut gate = Gate::new(&fixture).await;
    let text = |first, second| {
        format!(
            "mode: write\nsql:\n  - UPDATE things SET amount = amount + 1 WHERE id = {first}\n  \
             - {}\n  - UPDATE things SET amount = amount + 1 WHERE id = {second}\ntimeout: 60s\n",
            Gate::WAIT
        )
    };
    let actions = [text(1, 2), text(2, 1)].map(|text| action(fixture.driver(), &text));
    let calls = actions.map(|action| {
        let backend = backend.clone();
        tokio::spawn(async move { call(&action, &backend, "{}").await })
    });
    gate.open(&fixture, 2).await;
    let mut retries = 0;
    for called in calls {
        let (answer, trace) = called.await.expect("does not panic");
        assert_eq!(answer.expect("the loser tries again")["row_count"], json!(1));
        retries += trace.retries;
    }
    assert_eq!(retries, 1, "they met");
    let amounts: Vec<_> = things(&backend, SQL).await.into_iter().map(|row| row[2].clone()).collect();
    assert_eq!(amounts, [json!(3), json!(4), json!(3)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_could_not_be_serialized_is_tried_again() {
    let Some(fixture) = Postgres::new() else { return };
    let backend = fixture.backend(2);
    let mut gate = Gate::new(&fixture).await;
    let text = format!(
        "mode: write\noptions: {{ isolation: serializable }}\ntimeout: 60s\nsql:\n  \
         - SELECT sum(amount)::bigint AS n FROM things\n  - {}\n  \
         - UPDATE things SET amount = amount + 1 WHERE id = 1\n",
        Gate::WAIT
    );
    let calls = [0, 1].map(|_| {
        let (backend, action) = (backend.clone(), action(fixture.driver(), &text));
        tokio::spawn(async move { call(&action, &backend, "{}").await })
    });
    gate.open(&fixture, 2).await;
    let mut retries = 0;
    for called in calls {
        let (answer, trace) = called.await.expect("does not panic");
        answer.expect("the loser tries again");
        retries += trace.retries;
    }
    assert!(retries > 0, "they met");
    assert_eq!(things(&backend, SQL).await[0][2], json!(3));
}

#[tokio::test]
async fn the_isolation_level_is_the_actions() {
    let Some(fixture) = Postgres::new() else { return };
    let backend = fixture.backend(1);
    let sql = "SELECT current_setting('transaction_isolation') AS v";
    for (isolation, expected) in [
        (None, "read committed"),
        (Some(Isolation::ReadCommitted), "read committed"),
        (Some(Isolation::RepeatableRead), "repeatable read"),
        (Some(Isolation::Serializable), "serializable"),
    ] {
        for request in [read(statements(SQL, &[sql])), write(statements(SQL, &[sql]))] {
            let request = Request { options: Options { isolation, ..Options::default() }, ..request };
            assert_eq!(run(&backend, request).await.expect("a query").rows, [[json!(expected)]]);
        }
    }
}

#[tokio::test]
async fn a_changed_table_is_no_failure_of_a_call() {
    let Some(fixture) = Postgres::new() else { return };
    let backend = fixture.backend(2);
    let one = action(fixture.driver(), "sql: SELECT * FROM things ORDER BY id LIMIT 1\n");
    let all =
        action(fixture.driver(), "mode: write\nsql: UPDATE things SET amount = amount + 1 WHERE id = 1 RETURNING *\n");
    let first = |answer: &Json| answer["result"][0].clone();
    for action in [&one, &all] {
        call(action, &backend, "{}").await.0.expect("the table is there");
        settled(&backend).await;
    }
    for (change, expected) in [
        ("ALTER TABLE things ADD COLUMN more int DEFAULT 7", json!({ "id": 1, "name": "one", "amount": 3, "more": 7 })),
        ("ALTER TABLE things ALTER COLUMN more TYPE text", json!({ "id": 1, "name": "one", "amount": 4, "more": "7" })),
        ("ALTER TABLE things DROP COLUMN more", json!({ "id": 1, "name": "one", "amount": 5 })),
    ] {
        fixture.0.run(change);
        let (answer, _) = call(&all, &backend, "{}").await;
        assert_eq!(first(&answer.expect("it is made anew")), expected, "{change}");
        let (answer, _) = call(&one, &backend, "{}").await;
        assert_eq!(first(&answer.expect("it is made anew")), expected, "{change}");
        settled(&backend).await;
    }
}

/// Ends all connections of the database but the one that asks.
fn kill(fixture: &Postgres) {
    fixture.0.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE usename = current_user AND datname = current_database() AND pid <> pg_backend_pid()",
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_sees_nothing_of_connections_that_died() {
    let Some(fixture) = Postgres::new() else { return };
    let backend = fixture.backend(4);
    let text = "timeout: 60s\nsql: SELECT count(*) AS n, pg_sleep(2)::text AS s FROM things\n";
    let sleep = action(fixture.driver(), text);
    let add = action(fixture.driver(), "mode: write\nsql: UPDATE things SET amount = amount + 1 WHERE id = 1\n");
    // In the middle of a read, on a connection of its own or in a transaction.
    let calls: Vec<_> = (0..4)
        .map(|_| {
            let (backend, sleep) = (backend.clone(), sleep.clone());
            tokio::spawn(async move { call(&sleep, &backend, "{}").await })
        })
        .collect();
    let sleeps = || activity(&fixture, "wait_event IS NOT DISTINCT FROM 'PgSleep'");
    until("all four sleep", async || sleeps().iter().filter(|sleeps| *sleeps == "true").count() == 4).await;
    kill(&fixture);
    for called in calls {
        let (answer, _) = called.await.expect("does not panic");
        assert_eq!(answer.expect("it is tried again")["result"][0]["n"], json!(3));
    }
    settled(&backend).await;
    // While they are idle: neither a read nor a write notices, although several are dead.
    for action in [&sleep, &add] {
        assert!(backend.connections().idle > 0);
        kill(&fixture);
        let (answer, trace) = call(action, &backend, "{}").await;
        assert_eq!((answer.expect("it is tried again")["row_count"].clone(), trace.retries), (json!(1), 1));
        settled(&backend).await;
    }
    assert_eq!((things(&backend, SQL).await[0][2].clone(), backend.health()), (json!(2), Health::Up));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_call_learns_a_statement_for_all_and_no_session_forgets_another_one_for_it() {
    const WAITING: &str = "wait_event_type = 'Lock' AND query LIKE '%amount%'";
    let Some(fixture) = Postgres::new() else { return };
    let backend = fixture.backend(1);
    rows(&backend, SQL, "SELECT 'first' AS v").await;
    let kept = "SELECT count(*) AS n FROM pg_prepared_statements WHERE statement LIKE '%first%'";
    assert!(rows(&backend, SQL, kept).await[0][0].as_i64() >= Some(2), "the first one, and this one");

    let backend = fixture.backend(8);
    let mut locking = PgConnection::connect(fixture.0.url()).await.expect("it connects");
    sqlx::raw_sql("BEGIN; LOCK TABLE things").execute(&mut locking).await.expect("it is locked");
    let calls: Vec<_> = (0..5)
        .map(|_| {
            let backend = backend.clone();
            tokio::spawn(async move { things(&backend, SQL).await })
        })
        .collect();
    let waiting = || activity(&fixture, WAITING).iter().filter(|waits| *waits == "true").count();
    until("a call waits", async || backend.connections().open == 5 && waiting() > 0).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let waiting = waiting();
    sqlx::raw_sql("ROLLBACK").execute(&mut locking).await.expect("it is free");
    for call in calls {
        assert_eq!(call.await.expect("does not panic"), first_things());
    }
    assert_eq!(waiting, 1);
}

#[tokio::test]
async fn values_keep_their_names_when_columns_are_renamed() {
    let Some(fixture) = Postgres::new() else { return };
    fixture.0.run("CREATE TABLE people (email text, phone text); INSERT INTO people VALUES ('e', 'p')");
    let backend = fixture.backend(1);
    let action = action(fixture.driver(), "sql: SELECT * FROM people\n");
    let (answer, _) = call(&action, &backend, "{}").await;
    assert_eq!(answer.expect("one row")["result"], json!([{ "email": "e", "phone": "p" }]));
    fixture.0.run(
        "ALTER TABLE people RENAME email TO x; ALTER TABLE people RENAME phone TO email;
         ALTER TABLE people RENAME x TO phone",
    );
    kill(&fixture);
    let _ = run(&backend, read(statements(SQL, &["SELECT 1"]))).await;
    let (answer, _) = call(&action, &backend, "{}").await;
    assert_eq!(answer.expect("one row")["result"], json!([{ "phone": "e", "email": "p" }]));
}

#[tokio::test]
async fn fields_keep_their_names_once_the_catalog_was_asked() {
    let Some(fixture) = Postgres::new() else { return };
    fixture.0.run(
        "CREATE TYPE pair AS (a text, b text); CREATE TABLE pairs (pair pair);
         INSERT INTO pairs VALUES (('1', '2'))",
    );
    let backend = fixture.backend(1);
    asked(&backend, "pairs").await;
    let sql = "SELECT pair FROM pairs";
    assert_eq!(rows(&backend, SQL, sql).await, [[json!({ "a": "1", "b": "2" })]]);
    fixture.0.run(
        "ALTER TYPE pair RENAME ATTRIBUTE a TO c; ALTER TYPE pair RENAME ATTRIBUTE b TO a;
         ALTER TYPE pair RENAME ATTRIBUTE c TO b",
    );
    asked(&backend, "pairs").await;
    assert_eq!(rows(&backend, SQL, sql).await, [[json!({ "b": "1", "a": "2" })]]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_whose_connection_died_midway_is_not_repeated() {
    let Some(fixture) = Postgres::new() else { return };
    let backend = fixture.backend(1);
    let text = "mode: write\ntimeout: 60s\nsql: [ UPDATE things SET amount = amount + 1, SELECT pg_sleep(30) ]\n";
    let action = action(fixture.driver(), text);
    let called = {
        let backend = backend.clone();
        tokio::spawn(async move { call(&action, &backend, "{}").await })
    };
    until("it sleeps", async || activity(&fixture, "query").iter().any(|query| query == "SELECT pg_sleep(30)")).await;
    kill(&fixture);
    let (answer, trace) = called.await.expect("does not panic");
    let error = answer.expect_err("its connection died");
    assert_eq!((error.code.as_str(), error.in_doubt, trace.retries), ("backend_unavailable", false, 0));
    assert_eq!(things(&backend, SQL).await, first_things());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_went_silent_is_replaced() {
    let Some(fixture) = Postgres::new() else { return };
    let url = silenced(fixture.0.url(), |answers| answers.contains("fall silent")).await;
    let backend = fixture.open_at(&url, "pool: { max: 1 }\n");
    rows(&backend, SQL, "SELECT 'fall silent' AS v").await;
    let request = read(statements(SQL, &["SELECT 1 AS v"]));
    let mut kept = Kept::default();
    let outcome = tokio::time::timeout(Duration::from_millis(100), backend.run(&request, &mut kept)).await;
    assert!(outcome.is_err(), "nobody answers");
    settled(&backend).await;
    assert_eq!(things(&backend, SQL).await, first_things());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_whose_cancellation_may_come_late_is_closed() {
    let Some(fixture) = Postgres::new() else { return };
    fixture.0.run(
        "CREATE FUNCTION outlast() RETURNS bigint LANGUAGE plpgsql AS $$
         BEGIN PERFORM pg_sleep(60); RETURN 1; EXCEPTION WHEN query_canceled THEN PERFORM pg_sleep(2); RETURN 1; END $$",
    );
    // The first cancellation is answered, the second is not.
    let url = silenced(fixture.0.url(), |answers| {
        answers.split_once("pg_cancel_backend").is_some_and(|(_, after)| after.contains("SELECT 1\0"))
    });
    let backend = fixture.open_at(&url.await, "pool: { max: 1, acquire_timeout: 20s }\n");
    let process = "SELECT pg_backend_pid()::bigint AS v";
    let before = rows(&backend, SQL, process).await;
    let request = read(statements(SQL, &["SELECT outlast() AS v"]));
    let mut kept = Kept::default();
    let outcome = tokio::time::timeout(Duration::from_millis(500), backend.run(&request, &mut kept)).await;
    assert!(outcome.is_err(), "it outlasts its deadline");
    assert_ne!(rows(&backend, SQL, process).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_is_set_at_login_stays_and_can_be_cancelled() {
    let Some(fixture) = Postgres::new() else { return };
    fixture.0.run("GRANT SELECT ON things TO datadip_role");
    let backend = fixture.open_at(&format!("{}?options=-c%20role=datadip_role", fixture.0.url()), "pool: { max: 1 }\n");
    let process = "SELECT pg_backend_pid()::bigint AS v, current_user::text AS role";
    let before = rows(&backend, SQL, process).await;
    assert_eq!(before[0][1], json!("datadip_role"));
    for sql in [fixture.endless(), "SELECT set_config('role', 'none', false), pg_sleep(60)::text AS s"] {
        let request = read(statements(SQL, &[sql]));
        let mut kept = Kept::default();
        let outcome = tokio::time::timeout(Duration::from_millis(100), backend.run(&request, &mut kept)).await;
        assert!(outcome.is_err(), "it never ends");
        settled(&backend).await;
        assert_eq!(rows(&backend, SQL, process).await[0][1], json!("datadip_role"), "{sql}");
    }
    assert_eq!(things(&backend, SQL).await, first_things());
}

/// The address of something between a backend and its server that passes nothing on, of a connection, once the server's
/// answers on it are such, and tells neither side: as a firewall does that has forgotten a connection.
async fn silenced(url: &str, silent: fn(&str) -> bool) -> String {
    let address = url.split('@').nth(1).and_then(|rest| rest.split('/').next()).expect("a user and a host").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let own = url.replace(&address, &format!("127.0.0.1:{port}"));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&address).await.expect("the server is there");
            tokio::spawn(pass(client, server, silent));
        }
    });
    own
}

async fn pass(mut client: TcpStream, mut server: TcpStream, silent: fn(&str) -> bool) {
    let (mut asked, mut answered) = ([0; 8192], [0; 8192]);
    let mut answers = String::new();
    while !silent(&answers) {
        let passed = tokio::select! {
            read = client.read(&mut asked) => match read {
                Ok(0) | Err(_) => return,
                Ok(length) => server.write_all(&asked[..length]).await,
            },
            read = server.read(&mut answered) => match read {
                Ok(0) | Err(_) => return,
                Ok(length) => {
                    answers += &String::from_utf8_lossy(&answered[..length]);
                    client.write_all(&answered[..length]).await
                }
            },
        };
        if passed.is_err() {
            return;
        }
    }
    future::pending().await
}

#[tokio::test]
async fn a_constraint_that_is_checked_at_the_end_is_no_doubt() {
    let Some(fixture) = Postgres::new() else { return };
    fixture.0.run("ALTER TABLE parts ALTER CONSTRAINT parts_thing_fkey DEFERRABLE INITIALLY DEFERRED");
    let backend = fixture.backend(1);
    let action = action(fixture.driver(), "mode: write\nsql: INSERT INTO parts (id, thing) VALUES (1, 99)\n");
    let (answer, _) = call(&action, &backend, "{}").await;
    let error = answer.expect_err("there is no such thing");
    assert_eq!(
        (error.code.as_str(), error.constraint, error.in_doubt),
        ("constraint_violation", Some("foreign_key"), false)
    );
    assert_eq!(rows(&backend, SQL, "SELECT count(*) AS n FROM parts").await, [[json!(0)]]);
}

#[tokio::test]
async fn an_error_that_a_statement_raises_says_nothing_of_its_own_connection() {
    let Some(fixture) = Postgres::new() else { return };
    fixture.0.run(
        "CREATE FUNCTION fail(state text) RETURNS bigint LANGUAGE plpgsql AS $$
           BEGIN RAISE EXCEPTION 'over there' USING ERRCODE = state; END $$;
         CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM fail('08006'); END $$;
         CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON things DEFERRABLE INITIALLY DEFERRED
           FOR EACH ROW EXECUTE FUNCTION fail()",
    );
    let backend = fixture.backend(1);
    let process = "SELECT pg_backend_pid()::bigint AS v";
    let before = rows(&backend, SQL, process).await;
    for state in ["08001", "08006", "28000", "53100", "53400", "57000", "58030"] {
        let sql = format!("SELECT fail('{state}') AS v");
        let failure = run(&backend, read(statements(SQL, &[&sql]))).await.expect_err("it raises an error");
        assert_eq!((failure.kind, failure.again, backend.health()), (FailureKind::Other, Again::Never, Health::Up));
    }
    let action = action(fixture.driver(), "mode: write\nsql: INSERT INTO things VALUES (9, 'nine', 9)\n");
    let error = call(&action, &backend, "{}").await.0.expect_err("its commit raises an error");
    assert_eq!((error.code.as_str(), error.in_doubt), ("backend_error", false));
    settled(&backend).await;
    assert_eq!(rows(&backend, SQL, process).await, before, "the connection is the same");
}

#[tokio::test]
async fn a_failure_tells_names_and_no_values() {
    let Some(fixture) = Postgres::new() else { return };
    let backend = fixture.backend(1);
    let check = async |sql: &str, expected: &str| {
        let failure = run(&backend, write(statements(SQL, &[sql]))).await.expect_err("it fails");
        assert_eq!(failure.message, expected, "{sql}");
    };
    check(
        "INSERT INTO things VALUES (9, 'one', 1)",
        "duplicate key value violates unique constraint \"…\", schema public, table things, constraint things_name_key",
    )
    .await;
    for sql in [
        "SELECT 'secret'::int",
        "SELECT 'a \"secret\" b'::int",
        "SELECT make_date(1984, 13, 45)",
        "DO $$ BEGIN RAISE EXCEPTION 'no secret'; END $$",
    ] {
        check(sql, "the message may hold a value").await;
    }
    check("SELECT id FROM \"a\"\"secret\"\"b\"", "relation \"a\"secret\"b\" does not exist").await;
    check("SELECT id FROM Nowhere", "relation \"nowhere\" does not exist").await;
    check("DO $$ BEGIN EXECUTE 'SELECT 1 FROM sec' || 'ret'; END $$", "relation \"…\" does not exist").await;
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_unavailable() {
    let Some(fixture) = Postgres::new() else { return };
    let open = |url: &str| {
        let (document, mut out) = yaml::parse(&format!("kind: postgres\nurl: \"{url}\"\n"));
        (fixture.driver().open)(&document.expect("valid YAML").root, &Deployment::at(Path::new(".")), &mut out)
            .expect("a good address")
    };
    let nobody = open("postgres://u:secret@127.0.0.1:1/db");
    let failure = run(&nobody, read(statements(SQL, &["SELECT 1"]))).await.expect_err("nobody is there");
    assert_eq!((failure.kind, failure.again, nobody.health()), (FailureKind::Unavailable, Again::Paused, Health::Down));
    assert!(failure.message.starts_with("127.0.0.1:1: "), "{}", failure.message);
    let url = fixture.0.url();
    let missing = open(&format!("{}/no_such_database", url.rsplit_once('/').expect("a path").0));
    let failure = run(&missing, read(statements(SQL, &["SELECT 1"]))).await.expect_err("there is none");
    assert_eq!((failure.kind, failure.again), (FailureKind::Unavailable, Again::Never));
    assert_eq!(failure.code.as_deref(), Some("3D000"));
    assert!(!format!("{nobody:?}{missing:?}").contains("secret"));
}

#[tokio::test]
async fn statement_timeout_bounds_a_run() {
    let Some(fixture) = Postgres::new() else { return };
    let backend = fixture.open("statement_timeout: 2s\npool: { acquire_timeout: 15s }\n");
    for list in [vec![fixture.endless()], vec!["SELECT 1", fixture.endless()]] {
        let failure = run(&backend, read(statements(SQL, &list))).await.expect_err("it never ends");
        assert_eq!((failure.kind, failure.again), (FailureKind::Timeout, Again::Never));
    }
    assert_eq!(things(&backend, SQL).await, first_things());
}
