--- safe
SET LOCAL lock_timeout = '2s';
ALTER TABLE users ADD COLUMN active boolean NOT NULL DEFAULT true;
--- dangerous blocking-scan
SET LOCAL lock_timeout = '2s';
ALTER TABLE users ADD COLUMN active boolean NOT NULL DEFAULT true;
UPDATE users SET active = false WHERE name = 'x';
