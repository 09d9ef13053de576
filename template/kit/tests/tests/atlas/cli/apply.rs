use std::sync::Arc;
use std::time::Duration;

use atlas::{ApplyOptions, Atlas, Error, MigrationDirectory};
use postgres::TemporaryDatabase as Database;
use rstest::rstest;
use sea_orm::sqlx::{self, Connection as _};

use super::{FIRST, Project, SECOND, database, project};

const TABLE: &str = "CREATE TABLE users (id bigint PRIMARY KEY);\nSELECT 1;\n";

fn options() -> ApplyOptions {
    ApplyOptions::default()
}

#[rstest]
#[tokio::test]
async fn applies_what_is_pending_once(project: Project, #[future(awt)] database: Database) {
    let (atlas, migrations) = (&project.atlas, &project.migrations);
    let url = &database.url();
    project.migration(FIRST, TABLE);
    let status = atlas.status(migrations, url).unwrap();
    assert_eq!((status.current, status.pending.len()), (None, 1));

    let report = atlas.apply(migrations, url, &options()).unwrap();
    assert_eq!(report.applied[0].name, FIRST);
    assert_eq!(report.applied[0].statements, 2);
    let status = atlas.status(migrations, url).unwrap();
    assert_eq!(status.current.as_deref(), Some("20260101000000"));

    project.migration(SECOND, "SELECT 1;");
    let report = atlas.apply(migrations, url, &options()).unwrap();
    assert_eq!(report.applied[0].name, SECOND);
    let again = atlas.apply(migrations, url, &options()).unwrap();
    assert_eq!(again.applied, []);
    let status = atlas.status(migrations, url).unwrap();
    assert_eq!(status.current.as_deref(), Some("20260102000000"));
    assert_eq!((status.pending.len(), status.partially_applied), (0, None));
    database.drop_database().await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_failed_statement_is_named(project: Project, #[future(awt)] database: Database) {
    let (atlas, migrations) = (&project.atlas, &project.migrations);
    let url = &database.url();
    project.migration(FIRST, TABLE);
    project.migration(SECOND, "CREATE TABLE b ();\nINSERT INTO nowhere VALUES (1);\n");
    let error = atlas.apply(migrations, url, &options()).unwrap_err();
    let message = error.to_string();
    let Error::Migration(error) = error else {
        panic!("{message}");
    };
    assert_eq!(error.file.as_deref(), Some(SECOND));
    let statement = "INSERT INTO nowhere VALUES (1);";
    assert_eq!(error.statement.as_deref(), Some(statement));
    assert_eq!(error.report.applied[0].name, FIRST);
    for part in [SECOND, statement, "does not exist", "Applied before it", FIRST] {
        assert!(message.contains(part), "no {part:?} in: {message}");
    }

    // Its first statement was rolled back too, so the file can be corrected.
    let status = atlas.status(migrations, url).unwrap();
    assert_eq!(status.current.as_deref(), Some("20260101000000"));
    assert_eq!(status.pending, ["20260102000000"]);
    project.migration(SECOND, "CREATE TABLE b ();\n");
    atlas.apply(migrations, url, &options()).unwrap();
    database.drop_database().await.unwrap();
}

#[rstest]
#[case::directive("-- atlas:txmode none\n\n")]
#[case::no_empty_line("-- atlas:txmode none\n")]
#[case::no_directive("")]
#[tokio::test]
async fn concurrent_statements_run_only_in_files_that_are_not_transactional(
    project: Project,
    #[future(awt)] database: Database,
    #[case] heading: &str,
) {
    let sql = format!("{heading}CREATE INDEX CONCURRENTLY i ON users (id);\n");
    project.migration(FIRST, TABLE);
    project.migration(SECOND, &sql);
    let applied = project.atlas.apply(&project.migrations, &database.url(), &options());
    let file = project.migrations.files().unwrap().remove(1);
    assert_eq!(file.concurrent_statements().len(), 1);
    assert_eq!(applied.is_err(), file.is_transactional(), "{applied:?}");
    database.drop_database().await.unwrap();
}

#[rstest]
#[tokio::test]
async fn starts_after_a_baseline(project: Project, #[future(awt)] database: Database) {
    project.migration(FIRST, TABLE);
    project.migration(SECOND, "SELECT 1;");
    let options = ApplyOptions { baseline: Some("20260101000000".to_owned()), ..options() };
    let report = project.atlas.apply(&project.migrations, &database.url(), &options);
    let report = report.unwrap();
    assert_eq!(report.applied.len(), 1);
    assert_eq!(report.applied[0].name, SECOND);
    database.drop_database().await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_database_ahead_is_left_alone(project: Project, #[future(awt)] database: Database) {
    project.migration(FIRST, TABLE);
    let older = project.root.path().join("older");
    std::fs::create_dir(&older).unwrap();
    std::fs::copy(project.migrations.path().join(FIRST), older.join(FIRST)).unwrap();
    let older = MigrationDirectory::new(older);
    older.write_sum().unwrap();
    project.migration(SECOND, "SELECT 1;");
    // As in the Lambda function: a known binary, without a project.
    let atlas = Atlas::with_binary(project.atlas.binary()).unwrap();
    atlas.apply(&project.migrations, &database.url(), &options()).unwrap();

    let report = atlas.apply(&older, &database.url(), &options()).unwrap();
    assert_eq!(report.applied, []);
    let status = atlas.status(&older, &database.url()).unwrap();
    assert_eq!(status.current.as_deref(), Some("20260102000000"));
    assert_eq!(status.ahead, ["20260102000000"]);
    database.drop_database().await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_second_run_waits_for_the_lock_timeout(
    project: Project,
    #[future(awt)] database: Database,
) {
    project.migration(FIRST, "SELECT pg_sleep(6);");
    let (project, url) = (Arc::new(project), database.url());
    let apply = move |timeout| {
        let options = ApplyOptions { lock_timeout: Some(timeout), ..options() };
        project.atlas.apply(&project.migrations, &url, &options)
    };
    let first = std::thread::spawn({
        let apply = apply.clone();
        move || apply(Duration::from_secs(60))
    });
    let server = postgres::server().await.unwrap();
    let mut connection = server.connect_once(database.name()).await.unwrap();
    let running = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' \
                   AND query = 'SELECT pg_sleep(6);' AND datname = current_database()";
    while sqlx::query_scalar::<_, i64>(running).fetch_one(&mut connection).await.unwrap() == 0 {
        assert!(!first.is_finished(), "{:?}", first.join());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    connection.close().await.unwrap();

    let impatient = apply(Duration::from_millis(100)).unwrap_err().to_string();
    assert!(impatient.contains("longer lock timeout"), "{impatient}");
    assert!(!first.is_finished(), "waited longer than the time-out");
    let patient = apply(Duration::from_secs(60)).unwrap();
    assert_eq!(patient.applied, [], "the first run applied all");
    assert_eq!(first.join().unwrap().unwrap().applied.len(), 1);
    database.drop_database().await.unwrap();
}
