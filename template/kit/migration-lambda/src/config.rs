//! Settings from environment variables.

use std::path::PathBuf;

use anyhow::Result;
use rds::{DatabaseOverrides, DatabaseSettings, EnvReader};

/// Environment variables of the function; [`rds`] documents those of the database.
#[derive(Clone, Debug)]
pub struct Config {
    pub database: DatabaseSettings,
    /// ATLAS: path of the program, which is in a layer.
    pub atlas: PathBuf,
    /// MIGRATIONS: the migration directory, beside the program. Not compiled in, so that a new
    /// migration needs no build.
    pub migrations: PathBuf,
}

impl Config {
    /// Reads the variables; `stack` takes precedence for the database.
    ///
    /// # Errors
    /// When variables are missing or malformed; names all of them.
    pub fn from_env(stack: &DatabaseOverrides) -> Result<Self> {
        let mut env = EnvReader::new(&|name| std::env::var(name).ok());
        let config = Self {
            database: DatabaseSettings::read(&mut env, stack),
            atlas: env.optional("ATLAS").map_or_else(|| "/opt/bin/atlas".into(), PathBuf::from),
            migrations: env.beside_the_program("MIGRATIONS", "migrations"),
        };
        env.finish().map(|()| config)
    }
}
