//! Whether each plan is what its golden file says, applies, and leaves no difference.

mod sections;

use std::{path::PathBuf, time::Duration};

use planner::{Options, Schema, files, plan};
use postgres::{Server, TemporaryDatabase};
use rstest::rstest;
use sea_orm::sqlx::{self, AssertSqlSafe, PgConnection};

use sections::Case;

struct Database {
    // Closed before the database is dropped.
    connection: PgConnection,
    _database: TemporaryDatabase,
}

impl Database {
    async fn with(server: &Server, sql: &str) -> Self {
        let database = server.temporary_database("planner").await.unwrap();
        let mut connection = server.connect_once(database.name()).await.unwrap();
        run(&mut connection, sql).await.unwrap();
        Self { connection, _database: database }
    }
}

async fn run(connection: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(drop)
}

/// Plans the case, and applies the plan to a database with rows. Returns what the golden file
/// should say.
async fn planned(server: &Server, case: &Case) -> String {
    let mut before = Database::with(server, &format!("{}\n{}", case.before, case.rows)).await;
    let mut after = Database::with(server, &case.after).await;
    let options = Options {
        online: true,
        lock_timeout: Some(Duration::from_secs(3)),
        // The same golden files for all versions.
        server_major: 15,
    };
    let wanted = Schema::read(&mut after.connection).await.unwrap();
    let mut schema = Schema::read(&mut before.connection).await.unwrap();
    let mut text = String::new();
    let candidates = planner::candidates(&schema, &wanted);
    for rename in &candidates {
        let step = planner::rename(&schema, rename).unwrap();
        run(&mut before.connection, &step.sql).await.unwrap();
        text += &format!("-- rename {rename}\n");
    }
    if !candidates.is_empty() {
        schema = Schema::read(&mut before.connection).await.unwrap();
    }
    for step in planner::rename_followers(&schema, &wanted) {
        run(&mut before.connection, &step.sql).await.unwrap();
        text += &format!("{};\n", step.sql);
        schema = Schema::read(&mut before.connection).await.unwrap();
    }
    let plan = plan(&schema, &wanted, &options);
    for (object, why) in &plan.unplanned {
        text += &format!("-- unplanned: {} {}: {why}\n", object.kind, object.name);
    }
    for loss in plan.steps.iter().filter_map(|step| step.loses.as_deref()) {
        text += &format!("-- loses {loss}\n");
    }
    for file in files(&plan.steps, &options) {
        text += &format!("-- file{}\n{}", file.suffix, file.text);
        apply(&mut before.connection, &file.text).await.unwrap_or_else(|error| {
            panic!("{}: {error}\n{text}", case.name);
        });
    }
    if plan.unplanned.is_empty() {
        let left = replay::snapshot(&mut before.connection).await.unwrap();
        let left = left.difference(&replay::snapshot(&mut after.connection).await.unwrap());
        assert!(left.is_empty(), "{}: left is\n{left}\n{text}", case.name);
    }
    text.trim_end().to_owned()
}

async fn apply(connection: &mut PgConnection, text: &str) -> Result<(), sqlx::Error> {
    if !text.starts_with("-- atlas:txmode none") {
        return run(connection, &format!("BEGIN;{text}COMMIT")).await;
    }
    for statement in atlas::sql::statements(text) {
        run(connection, statement.sql).await?;
    }
    Ok(())
}

#[rstest]
#[tokio::test]
async fn plans_are_as_the_golden_files_say(#[files("tests/planner/cases/*.sql")] path: PathBuf) {
    let server = postgres::server().await.unwrap();
    let mut cases = sections::read(&path);
    assert!(!cases.is_empty());
    let mut different = String::new();
    for case in &mut cases {
        let plan = planned(&server, case).await;
        if plan != case.plan {
            different += &format!("{}:\n{plan}\n\n", case.name);
            case.plan = plan;
        }
    }
    if std::env::var_os("UPDATE").is_some() {
        sections::write(&path, &cases);
    } else {
        assert!(different.is_empty(), "run with UPDATE=1 and review:\n{different}");
    }
}
