--- dangerous blocking-scan
SET LOCAL lock_timeout = '2s';
LOCK TABLE orders IN SHARE MODE;
UPDATE orders SET note = 'x' WHERE note IS NULL;
--- safe
SET LOCAL lock_timeout = '2s';
LOCK TABLE orders IN SHARE ROW EXCLUSIVE MODE;
UPDATE orders SET note = 'x' WHERE id = 1;
