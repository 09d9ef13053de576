//! What the fixtures promise, whatever the schema of the project is.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use rstest::rstest;
use sea_orm::{
    ConnectionTrait, Database, DatabaseTransaction, DbBackend, Statement, TransactionTrait,
};
use test_support::{TestDatabase, db, tx};

/// Set for a process of this test binary that another test started.
const CHILD: &str = "TEST_SUPPORT_CHILD";

async fn count(connection: &impl ConnectionTrait, from: &str) -> i64 {
    let statement =
        Statement::from_string(DbBackend::Postgres, format!("SELECT count(*) FROM {from}"));
    let row = connection.query_one_raw(statement).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

async fn is_there(database: &str) -> bool {
    let server = dev_postgres::server().await.unwrap();
    let admin = server.connect_maintenance().await.unwrap();
    count(&admin, &format!("pg_database WHERE datname = '{database}'")).await == 1
}

/// Another process that runs one of these tests.
fn child(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", test, "--nocapture", "--include-ignored"])
        .env(CHILD, "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn both_streams(output: &Output) -> String {
    [&output.stdout, &output.stderr]
        .map(|stream| String::from_utf8_lossy(stream).into_owned())
        .concat()
}

#[rstest]
#[tokio::test]
async fn the_migrations_were_applied_by_atlas(#[future(awt)] db: TestDatabase) {
    let files = fs::read_dir(dev_postgres::project_root().unwrap().join("migrations"))
        .unwrap()
        .filter(|entry| {
            entry
                .as_ref()
                .unwrap()
                .path()
                .extension()
                .is_some_and(|end| end == "sql")
        })
        .count();
    let revisions = "atlas_schema_revisions.atlas_schema_revisions";
    assert_eq!(
        usize::try_from(count(&*db, revisions).await).unwrap(),
        files
    );
}

#[rstest]
#[tokio::test]
async fn each_test_has_a_database_of_its_own(
    #[future(awt)] db: TestDatabase,
    #[from(db)]
    #[future(awt)]
    other: TestDatabase,
) {
    db.execute_unprepared("CREATE TABLE mine ()").await.unwrap();
    assert_eq!(count(&*db, "mine").await, 0);
    assert!(
        other
            .execute_unprepared("SELECT * FROM mine")
            .await
            .is_err()
    );
}

#[rstest]
#[tokio::test]
async fn the_database_is_dropped_though_connections_are_open(#[future(awt)] db: TestDatabase) {
    let name = db.name().to_owned();
    let open = Database::connect(db.url()).await.unwrap();
    assert!(is_there(&name).await);
    drop(db);
    assert!(!is_there(&name).await);
    assert!(open.execute_unprepared("SELECT 1").await.is_err());
}

#[rstest]
#[tokio::test]
async fn a_transaction_is_rolled_back_with_what_was_committed_in_it(
    #[future(awt)] tx: DatabaseTransaction,
    #[from(tx)]
    #[future(awt)]
    other: DatabaseTransaction,
) {
    let inner = tx.begin().await.unwrap();
    inner
        .execute_unprepared("CREATE TABLE mine ()")
        .await
        .unwrap();
    inner.commit().await.unwrap();
    assert_eq!(count(&tx, "mine").await, 0);
    drop(tx);
    assert!(
        other
            .execute_unprepared("SELECT * FROM mine")
            .await
            .is_err()
    );
}

#[rstest]
#[tokio::test]
#[ignore = "fails; another test runs it"]
async fn fails(#[future(awt)] db: TestDatabase) {
    db.execute_unprepared("CREATE TABLE evidence ()")
        .await
        .unwrap();
    panic!("on purpose");
}

#[tokio::test]
async fn a_failing_test_keeps_its_database_and_says_how_to_look_into_it() {
    let output = child("fails").output().unwrap();
    assert!(!output.status.success());
    let text = both_streams(&output);
    let (_, rest) = text.split_once("psql '").expect("a psql line");
    let url = rest.split_once('\'').unwrap().0;

    let kept = Database::connect(url).await.unwrap();
    assert_eq!(count(&kept, "evidence").await, 0);
    kept.close().await.unwrap();

    let name = url.rsplit('/').next().unwrap().split('?').next().unwrap();
    let admin = dev_postgres::server()
        .await
        .unwrap()
        .connect_maintenance()
        .await
        .unwrap();
    admin
        .execute_unprepared(&format!("DROP DATABASE \"{name}\""))
        .await
        .unwrap();
}

#[rstest]
#[tokio::test]
#[ignore = "another test runs it, in a project of its own"]
async fn uses_a_database(#[future(awt)] db: TestDatabase) {
    assert_eq!(count(&*db, "made_by_a_migration").await, 1);
}

/// A project with other migrations, on the same server: several processes find no
/// template, and one builds it.
///
/// It takes a database of this project first: its template must be there before
/// templates are counted, and building one clears others away.
#[rstest]
#[tokio::test]
async fn processes_that_begin_at_once_share_one_template(
    #[future(awt)]
    #[from(db)]
    _db: TestDatabase,
) {
    let root = tempfile::tempdir().unwrap();
    let server = dev_postgres::server().await.unwrap();
    let admin = server.connect_maintenance().await.unwrap();
    let templates = "pg_database WHERE datname LIKE 'test\\_template\\_%'";
    let before = count(&admin, templates).await;
    project(root.path(), &server.url("postgres"));

    let children: Vec<_> = (0..4)
        .map(|_| {
            child("uses_a_database")
                .env("CARGO_MANIFEST_DIR", root.path())
                .env_remove("TEST_DATABASE_URL")
                .env_remove("DEV_POSTGRES")
                .env("ATLAS", atlas_program())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", both_streams(&output));
    }
    // The template, and its copy for transactions.
    assert_eq!(count(&admin, templates).await, before + 2);

    let made = Statement::from_string(
        DbBackend::Postgres,
        format!("SELECT datname FROM {templates} ORDER BY oid DESC LIMIT 2"),
    );
    for row in admin.query_all_raw(made).await.unwrap() {
        let name: String = row.try_get_by_index(0).unwrap();
        admin
            .execute_unprepared(&format!("DROP DATABASE \"{name}\""))
            .await
            .unwrap();
    }
}

fn project(root: &Path, url: &str) {
    fs::create_dir(root.join("migrations")).unwrap();
    fs::write(root.join("Cargo.lock"), "").unwrap();
    fs::write(root.join(".env"), format!("TEST_DATABASE_URL='{url}'\n")).unwrap();
    // Differs from run to run, so that no earlier run has built the template.
    let sql = format!(
        "-- {}\nCREATE TABLE made_by_a_migration AS SELECT 1 AS row;\n",
        root.display()
    );
    fs::write(root.join("migrations/20260101000000_initial.sql"), sql).unwrap();
    atlas::MigrationDirectory::new(root.join("migrations"))
        .write_sum()
        .unwrap();
}

/// The Atlas of this project, for a project elsewhere.
fn atlas_program() -> std::path::PathBuf {
    let root = dev_postgres::project_root().unwrap();
    atlas::Atlas::find(&root).unwrap().binary().to_owned()
}
