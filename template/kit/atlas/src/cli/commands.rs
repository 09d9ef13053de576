//! The command lines of Atlas.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::call::{Subject, quieten};
use super::config::{Config, DEV, DIRECTORY, ENVIRONMENT, SOURCE, TARGET, file_url};
use crate::{Error, MigrationDirectory};

/// The subcommand that applies migrations.
pub(super) const APPLY: &str = "migrate apply";

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

/// Makes commands for an Atlas binary and runs nothing, not even to see whether the
/// binary is there: for a caller that knows what it was shipped with.
#[derive(Debug)]
pub struct Commands {
    binary: PathBuf,
    config: Config,
}

impl Commands {
    /// Commands for `binary` with a configuration of our own,
    /// [`MINIMAL_CONFIG`](super::MINIMAL_CONFIG), which goes when this value does.
    ///
    /// # Errors
    /// When the configuration cannot be written to the directory for temporary files.
    pub fn new(binary: impl Into<PathBuf>) -> Result<Self, Error> {
        Ok(Self {
            binary: binary.into(),
            config: Config::minimal()?,
        })
    }

    pub(super) fn config(self, file: impl Into<PathBuf>) -> Self {
        Self {
            config: Config::Project(file.into()),
            ..self
        }
    }

    pub fn binary(&self) -> &Path {
        &self.binary
    }

    /// `atlas migrate apply`. Its output is for [`Atlas::read_apply`](super::Atlas::read_apply).
    /// This value must live while the command runs.
    ///
    /// # Errors
    /// When a path cannot be made absolute.
    pub fn apply(
        &self,
        directory: &MigrationDirectory,
        url: &str,
        options: &ApplyOptions,
    ) -> Result<Command, Error> {
        let subject = Subject {
            url: Some(url),
            ..Subject::new(directory)
        };
        let mut command = self.command(APPLY, &subject)?;
        command.args(["--format", "{{ json . }}"]);
        if let Some(timeout) = options.lock_timeout {
            command.args(["--lock-timeout", &format!("{}ms", timeout.as_millis())]);
        }
        if let Some(version) = &options.baseline {
            command.args(["--baseline", version]);
        }
        if options.dry_run {
            command.arg("--dry-run");
        }
        Ok(command)
    }

    /// `atlas ARGUMENTS --env project`, ready for arguments that hold no secret.
    pub(super) fn command(&self, arguments: &str, subject: &Subject) -> Result<Command, Error> {
        let mut file = self.config.file();
        if file.is_relative() {
            file = std::path::absolute(&file).map_err(Error::io("find", &file))?;
        }
        let mut command = Command::new(&self.binary);
        command
            .args(arguments.split(' '))
            .args(["--env", ENVIRONMENT, "--config"])
            .arg(file_url(&file)?)
            .stdin(Stdio::null());
        if let Some(directory) = file.parent() {
            command.current_dir(directory);
        }
        quieten(&mut command);

        let source = subject.source.map(file_url).transpose()?;
        let directory = file_url(subject.directory.path())?;
        for (variable, value) in [
            (SOURCE, source.as_deref()),
            (TARGET, subject.url),
            (DEV, subject.dev_url),
            (DIRECTORY, Some(directory.as_str())),
        ] {
            // One that the caller's environment happens to have must not slip in.
            match value {
                Some(value) => command.env(variable, value),
                None => command.env_remove(variable),
            };
        }
        Ok(command)
    }
}
