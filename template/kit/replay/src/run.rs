use atlas::{MigrationFile, sql};
use sea_orm::sqlx::{self, AssertSqlSafe, PgConnection};

use crate::ReplayError;

/// What a file can change in its session. Production applies the next file in another
/// session, unless both are applied in one run.
const RESET: &str = "RESET SESSION AUTHORIZATION; RESET ALL; DISCARD TEMP";

/// Applies the files, each in a transaction, or statement by statement where it is headed
/// by `-- atlas:txmode none`.
///
/// # Errors
/// When a file fails. The files before it stay applied, and of a file outside of a
/// transaction the statements before the one that failed.
pub async fn run(
    connection: &mut PgConnection,
    files: &[MigrationFile],
) -> Result<(), ReplayError> {
    for (applied, file) in files.iter().enumerate() {
        let text = file.text();
        let done = if file.is_transactional() {
            in_transaction(connection, &text).await
        } else {
            one_by_one(connection, &text).await
        };
        done.map_err(|(at, error)| ReplayError::new(file, applied, at, &error))?;
    }
    Ok(())
}

/// When [`run_observed`] calls its observer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Moment {
    /// In the transaction, before the statement.
    Before,
    /// In the transaction, after the statement.
    After,
    /// After a statement that cannot run in a transaction. [`Moment::Before`] may precede it.
    AfterOutside,
}

/// Applies a file as [`run`] does, and calls `observe` with the offset in bytes and the text of
/// each statement. Outside of a transaction, a statement that can run in one gets its own, so
/// that its locks can be seen. An error of `observe` is a failure of the statement.
///
/// A failure leaves nothing of the file, or, outside of a transaction, the statements before
/// the offset. `skip` is such an offset: the statements before it are not run.
///
/// # Errors
/// When a statement fails.
pub async fn run_observed(
    connection: &mut PgConnection,
    file: &MigrationFile,
    skip: usize,
    mut observe: impl AsyncFnMut(&mut PgConnection, Moment, usize, &str) -> Result<(), sqlx::Error>,
) -> Result<(), Failure> {
    let text = file.text();
    if !file.is_transactional() {
        for (offset, sql) in offsets(&text).filter(|(offset, _)| *offset >= skip) {
            let ran = alone(connection, offset, sql, &mut observe).await;
            if let Err(error) = ran {
                // Of a transaction of its own; a warning otherwise.
                execute(connection, "ROLLBACK").await.map_err(|error| (None, error))?;
                return Err((Some(offset), error));
            }
        }
        return Ok(());
    }
    let whole = async {
        execute(connection, "BEGIN").await.map_err(|error| (None, error))?;
        for (offset, sql) in offsets(&text) {
            let at = |error| (Some(offset), error);
            observe(connection, Moment::Before, offset, sql).await.map_err(at)?;
            execute(connection, sql).await.map_err(at)?;
            observe(connection, Moment::After, offset, sql).await.map_err(at)?;
        }
        execute(connection, "COMMIT").await.map_err(|error| (None, error))
    };
    let done = whole.await;
    if done.is_err() {
        execute(connection, "ROLLBACK").await.map_err(|error| (None, error))?;
    }
    done
}

/// Runs a statement in a transaction of its own where PostgreSQL allows that.
async fn alone(
    connection: &mut PgConnection,
    offset: usize,
    sql: &str,
    observe: &mut impl AsyncFnMut(&mut PgConnection, Moment, usize, &str) -> Result<(), sqlx::Error>,
) -> Result<(), sqlx::Error> {
    execute(connection, "BEGIN").await?;
    observe(connection, Moment::Before, offset, sql).await?;
    let Err(error) = execute(connection, sql).await else {
        observe(connection, Moment::After, offset, sql).await?;
        return execute(connection, "COMMIT").await;
    };
    execute(connection, "ROLLBACK").await?;
    let code = error.as_database_error().and_then(|error| error.code());
    // active_sql_transaction, invalid_transaction_termination
    if !matches!(code.as_deref(), Some("25001" | "2D000")) {
        return Err(error);
    }
    execute(connection, sql).await?;
    observe(connection, Moment::AfterOutside, offset, sql).await
}

/// Ends what a file leaves in its session, as [`run`] does after each file.
///
/// # Errors
/// When the database does not answer.
pub async fn reset(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    execute(connection, RESET).await
}

/// Where a file failed, as an offset in bytes, and why.
pub type Failure = (Option<usize>, sqlx::Error);

async fn in_transaction(connection: &mut PgConnection, text: &str) -> Result<(), Failure> {
    // One message to the server for the whole file: a round trip for each statement costs
    // more than most statements. A comment may end the file, hence the line break.
    let whole = format!("BEGIN;{text}\n;COMMIT;{RESET}");
    let Err(error) = execute(connection, &whole).await else {
        return Ok(());
    };
    // The server names a position in few errors. A second time, statement by statement,
    // shows where it is; whatever happens, nothing of the file stays.
    let begin = format!("ROLLBACK;{RESET};BEGIN");
    execute(connection, &begin).await.map_err(|error| (None, error))?;
    let found = statement_by_statement(connection, text).await;
    execute(connection, &format!("ROLLBACK;{RESET}")).await.map_err(|error| (None, error))?;
    Err(found.err().unwrap_or((None, error)))
}

async fn one_by_one(connection: &mut PgConnection, text: &str) -> Result<(), Failure> {
    statement_by_statement(connection, text).await?;
    execute(connection, RESET).await.map_err(|error| (None, error))
}

async fn statement_by_statement(connection: &mut PgConnection, text: &str) -> Result<(), Failure> {
    for (offset, sql) in offsets(text) {
        execute(connection, sql).await.map_err(|error| (Some(offset), error))?;
    }
    Ok(())
}

/// Statements, each with its offset in bytes.
fn offsets(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let start = text.as_ptr() as usize;
    sql::statements(text)
        .into_iter()
        .map(move |statement| (statement.sql.as_ptr() as usize - start, statement.sql))
}

async fn execute(connection: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(drop)
}
