use anyhow::Result;
use atlas::{ApplyOptions, Atlas, MigrationDirectory};
use postgres::{Server, TemporaryDatabase};

use crate::Project;

/// Atlas, and empty databases for it to plan on, which are dropped with this value.
#[derive(Debug)]
pub struct DevDatabases {
    pub atlas: Atlas,
    server: Server,
    databases: Vec<TemporaryDatabase>,
}

impl DevDatabases {
    /// # Errors
    /// When there is no server or no Atlas, or this Atlas does not support the server.
    pub async fn open(project: &Project) -> Result<Self> {
        let atlas = project.atlas()?;
        let server = postgres::server_in(&project.root).await?;
        atlas.supports_server(server.major())?;
        Ok(Self { atlas, server, databases: Vec::new() })
    }

    /// Creates an empty database and returns its URL.
    pub async fn create(&mut self, purpose: &str) -> Result<String> {
        let database = self.server.temporary_database(purpose).await?;
        let url = database.url();
        self.databases.push(database);
        Ok(url)
    }

    /// Applies all migrations to an empty database. Returns their number.
    pub async fn replay(&mut self, migrations: &MigrationDirectory) -> Result<usize> {
        let database = self.create("replay").await?;
        Ok(self.atlas.apply(migrations, &database, &ApplyOptions::default())?.applied.len())
    }
}
