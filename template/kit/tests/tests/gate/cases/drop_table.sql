--- dangerous drop-table
SET LOCAL lock_timeout = '2s';
DROP TABLE orders;
--- safe
SET LOCAL lock_timeout = '2s';
-- allow: drop-table replaced by invoices in March, nothing reads it
DROP TABLE orders;
