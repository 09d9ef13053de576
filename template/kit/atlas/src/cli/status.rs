use serde::Deserialize;

use super::Atlas;
use super::call::Subject;
use crate::{Error, MigrationDirectory, MigrationStatus, Revision};

impl Atlas {
    /// Compares the database's history with the directory; changes nothing.
    ///
    /// # Errors
    /// When Atlas fails, for one because a migration broke off that the directory
    /// does not have.
    pub fn status(
        &self,
        directory: &MigrationDirectory,
        url: &str,
    ) -> Result<MigrationStatus, Error> {
        let subject = Subject {
            url: Some(url),
            ..Subject::new(directory)
        };
        let mut command = self.command("migrate status", &subject)?;
        command.args(["--format", "{{ json . }}"]);
        let outcome = self.run(
            "read the migrations' status",
            "migrate status",
            command,
            &subject,
        )?;
        if !outcome.succeeded() {
            return Err(outcome.failure());
        }
        let report: Report = outcome.json()?;
        let history: Vec<Revision> = report.applied.into_iter().map(Row::revision).collect();
        Ok(MigrationStatus::of(&directory.files()?, &history))
    }
}

/// `MigrateStatus` in `cmd/atlas/internal/cmdlog` of the ariga/atlas repository, as
/// far as it is needed.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Report {
    #[serde(default)]
    applied: Vec<Row>,
    /// Always there: it tells this report from other JSON.
    #[serde(rename = "Status")]
    _status: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Row {
    version: String,
    /// In words, joined by ` + `.
    r#type: String,
    applied: usize,
    total: usize,
    error: String,
    error_stmt: String,
}

impl Row {
    fn revision(self) -> Revision {
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        Revision {
            version: self.version,
            applied: self.applied,
            total: self.total,
            is_baseline: self.r#type.contains("baseline"),
            is_resolved: self.r#type.contains("manually set"),
            error: some(self.error),
            error_statement: some(self.error_stmt),
        }
    }
}
