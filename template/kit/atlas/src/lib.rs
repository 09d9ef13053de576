//! The Atlas CLI, typed: the migration directory and its hash, apply, status.
//!
//! Only the last part needs the program:
//!
//! - [`directory`]: the SQL files, `atlas.sum`, and whether they match; [`sql`] splits a file
//!   into statements.
//! - [`history`]: compares the history of a database with the directory.
//! - [`cli`]: finds and runs Atlas. Every edition from v0.13.1 on works;
//!   [`Atlas::supports_server`] returns the limit of each.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use atlas::{ApplyOptions, Atlas, MigrationDirectory};
//!
//! let migrations = MigrationDirectory::new("migrations");
//! migrations.verify()?;
//! let atlas = Atlas::find(".".as_ref(), None)?;
//! let report = atlas.apply(&migrations, "postgres://...", &ApplyOptions::default())?;
//! println!("applied {} migrations", report.applied.len());
//! # Ok(()) }
//! ```
//!
//! Database URLs contain passwords: Atlas gets them in environment variables, never on the
//! command line, and [`Secrets`] removes them from every error.

pub mod cli;
pub mod directory;
mod error;
pub mod history;
mod secrets;
pub mod sql;
mod version;

pub use cli::{ApplyOptions, Atlas, Commands};
pub use directory::{IntegrityError, MigrationDirectory, MigrationFile, SumFile};
pub use error::{AppliedFile, ApplyReport, Cause, Error, MigrationError};
pub use history::{MigrationStatus, Revision};
pub use secrets::Secrets;
pub use version::{Edition, OLDEST_SUPPORTED, Version};
