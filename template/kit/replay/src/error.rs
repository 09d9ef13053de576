use std::fmt;

use atlas::{MigrationFile, sql};
use sea_orm::sqlx::{self, postgres::PgDatabaseError};

/// A migration that failed on a throwaway database.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub struct ReplayError {
    /// Name of the file.
    pub file: String,
    /// Number of files that were applied before.
    pub applied: usize,
    /// Whether nothing of the file itself stays applied.
    pub is_clean: bool,
    /// Line of the statement, from 1, if it is known which one failed.
    pub line: Option<usize>,
    pub statement: Option<String>,
    /// Message of the server, with its DETAIL and HINT on lines of their own.
    pub message: String,
}

impl ReplayError {
    pub(crate) fn new(
        file: &MigrationFile,
        applied: usize,
        offset: Option<usize>,
        error: &sqlx::Error,
    ) -> Self {
        let text = file.text();
        let statement = offset.and_then(|offset| {
            let statements = sql::statements(&text[offset..]);
            statements.first().map(|statement| statement.sql.to_owned())
        });
        Self {
            file: file.name.clone(),
            applied,
            is_clean: file.is_transactional(),
            line: offset.map(|offset| text[..offset].matches('\n').count() + 1),
            statement,
            message: message(error),
        }
    }
}

/// Returns the message of the server, with its DETAIL and HINT on lines of their own.
pub fn message(error: &sqlx::Error) -> String {
    let server =
        error.as_database_error().and_then(|error| error.try_downcast_ref::<PgDatabaseError>());
    let Some(server) = server else {
        return error.to_string();
    };
    let mut message = server.message().to_owned();
    for (label, text) in [("detail", server.detail()), ("hint", server.hint())] {
        if let Some(text) = text {
            message += &format!("\n  {label}: {text}");
        }
    }
    message
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "migrations/{}", self.file)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        write!(f, ": {}", self.message)?;
        match &self.statement {
            Some(statement) => write!(f, "\n  statement: {}", statement.trim_end_matches(';')),
            None => Ok(()),
        }
    }
}
