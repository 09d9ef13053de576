//! `rehearse-deploy`: the life of the stack, from its creation over failing migrations to
//! its deletion, on an emulator of AWS and a database that are made for it. The functions,
//! Atlas, sam and PostgreSQL are the real ones.

mod account;
mod database;
mod emulator;
mod expected;
mod logs;
mod scratch;
mod stage;
mod table;
mod walk;

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail, ensure};
use tokio::signal::unix::{SignalKind, signal};

use self::{
    database::Throwaway,
    emulator::{Emulator, Settings},
    logs::{EMULATOR, FUNCTIONS, Logs, SAM},
    scratch::Scratch,
    stage::Stage,
};
use crate::{
    aws::Aws,
    deploy_tools, package,
    stack::{Environment, has_template},
};
use migrations::Project;

/// Rehearses the deployment of an environment in samconfig.toml. Of that, the stack's
/// name and what parameters a user may have added are taken; the database is another.
///
/// # Errors
/// When something is missing, or a step does not come to what it should.
pub(crate) async fn run(project: &Project, environment: &str) -> Result<()> {
    let started = Instant::now();
    // What can fail at once comes before the build, which takes minutes.
    ensure!(
        has_template(&project.root),
        "there is no template.yaml here, so there is no stack to rehearse"
    );
    ensure!(
        !project.migrations.files()?.is_empty(),
        "there are no migrations to deploy yet: just create-migrations"
    );
    let environment = Environment::read(&project.root, environment)?;
    let aws = Aws::new(&project.root, &environment.region)?;
    let ministack = deploy_tools::program(&project.root, "ministack")?;
    let logs = Logs::new(&project.root)?;
    let server = postgres::server_in(&project.root).await?;
    let directory = logs.scratch()?;

    let major = package::postgres_major(project)?.max(server.major());
    let scratch = Scratch::new(project, &directory.path().join("project"), major)?;
    let prepared = started.elapsed();
    println!(
        "rehearsing {} on {server} and an emulator of AWS\n",
        environment.stack_name
    );

    let play = async {
        let database = Throwaway::create(&server).await?;
        let home = directory.path().join("home");
        std::fs::create_dir(&home)?;
        let emulator = Emulator::start(&Settings {
            program: &ministack,
            directory: &home,
            log: &logs.path(EMULATOR),
            environment: &[
                // There is no /opt for the layer.
                ("ATLAS", scratch.atlas.display().to_string()),
                // Development servers have no certificate.
                ("DB_SSLMODE", "disable".to_owned()),
            ],
        })?;
        let mut stage = Stage::new(aws, &environment, emulator, database, scratch, logs, &home)?;
        walk::walk(&mut stage).await
    };
    let outcome = tokio::select! {
        biased;
        interrupted = interrupted() => interrupted,
        outcome = play => outcome,
    };
    outcome.map_err(|error| {
        anyhow!("{error:#}. The logs are target/rehearsal/{{{SAM},{FUNCTIONS},{EMULATOR}}}.log")
    })?;
    let walked = started.elapsed() - prepared;
    println!("\n{}", table::NOT_SHOWN);
    println!(
        "\n✓ all steps came to what they should, in {}; building took {}; logs: target/rehearsal",
        seconds(walked),
        seconds(prepared)
    );
    Ok(())
}

fn seconds(time: Duration) -> String {
    format!("{:.0} s", time.as_secs_f64())
}

/// An error once the user, or the system, wants an end.
async fn interrupted() -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hang_up.recv() => {}
    }
    bail!("interrupted; what was started is gone")
}
