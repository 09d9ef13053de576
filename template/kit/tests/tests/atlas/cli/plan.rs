use postgres::TemporaryDatabase as Database;
use rstest::rstest;

use super::{Project, database, project};

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

    // The policy of atlas.hcl makes the index concurrent.
    let ddl = project.ddl(USERS_WITH_INDEX);
    // Versions are in seconds, and must differ.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let second = atlas.diff(migrations, "add_index", &ddl, &dev.url());
    let second = second.unwrap().expect("a migration");
    assert_eq!(second.concurrent_statements().len(), 1);
    assert!(second.is_transactional(), "Atlas writes no txmode");
    dev.drop_database().await.unwrap();
}
