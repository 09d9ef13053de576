use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::config::{self, DIRECTORY, ENVIRONMENT, TARGET, file_url};
use crate::{Error, MigrationDirectory};

/// A subcommand of Atlas, and the URLs that it gets in its environment.
pub(super) struct Call<'a> {
    /// Completes "could not ...".
    pub action: &'static str,
    /// For example `migrate lint`.
    pub subcommand: &'static str,
    pub directory: &'a MigrationDirectory,
    pub urls: Vec<(&'static str, String)>,
}

impl<'a> Call<'a> {
    pub fn new(
        action: &'static str,
        subcommand: &'static str,
        directory: &'a MigrationDirectory,
    ) -> Self {
        Self { action, subcommand, directory, urls: Vec::new() }
    }

    pub fn apply(directory: &'a MigrationDirectory, url: &str) -> Self {
        Self::new("apply the migrations", "migrate apply", directory).with(TARGET, url)
    }

    pub fn with(mut self, variable: &'static str, url: &str) -> Self {
        self.urls.push((variable, url.to_owned()));
        self
    }
}

/// Options of [`Commands::apply`]; the defaults are those of Atlas.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ApplyOptions {
    /// How long to wait for another run; Atlas waits 10 s.
    pub lock_timeout: Option<Duration>,
    /// Version of a database that has tables but no history yet: later migrations apply.
    pub baseline: Option<String>,
    /// Applies all migrations to a database without history, whatever it contains.
    pub allow_dirty: bool,
}

/// Creates commands for an Atlas program, and runs nothing: for a caller that needs its own
/// way to run them, or ships the program and knows its version.
#[derive(Debug)]
pub struct Commands {
    pub(super) program: PathBuf,
    config: PathBuf,
    /// Contains `config`, unless that is a file of the project.
    _temporary: Option<TempDir>,
}

impl Commands {
    /// Runs `program` with [`MINIMAL_CONFIG`](super::MINIMAL_CONFIG), in a temporary file
    /// that is removed on drop.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn new(program: impl Into<PathBuf>) -> Result<Self, Error> {
        let (config, temporary) = config::minimal()?;
        Ok(Self { program: program.into(), config, _temporary: Some(temporary) })
    }

    pub(super) fn config(self, file: PathBuf) -> Self {
        Self { program: self.program, config: file, _temporary: None }
    }

    /// Returns the command `atlas migrate apply`, to run before `self` is dropped. For its
    /// output see [`Atlas::read_apply`](super::Atlas::read_apply).
    ///
    /// # Errors
    /// When a path cannot be made absolute.
    pub fn apply(
        &self,
        directory: &MigrationDirectory,
        url: &str,
        options: &ApplyOptions,
    ) -> Result<Command, Error> {
        let mut command = self.command(&Call::apply(directory, url))?;
        command.args(["--format", "{{ json . }}"]);
        if let Some(timeout) = options.lock_timeout {
            command.args(["--lock-timeout", &format!("{}ms", timeout.as_millis())]);
        }
        if let Some(version) = &options.baseline {
            command.args(["--baseline", version]);
        }
        if options.allow_dirty {
            command.arg("--allow-dirty");
        }
        Ok(command)
    }

    /// Returns a command, to which arguments without secrets may be added.
    pub(super) fn command(&self, call: &Call) -> Result<Command, Error> {
        let config = std::path::absolute(&self.config).map_err(Error::io("find", &self.config))?;
        let mut command = quiet(&self.program);
        command.args(call.subcommand.split(' ')).args([
            "--env",
            ENVIRONMENT,
            "--config",
            &file_url(&config)?,
        ]);
        if let Some(directory) = config.parent() {
            command.current_dir(directory);
        }
        // A variable of the caller's environment must not slip in.
        command.env_remove(TARGET);
        command.env(DIRECTORY, file_url(call.directory.path())?).envs(call.urls.iter().cloned());
        Ok(command)
    }
}

/// Returns a command without advertisements and without checks for new releases.
pub(super) fn quiet(program: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env("ATLAS_NO_UPGRADE_SUGGESTIONS", "1")
        .env("ATLAS_NO_UPDATE_NOTIFIER", "1")
        .stdin(Stdio::null());
    command
}
