use anyhow::{Context as _, Result};
use atlas::MigrationFile;
use postgres::Server;
use sea_orm::sqlx::{self, Connection as _, PgConnection};
use sha2::{Digest as _, Sha256};

use crate::{ReplayError, run};

/// Begins the name of a template; a key made of the history follows.
const PREFIX: &str = "template_";
/// Ends the name of one that is being made.
const UNFINISHED: &str = "_unfinished";
/// Number of templates to keep on a server: those of some branches, and of what they began with.
const KEPT: usize = 8;
/// Advisory lock of whoever makes a template.
const LOCK: i64 = 0x7465_6d70_6c61_7465;

/// Returns the name of a database that has exactly these migrations. It takes no
/// connections: copy it.
///
/// The first call for a history makes it, from the longest part of the history that there
/// is a template of; processes that call at once wait for the first. Templates stay on the
/// server; the oldest go when there are many.
///
/// # Errors
/// [`ReplayError`] when a migration fails, another error when the server does not do its part.
pub async fn template(server: &Server, files: &[MigrationFile]) -> Result<String> {
    let names = names(files);
    let wanted = names.last().context("a history has a name")?;
    let mut admin = server.admin().await?;
    if !existing(&mut admin).await?.contains(wanted) {
        // Released with the connection, however this ends.
        let lock = format!("SELECT pg_advisory_lock({LOCK})");
        sqlx::raw_sql(sqlx::AssertSqlSafe(lock))
            .execute(&mut admin)
            .await?;
        let existing = existing(&mut admin).await?;
        if !existing.contains(wanted) {
            make(server, files, &names, &existing).await?;
        }
    }
    admin.close().await?;
    Ok(wanted.clone())
}

/// Names of the templates of all beginnings of a history, that of none first.
fn names(files: &[MigrationFile]) -> Vec<String> {
    let mut hasher = Sha256::new();
    let mut names = Vec::with_capacity(files.len() + 1);
    let name =
        |hasher: &Sha256| format!("{PREFIX}{}", hex::encode(&hasher.clone().finalize()[..12]));
    names.push(name(&hasher));
    for file in files {
        hasher.update(format!("{} {}\n", file.name, file.contents.len()));
        hasher.update(&file.contents);
        names.push(name(&hasher));
    }
    names
}

/// Makes the template of all `files` while the lock is held.
async fn make(
    server: &Server,
    files: &[MigrationFile],
    names: &[String],
    existing: &[String],
) -> Result<()> {
    let known = (0..names.len())
        .rev()
        .find(|&length| existing.contains(&names[length]));
    let done = known.unwrap_or(0);
    let unfinished = format!("{}{UNFINISHED}", names[files.len()]);
    // Nobody else makes one now: these are left from processes that were killed.
    for name in existing.iter().filter(|name| name.ends_with(UNFINISHED)) {
        server.drop_database(name).await?;
    }
    match known {
        Some(length) => server.copy_database(&names[length], &unfinished).await?,
        None => server.create_named_database(&unfinished).await?,
    }
    let mut connection = server.connect_once(&unfinished).await?;
    let replayed = run(&mut connection, &files[done..]).await;
    connection.close().await?;
    // Of a history with a mistake near its end, the good part need not be replayed again.
    let good = match &replayed {
        Ok(()) => files.len(),
        Err(error) if error.is_clean => done + error.applied,
        Err(_) => done,
    };
    if good > done || replayed.is_ok() {
        server.rename_database(&unfinished, &names[good]).await?;
        // An open connection would make every copy fail.
        server.refuse_connections(&names[good]).await?;
    } else {
        server.drop_database(&unfinished).await?;
    }
    prune(server, existing, &names[done]).await?;
    replayed.map_err(|error| {
        ReplayError {
            applied: done + error.applied,
            ..error
        }
        .into()
    })
}

/// Drops the oldest templates, but not the one that was just copied.
async fn prune(server: &Server, existing: &[String], used: &str) -> Result<()> {
    let (used, others): (Vec<_>, Vec<_>) = existing
        .iter()
        .filter(|name| !name.ends_with(UNFINISHED))
        .partition(|name| *name == used);
    // One more was just made.
    for name in others.into_iter().skip(KEPT - 1 - used.len()) {
        server.drop_database(name).await?;
    }
    Ok(())
}

/// Names of all templates on the server, the newest first.
async fn existing(admin: &mut PgConnection) -> Result<Vec<String>> {
    let names = sqlx::query_scalar(
        "SELECT datname FROM pg_database WHERE datname ~ '^template_[0-9a-f]{24}' ORDER BY oid DESC",
    );
    Ok(names.fetch_all(admin).await?)
}
