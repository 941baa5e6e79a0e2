//! What MySQL's and MariaDB's types become, compared with what the server itself makes of the same values as text.

use serde_json::{Value as Json, json};

use datadip::template::Dialect;

use super::{Fixture, mysql::Mysql, tools::*};

/// A column with a value of each type: its definition, the value, and what it becomes.
const COLUMNS: &[(&str, &str, &str)] = &[
    ("TINYINT", "-128", "-128"),
    ("TINYINT UNSIGNED", "255", "255"),
    ("BOOLEAN", "TRUE", "1"),
    ("TINYINT(1)", "-1", "-1"),
    ("TINYINT(1) UNSIGNED", "200", "200"),
    ("SMALLINT", "-32768", "-32768"),
    ("SMALLINT UNSIGNED", "65535", "65535"),
    ("MEDIUMINT", "-8388608", "-8388608"),
    ("MEDIUMINT UNSIGNED", "16777215", "16777215"),
    ("INT", "-2147483648", "-2147483648"),
    ("INT UNSIGNED", "4294967295", "4294967295"),
    ("INT(8) ZEROFILL", "42", "42"),
    ("BIGINT", "-9223372036854775808", "-9223372036854775808"),
    ("BIGINT UNSIGNED", "18446744073709551615", "18446744073709551615"),
    ("YEAR", "2026", "2026"),
    ("YEAR", "0", "0"),
    ("DECIMAL(10,2)", "-1.10", "-1.10"),
    ("DECIMAL(10,2)", "0.05", "0.05"),
    ("DECIMAL(10,0)", "100", "100"),
    ("DECIMAL(10,2) ZEROFILL", "7.25", "7.25"),
    ("DECIMAL(10,2) ZEROFILL", "0.25", "0.25"),
    (
        "DECIMAL(65,30)",
        "12345678901234567890123456789012345.123456789012345678901234567890",
        "12345678901234567890123456789012345.123456789012345678901234567890",
    ),
    ("FLOAT", "1.1", "1.1"),
    ("FLOAT", "65536", "65536"),
    ("FLOAT", "-3.4e38", "-3.4e+38"),
    ("DOUBLE", "0.1", "0.1"),
    ("DOUBLE", "-1.7976931348623157e308", "-1.7976931348623157e+308"),
    ("DOUBLE", "1", "1"),
    // Whether the sign of this zero is kept differs from one version to the next.
    ("DOUBLE", "-0e0", ""),
    ("BIT(1)", "b'1'", "1"),
    ("BIT(9)", "b'100000001'", "257"),
    ("BIT(64)", "18446744073709551615", "18446744073709551615"),
    ("DATE", "'2026-11-20'", "\"2026-11-20\""),
    ("DATE", "'9999-12-31'", "\"9999-12-31\""),
    ("DATE", "'1000-01-01'", "\"1000-01-01\""),
    ("DATETIME", "'2026-11-20 09:00:00'", "\"2026-11-20T09:00:00\""),
    ("DATETIME", "'2026-11-20 00:00:00'", "\"2026-11-20T00:00:00\""),
    ("DATETIME(3)", "'2026-11-20 09:00:00.5'", "\"2026-11-20T09:00:00.5\""),
    ("DATETIME(6)", "'2026-11-20 09:00:00.000001'", "\"2026-11-20T09:00:00.000001\""),
    ("DATETIME(6)", "'2026-11-20 00:00:00.123456'", "\"2026-11-20T00:00:00.123456\""),
    ("TIMESTAMP NULL", "'2026-11-20 09:00:00'", "\"2026-11-20T09:00:00+00:00\""),
    ("TIMESTAMP(6) NULL", "'2026-11-20 09:00:00.25'", "\"2026-11-20T09:00:00.25+00:00\""),
    ("TIMESTAMP NULL", "'2038-01-19 03:14:07'", "\"2038-01-19T03:14:07+00:00\""),
    ("TIME", "'14:05:00'", "\"14:05:00\""),
    ("TIME", "'00:00:00'", "\"00:00:00\""),
    ("TIME(6)", "'14:05:30.5'", "\"14:05:30.5\""),
    ("TIME", "'-12:30:00'", "\"-12:30:00\""),
    ("TIME", "'838:59:59'", "\"838:59:59\""),
    ("TIME(3)", "'-838:59:58.999'", "\"-838:59:58.999\""),
    ("TIME(6)", "'-00:00:00.000001'", "\"-00:00:00.000001\""),
    ("CHAR(5)", "'ab'", "\"ab\""),
    ("VARCHAR(50)", "'O''Brien ü 🦀 \\\\ \"x\"'", "\"O'Brien ü 🦀 \\\\ \\\"x\\\"\""),
    ("VARCHAR(50) CHARACTER SET latin1", "'Zürich'", "\"Zürich\""),
    ("VARCHAR(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "'Zürich'", "\"Zürich\""),
    ("TINYTEXT", "'a'", "\"a\""),
    ("TEXT", "''", "\"\""),
    ("TEXT CHARACTER SET latin1", "'é'", "\"é\""),
    ("MEDIUMTEXT", "'a'", "\"a\""),
    ("LONGTEXT", "REPEAT('a', 70000)", ""),
    ("BINARY(3)", "'ab'", "\"\\\\x616200\""),
    ("VARBINARY(9)", "x'00ff'", "\"\\\\x00ff\""),
    ("TINYBLOB", "x''", "\"\\\\x\""),
    ("BLOB", "x'0a'", "\"\\\\x0a\""),
    ("MEDIUMBLOB", "'a'", "\"\\\\x61\""),
    ("LONGBLOB", "'a'", "\"\\\\x61\""),
    ("ENUM('new','it''s old')", "'it''s old'", "\"it's old\""),
    ("SET('a','b','c')", "'c,a'", "\"a,c\""),
    ("SET('a','b','c')", "''", "\"\""),
    ("INT", "NULL", "null"),
    ("VARCHAR(9)", "NULL", "null"),
    ("DATETIME", "NULL", "null"),
    ("BIT(1)", "NULL", "null"),
];

/// Expressions without a table, and what they become.
const EXPRESSIONS: &[(&str, &str)] = &[
    ("1 = 1", "1"),
    ("TRUE", "1"),
    ("1 + 1", "2"),
    ("1 / 3", "0.3333"),
    ("1e0 / 4", "0.25"),
    ("-5 DIV 2", "-2"),
    ("18446744073709551615", "18446744073709551615"),
    ("COUNT(*)", "1"),
    ("SUM(1)", "1"),
    ("AVG(3)", "3.0000"),
    ("NULL", "null"),
    ("'a'", "\"a\""),
    ("x'6162'", "\"\\\\x6162\""),
    ("BINARY 'a'", "\"\\\\x61\""),
    ("CONCAT('a', 1)", "\"a1\""),
    ("CONCAT_WS(',', 'ü', 2.50)", "\"ü,2.50\""),
    ("CAST('1.50' AS DECIMAL(5,2))", "1.50"),
    ("CAST(-7 AS SIGNED)", "-7"),
    ("CAST('2026-11-20' AS DATE)", "\"2026-11-20\""),
    ("CAST('2026-11-20 09:00' AS DATETIME)", "\"2026-11-20T09:00:00\""),
    ("CAST('09:00' AS TIME)", "\"09:00:00\""),
    ("TIMEDIFF('10:00:00', '11:30:00')", "\"-01:30:00\""),
    ("DATE('2026-11-20') + INTERVAL 1 DAY", "\"2026-11-21\""),
    ("DATE_FORMAT('2026-11-20', '%d.%m.%Y')", "\"20.11.2026\""),
    ("UNIX_TIMESTAMP('2026-11-20 09:00:00')", "1795165200"),
    ("FROM_UNIXTIME(0)", "\"1970-01-01T00:00:00\""),
    ("@@time_zone", "\"+00:00\""),
    ("HEX(255)", "\"FF\""),
    ("MD5('a')", "\"0cc175b9c0f1b6a831c399e269772661\""),
    ("IF(1 > 0, 'yes', 'no')", "\"yes\""),
    ("COALESCE(NULL, 2.5)", "2.5"),
    ("GREATEST(1, 2)", "2"),
    ("ROUND(2.345, 2)", "2.35"),
    ("ROUND(2.7e0)", "3"),
    ("JSON_VALID('{}')", "1"),
    ("ST_AsText(ST_GeomFromText('POINT(1 2)'))", "\"POINT(1 2)\""),
    ("'a' LIKE 'A'", "1"),
    ("GROUP_CONCAT('a', 'b')", "\"ab\""),
    ("CHAR(65)", "\"\\\\x41\""),
    ("CHAR(65 USING utf8mb4)", "\"A\""),
    ("INET_NTOA(2130706433)", "\"127.0.0.1\""),
    ("CRC32('a')", "3904355907"),
    ("b'101' + 0", "5"),
    ("LENGTH('ü')", "2"),
];

#[tokio::test]
async fn every_type_becomes_what_the_server_writes() {
    let Some(fixture) = Mysql::new() else { return };
    let backend = fixture.backend(1);
    let mut checked = 0;
    for (number, (definition, value, expected)) in COLUMNS.iter().enumerate() {
        fixture.run(&format!("CREATE TABLE t{number} (v {definition}); INSERT INTO t{number} VALUES ({value})"));
        let sql = format!("SELECT v, CAST(v AS CHAR CHARACTER SET utf8mb4) AS text FROM t{number}");
        let row = rows(&backend, Dialect::Mysql, &sql).await.remove(0);
        if !expected.is_empty() {
            assert_eq!(row[0].to_string(), *expected, "{definition}");
        }
        // What the server itself writes is the same, but for the form of dates, bytes and zeros before numbers.
        if let (Json::String(text), false) =
            (&row[1], ["BLOB", "BI", "ZEROFILL"].iter().any(|word| definition.contains(word)))
        {
            let ours = row[0].as_str().map_or_else(|| row[0].to_string(), str::to_owned);
            assert_eq!(comparable(&ours), comparable(text), "{definition}");
            checked += 1;
        }
    }
    assert!(checked > 50, "only {checked} were compared");
}

/// Both forms of a value without what differs in form alone.
fn comparable(text: &str) -> String {
    let text = text.trim_end_matches("+00:00").replace('T', " ");
    let numeric = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.e: ".contains(&byte));
    if !numeric {
        return text;
    }
    if let Ok(number) = text.parse::<f32>()
        && (text.contains('e') || text.len() < 10)
    {
        return number.to_string();
    }
    if text.contains(['.', ':']) { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[tokio::test]
async fn expressions_have_types_too() {
    let Some(fixture) = Mysql::new() else { return };
    let backend = fixture.backend(1);
    for (sql, expected) in EXPRESSIONS {
        let row = rows(&backend, Dialect::Mysql, &format!("SELECT {sql} AS v")).await.remove(0);
        assert_eq!(row[0].to_string(), *expected, "{sql}");
    }
}

#[tokio::test]
async fn a_zero_date_is_no_date_and_one_that_is_zero_in_part_is_told() {
    let Some(fixture) = Mysql::new() else { return };
    let backend = fixture.backend(1);
    fixture.run(
        "SET sql_mode = ''; CREATE TABLE t (a DATE NOT NULL, b DATETIME NOT NULL, c TIMESTAMP NULL, d DATE, e DATETIME); \
         INSERT INTO t VALUES ('0000-00-00', '0000-00-00', '0000-00-00 00:00:00', '2026-00-00', '2026-11-00 09:00:00')",
    );
    let found = rows(&backend, Dialect::Mysql, "SELECT a, b, c, d, e FROM t").await;
    assert_eq!(found, [[Json::Null, Json::Null, Json::Null, json!("2026-00-00"), json!("2026-11-00T09:00:00")]]);
}

#[tokio::test]
async fn json_is_itself_where_the_type_says_so() {
    let Some(fixture) = Mysql::new() else { return };
    let backend = fixture.backend(1);
    fixture.run("CREATE TABLE t (v JSON); INSERT INTO t VALUES ('{\"a\": [1.10, null]}')");
    let found = rows(&backend, Dialect::Mysql, "SELECT v, @@version LIKE '%MariaDB%' AS maria FROM t").await.remove(0);
    if found[1] == json!(1) {
        assert_eq!(found[0], json!("{\"a\": [1.10, null]}"));
    } else {
        assert_eq!(found[0]["a"][1], Json::Null);
    }
}

#[tokio::test]
async fn a_geometry_is_refused_and_says_what_to_write() {
    let Some(fixture) = Mysql::new() else { return };
    let backend = fixture.backend(1);
    let failure = run(&backend, read(statements(Dialect::Mysql, &["SELECT POINT(1, 2) AS place"]))).await;
    let failure = failure.expect_err("it has no JSON");
    assert!(failure.message.contains("`place`") && failure.message.contains("ST_AsText"), "{}", failure.message);
    assert_eq!(rows(&backend, Dialect::Mysql, "SELECT 1 AS a").await, [[json!(1)]]);
}
