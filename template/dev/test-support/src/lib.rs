//! rstest fixtures: PostgreSQL for tests, each isolated from all others.
//!
//! ```no_run
//! use rstest::rstest;
//! use sea_orm::{ConnectionTrait, DatabaseTransaction};
//! use test_support::{TestDatabase, db, tx};
//!
//! // A database of its own: any code, any number of connections, commits, DDL.
//! #[rstest]
//! #[tokio::test]
//! async fn commits(#[future(awt)] db: TestDatabase) {
//!     db.execute_unprepared("CREATE TABLE t ()").await.unwrap();
//! }
//!
//! // A transaction that is rolled back: for code that takes `&impl ConnectionTrait`.
//! // Quicker, and enough for most tests.
//! #[rstest]
//! #[tokio::test]
//! async fn inserts(#[future(awt)] tx: DatabaseTransaction) {
//!     tx.execute_unprepared("CREATE TABLE t ()").await.unwrap();
//! }
//! ```
//!
//! Both see what production gets: the migrations, applied by Atlas, with the rows
//! that they insert. It works the same under `cargo test` and nextest, at any
//! number of threads.

mod database;
mod template;

use rstest::fixture;
use sea_orm::{ConnectionTrait, DatabaseTransaction, TransactionTrait};

pub use crate::database::TestDatabase;
use crate::template::Template;

/// A migrated database for this test alone, dropped when the test passed. The
/// database of a test that panicked is kept, and the test prints how to look into
/// it; one that returns an `Err` did not panic.
///
/// # Panics
/// When there is no server, or the migrations do not apply; the message says what to do.
#[fixture]
pub async fn db() -> TestDatabase {
    TestDatabase::create()
        .await
        .unwrap_or_else(|error| panic!("no test database: {error:#}"))
}

/// A transaction on a migrated database, rolled back when the test ends. Code
/// under test may begin and commit: inside it, that makes savepoints.
///
/// All such tests share a database, so what PostgreSQL does not roll back shows
/// through: sequences go on counting, and a test must not expect particular ids. One
/// that waits for a row or a unique key of another test gives up after ten seconds.
/// Do not `commit` the transaction itself: every later test would see its rows.
///
/// # Panics
/// When there is no server, or the migrations do not apply; the message says what to do.
#[fixture]
pub async fn tx() -> DatabaseTransaction {
    let begin = async {
        let template = Template::ready().await?;
        // The transaction keeps its connection, and with it the pool, alive.
        let tx = template
            .server
            .connect(&template.shared)
            .await?
            .begin()
            .await?;
        tx.execute_unprepared("SET LOCAL lock_timeout = '10s'")
            .await?;
        Ok::<_, anyhow::Error>(tx)
    };
    begin
        .await
        .unwrap_or_else(|error| panic!("no test database: {error:#}"))
}
