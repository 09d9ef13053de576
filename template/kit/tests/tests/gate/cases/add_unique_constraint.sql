--- dangerous blocking-scan
ALTER TABLE users ADD CONSTRAINT users_nickname_key UNIQUE (nickname);
--- safe
-- atlas:txmode none

CREATE UNIQUE INDEX CONCURRENTLY users_nickname_key ON users (nickname);
--- safe
SET LOCAL lock_timeout = '2s';
ALTER TABLE users ADD CONSTRAINT users_nickname_key UNIQUE USING INDEX users_nickname_key;
