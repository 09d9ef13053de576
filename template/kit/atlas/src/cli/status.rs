use serde::Deserialize;

use super::atlas::Atlas;
use super::commands::Call;
use super::config::TARGET;
use crate::{Error, MigrationDirectory, MigrationStatus, Revision};

impl Atlas {
    /// Compares the history of the database at `url` with the directory. Changes nothing.
    ///
    /// # Errors
    /// When Atlas fails, for example because a migration that the directory lacks is partially
    /// applied.
    pub fn status(
        &self,
        directory: &MigrationDirectory,
        url: &str,
    ) -> Result<MigrationStatus, Error> {
        let call =
            Call::new("read the migrations' status", "migrate status", directory).with(TARGET, url);
        let outcome = self.run(&call, &["--format", "{{ json . }}"])?;
        if !outcome.succeeded() {
            return Err(outcome.failure());
        }
        let report: Report = outcome.json()?;
        let history = report.applied.into_iter().map(|row| Revision {
            version: row.version,
            applied: row.applied,
            total: row.total,
            is_baseline: row.r#type.contains("baseline"),
            is_resolved: row.r#type.contains("manually set"),
            error: Some(row.error).filter(|error| !error.is_empty()),
        });
        let history: Vec<_> = history.collect();
        Ok(MigrationStatus::of(&directory.files()?, &history))
    }

    /// Records in the database at `url` that it has the migrations up to `version`, which a
    /// caller has made sure of.
    ///
    /// # Errors
    /// When Atlas fails.
    pub fn set(
        &self,
        directory: &MigrationDirectory,
        url: &str,
        version: &str,
    ) -> Result<(), Error> {
        let call = Call::new("record the migrations", "migrate set", directory).with(TARGET, url);
        let outcome = self.run(&call, &[version])?;
        if outcome.succeeded() { Ok(()) } else { Err(outcome.failure()) }
    }
}

/// The fields of `MigrateStatus` that are used, from `cmd/atlas/internal/cmdlog` of the
/// ariga/atlas repository.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Report {
    #[serde(default)]
    applied: Vec<Row>,
    /// Required, to refuse other JSON.
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
}
