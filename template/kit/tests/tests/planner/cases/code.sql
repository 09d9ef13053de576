=== a view, a function and a trigger
=== before
CREATE TABLE t (id integer PRIMARY KEY, name text);
=== after
CREATE TABLE t (id integer PRIMARY KEY, name text);
CREATE VIEW names AS SELECT name FROM t;
CREATE FUNCTION count_t() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM names';
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER tr BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE t DISABLE TRIGGER tr;
=== plan
-- file
-- Fail instead of making others wait behind this for a lock; run again then.
SET LOCAL lock_timeout = '3s';

-- Create function public.touch()
CREATE OR REPLACE FUNCTION public.touch()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$BEGIN RETURN new; END$function$;

-- Create view public.names
CREATE VIEW public.names AS
 SELECT t.name
   FROM public.t;

-- Create function public.count_t()
CREATE OR REPLACE FUNCTION public.count_t()
 RETURNS bigint
 LANGUAGE sql
AS $function$SELECT count(*) FROM names$function$;

-- Create trigger tr on public.t
CREATE TRIGGER tr BEFORE UPDATE ON public.t FOR EACH ROW EXECUTE FUNCTION public.touch();

-- Change tr on public.t: enabled
ALTER TABLE public.t DISABLE TRIGGER tr;

=== views that change
=== before
CREATE TABLE t (id integer PRIMARY KEY, name text);
CREATE VIEW more AS SELECT id FROM t;
CREATE VIEW other AS SELECT id, name FROM t;
CREATE VIEW above AS SELECT id FROM other;
CREATE MATERIALIZED VIEW m AS SELECT id FROM t;
CREATE INDEX m_id ON m (id);
=== after
CREATE TABLE t (id integer PRIMARY KEY, name text);
CREATE VIEW more WITH (security_invoker = true) AS SELECT id, name FROM t WHERE id > 0;
CREATE VIEW other AS SELECT name, id FROM t;
CREATE VIEW above AS SELECT id FROM other;
CREATE MATERIALIZED VIEW m AS SELECT id FROM t WHERE id > 1;
CREATE INDEX m_id ON m (id);
=== plan
-- file
-- Drop view public.above
DROP VIEW public.above;

-- Drop view public.other
DROP VIEW public.other;

-- Drop materialized view public.m
DROP MATERIALIZED VIEW public.m;

-- Change view public.more
CREATE OR REPLACE VIEW public.more WITH (security_invoker=true) AS
 SELECT t.id,
    t.name
   FROM public.t
  WHERE (t.id > 0);

-- Change public.more: option security_invoker
ALTER VIEW public.more SET (security_invoker=true);

-- Create view public.other
CREATE VIEW public.other AS
 SELECT t.name,
    t.id
   FROM public.t;

-- Create view public.above
CREATE VIEW public.above AS
 SELECT other.id
   FROM public.other;

-- Create materialized view public.m
CREATE MATERIALIZED VIEW public.m AS
 SELECT t.id
   FROM public.t
  WHERE (t.id > 1);

-- Create index public.m_id
CREATE INDEX m_id ON public.m USING btree (id);

=== functions that change
=== before
CREATE FUNCTION body(x integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT x + 1';
CREATE FUNCTION result(x integer) RETURNS integer LANGUAGE sql AS 'SELECT x';
CREATE FUNCTION argument(x integer) RETURNS integer LANGUAGE sql AS 'SELECT x';
CREATE TABLE t (n integer DEFAULT result(1));
CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE total(integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0');
=== after
CREATE FUNCTION body(x integer) RETURNS integer LANGUAGE sql STABLE AS 'SELECT x + 2';
CREATE FUNCTION result(x integer) RETURNS bigint LANGUAGE sql AS 'SELECT x::bigint';
CREATE FUNCTION argument(y integer) RETURNS integer LANGUAGE sql AS 'SELECT y';
CREATE TABLE t (n integer DEFAULT result(1));
CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 2';
CREATE FUNCTION added(a integer, b integer DEFAULT 2) RETURNS integer LANGUAGE sql BEGIN ATOMIC SELECT a + b; END;
=== plan
-- file
-- Fail instead of making others wait behind this for a lock; run again then.
SET LOCAL lock_timeout = '3s';

-- Drop the default of public.t.n
ALTER TABLE public.t ALTER COLUMN n DROP DEFAULT;

-- Create function public.added(integer,integer)
CREATE OR REPLACE FUNCTION public.added(a integer, b integer DEFAULT 2)
 RETURNS integer
 LANGUAGE sql
BEGIN ATOMIC
 SELECT (a + b);
END;

-- Change function public.body(integer)
CREATE OR REPLACE FUNCTION public.body(x integer)
 RETURNS integer
 LANGUAGE sql
 STABLE
AS $function$SELECT x + 2$function$;

-- Change procedure public.p()
CREATE OR REPLACE PROCEDURE public.p()
 LANGUAGE sql
AS $procedure$SELECT 2$procedure$;

-- Drop aggregate public.total(integer)
DROP AGGREGATE public.total(integer);

-- Drop function public.argument(integer)
DROP FUNCTION public.argument(integer);

-- Create function public.argument(integer)
CREATE OR REPLACE FUNCTION public.argument(y integer)
 RETURNS integer
 LANGUAGE sql
AS $function$SELECT y$function$;

-- Drop function public.result(integer)
DROP FUNCTION public.result(integer);

-- Create function public.result(integer)
CREATE OR REPLACE FUNCTION public.result(x integer)
 RETURNS bigint
 LANGUAGE sql
AS $function$SELECT x::bigint$function$;

-- Set the default of public.t.n
ALTER TABLE public.t ALTER COLUMN n SET DEFAULT public.result(1);

=== comments, privileges and policies
=== before
CREATE TABLE t (id integer PRIMARY KEY, name text);
COMMENT ON TABLE t IS 'old';
COMMENT ON COLUMN t.id IS 'gone';
GRANT SELECT, INSERT ON t TO PUBLIC;
CREATE POLICY p ON t FOR SELECT USING (id > 0);
CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1';
=== after
CREATE TABLE t (id integer PRIMARY KEY, name text);
COMMENT ON TABLE t IS 'it''s new';
COMMENT ON CONSTRAINT t_pkey ON t IS 'key';
GRANT SELECT ON t TO PUBLIC;
GRANT UPDATE (name) ON t TO PUBLIC;
CREATE POLICY p ON t FOR ALL USING (id > 1);
CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1';
REVOKE EXECUTE ON FUNCTION f() FROM PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC;
=== plan
-- file
-- Fail instead of making others wait behind this for a lock; run again then.
SET LOCAL lock_timeout = '3s';

-- Change privilege INSERT on TABLE public.t to PUBLIC
REVOKE INSERT ON TABLE public.t FROM PUBLIC;

-- Drop the comment on table column public.t.id
COMMENT ON COLUMN public.t.id IS NULL;

-- Drop policy p on public.t
DROP POLICY p ON public.t;

-- Create policy p on public.t
CREATE POLICY p ON public.t TO PUBLIC USING ((id > 1));

-- Create the comment on table constraint t_pkey on public.t
COMMENT ON CONSTRAINT t_pkey ON public.t IS 'key';

-- Change the comment on table public.t
COMMENT ON TABLE public.t IS 'it''s new';

-- Change privilege SELECT TABLES public postgres PUBLIC
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC;

-- Change privilege EXECUTE on FUNCTION public.f() to PUBLIC
REVOKE EXECUTE ON FUNCTION public.f() FROM PUBLIC;

-- Change privilege UPDATE on COLUMN public.t.name to PUBLIC
GRANT UPDATE (name) ON TABLE public.t TO PUBLIC;

