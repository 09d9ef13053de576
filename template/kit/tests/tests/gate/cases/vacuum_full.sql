--- dangerous blocking-rewrite
-- atlas:txmode none

VACUUM FULL users;
--- safe
-- atlas:txmode none

VACUUM users;
