//! The commands that work on a database.

use std::{
    ffi::OsString,
    os::unix::{ffi::OsStringExt, process::CommandExt},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use atlas::MigrationStatus;
use migrations::{Project, report::count};
use percent_encoding::percent_decode_str;
use postgres::settings::setting;
use url::Url;

/// Returns the URL of the database for `apply` and `status`.
pub(crate) fn target(project: &Project, url: Option<String>) -> Result<String> {
    match url {
        Some(url) => Ok(url),
        None => setting(&project.root, "DATABASE_URL")?
            .context("which database? Set DATABASE_URL, or name a URL on the command line"),
    }
}

pub(crate) async fn apply(project: &Project, url: &str) -> Result<()> {
    project.migrations.verify()?;
    let status = project.atlas()?.status(&project.migrations, url)?;
    ensure!(
        status.skipped.is_empty(),
        "the database is at {} and lacks older migrations, which Atlas would pass over: {}. Give \
         each a later version: just rebase-migrations",
        status.current.as_deref().unwrap_or("none"),
        status.skipped.join(", ")
    );
    if migrations::apply::run(project, url).await?.is_empty() {
        println!("Nothing to do: the database has all migrations.");
    }
    Ok(())
}

pub(crate) fn status(project: &Project, url: &str) -> Result<()> {
    project.migrations.verify()?;
    let status = project.atlas()?.status(&project.migrations, url)?;
    println!("current version: {}", status.current.as_deref().unwrap_or("none"));
    println!("pending: {}", or_none(&status.pending.join(", ")));
    for line in divergence(&status) {
        println!("{line}");
    }
    if let Some(partially_applied) = status.partially_applied {
        println!(
            "partially applied: {} after {} of {} statements: {}",
            partially_applied.version,
            partially_applied.applied,
            partially_applied.total,
            partially_applied.error.as_deref().unwrap_or("Atlas was stopped")
        );
    }
    Ok(())
}

/// Where the history of a database and migrations/ contradict each other.
fn divergence(status: &MigrationStatus) -> Vec<String> {
    let mut lines = Vec::new();
    if !status.skipped.is_empty() {
        lines.push(format!("missing, and too old to be applied: {}", status.skipped.join(", ")));
    }
    if !status.ahead.is_empty() {
        lines.push(format!(
            "not in migrations/, so the database is ahead: {}",
            status.ahead.join(", ")
        ));
    }
    lines
}

/// Starts the server, and brings the project's database on it up to date.
pub(crate) async fn up(project: &Project) -> Result<()> {
    const FROM_EMPTY: &str = "to begin with an empty one: just db-down && just db-up";
    let server = postgres::server_in(&project.root).await?;
    let name = database_name(project)?;
    if !server.exists(&name).await? {
        server.create(&name).await?;
    }
    let url = server.url(&name);
    println!("{server}");
    println!("DATABASE_URL={url}");
    if project.migrations.files()?.is_empty() {
        println!("The database is empty: there are no migrations yet (just create-migrations).");
        return Ok(());
    }
    let atlas = project.atlas()?;
    atlas.supports_server(server.major())?;
    migrations::prepare_roles(&server).await?;
    let divergence = divergence(&atlas.status(&project.migrations, &url)?);
    ensure!(
        divergence.is_empty(),
        "the development database does not match migrations/, so nothing was applied; \
         {FROM_EMPTY}\n{}",
        divergence.join("\n")
    );
    let applied = migrations::apply::run(project, &url).await.with_context(|| {
        format!("the development database cannot be brought up to date; {FROM_EMPTY}")
    })?;
    println!("The database is up to date; applied now: {}.", count(applied.len(), "migration"));
    Ok(())
}

pub(crate) async fn down(project: &Project) -> Result<()> {
    let removed = postgres::down(&project.root).await?;
    if removed.is_empty() {
        println!("no server was running");
    }
    for server in removed {
        println!("removed {server} and its data");
    }
    Ok(())
}

/// Replaces this process by psql, on a database of the server; the project's by default.
/// As a child, psql would be left alone on the terminal by the first Ctrl-C, which its
/// users press to cancel a query.
pub(crate) async fn shell(project: &Project, database: Option<String>) -> Result<()> {
    let server = postgres::server_in(&project.root).await?;
    let name = match database {
        Some(name) => name,
        None => database_name(project)?,
    };
    ensure!(
        server.exists(&name).await?,
        "there is no database {name:?} on {server}; the project's is made by: just db-up"
    );
    let mut url = Url::parse(&server.url(&name))?;
    // In the environment: arguments show in the process list.
    let password = url.password().map(|password| percent_decode_str(password).collect::<Vec<u8>>());
    let _ = url.set_password(None);
    let error = Command::new("psql")
        .envs(password.map(|password| ("PGPASSWORD", OsString::from_vec(password))))
        .arg(url.as_str())
        .exec();
    Err(error).context("cannot run psql: install the PostgreSQL client programs")
}

fn or_none(list: &str) -> &str {
    if list.is_empty() { "none" } else { list }
}

fn database_name(project: &Project) -> Result<String> {
    setting(&project.root, "DATABASE_NAME")?
        .context("DATABASE_NAME is set neither in .env nor in .env.example")
}
