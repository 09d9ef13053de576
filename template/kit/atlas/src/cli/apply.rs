use std::process::Output;

use serde::Deserialize;

use super::atlas::Atlas;
use super::commands::{ApplyOptions, Call};
use super::outcome::Outcome;
use crate::{AppliedFile, ApplyReport, Error, MigrationDirectory, MigrationError};

impl Atlas {
    /// Applies the migrations that the database at `url` lacks. Leaves a database alone that
    /// is ahead of the directory.
    ///
    /// # Errors
    /// [`Error::Migration`] when a migration failed; [`Error::Failed`] when none was started.
    pub fn apply(
        &self,
        directory: &MigrationDirectory,
        url: &str,
        options: &ApplyOptions,
    ) -> Result<ApplyReport, Error> {
        let mut command = self.commands.apply(directory, url, options)?;
        let output = command.output().map_err(Error::io("run", self.binary()))?;
        Self::read_apply(&output, directory, url)
    }

    /// Parses the output of the command that [`Commands::apply`](super::Commands::apply)
    /// returned for the same directory and `url`.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub fn read_apply(
        output: &Output,
        directory: &MigrationDirectory,
        url: &str,
    ) -> Result<ApplyReport, Error> {
        let outcome = Outcome::new(&Call::apply(directory, url), output);
        let run: Run = outcome.json()?;
        let failed = run.applied.iter().find(|file| file.error.is_some());
        let statement = failed.and_then(|file| file.error.as_ref());
        let completed = run.applied.iter().filter(|file| file.error.is_none());
        let report = ApplyReport {
            applied: completed
                .map(|file| AppliedFile { name: file.name.clone(), statements: file.applied.len() })
                .collect(),
        };
        if outcome.succeeded() && failed.is_none() && run.error.is_empty() {
            return Ok(report);
        }
        Err(Error::Migration(Box::new(MigrationError {
            file: failed.map(|file| file.name.clone()),
            statement: statement.map(|error| outcome.scrub(&error.stmt)),
            message: outcome.scrub(statement.map_or(&run.error, |error| &error.text)),
            report,
        })))
    }
}

/// The fields of `MigrateApply` that are used, from `cmd/atlas/internal/cmdlog` of the
/// ariga/atlas repository. They are the same from v0.13.1 to v1.3.0.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Run {
    #[serde(default)]
    applied: Vec<RunFile>,
    #[serde(default)]
    error: String,
    /// Required, to refuse other JSON.
    #[serde(rename = "Driver")]
    _driver: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RunFile {
    name: String,
    #[serde(default)]
    applied: Vec<String>,
    error: Option<StatementError>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct StatementError {
    stmt: String,
    text: String,
}
