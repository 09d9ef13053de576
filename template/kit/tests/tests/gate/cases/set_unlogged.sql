--- dangerous blocking-rewrite
SET LOCAL lock_timeout = '2s';
ALTER TABLE orders SET UNLOGGED;
--- safe
CREATE UNLOGGED TABLE cache (key text PRIMARY KEY, value text);
