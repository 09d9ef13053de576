=== columns that come and go
=== before
CREATE TABLE t (id integer PRIMARY KEY, old text, "default" integer);
=== rows
INSERT INTO t VALUES (1, 'x', 1);
=== after
CREATE TABLE t (id integer PRIMARY KEY, phone varchar(20), visits bigint NOT NULL DEFAULT 0, at timestamptz DEFAULT now());
=== plan
-- loses column public.t."default" with all its values
-- loses column public.t.old with all its values
-- file
-- Fail instead of making others wait behind this for a lock; run again then.
SET LOCAL lock_timeout = '3s';

-- Drop column public.t."default"
ALTER TABLE public.t DROP COLUMN "default";

-- Drop column public.t.old
ALTER TABLE public.t DROP COLUMN old;

-- Add column public.t.at
ALTER TABLE public.t ADD COLUMN at timestamp with time zone DEFAULT now();

-- Add column public.t.phone
ALTER TABLE public.t ADD COLUMN phone character varying(20);

-- Add column public.t.visits
ALTER TABLE public.t ADD COLUMN visits bigint DEFAULT 0 NOT NULL;

=== a new column that must not be null
=== before
CREATE TABLE t (id integer PRIMARY KEY);
=== after
CREATE TABLE t (id integer PRIMARY KEY, email text NOT NULL);
=== plan
-- file_1_tables
-- Fail instead of making others wait behind this for a lock; run again then.
SET LOCAL lock_timeout = '3s';

-- Add column public.t.email, empty first
ALTER TABLE public.t ADD COLUMN email text;
-- file_2_backfill
-- Give rows of public.t that have no email one, here or by a job:
-- UPDATE public.t SET email = ... WHERE email IS NULL;
-- file_3_tables
-- Fail instead of making others wait behind this for a lock; run again then.
SET LOCAL lock_timeout = '3s';

-- public.t.email becomes NOT NULL, for rows that are written from here on
ALTER TABLE public.t ADD CONSTRAINT t_email_not_null CHECK (email IS NOT NULL) NOT VALID;
-- file_4_validate
-- Check the rows of public.t, while others read and write them
ALTER TABLE public.t VALIDATE CONSTRAINT t_email_not_null;
-- file_5_finish
-- Fail instead of making others wait behind this for a lock; run again then.
SET LOCAL lock_timeout = '3s';

-- PostgreSQL takes the validated constraint as proof, and reads no row
ALTER TABLE public.t ALTER COLUMN email SET NOT NULL;

-- The column says it now
ALTER TABLE public.t DROP CONSTRAINT t_email_not_null;

=== a new column with a value that differs by row
=== before
CREATE TABLE t (id integer PRIMARY KEY);
=== rows
INSERT INTO t VALUES (1);
=== after
CREATE TABLE t (id integer PRIMARY KEY, key uuid DEFAULT gen_random_uuid());
=== plan
-- file_1_tables
-- Fail instead of making others wait behind this for a lock; run again then.
SET LOCAL lock_timeout = '3s';

-- Add column public.t.key, empty first
ALTER TABLE public.t ADD COLUMN key uuid;

-- For new rows. A default that differs by row would rewrite the table
ALTER TABLE public.t ALTER COLUMN key SET DEFAULT gen_random_uuid();
-- file_2_backfill
-- Give rows of public.t that have no key one, here or by a job:
-- UPDATE public.t SET key = gen_random_uuid() WHERE key IS NULL;

=== null no more, and null again
=== before
CREATE TABLE t (id integer PRIMARY KEY, a text, b text NOT NULL);
=== rows
INSERT INTO t VALUES (1, 'a', 'b');
=== after
CREATE TABLE t (id integer PRIMARY KEY, a text NOT NULL, b text);
=== plan
-- file_1_tables
-- Fail instead of making others wait behind this for a lock; run again then.
SET LOCAL lock_timeout = '3s';

-- Allow NULL in public.t.b
ALTER TABLE public.t ALTER COLUMN b DROP NOT NULL;
-- file_2_backfill
-- Give rows of public.t that have no a one, here or by a job:
-- UPDATE public.t SET a = ... WHERE a IS NULL;
-- file_3_tables
-- Fail instead of making others wait behind this for a lock; run again then.
SET LOCAL lock_timeout = '3s';

-- public.t.a becomes NOT NULL, for rows that are written from here on
ALTER TABLE public.t ADD CONSTRAINT t_a_not_null CHECK (a IS NOT NULL) NOT VALID;
-- file_4_validate
-- Check the rows of public.t, while others read and write them
ALTER TABLE public.t VALIDATE CONSTRAINT t_a_not_null;
-- file_5_finish
-- Fail instead of making others wait behind this for a lock; run again then.
SET LOCAL lock_timeout = '3s';

-- PostgreSQL takes the validated constraint as proof, and reads no row
ALTER TABLE public.t ALTER COLUMN a SET NOT NULL;

-- The column says it now
ALTER TABLE public.t DROP CONSTRAINT t_a_not_null;

=== types that need a cast
=== before
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE t (id integer PRIMARY KEY, n text DEFAULT '1', mood varchar(10) DEFAULT 'sad', moods text[], flag integer, wide integer);
=== rows
INSERT INTO t VALUES (1, '12', 'happy', '{sad}', 1, 2);
=== after
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE t (id integer PRIMARY KEY, n integer DEFAULT 1, mood mood DEFAULT 'sad', moods mood[], flag boolean, wide bigint);
=== plan
-- file
-- Fail instead of making others wait behind this for a lock; run again then.
SET LOCAL lock_timeout = '3s';

-- Drop the default of public.t.mood
ALTER TABLE public.t ALTER COLUMN mood DROP DEFAULT;

-- Drop the default of public.t.n
ALTER TABLE public.t ALTER COLUMN n DROP DEFAULT;

-- Change public.t.flag from integer to boolean.
-- This rewrites the table, and nobody reads or writes it meanwhile. If it is large:
-- add a column of the new type, have the application write both, copy the rows in
-- batches, read the new column, and drop flag in a later migration.
ALTER TABLE public.t ALTER COLUMN flag TYPE boolean USING flag::boolean;

-- Change public.t.mood from character varying(10) to public.mood.
-- This rewrites the table, and nobody reads or writes it meanwhile. If it is large:
-- add a column of the new type, have the application write both, copy the rows in
-- batches, read the new column, and drop mood in a later migration.
ALTER TABLE public.t ALTER COLUMN mood TYPE public.mood USING mood::text::public.mood;

-- Change public.t.moods from text[] to public.mood[].
-- This rewrites the table, and nobody reads or writes it meanwhile. If it is large:
-- add a column of the new type, have the application write both, copy the rows in
-- batches, read the new column, and drop moods in a later migration.
ALTER TABLE public.t ALTER COLUMN moods TYPE public.mood[] USING moods::text[]::public.mood[];

-- Change public.t.n from text to integer.
-- This rewrites the table, and nobody reads or writes it meanwhile. If it is large:
-- add a column of the new type, have the application write both, copy the rows in
-- batches, read the new column, and drop n in a later migration.
ALTER TABLE public.t ALTER COLUMN n TYPE integer USING n::integer;

-- Change public.t.wide from integer to bigint.
-- This rewrites the table, and nobody reads or writes it meanwhile. If it is large:
-- add a column of the new type, have the application write both, copy the rows in
-- batches, read the new column, and drop wide in a later migration.
ALTER TABLE public.t ALTER COLUMN wide TYPE bigint;

-- Set the default of public.t.mood
ALTER TABLE public.t ALTER COLUMN mood SET DEFAULT 'sad'::public.mood;

-- Set the default of public.t.n
ALTER TABLE public.t ALTER COLUMN n SET DEFAULT 1;

=== types that lose something
=== before
CREATE TABLE t (id integer PRIMARY KEY, price numeric(16, 4), at timestamptz, name text);
=== after
CREATE TABLE t (id integer PRIMARY KEY, price numeric(8, 1), at timestamp, name varchar(20));
=== plan
-- loses the time zone of public.t.at (timestamp with time zone -> timestamp without time zone)
-- loses decimal places of public.t.price (numeric(16,4) -> numeric(8,1))
-- file
-- Fail instead of making others wait behind this for a lock; run again then.
SET LOCAL lock_timeout = '3s';

-- Change public.t.at from timestamp with time zone to timestamp without time zone.
-- This rewrites the table, and nobody reads or writes it meanwhile. If it is large:
-- add a column of the new type, have the application write both, copy the rows in
-- batches, read the new column, and drop at in a later migration.
ALTER TABLE public.t ALTER COLUMN at TYPE timestamp without time zone USING at::timestamp without time zone;

-- Change public.t.name from text to character varying(20).
-- This rewrites the table, and nobody reads or writes it meanwhile. If it is large:
-- add a column of the new type, have the application write both, copy the rows in
-- batches, read the new column, and drop name in a later migration.
ALTER TABLE public.t ALTER COLUMN name TYPE character varying(20);

-- Change public.t.price from numeric(16,4) to numeric(8,1).
-- This rewrites the table, and nobody reads or writes it meanwhile. If it is large:
-- add a column of the new type, have the application write both, copy the rows in
-- batches, read the new column, and drop price in a later migration.
ALTER TABLE public.t ALTER COLUMN price TYPE numeric(8,1);

=== a type with a view, an index, a trigger and a policy on it
=== before
CREATE TABLE t (id integer PRIMARY KEY, n integer);
CREATE INDEX t_n ON t (n);
CREATE VIEW v AS SELECT n FROM t;
CREATE VIEW w AS SELECT n FROM v;
COMMENT ON VIEW v IS 'numbers';
GRANT SELECT ON v TO PUBLIC;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER tr BEFORE UPDATE OF n ON t FOR EACH ROW EXECUTE FUNCTION touch();
CREATE POLICY p ON t USING (n > 0);
=== after
CREATE TABLE t (id integer PRIMARY KEY, n bigint);
CREATE INDEX t_n ON t (n);
CREATE VIEW v AS SELECT n FROM t;
CREATE VIEW w AS SELECT n FROM v;
COMMENT ON VIEW v IS 'numbers';
GRANT SELECT ON v TO PUBLIC;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER tr BEFORE UPDATE OF n ON t FOR EACH ROW EXECUTE FUNCTION touch();
CREATE POLICY p ON t USING (n > 0);
=== plan
-- file
-- Fail instead of making others wait behind this for a lock; run again then.
SET LOCAL lock_timeout = '3s';

-- Drop trigger tr on public.t
DROP TRIGGER tr ON public.t;

-- Drop policy p on public.t
DROP POLICY p ON public.t;

-- Drop view public.w
DROP VIEW public.w;

-- Drop view public.v
DROP VIEW public.v;

-- Change public.t.n from integer to bigint.
-- This rewrites the table, and nobody reads or writes it meanwhile. If it is large:
-- add a column of the new type, have the application write both, copy the rows in
-- batches, read the new column, and drop n in a later migration.
ALTER TABLE public.t ALTER COLUMN n TYPE bigint;

-- Create view public.v
CREATE VIEW public.v AS
 SELECT t.n
   FROM public.t;

-- Create view public.w
CREATE VIEW public.w AS
 SELECT v.n
   FROM public.v;

-- Create trigger tr on public.t
CREATE TRIGGER tr BEFORE UPDATE OF n ON public.t FOR EACH ROW EXECUTE FUNCTION public.touch();

-- Create policy p on public.t
CREATE POLICY p ON public.t TO PUBLIC USING ((n > 0));

-- Create the comment on view public.v
COMMENT ON VIEW public.v IS 'numbers';

-- Change privilege SELECT on TABLE public.v to PUBLIC
GRANT SELECT ON TABLE public.v TO PUBLIC;

=== generated columns
=== before
CREATE TABLE t (id integer PRIMARY KEY, a integer, twice integer GENERATED ALWAYS AS (a * 2) STORED, was integer GENERATED ALWAYS AS (a) STORED);
CREATE INDEX t_twice ON t (twice);
=== rows
INSERT INTO t VALUES (1, 1);
=== after
CREATE TABLE t (id integer PRIMARY KEY, a integer, twice integer GENERATED ALWAYS AS (a * 3) STORED, was integer);
CREATE INDEX t_twice ON t (twice);
=== plan
-- file_1_tables
-- Fail instead of making others wait behind this for a lock; run again then.
SET LOCAL lock_timeout = '3s';

-- Drop column public.t.twice
ALTER TABLE public.t DROP COLUMN twice;

-- Add column public.t.twice.
-- This rewrites the table, and nobody reads or writes it meanwhile
ALTER TABLE public.t ADD COLUMN twice integer GENERATED ALWAYS AS ((a * 3)) STORED;

-- Keep the values of public.t.was, generated no more
ALTER TABLE public.t ALTER COLUMN was DROP EXPRESSION;
-- file_2_indexes
-- atlas:txmode none

-- Build index public.t_twice without a lock that stops writes
CREATE INDEX CONCURRENTLY t_twice ON public.t USING btree (twice);

=== identity that comes, changes and goes
=== before
CREATE TABLE a (id bigint PRIMARY KEY);
CREATE TABLE b (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY);
CREATE TABLE c (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY);
CREATE TABLE d (id bigserial PRIMARY KEY);
=== rows
INSERT INTO a VALUES (41);
INSERT INTO d DEFAULT VALUES;
=== after
CREATE TABLE a (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY);
CREATE TABLE b (id bigint GENERATED ALWAYS AS IDENTITY (INCREMENT 10) PRIMARY KEY);
CREATE TABLE c (id bigint PRIMARY KEY);
CREATE TABLE d (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY);
=== plan
-- file
-- Fail instead of making others wait behind this for a lock; run again then.
SET LOCAL lock_timeout = '3s';

-- Drop the default of public.d.id
ALTER TABLE public.d ALTER COLUMN id DROP DEFAULT;

-- Drop identity public.c.id
ALTER TABLE public.c ALTER COLUMN id DROP IDENTITY;

-- Create identity public.a.id
ALTER TABLE public.a ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY;

-- Continue after the ids that are there
SELECT setval(pg_get_serial_sequence('public.a', 'id'), coalesce(max(id), 0) + 1, false) FROM public.a;

-- Change identity public.b.id
ALTER TABLE public.b ALTER COLUMN id SET GENERATED ALWAYS SET START 1 SET INCREMENT 10 SET MINVALUE 1 SET MAXVALUE 9223372036854775807 SET CACHE 1 SET NO CYCLE;

-- Drop sequence public.d_id_seq
DROP SEQUENCE public.d_id_seq;

-- Create identity public.d.id
ALTER TABLE public.d ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY;

-- Continue after the ids that are there
SELECT setval(pg_get_serial_sequence('public.d', 'id'), coalesce(max(id), 0) + 1, false) FROM public.d;

=== renamed columns and tables, and what follows
=== before
CREATE TABLE users (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, name text, CONSTRAINT users_name_key UNIQUE (name));
CREATE INDEX "idx-users-name" ON users (name);
CREATE TABLE categories (id bigserial PRIMARY KEY, title text);
CREATE TABLE posts (id bigint PRIMARY KEY, category_id bigint CONSTRAINT fk_posts_category REFERENCES categories);
=== rows
INSERT INTO users (name) VALUES ('Ada');
=== after
CREATE TABLE users (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, full_name text, CONSTRAINT users_full_name_key UNIQUE (full_name));
CREATE INDEX "idx-users-full_name" ON users (full_name);
CREATE TABLE topics (id bigserial PRIMARY KEY, title text);
CREATE TABLE posts (id bigint PRIMARY KEY, category_id bigint CONSTRAINT fk_posts_topic REFERENCES topics);
=== plan
ALTER TABLE public.users RENAME COLUMN name TO full_name;
ALTER TABLE public.categories RENAME TO topics;
ALTER TABLE public.topics RENAME CONSTRAINT categories_pkey TO topics_pkey;
ALTER TABLE public.posts RENAME CONSTRAINT fk_posts_category TO fk_posts_topic;
ALTER TABLE public.users RENAME CONSTRAINT users_name_key TO users_full_name_key;
ALTER INDEX public."idx-users-name" RENAME TO "idx-users-full_name";
ALTER SEQUENCE public.categories_id_seq RENAME TO topics_id_seq;

