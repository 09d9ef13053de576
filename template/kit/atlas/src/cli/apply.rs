use std::process::Output;

use serde::Deserialize;

use super::Atlas;
use super::call::Outcome;
use super::commands::{APPLY, ApplyOptions};
use crate::error::{Error, MigrationError};
use crate::report::{AppliedFile, ApplyReport};
use crate::{MigrationDirectory, Secrets};

const ACTION: &str = "apply the migrations";

impl Atlas {
    /// Applies what the database at `url` lacks. A database ahead of the directory
    /// is left alone, and that is no error.
    ///
    /// # Errors
    /// [`Error::Migration`] when a migration failed, with what had been applied
    /// before; [`Error::Failed`] when none was begun.
    pub fn apply(
        &self,
        directory: &MigrationDirectory,
        url: &str,
        options: &ApplyOptions,
    ) -> Result<ApplyReport, Error> {
        let mut command = self.commands.apply(directory, url, options)?;
        let output = command.output().map_err(Error::io("run", self.binary()))?;
        Self::read_apply(&output, url)
    }

    /// Reads the output of [`Commands::apply`](super::Commands::apply)'s command; `url` is the same, so
    /// that its password does not get into an error.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub fn read_apply(output: &Output, url: &str) -> Result<ApplyReport, Error> {
        let outcome = Outcome::new(ACTION, APPLY, output, Secrets::of_urls([url]));
        let run: Run = outcome.json()?;
        let failed = run.applied.iter().find_map(|file| {
            let error = file.error.as_ref()?;
            Some((file.name.clone(), error))
        });
        if outcome.succeeded() && failed.is_none() && run.error.is_empty() {
            return Ok(run.report());
        }
        let message = failed.as_ref().map_or(&run.error, |(_, error)| &error.text);
        Err(Error::Migration(Box::new(MigrationError {
            message: outcome.scrub(message),
            statement: failed.as_ref().map(|(_, error)| outcome.scrub(&error.stmt)),
            file: failed.as_ref().map(|(file, _)| file.clone()),
            report: run.report(),
        })))
    }
}

/// `MigrateApply` in `cmd/atlas/internal/cmdlog` of the ariga/atlas repository, as
/// far as it is needed; v0.13.1 and v1.2.3 differ in none of it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Run {
    #[serde(default)]
    applied: Vec<RunFile>,
    current: Option<String>,
    target: Option<String>,
    #[serde(default)]
    error: String,
    /// Always there: it tells this report from other JSON.
    #[serde(rename = "Driver")]
    _driver: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RunFile {
    name: String,
    version: String,
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

impl Run {
    fn report(&self) -> ApplyReport {
        ApplyReport {
            applied: self
                .applied
                .iter()
                .filter(|file| file.error.is_none())
                .map(|file| AppliedFile {
                    name: file.name.clone(),
                    version: file.version.clone(),
                    statements: file.applied.len(),
                })
                .collect(),
            current: self.current.clone().filter(|version| !version.is_empty()),
            target: self.target.clone().filter(|version| !version.is_empty()),
        }
    }
}
