//! A server that answered, and connections to it.

use std::{fmt, io, str::FromStr, time::Duration};

use anyhow::{Context as _, Result};
use sea_orm::{
    ConnectOptions, Database as SeaOrm, DatabaseConnection,
    sqlx::{self, ConnectOptions as _, PgConnection, postgres::PgConnectOptions},
};
use serde::{Deserialize, Serialize};
use url::Url;

/// How long a server may take to answer.
const ANSWER: Duration = Duration::from_secs(5);

/// How long [`Server::connect`] waits for a connection. Longer than [`ANSWER`], so that
/// a full server can lose some of its connections.
const ACQUIRE: Duration = Duration::from_secs(10);

/// Most connections of a pool. A server has 200.
const POOL: u32 = 5;

/// Where a server came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// `TEST_DATABASE_URL`: the user runs it, and this crate never stops it.
    Url,
    /// A container.
    Docker,
    /// A cluster made with the binaries of this machine.
    Local,
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Url => "TEST_DATABASE_URL",
            Self::Docker => "Docker",
            Self::Local => "local binaries",
        })
    }
}

/// A PostgreSQL server that answered, with a user that may create databases.
///
/// `Display` and `Debug` show no password.
#[derive(Clone)]
pub struct Server {
    provider: Provider,
    major: u32,
    /// URL of the maintenance database, which always exists.
    url: Url,
}

impl Server {
    pub(crate) fn new(provider: Provider, major: u32, url: Url) -> Self {
        Self { provider, major, url }
    }

    /// URL of a database on this server, password included. The parameters of
    /// `TEST_DATABASE_URL` are kept.
    pub fn url(&self, database: &str) -> String {
        with_database(&self.url, database).into()
    }

    /// The major version that the server runs, such as 17.
    pub fn major(&self) -> u32 {
        self.major
    }

    /// Where the server came from.
    pub fn provider(&self) -> Provider {
        self.provider
    }

    /// Returns a small pool of connections to a database. It opens the first one now,
    /// others as needed, and closes none before the pool is dropped.
    ///
    /// # Errors
    ///
    /// When there is no such database, or no connection within ten seconds.
    pub async fn connect(&self, database: &str) -> Result<DatabaseConnection> {
        let mut options = ConnectOptions::new(self.url(database));
        options
            .min_connections(0)
            .max_connections(POOL)
            .acquire_timeout(ACQUIRE)
            .idle_timeout(None)
            .max_lifetime(None)
            .sqlx_logging(false);
        SeaOrm::connect(options)
            .await
            .with_context(|| format!("could not connect to database {database:?} of {self}"))
    }

    /// Opens a single connection to a database.
    ///
    /// # Errors
    ///
    /// When there is no such database, or no answer within five seconds.
    pub async fn connect_once(&self, database: &str) -> Result<PgConnection> {
        open(&with_database(&self.url, database))
            .await
            .with_context(|| format!("could not connect to database {database:?} of {self}"))
    }

    /// Opens a single connection to the maintenance database.
    ///
    /// # Errors
    ///
    /// When there is no answer within five seconds.
    pub async fn admin(&self) -> Result<PgConnection> {
        open(&self.url).await.with_context(|| format!("could not connect to {self}"))
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { provider, major, url } = self;
        write!(f, "PostgreSQL {major} at {} ({provider})", address(url))
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({self})")
    }
}

/// Host and port of a URL, or the directory of its Unix socket.
pub(crate) fn address(url: &Url) -> String {
    match PgConnectOptions::from_str(url.as_str()) {
        Ok(options) => match options.get_socket() {
            Some(socket) => format!("{} (port {})", socket.display(), options.get_port()),
            None => format!("{}:{}", options.get_host(), options.get_port()),
        },
        Err(_) => url.host_str().unwrap_or("?").to_owned(),
    }
}

pub(crate) fn with_database(url: &Url, database: &str) -> Url {
    let mut url = url.clone();
    // Fails only for a URL without an authority, such as `mailto:`.
    if let Ok(mut path) = url.path_segments_mut() {
        path.clear().push(database);
    }
    url
}

/// What a server says about itself.
pub(crate) struct Greeting {
    pub(crate) session: PgConnection,
    pub(crate) major: u32,
    pub(crate) cluster_name: String,
    pub(crate) may_create_databases: bool,
}

/// Connects once and asks. Without a pool, which retries until its time is up and then
/// has lost what the server said.
pub(crate) async fn greet(url: &Url) -> Result<Greeting, sqlx::Error> {
    let ask = async {
        let mut connection = open(url).await?;
        let (version, cluster_name, may_create_databases): (i32, String, bool) = sqlx::query_as(
            "SELECT current_setting('server_version_num')::int, current_setting('cluster_name'), \
             (SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user)",
        )
        .fetch_one(&mut connection)
        .await?;
        Ok(Greeting {
            session: connection,
            major: u32::try_from(version / 10_000).unwrap_or_default(),
            cluster_name,
            may_create_databases,
        })
    };
    in_time(ask).await
}

async fn open(url: &Url) -> Result<PgConnection, sqlx::Error> {
    let options = PgConnectOptions::from_str(url.as_str())?.disable_statement_logging();
    in_time(options.connect()).await
}

async fn in_time<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    tokio::time::timeout(ANSWER, work).await.unwrap_or_else(|_| {
        let message = format!("no answer within {} seconds", ANSWER.as_secs());
        Err(io::Error::new(io::ErrorKind::TimedOut, message).into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str) -> Server {
        Server::new(Provider::Url, 17, Url::parse(url).unwrap())
    }

    #[test]
    fn a_url_is_encoded_and_keeps_its_parameters() {
        let server = server("postgres://me:p%40ss@db.example:5433/postgres?application_name=x");
        assert_eq!(
            server.url("a/b c%?"),
            "postgres://me:p%40ss@db.example:5433/a%2Fb%20c%25%3F?application_name=x"
        );
        let options = PgConnectOptions::from_str(&server.url("a/b c%?")).unwrap();
        assert_eq!(options.get_database(), Some("a/b c%?"));
    }

    #[test]
    fn display_hides_the_password() {
        let server = server("postgres://me:secret@db.example:5433/postgres");
        assert_eq!(server.to_string(), "PostgreSQL 17 at db.example:5433 (TEST_DATABASE_URL)");
        assert!(!format!("{server:?}").contains("secret"));
    }
}
