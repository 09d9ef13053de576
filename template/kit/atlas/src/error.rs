use std::io;
use std::path::PathBuf;

use crate::version::{OLDEST_SUPPORTED, Version};

/// An error of the migration directory or of Atlas.
///
/// Every message says what happened, where, and what to do next, with `***` in place of
/// passwords.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot {action} {}: {cause}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        // Not called `source`: a printed chain of causes would contain it twice.
        cause: io::Error,
    },

    /// `also` names an unusable program; it may be empty.
    #[error("Atlas is not installed: run `just setup`{also}")]
    NotInstalled { also: String },

    #[error(
        "{} is not a working Atlas: {reason}. Name another with ATLAS=/path/to/atlas, or unset \
         ATLAS and run `just setup`",
        program.display()
    )]
    Unusable { program: PathBuf, reason: String },

    #[error(
        "{} is Atlas {found}, but {OLDEST_SUPPORTED} is the oldest that works here: \
         run `just setup`, or name a newer one with ATLAS=/path/to/atlas",
        program.display()
    )]
    TooOld { program: PathBuf, found: Version },

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

    /// Atlas succeeded, with output in an unknown format.
    #[error(
        "cannot parse the output of `{command}`: {reason}. This Atlas may be too new for this \
         crate; it printed:\n{output}"
    )]
    Unreadable { command: String, reason: String, output: String },

    /// A migration failed.
    #[error("{0}")]
    Migration(Box<MigrationError>),
}

/// A failure that Atlas reports in words only.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cause {
    /// The files are not those that `atlas.sum` was written for.
    ChecksumMismatch,
    SumMissing,
    /// The database has a schema but no history of migrations.
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
            Self::NotClean => {
                "\nThe database has tables, but no history of migrations: say which migrations it has, \
                 https://atlasgo.io/versioned/apply#existing-databases"
            }
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

/// The result of `atlas migrate apply`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ApplyReport {
    /// The migrations that this run completed, in order.
    pub applied: Vec<AppliedFile>,
}

/// A completed migration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AppliedFile {
    pub name: String,
    /// Number of statements that this run executed.
    pub statements: usize,
}

/// A migration that failed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "{}{}{} Mend the cause (`just hash-migrations` after an edit) and apply again.",
    self.summary(),
    self.statement.as_ref().map(|sql| format!("\n  in the statement: {sql}")).unwrap_or_default(),
    self.applied()
)]
pub struct MigrationError {
    /// Name of the file; `None` if Atlas failed between files.
    pub file: Option<String>,
    /// The SQL that the server refused.
    pub statement: Option<String>,
    /// The message of the server or of Atlas.
    pub message: String,
    /// Migrations that were completed before, and stay applied.
    pub report: ApplyReport,
}

impl MigrationError {
    /// Returns file and message.
    pub fn summary(&self) -> String {
        match &self.file {
            Some(file) => format!("migration {file} failed: {}", self.message),
            None => format!("applying the migrations failed: {}", self.message),
        }
    }

    fn applied(&self) -> String {
        match self.report.applied.as_slice() {
            [] => "\nNo migration was completed in this run.".to_owned(),
            [file] => format!("\nApplied before it, and kept: {}.", file.name),
            [.., last] => {
                let count = self.report.applied.len();
                format!("\nApplied before it, and kept: {count} migrations, up to {}.", last.name)
            }
        }
    }
}

impl Error {
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |cause| Self::Io { action, path, cause }
    }
}
