use anyhow::Result;
use atlas::{ApplyOptions, Atlas, MigrationDirectory};
use postgres::{Database, Server};

use crate::Project;

/// Atlas, and empty databases for it that are gone afterwards.
#[derive(Debug)]
pub struct Scratch {
    pub atlas: Atlas,
    server: Server,
    databases: Vec<Database>,
}

impl Scratch {
    /// # Errors
    /// When there is no server, no Atlas, or one that cannot work with the other.
    pub async fn open(project: &Project) -> Result<Self> {
        let atlas = project.atlas()?;
        let server = postgres::server_in(&project.root).await?;
        atlas.supports_server(server.major())?;
        Ok(Self {
            atlas,
            server,
            databases: Vec::new(),
        })
    }

    /// The URL of an empty database.
    pub async fn new_database(&mut self, purpose: &str) -> Result<String> {
        let database = self.server.create_database(purpose).await?;
        let url = database.url();
        self.databases.push(database);
        Ok(url)
    }

    /// Applies all migrations to an empty database.
    pub async fn replay(&mut self, migrations: &MigrationDirectory) -> Result<usize> {
        let database = self.new_database("replay").await?;
        Ok(self
            .atlas
            .apply(migrations, &database, &ApplyOptions::default())?
            .applied
            .len())
    }

    /// Drops the databases. One that cannot be dropped is told of, and left.
    pub async fn close(self) {
        for database in self.databases {
            if let Err(error) = database.drop_database().await {
                eprintln!("left over: {error:#}");
            }
        }
    }
}
