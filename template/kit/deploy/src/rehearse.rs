//! `rehearse`: the life of the stack, from its creation through failing migrations to its
//! deletion, on an emulator of AWS and a temporary database. The functions, Atlas, sam and
//! PostgreSQL are the real ones.

mod database;
mod emulator;
mod logs;
mod outcome;
mod output;
mod project_copy;
mod rehearsal;
mod steps;

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use migrations::{Base, Project};
use postgres::settings::setting;
use tokio::signal::unix::{SignalKind, signal};

use self::{
    database::Throwaway,
    emulator::{Emulator, EmulatorOptions},
    logs::{EMULATOR, FUNCTION, Logs, SAM},
    project_copy::ProjectCopy,
    rehearsal::Rehearsal,
};
use crate::{aws::Aws, deploy_tools, package, samconfig::StackEnvironment};

/// Rehearses the deployment of an environment in samconfig.toml: its stack name and
/// parameters, except for the database.
///
/// # Errors
/// When something is missing, or a step has another outcome than expected.
pub(crate) async fn run(project: &Project, environment: &str, all: bool) -> Result<()> {
    let started = Instant::now();
    // What can fail at once comes before the build, which takes minutes.
    ensure!(
        !project.migrations.files()?.is_empty(),
        "there are no migrations to deploy yet: just create-migrations"
    );
    let environment = StackEnvironment::read(&project.root, environment)?;
    let aws = Aws::new(&project.root, &environment.region)?;
    let ministack = deploy_tools::program(&project.root, "ministack")?;
    let base = Base::find(&project.root, &project.base_branch)?;
    let rows = setting(&project.root, "REHEARSAL_ROWS")?.map(fs::read_to_string).transpose();
    let rows = rows.context("cannot read REHEARSAL_ROWS")?;
    let logs = Logs::new(&project.root)?;
    let server = postgres::server_in(&project.root).await?;
    let directory = logs.temporary_directory()?;

    let major = package::postgres_major(project)?.max(server.major());
    let copy = ProjectCopy::new(project, &directory.path().join("project"), major).await?;
    let prepared = started.elapsed();
    println!("rehearsing {} on {server} and an emulator of AWS\n", environment.stack_name);

    let play = async {
        let database = Throwaway::create(&server).await?;
        let home = directory.path().join("home");
        fs::create_dir(&home)?;
        let emulator = Emulator::start(&EmulatorOptions {
            program: &ministack,
            directory: &home,
            log: &logs.path(EMULATOR),
            variables: &[
                // There is no /opt for the layer.
                ("ATLAS", copy.atlas.display().to_string()),
                // Development servers have no certificate.
                ("DB_SSLMODE", "disable".to_owned()),
                ("REHEARSAL_LOG", std::path::absolute(logs.path(FUNCTION))?.display().to_string()),
            ],
        })?;
        let mut rehearsal =
            Rehearsal::new(aws, &environment, emulator, database, copy, logs, &home).await?;
        steps::play(&mut rehearsal, base.as_ref(), rows.as_deref(), all).await
    };
    let outcome = tokio::select! {
        biased;
        interrupted = interrupted() => interrupted,
        outcome = play => outcome,
    };
    outcome.map_err(|error| {
        anyhow!("{error:#}. The logs are target/rehearsal/{{{SAM},{FUNCTION},{EMULATOR}}}.log")
    })?;
    let played = started.elapsed() - prepared;
    println!("\n{}", output::LIMITS);
    println!(
        "\n✓ all steps had the expected outcome, in {}; building took {}; logs: target/rehearsal",
        seconds(played),
        seconds(prepared)
    );
    Ok(())
}

fn seconds(time: Duration) -> String {
    format!("{:.0} s", time.as_secs_f64())
}

/// Returns an error on SIGINT, SIGTERM and SIGHUP.
async fn interrupted() -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hang_up.recv() => {}
    }
    bail!("interrupted; everything that was started is stopped")
}
