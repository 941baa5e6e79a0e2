-- The demo's database: a small telephone company's contact centre, some thousand rows, the same on every machine.
-- Times are UTC, "today" is 2026-11-20. Amounts are exact decimals as text, as datadip binds a decimal on SQLite.

CREATE TABLE customers (
  id          INTEGER PRIMARY KEY,
  customer_no TEXT NOT NULL UNIQUE,
  name        TEXT NOT NULL,
  email       TEXT NOT NULL,
  phone       TEXT NOT NULL,
  tier        TEXT NOT NULL CHECK (tier IN ('standard', 'silver', 'gold')),
  created_at  TEXT NOT NULL
);

CREATE TABLE accounts (
  id          INTEGER PRIMARY KEY,
  customer_id INTEGER NOT NULL REFERENCES customers (id),
  account_no  TEXT NOT NULL UNIQUE,
  kind        TEXT NOT NULL CHECK (kind IN ('mobile', 'broadband', 'landline')),
  status      TEXT NOT NULL CHECK (status IN ('active', 'suspended', 'closed')),
  balance     TEXT NOT NULL,
  opened_on   TEXT NOT NULL
);

CREATE TABLE orders (
  id          INTEGER PRIMARY KEY,
  customer_id INTEGER NOT NULL REFERENCES customers (id),
  placed_at   TEXT NOT NULL,
  status      TEXT NOT NULL CHECK (status IN ('placed', 'packed', 'shipped', 'delivered', 'returned')),
  total       TEXT NOT NULL,
  tracking_no TEXT UNIQUE
);

CREATE TABLE cases (
  id          INTEGER PRIMARY KEY,
  customer_id INTEGER NOT NULL REFERENCES customers (id),
  opened_at   TEXT NOT NULL,
  subject     TEXT NOT NULL,
  priority    TEXT NOT NULL CHECK (priority IN ('low', 'normal', 'high')),
  status      TEXT NOT NULL CHECK (status IN ('open', 'waiting', 'closed')),
  reference   TEXT UNIQUE
);

CREATE TABLE callbacks (
  id          INTEGER PRIMARY KEY,
  customer_id INTEGER NOT NULL REFERENCES customers (id),
  phone       TEXT NOT NULL,
  wanted_at   TEXT NOT NULL,
  reason      TEXT,
  status      TEXT NOT NULL DEFAULT 'scheduled' CHECK (status IN ('scheduled', 'done', 'cancelled')),
  created_at  TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  UNIQUE (customer_id, wanted_at)
);

CREATE INDEX customers_phone ON customers (phone);
CREATE INDEX accounts_customer ON accounts (customer_id);
CREATE INDEX orders_customer ON orders (customer_id, placed_at);
CREATE INDEX cases_customer ON cases (customer_id, status);

-- Names are picked from two lists by the customer's number, so that the data never change.
CREATE TEMP TABLE first_names (n INTEGER PRIMARY KEY, name TEXT);
INSERT INTO first_names (name) VALUES
  ('Ada'), ('Ben'), ('Chloe'), ('Diego'), ('Elif'), ('Farid'), ('Grace'), ('Hana'), ('Ivan'), ('Jonas'),
  ('Katja'), ('Liam'), ('Maya'), ('Noah'), ('Olga'), ('Priya'), ('Quentin'), ('Rosa'), ('Samuel'), ('Tara'),
  ('Umar'), ('Vera'), ('Wei'), ('Ximena'), ('Yusuf'), ('Zoe'), ('Anaïs'), ('Björn'), ('Siobhán');
CREATE TEMP TABLE last_names (n INTEGER PRIMARY KEY, name TEXT);
INSERT INTO last_names (name) VALUES
  ('Smith'), ('Okafor'), ('García'), ('Müller'), ('Nguyen'), ('Rossi'), ('Kowalski'), ('Haddad'), ('Johansson'),
  ('O''Brien'), ('Silva'), ('Tanaka'), ('Dubois'), ('Novák'), ('Patel'), ('Jones'), ('Andersen'), ('Yılmaz'), ('Weber'),
  ('Lovelace'), ('Moreau'), ('Fischer'), ('Brown');

WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 1000)
INSERT INTO customers (id, customer_no, name, email, phone, tier, created_at)
SELECT number.n,
       printf('C-%05d', 10000 + number.n),
       f.name || ' ' || l.name,
       lower(replace(replace(f.name || '.' || l.name, '''', ''), ' ', '')) || number.n || '@example.com',
       printf('+1555%07d', (number.n * 7919) % 10000000),
       CASE WHEN number.n % 11 = 0 THEN 'gold' WHEN number.n % 4 = 0 THEN 'silver' ELSE 'standard' END,
       datetime('2026-11-01 09:00:00', '-' || ((number.n * 37) % 2400) || ' days', (number.n * 611 % 1440) || ' minutes')
FROM number
JOIN first_names f ON f.n = (number.n * 17) % 29 + 1
JOIN last_names l ON l.n = (number.n * 5 + number.n / 29) % 23 + 1;

-- The customer of the README: gold, two accounts, one of them suspended.
UPDATE customers
SET name = 'Ada Lovelace', email = 'ada@example.com', phone = '+15550000042', tier = 'gold'
WHERE id = 42;

WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 1500)
INSERT INTO accounts (id, customer_id, account_no, kind, status, balance, opened_on)
SELECT n,
       (n - 1) % 1000 + 1,
       printf('A-%06d', 200000 + n),
       CASE n % 3 WHEN 0 THEN 'mobile' WHEN 1 THEN 'broadband' ELSE 'landline' END,
       CASE WHEN n % 17 = 0 THEN 'closed' WHEN n % 13 = 0 THEN 'suspended' ELSE 'active' END,
       printf('%d.%02d', (n * 193) % 240, (n * 71) % 100),
       date('2026-10-01', '-' || ((n * 29) % 2000) || ' days')
FROM number;
UPDATE accounts SET status = 'suspended', balance = '118.40' WHERE id = 1042;

WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 5000)
INSERT INTO orders (id, customer_id, placed_at, status, total, tracking_no)
SELECT n,
       (n * 13) % 1000 + 1,
       datetime('2026-11-20 08:00:00', '-' || ((n * 7) % 365) || ' days', '-' || (n * 97 % 600) || ' minutes'),
       CASE
         WHEN (n * 7) % 365 > 10 THEN CASE WHEN n % 23 = 0 THEN 'returned' ELSE 'delivered' END
         WHEN (n * 7) % 365 > 4 THEN 'shipped'
         WHEN (n * 7) % 365 > 1 THEN 'packed'
         ELSE 'placed'
       END,
       printf('%d.%02d', 5 + (n * 137) % 900, (n * 31) % 100),
       CASE WHEN (n * 7) % 365 > 4 THEN printf('TRK%08d', 40000000 + n * 389) END
FROM number;

WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 600)
INSERT INTO cases (id, customer_id, opened_at, subject, priority, status)
SELECT n,
       (n * 41) % 1000 + 1,
       datetime('2026-11-20 07:30:00', '-' || ((n * 11) % 90) || ' days', '-' || (n * 53 % 480) || ' minutes'),
       CASE n % 6
         WHEN 0 THEN 'No signal at home'
         WHEN 1 THEN 'Invoice too high'
         WHEN 2 THEN 'Router does not connect'
         WHEN 3 THEN 'Change of address'
         WHEN 4 THEN 'Order not delivered'
         ELSE 'Wants to cancel'
       END,
       CASE WHEN n % 9 = 0 THEN 'high' WHEN n % 4 = 0 THEN 'low' ELSE 'normal' END,
       CASE WHEN (n * 11) % 90 > 21 THEN 'closed' WHEN n % 5 = 0 THEN 'waiting' ELSE 'open' END
FROM number;
INSERT INTO cases (id, customer_id, opened_at, subject, priority, status) VALUES
  (601, 42, '2026-11-18 10:12:00', 'Account suspended after payment', 'high', 'open'),
  (602, 42, '2026-11-19 16:40:00', 'Order not delivered', 'normal', 'waiting');

WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 200)
INSERT INTO callbacks (id, customer_id, phone, wanted_at, reason, status, created_at)
SELECT n,
       (n * 67) % 1000 + 1,
       (SELECT phone FROM customers WHERE id = (n * 67) % 1000 + 1),
       datetime('2026-11-20 09:00:00', (n * 15 - 1500) || ' minutes'),
       CASE n % 3 WHEN 0 THEN 'Invoice' WHEN 1 THEN 'Contract' END,
       CASE WHEN n * 15 < 1500 THEN CASE WHEN n % 8 = 0 THEN 'cancelled' ELSE 'done' END ELSE 'scheduled' END,
       datetime('2026-11-18 09:00:00', (n * 15 - 1500) || ' minutes')
FROM number;

DROP TABLE first_names;
DROP TABLE last_names;
