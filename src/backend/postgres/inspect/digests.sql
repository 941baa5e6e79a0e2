-- The text that stands for each table: its kind, rights and definition, and its columns with whatever their types are
-- made of. $1 and $2 are schemas (null: by the search path) and names, counted from 1; $3 adds all tables, as 0. What
-- decides which statements are harmless is the last row, without a place: whatever runs code of somebody's own.
WITH RECURSIVE found (place, oid) AS (
  SELECT wanted.place, c.oid
  FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted (schema, name, place)
  JOIN pg_catalog.pg_class c ON c.relname = wanted.name::name AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
  WHERE CASE
    WHEN wanted.schema IS NULL THEN pg_catalog.pg_table_is_visible(c.oid)
    ELSE s.nspname = wanted.schema::name AND pg_catalog.has_schema_privilege(s.oid, 'USAGE')
  END
  UNION ALL
  SELECT 0, c.oid
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
  WHERE $3 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND s.nspname <> 'information_schema' AND s.nspname !~ '^pg_'
    AND pg_catalog.has_schema_privilege(s.oid, 'USAGE')
    AND (pg_catalog.has_table_privilege(c.oid, 'SELECT, INSERT, UPDATE, DELETE')
      OR pg_catalog.has_any_column_privilege(c.oid, 'SELECT, INSERT, UPDATE'))
),
relation (oid) AS (
  SELECT DISTINCT oid FROM found
),
-- Types that are not PostgreSQL's own, each with those that it is made of: elements, base types, members.
part (root, oid) AS (
  SELECT DISTINCT a.atttypid, a.atttypid
  FROM relation
  JOIN pg_catalog.pg_attribute a ON a.attrelid = relation.oid AND a.attnum > 0 AND a.atttypid >= 16384
  UNION
  SELECT part.root, inner_type.oid
  FROM part
  JOIN pg_catalog.pg_type t ON t.oid = part.oid
  CROSS JOIN LATERAL (
    SELECT t.typelem WHERE t.typelem <> 0
    UNION ALL SELECT t.typbasetype WHERE t.typbasetype <> 0
    UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0
  ) inner_type (oid)
  WHERE inner_type.oid >= 16384
),
made (root, of) AS (
  SELECT part.root, pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(
    pg_catalog.format_type(t.oid, NULL), t.typnotnull,
    (SELECT pg_catalog.jsonb_agg(e.enumlabel ORDER BY e.enumsortorder)
     FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid),
    (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(
       a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)) ORDER BY a.attnum)
     FROM pg_catalog.pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped)
  ) ORDER BY pg_catalog.format_type(t.oid, NULL))
  FROM part
  JOIN pg_catalog.pg_type t ON t.oid = part.oid
  GROUP BY part.root
),
text (oid, text) AS (
  SELECT c.oid, pg_catalog.jsonb_build_array(
    s.nspname, c.relname, c.relkind, c.relacl::text,
    CASE WHEN c.relkind IN ('v', 'm') THEN pg_catalog.pg_get_viewdef(c.oid) END,
    (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(
       a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attacl::text, made.of) ORDER BY a.attnum)
     FROM pg_catalog.pg_attribute a
     LEFT JOIN made ON made.root = a.atttypid
     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
  )::text
  FROM relation
  JOIN pg_catalog.pg_class c ON c.oid = relation.oid
  JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
)
SELECT found.place, pg_catalog.hashtextextended(pg_catalog.string_agg(text.text, ' ' ORDER BY text.text), 0)
FROM found
JOIN text ON text.oid = found.oid
GROUP BY found.place
UNION ALL
SELECT NULL, pg_catalog.hashtextextended(pg_catalog.string_agg(code.text, ' ' ORDER BY code.text), 0)
FROM (
  SELECT pg_catalog.concat_ws(' ', 'p', oid, proname, prolang) FROM pg_catalog.pg_proc WHERE oid >= 16384
  UNION ALL
  SELECT pg_catalog.concat_ws(' ', 'c', oid, relname, relkind, relrowsecurity) FROM pg_catalog.pg_class
  WHERE oid >= 16384 AND (relkind IN ('v', 'f') OR relrowsecurity)
  UNION ALL SELECT pg_catalog.concat_ws(' ', 'i', inhrelid, inhparent) FROM pg_catalog.pg_inherits
  UNION ALL SELECT pg_catalog.concat_ws(' ', 'o', oid, oprcode::oid) FROM pg_catalog.pg_operator WHERE oid >= 16384
  UNION ALL SELECT pg_catalog.concat_ws(' ', 't', oid, castfunc) FROM pg_catalog.pg_cast WHERE oid >= 16384
  UNION ALL SELECT pg_catalog.concat_ws(' ', 'a', oid, amproc::oid) FROM pg_catalog.pg_amproc WHERE oid >= 16384
  UNION ALL SELECT pg_catalog.concat_ws(' ', 'r', rngtypid, rngcanonical::oid, rngsubdiff::oid)
  FROM pg_catalog.pg_range WHERE rngtypid >= 16384
  UNION ALL SELECT pg_catalog.concat_ws(' ', 'd', oid, conbin) FROM pg_catalog.pg_constraint WHERE conbin IS NOT NULL
  UNION ALL SELECT pg_catalog.concat_ws(' ', 'x', indexrelid, indrelid, indexprs, indpred)
  FROM pg_catalog.pg_index WHERE indexprs IS NOT NULL OR indpred IS NOT NULL
  UNION ALL SELECT pg_catalog.concat_ws(' ', 'k', partrelid, partexprs)
  FROM pg_catalog.pg_partitioned_table WHERE partexprs IS NOT NULL
  UNION ALL SELECT pg_catalog.concat_ws(' ', 's', s.oid, s.stxrelid, pg_catalog.to_jsonb(s) ->> 'stxexprs')
  FROM pg_catalog.pg_statistic_ext s WHERE pg_catalog.to_jsonb(s) ->> 'stxexprs' IS NOT NULL
) code (text)
