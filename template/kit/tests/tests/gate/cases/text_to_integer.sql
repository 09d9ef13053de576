--- dangerous blocking-rewrite
SET LOCAL lock_timeout = '2s';
ALTER TABLE orders ALTER COLUMN note TYPE integer USING note::integer;
--- safe
SET LOCAL lock_timeout = '2s';
ALTER TABLE orders ADD COLUMN note_number integer;
