//! Settings from environment variables.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use rds::{Overrides, Reader, Settings};

/// Environment variables of the function; [`rds`] documents those of the database.
#[derive(Clone, Debug)]
pub struct Config {
    pub database: Settings,
    /// DB_CONNECT_TIMEOUT, seconds: how long to retry while the server is starting, full, or
    /// refuses connections. A paused Aurora takes about 15 s.
    pub connect_timeout: Duration,
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
    /// When some are missing or malformed; names all of them.
    pub fn read(variable: impl Fn(&str) -> Option<String>, stack: &Overrides) -> Result<Self> {
        let mut reader = Reader::new(variable);
        let config = Self {
            database: Settings::read(&mut reader, stack),
            connect_timeout: Duration::from_secs(
                reader.number("DB_CONNECT_TIMEOUT", 30_u16).into(),
            ),
            atlas: reader
                .optional("ATLAS")
                .map_or_else(|| "/opt/bin/atlas".into(), PathBuf::from),
            migrations: reader.beside_the_program("MIGRATIONS", "migrations"),
        };
        reader.finish()?;
        Ok(config)
    }
}
