-- What the catalog says of the columns of a result. $1 are their types, $2 and $3 the tables and numbers of the columns that
-- they are, where they are any. Tables that others inherit from may have rows with other rules.
SELECT
  pg_catalog.format_type(coalesce(a.atttypid, result.type), a.atttypmod), a.attname::text, a.attnotnull,
  c.relkind = 'p' OR c.relkind = 'r' AND NOT c.relhassubclass
FROM unnest($1::oid[], $2::oid[], $3::int2[]) WITH ORDINALITY AS result (type, relation, number, place)
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = result.relation AND a.attnum = result.number
LEFT JOIN pg_catalog.pg_class c ON c.oid = result.relation
ORDER BY result.place
