use std::process::Output;
use std::time::Duration;

use serde::Deserialize;

use super::Atlas;
use super::call::Outcome;
use super::secrets::Secrets;
use crate::error::MigrationError;
use crate::{Error, MigrationDirectory};

const ACTION: &str = "apply the migrations";
pub(super) const COMMAND: &str = "migrate apply";

/// How to apply; the default is Atlas' own.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ApplyOptions {
    /// How long to wait for another run to end; Atlas waits 10 s.
    pub lock_timeout: Option<Duration>,
    /// The version that a database without history is taken to be at: for one that
    /// had its tables before it had migrations.
    pub baseline: Option<String>,
    /// Only tells what would be applied.
    pub dry_run: bool,
}

/// What a run of `atlas migrate apply` did, or would do.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ApplyReport {
    /// The files completed by this run, in order; after a dry run, those to come.
    pub applied: Vec<AppliedFile>,
    /// The version before the run; none if nothing had been applied.
    pub current: Option<String>,
    /// The version that the run was to reach; none if there was nothing to do.
    pub target: Option<String>,
}

/// A completed migration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AppliedFile {
    pub name: String,
    pub version: String,
    /// The number of statements run; those of an earlier, broken-off run not counted.
    pub statements: usize,
}

impl ApplyReport {
    /// The version that the database is at now; none if nothing was ever applied.
    pub fn version(&self) -> Option<&str> {
        match self.applied.last() {
            Some(last) => Some(&last.version),
            None => self.current.as_deref(),
        }
    }
}

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
        let outcome = Outcome::new(ACTION, COMMAND, output, Secrets::of([url]));
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
