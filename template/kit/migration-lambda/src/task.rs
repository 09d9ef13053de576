//! Starts a container task of the same program, for migrations that outlast a function.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, anyhow};
use rds::{ECS, Refused};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::deadline::Deadline;
use crate::patience::Failure;

/// The last attempt of Lambda begins this long after the event: MaximumEventAgeInSeconds of the
/// stack.
const OLDEST_EVENT: Duration = Duration::from_secs(300);
/// Pause between two looks at a task that starts.
const PAUSE: Duration = Duration::from_secs(2);

/// A task to start for an event.
pub struct Task {
    region: String,
    /// The request of RunTask.
    request: Value,
}

impl Task {
    /// `request` is the request of RunTask without what depends on the event, in JSON.
    /// CloudFormation waits for `service_timeout`; nothing may work when it has given up.
    ///
    /// # Errors
    /// When the request is not JSON, or AWS_REGION is missing.
    pub fn new(request: &str, event: &Value, service_timeout: Duration) -> Result<Self> {
        let mut request: Value = serde_json::from_str(request).context("TASK is not JSON")?;
        let mut event = event.clone();
        // The overrides may have 8,192 characters.
        if let Some(fields) = event.as_object_mut() {
            fields.remove("OldResourceProperties");
        }
        let deadline = SystemTime::now() + service_timeout.saturating_sub(OLDEST_EVENT);
        let deadline = deadline.duration_since(SystemTime::UNIX_EPOCH)?.as_millis();
        // With it, ECS starts one task however often Lambda delivers the event.
        request["clientToken"] = event["RequestId"].clone();
        request["overrides"] = json!({ "containerOverrides": [{
            "name": "migrations",
            "environment": [
                { "name": "EVENT", "value": event.to_string() },
                { "name": "DEADLINE", "value": deadline.to_string() },
            ],
        }] });
        let region = std::env::var("AWS_REGION").context("AWS_REGION is missing")?;
        Ok(Self { region, request })
    }

    /// Starts the task, and waits until it runs: from then on, it answers the event.
    ///
    /// # Errors
    /// When ECS does not start it. `time` limits each call of ECS.
    pub async fn start(&self, time: Duration, deadline: &Deadline) -> Result<(), Failure> {
        let call = async |action, body| ECS.call(&self.region, action, body, time).await;
        let started = match call("RunTask", &self.request).await {
            Ok(started) => started,
            Err(error) if is_conflict(&error) => {
                tracing::info!("an earlier delivery of this event has started a task");
                return Ok(());
            }
            Err(error) => return Err(error.context("cannot start the task").into()),
        };
        let Some(arn) = started["tasks"][0]["taskArn"].as_str() else {
            // Such as a lack of capacity.
            let reason = &started["failures"][0]["reason"];
            return Err(Failure::Passing(anyhow!("ECS did not start the task: {reason}")));
        };
        tracing::info!("started the task {arn}, which answers CloudFormation");
        let question = json!({ "cluster": self.request["cluster"], "tasks": [arn] });
        while !deadline.left_for_work().is_zero() {
            sleep(PAUSE).await;
            let task = match call("DescribeTasks", &question).await {
                Ok(answer) => answer["tasks"][0].clone(),
                Err(error) => {
                    tracing::warn!("cannot look at the task: {error:#}");
                    continue;
                }
            };
            let container = &task["containers"][0];
            match task["lastStatus"].as_str() {
                Some("RUNNING") => return Ok(()),
                Some("STOPPED") if container["exitCode"] == 0 => return Ok(()),
                Some("STOPPED") => {
                    let [why, more] = [&task["stoppedReason"], &container["reason"]]
                        .map(|reason| reason.as_str().unwrap_or_default());
                    return Err(Failure::Final(anyhow!(
                        "the task stopped before it answered: {why} {more}. Subnets without NAT \
                         need endpoints for its image and its log: see DEPLOY.md"
                    )));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn is_conflict(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Refused>().is_some_and(|error| error.kind.contains("ConflictException"))
}
