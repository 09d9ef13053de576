--- base
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE notes (id bigint PRIMARY KEY, mood mood NOT NULL);
--- dangerous drop-column
SET LOCAL lock_timeout = '2s';
DROP TYPE mood CASCADE;
--- safe
SET LOCAL lock_timeout = '2s';
ALTER TYPE mood ADD VALUE 'fair' BEFORE 'bad';
