-- The columns of tables, and the definitions of views as columns before the first. What is wanted is either all tables, or
-- those in a JSON array of names in lower case. information_schema shows what the role may see.
SELECT CAST(c.table_schema AS CHAR), CAST(c.table_name AS CHAR), CAST(c.ordinal_position AS SIGNED) AS place,
  CAST(c.column_name AS CHAR), CAST(c.column_type AS CHAR), CAST(c.is_nullable AS CHAR),
  CAST(COALESCE(c.collation_name, '') AS CHAR), CAST(COALESCE(DATABASE(), '') AS CHAR), @@lower_case_table_names <> 0
FROM information_schema.columns c
WHERE (? AND c.table_schema NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys'))
  OR JSON_CONTAINS(?, JSON_QUOTE(CAST(LOWER(c.table_name) AS CHAR)))
UNION ALL
SELECT CAST(v.table_schema AS CHAR), CAST(v.table_name AS CHAR), 0,
  'view', CAST(v.view_definition AS CHAR), CAST(v.is_updatable AS CHAR),
  CAST(v.security_type AS CHAR), CAST(COALESCE(DATABASE(), '') AS CHAR), @@lower_case_table_names <> 0
FROM information_schema.views v
WHERE (? AND v.table_schema NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys'))
  OR JSON_CONTAINS(?, JSON_QUOTE(CAST(LOWER(v.table_name) AS CHAR)))
ORDER BY 1, 2, place
