//! Correct statements of real life: none of them may be an error, in any branch.

use super::{Dialect, Level, lint};

/// `w:` is a write. Parameters are declared where a statement names them: `ids` a list, `n` a number, the rest text.
const STATEMENTS: &[(Dialect, &[&str])] = &[
    (
        Dialect::Sqlite,
        &[
            "SELECT id, name FROM customers WHERE phone = {{ phone }} LIMIT 1",
            "SELECT c.id, c.name, a.balance FROM customers AS c JOIN accounts AS a ON a.customer_id = c.id WHERE c.customer_no = {{ no }}",
            "SELECT id FROM customers WHERE name LIKE {{ name | contains }} ESCAPE '\\' ORDER BY name COLLATE NOCASE LIMIT {{ n }}",
            "SELECT id FROM orders WHERE id IN ({{ ids | spread }}) AND placed_at >= date('now', '-30 days')",
            "SELECT count(*) AS n, coalesce(sum(total), 0) AS total FROM orders WHERE customer_id = {{ n }} AND status <> 'cancelled'",
            "SELECT strftime('%Y-%m', placed_at) AS month, total(total) AS spent FROM orders GROUP BY 1 HAVING spent > {{ n }} ORDER BY 1 DESC",
            "WITH latest AS (SELECT *, row_number() OVER (PARTITION BY customer_id ORDER BY placed_at DESC) AS r FROM orders) SELECT id FROM latest WHERE r = 1",
            "SELECT json_extract(data, '$.address.city') AS city, data ->> '$.zip' AS zip FROM documents WHERE data -> '$.tags' IS NOT NULL",
            "SELECT \"order\".\"group\", [from], `select` FROM \"order\" WHERE \"order\".id = {{ n }}",
            "SELECT CASE WHEN balance < 0 THEN 'owes' WHEN balance = 0 THEN 'even' ELSE {{ word }} END AS state FROM accounts",
            "SELECT id FROM cases WHERE opened_at BETWEEN {{ a }} AND {{ b }} AND (priority = 'high' OR subject GLOB '*urgent*')",
            "SELECT x'53514C' AS b, 1e3 AS f, 0x1F AS h, 'it''s; -- no comment' AS t",
            "SELECT id, max(opened_at) FILTER (WHERE status = 'open') AS last FROM cases GROUP BY id LIMIT 10",
            "w: INSERT INTO callbacks (customer_id, phone, wanted_at) VALUES ({{ n }}, {{ phone }}, {{ a }}) RETURNING id",
            "w: INSERT INTO callbacks (customer_id, phone) VALUES ({{ n }}, {{ phone }}) ON CONFLICT (customer_id) DO UPDATE SET phone = excluded.phone WHERE callbacks.status = 'open'",
            "w: INSERT OR REPLACE INTO callbacks (id, phone) VALUES ({{ n }}, {{ phone }})",
            "w: REPLACE INTO callbacks (id, phone) VALUES ({{ n }}, {{ phone }})",
            "w: UPDATE accounts SET balance = balance - {{ n }}, status = CASE WHEN balance > 0 THEN status ELSE 'closed' END WHERE id = {{ id }} AND balance >= {{ n }}",
            "w: UPDATE accounts AS a SET status = c.tier FROM customers AS c WHERE c.id = a.customer_id AND c.id = {{ n }}",
            "w: DELETE FROM callbacks WHERE id IN (SELECT id FROM callbacks WHERE status = 'done' ORDER BY created_at LIMIT {{ n }})",
            "SELECT {{ a }} IS NULL OR {{ b }} = '' AS empty /* a ; in a comment */ ; -- and one more",
            "VALUES (1, {{ a }}), (2, {{ b }})",
            "SELECT id FROM docs WHERE docs MATCH {{ a }} ORDER BY rank LIMIT {{ n }}, 10",
            "SELECT id, name FROM customers {% if a %} WHERE tier = {{ a }} {% endif %} ORDER BY id LIMIT 5",
            "SELECT id FROM customers WHERE {% for id in ids %} id = {{ id }} {% if not loop.last %} OR {% endif %} {% endfor %}",
        ],
    ),
    (
        Dialect::Postgres,
        &[
            "SELECT id, customer_name FROM customer_accounts WHERE customer_name ILIKE {{ name | contains }} ORDER BY id LIMIT 20",
            "SELECT id FROM orders WHERE id = ANY({{ ids }}) AND created_at > now() - interval '30 days'",
            "SELECT data->>'city' AS city, data #>> '{a,b}' AS deep FROM t WHERE data @> {{ a }}::jsonb AND data ? 'key' AND data ?| array['a','b'] AND data ?& array['c']",
            "SELECT DISTINCT ON (customer_id) customer_id, id FROM orders ORDER BY customer_id, placed_at DESC NULLS LAST",
            "SELECT EXTRACT(EPOCH FROM now() - {{ a }}::timestamptz) AS age, TRIM(BOTH FROM {{ b }}) AS t, SUBSTRING({{ b }} FROM {{ n }} FOR 3) AS s",
            "SELECT a.id, b.n FROM accounts a CROSS JOIN LATERAL (SELECT count(*) AS n FROM orders o WHERE o.account_id = a.id) b WHERE a.id = {{ n }}",
            "SELECT $$it's $1 {$}$$ AS q, $tag$ a $$ b $tag$ AS r, E'a\\'b' AS e, U&'d\\0061t' AS u, B'101' AS b",
            "SELECT tags[1] AS first, tags[1:{{ n }}] AS some, array_length(tags, 1) AS n FROM t",
            "SELECT id FROM t WHERE name SIMILAR TO {{ a }} OR name ~* {{ b }} OR name !~ '^x' OR id IS DISTINCT FROM {{ n }}",
            "SELECT created_at AT TIME ZONE {{ zone }} AS local, '2020-01-01'::date + {{ n }} AS later FROM t LIMIT 1",
            "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY total) AS median, string_agg(name, ', ' ORDER BY name) AS names FROM t",
            "SELECT id FROM t WHERE (a, b) IN ((1, {{ n }})) AND c <@ int4range(1, {{ n }}) AND tsv @@ plainto_tsquery('english', {{ a }})",
            "WITH RECURSIVE tree AS (SELECT id, parent FROM n WHERE id = {{ n }} UNION ALL SELECT n.id, n.parent FROM n JOIN tree ON n.parent = tree.id) SELECT id FROM tree LIMIT 100",
            "SELECT sum(x) OVER (PARTITION BY g ORDER BY d ROWS BETWEEN {{ n }} PRECEDING AND CURRENT ROW) AS moving FROM t LIMIT 5",
            "SELECT id /* outer /* inner */ still */ FROM t OFFSET {{ n }} ROWS FETCH FIRST 5 ROWS ONLY",
            "SELECT a OPERATOR(pg_catalog.=) {{ a }} AS same, f(x => {{ b }}) AS named FROM t LIMIT 1",
            "w: INSERT INTO t (a, b) VALUES ({{ a }}, {{ b }}) ON CONFLICT ON CONSTRAINT t_a_key DO NOTHING RETURNING id, a",
            "w: WITH gone AS (DELETE FROM queue WHERE id = {{ n }} RETURNING *) INSERT INTO archive SELECT * FROM gone",
            "w: UPDATE t SET (a, b) = ({{ a }}, {{ b }}), c = DEFAULT WHERE id = {{ n }} RETURNING id",
            "w: MERGE INTO t USING (SELECT {{ n }}::int AS id) s ON t.id = s.id WHEN MATCHED THEN UPDATE SET a = {{ a }} WHEN NOT MATCHED THEN INSERT (id, a) VALUES (s.id, {{ a }})",
            "w: SELECT id FROM jobs WHERE state = 'new' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED",
            "w: CALL close_account({{ n }}, {{ a }})",
            "SELECT id FROM t WHERE {% if a is defined %} a = {{ a }} AND {% endif %} b = -{{ n }} AND c = ({{ b }})::text",
        ],
    ),
    (
        Dialect::Mysql,
        &[
            "SELECT `id`, `order`.`group` FROM `order` WHERE name LIKE {{ name | contains }} LIMIT {{ n }}",
            "SELECT id FROM t WHERE a = \"a string\" AND b = 'it\\'s' # a comment with ' in it\n AND c = {{ a }}",
            "SELECT id FROM t WHERE created_at > DATE_SUB(NOW(), INTERVAL {{ n }} DAY) LIMIT 10",
            "SELECT GROUP_CONCAT(name ORDER BY name SEPARATOR ', ') AS names FROM t WHERE a <=> {{ a }}",
            "SELECT data->'$.a' AS a, data->>'$.b' AS b FROM t WHERE JSON_CONTAINS(data, {{ a }}) AND name REGEXP {{ b }}",
            "SELECT id, @@version AS version, @row AS r FROM t WHERE a DIV {{ n }} = 2 AND NOT b XOR c LIMIT 3",
            "SELECT id FROM t WHERE MATCH(title, body) AGAINST ({{ a }} IN NATURAL LANGUAGE MODE) LIMIT 10",
            "SELECT x'4D79' AS h, 0xFF AS i, b'101' AS b, _utf8mb4'a' AS u, N'n' AS n",
            "SELECT /*+ MAX_EXECUTION_TIME(1000) */ id FROM t FORCE INDEX (PRIMARY) WHERE id IN ({{ ids | spread }})",
            "SELECT 5 --1 AS six, CAST({{ a }} AS CHAR) AS c, CONVERT({{ b }} USING utf8mb4) AS v",
            "w: INSERT INTO t (a, b) VALUES ({{ a }}, {{ b }}) ON DUPLICATE KEY UPDATE b = VALUES(b), n = n + 1",
            "w: INSERT IGNORE INTO t SET a = {{ a }}, b = {{ b }}",
            "w: REPLACE INTO t (a) VALUES ({{ a }})",
            "w: UPDATE t JOIN u ON u.id = t.u_id SET t.a = {{ a }} WHERE u.b = {{ b }}",
            "w: DELETE t FROM t JOIN u ON u.id = t.u_id WHERE u.a = {{ a }}",
            "w: DELETE FROM t WHERE a = {{ a }} ORDER BY id LIMIT {{ n }}",
            "w: CALL transfer({{ n }}, {{ a }})",
        ],
    ),
    (
        Dialect::Snowflake,
        &[
            "SELECT v:address.city::string AS \"city\", v:tags[0] AS \"tag\", v:\"from\" AS \"f\" FROM t WHERE v:id::int = {{ n }} LIMIT 10",
            "SELECT id FROM t WHERE name ILIKE {{ name | contains }} ESCAPE '\\\\' QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY ts DESC) = 1",
            "SELECT f.value:name::string AS name FROM t, LATERAL FLATTEN(input => t.v:items) f WHERE t.id = {{ n }} // a comment",
            "SELECT $1 AS a, $2:x AS b FROM VALUES (1, {{ n }})",
            "SELECT OBJECT_CONSTRUCT('a', {{ a }}) AS o, {'k': {{ b }}, 'l': 1} AS p, ARRAY_CONTAINS({{ a }}::variant, tags) AS q FROM t LIMIT 1",
            "SELECT TOP 5 id FROM t SAMPLE (10) WHERE ts > DATEADD(day, -{{ n }}, CURRENT_TIMESTAMP())",
            "SELECT id FROM t AT(OFFSET => -60) WHERE a = {{ a }} ORDER BY id LIMIT 5",
            "SELECT $$it's$$ AS q, 'a\\'b' AS r, $session_var AS s FROM TABLE(RESULT_SCAN(LAST_QUERY_ID()))",
            "SELECT id FROM t START WITH parent IS NULL CONNECT BY PRIOR id = parent LIMIT {{ n }}",
            "SELECT id FROM IDENTIFIER('db.s.t') WHERE a LIKE ANY ({{ a | contains }}, {{ b | starts_with }}) ESCAPE '\\\\' LIMIT 10",
            "SELECT * FROM (SELECT m, x FROM t) PIVOT(SUM(x) FOR m IN ('JAN', 'FEB')) LIMIT 3",
            "w: MERGE INTO t USING (SELECT {{ n }} AS id) s ON t.id = s.id WHEN MATCHED THEN UPDATE SET a = {{ a }} WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)",
            "w: INSERT INTO t (v) SELECT PARSE_JSON({{ a }})",
            "w: UPDATE t SET a = {{ a }} FROM u WHERE u.id = t.id AND u.b = {{ b }}",
        ],
    ),
];

fn file(statement: &str) -> String {
    let (mode, sql) = statement.strip_prefix("w: ").map_or(("read", statement), |sql| ("write", sql));
    let mut params = String::new();
    for (name, ty) in [
        ("phone", "string"),
        ("no", "string"),
        ("name", "string"),
        ("word", "string"),
        ("zone", "string"),
        ("id", "integer"),
        ("a", "string"),
        ("b", "string"),
        ("n", "integer"),
        ("ids", "integer[]"),
    ] {
        let used =
            ["{{ {} }}", "{{ {} |", "if {} ", "in {} "].iter().any(|form| sql.contains(&form.replace("{}", name)));
        let local = name == "id" && sql.contains("for id in");
        if used && !local {
            let optional = sql.contains(&format!("if {name} "));
            params += &format!("  {name}: {{ type: '{ty}', required: {} }}\n", !optional);
        }
    }
    let params = if params.is_empty() { params } else { format!("params:\n{params}") };
    format!("backend: demo\nmode: {mode}\n{params}sql: |\n  {}\n", sql.replace('\n', "\n  "))
}

#[test]
fn no_correct_statement_is_an_error() {
    let mut problems = Vec::new();
    for (dialect, statement) in
        STATEMENTS.iter().flat_map(|(dialect, list)| list.iter().map(move |sql| (*dialect, *sql)))
    {
        let file = file(statement);
        for found in lint(dialect, &file).diagnostics.iter().filter(|found| found.level == Level::Error) {
            problems.push(format!(
                "{dialect:?}: {statement}\n  {}: {} at `{}`",
                found.rule.name,
                found.message,
                &file[found.span.range()]
            ));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn the_parser_reads_nearly_all_of_them() {
    let all = STATEMENTS.iter().flat_map(|(dialect, list)| list.iter().map(move |sql| (*dialect, *sql)));
    let refused: Vec<_> = all
        .clone()
        .filter(|(dialect, sql)| {
            lint(*dialect, &file(sql)).diagnostics.iter().any(|found| found.rule.name == "sql-unchecked")
        })
        .collect();
    assert!(all.count() >= 60 && refused.len() <= 8, "{refused:#?}");
}
