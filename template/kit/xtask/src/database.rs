//! Commands and checks that need a PostgreSQL server.

use std::{
    ffi::OsString,
    os::unix::{ffi::OsStringExt, process::CommandExt},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use atlas::ApplyOptions;
use migrations::{Project, report::count};
use percent_encoding::percent_decode_str;
use postgres::settings::setting;
use sea_orm::ConnectionTrait;
use url::Url;

/// The database that `apply` and `status` work on.
pub(crate) fn target(project: &Project, url: Option<String>) -> Result<String> {
    match url {
        Some(url) => Ok(url),
        None => setting(&project.root, "DATABASE_URL")?
            .context("which database? Set DATABASE_URL, or name a URL on the command line"),
    }
}

pub(crate) fn apply(project: &Project, url: &str) -> Result<()> {
    project.migrations.verify()?;
    let atlas = project.atlas()?;
    let standing = atlas.status(&project.migrations, url)?;
    ensure!(
        standing.skipped.is_empty(),
        "the database is at {} and lacks older migrations, which Atlas would pass over: {}. Give \
         each a later version, then: just hash-migrations",
        standing.current.as_deref().unwrap_or("none"),
        standing.skipped.join(", ")
    );
    let report = atlas.apply(&project.migrations, url, &ApplyOptions::default())?;
    if report.applied.is_empty() {
        println!("Nothing to do: the database has all migrations.");
    }
    for file in &report.applied {
        println!("applied {}", file.name);
    }
    Ok(())
}

pub(crate) fn status(project: &Project, url: &str) -> Result<()> {
    project.migrations.verify()?;
    let standing = project.atlas()?.status(&project.migrations, url)?;
    println!(
        "current version: {}",
        standing.current.as_deref().unwrap_or("none")
    );
    println!("pending: {}", or_none(&standing.pending.join(", ")));
    if !standing.skipped.is_empty() {
        println!(
            "missing, and too old to be applied: {}",
            standing.skipped.join(", ")
        );
    }
    if !standing.ahead.is_empty() {
        println!(
            "not in migrations/, so the database is ahead: {}",
            standing.ahead.join(", ")
        );
    }
    if let Some(broken_off) = standing.broken_off {
        println!(
            "broken off: {} after {} of {} statements: {}",
            broken_off.version,
            broken_off.applied,
            broken_off.total,
            broken_off.error.as_deref().unwrap_or("Atlas was stopped")
        );
    }
    Ok(())
}

/// Starts the server, and brings the project's database on it up to date.
pub(crate) async fn up(project: &Project) -> Result<()> {
    let server = postgres::server_in(&project.root).await?;
    let name = database_name(project)?;
    let admin = server.connect_maintenance().await?;
    let exists = admin
        .query_one_raw(sea_orm::Statement::from_sql_and_values(
            sea_orm::DbBackend::Postgres,
            "SELECT 1 FROM pg_database WHERE datname = $1",
            [name.clone().into()],
        ))
        .await?
        .is_some();
    if !exists {
        admin
            .execute_unprepared(&format!("CREATE DATABASE \"{name}\""))
            .await?;
    }
    admin.close().await?;
    println!("{server}");
    println!("DATABASE_URL={}", server.url(&name));
    if project.migrations.files()?.is_empty() {
        println!("The database is empty: there are no migrations yet (just create-migrations).");
        return Ok(());
    }
    let atlas = project.atlas()?;
    atlas.supports_server(server.major())?;
    let report = atlas
        .apply(
            &project.migrations,
            &server.url(&name),
            &ApplyOptions::default(),
        )
        .context(
            "the development database cannot be brought up to date; if its migrations were \
             planned anew since, begin with an empty one: just db-down && just db-up",
        )?;
    println!(
        "The database is up to date; applied now: {}.",
        count(report.applied.len(), "migration")
    );
    Ok(())
}

pub(crate) async fn down(project: &Project) -> Result<()> {
    match postgres::down(&project.root).await? {
        Some(provider) => println!("the server ({provider}) is gone, and its data"),
        None => println!("no server was running"),
    }
    Ok(())
}

/// Becomes psql on the project's database. As a child, psql would be left alone on
/// the terminal by the first Ctrl-C, which its users press to cancel a query.
pub(crate) async fn shell(project: &Project) -> Result<()> {
    let server = postgres::server_in(&project.root).await?;
    // By the environment: a URL with a password on the command line is for all to see.
    let name = database_name(project)?;
    let there = server.connect(&name).await;
    there
        .context("there is no database to look into yet: just db-up")?
        .close()
        .await?;
    let mut url = Url::parse(&server.url(&name))?;
    let password = url
        .password()
        .map(|password| percent_decode_str(password).collect::<Vec<u8>>());
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
