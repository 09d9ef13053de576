=== indexes on a table in use
=== before
CREATE TABLE t (id integer PRIMARY KEY, name text, at date);
CREATE INDEX t_gone ON t (at);
CREATE INDEX t_changed ON t (name) WHERE id > 1;
=== after
CREATE TABLE t (id integer PRIMARY KEY, name text, at date);
CREATE INDEX t_name ON t (lower(name));
CREATE INDEX t_changed ON t (name) WHERE id > 2;
=== plan
-- file_1_indexes
-- atlas:txmode none

-- Drop index public.t_gone without a lock that stops writes
DROP INDEX CONCURRENTLY public.t_gone;

-- Build index public.t_changed anew, beside the old one
CREATE INDEX CONCURRENTLY t_changed_new ON public.t USING btree (name) WHERE (id > 2);

-- Drop index public.t_changed without a lock that stops writes
DROP INDEX CONCURRENTLY public.t_changed;

-- Build index public.t_name without a lock that stops writes
CREATE INDEX CONCURRENTLY t_name ON public.t USING btree (lower(name));
-- file_2_tables
-- The new index takes the name of the old one
ALTER INDEX public.t_changed_new RENAME TO t_changed;

=== constraints on a table in use
=== before
CREATE TABLE teams (id integer PRIMARY KEY);
CREATE TABLE t (id integer, team_id integer, name varchar(20), at int4range, CONSTRAINT long CHECK (length(name) > 1));
=== rows
INSERT INTO teams VALUES (1);
INSERT INTO t VALUES (1, 1, 'long enough', '[1,2)');
=== after
CREATE TABLE teams (id integer PRIMARY KEY);
CREATE TABLE t (id integer, team_id integer, name varchar(20), at int4range, CONSTRAINT long CHECK (length(name) > 3), PRIMARY KEY (id),
    CONSTRAINT t_team FOREIGN KEY (team_id) REFERENCES teams, CONSTRAINT once UNIQUE (name) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT apart EXCLUDE USING gist (at WITH &&));
=== plan
-- file_1_tables
-- Fail instead of making others wait behind this for a lock; run again then.
SET LOCAL lock_timeout = '3s';

-- Drop constraint long on public.t
ALTER TABLE public.t DROP CONSTRAINT long;

-- Create constraint apart on public.t.
-- This builds an index, and nobody writes to the table meanwhile: there is no other way
ALTER TABLE public.t ADD CONSTRAINT apart EXCLUDE USING gist (at WITH &&);

-- Add long on public.t, for new rows first: it reads none
ALTER TABLE public.t ADD CONSTRAINT long CHECK ((length((name)::text) > 3)) NOT VALID;

-- Add t_team on public.t, for new rows first: it reads none
ALTER TABLE public.t ADD CONSTRAINT t_team FOREIGN KEY (team_id) REFERENCES public.teams(id) NOT VALID;
-- file_2_backfill
-- Give rows of public.t that have no id one, here or by a job:
-- UPDATE public.t SET id = ... WHERE id IS NULL;
-- file_3_tables
-- Fail instead of making others wait behind this for a lock; run again then.
SET LOCAL lock_timeout = '3s';

-- public.t.id becomes NOT NULL, for rows that are written from here on
ALTER TABLE public.t ADD CONSTRAINT t_id_not_null CHECK (id IS NOT NULL) NOT VALID;
-- file_4_indexes
-- atlas:txmode none

-- Build the index of once on public.t without a lock that stops writes
CREATE UNIQUE INDEX CONCURRENTLY once ON public.t USING btree (name);
-- file_5_tables
-- Fail instead of making others wait behind this for a lock; run again then.
SET LOCAL lock_timeout = '3s';

-- The index becomes the constraint once
ALTER TABLE public.t ADD CONSTRAINT once UNIQUE USING INDEX once DEFERRABLE INITIALLY DEFERRED;
-- file_6_validate
-- Check the rows of public.t, while others read and write them
ALTER TABLE public.t VALIDATE CONSTRAINT t_id_not_null;

-- Check long on public.t on all rows, while others read and write them
ALTER TABLE public.t VALIDATE CONSTRAINT long;

-- Check t_team on public.t on all rows, while others read and write them
ALTER TABLE public.t VALIDATE CONSTRAINT t_team;
-- file_7_finish
-- Fail instead of making others wait behind this for a lock; run again then.
SET LOCAL lock_timeout = '3s';

-- PostgreSQL takes the validated constraint as proof, and reads no row
ALTER TABLE public.t ALTER COLUMN id SET NOT NULL;

-- The column says it now
ALTER TABLE public.t DROP CONSTRAINT t_id_not_null;
-- file_8_indexes
-- atlas:txmode none

-- Build the index of t_pkey on public.t without a lock that stops writes
CREATE UNIQUE INDEX CONCURRENTLY t_pkey ON public.t USING btree (id);
-- file_9_tables
-- Fail instead of making others wait behind this for a lock; run again then.
SET LOCAL lock_timeout = '3s';

-- The index becomes the constraint t_pkey
ALTER TABLE public.t ADD CONSTRAINT t_pkey PRIMARY KEY USING INDEX t_pkey;

=== a unique index that becomes a constraint
=== before
CREATE TABLE t (id integer PRIMARY KEY, email text);
CREATE UNIQUE INDEX t_email_key ON t (email);
=== after
CREATE TABLE t (id integer PRIMARY KEY, email text UNIQUE);
=== plan
-- file
-- Fail instead of making others wait behind this for a lock; run again then.
SET LOCAL lock_timeout = '3s';

-- The index becomes the constraint t_email_key
ALTER TABLE public.t ADD CONSTRAINT t_email_key UNIQUE USING INDEX t_email_key;

=== a constraint that is valid now
=== before
CREATE TABLE t (id integer PRIMARY KEY, n integer);
ALTER TABLE t ADD CONSTRAINT positive CHECK (n > 0) NOT VALID;
=== after
CREATE TABLE t (id integer PRIMARY KEY, n integer, CONSTRAINT positive CHECK (n > 0));
=== plan
-- file
-- Check positive on public.t on all rows, while others read and write them
ALTER TABLE public.t VALIDATE CONSTRAINT positive;

=== an index of a materialized view
=== before
CREATE TABLE t (id integer PRIMARY KEY, n integer);
CREATE MATERIALIZED VIEW m AS SELECT n FROM t;
=== after
CREATE TABLE t (id integer PRIMARY KEY, n integer);
CREATE MATERIALIZED VIEW m AS SELECT n FROM t;
CREATE UNIQUE INDEX m_n ON m (n);
=== plan
-- file
-- atlas:txmode none

-- Build index public.m_n without a lock that stops writes
CREATE UNIQUE INDEX CONCURRENTLY m_n ON public.m USING btree (n);

