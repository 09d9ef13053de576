//! The two schemas that plans and checks compare: the one that the migrations create, and the
//! one that the project describes, by its entities or in SQL.

use std::str::FromStr as _;

use anyhow::{Context as _, Result, anyhow, ensure};
use atlas::MigrationFile;
use catalog::{Difference, Snapshot};
use planner::Schema;
use postgres::{Server, TemporaryDatabase};
use replay::ReplayError;
use sea_orm::sqlx::{self, ConnectOptions as _, PgConnection, postgres::PgConnectOptions};

use crate::{project::Project, report::count};

/// A throwaway database.
#[derive(Debug)]
pub(crate) struct Scratch {
    // Dropped first: a database without connections is dropped faster.
    connection: PgConnection,
    database: TemporaryDatabase,
}

impl Scratch {
    async fn open(server: &Server, database: TemporaryDatabase) -> Result<Self> {
        let connection = server.connect_once(database.name()).await?;
        Ok(Self { connection, database })
    }

    /// Replays the migrations, of which only new ones cost time.
    ///
    /// # Errors
    /// When a migration does not apply: with its place, and how many apply before it.
    pub(crate) async fn migrated(server: &Server, files: &[MigrationFile]) -> Result<Self> {
        let copy = replay::copy(server, files, "migrated").await.map_err(explain)?;
        Self::open(server, copy).await
    }

    /// Loads the DDL that [`schema::print`](crate::schema::print) returned.
    ///
    /// # Errors
    /// When PostgreSQL refuses a statement: with the file that it comes from.
    pub(crate) async fn described(project: &Project, server: &Server, ddl: &str) -> Result<Self> {
        let mut scratch = Self::empty(server).await?;
        scratch.load(project, ddl).await?;
        Ok(scratch)
    }

    pub(crate) async fn empty(server: &Server) -> Result<Self> {
        Self::open(server, server.temporary_database("described").await?).await
    }

    /// As [`Scratch::described`], in a database that is there already.
    pub(crate) async fn load(&mut self, project: &Project, ddl: &str) -> Result<()> {
        let file = MigrationFile { name: String::new(), contents: ddl.into() };
        self.run(&[file]).await.map_err(|error| refused(project, ddl, &error))
    }

    /// URL of the database, password included.
    pub(crate) fn url(&self) -> String {
        self.database.url()
    }

    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    pub(crate) async fn run(&mut self, files: &[MigrationFile]) -> Result<(), ReplayError> {
        replay::run(&mut self.connection, files).await
    }

    pub(crate) async fn snapshot(&mut self) -> Result<Snapshot> {
        replay::snapshot(&mut self.connection).await
    }

    /// What a plan needs to know, without objects that the project does not manage.
    pub(crate) async fn schema(&mut self, project: &Project) -> Result<Schema> {
        let mut schema = Schema::read(&mut self.connection).await?;
        schema.retain(|object| project.unmanaged_reason(object).is_none());
        Ok(schema)
    }
}

/// Connects to a database that is not this project's.
///
/// # Errors
/// When it does not answer, or insists on TLS.
pub(crate) async fn connect(url: &str) -> Result<PgConnection> {
    let options = PgConnectOptions::from_str(url).context("the URL is not one of PostgreSQL")?;
    options.disable_statement_logging().connect().await.context("cannot connect to the database")
}

/// Checks that both servers print definitions in one way.
///
/// # Errors
/// When their major versions differ.
pub(crate) async fn ensure_same_major(
    connection: &mut PgConnection,
    server: &Server,
) -> Result<()> {
    let number = "SELECT current_setting('server_version_num')::int / 10000";
    let major: i32 = sqlx::query_scalar(number).fetch_one(connection).await?;
    ensure!(
        u32::try_from(major)? == server.major(),
        "the database is on PostgreSQL {major} and this project on {}, which print definitions \
         differently: set POSTGRES_MAJOR={major} in .env.example",
        server.major()
    );
    Ok(())
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
