--- dangerous server-wide
-- atlas:txmode none

ALTER SYSTEM SET gate.nothing = 'x';
--- safe
SET LOCAL work_mem = '64MB';
