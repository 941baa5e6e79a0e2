-- Invoices and payments: MySQL 8, MariaDB 10.11 and later.

CREATE TABLE invoices (
  number      VARCHAR(12) PRIMARY KEY,
  customer_id BIGINT NOT NULL,
  due_on      DATE NOT NULL,
  amount      DECIMAL(10, 2) NOT NULL,
  paid        DECIMAL(10, 2) NOT NULL DEFAULT 0,
  CHECK (paid <= amount),
  INDEX (customer_id, due_on)
);

CREATE TABLE payments (
  reference      VARCHAR(40) PRIMARY KEY,
  invoice_number VARCHAR(12) NOT NULL,
  amount         DECIMAL(10, 2) NOT NULL,
  booked_at      TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  FOREIGN KEY (invoice_number) REFERENCES invoices (number)
);

INSERT INTO invoices (number, customer_id, due_on, amount, paid) VALUES
  ('2026-09-0042', 42, '2026-10-01', 39.90, 39.90),
  ('2026-10-0042', 42, '2026-11-01', 41.20, 0),
  ('2026-11-0042', 42, '2026-12-01', 118.40, 20.00),
  ('2026-11-0043', 43, '2026-12-01', 25.00, 0);
