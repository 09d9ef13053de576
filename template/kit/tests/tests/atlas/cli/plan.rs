use atlas::Error;
use postgres::TemporaryDatabase as Database;
use rstest::rstest;

use super::{FIRST, Project, SECOND, database, project};

const USERS: &str = "CREATE TABLE users (id bigint PRIMARY KEY, email text NOT NULL);";
const USERS_WITH_INDEX: &str = "CREATE TABLE users (id bigint PRIMARY KEY, email text NOT NULL);
CREATE INDEX users_email ON users (email);";

#[rstest]
#[tokio::test]
async fn plans_until_the_schemas_are_the_same(
    project: Project,
    #[future(awt)]
    #[from(database)]
    dev: Database,
) {
    let (atlas, migrations) = (&project.atlas, &project.migrations);
    let ddl = project.ddl(USERS);
    let first = atlas.diff(migrations, "add_users", &ddl, &dev.url());
    let first = first.unwrap().expect("a migration");
    assert!(first.name.ends_with("_add_users.sql"), "{}", first.name);
    assert!(first.text().contains("CREATE TABLE"));
    migrations.verify().unwrap();
    assert_eq!(atlas.diff(migrations, "again", &ddl, &dev.url()).unwrap(), None);
    assert_eq!(atlas.schema_diff(migrations, &ddl, &dev.url()).unwrap(), None);

    // The policy of atlas.hcl makes the index concurrent.
    let ddl = project.ddl(USERS_WITH_INDEX);
    let drift = atlas.schema_diff(migrations, &ddl, &dev.url()).unwrap();
    let drift = drift.expect("a difference");
    assert!(drift.contains("CREATE INDEX CONCURRENTLY"), "{drift}");
    assert_eq!(migrations.files().unwrap().len(), 1, "nothing was written");
    // Versions are in seconds, and must differ.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let second = atlas.diff(migrations, "add_index", &ddl, &dev.url());
    let second = second.unwrap().expect("a migration");
    assert_eq!(second.concurrent_statements().len(), 1);
    assert!(second.is_transactional(), "Atlas writes no txmode");
    dev.drop_database().await.unwrap();
}

#[rstest]
#[tokio::test]
async fn lint_returns_findings_by_policy(
    project: Project,
    #[future(awt)]
    #[from(database)]
    dev: Database,
) {
    let lint = |latest| project.atlas.lint(&project.migrations, &dev.url(), latest);
    project.migration(FIRST, USERS);
    let clean = lint(1).unwrap();
    assert!(clean.passed && clean.findings.is_empty(), "{clean:?}");

    project.migration(SECOND, "-- Why\nALTER TABLE users\n  DROP COLUMN email;\n");
    let report = lint(1).unwrap();
    assert!(report.passed, "atlas.hcl makes it a warning: {report}");
    let finding = format!(
        "{SECOND}:2: Dropping non-virtual column \"email\" (https://atlasgo.io/lint/analyzers#DS103)\n"
    );
    assert_eq!(report.to_string(), finding);
    assert!(lint(0).unwrap().findings.is_empty());

    // The default policy, without a project.
    let strict = atlas::Atlas::with_binary(project.atlas.binary()).unwrap();
    let report = strict.lint(&project.migrations, &dev.url(), 1).unwrap();
    assert!(!report.passed);
    assert_eq!(report.to_string(), finding);
    dev.drop_database().await.unwrap();
}

#[rstest]
#[tokio::test]
async fn lint_reports_a_file_that_does_not_run(
    project: Project,
    #[future(awt)]
    #[from(database)]
    dev: Database,
) {
    project.migration(FIRST, "SELEC 1;");
    let report = project.atlas.lint(&project.migrations, &dev.url(), 1);
    let report = report.unwrap();
    assert!(!report.passed);
    assert!(report.to_string().starts_with(&format!("{FIRST}: ")), "{report}");
    assert!(report.to_string().contains("syntax error"), "{report}");

    let error = project.atlas.schema_diff(&project.migrations, &project.ddl(USERS), &dev.url());
    let message = error.unwrap_err().to_string();
    assert!(message.contains("syntax error"), "{message}");
    dev.drop_database().await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_dev_database_in_use_is_refused(
    project: Project,
    #[future(awt)]
    #[from(database)]
    dev: Database,
) {
    project.migration(FIRST, USERS);
    let options = atlas::ApplyOptions::default();
    project.atlas.apply(&project.migrations, &dev.url(), &options).unwrap();
    let ddl = project.ddl(USERS);
    let error = project.atlas.schema_diff(&project.migrations, &ddl, &dev.url());
    let error = error.unwrap_err();
    assert!(matches!(error, Error::Failed { .. }));
    let message = error.to_string();
    assert!(message.starts_with("could not compare schemas: `atlas schema diff`"));
    assert!(message.contains("take a fresh one"), "{message}");
    dev.drop_database().await.unwrap();
}
