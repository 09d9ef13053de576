//! `deploy`: checks everything that can be wrong before it changes anything, and reports
//! AWS' reasons when a deployment fails.

mod missing;
mod state;

use std::{
    io::{IsTerminal, stdin},
    process::ExitCode,
    time::{Instant, SystemTime},
};

use anyhow::{Context, Result, bail, ensure};
use migrations::{Project, check, report::count};

use crate::{
    aws::Aws,
    certificates, image, package, parameters,
    samconfig::StackEnvironment,
    stack::{APPLIED_MIGRATIONS, MIGRATION_FUNCTION, MIGRATIONS, TEMPLATE},
};

/// Number of trailing log lines to show.
const LOG_LINES: usize = 20;

/// Deploys the stack of an environment in samconfig.toml: checks the migrations, packs
/// what the stack consists of, and runs `sam deploy`. `yes` answers sam's question.
pub(crate) async fn run(project: &Project, environment: &str, yes: bool) -> Result<ExitCode> {
    let environment = StackEnvironment::read(&project.root, environment)?;
    missing::check(&environment)?;
    parameters::check(&project.root, &environment)?;
    let aws = Aws::new(&project.root, &environment.region)?;
    certificates::check_region(&project.root, &environment.region)?;
    ensure!(
        yes || !environment.confirms || stdin().is_terminal(),
        "samconfig.toml has confirm_changeset for {}, and there is no terminal to ask on: add \
         --yes",
        environment.name
    );
    // Each question to AWS takes its program a second.
    let (checked, account, stack) =
        tokio::join!(check::run(project, false), aws.account(), aws.stack(&environment.stack_name));
    if checked? != ExitCode::SUCCESS {
        bail!("nothing was deployed: the migrations do not pass check-migrations");
    }
    let account = account?;
    let stack = stack?;
    state::check(&stack, &environment)?;
    state::check_name(&stack, &environment)?;
    println!(
        "deploying {} to the account {account}, {}",
        environment.stack_name, environment.region
    );
    pack(project, &environment, &aws).await?;
    deploy(&aws, &environment, yes).await
}

/// Packs what the stack consists of, and publishes the image of its task if it has one.
pub(crate) async fn pack(
    project: &Project,
    environment: &StackEnvironment,
    aws: &Aws,
) -> Result<()> {
    let architecture = environment.architecture()?;
    package::run(project, architecture, postgres_major(environment)?).await?;
    match environment.task_repository() {
        Some(repository) => image::publish(&project.root, architecture, aws, repository).await,
        None => Ok(()),
    }
}

/// Prints the state of the stack, its outputs and its last failure.
pub(crate) async fn status(project: &Project, environment: &str) -> Result<()> {
    let environment = StackEnvironment::read(&project.root, environment)?;
    let aws = Aws::new(&project.root, &environment.region)?;
    let name = &environment.stack_name;
    let Some(stack) = aws.stack(name).await? else {
        println!("{name} does not exist in {}", environment.region);
        return Ok(());
    };
    print!("{}", state::describe(&stack));
    let failures = aws.failures(name, SystemTime::UNIX_EPOCH).await?;
    if let Some(failure) = failures.last() {
        println!("last failure: {failure}");
    }
    Ok(())
}

/// Prints the log of the migration function. `options` are those of `sam logs`.
pub(crate) async fn logs(
    project: &Project,
    environment: &str,
    options: &[String],
) -> Result<ExitCode> {
    let environment = StackEnvironment::read(&project.root, environment)?;
    let mut sam = Aws::new(&project.root, &environment.region)?.sam();
    sam.args(["logs", "--stack-name", &environment.stack_name])
        .args(["--region", &environment.region, "--name"])
        .arg(format!("{MIGRATIONS}/{MIGRATION_FUNCTION}"))
        .args(options);
    let status = sam.status().await.context("cannot run sam")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn deploy(aws: &Aws, environment: &StackEnvironment, yes: bool) -> Result<ExitCode> {
    let (started, since) = (Instant::now(), SystemTime::now());
    let mut sam = aws.sam();
    sam.args(["deploy", "--config-env", &environment.name]).args([
        "--config-file",
        "samconfig.toml",
        "--template-file",
        TEMPLATE,
    ]);
    if yes {
        sam.arg("--no-confirm-changeset");
    }
    let status = sam.status().await.context("cannot run sam")?;
    if status.success() {
        println!(
            "✓ deployed in {:.1} s: just stack-status {}",
            started.elapsed().as_secs_f64(),
            environment.name
        );
        return Ok(ExitCode::SUCCESS);
    }
    explain(aws, &environment.stack_name, since).await;
    bail!("{} was not deployed", environment.stack_name)
}

/// Prints why a deployment failed. What AWS does not answer is left out, because the
/// failure itself is reported anyway.
async fn explain(aws: &Aws, stack: &str, since: SystemTime) {
    let failures = aws.failures(stack, since).await.unwrap_or_default();
    if !failures.is_empty() {
        let count = count(failures.len(), "failure");
        eprintln!("\nCloudFormation reports {count}:");
    }
    for failure in &failures {
        eprintln!("  {failure}");
    }
    let about_migrations = |name: &str| [APPLIED_MIGRATIONS, MIGRATIONS].contains(&name);
    if !failures.iter().any(|it| about_migrations(&it.resource)) {
        return;
    }
    let Ok(group) = aws.migration_log(stack).await else {
        return;
    };
    let lines = aws.log(&group, since).await.unwrap_or_default();
    if !lines.is_empty() {
        eprintln!("\nLast lines of the function's log:");
    }
    for line in process::last_lines(&lines.join("\n"), LOG_LINES).lines() {
        eprintln!("  {line}");
    }
}

/// The major version that the function's Atlas must support.
fn postgres_major(environment: &StackEnvironment) -> Result<u32> {
    let major = environment.parameter("PostgresMajor").with_context(|| {
        format!(
            "samconfig.toml does not say the database's version: add PostgresMajor to \
             parameter_overrides in [{}.deploy.parameters]",
            environment.name
        )
    })?;
    major
        .parse()
        .with_context(|| format!("samconfig.toml: PostgresMajor is {major:?}, not a number"))
}
