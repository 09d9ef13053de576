--- dangerous blocking-scan
REINDEX TABLE users;
--- safe
-- atlas:txmode none

REINDEX TABLE CONCURRENTLY users;
