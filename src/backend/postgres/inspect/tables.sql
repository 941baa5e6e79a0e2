-- The names of all tables that the role may use, as a statement may write them.
SELECT CASE
  WHEN pg_catalog.pg_table_is_visible(c.oid) THEN pg_catalog.quote_ident(c.relname)
  ELSE pg_catalog.quote_ident(s.nspname) || '.' || pg_catalog.quote_ident(c.relname)
END
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
  AND s.nspname <> 'information_schema' AND s.nspname !~ '^pg_'
  AND pg_catalog.has_schema_privilege(s.oid, 'USAGE')
  AND (pg_catalog.has_table_privilege(c.oid, 'SELECT, INSERT, UPDATE, DELETE')
    OR pg_catalog.has_any_column_privilege(c.oid, 'SELECT, INSERT, UPDATE'))
ORDER BY 1
LIMIT 10000
