--- dangerous blocking-rewrite
CLUSTER users USING users_pkey;
--- safe
-- atlas:txmode none

VACUUM users;
