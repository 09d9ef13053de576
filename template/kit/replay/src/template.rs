use anyhow::{Context as _, Result};
use atlas::MigrationFile;
use postgres::{Server, TemporaryDatabase};
use sea_orm::sqlx::{self, AssertSqlSafe, Connection as _, PgConnection};
use sha2::{Digest as _, Sha256};

use crate::{ReplayError, roles, run};

/// Start of a template's name; a key made of the history follows.
const PREFIX: &str = "template_";
/// Number of templates to keep on a server: those of some branches, and of their beginnings.
const KEPT: usize = 8;
/// Key of the advisory lock that allows to build a template.
const LOCK: i64 = 0x7465_6d70_6c61_7465;

/// Returns the name of a database that has exactly these migrations. It refuses
/// connections: copy it.
///
/// The first call for a history builds it, from the longest beginning of the history that
/// has a template; processes that call at once wait for the first. Templates stay on the
/// server; the oldest are dropped when there are many.
///
/// # Errors
/// [`ReplayError`] when a migration fails, another error when the server refuses something.
pub async fn template(server: &Server, files: &[MigrationFile]) -> Result<String> {
    let names = names(&server.url(""), files);
    let wanted = names.last().context("a history has a name")?;
    let mut admin = server.admin().await?;
    roles::run(&mut admin).await?;
    if !existing(&mut admin).await?.contains(wanted) {
        // Ends with the connection, however this ends.
        sqlx::query("SELECT pg_advisory_lock($1)").bind(LOCK).execute(&mut admin).await?;
        let existing = existing(&mut admin).await?;
        if !existing.contains(wanted) {
            build(server, files, &names, &existing).await?;
        }
    }
    admin.close().await?;
    Ok(wanted.clone())
}

/// Name of the database that [`template`] makes of these migrations on the server of that URL.
pub fn template_name(url: &str, files: &[MigrationFile]) -> String {
    names(url, files).pop().unwrap_or_default()
}

/// Names of the templates of all beginnings of a history, from none of it to all.
fn names(url: &str, files: &[MigrationFile]) -> Vec<String> {
    let mut hasher = Sha256::new();
    // Nobody may copy what another user owns.
    let user = url.split_once("://").and_then(|(_, rest)| rest.split([':', '@']).next());
    hasher.update(user.unwrap_or_default());
    let name =
        |hasher: &Sha256| format!("{PREFIX}{}", hex::encode(&hasher.clone().finalize()[..12]));
    let mut names = vec![name(&hasher)];
    for file in files {
        hasher.update(format!("{} {}\n", file.name, file.contents.len()));
        hasher.update(&file.contents);
        names.push(name(&hasher));
    }
    names
}

/// Builds the template of all `files` while the lock is held.
async fn build(
    server: &Server,
    files: &[MigrationFile],
    names: &[String],
    existing: &[String],
) -> Result<()> {
    let known = (0..names.len()).rev().find(|&length| existing.contains(&names[length]));
    let done = known.unwrap_or(0);
    let database = match known {
        Some(length) => server.temporary_copy(&names[length], "template").await?,
        None => server.temporary_database("template").await?,
    };
    let mut connection = server.connect_once(database.name()).await?;
    let replayed = run(&mut connection, &files[done..]).await;
    connection.close().await?;
    // Of a history with a mistake near its end, the good part need not be replayed again.
    let good = match &replayed {
        Ok(()) => files.len(),
        Err(error) if error.is_clean => done + error.applied,
        Err(_) => done,
    };
    if good > done || replayed.is_ok() {
        // Before it has its name: an open connection would make every copy fail.
        server.seal(database.name()).await?;
        database.persist(&names[good]).await?;
    }
    prune(server, existing, &names[done]).await?;
    replayed.map_err(|error| ReplayError { applied: done + error.applied, ..error }.into())
}

/// Drops the oldest templates, but not the one that was just copied.
async fn prune(server: &Server, existing: &[String], used: &str) -> Result<()> {
    let (used, others): (Vec<_>, Vec<_>) = existing.iter().partition(|name| *name == used);
    // One more was just built.
    for name in others.into_iter().skip(KEPT - 1 - used.len()) {
        server.drop(name).await?;
    }
    // The copies that tests use. Without FORCE: one may be in use.
    let mut admin = server.admin().await?;
    let copies: Vec<String> = sqlx::query_scalar(
        "SELECT datname::text FROM pg_database, substring(datname FROM '^test_([0-9a-f]{24})_') history
         WHERE history IS NOT NULL
           AND NOT EXISTS (SELECT FROM pg_database WHERE datname = 'template_' || history)",
    )
    .fetch_all(&mut admin)
    .await?;
    for name in copies {
        let drop = format!("DROP DATABASE IF EXISTS {name}");
        let _ = sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut admin).await;
    }
    Ok(admin.close().await?)
}

/// Returns a copy of the template, which is dropped with the returned value. Its name starts
/// with `prefix`.
///
/// # Errors
/// As of [`template`].
pub async fn copy(
    server: &Server,
    files: &[MigrationFile],
    prefix: &str,
) -> Result<TemporaryDatabase> {
    loop {
        let template = template(server, files).await?;
        match server.temporary_copy(&template, prefix).await {
            // Another process dropped it meanwhile, as the oldest of many.
            Err(_) if !server.exists(&template).await? => {}
            copied => return copied,
        }
    }
}

/// Names of the templates on the server that this user owns, the newest first.
async fn existing(admin: &mut PgConnection) -> Result<Vec<String>> {
    let names = sqlx::query_scalar(
        "SELECT datname::text FROM pg_database WHERE datname ~ '^template_[0-9a-f]{24}$' AND pg_has_role(datdba, 'USAGE') ORDER BY oid DESC",
    );
    Ok(names.fetch_all(admin).await?)
}
