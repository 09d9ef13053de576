--- safe
SET LOCAL lock_timeout = '2s';
ALTER TABLE users ALTER COLUMN name TYPE text;
--- dangerous blocking-rewrite
SET LOCAL lock_timeout = '2s';
ALTER TABLE users ALTER COLUMN name TYPE varchar(80);
