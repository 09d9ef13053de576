--- dangerous own-transaction
COMMIT;
--- safe
SELECT 1;
