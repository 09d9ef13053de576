--- dangerous blocking-scan
SET LOCAL lock_timeout = '2s';
ALTER TABLE users ADD COLUMN slug text;
UPDATE users SET slug = lower(name) WHERE slug IS NULL;
--- safe
SET LOCAL lock_timeout = '2s';
ALTER TABLE users ADD COLUMN slug text;
--- safe
UPDATE users SET slug = lower(name) WHERE slug IS NULL;
