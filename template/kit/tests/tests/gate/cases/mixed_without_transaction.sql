--- dangerous mixed-without-transaction
-- atlas:txmode none

ALTER TABLE users ADD COLUMN one text;
CREATE INDEX CONCURRENTLY users_one ON users (one);
--- safe
SET LOCAL lock_timeout = '2s';
ALTER TABLE users ADD COLUMN one text;
--- safe
-- atlas:txmode none

CREATE INDEX CONCURRENTLY users_one ON users (one);
