-- The names of all tables and views that the role may see, and whether they are in the connection's own schema.
SELECT CAST(t.table_schema AS CHAR), CAST(t.table_name AS CHAR), t.table_schema <=> DATABASE()
FROM information_schema.tables t
WHERE t.table_schema NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')
ORDER BY 3 DESC, 1, 2
LIMIT 10000
