--- dangerous fails-with-rows
SET LOCAL lock_timeout = '2s';
ALTER TABLE users ADD COLUMN locale text NOT NULL;
--- safe
SET LOCAL lock_timeout = '2s';
ALTER TABLE users ADD COLUMN locale text NOT NULL DEFAULT 'en';
