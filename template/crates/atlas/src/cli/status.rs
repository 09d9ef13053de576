use serde::Deserialize;

use super::Atlas;
use super::call::Subject;
use crate::{Error, MigrationDirectory};

/// Where a database stands in the migration directory.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MigrationStatus {
    /// The versions in the directory, in order.
    pub available: Vec<String>,
    /// The versions in the database's history, in order. The last may have been
    /// broken off half-way: then it is also pending.
    pub applied: Vec<String>,
    /// The versions that the next [`Atlas::apply`] will run.
    pub pending: Vec<String>,
    /// What broke the last run off, if something did outside a transaction.
    pub error: Option<String>,
}

impl MigrationStatus {
    /// The last version applied; none if there was none.
    pub fn current(&self) -> Option<&str> {
        self.applied.last().map(String::as_str)
    }

    /// The versions applied that the directory does not have: the database is ahead
    /// of it, as after a rollback to an older package.
    pub fn unknown(&self) -> Vec<&str> {
        self.applied
            .iter()
            .filter(|version| !self.available.contains(version))
            .map(String::as_str)
            .collect()
    }
}

impl Atlas {
    /// Compares the database's history with the directory; changes nothing.
    ///
    /// # Errors
    /// When Atlas fails.
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
        let versions = |files: Vec<Entry>| files.into_iter().map(|file| file.version).collect();
        Ok(MigrationStatus {
            available: versions(report.available),
            applied: versions(report.applied),
            pending: versions(report.pending),
            error: Some(outcome.scrub(&report.error)).filter(|error| !error.is_empty()),
        })
    }
}

/// `MigrateStatus` in `cmd/atlas/internal/cmdlog` of the ariga/atlas repository, as
/// far as it is needed. Its `Current` holds prose when nothing was applied.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Report {
    #[serde(default)]
    available: Vec<Entry>,
    #[serde(default)]
    applied: Vec<Entry>,
    #[serde(default)]
    pending: Vec<Entry>,
    #[serde(default)]
    error: String,
    /// Always there: it tells this report from other JSON.
    #[serde(rename = "Status")]
    _status: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    version: String,
}
