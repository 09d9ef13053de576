--- dangerous delete-all-rows
DELETE FROM orders;
--- safe
DELETE FROM orders WHERE id < 100;
