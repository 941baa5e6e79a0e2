use std::sync::Arc;

use super::*;
use crate::{
    template::{Origin, shape_text::Sources},
    value::{ParamType, Scalar},
    yaml::{self, Kind},
};

/// The rules that a statement breaks, each with the text of the file that it points at. `{{ x }}` is a placeholder,
/// `{{ x | contains }}` one whose wildcards are escaped.
fn check(dialect: Dialect, sql: &str) -> Vec<(&'static str, String)> {
    let (file, found) = diagnose(dialect, sql);
    found.iter().map(|d| (d.rule.name, file[d.span.range()].to_owned())).collect()
}

fn diagnose(dialect: Dialect, sql: &str) -> (String, Vec<Diagnostic>) {
    diagnose_file(dialect, format!("sql: |\n  {}\n", sql.replace('\n', "\n  ")))
}

fn diagnose_file(dialect: Dialect, file: String) -> (String, Vec<Diagnostic>) {
    let root = yaml::parse(&file).0.expect("YAML").root;
    let Some(Kind::Scalar(template)) = root.get("sql").map(|node| node.kind.clone()) else { panic!("{file}") };
    let (mut text, mut segments, mut placeholders, mut sites) = (String::new(), Vec::new(), Vec::new(), Vec::new());
    let mut at = 0;
    while let Some(open) = template.value[at..].find("{{").map(|found| at + found) {
        let close = open + template.value[open..].find("}}").expect("}}") + 2;
        segments.push((text.len(), Origin::Template(at)));
        text += &template.value[at..open];
        segments.push((text.len(), Origin::Site(sites.len())));
        let start = text.len();
        match dialect {
            Dialect::Postgres => text += &format!("${}", sites.len() + 1),
            _ => text.push('?'),
        }
        let like = template.value[open..close].contains('|');
        placeholders.push(PlaceholderSite {
            range: start..text.len(),
            site: sites.len(),
            spread: false,
            like,
            ty: ParamType::one(Scalar::String),
        });
        sites.push(open..close);
        at = close;
    }
    segments.push((text.len(), Origin::Template(at)));
    text += &template.value[at..];
    let sources = Arc::new(Sources { template, sites, choices: Vec::new() });
    let mut out = Vec::new();
    shape(&ShapeText { text, placeholders, segments, sources }, dialect, &mut out);
    (file, out)
}

const SQL: [Dialect; 4] = [Dialect::Sqlite, Dialect::Postgres, Dialect::Mysql, Dialect::Snowflake];

fn one(dialect: Dialect, sql: &str, rule: &str, place: &str) {
    assert_eq!(check(dialect, sql), [(rule, place.to_owned())], "{dialect:?}: {sql}");
}

#[test]
fn a_placeholder_inside_quotes_or_comments_is_an_error_there() {
    for dialect in SQL {
        for sql in [
            "SELECT 1 WHERE a = '{{ x }}'",
            "SELECT 1 WHERE a LIKE '%{{ x }}%'",
            "SELECT 1 -- {{ x }}\n, 2",
            "SELECT /* {{ x }} */ 1",
        ] {
            one(dialect, sql, "quoted-placeholder", "{{ x }}");
        }
    }
    for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::Snowflake] {
        one(dialect, "SELECT \"{{ x }}\"", "quoted-placeholder", "{{ x }}");
    }
    one(Dialect::Sqlite, "SELECT [{{ x }}]", "quoted-placeholder", "{{ x }}");
    one(Dialect::Mysql, "SELECT `{{ x }}`", "quoted-placeholder", "{{ x }}");
    one(Dialect::Mysql, "SELECT 1 # {{ x }}", "quoted-placeholder", "{{ x }}");
    one(Dialect::Postgres, "SELECT $$ {{ x }} $$", "quoted-placeholder", "{{ x }}");
    one(Dialect::Postgres, "SELECT E'\\'{{ x }}'", "quoted-placeholder", "{{ x }}");
    one(Dialect::Postgres, "SELECT 1 /* /* */ {{ x }} */", "quoted-placeholder", "{{ x }}");
    one(Dialect::Snowflake, "SELECT 1 // {{ x }}", "quoted-placeholder", "{{ x }}");
    let (_, found) = diagnose(Dialect::Postgres, "SELECT 1 WHERE a LIKE '%{{ x }}%'");
    assert!(found[0].help.as_ref().expect("help").contains("| contains"), "{found:?}");
}

#[test]
fn a_placeholder_that_touches_other_text_is_an_error_there() {
    for dialect in SQL {
        for sql in [
            "SELECT a FROM t limit{{ n }}",
            "SELECT {{ n }}0",
            "SELECT {{ n }}x",
            "SELECT 1{{ n }}",
            "SELECT {{ n }}'a'",
            "SELECT _{{ n }}",
        ] {
            one(dialect, sql, "glued-placeholder", "{{ n }}");
        }
        let found = check(dialect, "SELECT {{ a }}{{ b }}");
        assert!(!found.is_empty() && found.iter().all(|(rule, _)| *rule == "glued-placeholder"), "{found:?}");
        assert_eq!(check(dialect, "SELECT -{{ a }}+{{ b }},({{ c }})/* c */"), []);
    }
    assert_eq!(
        check(Dialect::Postgres, "SELECT {{ a }}::int, a[{{ b }}:{{ c }}], b->>{{ d }}, c ?{{ e }}, d @>{{ f }}"),
        []
    );
}

#[test]
fn a_placeholder_where_a_name_or_keyword_must_stand_is_an_error_there() {
    for dialect in SQL {
        for sql in [
            "SELECT a FROM {{ x }}",
            "SELECT a FROM t JOIN {{ x }} ON 1 = 1",
            "INSERT INTO {{ x }} VALUES (1)",
            "UPDATE {{ x }} SET a = 1",
            "DELETE FROM {{ x }}",
            "SELECT a AS {{ x }} FROM t",
            "SELECT CAST(a AS {{ x }}) FROM t",
            "SELECT a FROM t ORDER BY a {{ x }}",
            "SELECT a FROM t ORDER BY value {{ x }}",
            "SELECT a FROM t ORDER BY f(a) {{ x }}",
            "SELECT a FROM t ORDER BY 1 {{ x }}",
            "SELECT a FROM t WHERE b {{ x }} 1",
            "SELECT t.{{ x }} FROM t",
            "SELECT t.from {{ x }} FROM t",
            "SELECT {{ x }}(a) FROM t",
            "SELECT {{ x }}.a FROM t",
            "SELECT a FROM t WHERE a = 'b' {{ x }}",
            "SELECT trim((SELECT a FROM {{ x }})) FROM t",
            "SELECT substring(SELECT a FROM {{ x }}) FROM t",
            "{{ x }} a FROM t",
            "SELECT a FROM t ORDER BY a NULLS FIRST {{ x }}",
        ] {
            one(dialect, sql, "placeholder-as-name", "{{ x }}");
        }
    }
    one(Dialect::Postgres, "SELECT a::{{ x }} FROM t", "placeholder-as-name", "{{ x }}");
    one(Dialect::Postgres, "SELECT a FROM t WHERE b = date {{ x }}", "placeholder-as-name", "{{ x }}");
    one(Dialect::Snowflake, "SELECT v:{{ x }} FROM t", "placeholder-as-name", "{{ x }}");
    one(Dialect::Snowflake, "SELECT a FROM @{{ x }}", "placeholder-as-name", "{{ x }}");
    let (_, found) = diagnose(Dialect::Sqlite, "SELECT a FROM t ORDER BY a {{ x }}");
    assert!(found[0].help.as_ref().expect("help").contains("`choice`"), "{found:?}");
}

#[test]
fn a_placeholder_where_a_value_may_stand_is_fine() {
    for dialect in SQL {
        for sql in [
            "SELECT {{ a }}, coalesce({{ b }}, c) AS d FROM t WHERE a = {{ c }} AND b IN ({{ d }}, {{ e }})",
            "SELECT CASE {{ a }} WHEN {{ b }} THEN {{ c }} ELSE {{ d }} END FROM t",
            "SELECT EXTRACT(year FROM {{ a }}), TRIM(BOTH {{ b }} FROM {{ c }}), SUBSTRING({{ d }} FROM {{ e }} FOR {{ f }})",
            "SELECT a FROM t WHERE a BETWEEN {{ a }} AND {{ b }} OR NOT {{ c }} HAVING {{ d }} LIMIT {{ e }} OFFSET {{ f }}",
            "SELECT a FROM t WHERE a IS DISTINCT FROM {{ a }} AND b IS NOT DISTINCT FROM {{ b }}",
            "INSERT INTO t (a, b) VALUES ({{ a }}, {{ b }}) RETURNING {{ c }}",
            "UPDATE t SET a = {{ a }}, b = b + {{ b }} WHERE c LIKE {{ c }} ESCAPE {{ d }}",
            "SELECT CAST({{ a }} AS text), sum(a) OVER (ORDER BY b ROWS {{ b }} PRECEDING) FROM t",
            "SELECT a FROM t FETCH FIRST {{ a }} ROWS ONLY",
        ] {
            assert_eq!(check(dialect, sql), [], "{dialect:?}: {sql}");
        }
    }
    for (dialect, sql) in [
        (Dialect::Postgres, "SELECT a AT TIME ZONE {{ z }}, a OPERATOR(pg_catalog.+) {{ b }}, f(VARIADIC {{ c }})"),
        (Dialect::Postgres, "SELECT DISTINCT ON (a) {{ b }} FROM t WHERE a = ANY({{ c }}) AND d SIMILAR TO {{ e }}"),
        (Dialect::Mysql, "SELECT a DIV {{ b }}, DATE_ADD(c, INTERVAL {{ d }} DAY), BINARY {{ e }} REGEXP {{ f }}"),
        (Dialect::Mysql, "SELECT a INTO @b FROM t WHERE @c := {{ d }} LIMIT {{ e }}, {{ f }}"),
        (Dialect::Snowflake, "SELECT TOP 5 {{ a }}, {'b': {{ c }}}, d[{{ e }}]:f::int FROM TABLE(IDENTIFIER({{ g }}))"),
        (Dialect::Snowflake, "SELECT a FROM t START WITH {{ b }} = c CONNECT BY PRIOR {{ d }} = e QUALIFY {{ f }} = 1"),
        (
            Dialect::Sqlite,
            "SELECT a FROM t WHERE a GLOB {{ b }} AND c MATCH {{ d }} AND e IS {{ f }} LIMIT {{ g }}, {{ h }}",
        ),
    ] {
        assert_eq!(check(dialect, sql), [], "{dialect:?}: {sql}");
    }
}

#[test]
fn a_placeholder_written_by_hand_is_an_error_there() {
    for (dialect, sql, place) in [
        (Dialect::Sqlite, "SELECT ?", "?"),
        (Dialect::Sqlite, "SELECT ?1", "?1"),
        (Dialect::Sqlite, "SELECT :name", ":name"),
        (Dialect::Sqlite, "SELECT @name", "@name"),
        (Dialect::Sqlite, "SELECT $name", "$name"),
        (Dialect::Postgres, "SELECT $1", "$1"),
        (Dialect::Postgres, "SELECT a FROM t WHERE b = ?", "?"),
        (Dialect::Postgres, "SELECT a FROM t WHERE b =?", "=?"),
        (Dialect::Postgres, "SELECT a FROM t LIMIT ?", "?"),
        (Dialect::Postgres, "SELECT a FROM t WHERE b = :name", "name"),
        (Dialect::Mysql, "SELECT ?", "?"),
        (Dialect::Mysql, "SELECT a FROM t WHERE b IN (:name)", "name"),
        (Dialect::Snowflake, "SELECT ?", "?"),
        (Dialect::Snowflake, "SELECT a FROM t WHERE b = :name", ":name"),
    ] {
        one(dialect, sql, "hand-written-placeholder", place);
    }
    for (dialect, sql) in [
        (Dialect::Postgres, "SELECT a ? 'b', a ?| b, a ?& b, c::int, d[1:n], d[:n], (e) ? f"),
        (Dialect::Mysql, "SELECT @name, @@version, a := 1"),
        (Dialect::Snowflake, "SELECT v:city, v:from:name::string, $1, $name, t.$2:x"),
        (Dialect::Sqlite, "SELECT '?', \":a\", 1 -- ?"),
    ] {
        assert_eq!(check(dialect, sql), [], "{dialect:?}: {sql}");
    }
}

#[test]
fn one_statement_is_allowed_and_a_semicolon_at_its_end() {
    for dialect in SQL {
        assert_eq!(check(dialect, "SELECT ';' ; -- the end"), []);
        one(dialect, "SELECT 1; DROP TABLE t; SELECT 2", "several-statements", "DROP");
        one(dialect, "SELECT 1;;", "several-statements", ";");
    }
}

#[test]
fn what_is_left_open_is_an_error_where_it_begins() {
    for dialect in SQL {
        one(dialect, "SELECT f('a {{ x }}", "unterminated-sql", "'a {{ x }}\n");
        one(dialect, "SELECT (a /* b", "unterminated-sql", "/* b\n");
        one(dialect, "SELECT (f(a) FROM t", "unbalanced-brackets", "(");
        one(dialect, "SELECT f(a)) FROM t", "unbalanced-brackets", ")");
        // SQLite would take the text as ended there.
        let (_, found) = diagnose_file(dialect, r#"sql: "SELECT 'a\0b'""#.to_owned());
        assert_eq!(found.iter().map(|d| d.rule.name).collect::<Vec<_>>(), ["unreadable-sql"]);
    }
    one(Dialect::Postgres, "SELECT a[1)", "unbalanced-brackets", ")");
    one(Dialect::Postgres, "SELECT $a$ b", "unterminated-sql", "$a$ b\n");
    one(Dialect::Mysql, "SELECT /*! 1 */", "unreadable-sql", "/*! 1 */");
    one(Dialect::Sqlite, "SELECT 1 ! 2", "unreadable-sql", "!");
}

#[test]
fn an_escaped_pattern_needs_its_escape_clause_where_there_is_no_default() {
    const SITE: &str = "{{ x | contains }}";
    for (dialect, clause) in [(Dialect::Sqlite, r"ESCAPE '\'"), (Dialect::Snowflake, r"ESCAPE '\\'")] {
        one(dialect, "SELECT a FROM t WHERE a LIKE {{ x | contains }} AND b = 1", "like-escape", SITE);
        for sql in ["LIKE {{ x | contains }} #", "LIKE (lower({{ x | contains }})) # AND b = 1"] {
            assert_eq!(check(dialect, &format!("SELECT a FROM t WHERE a {}", sql.replace('#', clause))), []);
        }
        let (_, found) = diagnose(dialect, "SELECT a FROM t WHERE a LIKE {{ x | contains }}");
        assert_eq!(found[0].help.as_deref(), Some(format!("write `{clause}` after it").as_str()));
    }
    let any = r"SELECT a FROM t WHERE a LIKE ANY ({{ x | contains }}, lower({{ y | contains }})::text) ESCAPE '\\'";
    assert_eq!(check(Dialect::Snowflake, any), []);
    assert_eq!(
        check(Dialect::Sqlite, r"SELECT a FROM t WHERE a LIKE {{ x | contains }} COLLATE NOCASE ESCAPE '\'"),
        []
    );
    for dialect in [Dialect::Postgres, Dialect::Mysql] {
        assert_eq!(check(dialect, "SELECT a FROM t WHERE a LIKE {{ x | contains }}"), []);
        one(dialect, "SELECT a FROM t WHERE a LIKE {{ x | contains }} ESCAPE '!'", "like-escape", "'!'");
    }
}

#[test]
fn soql_takes_values_where_its_grammar_does() {
    for sql in [
        "SELECT Id FROM A WHERE B = {{ a }} AND (C != {{ b }} OR NOT (D <= {{ c }})) AND E IN ({{ d }}, {{ e }}) ORDER BY F",
        "SELECT Id FROM A WHERE B LIKE {{ a | contains }} AND (C LIKE {{ b }}) AND D NOT IN ({{ c }})",
        "SELECT Id FROM A WHERE B INCLUDES ({{ a }},{{ b }}) AND C EXCLUDES ('d',{{ e }})",
        "SELECT Id FROM A WHERE DISTANCE(B, GEOLOCATION(52.5, 13.4), 'km') < {{ d }}",
        "SELECT COUNT(Id) FROM A GROUP BY B HAVING COUNT(Id) > {{ a }}",
        "SELECT Id, (SELECT Id FROM Bs WHERE C={{ a }}) FROM A WHERE D IN (SELECT E FROM F WHERE G<{{ b }})",
    ] {
        assert_eq!(check(Dialect::Soql, sql), [], "{sql}");
    }
    for sql in [
        "SELECT Id FROM {{ x }}",
        "SELECT {{ x }} FROM A",
        "SELECT Id, {{ x }} FROM A",
        "SELECT COUNT({{ x }}) FROM A",
        "SELECT Id FROM A WHERE {{ x }} = 'b'",
        "SELECT Id FROM A WHERE ({{ x }} = 'b')",
        "SELECT Id FROM A WHERE B = 'c' AND {{ x }} = 'b'",
        "SELECT Id FROM A WHERE A.{{ x }} = 'b'",
        "SELECT Id FROM A WHERE A.limit {{ x }} 'b'",
        "SELECT Id FROM A WHERE B {{ x }} 'b'",
        "SELECT Id FROM A WHERE B = 'b' {{ x }}",
        "SELECT Id FROM A WHERE B IN {{ x }}",
        "SELECT Id FROM A WHERE B LIKE ({{ x }})",
        "SELECT Id FROM A WHERE B = {{ x }}.C",
        "SELECT Id FROM A WHERE B = {{ x }}(C)",
        "SELECT Id FROM A WHERE B = {{ x }}:30",
        "SELECT Id FROM A WHERE B = THIS_WEEK:{{ x }}",
        "SELECT Id FROM A WHERE B = C + {{ x }}",
        "SELECT Id FROM A WHERE DISTANCE(B, GEOLOCATION(52.5, 13.4), {{ x }}) < 5",
        "SELECT Id FROM A ORDER BY {{ x }}",
        "SELECT Id FROM A ORDER BY B {{ x }}",
        "SELECT Id FROM A ORDER BY B, {{ x }}",
        "SELECT Id FROM A GROUP BY {{ x }}",
        "SELECT Id FROM A USING SCOPE {{ x }}",
        "SELECT Id FROM A FOR {{ x }}",
        "{{ x }} Id FROM A",
    ] {
        one(Dialect::Soql, sql, "placeholder-as-name", "{{ x }}");
    }
    let (_, found) = diagnose(Dialect::Soql, "SELECT Id FROM A WHERE B IN {{ x }}");
    assert!(found[0].help.as_ref().expect("help").contains("| spread"), "{found:?}");
    let (_, found) = diagnose(Dialect::Soql, "SELECT Id FROM A ORDER BY B {{ x }}");
    assert!(found[0].help.as_ref().expect("help").contains("`choice`"), "{found:?}");
}

#[test]
fn soql_takes_types_where_they_mean_something() {
    one(Dialect::Soql, "SELECT Id FROM A WHERE B = {{ x | contains }}", "like-escape", "{{ x | contains }}");
    one(Dialect::Soql, "SELECT Id FROM A WHERE B IN ({{ x | contains }})", "like-escape", "{{ x | contains }}");
    for sql in [
        "SELECT Id FROM A LIMIT {{ x }}",
        "SELECT Id FROM A OFFSET {{ x }}",
        "SELECT Id FROM A WHERE B = N_DAYS_AGO:{{ x }}",
        "SELECT Id FROM A WHERE DISTANCE(B, GEOLOCATION(52.5, {{ x }}), 'km') < 5",
    ] {
        one(Dialect::Soql, sql, "type-mismatch", "{{ x }}");
    }
}

#[test]
fn soql_reads_no_placeholder_where_it_reads_no_value() {
    for sql in [
        "SELECT Id FROM A WHERE B = '{{ x }}'",
        "SELECT Id FROM A WHERE B LIKE '%{{ x }}%'",
        "SELECT Id FROM A WHERE B = \"{{ x }}\"",
    ] {
        one(Dialect::Soql, sql, "quoted-placeholder", "{{ x }}");
    }
    for sql in [
        "LIMIT{{ x }}",
        "WHERE B = {{ x }}0",
        "WHERE B = -{{ x }}",
        "WHERE B = {{ x }}-5",
        "WHERE B = {{ x }}'a'",
        "WHERE B = {{ x }}Z",
    ] {
        one(Dialect::Soql, &format!("SELECT Id FROM A {sql}"), "glued-placeholder", "{{ x }}");
    }
    for (sql, place) in [("= :name", ":name"), ("= ?", "?"), ("IN :names", ":names"), ("= LAST_N_DAYS:n", ":n")] {
        one(Dialect::Soql, &format!("SELECT Id FROM A WHERE B {sql}"), "hand-written-placeholder", place);
    }
}

#[test]
fn soql_is_one_statement_whose_texts_and_brackets_end() {
    for (sql, rule, place, help) in [
        ("SELECT Id FROM A; SELECT Id FROM B", "several-statements", "SELECT", "one statement"),
        ("SELECT Id FROM A WHERE B = 'c", "unterminated-sql", "'c\n", "close it"),
        ("SELECT Id FROM A WHERE (B = 'c'", "unbalanced-brackets", "(", "close it"),
    ] {
        let (file, found) = diagnose(Dialect::Soql, sql);
        assert_eq!((found[0].rule.name, &file[found[0].span.range()]), (rule, place), "{sql}");
        assert!(found[0].help.as_ref().is_some_and(|found| found.contains(help)), "{sql}: {found:?}");
    }
}
