//! `deploy`: everything that can be wrong is looked at before anything is changed, and
//! when AWS refuses, its reasons are told.

mod missing;
mod state;

use std::{
    io::{IsTerminal, stdin},
    path::Path,
    process::ExitCode,
    time::{Instant, SystemTime},
};

use anyhow::{Context, Result, bail, ensure};
use tokio::task::JoinHandle;

use crate::{
    aws::Aws,
    package,
    stack::{Environment, MIGRATION_FUNCTION, MIGRATION_LOG, MIGRATIONS, has_template},
};
use migrations::Project;
use migrations::check;
use migrations::report::count;

/// As many of the last lines of the log are shown.
const LOG_LINES: usize = 20;

/// Deploys the stack of an environment in samconfig.toml: checks the migrations, packs
/// what the stack is made of, and has `sam` deploy it. `yes` answers sam's question.
pub(crate) async fn run(project: &Project, environment: &str, yes: bool) -> Result<ExitCode> {
    let environment = Environment::read(&project.root, environment)?;
    let aws = aws(project, &environment)?;
    missing::check(&environment)?;
    ensure!(
        yes || !environment.asks || stdin().is_terminal(),
        "samconfig.toml has confirm_changeset for {}, and nobody is there to be asked: add --yes",
        environment.name
    );
    // AWS is asked meanwhile: each question takes its program a second.
    let account = ask(&aws, Aws::account);
    let name = environment.stack_name.clone();
    let stack = ask(&aws, move |aws| aws.stack(&name));
    if check::run(project, false).await? != ExitCode::SUCCESS {
        bail!("nothing was deployed: the migrations do not pass check-migrations");
    }
    let account = account.await??;
    state::check(&stack.await??, &environment)?;
    println!(
        "deploying {} to the account {account}, {}",
        environment.stack_name, environment.region
    );
    package::run(
        project,
        environment.architecture()?,
        postgres_major(&environment)?,
    )?;
    deploy(&aws, &environment, &project.root, yes)
}

/// Tells what CloudFormation says of the stack.
pub(crate) fn status(project: &Project, environment: &str) -> Result<()> {
    let environment = Environment::read(&project.root, environment)?;
    let aws = aws(project, &environment)?;
    let name = &environment.stack_name;
    let Some(stack) = aws.stack(name)? else {
        println!("{name} in {}: there is no such stack", environment.region);
        return Ok(());
    };
    print!("{}", state::describe(&stack));
    if let Some(failure) = aws.failures(name, SystemTime::UNIX_EPOCH)?.last() {
        println!("last failure: {}: {}", failure.resource, failure.reason);
    }
    Ok(())
}

/// Prints the log of the function that applies the migrations; goes on if it is told to.
pub(crate) fn logs(project: &Project, environment: &str, options: &[String]) -> Result<ExitCode> {
    let environment = Environment::read(&project.root, environment)?;
    let status = aws(project, &environment)?
        .sam()
        .args(["logs", "--stack-name", &environment.stack_name])
        .args(["--region", &environment.region])
        .args(["--name", MIGRATION_FUNCTION])
        .args(options)
        .status()
        .context("cannot run sam")?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Asks in a thread of its own.
fn ask<T: Send + 'static>(
    aws: &Aws,
    question: impl FnOnce(&Aws) -> Result<T> + Send + 'static,
) -> JoinHandle<Result<T>> {
    let aws = aws.clone();
    tokio::task::spawn_blocking(move || question(&aws))
}

fn aws(project: &Project, environment: &Environment) -> Result<Aws> {
    ensure!(
        has_template(&project.root),
        "there is no template.yaml here, so there is no stack"
    );
    Aws::new(&project.root, &environment.region)
}

fn deploy(aws: &Aws, environment: &Environment, root: &Path, yes: bool) -> Result<ExitCode> {
    let (started, since) = (Instant::now(), SystemTime::now());
    let mut sam = aws.sam();
    sam.arg("deploy")
        .args(["--config-env", &environment.name, "--config-file"])
        .arg(root.join("samconfig.toml"))
        .args(["--template-file", "template.yaml"]);
    if yes {
        sam.arg("--no-confirm-changeset");
    }
    let status = sam.status().context("cannot run sam")?;
    if status.success() {
        println!(
            "✓ deployed in {:.1} s: just stack-status {}",
            started.elapsed().as_secs_f64(),
            environment.name
        );
        return Ok(ExitCode::SUCCESS);
    }
    explain(aws, &environment.stack_name, since);
    bail!("{} was not deployed", environment.stack_name)
}

/// Why a deployment failed, as far as AWS tells. What cannot be had is left out: the
/// failure itself is told anyway.
fn explain(aws: &Aws, stack: &str, since: SystemTime) {
    let failures = aws.failures(stack, since).unwrap_or_default();
    if !failures.is_empty() {
        eprintln!(
            "\nCloudFormation says, {}:",
            count(failures.len(), "failure")
        );
    }
    for failure in &failures {
        eprintln!(
            "  {} ({})\n    {}",
            failure.resource, failure.kind, failure.reason
        );
    }
    if !failures
        .iter()
        .any(|failure| failure.resource == MIGRATIONS)
    {
        return;
    }
    let lines = aws
        .physical_id(stack, MIGRATION_LOG)
        .and_then(|group| aws.log(&group, since))
        .unwrap_or_default();
    if lines.is_empty() {
        return;
    }
    eprintln!("\nThe function's last log lines:");
    for line in process::last_lines(&lines.join("\n"), LOG_LINES).lines() {
        eprintln!("  {line}");
    }
}

/// The major version that the function's Atlas must know.
fn postgres_major(environment: &Environment) -> Result<u32> {
    let major = environment.parameter("PostgresMajor").with_context(|| {
        format!(
            "samconfig.toml does not say the database's version: add PostgresMajor to \
             parameter_overrides in [{}.deploy.parameters]",
            environment.name
        )
    })?;
    major
        .parse()
        .with_context(|| format!("samconfig.toml: PostgresMajor is {major:?}, no number"))
}
