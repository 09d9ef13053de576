//! AWS, by its command lines: they know every way to sign in, and what is asked here can
//! be repeated by hand.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

use anyhow::{Context, Result, bail};
use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::deploy_tools;
use process::text;

/// A region of the account that the environment signs in to.
#[derive(Clone, Debug)]
pub(crate) struct Aws {
    root: PathBuf,
    aws: PathBuf,
    sam: PathBuf,
    region: String,
    environment: Vec<(String, String)>,
}

/// Something that did not work in a stack.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct StackFailure {
    /// As the template calls it.
    pub(crate) resource: String,
    /// `Custom::DatabaseMigrations`, for example.
    pub(crate) kind: String,
    pub(crate) reason: String,
}

impl Aws {
    /// # Errors
    /// When the programs are not installed.
    pub(crate) fn new(root: &Path, region: &str) -> Result<Self> {
        Ok(Self {
            root: root.to_owned(),
            aws: deploy_tools::program(root, "aws")?,
            sam: deploy_tools::program(root, "sam")?,
            region: region.to_owned(),
            environment: Vec::new(),
        })
    }

    /// Sets a variable for all commands from here on.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.environment.push((name.to_owned(), value.into()));
    }

    /// `sam`, in the project's root.
    pub(crate) fn sam(&self) -> Command {
        let mut command = self.command(&self.sam);
        command.env("SAM_CLI_TELEMETRY", "0");
        command
    }

    /// What `aws ARGUMENTS` prints, read as JSON; null if it prints nothing.
    ///
    /// # Errors
    /// With what it said, when it failed.
    pub(crate) fn json(&self, arguments: &[&str]) -> Result<Value> {
        let output = self
            .command(&self.aws)
            .args(arguments)
            .args(["--output", "json"])
            .output()
            .context("cannot run aws")?;
        if !output.status.success() {
            // Some versions begin with an empty line.
            bail!("{}", text(&output.stderr).trim());
        }
        let printed = text(&output.stdout);
        if printed.trim().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&printed)
            .with_context(|| format!("aws {} printed no JSON", arguments.join(" ")))
    }

    /// The account that is signed in to.
    ///
    /// # Errors
    /// When nobody is signed in, or the session is over.
    pub(crate) fn account(&self) -> Result<String> {
        let identity = self.json(&["sts", "get-caller-identity"]).context(
            "not signed in to AWS: run `aws sso login` or `aws configure`, or set AWS_PROFILE, or \
             AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN)",
        )?;
        Ok(word(&identity["Account"]))
    }

    /// What CloudFormation says of a stack; `None` if there is none.
    pub(crate) fn stack(&self, name: &str) -> Result<Option<Value>> {
        match self.json(&["cloudformation", "describe-stacks", "--stack-name", name]) {
            Ok(answer) => Ok(answer["Stacks"].get(0).cloned()),
            Err(error) if error.to_string().contains("does not exist") => Ok(None),
            Err(error) => Err(error.context(format!("cannot look at the stack {name}"))),
        }
    }

    /// The failures among a stack's events since then, the oldest first.
    pub(crate) fn failures(&self, stack: &str, since: SystemTime) -> Result<Vec<StackFailure>> {
        // In the form of the events, so that texts compare.
        let since = DateTime::<Utc>::from(since).format("%Y-%m-%dT%H:%M:%S");
        let answer = self.json(&[
            "cloudformation",
            "describe-stack-events",
            "--stack-name",
            stack,
            "--max-items",
            "200",
        ])?;
        let events = answer["StackEvents"].as_array().cloned();
        Ok(failures_in(&events.unwrap_or_default(), &since.to_string()))
    }

    /// The name that AWS gave to a resource of a stack, by its name in the template.
    pub(crate) fn physical_id(&self, stack: &str, resource: &str) -> Result<String> {
        let answer = self.json(&[
            "cloudformation",
            "describe-stack-resource",
            "--stack-name",
            stack,
            "--logical-resource-id",
            resource,
        ])?;
        Ok(word(&answer["StackResourceDetail"]["PhysicalResourceId"]))
    }

    /// The lines of a log group since then.
    pub(crate) fn log(&self, group: &str, since: SystemTime) -> Result<Vec<String>> {
        let since = DateTime::<Utc>::from(since).timestamp_millis();
        let answer = self.json(&[
            "logs",
            "filter-log-events",
            "--log-group-name",
            group,
            "--start-time",
            &since.to_string(),
        ])?;
        let events = answer["events"].as_array().cloned().unwrap_or_default();
        Ok(events
            .iter()
            .map(|event| word(&event["message"]).trim_end().to_owned())
            .collect())
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = deploy_tools::command(program);
        command
            .current_dir(&self.root)
            .env("AWS_REGION", &self.region)
            .env("AWS_DEFAULT_REGION", &self.region)
            // It would wait for somebody to leave it.
            .env("AWS_PAGER", "")
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

fn failures_in(events: &[Value], since: &str) -> Vec<StackFailure> {
    events
        .iter()
        .rev()
        .filter(|event| word(&event["Timestamp"]).as_str() >= since)
        .filter(|event| word(&event["ResourceStatus"]).ends_with("_FAILED"))
        // Those that were only interrupted by another's failure say nothing.
        .filter(|event| !word(&event["ResourceStatusReason"]).contains("cancelled"))
        .map(|event| StackFailure {
            resource: word(&event["LogicalResourceId"]),
            kind: word(&event["ResourceType"]),
            reason: word(&event["ResourceStatusReason"]),
        })
        .collect()
}

/// A text, or nothing if it is none.
pub(crate) fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tells_the_failures_of_this_deployment() {
        let event = |time: &str, status: &str, reason: &str| {
            json!({
                "Timestamp": time, "ResourceStatus": status, "ResourceStatusReason": reason,
                "LogicalResourceId": "Migrations", "ResourceType": "Custom::DatabaseMigrations",
            })
        };
        // The newest is first, as AWS tells them.
        let events = [
            event(
                "2026-01-02T00:00:03",
                "UPDATE_FAILED",
                "Resource update cancelled",
            ),
            event("2026-01-02T00:00:02", "UPDATE_FAILED", "no such table"),
            event("2026-01-02T00:00:01", "UPDATE_IN_PROGRESS", ""),
            event("2026-01-01T00:00:00", "CREATE_FAILED", "of yesterday"),
        ];
        let failures = failures_in(&events, "2026-01-02T00:00:00");
        assert_eq!(failures.len(), 1);
        assert_eq!(failures[0].reason, "no such table");
        assert_eq!(failures[0].resource, "Migrations");
    }
}
