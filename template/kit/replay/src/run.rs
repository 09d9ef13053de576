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

/// Where a file failed, as an offset in bytes, and why.
type Failure = (Option<usize>, sqlx::Error);

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
    for statement in sql::statements(text) {
        let offset = statement.sql.as_ptr() as usize - text.as_ptr() as usize;
        execute(connection, statement.sql).await.map_err(|error| (Some(offset), error))?;
    }
    Ok(())
}

async fn execute(connection: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(drop)
}
