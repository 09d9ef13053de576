//! What an invocation reports, in words and in the attributes of the resource.

use atlas::{MigrationFile, MigrationStatus};

/// What was applied, or would be in a dry run.
#[derive(Debug, Default)]
pub struct Report {
    pub current: Option<String>,
    /// Names of the applied files; empty in a dry run.
    pub applied: Vec<String>,
    /// Versions that the database has and the package lacks.
    pub ahead: Vec<String>,
    /// Names of the files that a dry run would apply.
    pub plan: Option<Vec<String>>,
    /// Summary of all fields.
    pub summary: String,
}

impl Report {
    pub fn new(
        files: &[MigrationFile],
        status: MigrationStatus,
        applied: Vec<String>,
        plan: Option<Vec<String>>,
    ) -> Self {
        let at = status.current.as_deref().unwrap_or("no version");
        let mut summary = match (plan.as_deref(), applied.len()) {
            (Some(plan @ [_, ..]), _) => {
                format!("Would apply {}: {}.", plan.len(), plan.join(", "))
            }
            (_, 0) => {
                let count = files.len();
                format!("Nothing to apply of {count} migrations; the database is at {at}.")
            }
            (_, count) => {
                let names = applied.join(", ");
                format!("Applied {count}: {names}. The database is at {at}.")
            }
        };
        if !status.ahead.is_empty() {
            let versions = status.ahead.join(", ");
            summary += &format!(" The database is ahead of this package, by {versions}.");
        }
        if let Some(partial) = &status.partially_applied {
            summary += &format!(
                " {} is partially applied: {} of {} statements.",
                partial.version, partial.applied, partial.total
            );
        }
        Self { current: status.current, applied, ahead: status.ahead, plan, summary }
    }
}
