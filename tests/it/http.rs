//! HTTP as callers and operators meet it: requests over TCP against a gateway of the test's own.

mod access;
mod breaker;
mod calls;
mod drift;
mod life;
mod logs;
mod operations;
mod profile;
mod repeats;
mod strange;

use crate::gateway::Serving;

/// Some customers.
const SEED: &str = "\
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, tier TEXT NOT NULL DEFAULT 'basic');
INSERT INTO customers (id, name) VALUES (1, 'Ada'), (2, 'Grace'), (3, 'Edsger');
";

/// A read by number.
const FIND: &str = "\
description: Finds a customer.
backend: demo
params:
  customer_id: { type: integer, example: 1 }
sql: SELECT id, name FROM customers WHERE id = {{ customer_id }}
result:
  schema:
    type: object
    required: [id, name]
    properties: { id: { type: integer }, name: { type: string } }
route: { methods: [GET, POST] }
";

/// A read by a list.
const LIST: &str = "\
description: Finds customers.
backend: demo
params:
  ids: { type: 'integer[]' }
  term: { type: string, required: false }
sql: |
  SELECT id, name FROM customers WHERE id IN ({{ ids | spread }})
  {% if term is defined %} AND name LIKE {{ term | contains }} ESCAPE '\\' {% endif %}
  ORDER BY id
result: { stream: true }
route: { methods: [GET, POST] }
";

/// A write.
const RENAME: &str = "\
description: Renames a customer.
backend: demo
mode: write
params:
  customer_id: integer
  name: string
sql: UPDATE customers SET name = {{ name }} WHERE id = {{ customer_id }}
result: { shape: affected }
";

/// A read that takes as long as one likes: about a second for each few millions.
const SLOW: &str = "\
description: Counts.
backend: demo
params: { n: integer }
timeout: 60s
limits: { concurrency: 1 }
sql: |
  WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < {{ n }}) SELECT count(*) AS n FROM c
result: { shape: value }
";

/// A gateway with all of these.
fn customers() -> Serving {
    with(&[])
}

/// The same with more files, or others.
fn with(files: &[(&str, &str)]) -> Serving {
    let usual = [
        ("seed.sql", SEED),
        ("actions/find.yaml", FIND),
        ("actions/crm/list.yaml", LIST),
        ("actions/rename.yaml", RENAME),
        ("actions/slow.yaml", SLOW),
    ];
    Serving::start(&[&usual[..], files].concat())
}
