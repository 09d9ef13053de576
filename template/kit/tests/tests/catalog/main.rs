//! Whether a snapshot notices everything that a migration can do, on a real server.

use catalog::Snapshot;
use postgres::TemporaryDatabase;
use rstest::rstest;
use sea_orm::sqlx::{self, AssertSqlSafe, PgConnection};

/// What most cases need. Each of its objects has everything that can be set on it.
const SCHEMA: &str = include_str!("schema.sql");

struct Database {
    // Closed before the database is dropped.
    connection: PgConnection,
    _database: TemporaryDatabase,
}

impl Database {
    async fn new() -> Self {
        let server = postgres::server().await.unwrap();
        let database = server.temporary_database("catalog").await.unwrap();
        let connection = server.connect_once(database.name()).await.unwrap();
        let mut database = Self { connection, _database: database };
        database.run(SCHEMA).await;
        database
    }

    async fn run(&mut self, sql: &str) {
        let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut self.connection).await;
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    async fn snapshot(&mut self) -> Snapshot {
        replay::snapshot(&mut self.connection).await.unwrap()
    }
}

/// Statements and the one line that tells them.
const CHANGES: &[(&str, &str)] = &[
    ("CREATE SCHEMA more", "+ schema more"),
    ("CREATE EXTENSION btree_gist", "+ extension btree_gist"),
    ("CREATE TABLE \"Order Items\" (id integer PRIMARY KEY)", "+ table public.\"Order Items\""),
    ("ALTER TABLE t SET UNLOGGED", "~ table public.t: (nothing) -> UNLOGGED"),
    ("ALTER TABLE t SET (fillfactor = 50)", "~ table public.t: (nothing) -> WITH (fillfactor=50)"),
    (
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
        "~ table public.t: (nothing) -> ENABLE ROW LEVEL SECURITY",
    ),
    ("ALTER TABLE t REPLICA IDENTITY FULL", "~ table public.t: (nothing) -> REPLICA IDENTITY FULL"),
    ("ALTER TABLE parted DETACH PARTITION part", "~ table public.part: "),
    ("ALTER TABLE t ADD phone text", "+ column public.t.phone"),
    ("ALTER TABLE t DROP during", "- column public.t.during"),
    (
        "ALTER TABLE t ALTER name TYPE varchar(30)",
        "~ column public.t.name: character varying(20) NOT NULL",
    ),
    (
        "ALTER TABLE parent ALTER name TYPE text COLLATE \"C\"",
        "~ column public.parent.name: text -> text COLLATE",
    ),
    (
        "ALTER TABLE t ALTER mood SET NOT NULL",
        "~ column public.t.mood: public.mood -> public.mood NOT NULL",
    ),
    ("ALTER TABLE t ALTER name SET DEFAULT 'y'", "DEFAULT 'y'::character varying"),
    ("ALTER TABLE parent ALTER id SET GENERATED ALWAYS", "GENERATED ALWAYS AS IDENTITY"),
    ("ALTER TABLE parent ALTER id SET INCREMENT 5", "INCREMENT 5"),
    ("ALTER SEQUENCE parent_id_seq RENAME TO other_seq", "public.other_seq"),
    ("ALTER TABLE t ALTER twice DROP EXPRESSION", "~ column public.t.twice: "),
    ("ALTER TABLE t ALTER name SET STORAGE PLAIN", "STORAGE PLAIN"),
    ("ALTER TABLE t ALTER name SET STATISTICS 0", "STATISTICS 0"),
    ("ALTER TABLE t DROP CONSTRAINT t_name", "- constraint t_name on public.t"),
    (
        "ALTER TABLE t DROP CONSTRAINT t_name, ADD CONSTRAINT t_name CHECK (length(name) > 3)",
        "~ constraint t_name on public.t: CHECK ((length((name)::text) > 1)) -> CHECK ((length((name)::text) > 3))",
    ),
    ("ALTER TABLE t ALTER CONSTRAINT t_parent DEFERRABLE", "~ constraint t_parent on public.t: "),
    (
        "ALTER TABLE t ADD CONSTRAINT positive CHECK (id > 0) NOT VALID",
        "+ constraint positive on public.t",
    ),
    (
        "ALTER TABLE t ADD CONSTRAINT apart EXCLUDE USING gist (during WITH &&)",
        "+ constraint apart on public.t",
    ),
    ("ALTER TABLE t RENAME CONSTRAINT t_name TO t_long", "+ constraint t_long on public.t"),
    ("CREATE UNIQUE INDEX t_u ON t (parent_id)", "+ index public.t_u"),
    ("DROP INDEX t_i; CREATE INDEX t_i ON t (name) WHERE mood = 'happy'", "~ index public.t_i: "),
    (
        "DROP INDEX t_i; CREATE INDEX t_i ON t (name text_pattern_ops) WHERE mood = 'sad'",
        "~ index public.t_i: ",
    ),
    (
        "DROP INDEX t_i; CREATE INDEX t_i ON t (name) INCLUDE (id) WHERE mood = 'sad'",
        "~ index public.t_i: ",
    ),
    ("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 't_i'::regclass", "INVALID"),
    ("ALTER TABLE t CLUSTER ON t_pkey", "+ index public.t_pkey"),
    ("ALTER SEQUENCE s MAXVALUE 9 CYCLE", "~ sequence public.s: "),
    ("ALTER SEQUENCE s OWNED BY t.id", "OWNED BY public.t.id"),
    ("ALTER SEQUENCE s AS smallint", "~ sequence public.s: "),
    (
        "ALTER TYPE mood ADD VALUE 'fine' BEFORE 'happy'",
        "~ enum type public.mood: 'sad', 'happy' -> 'sad', 'fine', 'happy'",
    ),
    ("ALTER TYPE mood RENAME VALUE 'happy' TO 'glad'", "~ enum type public.mood: "),
    ("ALTER DOMAIN code SET NOT NULL", "~ domain public.code: "),
    ("ALTER DOMAIN code ADD CHECK (length(VALUE) < 9)", "~ domain public.code: "),
    ("ALTER TYPE pair ADD ATTRIBUTE c date", "~ composite type public.pair: "),
    ("CREATE TYPE span AS RANGE (subtype = float8)", "+ range type public.span"),
    ("CREATE OR REPLACE VIEW v AS SELECT id, name FROM other WHERE id > 0", "~ view public.v: "),
    ("ALTER VIEW v SET (security_barrier)", "~ view public.v: "),
    ("ALTER VIEW v ALTER name SET DEFAULT 'z'", "+ column public.v.name"),
    ("DROP MATERIALIZED VIEW m", "- materialized view public.m"),
    ("CREATE UNIQUE INDEX m_i ON m (id)", "+ index public.m_i"),
    ("REFRESH MATERIALIZED VIEW m WITH NO DATA", "~ materialized view public.m: "),
    (
        "CREATE OR REPLACE FUNCTION f(x integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT x + 2'",
        "~ function public.f(integer): ",
    ),
    ("ALTER FUNCTION f STABLE", "~ function public.f(integer): "),
    ("ALTER FUNCTION f SECURITY DEFINER", "~ function public.f(integer): "),
    ("CREATE PROCEDURE pr() LANGUAGE sql AS ''", "+ procedure public.pr()"),
    (
        "CREATE AGGREGATE total(integer) (SFUNC = int4pl, STYPE = integer)",
        "+ aggregate public.total(integer)",
    ),
    ("ALTER TABLE t DISABLE TRIGGER tr", "DISABLED"),
    ("ALTER TRIGGER tr ON t RENAME TO tr2", "+ trigger tr2 on public.t"),
    ("DROP TRIGGER tr ON t", "- trigger tr on public.t"),
    ("DROP RULE r ON t", "- rule r on public.t"),
    ("ALTER POLICY p ON t USING (id > 1)", "~ policy p on public.t: "),
    ("ALTER POLICY p ON t TO current_user", "~ policy p on public.t: "),
    ("COMMENT ON TABLE t IS 'another'", "~ comment table public.t: a table -> another"),
    ("COMMENT ON COLUMN t.name IS 'full'", "+ comment table column public.t.name"),
    ("GRANT SELECT ON t TO pg_monitor", "+ privilege SELECT on TABLE public.t to pg_monitor"),
    (
        "GRANT SELECT (name) ON t TO pg_monitor",
        "+ privilege SELECT on COLUMN public.t.name to pg_monitor",
    ),
    ("GRANT USAGE ON SEQUENCE s TO PUBLIC", "+ privilege USAGE on SEQUENCE public.s to PUBLIC"),
    (
        "REVOKE EXECUTE ON FUNCTION f FROM PUBLIC",
        "+ privilege EXECUTE on FUNCTION public.f(integer) to PUBLIC",
    ),
    ("REVOKE DELETE ON t FROM CURRENT_USER", "+ privilege DELETE on TABLE public.t to its owner"),
    (
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO pg_monitor",
        "+ default privilege SELECT on new tables in public by postgres to pg_monitor",
    ),
    ("DROP STATISTICS st", "- statistics public.st"),
    ("CREATE COLLATION german (provider = icu, locale = 'de')", "+ collation public.german"),
    (
        "CREATE CAST (mood AS integer) WITH FUNCTION mood_number(mood)",
        "+ cast (public.mood AS integer)",
    ),
    (
        "CREATE OPERATOR === (LEFTARG = integer, RIGHTARG = integer, FUNCTION = int4eq)",
        "+ operator public.===(integer,integer)",
    ),
    (
        "CREATE TEXT SEARCH CONFIGURATION plain (COPY = simple)",
        "+ text search configuration public.plain",
    ),
    ("CREATE PUBLICATION pub FOR TABLE t", "+ publication pub"),
    ("CREATE EVENT TRIGGER ev ON ddl_command_end EXECUTE FUNCTION on_ddl()", "+ event trigger ev"),
];

/// Each in a transaction that is rolled back, so that the database is the same before.
#[tokio::test]
async fn notices_every_change() {
    let mut database = Database::new().await;
    database
        .run(
            "CREATE FUNCTION mood_number(mood) RETURNS integer LANGUAGE sql AS 'SELECT 1';
             CREATE FUNCTION on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
        )
        .await;
    let before = database.snapshot().await;
    let mut missed = Vec::new();
    for (statement, line) in CHANGES {
        database.run("BEGIN").await;
        database.run(statement).await;
        // The snapshot opens a savepoint in here.
        let after = replay::snapshot_in(&mut database.connection).await.unwrap();
        database.run("ROLLBACK").await;
        let difference = before.difference(&after).to_string();
        if !difference.contains(line) {
            missed.push(format!("{statement}:\n{difference}\nhas no {line}"));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n\n"));
    assert_eq!(before, database.snapshot().await);
}

#[rstest]
#[case::order_of_columns(
    "CREATE TABLE o (a integer, b text)",
    "CREATE TABLE o (b text, a integer)"
)]
#[case::order_of_statements(
    "CREATE TABLE a (id integer PRIMARY KEY); CREATE TABLE b (a integer REFERENCES a)",
    "CREATE TABLE b (a integer); CREATE TABLE a (id integer); ALTER TABLE a ADD PRIMARY KEY (id);
     ALTER TABLE b ADD FOREIGN KEY (a) REFERENCES a"
)]
#[case::search_path(
    "CREATE SCHEMA x; CREATE TABLE x.a (m public.mood DEFAULT 'sad')",
    "CREATE SCHEMA x; SET search_path TO x, public; CREATE TABLE a (m mood DEFAULT 'sad')"
)]
#[case::time_zone(
    "SET timezone TO 'UTC'; CREATE TABLE z (at timestamptz DEFAULT '2026-01-01 00:00:00+00')",
    "SET timezone TO 'Asia/Tokyo'; CREATE TABLE z (at timestamptz DEFAULT '2026-01-01 09:00:00+09')"
)]
#[case::a_dropped_column(
    "CREATE TABLE d (a integer)",
    "CREATE TABLE d (a integer, b integer); ALTER TABLE d DROP b"
)]
#[tokio::test]
async fn does_not_notice_what_makes_no_difference(#[case] one: &str, #[case] other: &str) {
    let (mut first, mut second) = (Database::new().await, Database::new().await);
    first.run(one).await;
    second.run(other).await;
    let (one, other) = (first.snapshot().await, second.snapshot().await);
    assert_eq!(one.difference(&other).to_string(), "");
    assert_eq!(one, other);
}
