--- dangerous blocking-rewrite
SET LOCAL lock_timeout = '2s';
ALTER TABLE orders ADD COLUMN doubled numeric GENERATED ALWAYS AS (total * 2) STORED;
--- safe
CREATE VIEW doubled_orders AS SELECT *, total * 2 AS doubled FROM orders;
