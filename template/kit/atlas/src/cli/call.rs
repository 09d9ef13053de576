//! The one place where an Atlas process is made and its outcome read.

use std::path::Path;
use std::process::{Command, Output};

use super::Atlas;
use crate::error::{Cause, Error};
use crate::{MigrationDirectory, Secrets};

/// What a run of Atlas works on; it travels by environment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'a> {
    pub directory: &'a MigrationDirectory,
    /// The DDL file that the migrations should lead to.
    pub source: Option<&'a Path>,
    pub url: Option<&'a str>,
    pub dev_url: Option<&'a str>,
}

impl<'a> Subject<'a> {
    pub fn new(directory: &'a MigrationDirectory) -> Self {
        Self {
            directory,
            source: None,
            url: None,
            dev_url: None,
        }
    }

    fn secrets(&self) -> Secrets {
        Secrets::of_urls(self.url.into_iter().chain(self.dev_url))
    }
}

/// A finished run, well or not.
#[derive(Debug)]
pub(super) struct Outcome {
    action: &'static str,
    command: &'static str,
    status: std::process::ExitStatus,
    /// As printed: scrub what is taken from it for people to read.
    pub stdout: String,
    stderr: String,
    secrets: Secrets,
}

impl Atlas {
    pub(super) fn command(&self, arguments: &str, subject: &Subject) -> Result<Command, Error> {
        self.commands.command(arguments, subject)
    }

    /// Runs a command to its end. `action` completes "could not ...".
    pub(super) fn run(
        &self,
        action: &'static str,
        name: &'static str,
        mut command: Command,
        subject: &Subject,
    ) -> Result<Outcome, Error> {
        let output = command.output().map_err(Error::io("run", self.binary()))?;
        Ok(Outcome::new(action, name, &output, subject.secrets()))
    }
}

impl Outcome {
    pub fn new(
        action: &'static str,
        command: &'static str,
        output: &Output,
        secrets: Secrets,
    ) -> Self {
        Self {
            action,
            command,
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            secrets,
        }
    }

    pub fn succeeded(&self) -> bool {
        self.status.success()
    }

    /// Standard output, or the error if the run failed.
    pub fn success(self) -> Result<String, Error> {
        if self.succeeded() {
            Ok(self.stdout)
        } else {
            Err(self.failure())
        }
    }

    /// The run as an error, with all that Atlas printed.
    pub fn failure(&self) -> Error {
        let output = self.printed();
        Error::Failed {
            action: self.action,
            command: format!("atlas {}", self.command),
            status: self.status.to_string(),
            cause: Cause::of(&output),
            output,
        }
    }

    /// Reads the JSON on standard output. A failed run that printed none, but a
    /// plain message, is a [`Error::Failed`].
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_str(&self.stdout).map_err(|reason| {
            if self.succeeded() {
                Error::Unreadable {
                    command: format!("atlas {}", self.command),
                    reason: reason.to_string(),
                    output: self.printed(),
                }
            } else {
                self.failure()
            }
        })
    }

    pub fn scrub(&self, text: &str) -> String {
        self.secrets.scrub(text)
    }

    fn printed(&self) -> String {
        let both = format!("{}\n{}", self.stdout.trim(), self.stderr.trim());
        self.scrub(both.trim())
    }
}

/// No advertisement in what is read by programs, and no look-up of new releases.
pub(super) fn quieten(command: &mut Command) {
    command
        .env("ATLAS_NO_UPGRADE_SUGGESTIONS", "1")
        .env("ATLAS_NO_UPDATE_NOTIFIER", "1");
}
