-- A table's columns: schema (null: the connection's own) and name.
SELECT CAST(c.table_schema AS CHAR), CAST(c.table_name AS CHAR), CAST(c.column_name AS CHAR),
  CAST(c.column_type AS CHAR), CAST(c.data_type AS CHAR), c.is_nullable = 'YES',
  (SELECT CAST(s.seq_in_index AS SIGNED) FROM information_schema.statistics s
   WHERE s.table_schema = c.table_schema AND s.table_name = c.table_name AND s.index_name = 'PRIMARY'
     AND s.column_name = c.column_name),
  c.table_schema <=> DATABASE(), @@lower_case_table_names <> 0
FROM information_schema.columns c
WHERE c.table_schema = COALESCE(?, DATABASE()) AND c.table_name = ?
ORDER BY c.ordinal_position
