//! Whether plans apply to tables with rows while another session writes to them all the time.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use atlas::MigrationFile;
use postgres::Server;
use rstest::rstest;
use sea_orm::sqlx::{self, PgConnection};

use crate::{Case, Database, migrate_edited, options, run, sections};

/// Statements that write to every row of a table, for each column that takes its own value. Not
/// to a partition by its own name: that locks it before the whole table, and so may deadlock with
/// any change of the whole table.
const WRITES: &str = "
    SELECT format('UPDATE %s SET %I = %I', c.oid::regclass, a.attname, a.attname)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname !~ '^(pg_|information_schema)'
        AND a.attgenerated = '' AND a.attidentity <> 'a'
    ORDER BY 1";

/// Writes that work before and after the plan, which leaves their tables and columns.
async fn writes(before: &mut PgConnection, after: &mut PgConnection) -> Vec<String> {
    let mut writes: Vec<String> = sqlx::query_scalar(WRITES).fetch_all(before).await.unwrap();
    let kept: Vec<String> = sqlx::query_scalar(WRITES).fetch_all(after).await.unwrap();
    writes.retain(|write| kept.contains(write));
    writes
}

/// The database before the plan, with the rows of the case, or else with those of the gate.
async fn filled(server: &Server, case: &Case) -> Database {
    if !case.rows.is_empty() {
        return Database::with(server, &format!("{}\n{}", case.before, case.rows)).await;
    }
    let name = "20260101000000_base.sql".to_owned();
    let base = [MigrationFile { name, contents: case.before.clone().into() }];
    let report = gate::run(server, &base, &[], &gate::Options::default()).await.unwrap();
    let connection = server.connect_once(report.database.name()).await.unwrap();
    Database { connection, _database: report.database }
}

/// A file with its update, if it is there for one, and a value that many types take.
fn backfilled(file: &str) -> String {
    if !atlas::sql::statements(file).is_empty() {
        return file.to_owned();
    }
    file.replace("-- UPDATE ", "UPDATE ").replace("= ... WHERE", "= '7' WHERE")
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plans_apply_while_another_session_writes(
    #[files("tests/planner/cases/*.sql")] path: PathBuf,
) {
    let server = postgres::server().await.unwrap();
    for case in sections::read(&path) {
        let mut before = filled(&server, &case).await;
        let mut after = Database::with(&server, &case.after).await;
        let writes = writes(&mut before.connection, &mut after.connection).await;
        let mut writer = server.connect_once(before._database.name()).await.unwrap();
        let (done, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let task = tokio::spawn({
            let (done, rounds) = (done.clone(), rounds.clone());
            async move {
                while !done.load(SeqCst) {
                    for write in &writes {
                        let written = run(&mut writer, write).await;
                        written.map_err(|error| format!("{write}: {error}"))?;
                    }
                    rounds.fetch_add(1, SeqCst);
                    tokio::task::yield_now().await;
                }
                Ok::<_, String>(())
            }
        });
        while rounds.load(SeqCst) == 0 && !task.is_finished() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let (plan, left) = migrate_edited(
            &mut before.connection,
            &mut after.connection,
            &options(&server, true),
            backfilled,
        )
        .await;
        assert!(left.is_empty(), "{}: left is\n{left}\n{plan}", case.name);
        done.store(true, SeqCst);
        let written = task.await.unwrap();
        written.unwrap_or_else(|error| panic!("{}: {error}\n{plan}", case.name));
    }
}
