--- dangerous blocking-scan
SET LOCAL lock_timeout = '2s';
ALTER TABLE users ADD COLUMN city text;
UPDATE orders SET note = 'old' WHERE note IS NULL;
--- safe
UPDATE orders SET note = 'old' WHERE note IS NULL;
