//! `run-task`: applies the migrations of this checkout in a container task, before they are
//! deployed, and prints its log.

use std::{
    process::ExitCode,
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result, ensure};
use migrations::Project;
use serde_json::Value;
use tokio::time::sleep;

use crate::{
    aws::{Aws, word},
    deploy,
    samconfig::StackEnvironment,
    stack::{MIGRATION_FUNCTION, MIGRATIONS},
};

/// Pause between two looks at the task.
const PAUSE: Duration = Duration::from_secs(5);

/// Runs the task of a deployed stack with a new image.
///
/// # Errors
/// When the stack has no task, or it does not start.
pub(crate) async fn run(project: &Project, environment: &str) -> Result<ExitCode> {
    let environment = StackEnvironment::read(&project.root, environment)?;
    let aws = Aws::new(&project.root, &environment.region)?;
    environment.task_repository().context("samconfig.toml needs Runner=\"task\"")?;
    let stack = &environment.stack_name;
    let request = request(&aws, stack).await?;
    let group = aws.migration_log(stack).await?;
    deploy::pack(project, &environment, &aws).await?;
    follow(&aws, &request, &group).await
}

/// The request of RunTask, which the stack gives to its function.
async fn request(aws: &Aws, stack: &str) -> Result<String> {
    let nested = aws.physical_id(stack, MIGRATIONS).await?;
    let function = aws.physical_id(&nested, MIGRATION_FUNCTION).await?;
    let command = "lambda get-function-configuration --function-name";
    let settings = aws.json(command, &[&function]).await?;
    let request = settings["Environment"]["Variables"]["TASK"].as_str().map(str::to_owned);
    request.with_context(|| format!("{stack} has no task: deploy it with Runner=\"task\" first"))
}

/// Starts the task, and prints its log until it ends.
async fn follow(aws: &Aws, request: &str, group: &str) -> Result<ExitCode> {
    let since = SystemTime::now();
    let started = aws.json("ecs run-task --cli-input-json", &[request]).await?;
    let task = word(&started["tasks"][0]["taskArn"]);
    ensure!(!task.is_empty(), "ECS did not start the task: {}", started["failures"]);
    println!("started {task}; if you interrupt this, it goes on");
    let request: Value = serde_json::from_str(request).context("the request of RunTask")?;
    let cluster = word(&request["cluster"]);
    let mut printed = 0;
    loop {
        let command = "ecs describe-tasks --cluster";
        let described = aws.json(command, &[&cluster, "--tasks", &task]).await?;
        // After it, so that the last lines are printed too.
        let lines = aws.log(group, since).await?;
        for line in &lines[printed.min(lines.len())..] {
            let parsed: Value = serde_json::from_str(line).unwrap_or_default();
            let message = parsed["message"].as_str().unwrap_or(line);
            println!("{} {message}", word(&parsed["timestamp"]));
        }
        printed = lines.len();
        let task = &described["tasks"][0];
        if task["lastStatus"] == "STOPPED" {
            let [container, code] = ["reason", "exitCode"].map(|it| &task["containers"][0][it]);
            println!("the task ended: {} {}", word(&task["stoppedReason"]), word(container));
            return Ok(if *code == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        sleep(PAUSE).await;
    }
}
