--- base
CREATE SCHEMA billing;
CREATE TABLE billing.invoices (id bigint PRIMARY KEY);
--- dangerous drop-table
SET LOCAL lock_timeout = '2s';
DROP SCHEMA billing CASCADE;
--- safe
CREATE SCHEMA reports;
