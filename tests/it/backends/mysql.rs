//! MySQL and MariaDB: their fixture, and what only they promise.

use std::{path::Path, sync::Arc};

use datadip::{
    backend::{Backend, Driver, driver},
    value::{Scalar, Value},
    yaml,
};
use serde_json::{Value as Json, json};

use super::Fixture;
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
    CREATE PROCEDURE commits() BEGIN UPDATE things SET amount = 99; COMMIT; END;
";

/// A database of its own.
pub struct Mysql(Database);

impl Mysql {
    /// `None` without a server.
    pub fn new() -> Option<Self> {
        Database::mysql(INIT).map(Self)
    }

    pub fn open(&self, settings: &str) -> Arc<dyn Backend> {
        let (document, mut out) = yaml::parse(&format!("kind: mysql\nurl: \"{}\"\n{settings}", self.0.url()));
        let backend = (self.driver().open)(&document.expect("valid YAML").root, Path::new("."), &mut out);
        backend.unwrap_or_else(|| panic!("{out:?}"))
    }
}

impl Fixture for Mysql {
    fn driver(&self) -> &'static Driver {
        driver("mysql").expect("it is registered")
    }

    fn backend(&self, max: usize) -> Arc<dyn Backend> {
        self.open(&format!("pool: {{ max: {max}, acquire_timeout: 200ms }}\n"))
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
        let change = "UPDATE things SET amount = 99";
        vec![
            vec![change],
            vec!["SELECT unlocked() AS a"],
            vec!["SELECT unlocked() AS a", "SELECT raised() AS a"],
            vec!["SELECT unlocked() AS a", change],
        ]
    }
}

super::conformance!(Mysql::new());

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
    super::calls::lost_connections_are_made_up_for(&mysql, || mysql.0.run(SEVER)).await;
}
