-- Run once, when demo.db is made. Delete demo.db to start again.
CREATE TABLE customers (
  id    INTEGER PRIMARY KEY,
  name  TEXT NOT NULL,
  phone TEXT NOT NULL UNIQUE
);

CREATE TABLE orders (
  id          INTEGER PRIMARY KEY,
  customer_id INTEGER NOT NULL REFERENCES customers (id),
  placed_on   TEXT NOT NULL,
  status      TEXT NOT NULL CHECK (status IN ('open', 'shipped', 'delivered')),
  total       NUMERIC NOT NULL
);

INSERT INTO customers (id, name, phone) VALUES
  (1, 'Ada Byron', '+442071234567'),
  (2, 'Grace Hopper', '+12025550123');

INSERT INTO orders (id, customer_id, placed_on, status, total) VALUES
  (101, 1, '2026-10-02', 'delivered', 49.90),
  (102, 1, '2026-11-17', 'shipped', 120.5),
  (103, 2, '2026-11-19', 'open', 15.25);
