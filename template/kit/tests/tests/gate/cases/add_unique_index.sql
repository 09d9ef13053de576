--- dangerous blocking-scan
CREATE UNIQUE INDEX users_nickname ON users (nickname);
--- safe
-- atlas:txmode none

CREATE UNIQUE INDEX CONCURRENTLY users_nickname ON users (nickname);
