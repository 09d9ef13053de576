//! Whether a snapshot notices everything that a migration can do, on a real server.

mod changes;

use catalog::Snapshot;
use postgres::TemporaryDatabase;
use rstest::rstest;
use sea_orm::sqlx::{self, AssertSqlSafe, PgConnection};

use changes::{CHANGES, SCHEMA};

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

/// Each in a transaction that is rolled back, so that the database is the same before.
#[tokio::test]
async fn notices_every_change() {
    let mut database = Database::new().await;
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
