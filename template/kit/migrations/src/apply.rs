//! Applies the pending migrations to a database that others may use.

use std::{thread, time::Duration};

use anyhow::{Result, bail, ensure};
use atlas::{AppliedFile, ApplyOptions, Error, MigrationError};
use sea_orm::sqlx::{self, Connection as _};

use crate::{
    compare::{Scratch, connect, ensure_same_major},
    project::Project,
};

/// Kinds of objects that operators change, and no later migration depends on.
const NOT_COMPARED: [&str; 3] = ["comment", "default privilege", "privilege"];

/// How often to try while a lock is not granted.
const TRIES: u32 = 5;

/// Indexes that no query uses, because building them concurrently was broken off; not those
/// that are being built. An index of a partitioned table is valid once all its parts are.
const INVALID: &str = "SELECT indexrelid::regclass::text FROM pg_index
    WHERE NOT indisvalid AND indexrelid NOT IN (SELECT oid FROM pg_class WHERE relkind = 'I')
      AND indexrelid NOT IN (SELECT index_relid FROM pg_stat_progress_create_index)
    ORDER BY 1";

/// Applies the pending migrations, and prints each. Tries again, with longer pauses, while a
/// lock is not granted.
///
/// # Errors
/// When a migration fails, and when an index is INVALID afterwards.
pub async fn run(project: &Project, url: &str) -> Result<Vec<AppliedFile>> {
    let atlas = project.atlas()?;
    let mut applied = Vec::new();
    for attempt in 1.. {
        let error = match atlas.apply(&project.migrations, url, &ApplyOptions::default()) {
            Ok(report) => {
                print(&report.applied);
                applied.extend(report.applied);
                break;
            }
            Err(Error::Migration(error)) => error,
            Err(other) => return Err(other.into()),
        };
        print(&error.report.applied);
        let Some(file) = without_lock(project, &error)? else {
            let hint = invalid(url, "drop it (DROP INDEX CONCURRENTLY) and apply again").await;
            return Err(anyhow::anyhow!("{error}{}", hint.unwrap_or_default()));
        };
        if attempt == TRIES {
            bail!(
                "a lock was not granted in {TRIES} tries, so nothing of {file} is applied. Apply \
                 again when the table is less busy, or end what holds it (pg_blocking_pids shows it)"
            );
        }
        let pause = 1 << (attempt - 1);
        println!("a lock was not granted, so nothing of {file} is applied: again in {pause} s");
        applied.append(&mut error.report.applied.clone());
        thread::sleep(Duration::from_secs(pause));
    }
    match invalid(url, "build it anew: REINDEX INDEX CONCURRENTLY").await {
        None => Ok(applied),
        Some(hint) => bail!("all migrations are applied, but not as they should be{hint}"),
    }
}

/// Records that the database has the migrations up to `version` already: one that another tool
/// made. It may have more.
///
/// # Errors
/// When it lacks something that these make: a line for each.
pub async fn baseline(project: &Project, url: &str, version: &str) -> Result<()> {
    let files = project.migrations.files()?;
    ensure!(
        files.iter().any(|file| file.version() == version),
        "no migration has the version {version}"
    );
    let files: Vec<_> = files.into_iter().filter(|file| file.version() <= version).collect();
    let server = postgres::server_in(&project.root).await?;
    let mut connection = connect(url).await?;
    ensure_same_major(&mut connection, &server).await?;
    let made = Scratch::migrated(&server, &files).await?.snapshot().await?;
    let mut lacks = replay::snapshot(&mut connection).await?.difference(&made);
    connection.close().await?;
    lacks
        .changes
        .retain(|change| change.after.is_some() && !NOT_COMPARED.contains(&&*change.object.kind));
    ensure!(
        lacks.is_empty(),
        "the database is not at {version}, and nothing was recorded. It lacks, or has differently:\n{lacks}"
    );
    project.atlas()?.set(&project.migrations, url, version)?;
    println!("recorded as applied: all migrations up to {version}");
    Ok(())
}

fn print(files: &[AppliedFile]) {
    for file in files {
        println!("applied {}", file.name);
    }
}

/// The file that was rolled back as a whole because it did not get a lock: not in time, or it
/// and another session waited for each other.
fn without_lock(project: &Project, error: &MigrationError) -> Result<Option<String>> {
    let files = project.migrations.files()?;
    let rolled_back = files
        .into_iter()
        .find(|file| Some(&file.name) == error.file.as_ref() && file.is_transactional());
    let is_lock = ["due to lock timeout", "deadlock detected"];
    let is_lock = is_lock.iter().any(|words| error.message.contains(words));
    Ok(rolled_back.filter(|_| is_lock).map(|file| file.name))
}

/// Says which indexes are INVALID, and what to do; `None` if none is.
async fn invalid(url: &str, remedy: &str) -> Option<String> {
    match invalid_indexes(url).await {
        Ok(indexes) if indexes.is_empty() => None,
        Ok(indexes) => Some(format!(
            "\n{} INVALID, because building it was broken off; no query uses it: {remedy}",
            match indexes.as_slice() {
                [index] => format!("The index {index} is"),
                several => format!("The indexes {} are", several.join(", ")),
            }
        )),
        Err(error) => {
            println!("- did not look for INVALID indexes: {error:#}");
            None
        }
    }
}

async fn invalid_indexes(url: &str) -> Result<Vec<String>> {
    let mut connection = connect(url).await?;
    let indexes = sqlx::query_scalar(INVALID).fetch_all(&mut connection).await?;
    connection.close().await?;
    Ok(indexes)
}
