//! Finds what is dangerous in migrations, before they reach a database in use.
//!
//! - [`files`]: what the files alone tell, by the grammar of PostgreSQL;
//! - rows: every table of a copy gets a few, so that a migration meets rows;
//! - observation: what each statement locks, scans and rewrites on that copy;
//! - squawk: its rules about what cannot be observed.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! let server = postgres::server().await?;
//! let files = atlas::MigrationDirectory::new("migrations").files()?;
//! let (base, new) = files.split_at(files.len() - 1);
//! let report = gate::run(&server, base, new, &gate::Options::default()).await?;
//! for finding in &report.findings {
//!     print!("{}", gate::output::terminal(finding, false));
//! }
//! # Ok(()) }
//! ```
//!
//! [`rules::RULES`] lists what it looks for. A comment allows a finding: `-- allow: RULE reason`
//! above the statement.

mod allow;
pub mod files;
mod finding;
mod observe;
pub mod output;
mod rows;
pub mod rules;
mod source;
mod squawk;

use anyhow::Result;
use atlas::MigrationFile;
use postgres::{Server, TemporaryDatabase};

pub use finding::{Finding, Place, Severity};
pub use observe::{Lock, Mode};
pub use rows::Filled;
pub use squawk::Choice;

use source::Source;

/// What a project sets.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// SQL of rows for the tables, beside those that the gate makes.
    pub rows: Option<String>,
    pub squawk: Choice,
}

/// What the gate found.
#[derive(Debug)]
pub struct Report {
    /// In the order of files and lines.
    pub findings: Vec<Finding>,
    /// Locks on tables that the base has.
    pub locks: Vec<Lock>,
    /// Tables that the base has, and how they were filled.
    pub rows: Vec<Filled>,
    /// The new migrations that were applied, from the first.
    pub applied: usize,
    /// A database with all of `base` and those.
    pub database: TemporaryDatabase,
}

/// Examines the migrations `new`, which come after those of `base`.
///
/// # Errors
/// When a migration of `base` fails, or the server does not answer.
pub async fn run(
    server: &Server,
    base: &[MigrationFile],
    new: &[MigrationFile],
    options: &Options,
) -> Result<Report> {
    let mut findings = Vec::new();
    let mut usable = new.len();
    for (at, file) in new.iter().enumerate() {
        let found = files::check(file);
        let prevents = |it: &Finding| it.is_error() && rules::prevents_replay(&it.rule);
        if found.iter().any(prevents) {
            usable = usable.min(at);
        }
        findings.extend(found);
    }
    let rows = options.rows.as_deref();
    let mut report = observe::observe(server, base, &new[..usable], rows).await?;
    findings.append(&mut report.findings);
    let lint = |file| squawk::lint(&Source::new(file), server.major(), &options.squawk);
    findings.extend(new.iter().flat_map(lint));
    findings.sort_by(|a, b| (&a.place.file, a.place.line).cmp(&(&b.place.file, b.place.line)));
    Ok(Report { findings, ..report })
}
