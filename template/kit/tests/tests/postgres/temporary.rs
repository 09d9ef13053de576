//! Temporary databases on a shared server: what a killed process leaves is dropped by
//! the next one, and nothing else is.

use sea_orm::sqlx::{self, Connection as _, PgConnection};

use crate::project::{Asking, Project, execute};

/// A server that several projects share, and a project that uses it.
fn shared_server() -> (Project, String, Project) {
    let owner = Project::new("DEV_POSTGRES=local\n");
    let url = owner.server().url;
    let user = Project::new(&format!("TEST_DATABASE_URL={url}\n"));
    (owner, url, user)
}

/// The same for a test that creates databases in its own process, whose environment may
/// name another provider.
async fn own_server() -> (Project, postgres::Server) {
    let owner = Project::new("DEV_POSTGRES=local\n");
    let server = postgres::server_in(owner.root()).await.unwrap();
    (owner, server)
}

/// Starts a process that holds temporary databases, and returns their names.
fn hold(project: &Project) -> (Asking, Vec<String>) {
    let asking = project.start("temporary", &[]);
    let names = serde_json::from_value(asking.early_answer()).unwrap();
    (asking, names)
}

/// All databases but the server's own.
async fn databases(url: &str) -> Vec<String> {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::query_scalar(
        "SELECT datname::text FROM pg_database
         WHERE datname !~ '^(postgres|template[01])$' ORDER BY 1",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap()
}

fn sorted(lists: &[&[String]]) -> Vec<String> {
    let mut all = lists.concat();
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_is_swept_and_a_living_one_is_not() {
    let (_owner, url, user) = shared_server();
    for statement in [
        "CREATE ROLE colleague",
        "CREATE DATABASE other",
        "CREATE DATABASE shop_tmpdb_12_0",
        "CREATE DATABASE theirs_tmpdb_0123456789abcdef_0 OWNER colleague",
    ] {
        execute(&url, statement).await;
    }
    let not_ours = databases(&url).await;
    assert_eq!(not_ours.len(), 3);
    let elsewhere =
        Project::new(&format!("TEST_DATABASE_URL={}\n", url.replace("/postgres?", "/other?")));

    let (killed, abandoned) = hold(&user);
    let (living, mine) = hold(&user);
    killed.kill();
    assert_eq!(databases(&url).await, sorted(&[&not_ours, &abandoned, &mine]));

    // Connected to another database, where locks are others, too.
    let (third, new) = hold(&elsewhere);
    assert_eq!(databases(&url).await, sorted(&[&not_ours, &mine, &new]));

    living.kill();
    third.kill();
    // Two at once.
    let processes = [user.start("temporary", &[]), user.start("temporary", &[])];
    let names: Vec<Vec<String>> = processes
        .iter()
        .map(|process| serde_json::from_value(process.early_answer()).unwrap())
        .collect();
    assert_eq!(databases(&url).await, sorted(&[&not_ours, &names[0], &names[1]]));
    for process in processes {
        process.end().0.unwrap();
    }
    assert_eq!(databases(&url).await, not_ours);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_in_use_stays_until_it_is_not() {
    let (_owner, url, user) = shared_server();
    let (killed, names) = hold(&user);
    let used = url.replace("/postgres?", &format!("/{}?", names[0]));
    let connection = PgConnection::connect(&used).await.unwrap();
    killed.kill();
    hold(&user).0.end().0.unwrap();
    assert_eq!(databases(&url).await, names[..1]);
    connection.close().await.unwrap();
    hold(&user).0.end().0.unwrap();
    assert!(databases(&url).await.is_empty());
}

#[tokio::test]
async fn a_lost_lock_is_taken_anew() {
    let (_owner, server) = own_server().await;
    let url = server.url("postgres");
    let first = server.temporary_database("first").await.unwrap();
    execute(&url, "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
        .await;
    let second = server.temporary_database("second").await.unwrap();
    // It took a new lock, and so swept the first.
    assert_eq!(databases(&url).await, [second.name()]);
    drop(first);
    // Without the runtime of this test, and at once.
    drop(second);
    assert!(databases(&url).await.is_empty());
}
