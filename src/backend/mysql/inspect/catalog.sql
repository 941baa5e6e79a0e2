-- The catalog, as far as the role may see it. Of wanted tables, their columns (`sets`: with an expression that sets a variable,
-- as MariaDB has them; these of all tables); wanted are either all tables, or those in a JSON array of names in lower case. Of
-- all schemas: views with their definitions, the names of tables, what has triggers, and where the account is told of triggers
-- (nothing: all schemas; a schema; a table). A right for schemas that a pattern names may be another's in one of them, and
-- does not count. One row tells the connection's own schema, and whether names are folded.
SELECT IF(c.column_default LIKE '%:=%' OR c.generation_expression LIKE '%:=%', 'sets', 'column'),
  CAST(c.table_schema AS CHAR), CAST(c.table_name AS CHAR), CAST(c.ordinal_position AS SIGNED) AS place,
  CAST(c.column_name AS CHAR), CAST(c.column_type AS CHAR), CAST(c.is_nullable AS CHAR), CAST(COALESCE(c.collation_name, '') AS CHAR)
FROM information_schema.columns c
WHERE (? AND c.table_schema NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys'))
  OR JSON_CONTAINS(?, JSON_QUOTE(CAST(LOWER(c.table_name) AS CHAR)))
  OR c.column_default LIKE '%:=%' OR c.generation_expression LIKE '%:=%'
UNION ALL
SELECT 'view', CAST(v.table_schema AS CHAR), CAST(v.table_name AS CHAR), 0,
  'view', CAST(COALESCE(v.view_definition, '') AS CHAR), CAST(v.is_updatable AS CHAR), CAST(v.security_type AS CHAR)
FROM information_schema.views v
WHERE v.table_schema NOT IN ('information_schema', 'performance_schema', 'sys')
UNION ALL
SELECT 'table', CAST(t.table_schema AS CHAR), CAST(t.table_name AS CHAR), 0, CAST(t.table_type AS CHAR), '', '', ''
FROM information_schema.tables t
WHERE t.table_schema NOT IN ('information_schema', 'performance_schema', 'sys')
UNION ALL
SELECT 'trigger', CAST(f.event_object_schema AS CHAR), CAST(f.event_object_table AS CHAR), 0, '', '', '', ''
FROM information_schema.triggers f
UNION ALL
SELECT 'told', '', '', 0, '', '', '', ''
FROM information_schema.user_privileges p
WHERE p.privilege_type = 'TRIGGER' AND p.grantee = CONCAT('\'', REPLACE(CURRENT_USER(), '@', '\'@\''), '\'')
  /*!80016 AND NOT @@GLOBAL.partial_revokes */
UNION ALL
SELECT 'told', CAST(REPLACE(REPLACE(p.table_schema, '\\_', '_'), '\\%', '%') AS CHAR), '', 0, '', '', '', ''
FROM information_schema.schema_privileges p
WHERE p.privilege_type = 'TRIGGER' AND p.grantee = CONCAT('\'', REPLACE(CURRENT_USER(), '@', '\'@\''), '\'')
UNION ALL
SELECT 'told', CAST(p.table_schema AS CHAR), CAST(p.table_name AS CHAR), 0, '', '', '', ''
FROM information_schema.table_privileges p
WHERE p.privilege_type = 'TRIGGER' AND p.grantee = CONCAT('\'', REPLACE(CURRENT_USER(), '@', '\'@\''), '\'')
UNION ALL
SELECT 'server', CAST(COALESCE(DATABASE(), '') AS CHAR), '', CAST(@@lower_case_table_names AS SIGNED), '', '', '', ''
ORDER BY 2, 3, place
