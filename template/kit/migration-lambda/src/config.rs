//! What the function is told by its environment.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use rds::{Overrides, Reader, Settings};

/// The names are of environment variables; those of the database are [`rds`]'s.
#[derive(Clone, Debug)]
pub struct Config {
    pub database: Settings,
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
