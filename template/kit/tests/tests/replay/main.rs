//! Replaying migrations on a real server.

use std::time::Instant;

use atlas::{ApplyOptions, MigrationDirectory, MigrationFile};
use postgres::{Server, TemporaryDatabase};
use replay::ReplayError;
use rstest::rstest;
use sea_orm::sqlx::{self, AssertSqlSafe, Connection as _};

fn file(name: &str, contents: &str) -> MigrationFile {
    MigrationFile { name: name.to_owned(), contents: contents.into() }
}

/// A database for one test.
struct Database {
    server: Server,
    database: TemporaryDatabase,
}

impl Database {
    async fn new() -> Self {
        let server = postgres::server().await.unwrap();
        let database = server.temporary_database("replay").await.unwrap();
        Self { server, database }
    }

    async fn replay(&self, files: &[MigrationFile]) -> Result<(), ReplayError> {
        let mut connection = self.server.connect_once(self.database.name()).await.unwrap();
        let done = replay::run(&mut connection, files).await;
        connection.close().await.unwrap();
        done
    }

    async fn value(&self, query: &str) -> String {
        value(&self.server, self.database.name(), query).await
    }
}

/// The only value that a query returns.
async fn value(server: &Server, database: &str, query: &str) -> String {
    let mut connection = server.connect_once(database).await.unwrap();
    let query = format!("SELECT ({query})::text");
    let value = sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    value
}

#[rstest]
#[case::syntax(
    "CREATE TABLE a ();\n\nCREATE TABLEE b ();\n",
    "migrations/2.sql, line 3: syntax error at or near \"TABLEE\"\n  statement: CREATE TABLEE b ()"
)]
#[case::while_it_runs(
    "INSERT INTO t VALUES (1);\n-- twice\nINSERT INTO t\n  VALUES (1);\n",
    "migrations/2.sql, line 3: duplicate key value violates unique constraint \"t_pkey\"\n  \
     detail: Key (id)=(1) already exists.\n  statement: INSERT INTO t\n  VALUES (1)"
)]
#[case::with_a_hint(
    "SELECT nothing('x', 1);",
    "migrations/2.sql, line 1: function nothing(unknown, integer) does not exist\n  hint: No function matches \
     the given name and argument types. You might need to add explicit type casts.\n  statement: SELECT nothing('x', 1)"
)]
#[tokio::test]
async fn an_error_names_file_line_and_statement(#[case] contents: &str, #[case] message: &str) {
    let database = Database::new().await;
    let files =
        [file("1.sql", "CREATE TABLE t (id integer PRIMARY KEY);"), file("2.sql", contents)];
    let error = database.replay(&files).await.unwrap_err();
    assert_eq!(error.to_string(), message);
    assert_eq!(error.applied, 1);
    // Of the second file nothing stays.
    assert_eq!(
        database.value("SELECT count(*) FROM pg_class WHERE relname IN ('a', 'b')").await,
        "0"
    );
    assert_eq!(database.value("SELECT count(*) FROM t").await, "0");
}

#[tokio::test]
async fn what_a_file_sets_ends_with_it() {
    let database = Database::new().await;
    let files = [
        file("1.sql", "CREATE SCHEMA x; SET search_path TO x; CREATE TEMP TABLE here ();"),
        file("2.sql", "CREATE TABLE here (); -- and a comment without a line break"),
        file("3.sql", "-- atlas:txmode none\n\nSET search_path TO x; CREATE TABLE there ();"),
        file("4.sql", "CREATE TABLE there ();"),
    ];
    database.replay(&files).await.unwrap();
    let names = "SELECT string_agg(oid::regclass::text, ' ' ORDER BY oid) FROM pg_class WHERE relname IN ('here', 'there')";
    assert_eq!(database.value(names).await, "here x.there there");
}

#[tokio::test]
async fn a_file_outside_of_a_transaction_runs_statement_by_statement() {
    let database = Database::new().await;
    let concurrent =
        "-- atlas:txmode none\n\nCREATE INDEX CONCURRENTLY i ON t (id);\nSELECT 1 / 0;\n";
    let files = [file("1.sql", "CREATE TABLE t (id integer);"), file("2.sql", concurrent)];
    let error = database.replay(&files).await.unwrap_err();
    assert_eq!((error.line, error.is_clean), (Some(4), false));
    assert_eq!(
        database.value("SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass").await,
        "true"
    );
}

/// In production Atlas applies the migrations: both must come to the same schema.
#[tokio::test]
async fn makes_the_schema_that_atlas_makes() {
    let directory = tempfile::tempdir().unwrap();
    let migrations = MigrationDirectory::new(directory.path());
    let schema = include_str!("../catalog/schema.sql");
    for (name, contents) in [
        ("1_schema.sql", schema),
        ("2_index.sql", "-- atlas:txmode none\n\nCREATE INDEX CONCURRENTLY t_mood ON t (mood);\n"),
        ("3_data.sql", "INSERT INTO parent (name) VALUES ('one'), ('two; and $$ three');\n"),
    ] {
        std::fs::write(directory.path().join(name), contents).unwrap();
    }
    migrations.write_sum().unwrap();
    let (ours, atlas) = (Database::new().await, Database::new().await);
    ours.replay(&migrations.files().unwrap()).await.unwrap();
    kit_tests::atlas().apply(&migrations, &atlas.database.url(), &ApplyOptions::default()).unwrap();
    let mut snapshots = Vec::new();
    for database in [&ours, &atlas] {
        let mut connection = database.server.connect_once(database.database.name()).await.unwrap();
        snapshots.push(replay::snapshot(&mut connection).await.unwrap());
        connection.close().await.unwrap();
        assert_eq!(database.value("SELECT count(*) FROM parent").await, "2");
    }
    assert_eq!(snapshots[0].difference(&snapshots[1]).to_string(), "");
}

/// A history that no other test has.
fn history(test: &str, length: usize) -> Vec<MigrationFile> {
    let id = format!("{test}_{}_{:?}", std::process::id(), Instant::now());
    (1..=length)
        .map(|number| {
            file(&format!("{number}.sql"), &format!("-- {id}\nCREATE TABLE t{number} ();\n"))
        })
        .collect()
}

/// Names of the tables in a copy of a template.
async fn tables(server: &Server, template: &str) -> String {
    let copy = server.temporary_copy(template, "copy").await.unwrap();
    let tables = "SELECT coalesce(string_agg(relname, ' ' ORDER BY relname), '') FROM pg_class
                  WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";
    value(server, copy.name(), tables).await
}

#[tokio::test]
async fn a_template_is_made_once_and_grows() {
    let server = postgres::server().await.unwrap();
    let mut files = history("grows", 3);
    let first = replay::template(&server, &files[..2]).await.unwrap();
    assert_eq!(tables(&server, &first).await, "t1 t2");
    assert_eq!(replay::template(&server, &files[..2]).await.unwrap(), first);

    // The second grows from the first: a file that was changed since would show.
    let second = replay::template(&server, &files).await.unwrap();
    assert_ne!(second, first);
    assert_eq!(tables(&server, &second).await, "t1 t2 t3");

    // A mistake costs no more than its own file: the good part is kept.
    files.push(file("4.sql", "CREATE TABLE t4 ();\n"));
    files.push(file("5.sql", "SELECT 1 / 0;\n"));
    let error = replay::template(&server, &files).await.unwrap_err();
    let error = error.downcast_ref::<ReplayError>().unwrap();
    assert_eq!((error.file.as_str(), error.applied), ("5.sql", 4));
    let good = replay::template(&server, &files[..4]).await.unwrap();
    assert_eq!(tables(&server, &good).await, "t1 t2 t3 t4");
    for name in [first, second, good] {
        server.drop(&name).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_share_one_template() {
    let server = postgres::server().await.unwrap();
    let files = history("shared", 2);
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (server, files) = (server.clone(), files.clone());
            tokio::spawn(async move { replay::template(&server, &files).await.unwrap() })
        })
        .collect();
    let mut names = Vec::new();
    for task in tasks {
        names.push(task.await.unwrap());
    }
    names.dedup();
    assert_eq!(names.len(), 1);
    assert_eq!(tables(&server, &names[0]).await, "t1 t2");
    server.drop(&names[0]).await.unwrap();
}

/// On a server of its own, where no other test misses a template.
#[tokio::test]
async fn old_templates_are_dropped() {
    let root = tempfile::tempdir().unwrap();
    let server = postgres::server_in(root.path()).await.unwrap();
    for number in 0..12 {
        let files = history(&format!("old{number}"), 1);
        replay::template(&server, &files).await.unwrap();
    }
    let count = "SELECT count(*) FROM pg_database WHERE datname ~ '^template_'";
    assert_eq!(value(&server, "postgres", count).await, "8");
    postgres::down(root.path()).await.unwrap();
}

/// The roles of the example service, as `crates/entity/sql/roles.sql` makes them.
#[tokio::test]
async fn a_service_reads_rows_and_changes_no_tables() {
    let Database { server, database } = Database::new().await;
    // As all processes do, at the same time.
    tokio::try_join!(replay::prepare_roles(&server), replay::prepare_roles(&server)).unwrap();
    let mut connection = server.connect_once(database.name()).await.unwrap();
    let mut run = async |sql| sqlx::raw_sql(sql).execute(&mut connection).await;
    run("CREATE TABLE users (id int); SET ROLE app_service").await.unwrap();
    run("SELECT count(*) FROM users").await.unwrap();
    for change in [
        "CREATE TABLE other ()",
        "ALTER TABLE users ADD COLUMN name text",
        "DROP TABLE users",
        "INSERT INTO users VALUES (1)",
    ] {
        let error = run(change).await.unwrap_err().to_string();
        assert!(error.contains("permission denied") || error.contains("must be owner"), "{error}");
    }
    connection.close().await.unwrap();
}
