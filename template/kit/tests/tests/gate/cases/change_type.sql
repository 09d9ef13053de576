--- dangerous blocking-rewrite
SET LOCAL lock_timeout = '2s';
ALTER TABLE users ALTER COLUMN age TYPE bigint;
--- safe
SET LOCAL lock_timeout = '2s';
ALTER TABLE users ADD COLUMN age_new bigint;
