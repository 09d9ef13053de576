use std::io;
use std::path::PathBuf;

use crate::cli::{ApplyReport, OLDEST_SUPPORTED, Version};

/// What can go wrong with the migration directory or with Atlas.
///
/// Every message says what happened, where, and what to do next. Passwords of
/// the URLs in play are replaced by `***`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot {action} {}: {cause}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        // Not called `source`: who prints the chain of causes would print it twice.
        cause: io::Error,
    },

    /// `also` says what was found but could not be used; it may be empty.
    #[error("Atlas is not installed: run `just setup`{also}")]
    NotInstalled { also: String },

    #[error("{} is not a working Atlas: {reason}. {remedy}", binary.display())]
    Unusable {
        binary: PathBuf,
        reason: String,
        remedy: &'static str,
    },

    #[error(
        "{} is Atlas {found}, but {OLDEST_SUPPORTED} is the oldest that works here: \
         run `just setup`, or name a newer one with ATLAS=/path/to/atlas",
        binary.display()
    )]
    TooOld { binary: PathBuf, found: Version },

    #[error(
        "Atlas {version} cannot work with PostgreSQL {major}: it knows versions up to 15. \
         Set POSTGRES_MAJOR=15 in .env, or use a newer Atlas (ATLAS=/path/to/atlas)"
    )]
    ServerTooNew { version: Version, major: u32 },

    /// Atlas ran and said no; `output` is what it printed.
    #[error("could not {action}: `{command}` failed ({status})\n{output}{hint}")]
    Failed {
        action: &'static str,
        command: String,
        status: String,
        output: String,
        /// Empty, or what to do about it on a line of its own.
        hint: &'static str,
    },

    /// Atlas said yes, but not in the form that this crate knows.
    #[error(
        "could not understand what `{command}` printed: {reason}. \
         It may be a newer Atlas than this crate knows; it printed:\n{output}"
    )]
    Unreadable {
        command: String,
        reason: String,
        output: String,
    },

    /// A statement of a migration failed, or Atlas could not finish a migration.
    #[error("{0}")]
    Migration(Box<MigrationError>),
}

/// A migration that failed, and how far the run had come.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{}", self.describe())]
pub struct MigrationError {
    /// The file's name; none when Atlas failed between files.
    pub file: Option<String>,
    /// The SQL that the server refused.
    pub statement: Option<String>,
    /// What the server or Atlas said.
    pub message: String,
    /// What was applied before the failure, and stays applied.
    pub report: ApplyReport,
}

impl MigrationError {
    fn describe(&self) -> String {
        let mut text = match &self.file {
            Some(file) => format!("migration {file} failed: {}", self.message),
            None => format!("applying the migrations failed: {}", self.message),
        };
        if let Some(statement) = &self.statement {
            text.push_str("\n  in the statement: ");
            text.push_str(statement);
        }
        text.push_str(&match self.report.applied.as_slice() {
            [] => "\nNo migration was completed in this run.".to_owned(),
            applied => format!(
                "\nApplied before it, and kept: {}.",
                applied
                    .iter()
                    .map(|file| file.name.as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        });
        text.push_str(" Mend the cause (`just hash-migrations` after an edit) and apply again.");
        text
    }
}

impl Error {
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |cause| Self::Io {
            action,
            path,
            cause,
        }
    }
}
