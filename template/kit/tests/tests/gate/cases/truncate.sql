--- dangerous truncate
SET LOCAL lock_timeout = '2s';
TRUNCATE orders;
--- safe
-- allow: truncate only caches, filled again by the nightly job
TRUNCATE orders;
