//! MySQL and MariaDB: their fixture, and what only they promise.

mod unseen;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use datadip::{
    backend::{
        Again, Backend, Column, Deployment, Driver, FailureKind, Flow, Health, Isolation, Options, Request, Sink, Stop,
        driver,
    },
    template::Dialect,
    value::{Scalar, Value},
    yaml,
};
use futures_util::future::BoxFuture;
use serde_json::{Value as Json, json};
use sqlx::{Connection, Executor, MySqlConnection};

use super::{
    Fixture,
    calls::{action, call},
    tools::*,
};
use crate::database::Database;

const INIT: &str = "
    CREATE TABLE things (
      id INT PRIMARY KEY, name VARCHAR(100) NOT NULL UNIQUE, amount INT NOT NULL CHECK (amount >= 0)
    );
    CREATE TABLE parts (id INT PRIMARY KEY, thing INT NOT NULL, FOREIGN KEY (thing) REFERENCES things (id));
    INSERT INTO things VALUES (1, 'one', 1), (2, 'two', 2), (3, 'three', 3);
    CREATE TABLE loose (id INT) ENGINE = MyISAM;
    CREATE TABLE digits (d BIGINT NOT NULL);
    INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9);
    CREATE VIEW n AS
      /*M!100100 SELECT seq + 0 AS n FROM seq_1_to_1000000000000 */ /*!80000
      SELECT /*+ NO_BNL() */ a.d * 100000000000 + b.d * 10000000000 + c.d * 1000000000 + d.d * 100000000
        + e.d * 10000000 + f.d * 1000000 + g.d * 100000 + h.d * 10000 + i.d * 1000 + j.d * 100 + k.d * 10 + l.d + 1 AS n
      FROM digits a STRAIGHT_JOIN digits b STRAIGHT_JOIN digits c STRAIGHT_JOIN digits d STRAIGHT_JOIN digits e
        STRAIGHT_JOIN digits f STRAIGHT_JOIN digits g STRAIGHT_JOIN digits h STRAIGHT_JOIN digits i
        STRAIGHT_JOIN digits j STRAIGHT_JOIN digits k STRAIGHT_JOIN digits l */;
    CREATE FUNCTION raised() RETURNS INT DETERMINISTIC MODIFIES SQL DATA
    BEGIN UPDATE things SET amount = 99; RETURN 1; END;
    CREATE FUNCTION loosened() RETURNS INT DETERMINISTIC MODIFIES SQL DATA
    BEGIN INSERT INTO loose VALUES (1); RETURN 1; END;
    CREATE FUNCTION unlocked() RETURNS INT DETERMINISTIC
    BEGIN SET SESSION TRANSACTION READ WRITE; RETURN 1; END;
    CREATE FUNCTION remembered() RETURNS INT DETERMINISTIC
    BEGIN SET @remembered = 1; RETURN 1; END;
    CREATE FUNCTION hidden() RETURNS INT DETERMINISTIC
    BEGIN CREATE TEMPORARY TABLE things (id INT, name VARCHAR(9), amount INT); RETURN 1; END;
    CREATE PROCEDURE raise_all() BEGIN UPDATE things SET amount = 99; END;
    CREATE VIEW raising AS SELECT raised() AS a;
    CREATE TABLE trips (id INT);
    CREATE TRIGGER opens AFTER INSERT ON trips FOR EACH ROW SET SESSION TRANSACTION READ WRITE;
    CREATE PROCEDURE unlocks() BEGIN SET SESSION TRANSACTION READ WRITE; END;
    CREATE PROCEDURE creates() BEGIN UPDATE things SET amount = 99; CREATE TABLE made (id INT); END;
    CREATE PROCEDURE tells(wanted INT) BEGIN SELECT id, name FROM things WHERE id = wanted; END;
    CREATE PROCEDURE tells_twice() BEGIN SELECT id FROM things; SELECT name FROM things; END;
    CREATE PROCEDURE refuses()
    BEGIN UPDATE things SET amount = 99; SIGNAL SQLSTATE '45001' SET MESSAGE_TEXT = 'the account is closed'; END;
    CREATE PROCEDURE fills() SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1114, MESSAGE_TEXT = 'the table is full';
    CREATE PROCEDURE pretends() SIGNAL SQLSTATE '08S01' SET MYSQL_ERRNO = 1053, MESSAGE_TEXT = 'it is shut down';
    CREATE PROCEDURE doubts() SIGNAL SQLSTATE '22003' SET MESSAGE_TEXT = 'secret is too much';
    CREATE PROCEDURE commits() BEGIN UPDATE things SET amount = 99; COMMIT; END;
";

/// A database of its own.
pub struct Mysql(Database);

impl Mysql {
    /// `None` without a server.
    pub fn new() -> Option<Self> {
        Database::mysql(INIT).map(Self)
    }

    /// Runs a script on a connection of its own.
    pub fn run(&self, script: &str) {
        self.0.run(script);
    }

    pub fn open(&self, settings: &str) -> Arc<dyn Backend> {
        open(self.0.url(), settings)
    }
}

fn open(url: &str, settings: &str) -> Arc<dyn Backend> {
    let (document, mut out) = yaml::parse(&format!("kind: mysql\nurl: \"{url}\"\n{settings}"));
    let driver = driver("mysql").expect("it is registered");
    let backend = (driver.open)(&document.expect("valid YAML").root, &Deployment::at(Path::new(".")), &mut out);
    backend.unwrap_or_else(|| panic!("{out:?}"))
}

impl Fixture for Mysql {
    fn driver(&self) -> &'static Driver {
        driver("mysql").expect("it is registered")
    }

    fn pooled(&self, pool: &str) -> Arc<dyn Backend> {
        self.open(&format!("pool: {{ {pool} }}\n"))
    }

    fn endless(&self) -> &'static str {
        "SELECT n FROM n WHERE n < 0"
    }

    fn endless_rows(&self) -> &'static str {
        "SELECT n FROM n"
    }

    fn numbers(&self, below: u64) -> String {
        format!("SELECT n, '{}' AS filling FROM n LIMIT {below}", "x".repeat(200))
    }

    fn samples(&self) -> Vec<(Scalar, Value, Json)> {
        let own = |(scalar, value, text): (Scalar, Value, Json)| {
            let back = match (text.as_str(), scalar) {
                (Some(digits), Scalar::Decimal) => Json::Number(digits.parse().expect("a number")),
                (Some(text), Scalar::Time | Scalar::Timestamp) => {
                    let text = text.replace(' ', "T");
                    json!(if text.contains('.') { text.trim_end_matches('0') } else { &text })
                }
                _ => text,
            };
            (scalar, value, back)
        };
        super::values::samples().into_iter().map(own).collect()
    }

    fn query_that_writes(&self) -> &'static str {
        "SELECT raised() AS a"
    }

    fn tricks(&self) -> Vec<Vec<&'static str>> {
        let open = "SET SESSION TRANSACTION READ WRITE";
        let change = "UPDATE things SET amount = 99";
        vec![
            vec![change],
            vec!["INSERT INTO things VALUES (9, 'nine', 9)"],
            vec!["REPLACE INTO things VALUES (1, 'nine', 9)"],
            vec!["DELETE FROM things"],
            vec!["(SELECT 1) UNION (SELECT raised())"],
            vec!["WITH one AS (SELECT 1) DELETE FROM things"],
            vec!["CALL raise_all()"],
            vec!["CALL commits()"],
            vec!["DO raised()"],
            vec!["SELECT loosened() AS a"],
            vec!["SELECT * FROM raising"],
            vec!["SELECT `raised`() AS a"],
            vec!["SELECT raised () AS a"],
            vec!["EXPLAIN SELECT raised() AS a"],
            vec!["ANALYZE UPDATE things SET amount = 99"],
            vec!["DROP TABLE things"],
            vec!["TRUNCATE things"],
            vec!["CREATE TABLE made_by_a_read (id INT)"],
            vec!["ALTER TABLE things DROP COLUMN amount"],
            vec!["CREATE TEMPORARY TABLE things (id INT, name VARCHAR(9), amount INT)"],
            vec!["SELECT hidden() AS a"],
            vec!["SELECT unlocked() AS a"],
            vec!["SELECT unlocked() AS a", "SELECT raised() AS a"],
            vec!["SELECT unlocked() AS a", "SELECT * FROM raising"],
            vec!["SELECT unlocked() AS a", change],
            vec![open],
            vec![open, change],
            vec!["SELECT 1", open, "SELECT raised() AS a"],
            vec!["SET autocommit = 0"],
            vec!["SET sql_mode = 'ANSI_QUOTES'"],
            vec!["SET TRANSACTION READ WRITE", change],
            vec!["SET GLOBAL read_only = 0"],
            vec!["BEGIN", change, "COMMIT"],
            vec!["COMMIT", change],
            vec!["COMMIT AND CHAIN", change],
            vec!["ROLLBACK", "START TRANSACTION READ WRITE", change, "COMMIT"],
            vec!["SAVEPOINT here", change, "RELEASE SAVEPOINT here"],
            vec!["XA START 'a'", change, "XA END 'a'", "XA COMMIT 'a' ONE PHASE"],
            vec!["PREPARE a FROM 'UPDATE things SET amount = 99'", "EXECUTE a"],
            vec!["EXECUTE IMMEDIATE 'UPDATE things SET amount = 99'"],
            vec!["LOCK TABLES things WRITE"],
            vec!["FLUSH TABLES WITH READ LOCK"],
            vec!["HANDLER things OPEN"],
            vec!["USE mysql"],
            vec!["SELECT GET_LOCK(DATABASE(), 0) AS a"],
            vec!["SELECT @amount := 99 AS a"],
            vec!["SELECT 1 INTO @amount"],
            vec!["SELECT 'a' INTO OUTFILE '/tmp/made-by-a-read'"],
            vec!["SELECT 'a' INTO DUMPFILE '/tmp/made-by-a-read'"],
            vec!["SELECT id FROM things FOR UPDATE"],
            vec!["SELECT LAST_INSERT_ID(7) AS a"],
        ]
    }
}

super::conformance!(Mysql::new());

/// User locks that a test holds, so that statements which want them wait for one another: no machine is too slow for that.
struct Gate(MySqlConnection);

impl Gate {
    /// Holds as many locks, counted from 1.
    async fn new(fixture: &Mysql, locks: usize) -> Self {
        let mut connection = MySqlConnection::connect(fixture.0.url()).await.expect("it connects");
        for lock in 1..=locks {
            let taken = sqlx::query("SELECT GET_LOCK(CONCAT(DATABASE(), ?), 0)").bind(lock.to_string());
            taken.execute(&mut connection).await.expect("it is free");
        }
        Self(connection)
    }

    /// A statement that waits for a lock.
    fn wait(lock: usize) -> String {
        format!("SELECT GET_LOCK(CONCAT(DATABASE(), '{lock}'), 60)")
    }

    /// Waits until so many statements wait for a lock.
    async fn waited(&mut self, statements: i64) {
        let waits = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND STATE = 'User lock'";
        until("statements wait for locks", async || {
            let count: i64 = sqlx::query_scalar(waits).fetch_one(&mut self.0).await.expect("it answers");
            count == statements
        })
        .await;
    }

    /// Gives the locks back.
    async fn open(&mut self) {
        self.0.execute("DO RELEASE_ALL_LOCKS()").await.expect("they are free");
    }
}

/// Ends all other connections to its database.
const SEVER: &str = "
    DROP PROCEDURE IF EXISTS sever;
    CREATE PROCEDURE sever() BEGIN
      DECLARE victim BIGINT;
      DECLARE done BOOL DEFAULT FALSE;
      DECLARE victims CURSOR FOR
        SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID();
      DECLARE CONTINUE HANDLER FOR NOT FOUND SET done = TRUE;
      OPEN victims;
      FETCH victims INTO victim;
      WHILE NOT done DO
        SET @kill = CONCAT('KILL ', victim);
        PREPARE kill_it FROM @kill;
        EXECUTE kill_it;
        FETCH victims INTO victim;
      END WHILE;
    END;
    CALL sever();
";

#[tokio::test]
async fn connections_that_were_lost_meanwhile_are_made_up_for() {
    let Some(mysql) = Mysql::new() else { return };
    super::calls::lost_connections_are_made_up_for(&mysql, || mysql.run(SEVER)).await;
}

const SQL: Dialect = Dialect::Mysql;

#[tokio::test]
async fn nothing_of_a_read_is_felt_by_the_next_call() {
    let Some(fixture) = Mysql::new() else { return };
    let backend = fixture.backend(1);
    let state = "SELECT @remembered AS a, IS_FREE_LOCK(DATABASE()) AS b, LAST_INSERT_ID() AS c, @@tx_read_only AS d";
    let before = rows(&backend, SQL, state).await;
    for sql in [
        "SELECT remembered() AS a",
        "SELECT @remembered := 1 AS a",
        "SELECT GET_LOCK(DATABASE(), 0) AS a",
        "SELECT LAST_INSERT_ID(7) AS a",
        "SELECT unlocked() AS a",
        "SELECT hidden() AS a",
    ] {
        let _ = run(&backend, read(statements(SQL, &[sql]))).await;
        assert_eq!(rows(&backend, SQL, state).await, before, "{sql}");
        assert_eq!(things(&backend, SQL).await, first_things(), "{sql}");
    }
    assert_eq!(rows(&backend, SQL, "SELECT COUNT(*) AS n FROM loose").await, [[json!(0)]]);
}

#[tokio::test]
async fn nothing_of_a_write_is_felt_by_the_next_call() {
    let Some(fixture) = Mysql::new() else { return };
    let backend = fixture.backend(1);
    // The trigger leaves the session open for writing.
    for sql in [
        vec!["INSERT INTO trips VALUES (1)"],
        vec!["SELECT unlocked() AS a", "UPDATE things SET amount = 1 WHERE id = 1"],
        vec!["CALL unlocks()"],
    ] {
        run(&backend, write(statements(SQL, &sql))).await.expect("a write may");
        assert_eq!(rows(&backend, SQL, "SELECT @@tx_read_only AS a").await, [[json!(1)]], "{sql:?}");
        let failure = run(&backend, read(statements(SQL, &["SELECT raised() AS a"]))).await.expect_err("read-only");
        assert_eq!(failure.code.as_deref(), Some("1792"));
    }
    assert_eq!(things(&backend, SQL).await, first_things());
}

#[tokio::test]
async fn a_write_keeps_its_connection() {
    let Some(fixture) = Mysql::new() else { return };
    let backend = fixture.backend(1);
    learnt(&backend).await;
    let id = rows(&backend, SQL, "SELECT CONNECTION_ID() AS id").await;
    for request in [
        write(statements(SQL, &["INSERT INTO things (id, name, amount) VALUES (4, 'four', 4)"])),
        write(statements(SQL, &["UPDATE things SET amount = -1"])),
        Request { dry: true, ..write(statements(SQL, &["DELETE FROM things WHERE id = 4"])) },
        read(statements(SQL, &["SELECT wrong FROM things"])),
        read(statements(SQL, &["SELECT 1", "SELECT wrong FROM things"])),
    ] {
        let _ = run(&backend, request).await;
        assert_eq!(rows(&backend, SQL, "SELECT CONNECTION_ID() AS id").await, id);
    }
    assert_eq!(things(&backend, SQL).await.len(), 4);
}

/// Panics at the end.
struct Broken;

impl Sink for Broken {
    fn begin(&mut self, _: &[Column]) -> Result<(), Stop> {
        Ok(())
    }

    fn row(&mut self, _: Vec<Json>) -> Result<Flow, Stop> {
        Ok(Flow::More)
    }

    fn flush(&mut self) -> BoxFuture<'_, Result<(), Stop>> {
        Box::pin(async { Ok(()) })
    }

    fn end(&mut self, _: u64) -> Result<(), Stop> {
        panic!("a fault of our own");
    }
}

#[tokio::test]
async fn a_write_that_panics_leaves_nothing_to_the_next_call() {
    let Some(fixture) = Mysql::new() else { return };
    let (backend, other) = (fixture.backend(1), fixture.backend(1));
    let raise = write(statements(SQL, &["UPDATE things SET amount = 99"]));
    let panicked = backend.clone();
    let call = tokio::spawn(async move { panicked.run(&raise, &mut Broken).await.map(drop) });
    assert!(call.await.expect_err("the sink panics").is_panic());
    assert_eq!(things(&backend, SQL).await, first_things());
    let raise = write(statements(SQL, &["UPDATE things SET amount = 1 WHERE id = 1"]));
    run(&other, raise).await.expect("no lock is left");
}

#[tokio::test]
async fn what_interrupts_a_statement_that_is_over_hits_no_other() {
    let Some(fixture) = Mysql::new() else { return };
    let backend = fixture.backend(1);
    learnt(&backend).await;
    // More rows than are read in vain, and then an error: the server has long said all when it is told to stop.
    let sql = "SELECT n, IF(n = 1500, (SELECT d FROM digits WHERE d < n), 0) AS e FROM n LIMIT 2000";
    let kept = &mut Kept { enough: Some(1), ..Kept::default() };
    backend.run(&read(statements(SQL, &[sql])), kept).await.expect("one row is enough");
    settled(&backend).await;
    assert_eq!(backend.connections().open, 0, "the next call has a connection of its own");
}

#[tokio::test]
async fn what_only_a_statement_lacks_is_not_the_servers_absence() {
    let Some(fixture) = Mysql::new() else { return };
    let backend = fixture.backend(1);
    let failure = run(&backend, write(statements(SQL, &["CALL fills()"]))).await.expect_err("there is no room");
    assert_eq!((failure.kind, failure.code.as_deref()), (FailureKind::Other, Some("1114")));
    assert_eq!(backend.health(), Health::Up);
}

#[tokio::test]
async fn a_lost_connection_that_is_only_raised_is_the_statements_failure() {
    let Some(fixture) = Mysql::new() else { return };
    let backend = fixture.backend(2);
    things(&backend, SQL).await;
    let failure = run(&backend, write(statements(SQL, &["CALL pretends()"]))).await.expect_err("it is raised");
    assert_eq!((failure.kind, failure.again), (FailureKind::Other, Again::Never));
    assert_eq!((failure.code.as_deref(), failure.state.as_deref()), (Some("1053"), Some("08S01")));
    assert_eq!(backend.health(), Health::Up);
}

#[tokio::test]
async fn nothing_of_a_refused_value_is_told() {
    let Some(fixture) = Mysql::new() else { return };
    let backend = fixture.backend(1);
    let failure = run(&backend, write(statements(SQL, &["CALL doubts()"]))).await.expect_err("it is too much");
    assert_eq!((failure.kind, failure.state.as_deref()), (FailureKind::InvalidValue, Some("22003")));
    assert!(!failure.message.contains("secret"), "{}", failure.message);
}

#[tokio::test]
async fn a_write_cannot_commit_on_the_way() {
    let Some(fixture) = Mysql::new() else { return };
    let backend = fixture.backend(1);
    let change = "UPDATE things SET amount = 99";
    for end in [
        "CREATE TABLE made (id INT)",
        "TRUNCATE parts",
        "LOCK TABLES things WRITE",
        "BEGIN",
        "START TRANSACTION",
        "SET autocommit = 1",
        "EXECUTE IMMEDIATE 'COMMIT'",
        "XA END 'a'",
        "ANALYZE TABLE things",
        "GRANT SELECT ON things TO nobody",
        "SELECT 1 INTO OUTFILE '/tmp/made-by-a-write'",
        "CALL commits()",
        "CALL creates()",
    ] {
        for sql in [[change, end], [end, change]] {
            run(&backend, write(statements(SQL, &sql))).await.expect_err("it is refused");
            assert_eq!(things(&backend, SQL).await, first_things(), "{sql:?}");
        }
    }
    settled(&backend).await;
}

#[tokio::test]
async fn a_procedure_is_part_of_the_transaction() {
    let Some(fixture) = Mysql::new() else { return };
    let backend = fixture.backend(1);
    let call = |dry| Request { dry, ..write(statements(SQL, &["CALL raise_all()"])) };
    run(&backend, call(true)).await.expect("a dry call succeeds");
    assert_eq!(things(&backend, SQL).await, first_things());
    let stopped = &mut Kept { stop: Some(0), ..Kept::default() };
    backend.run(&call(false), stopped).await.expect_err("the sink stopped");
    assert_eq!(things(&backend, SQL).await, first_things());
    let kept = run(&backend, call(false)).await.expect("the call succeeds");
    assert_eq!((kept.rows.len(), kept.changed), (0, Some(3)));
    assert_eq!(things(&backend, SQL).await[0][2], json!(99));

    let kept = run(&backend, write(statements(SQL, &["CALL tells(2)"]))).await.expect("the call succeeds");
    assert_eq!((kept.columns, kept.rows), (vec!["id".into(), "name".into()], vec![vec![json!(2), json!("two")]]));
    let failure = run(&backend, write(statements(SQL, &["CALL tells_twice()"]))).await.expect_err("which one?");
    assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Other, "a procedure gave more than one result"));
    settled(&backend).await;
}

#[tokio::test]
async fn a_condition_that_a_procedure_raises_has_a_code_of_the_actions_own() {
    let Some(fixture) = Mysql::new() else { return };
    let backend = fixture.backend(1);
    for code in ["45001", "1644"] {
        let text = format!("mode: write\nsql: CALL refuses()\nerrors: {{ '{code}': {{ code: closed, http: 422 }} }}\n");
        let (answer, _) = call(&action(fixture.driver(), &text), &backend, "{}").await;
        let error = answer.expect_err("it is refused");
        assert_eq!((error.code.as_str(), error.code.status()), ("closed", 422), "{code}");
        assert_eq!(things(&backend, SQL).await, first_things());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_calls_that_deadlock_both_succeed() {
    let Some(fixture) = Mysql::new() else { return };
    let backend = fixture.backend(2);
    let mut gate = Gate::new(&fixture, 2).await;
    let steps = |first, second| {
        format!(
            "mode: write\ntimeout: 60s\nretry: {{ attempts: 10 }}\nsql:\n  \
             - UPDATE things SET amount = amount + 1 WHERE id = {first}\n  - {}\n  \
             - UPDATE things SET amount = amount + 1 WHERE id = {second}\n",
            Gate::wait(first)
        )
    };
    let calls = [steps(1, 2), steps(2, 1)].map(|text| {
        let (backend, action) = (backend.clone(), action(fixture.driver(), &text));
        tokio::spawn(async move { call(&action, &backend, "{}").await })
    });
    gate.waited(2).await;
    gate.open().await;
    let mut retries = 0;
    for one in calls {
        let (answer, trace) = one.await.expect("does not panic");
        answer.expect("it is tried again");
        retries += trace.retries;
    }
    assert!(retries > 0, "they met");
    let amounts: Vec<Json> = things(&backend, SQL).await.into_iter().map(|row| row[2].clone()).collect();
    assert_eq!(amounts, [json!(3), json!(4), json!(3)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_that_is_waited_for_too_long_is_met_again_from_the_start() {
    let Some(fixture) = Mysql::new() else { return };
    let (backend, other) = (fixture.backend(1), fixture.backend(1));
    let hold = ["UPDATE things SET amount = 50 WHERE id = 1", "SELECT id FROM things"];
    let holder = held(&other, write(statements(SQL, &hold))).await;
    let sql =
        ["UPDATE things SET amount = amount + 1 WHERE id = 2", "SELECT id FROM things WHERE id = 1 FOR UPDATE NOWAIT"];
    let failure = run(&backend, write(statements(SQL, &sql))).await.expect_err("the lock is held");
    assert_eq!((failure.kind, failure.again), (FailureKind::Contention, Again::Paused));
    let text = format!(
        "mode: write\ntimeout: 60s\nretry: {{ attempts: 20, base_delay: 50ms }}\nsql: [ {}, {} ]\n",
        sql[0], sql[1]
    );
    let action = action(fixture.driver(), &text);
    let counted = Counted::new(&backend);
    let waiting = {
        let backend: Arc<dyn Backend> = counted.clone();
        tokio::spawn(async move { call(&action, &backend, "{}").await })
    };
    until("it has met the lock", async || counted.failed() > 0).await;
    holder.abort();
    let (answer, trace) = waiting.await.expect("does not panic");
    answer.expect("the lock is gone in time");
    assert!(trace.retries > 0);
    let expected = [json!(1), json!(3), json!(3)];
    let amounts: Vec<Json> = things(&backend, SQL).await.into_iter().map(|row| row[2].clone()).collect();
    assert_eq!(amounts, expected, "the first statement took effect once, the holder's never");
}

#[tokio::test]
async fn a_connection_that_is_gone_is_made_up_for() {
    let Some(fixture) = Mysql::new() else { return };
    let (backend, other) = (fixture.backend(1), fixture.backend(1));
    let kill = async || {
        let id = &rows(&backend, SQL, "SELECT CONNECTION_ID() AS id").await[0][0];
        fixture.run(&format!("KILL CONNECTION {id}"));
        let there = format!("SELECT ID FROM information_schema.PROCESSLIST WHERE ID = {id}");
        until("it is gone", async || rows(&other, SQL, &there).await.is_empty()).await;
    };
    kill().await;
    let failure = run(&backend, read(statements(SQL, &["SELECT 1 AS a"]))).await.expect_err("it is gone");
    assert_eq!((failure.kind, failure.again), (FailureKind::Unavailable, Again::Once));
    kill().await;
    let raise = statements(SQL, &["UPDATE things SET amount = amount + 1 WHERE id = 1"]);
    let failure = run(&backend, write(raise)).await.expect_err("it is gone");
    assert_eq!((failure.kind, failure.again), (FailureKind::Unavailable, Again::Once), "nothing was sent yet");
    kill().await;
    let text = "mode: write\nsql: UPDATE things SET amount = amount + 1 WHERE id = 1\n";
    let (answer, trace) = call(&action(fixture.driver(), text), &backend, "{}").await;
    answer.expect("another connection is made");
    assert_eq!((trace.retries, &things(&backend, SQL).await[0][2]), (1, &json!(2)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_past_its_deadline_is_gone_from_the_server() {
    let Some(fixture) = Mysql::new() else { return };
    let (backend, other) = (fixture.backend(4), fixture.backend(1));
    let running = "SELECT COUNT(*) AS n FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND INFO LIKE '%/* mark */%' \
                   AND ID <> CONNECTION_ID()";
    let endless = format!("/* mark */ {}", fixture.endless());
    let request = Arc::new(read(statements(SQL, &[&endless])));
    let calls: Vec<_> = (0..4)
        .map(|_| {
            let (backend, request) = (backend.clone(), request.clone());
            tokio::spawn(async move { backend.run(&request, &mut Kept::default()).await.map(drop) })
        })
        .collect();
    until("four statements run", async || rows(&other, SQL, running).await == [[json!(4)]]).await;
    let deadline = Instant::now();
    calls.iter().for_each(|call| call.abort());
    while rows(&other, SQL, running).await != [[json!(0)]] {
        // Generous, because tests run beside each other.
        assert!(deadline.elapsed() < Duration::from_secs(30), "they go on");
    }
    println!("four statements are gone {:?} after their deadline", deadline.elapsed());
    settled(&backend).await;
}

#[tokio::test]
async fn statement_timeout_bounds_a_run() {
    let Some(fixture) = Mysql::new() else { return };
    let backend = fixture.open("statement_timeout: 2s\npool: { max: 1, acquire_timeout: 15s }\n");
    let failure = run(&backend, read(statements(SQL, &[fixture.endless()]))).await.expect_err("it never ends");
    assert_eq!((failure.kind, failure.again), (FailureKind::Timeout, Again::Never));
    assert_eq!(things(&backend, SQL).await, first_things());
}

#[tokio::test]
async fn a_server_that_refuses_or_is_not_there_is_unavailable() {
    let Some(fixture) = Mysql::new() else { return };
    let server = fixture.0.url().rsplit_once('/').expect("a path").0.to_owned();
    let at = server.rsplit_once('@').expect("a user").1.to_owned();
    for (url, code, again) in [
        (format!("{server}/no_such_database"), Some("1049"), Again::Never),
        // A user that exists: MariaDB refuses others in one way or another, so that nobody learns who exists.
        (format!("mysql://datadip:secret@{at}/x"), Some("1045"), Again::Never),
        ("mysql://u:secret@127.0.0.1:1/x".to_owned(), None, Again::Paused),
    ] {
        let (document, mut out) = yaml::parse(&format!("kind: mysql\nurl: \"{url}\"\n"));
        let root = document.expect("valid YAML").root;
        let backend =
            (fixture.driver().open)(&root, &Deployment::at(Path::new(".")), &mut out).expect("nothing is asked yet");
        assert_eq!(backend.health(), Health::Unused);
        let failure = run(&backend, read(statements(SQL, &["SELECT 1"]))).await.expect_err("no connection");
        assert_eq!((failure.kind, failure.again, failure.code.as_deref()), (FailureKind::Unavailable, again, code));
        assert!(!failure.message.contains("secret"), "{}", failure.message);
        let place = url.rsplit_once('@').expect("a user").1.split('/').next().expect("a host");
        assert!(failure.message.starts_with(&format!("{place}: ")), "{}", failure.message);
        assert_eq!((backend.connect().await.is_err(), backend.health()), (true, Health::Down));
    }
}

#[tokio::test]
async fn an_isolation_level_is_the_transactions() {
    let Some(fixture) = Mysql::new() else { return };
    let (backend, other) = (fixture.backend(1), fixture.backend(1));
    let seen = async |isolation| {
        let mut gate = Gate::new(&fixture, 1).await;
        let options = Options { isolation, ..Options::default() };
        let sql = ["SELECT amount FROM things", &Gate::wait(1), "SELECT amount FROM things WHERE id = 1"];
        let request = Request { options, ..read(statements(SQL, &sql)) };
        let raise = async {
            gate.waited(1).await;
            let sql = "UPDATE things SET amount = amount + 1 WHERE id = 1";
            run(&other, write(statements(SQL, &[sql]))).await.expect("the write succeeds");
            gate.open().await;
        };
        let (kept, ()) = tokio::join!(run(&backend, request), raise);
        kept.expect("the read succeeds").rows[0][0].clone()
    };
    assert_eq!(seen(None).await, json!(1));
    assert_eq!(seen(Some(Isolation::ReadCommitted)).await, json!(3));
    assert_eq!(seen(Some(Isolation::RepeatableRead)).await, json!(3));
    assert_eq!(seen(None).await, json!(4), "a level is that transaction's alone");
}
