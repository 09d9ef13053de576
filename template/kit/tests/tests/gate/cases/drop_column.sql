--- dangerous drop-column
SET LOCAL lock_timeout = '2s';
ALTER TABLE users DROP COLUMN nickname;
--- safe
SET LOCAL lock_timeout = '2s';
-- atlas:nolint destructive
ALTER TABLE users DROP COLUMN nickname;
