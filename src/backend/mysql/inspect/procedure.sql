-- Whether there is a procedure of a schema and a name that the role may call, or a package of that schema's name.
SELECT EXISTS (
  SELECT 1 FROM information_schema.routines r
  WHERE (r.routine_type = 'PROCEDURE' AND r.routine_schema = COALESCE(?, DATABASE()) AND r.routine_name = ?)
    OR (r.routine_type LIKE 'PACKAGE%' AND r.routine_name = ?)
)
