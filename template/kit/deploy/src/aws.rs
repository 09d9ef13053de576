//! AWS, through its command lines: they know every way to sign in, and the user can
//! repeat what is asked here by hand.

use std::{
    fmt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::{Context, Result, bail};
use chrono::{DateTime, Utc};
use process::text;
use serde_json::Value;
use tokio::process::Command;

use crate::{
    deploy_tools,
    stack::{MIGRATION_LOG, MIGRATIONS},
};

/// The resource type of a nested stack.
const NESTED_STACK: &str = "AWS::CloudFormation::Stack";

/// A region of the account that the process is signed in to.
#[derive(Clone, Debug)]
pub(crate) struct Aws {
    root: PathBuf,
    aws: PathBuf,
    sam: PathBuf,
    region: String,
    variables: Vec<(String, String)>,
}

/// A resource that could not be created or updated.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct StackFailure {
    /// Name in the template.
    pub(crate) resource: String,
    /// Resource type, such as `Custom::DatabaseMigrations`.
    pub(crate) kind: String,
    pub(crate) reason: String,
}

impl fmt::Display for StackFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.resource, self.kind, self.reason)
    }
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
            variables: Vec::new(),
        })
    }

    /// Gives commands these environment variables, and of the user's PATH alone: no credentials,
    /// configuration or proxy.
    pub(crate) fn isolate(&mut self, variables: &[(&str, &str)]) {
        let path = std::env::var("PATH").unwrap_or_default();
        let all = variables.iter().copied().chain([("PATH", &*path)]);
        self.variables = all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    }

    /// `sam`, in the project's root.
    pub(crate) fn sam(&self) -> Command {
        let mut command = self.command(&self.sam);
        command.env("SAM_CLI_TELEMETRY", "0");
        command
    }

    /// The JSON that `aws SUBCOMMAND ARGUMENTS` prints; null if it prints nothing. The
    /// subcommand is split at spaces.
    ///
    /// # Errors
    /// With what it wrote to its standard error, when it failed.
    pub(crate) async fn json(&self, subcommand: &str, arguments: &[&str]) -> Result<Value> {
        let mut aws = self.command(&self.aws);
        aws.args(subcommand.split(' ')).args(arguments);
        let output = aws.args(["--output", "json"]).output().await;
        let output = output.context("cannot run aws")?;
        if !output.status.success() {
            // Some versions begin with an empty line.
            bail!("{}", text(&output.stderr).trim());
        }
        let printed = text(&output.stdout);
        if printed.trim().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&printed).with_context(|| format!("aws {subcommand} printed no JSON"))
    }

    /// The account that the process is signed in to.
    ///
    /// # Errors
    /// When it is not signed in, or the session has expired.
    pub(crate) async fn account(&self) -> Result<String> {
        let identity = self.json("sts get-caller-identity", &[]).await.context(
            "not signed in to AWS: run `aws sso login` or `aws configure`, or set AWS_PROFILE, or \
             AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN)",
        )?;
        Ok(word(&identity["Account"]))
    }

    /// CloudFormation's description of a stack; `None` if it does not exist.
    pub(crate) async fn stack(&self, name: &str) -> Result<Option<Value>> {
        let command = "cloudformation describe-stacks --stack-name";
        match self.json(command, &[name]).await {
            Ok(answer) => Ok(answer["Stacks"].get(0).cloned()),
            Err(error) if error.to_string().contains("does not exist") => Ok(None),
            Err(error) => Err(error.context(format!("cannot look at the stack {name}"))),
        }
    }

    /// Failures of a stack's resources since then, oldest first. A nested stack's own
    /// failures take the place of its "resources failed to update", which has no reason.
    pub(crate) async fn failures(
        &self,
        stack: &str,
        since: SystemTime,
    ) -> Result<Vec<StackFailure>> {
        let mut failures = Vec::new();
        for failure in self.failures_of(stack, since).await? {
            let mut nested = Vec::new();
            if failure.kind == NESTED_STACK && failure.resource != stack {
                // One that was never created has no events.
                if let Ok(id) = self.physical_id(stack, &failure.resource).await {
                    nested = self.failures_of(&id, since).await.unwrap_or_default();
                    nested.retain(|failure| failure.kind != NESTED_STACK);
                }
            }
            match nested.is_empty() {
                true => failures.push(failure),
                false => failures.extend(nested),
            }
        }
        Ok(failures)
    }

    async fn failures_of(&self, stack: &str, since: SystemTime) -> Result<Vec<StackFailure>> {
        // Formatted as in the events, so that they compare as text.
        let since = DateTime::<Utc>::from(since).format("%Y-%m-%dT%H:%M:%S");
        let command = "cloudformation describe-stack-events --max-items 200 --stack-name";
        let answer = self.json(command, &[stack]).await?;
        let events = answer["StackEvents"].as_array().cloned();
        Ok(failures_in(&events.unwrap_or_default(), &since.to_string()))
    }

    /// The id that AWS gave to a resource, by its name in the template.
    pub(crate) async fn physical_id(&self, stack: &str, resource: &str) -> Result<String> {
        let command = "cloudformation describe-stack-resource --stack-name";
        let arguments = [stack, "--logical-resource-id", resource];
        let answer = self.json(command, &arguments).await?;
        Ok(word(&answer["StackResourceDetail"]["PhysicalResourceId"]))
    }

    /// Name of the migration function's log group.
    pub(crate) async fn migration_log(&self, stack: &str) -> Result<String> {
        let nested = self.physical_id(stack, MIGRATIONS).await?;
        self.physical_id(&nested, MIGRATION_LOG).await
    }

    /// Lines of a log group since then.
    pub(crate) async fn log(&self, group: &str, since: SystemTime) -> Result<Vec<String>> {
        let since = DateTime::<Utc>::from(since).timestamp_millis().to_string();
        let command = "logs filter-log-events --log-group-name";
        let answer = self.json(command, &[group, "--start-time", &since]).await?;
        let events = answer["events"].as_array().into_iter().flatten();
        Ok(events.map(|event| word(&event["message"]).trim_end().to_owned()).collect())
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::from(deploy_tools::command(program));
        if !self.variables.is_empty() {
            command.env_clear();
        }
        command
            .current_dir(&self.root)
            .kill_on_drop(true)
            .env("AWS_REGION", &self.region)
            .env("AWS_DEFAULT_REGION", &self.region)
            // A pager would wait for the user to leave it.
            .env("AWS_PAGER", "")
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

fn failures_in(events: &[Value], since: &str) -> Vec<StackFailure> {
    events
        .iter()
        .rev()
        .filter(|event| word(&event["Timestamp"]).as_str() >= since)
        .filter(|event| word(&event["ResourceStatus"]).ends_with("_FAILED"))
        // Interrupted by the failure of another.
        .filter(|event| !word(&event["ResourceStatusReason"]).contains("cancelled"))
        .map(|event| StackFailure {
            resource: word(&event["LogicalResourceId"]),
            kind: word(&event["ResourceType"]),
            reason: word(&event["ResourceStatusReason"]),
        })
        .collect()
}

/// The JSON string, or an empty one.
pub(crate) fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn returns_the_failures_of_this_deployment() {
        let event = |time: &str, status: &str, reason: &str| {
            json!({
                "Timestamp": time, "ResourceStatus": status, "ResourceStatusReason": reason,
                "LogicalResourceId": "Migrations", "ResourceType": "Custom::DatabaseMigrations",
            })
        };
        // Newest first, as AWS lists them.
        let events = [
            event("2026-01-02T00:00:03", "UPDATE_FAILED", "Resource update cancelled"),
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
