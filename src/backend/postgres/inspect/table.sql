-- A table's columns. $1 is its schema (null: by the search path), $2 its name.
SELECT
  CASE
    WHEN pg_catalog.pg_table_is_visible(c.oid) THEN pg_catalog.quote_ident(c.relname)
    ELSE pg_catalog.quote_ident(s.nspname) || '.' || pg_catalog.quote_ident(c.relname)
  END,
  a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull OR domain.not_null,
  domain.base, t.typtype::text, t.typcategory::text, t.typname::text,
  pg_catalog.array_position(i.indkey, a.attnum)
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
CROSS JOIN LATERAL (
  WITH RECURSIVE step (base, inner_type, not_null) AS (
    SELECT t.oid, t.typbasetype, t.typnotnull FROM pg_catalog.pg_type t WHERE t.oid = a.atttypid
    UNION ALL
    SELECT t.oid, t.typbasetype, step.not_null OR t.typnotnull
    FROM step
    JOIN pg_catalog.pg_type t ON t.oid = step.inner_type
  )
  SELECT step.base, step.not_null FROM step WHERE step.inner_type = 0
) domain
JOIN pg_catalog.pg_type t ON t.oid = domain.base
LEFT JOIN pg_catalog.pg_index i ON i.indrelid = c.oid AND i.indisprimary
WHERE c.relname = $2::text::name AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND CASE
    WHEN $1::text IS NULL THEN pg_catalog.pg_table_is_visible(c.oid)
    ELSE s.nspname = $1::text::name AND pg_catalog.has_schema_privilege(s.oid, 'USAGE')
  END
ORDER BY a.attnum
