//! Creates, copies, renames and drops databases.

use std::time::Duration;

use anyhow::{Context as _, Result};
use sea_orm::sqlx::{self, Connection as _, PgConnection};
use tokio::time::sleep;

use crate::Server;

/// How long [`Server::drop`] waits for connections to end, in units of 2 ms.
const PATIENCE: usize = 50;

impl Server {
    /// Whether there is a database with this name.
    ///
    /// # Errors
    ///
    /// When the server does not answer.
    pub async fn exists(&self, database: &str) -> Result<bool> {
        let mut connection = self.admin().await?;
        let found = sqlx::query("SELECT FROM pg_database WHERE datname = $1")
            .bind(database)
            .fetch_optional(&mut connection)
            .await?;
        connection.close().await?;
        Ok(found.is_some())
    }

    /// Creates an empty database.
    ///
    /// # Errors
    ///
    /// When the server does not answer or refuses.
    pub async fn create(&self, database: &str) -> Result<()> {
        let database = quoted(database);
        self.execute(&format!("CREATE DATABASE {database}")).await
    }

    /// Creates a database as a copy of another one, which must have no connections.
    ///
    /// # Errors
    ///
    /// When the server does not answer or refuses.
    pub async fn copy(&self, from: &str, to: &str) -> Result<()> {
        // Copying files is much faster than logging each page, the default, and safe
        // where durability does not matter. PostgreSQL 14 knows no other way.
        let strategy = match self.major() {
            ..=14 => "",
            _ => " STRATEGY file_copy",
        };
        let (from, to) = (quoted(from), quoted(to));
        self.execute(&format!("CREATE DATABASE {to} TEMPLATE {from}{strategy}")).await
    }

    /// Renames a database, after ending its connections.
    ///
    /// # Errors
    ///
    /// When the server does not answer or refuses.
    pub async fn rename(&self, from: &str, to: &str) -> Result<()> {
        let mut connection = self.admin().await?;
        end_connections(&mut connection, from).await;
        let statement = format!("ALTER DATABASE {} RENAME TO {}", quoted(from), quoted(to));
        self.run(connection, &statement).await
    }

    /// Refuses all connections to a database from now on, so that copying it cannot fail.
    ///
    /// # Errors
    ///
    /// When the server does not answer or refuses.
    pub async fn seal(&self, database: &str) -> Result<()> {
        let database = quoted(database);
        self.execute(&format!("ALTER DATABASE {database} ALLOW_CONNECTIONS false")).await
    }

    /// Drops a database if it exists, after ending its connections.
    ///
    /// # Errors
    ///
    /// When the server does not answer or refuses.
    pub async fn drop(&self, database: &str) -> Result<()> {
        let mut connection = self.admin().await?;
        end_connections(&mut connection, database).await;
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quoted(database));
        self.run(connection, &statement).await
    }

    /// Runs a statement on the maintenance database, outside of any transaction.
    async fn execute(&self, statement: &str) -> Result<()> {
        let connection = self.admin().await?;
        self.run(connection, statement).await
    }

    async fn run(&self, mut connection: PgConnection, statement: &str) -> Result<()> {
        execute(&mut connection, statement)
            .await
            .with_context(|| format!("{statement} failed on {self}"))?;
        Ok(connection.close().await?)
    }
}

/// Ends the connections to a database, and waits for a moment until they are gone. FORCE does
/// the same, but then waits for 100 ms.
async fn end_connections(connection: &mut PgConnection, database: &str) {
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1";
    for _ in 0..PATIENCE {
        match sqlx::query(end).bind(database).fetch_all(&mut *connection).await {
            Ok(ended) if !ended.is_empty() => sleep(Duration::from_millis(2)).await,
            _ => break,
        }
    }
}

pub(crate) async fn execute(
    connection: &mut PgConnection,
    statement: &str,
) -> Result<(), sqlx::Error> {
    let statement = sqlx::raw_sql(sqlx::AssertSqlSafe(statement));
    statement.execute(connection).await.map(drop)
}

/// The name as an SQL identifier.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
