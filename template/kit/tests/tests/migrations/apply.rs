use std::{
    io::{BufRead, BufReader, Read},
    time::Duration,
};

use postgres::{Server, TemporaryDatabase};
use sea_orm::sqlx::{self, Connection as _, PgConnection};

use crate::project::{Project, says};

const TABLE: &str = "CREATE TABLE t (id bigint);\nINSERT INTO t VALUES (1), (1);\n";

async fn database() -> (Server, TemporaryDatabase) {
    let server = postgres::server().await.unwrap();
    let database = server.temporary_database("apply").await.unwrap();
    (server, database)
}

async fn execute(connection: &mut PgConnection, sql: &'static str) {
    sqlx::raw_sql(sql).execute(connection).await.unwrap();
}

#[tokio::test]
async fn waits_for_a_lock_by_trying_again() {
    let (server, database) = database().await;
    let project = Project::new("").await;
    project.migration("20260101000000_t.sql", TABLE);
    let url = database.url();
    says(&project.run(&["apply", &url]).succeeded(), &["applied 20260101000000_t.sql"]);

    let mut holder = server.connect_once(database.name()).await.unwrap();
    execute(&mut holder, "BEGIN; LOCK TABLE t").await;
    project.migration(
        "20260102000000_a.sql",
        "SET LOCAL lock_timeout = '50ms';\nALTER TABLE t ADD COLUMN a integer;\n",
    );
    let mut apply = project.spawn(&["apply", &url]);
    let mut output = BufReader::new(apply.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    says(
        &line,
        &["a lock was not granted", "nothing of 20260102000000_a.sql is applied", "again in"],
    );
    execute(&mut holder, "COMMIT").await;
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert!(apply.wait().unwrap().success(), "{rest}");
    says(&rest, &["applied 20260102000000_a.sql"]);
}

/// Waits until a session waits for a lock of this type.
async fn waits(observer: &mut PgConnection, locktype: &str) {
    let waiting = "SELECT EXISTS (SELECT FROM pg_locks JOIN pg_database d ON d.oid = database
        WHERE NOT granted AND locktype = $1 AND datname = current_database())";
    let waiting = || sqlx::query_scalar::<_, bool>(waiting).bind(locktype.to_owned());
    while !waiting().fetch_one(&mut *observer).await.unwrap() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn tries_again_after_a_deadlock() {
    let (server, database) = database().await;
    let project = Project::new("").await;
    project.migration("20260101000000_t.sql", "CREATE TABLE a (); CREATE TABLE b ();\n");
    let url = database.url();
    project.run(&["apply", &url]).succeeded();
    let both = "ALTER TABLE a ADD COLUMN n integer;\nSELECT pg_advisory_xact_lock(1);\n\
                ALTER TABLE b ADD COLUMN n integer;\n";
    project.migration("20260102000000_both.sql", both);

    let mut gate = server.connect_once(database.name()).await.unwrap();
    execute(&mut gate, "SELECT pg_advisory_lock(1)").await;
    let mut other = server.connect_once(database.name()).await.unwrap();
    // Leaves it to the migration to notice, which waits last.
    execute(&mut other, "SET deadlock_timeout = '1h'; BEGIN; LOCK TABLE b").await;
    let mut apply = project.spawn(&["apply", &url]);
    waits(&mut gate, "advisory").await;
    let other = tokio::spawn(async move { execute(&mut other, "LOCK TABLE a; COMMIT").await });
    waits(&mut gate, "relation").await;
    execute(&mut gate, "SELECT pg_advisory_unlock(1)").await;
    other.await.unwrap();
    let mut output = String::new();
    apply.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    assert!(apply.wait().unwrap().success(), "{output}");
    says(&output, &["nothing of 20260102000000_both.sql is applied: again in"]);
    says(&output, &["applied 20260102000000_both.sql"]);
}

#[tokio::test]
async fn names_an_index_that_is_invalid_and_what_to_do() {
    let (server, database) = database().await;
    let project = Project::new("").await;
    project.migration("20260101000000_t.sql", TABLE);
    let index = "-- atlas:txmode none\n\nCREATE UNIQUE INDEX CONCURRENTLY i ON t (id);\n";
    project.migration("20260102000000_i.sql", index);
    let url = database.url();
    let failed = project.run(&["apply", &url]).failed();
    says(&failed, &["20260102000000_i.sql failed", "The index i is INVALID", "drop it"]);

    // As the message says: drop it, and apply again.
    let mut connection = server.connect_once(database.name()).await.unwrap();
    execute(&mut connection, "DELETE FROM t; DROP INDEX i").await;
    says(&project.run(&["apply", &url]).succeeded(), &["applied 20260102000000_i.sql"]);
}

#[tokio::test]
async fn if_not_exists_over_an_invalid_index_is_no_success() {
    let (server, database) = database().await;
    let project = Project::new("").await;
    project.migration("20260101000000_t.sql", TABLE);
    let url = database.url();
    project.run(&["apply", &url]).succeeded();
    let mut connection = server.connect_once(database.name()).await.unwrap();
    sqlx::raw_sql("CREATE UNIQUE INDEX CONCURRENTLY i ON t (id)")
        .execute(&mut connection)
        .await
        .unwrap_err();

    let index =
        "-- atlas:txmode none\n\nCREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON t (id);\n";
    project.migration("20260102000000_i.sql", index);
    let failed = project.run(&["apply", &url]).failed();
    says(&failed, &["The index i is INVALID", "REINDEX INDEX CONCURRENTLY"]);
    execute(&mut connection, "DELETE FROM t").await;
    execute(&mut connection, "REINDEX INDEX CONCURRENTLY i").await;
    says(&project.run(&["apply", &url]).succeeded(), &["Nothing to do"]);
    connection.close().await.unwrap();
}
