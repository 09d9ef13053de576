--- safe
CREATE TABLE fresh (id bigint PRIMARY KEY, name text);
CREATE INDEX fresh_name ON fresh (name);
ALTER TABLE fresh ALTER COLUMN name SET NOT NULL;
DROP TABLE fresh;
--- dangerous blocking-scan
CREATE TABLE fresh (id bigint PRIMARY KEY, name text);
CREATE INDEX orders_note ON orders (note);
