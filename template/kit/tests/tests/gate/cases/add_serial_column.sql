--- dangerous blocking-rewrite
SET LOCAL lock_timeout = '2s';
ALTER TABLE users ADD COLUMN number bigserial;
--- safe
SET LOCAL lock_timeout = '2s';
CREATE SEQUENCE users_number;
ALTER TABLE users ADD COLUMN number bigint;
ALTER TABLE users ALTER COLUMN number SET DEFAULT nextval('users_number');
