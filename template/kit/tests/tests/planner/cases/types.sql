=== values that come at all places
=== before
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE t (mood mood);
=== after
CREATE TYPE mood AS ENUM ('awful', 'sad', 'fine', 'happy', 'great');
CREATE TABLE t (mood mood);
=== plan
-- file
-- Add 'awful' to public.mood
ALTER TYPE public.mood ADD VALUE 'awful' BEFORE 'sad';

-- Add 'fine' to public.mood
ALTER TYPE public.mood ADD VALUE 'fine' AFTER 'sad';

-- Add 'great' to public.mood
ALTER TYPE public.mood ADD VALUE 'great';

=== a value that is used at once
=== before
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE t (mood mood DEFAULT 'sad');
=== after
CREATE TYPE mood AS ENUM ('sad', 'happy', 'fine');
CREATE TABLE t (mood mood DEFAULT 'fine');
=== plan
-- file_1_values
-- Add 'fine' to public.mood
ALTER TYPE public.mood ADD VALUE 'fine';
-- file_2_tables
-- Fail instead of making others wait behind this for a lock; run again then.
SET LOCAL lock_timeout = '3s';

-- Set the default of public.t.mood
ALTER TABLE public.t ALTER COLUMN mood SET DEFAULT 'fine'::public.mood;

=== a value that goes
=== before
CREATE TYPE mood AS ENUM ('sad', 'happy', 'gone');
CREATE TABLE t (id integer, mood mood NOT NULL DEFAULT 'sad', moods mood[], CHECK (mood <> 'happy' OR id > 0));
CREATE INDEX t_mood ON t (id) WHERE mood = 'sad';
CREATE VIEW v AS SELECT mood FROM t;
CREATE FUNCTION f(m mood) RETURNS text LANGUAGE sql AS 'SELECT m::text';
=== rows
INSERT INTO t VALUES (1, 'happy', '{sad}');
=== after
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE t (id integer, mood mood NOT NULL DEFAULT 'sad', moods mood[], CHECK (mood <> 'happy' OR id > 0));
CREATE INDEX t_mood ON t (id) WHERE mood = 'sad';
CREATE VIEW v AS SELECT mood FROM t;
CREATE FUNCTION f(m mood) RETURNS text LANGUAGE sql AS 'SELECT m::text';
=== plan
-- file_1_tables
-- Fail instead of making others wait behind this for a lock; run again then.
SET LOCAL lock_timeout = '3s';

-- Drop view public.v
DROP VIEW public.v;

-- Drop constraint t_check on public.t
ALTER TABLE public.t DROP CONSTRAINT t_check;

-- Drop function public.f(public.mood)
DROP FUNCTION public.f(public.mood);
-- file_2_indexes
-- atlas:txmode none

-- Drop index public.t_mood without a lock that stops writes
DROP INDEX CONCURRENTLY public.t_mood;
-- file_3_tables
-- Fail instead of making others wait behind this for a lock; run again then.
SET LOCAL lock_timeout = '3s';

-- Make public.mood anew, as PostgreSQL cannot change it in place. Its columns are rewritten.
-- Rows that still have 'gone' make this fail, and nothing is changed then. Give them another
-- value before:
-- UPDATE ... SET ... = ... WHERE ... IN ('gone');
ALTER TYPE public.mood RENAME TO mood_old;

-- The new public.mood
CREATE TYPE public.mood AS ENUM ('sad', 'happy');

-- A default is not converted with its column
ALTER TABLE public.t ALTER COLUMN mood DROP DEFAULT;

-- Convert public.t.mood
ALTER TABLE public.t ALTER COLUMN mood TYPE public.mood USING mood::text::public.mood;

-- Its default
ALTER TABLE public.t ALTER COLUMN mood SET DEFAULT 'sad'::public.mood;

-- Convert public.t.moods
ALTER TABLE public.t ALTER COLUMN moods TYPE public.mood[] USING moods::text[]::public.mood[];

-- The old one has no users left
DROP TYPE public.mood_old;

-- Add t_check on public.t, for new rows first: it reads none
ALTER TABLE public.t ADD CONSTRAINT t_check CHECK (((mood <> 'happy'::public.mood) OR (id > 0))) NOT VALID;

-- Create function public.f(public.mood)
CREATE OR REPLACE FUNCTION public.f(m public.mood)
 RETURNS text
 LANGUAGE sql
AS $function$SELECT m::text$function$;

-- Create view public.v
CREATE VIEW public.v AS
 SELECT t.mood
   FROM public.t;
-- file_4_indexes
-- atlas:txmode none

-- Build index public.t_mood without a lock that stops writes
CREATE INDEX CONCURRENTLY t_mood ON public.t USING btree (id) WHERE (mood = 'sad'::public.mood);
-- file_5_validate
-- Check t_check on public.t on all rows, while others read and write them
ALTER TABLE public.t VALIDATE CONSTRAINT t_check;

=== a value that has another name
=== before
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE t (mood mood);
=== after
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE TABLE t (mood mood);
=== plan
ALTER TYPE public.mood RENAME VALUE 'happy' TO 'glad';

=== a type that has another name
=== before
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE t (mood mood DEFAULT 'sad');
=== after
CREATE TYPE feeling AS ENUM ('sad', 'happy');
CREATE TABLE t (mood feeling DEFAULT 'sad');
=== plan
ALTER TYPE public.mood RENAME TO feeling;

=== domains and composite types
=== before
CREATE DOMAIN code AS text CONSTRAINT short CHECK (length(VALUE) < 9);
CREATE TYPE pair AS (a integer, b text);
CREATE TABLE t (code code, pair pair);
=== rows
INSERT INTO t VALUES ('x', (1, 'y'));
=== after
CREATE DOMAIN code AS text DEFAULT 'z' NOT NULL CONSTRAINT short CHECK (length(VALUE) < 8);
CREATE TYPE pair AS (a integer, c date);
CREATE TABLE t (code code, pair pair);
=== plan
-- loses attribute b of all values of type public.pair
-- file
-- Fail instead of making others wait behind this for a lock; run again then.
SET LOCAL lock_timeout = '3s';

-- Change type public.pair
ALTER TYPE public.pair DROP ATTRIBUTE b CASCADE;

-- Change type public.pair
ALTER TYPE public.pair ADD ATTRIBUTE c date CASCADE;

-- Change domain public.code
ALTER DOMAIN public.code DROP CONSTRAINT short;

-- Change domain public.code
ALTER DOMAIN public.code ADD CONSTRAINT short CHECK ((length(VALUE) < 8));

-- Change domain public.code
ALTER DOMAIN public.code SET DEFAULT 'z'::text;

-- Change domain public.code
ALTER DOMAIN public.code SET NOT NULL;

=== an extension and a column of its type
=== before
CREATE TABLE t (id integer PRIMARY KEY);
=== after
CREATE EXTENSION citext;
CREATE TABLE t (id integer PRIMARY KEY, email citext);
=== plan
-- file
-- Fail instead of making others wait behind this for a lock; run again then.
SET LOCAL lock_timeout = '3s';

-- Create extension citext
CREATE EXTENSION IF NOT EXISTS citext WITH SCHEMA public;

-- Add column public.t.email
ALTER TABLE public.t ADD COLUMN email public.citext;

=== sequences
=== before
CREATE SEQUENCE s;
CREATE SEQUENCE gone;
=== after
CREATE SEQUENCE s INCREMENT 2 MAXVALUE 1000 CYCLE;
CREATE SEQUENCE come AS smallint;
=== plan
-- loses the last value of sequence public.gone
-- file
-- Create sequence public.come
CREATE SEQUENCE public.come AS smallint START 1 INCREMENT 1 MINVALUE 1 MAXVALUE 32767 CACHE 1;

-- Change sequence public.s
ALTER SEQUENCE public.s AS bigint START 1 INCREMENT 2 MINVALUE 1 MAXVALUE 1000 CACHE 1 CYCLE;

-- Drop sequence public.gone
DROP SEQUENCE public.gone;

=== an attribute of a type that a column has
=== before
CREATE TYPE pair AS (a integer);
CREATE TABLE t (pair pair);
=== after
CREATE TYPE pair AS (a bigint);
CREATE TABLE t (pair pair);
=== plan
-- unplanned: composite type public.pair: PostgreSQL cannot change the type of an attribute while public.t.pair uses it: create a new type, convert the column, and drop the old type

