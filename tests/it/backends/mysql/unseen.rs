//! What a statement does without saying so, by views and triggers, is not felt by the next call either.

use std::sync::Mutex;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;

const UNSEEN: &str = "
    CREATE FUNCTION locked() RETURNS INT DETERMINISTIC RETURN GET_LOCK(DATABASE(), 0);
    CREATE VIEW unlocking AS SELECT unlocked() AS a;
    CREATE VIEW remembering AS SELECT id, remembered() AS a FROM things;
    CREATE VIEW locking AS SELECT GET_LOCK(DATABASE(), 0) AS a;
    CREATE VIEW locking_by_function AS SELECT 1 AS a FROM things WHERE locked() = 1;
    CREATE VIEW nested AS SELECT a FROM unlocking;
    CREATE VIEW deeper AS SELECT t.id FROM things t WHERE EXISTS (SELECT 1 FROM remembering r JOIN nested n);
    CREATE VIEW all_things AS SELECT id, name FROM things;
    CREATE TABLE locks (id INT);
    CREATE TRIGGER locks_things AFTER INSERT ON locks FOR EACH ROW SET @remembered = GET_LOCK(DATABASE(), 0);
    CREATE TABLE calls (id INT);
    CREATE TRIGGER remembers BEFORE UPDATE ON calls FOR EACH ROW SET NEW.id = remembered();
    INSERT INTO calls VALUES (1);
    CREATE VIEW all_calls AS SELECT id FROM calls;
";

/// One connection, which a call waits for.
const ONE: &str = "pool: { max: 1, acquire_timeout: 8s }\n";
/// What a call would feel of another. Locks are the whole server's, so each database has one of its own.
const STATE: &str = "SELECT @remembered AS a, IS_FREE_LOCK(DATABASE()) AS b, @@tx_read_only AS c";

fn untouched() -> Vec<Vec<Json>> {
    vec![vec![Json::Null, json!(1), json!(1)]]
}

fn fixture() -> Option<Mysql> {
    let fixture = Mysql::new()?;
    fixture.run(UNSEEN);
    Some(fixture)
}

/// Whether a read leaves its connection to the next call.
async fn keeps(backend: &Arc<dyn Backend>, sql: &str) -> bool {
    kept_after(backend, read(statements(SQL, &[sql]))).await
}

/// Whether a write leaves its connection to the next call.
async fn keeps_a_write(backend: &Arc<dyn Backend>, sql: &str) -> bool {
    kept_after(backend, write(statements(SQL, &[sql]))).await
}

async fn kept_after(backend: &Arc<dyn Backend>, request: Request) -> bool {
    run(backend, request).await.expect("the call succeeds");
    settled(backend).await;
    backend.connections().open == 1
}

#[tokio::test]
async fn nothing_that_a_view_does_is_felt_by_the_next_call() {
    let Some(fixture) = fixture() else { return };
    let backend = fixture.backend(1);
    for is_known in [false, true] {
        if is_known {
            learnt(&backend).await;
        }
        for view in ["unlocking", "remembering", "locking", "locking_by_function", "nested", "deeper", "`Unlocking`"] {
            let _ = run(&backend, read(statements(SQL, &[&format!("SELECT * FROM {view}")]))).await;
            assert_eq!(rows(&backend, SQL, STATE).await, untouched(), "{view}, {is_known}");
            let failure = run(&backend, read(statements(SQL, &["SELECT raised() AS a"]))).await.expect_err("read-only");
            assert_eq!(failure.code.as_deref(), Some("1792"), "{view}, {is_known}");
        }
    }
    assert_eq!(things(&backend, SQL).await, first_things());
}

#[tokio::test]
async fn nothing_that_a_trigger_does_is_felt_by_the_next_call() {
    let Some(fixture) = fixture() else { return };
    let backend = fixture.backend(1);
    for is_known in [false, true] {
        if is_known {
            learnt(&backend).await;
        }
        for sql in ["INSERT INTO locks VALUES (1)", "INSERT INTO trips VALUES (1)", "UPDATE all_calls SET id = 7"] {
            run(&backend, write(statements(SQL, &[sql]))).await.expect("a write may");
            assert_eq!(rows(&backend, SQL, STATE).await, untouched(), "{sql}, {is_known}");
        }
    }
}

#[tokio::test]
async fn what_a_column_sets_is_not_felt_by_the_next_call() {
    let Some(fixture) = fixture() else { return };
    // MySQL has no such columns.
    fixture.run(
        "CREATE TABLE setting (id INT /*M!100201 , a INT DEFAULT (@remembered := 5) */);
         CREATE TABLE computing (id INT /*M!100201 , a INT AS (@remembered := 5) */);
         INSERT INTO computing (id) VALUES (1);",
    );
    let backend = fixture.backend(1);
    learnt(&backend).await;
    run(&backend, write(statements(SQL, &["INSERT INTO setting (id) VALUES (1)"]))).await.expect("a write may");
    assert_eq!(rows(&backend, SQL, STATE).await, untouched());
    for sql in ["SELECT DEFAULT(a) AS a FROM setting", "SELECT * FROM computing"] {
        let _ = run(&backend, read(statements(SQL, &[sql]))).await;
        assert_eq!(rows(&backend, SQL, STATE).await, untouched(), "{sql}");
    }
}

#[tokio::test]
async fn what_touches_no_such_view_keeps_its_connection_once_that_is_known() {
    let Some(fixture) = fixture() else { return };
    let backend = fixture.backend(1);
    assert!(!keeps(&backend, "SELECT id FROM things").await, "nothing is known in the first call");
    learnt(&backend).await;
    for sql in ["SELECT id FROM things", "SELECT * FROM all_things", "SELECT n FROM n LIMIT 3", "SELECT * FROM calls"] {
        assert!(keeps(&backend, sql).await, "{sql}");
    }
    for sql in ["SELECT * FROM nested", "SELECT * FROM locking"] {
        assert!(!keeps(&backend, sql).await, "{sql}");
    }
}

#[tokio::test]
async fn the_catalog_is_read_by_itself_after_the_first_call() {
    let Some(fixture) = fixture() else { return };
    let backend = fixture.backend(1);
    for _ in 0..3000 {
        if keeps(&backend, "SELECT id FROM things").await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the catalog is never known");
}

#[tokio::test]
async fn a_view_or_a_trigger_that_is_made_later_is_seen_with_the_tables() {
    let Some(fixture) = fixture() else { return };
    let backend = fixture.backend(1);
    learnt(&backend).await;
    assert!(keeps(&backend, "SELECT * FROM all_things").await);
    fixture.run(
        "CREATE OR REPLACE VIEW all_things AS SELECT id, unlocked() AS name, remembered() AS amount FROM things;
         CREATE TRIGGER remembers_parts AFTER INSERT ON parts FOR EACH ROW SET @remembered = 1;",
    );
    // Nobody has looked yet: the connection may be left otherwise, but not for long.
    let _ = run(&backend, read(statements(SQL, &["SELECT * FROM all_things"]))).await;
    learnt(&backend).await;
    assert_eq!(rows(&backend, SQL, STATE).await, untouched());
    for request in [
        read(statements(SQL, &["SELECT * FROM all_things"])),
        write(statements(SQL, &["INSERT INTO parts VALUES (1, 1)"])),
    ] {
        run(&backend, request).await.expect("it succeeds");
        assert_eq!(rows(&backend, SQL, STATE).await, untouched());
    }
    fixture.run("CREATE OR REPLACE VIEW all_things AS SELECT id, name FROM things");
    learnt(&backend).await;
    assert!(keeps(&backend, "SELECT * FROM all_things").await);
}

/// An account of a test's own, dropped at its end.
struct Account<'a> {
    fixture: &'a Mysql,
    name: String,
}

impl<'a> Account<'a> {
    /// With these rights; `DB` stands for the fixture's database.
    fn new(fixture: &'a Mysql, name: &str, rights: &[&str]) -> Self {
        let database = fixture.0.url().rsplit_once('/').expect("a path").1;
        let name = format!("{name}_{}", database.trim_start_matches("test_"));
        fixture.run(&format!("CREATE USER '{name}'"));
        let account = Self { fixture, name };
        for right in rights {
            fixture.run(&format!("GRANT {} TO '{}'", right.replace("DB", database), account.name));
        }
        account
    }

    fn backend(&self) -> Arc<dyn Backend> {
        let (_, at) = self.fixture.0.url().rsplit_once('@').expect("a user");
        open(&format!("mysql://{}@{at}", self.name), ONE)
    }
}

impl Drop for Account<'_> {
    fn drop(&mut self) {
        self.fixture.run(&format!("DROP USER '{}'", self.name));
    }
}

#[tokio::test]
async fn what_an_account_may_not_see_is_not_trusted() {
    let Some(fixture) = fixture() else { return };
    let account = Account::new(&fixture, "poor", &["SELECT, INSERT, UPDATE, EXECUTE ON DB.*"]);
    let backend = account.backend();
    learnt(&backend).await;
    for view in ["unlocking", "nested", "remembering"] {
        let _ = run(&backend, read(statements(SQL, &[&format!("SELECT * FROM {view}")]))).await;
        assert_eq!(rows(&backend, SQL, STATE).await, untouched(), "{view}");
    }
    run(&backend, write(statements(SQL, &["INSERT INTO locks VALUES (1)"]))).await.expect("a write may");
    assert_eq!(rows(&backend, SQL, STATE).await, untouched());
    assert!(keeps(&backend, "SELECT id FROM things").await, "a table calls nothing");
    assert!(!keeps(&backend, "SELECT id FROM all_things").await, "its definition is not told");
    assert!(!keeps_a_write(&backend, "INSERT INTO parts VALUES (1, 1)").await, "its triggers are not told");
}

#[tokio::test]
async fn what_an_account_may_see_is_trusted() {
    let Some(fixture) = fixture() else { return };
    let usual = "SELECT, INSERT, SHOW VIEW, EXECUTE ON DB.*";
    for (part, rights) in
        [(1, vec![usual, "TRIGGER ON DB.parts", "TRIGGER ON DB.locks"]), (2, vec![usual, "TRIGGER ON DB.*"])]
    {
        let account = Account::new(&fixture, "rich", &rights);
        let backend = account.backend();
        learnt(&backend).await;
        assert!(keeps(&backend, "SELECT id FROM all_things").await);
        assert!(!keeps(&backend, "SELECT * FROM nested").await);
        assert!(keeps_a_write(&backend, &format!("INSERT INTO parts VALUES ({part}, 1)")).await, "{rights:?}");
        assert!(!keeps_a_write(&backend, "INSERT INTO locks VALUES (1)").await);
        backend.close().await;
    }
}

/// Stands between a backend and its server.
struct Relay {
    url: String,
    asking: Arc<Mutex<Asking>>,
}

/// What becomes of the connection that asks for the catalog.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asking {
    /// It gets its answers.
    Passes,
    /// It waits for ever.
    Waits,
    /// It is cut.
    Fails,
}

/// What that connection says at first, and no other says.
const ASKS: &[u8] = b"lock_wait_timeout";

impl Relay {
    async fn new(fixture: &Mysql, asking: Asking) -> Self {
        let (start, at) = fixture.0.url().rsplit_once('@').expect("a user");
        let (server, database) = at.split_once('/').expect("a path");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let url = format!("{start}@{address}/{database}?ssl-mode=DISABLED");
        let relay = Self { url, asking: Arc::new(Mutex::new(asking)) };
        let (server, asking) = (server.to_owned(), relay.asking.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.expect("the server is there");
                tokio::spawn(pass(client, server, asking.clone()));
            }
        });
        relay
    }
}

/// Passes on what both sides say, until one of them leaves.
async fn pass(mut client: TcpStream, mut server: TcpStream, asking: Arc<Mutex<Asking>>) -> std::io::Result<()> {
    let (mut said, mut answered, mut asks) = ([0; 16_384], [0; 16_384], false);
    loop {
        tokio::select! {
            length = client.read(&mut said) => {
                let said = &said[..length?];
                asks |= said.windows(ASKS.len()).any(|part| part == ASKS);
                let asking = *asking.lock().expect("nobody panics");
                match asking {
                    _ if said.is_empty() => return Ok(()),
                    Asking::Fails if asks => return Ok(()),
                    Asking::Waits if asks => std::future::pending().await,
                    _ => server.write_all(said).await?,
                }
            }
            length = server.read(&mut answered) => match length? {
                0 => return Ok(()),
                length => client.write_all(&answered[..length]).await?,
            }
        }
    }
}

#[tokio::test]
async fn no_call_waits_for_the_catalog() {
    let Some(fixture) = fixture() else { return };
    let relay = Relay::new(&fixture, Asking::Waits).await;
    // Less than a look at the catalog may take, and more than a busy machine needs for a call.
    let backend = open(&relay.url, "statement_timeout: 8s\npool: { max: 1, acquire_timeout: 8s }\n");
    for _ in 0..3 {
        assert!(!keeps(&backend, "SELECT id FROM all_things").await);
        assert!(!keeps_a_write(&backend, "UPDATE things SET amount = amount").await);
        assert_eq!(rows(&backend, SQL, STATE).await, untouched());
    }
}

#[tokio::test]
async fn a_catalog_that_cannot_be_read_is_not_trusted_until_it_can() {
    let Some(fixture) = fixture() else { return };
    let relay = Relay::new(&fixture, Asking::Fails).await;
    let backend = open(&relay.url, ONE);
    let look = async || backend.inspect().expect("there is a catalog").digests(&[]).await;
    for (asking, is_known) in [(Asking::Fails, false), (Asking::Passes, true), (Asking::Fails, true)] {
        *relay.asking.lock().expect("nobody panics") = asking;
        assert_eq!(look().await.is_ok(), asking == Asking::Passes);
        let _ = run(&backend, read(statements(SQL, &["SELECT * FROM nested"]))).await;
        assert_eq!(rows(&backend, SQL, STATE).await, untouched());
        assert_eq!(keeps(&backend, "SELECT id FROM all_things").await, is_known);
    }
}
