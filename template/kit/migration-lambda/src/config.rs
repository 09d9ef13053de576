//! What the function is told by its environment.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use rds::{DatabaseOverrides, DatabaseSettings, EnvReader};

/// The names are of environment variables; those of the database are [`rds`]'s.
#[derive(Clone, Debug)]
pub struct Config {
    pub database: DatabaseSettings,
    /// DB_CONNECT_TIMEOUT, seconds: how long to go on trying while the server is
    /// starting, full, or refuses connections. An Aurora that paused needs some 15 s.
    pub connect_timeout: Duration,
    /// ATLAS: the binary, which a layer brings.
    pub atlas: PathBuf,
    /// MIGRATIONS: the migration directory, which lies beside the program. It is not
    /// part of it, so that a new migration needs no compile and no link.
    pub migrations: PathBuf,
}

impl Config {
    /// Reads the variables; what the stack says of the database beats them.
    ///
    /// # Errors
    /// When some are missing or malformed; names all of them.
    pub fn read(
        variable: impl Fn(&str) -> Option<String>,
        stack: &DatabaseOverrides,
    ) -> Result<Self> {
        let mut env = EnvReader::new(variable);
        let config = Self {
            database: DatabaseSettings::read(&mut env, stack),
            connect_timeout: Duration::from_secs(env.number("DB_CONNECT_TIMEOUT", 30_u16).into()),
            atlas: env
                .optional("ATLAS")
                .map_or_else(|| "/opt/bin/atlas".into(), PathBuf::from),
            migrations: env.beside_the_program("MIGRATIONS", "migrations"),
        };
        env.finish()?;
        Ok(config)
    }
}
