//! PostgreSQL: its fixture, and what only it promises.

use serde_json::Value as Json;
use std::{path::Path, sync::Arc};

use super::Fixture;
use crate::database::Database;
use datadip::{
    backend::{Backend, Driver, driver},
    value::{Scalar, Value},
    yaml,
};

const INIT: &str = "
    CREATE TABLE things (
      id bigint PRIMARY KEY, name text NOT NULL UNIQUE, amount bigint NOT NULL CHECK (amount >= 0)
    );
    CREATE TABLE parts (id bigint PRIMARY KEY, thing bigint NOT NULL REFERENCES things (id));
    INSERT INTO things VALUES (1, 'one', 1), (2, 'two', 2), (3, 'three', 3);
";

/// A database of its own.
pub struct Postgres(Database);

impl Postgres {
    /// `None` without a server.
    pub fn new() -> Option<Self> {
        Database::postgres(INIT).map(Self)
    }

    pub fn open(&self, settings: &str) -> Arc<dyn Backend> {
        let (document, mut out) = yaml::parse(&format!("kind: postgres\nurl: \"{}\"\n{settings}", self.0.url()));
        let backend = (self.driver().open)(&document.expect("valid YAML").root, Path::new("."), &mut out);
        backend.unwrap_or_else(|| panic!("{out:?}"))
    }
}

impl Fixture for Postgres {
    fn driver(&self) -> &'static Driver {
        driver("postgres").expect("it is registered")
    }

    fn backend(&self, max: usize) -> Arc<dyn Backend> {
        self.open(&format!("pool: {{ max: {max}, acquire_timeout: 1s }}\n"))
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
        let change = "UPDATE things SET amount = 99";
        vec![
            vec![change],
            vec!["WITH gone AS (DELETE FROM things RETURNING id) SELECT id FROM gone"],
            vec!["SET default_transaction_read_only = off"],
            vec!["SELECT set_config('default_transaction_read_only', 'off', false)"],
            vec!["SELECT set_config('default_transaction_read_only', 'off', false)", change],
            vec!["SELECT set_config('transaction_read_only', 'off', false)", change],
            vec!["SET TRANSACTION READ WRITE", change],
            vec!["COMMIT", change],
            vec!["COMMIT", "SET default_transaction_read_only = off", change],
            vec!["ROLLBACK", "BEGIN READ WRITE", change, "COMMIT"],
        ]
    }

    fn samples(&self) -> Vec<(Scalar, Value, Json)> {
        super::values::samples().into_iter().filter(|(scalar, ..)| *scalar == Scalar::String).collect()
    }
}

super::conformance!(Postgres::new());

#[tokio::test]
async fn connections_that_were_lost_meanwhile_are_made_up_for() {
    const SEVER: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let Some(postgres) = Postgres::new() else { return };
    super::calls::lost_connections_are_made_up_for(&postgres, || postgres.0.run(SEVER)).await;
}
