//! The two schemas that plans and checks compare: the one that the migrations create, and the
//! one that the project describes, by its entities or in SQL.

use anyhow::{Result, anyhow};
use atlas::MigrationFile;
use catalog::{Difference, Snapshot};
use postgres::Server;
use replay::ReplayError;

use crate::{project::Project, report::count};

/// Replays the migrations, of which only new ones cost time, and returns their schema.
///
/// # Errors
/// When a migration does not apply: with its place, and how many apply before it.
pub(crate) async fn migrated(server: &Server, files: &[MigrationFile]) -> Result<Snapshot> {
    let template = replay::template(server, files).await.map_err(explain)?;
    let database = server.temporary_copy(&template, "migrated").await?;
    let snapshot = replay::snapshot(&mut server.connect_once(database.name()).await?).await?;
    database.drop_database().await?;
    Ok(snapshot)
}

/// Loads the DDL that [`schema::print`](crate::schema::print) returned into an empty database,
/// and returns its schema.
///
/// # Errors
/// When PostgreSQL refuses a statement: with the file that it comes from.
pub(crate) async fn described(project: &Project, server: &Server, ddl: &str) -> Result<Snapshot> {
    let file = MigrationFile { name: String::new(), contents: ddl.into() };
    let database = server.temporary_database("described").await?;
    let mut connection = server.connect_once(database.name()).await?;
    replay::run(&mut connection, &[file]).await.map_err(|error| refused(project, ddl, &error))?;
    let snapshot = replay::snapshot(&mut connection).await?;
    drop(connection);
    database.drop_database().await?;
    Ok(snapshot)
}

/// Changes that would make the schema of the migrations like the described one, without
/// objects that the project does not manage.
pub(crate) fn difference(
    project: &Project,
    migrated: &Snapshot,
    described: &Snapshot,
) -> Difference {
    let mut difference = migrated.difference(described);
    difference.changes.retain(|change| project.unmanaged_reason(&change.object).is_none());
    difference
}

fn explain(error: anyhow::Error) -> anyhow::Error {
    match error.downcast::<ReplayError>() {
        Ok(failed) => anyhow!(
            "{failed}\nbefore it, {} without an error; if the file is new on this branch, edit it, \
             then: just hash-migrations",
            match failed.applied {
                1 => "1 migration applies".to_owned(),
                applied => format!("{} apply", count(applied, "migration")),
            }
        ),
        Err(other) => other,
    }
}

/// Says where a statement of the DDL comes from: parts of it begin with a comment that is the
/// path of their file.
fn refused(project: &Project, ddl: &str, error: &ReplayError) -> anyhow::Error {
    let before = error.line.map_or(0, |line| line - 1);
    let (at, path) = (0..before)
        .zip(ddl.lines())
        .filter_map(|(at, line)| Some((at + 1, line.strip_prefix("-- ")?)))
        .filter(|(_, path)| project.describes(path))
        .last()
        .unwrap_or((0, "the schema"));
    let place = match path.strip_suffix(".sql") {
        Some(_) => format!("{path}, line {}", before + 1 - at),
        None => path.to_owned(),
    };
    let statement = error.statement.as_deref().map(|sql| format!("\n  statement: {sql}"));
    anyhow!("{place}: {}{}", error.message, statement.unwrap_or_default())
}
