--- dangerous needs-no-transaction
CREATE INDEX CONCURRENTLY users_name ON users (name);
--- safe
-- atlas:txmode none

CREATE INDEX CONCURRENTLY users_name ON users (name);
