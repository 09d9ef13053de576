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
    /// The schema at each version, beside the program; may be missing.
    pub snapshots: PathBuf,
    /// TASK: how to start the container task that applies migrations instead of a function; the
    /// request of RunTask in JSON.
    pub task: Option<String>,
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
            snapshots: env.beside_the_program("SNAPSHOTS", "snapshots.json"),
            task: env.optional("TASK"),
        };
        if is_proxy(&config.database.host) {
            env.report(format!(
                "DB_HOST, {}, is an RDS Proxy, which refuses the session settings that end a \
                 migration in time: name the endpoint of the instance, or the writer's of the \
                 cluster",
                config.database.host
            ));
        }
        env.finish().map(|()| config)
    }
}

/// Whether this is the host name of an RDS Proxy: `NAME.proxy-ID.REGION.rds.amazonaws.com`, or
/// `NAME.endpoint.proxy-ID...`.
fn is_proxy(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    host.contains(".amazonaws.com") && host.contains(".proxy-")
}
