use std::io;
use std::path::PathBuf;

use crate::cli::version::{OLDEST_SUPPORTED, Version};
use crate::report::ApplyReport;

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

    /// Atlas ran and failed; `output` is what it printed.
    #[error("could not {action}: `{command}` failed ({status})\n{output}{}", cause.map_or("", Cause::hint))]
    Failed {
        action: &'static str,
        command: String,
        status: String,
        output: String,
        /// `None` if the output has no message that this crate recognizes.
        cause: Option<Cause>,
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

/// A failure that Atlas reports in words only.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cause {
    /// The files are not those that `atlas.sum` was written for.
    ChecksumMismatch,
    SumMissing,
    /// The database has a schema but no history of migrations, or is no empty dev database.
    NotClean,
    /// Atlas is too old for the server.
    ServerTooNew,
    /// Another run holds Atlas' lock.
    LockHeld,
    ConnectionRefused,
}

impl Cause {
    /// Recognizes the messages of v0.13.1 to v1.3.0.
    pub(crate) fn of(output: &str) -> Option<Self> {
        [
            ("checksum mismatch", Self::ChecksumMismatch),
            ("checksum file not found", Self::SumMissing),
            ("database is not clean", Self::NotClean),
            ("unexpected number of rows", Self::ServerTooNew),
            ("acquiring database lock", Self::LockHeld),
            ("connection refused", Self::ConnectionRefused),
        ]
        .into_iter()
        .find_map(|(message, cause)| output.contains(message).then_some(cause))
    }

    /// What to do, on a line of its own.
    fn hint(self) -> &'static str {
        match self {
            Self::ChecksumMismatch => {
                "\nThe files do not match atlas.sum: after a deliberate edit or a merge, run `just hash-migrations`"
            }
            Self::SumMissing => {
                "\natlas.sum is missing: bring it back, or run `just hash-migrations`"
            }
            Self::NotClean => "\nThe database must be empty: take a fresh one for the dev database",
            Self::ServerTooNew => {
                "\nThis Atlas is too old for the server: use PostgreSQL 15, or a newer Atlas (ATLAS=/path/to/atlas)"
            }
            Self::LockHeld => {
                "\nAnother run holds the lock: wait until it ends, or allow a longer lock timeout"
            }
            Self::ConnectionRefused => {
                "\nNo server answers at that address: is PostgreSQL running, and is the URL right?"
            }
        }
    }
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
