-- Customers, their cases and the calls that were promised to them: PostgreSQL 12 and later.

CREATE TYPE tier AS ENUM ('standard', 'silver', 'gold');
CREATE TYPE case_status AS ENUM ('open', 'waiting', 'closed');

CREATE TABLE customers (
  id     bigint PRIMARY KEY,
  name   text NOT NULL,
  phones text[] NOT NULL,
  tier   tier NOT NULL DEFAULT 'standard',
  since  date NOT NULL
);
CREATE INDEX ON customers USING gin (phones);

CREATE TABLE cases (
  id          uuid PRIMARY KEY,
  customer_id bigint NOT NULL REFERENCES customers,
  subject     text NOT NULL,
  status      case_status NOT NULL DEFAULT 'open',
  opened_at   timestamptz NOT NULL
);
CREATE INDEX ON cases (customer_id, status);

CREATE TABLE calls_back (
  customer_id bigint NOT NULL REFERENCES customers,
  wanted_at   timestamptz NOT NULL,
  reason      text,
  PRIMARY KEY (customer_id, wanted_at)
);

INSERT INTO customers VALUES
  (42, 'Ada Lovelace', '{+15550000042,+15550000043}', 'gold', '2019-12-10'),
  (43, 'Grace Hopper', '{+15550000044}', 'silver', '2021-12-09'),
  (44, 'Edsger Dijkstra', '{+15550000045}', 'standard', '2024-05-11');

INSERT INTO cases VALUES
  ('0190a1b2-0000-7000-8000-000000000001', 42, 'No dial tone', 'open', '2026-11-18 09:30:00Z'),
  ('0190a1b2-0000-7000-8000-000000000002', 42, 'Invoice is too high', 'waiting', '2026-11-02 14:05:00Z'),
  ('0190a1b2-0000-7000-8000-000000000003', 42, 'Moving house', 'closed', '2026-03-01 08:00:00Z'),
  ('0190a1b2-0000-7000-8000-000000000004', 43, 'Slow connection', 'open', '2026-11-19 16:45:00Z');
