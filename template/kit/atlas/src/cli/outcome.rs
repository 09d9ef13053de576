use std::process::{ExitStatus, Output};

use serde::de::DeserializeOwned;

use super::commands::Call;
use crate::{Cause, Error, Secrets};

/// A finished run of Atlas.
pub(super) struct Outcome {
    action: &'static str,
    command: String,
    status: ExitStatus,
    /// As printed: [`Self::scrub`] what people get to read.
    stdout: String,
    stderr: String,
    secrets: Secrets,
}

impl Outcome {
    pub fn new(call: &Call, output: &Output) -> Self {
        Self {
            action: call.action,
            command: format!("atlas {}", call.subcommand),
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            secrets: Secrets::of_urls(call.urls.iter().map(|(_, url)| &**url)),
        }
    }

    pub fn succeeded(&self) -> bool {
        self.status.success()
    }

    /// Returns the run as an error, with all that Atlas printed.
    pub fn failure(&self) -> Error {
        let output = self.printed();
        Error::Failed {
            action: self.action,
            command: self.command.clone(),
            status: self.status.to_string(),
            cause: Cause::of(&output),
            output,
        }
    }

    /// Parses the JSON on standard output, which may be there after a failure too.
    ///
    /// # Errors
    /// [`Error::Failed`] when the run failed without JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_str(&self.stdout).map_err(|reason| {
            if !self.succeeded() {
                return self.failure();
            }
            Error::Unreadable {
                command: self.command.clone(),
                reason: reason.to_string(),
                output: self.printed(),
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
