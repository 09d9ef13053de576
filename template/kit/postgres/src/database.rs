//! A database of one's own.

use std::{fmt, process};

use anyhow::{Context as _, Result};
use sea_orm::{
    DatabaseConnection,
    sqlx::{self, Connection as _, PgConnection},
};

use crate::{Server, random};

/// PostgreSQL cuts longer names off in silence.
const LONGEST_NAME: usize = 63;

/// A database on a [`Server`]. It stays until [`Database::drop_database`]:
/// dropping the value does nothing, as there is no waiting in `Drop`.
#[derive(Clone)]
#[must_use = "the database stays on the server until `drop_database`"]
pub struct Database {
    server: Server,
    name: String,
}

impl Database {
    pub(crate) async fn create(server: Server, prefix: &str) -> Result<Self> {
        // The server may be shared with other machines: the pid alone is not unique.
        let name = fit(
            prefix,
            &format!("_{}_{}", process::id(), random::hex::<4>()?),
        );
        run(&server, &format!("CREATE DATABASE {}", quoted(&name)))
            .await
            .with_context(|| format!("could not create database {name:?} on {server}"))?;
        Ok(Self { server, name })
    }

    /// The name, not quoted.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The URL, password included.
    pub fn url(&self) -> String {
        self.server.url(&self.name)
    }

    /// A pool of connections, as of [`Server::connect`].
    ///
    /// # Errors
    ///
    /// When there is no connection within ten seconds.
    pub async fn connect(&self) -> Result<DatabaseConnection> {
        self.server.connect(&self.name).await
    }

    /// Drops it, whoever is still connected.
    ///
    /// # Errors
    ///
    /// When the server does not answer or refuses.
    pub async fn drop_database(self) -> Result<()> {
        let Self { server, name } = self;
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quoted(&name));
        run(&server, &statement)
            .await
            .with_context(|| format!("could not drop database {name:?} on {server}"))
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({:?} of {})", self.name, self.server)
    }
}

/// Runs one statement on a connection of its own: CREATE and DROP DATABASE work
/// in no transaction, and need no pool.
async fn run(server: &Server, statement: &str) -> Result<()> {
    let mut connection: PgConnection = server.admin().await?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    Ok(())
}

/// `prefix` and `suffix`, with so much of the prefix as a name can hold.
fn fit(prefix: &str, suffix: &str) -> String {
    let room = prefix.floor_char_boundary(LONGEST_NAME - suffix.len());
    format!("{}{suffix}", &prefix[..room])
}

fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_prefix_is_cut_between_characters() {
        assert_eq!(fit("short", "_1"), "short_1");
        let name = fit(&"ä".repeat(60), "_1");
        assert_eq!(name, format!("{}_1", "ä".repeat(30)));
        assert!(name.len() <= LONGEST_NAME);
    }

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(quoted(r#"a"b"#), r#""a""b""#);
    }
}
