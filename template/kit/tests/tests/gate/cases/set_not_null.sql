--- dangerous blocking-scan
ALTER TABLE users ALTER COLUMN nickname SET NOT NULL;
--- safe
SET LOCAL lock_timeout = '2s';
ALTER TABLE users ADD CONSTRAINT users_nickname_not_null CHECK (nickname IS NOT NULL) NOT VALID;
--- safe
ALTER TABLE users VALIDATE CONSTRAINT users_nickname_not_null;
--- safe
SET LOCAL lock_timeout = '2s';
ALTER TABLE users ALTER COLUMN nickname SET NOT NULL;
ALTER TABLE users DROP CONSTRAINT users_nickname_not_null;
