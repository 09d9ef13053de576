//! The Atlas CLI, typed: the migration directory and its hash, diff, lint, apply.
//!
//! Three parts, of which only the last needs Atlas:
//!
//! - [`directory`]: the SQL files, `atlas.sum`, and whether the two agree;
//!   [`sql`] splits a file into statements.
//! - [`history`]: what a database has, compared with the directory.
//! - [`cli`]: finds an Atlas binary and runs it. Every edition from v0.13.1 on
//!   works; [`Atlas::supports_lint`] and [`Atlas::supports_server`] say where one
//!   falls short.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use atlas::{ApplyOptions, Atlas, MigrationDirectory};
//!
//! let migrations = MigrationDirectory::new("migrations");
//! migrations.verify()?;
//! let atlas = Atlas::find(".".as_ref(), None)?;
//! let report = atlas.apply(&migrations, "postgres://...", &ApplyOptions::default())?;
//! println!("at version {:?}", report.version());
//! # Ok(()) }
//! ```
//!
//! Database URLs hold passwords: they reach Atlas by environment variables, never
//! on the command line, and [`Secrets`] removes them from every error.

pub mod cli;
pub mod directory;
mod error;
pub mod history;
mod report;
mod secrets;
pub mod sql;

pub use cli::{ApplyOptions, Atlas, Commands, Edition, Finding, LintReport, Version};
pub use directory::{IntegrityError, MigrationDirectory, MigrationFile, SumFile};
pub use error::{Cause, Error, MigrationError};
pub use history::{MigrationStatus, PartiallyApplied, Revision};
pub use report::{AppliedFile, ApplyReport};
pub use secrets::Secrets;
