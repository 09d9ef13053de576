//! The function's own connection to the database: reads the history, and finds and ends
//! Atlas' sessions. Atlas applies the migrations over its own connection.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use atlas::{Revision, history};
use rds::{DatabaseSettings, Login, Tls};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::{sleep, timeout};
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::config::Config;

/// Time-out of one attempt to connect, and of one query.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Pause between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(500);

/// An open connection.
pub struct Database {
    client: Client,
}

/// A running statement.
#[derive(Debug)]
pub struct Running {
    pub statement: String,
    /// Sessions that hold a lock it waits for, in words; may be empty.
    pub waits_for: String,
}

impl Database {
    /// Connects, and retries while the server is starting, full, or refuses connections: a
    /// paused Aurora takes about 15 s to wake up.
    ///
    /// # Errors
    /// When there is no connection after `time`; see also [`is_login_refused`].
    pub async fn connect(config: &Config, login: &Login, time: Duration) -> Result<Self> {
        let settings = &config.database;
        let end = Instant::now() + time;
        let give_up = Instant::now() + time.min(config.connect_timeout);
        loop {
            let time = TIMEOUT.min(end.saturating_duration_since(Instant::now()));
            let error = match timeout(time, Self::connect_once(settings, login)).await {
                Ok(Ok(database)) => return Ok(database),
                Ok(Err(error)) if !may_pass(&error) => return Err(describe(settings, error)),
                Ok(Err(error)) => error,
                Err(_) => anyhow!(
                    "no answer within {:.0} s: do the security groups let the function in?",
                    time.as_secs_f32()
                ),
            };
            if Instant::now() + PAUSE > give_up {
                return Err(describe(settings, error));
            }
            tracing::info!("cannot connect to the database yet: {error:#}");
            sleep(PAUSE).await;
        }
    }

    async fn connect_once(settings: &DatabaseSettings, login: &Login) -> Result<Self> {
        let (ssl_mode, roots) = match &settings.tls {
            Tls::Disable => (SslMode::Disable, RootCertStore::empty()),
            Tls::VerifyFull { ca_bundle } => (SslMode::Require, root_certificates(ca_bundle)?),
        };
        let tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let mut options = tokio_postgres::Config::new();
        options
            .host(&settings.host)
            .port(settings.port)
            .dbname(&settings.name)
            .user(&login.user)
            .password(&login.password.0)
            .ssl_mode(ssl_mode)
            .connect_timeout(TIMEOUT)
            // Idle while Atlas works; firewalls drop idle connections.
            .keepalives_idle(Duration::from_secs(30))
            .keepalives_interval(Duration::from_secs(10))
            .application_name("migration-lambda");
        let (client, connection) = options.connect(MakeRustlsConnect::new(tls)).await?;
        tokio::spawn(connection);
        Ok(Self { client })
    }

    /// Returns whether the connection is lost.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Returns Atlas' history; empty before the first migration.
    pub async fn history(&self) -> Result<Vec<Revision>> {
        let table = history::TABLE;
        let exists = format!("SELECT to_regclass('{table}') IS NOT NULL");
        if !self.holds(&exists).await? {
            return Ok(Vec::new());
        }
        // Versions that begin with a dot are Atlas' own notes.
        let select = format!(
            "SELECT version, type, applied, total, error FROM {table} WHERE version NOT LIKE '.%'"
        );
        let rows = self.query(&select, &[]).await?;
        let count = |count: i64| usize::try_from(count).unwrap_or_default();
        Ok(rows
            .iter()
            .map(|row| {
                let kind: i64 = row.get(1);
                Revision {
                    version: row.get(0),
                    applied: count(row.get(2)),
                    total: count(row.get(3)),
                    is_baseline: kind & Revision::BASELINE != 0,
                    is_resolved: kind & Revision::RESOLVED != 0,
                    error: row.get::<_, Option<String>>(4).filter(|error| !error.is_empty()),
                }
            })
            .collect())
    }

    /// Returns whether the connection is read-only: a replica, or a read-only role.
    pub async fn is_read_only(&self) -> Result<bool> {
        self.holds("SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on'")
            .await
    }

    /// Returns whether the server can check for a lost client while a statement runs, as
    /// PostgreSQL 14 and later can.
    pub async fn can_check_clients(&self) -> Result<bool> {
        self.holds("SELECT current_setting('client_connection_check_interval', true) IS NOT NULL")
            .await
    }

    /// Returns the statement that a session of this name runs.
    pub async fn running(&self, application_name: &str) -> Result<Option<Running>> {
        let rows = self
            .query(
                "SELECT query, coalesce((
                     SELECT string_agg(format('%s (user %s, application %s, %s)',
                         b.pid, b.usename, b.application_name, b.state), ', ')
                     FROM pg_stat_activity b WHERE b.pid = ANY (pg_blocking_pids(a.pid))), '')
                 FROM pg_stat_activity a
                 WHERE application_name = $1 AND state = 'active'
                 ORDER BY query_start LIMIT 1",
                &[&application_name],
            )
            .await?;
        Ok(rows.first().map(|row| Running { statement: row.get(0), waits_for: row.get(1) }))
    }

    /// Ends the sessions of this name and waits until they are gone.
    ///
    /// # Errors
    /// When some are still there after `time`.
    pub async fn end_sessions(&self, application_name: &str, time: Duration) -> Result<()> {
        let give_up = Instant::now() + time;
        loop {
            // Allowed without more privileges: the role is the same.
            let rows = self
                .query(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                     WHERE application_name = $1 AND pid <> pg_backend_pid()",
                    &[&application_name],
                )
                .await?;
            if rows.is_empty() {
                return Ok(());
            }
            if Instant::now() > give_up {
                bail!("the server has not ended the statement yet");
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Returns the single boolean of a query.
    async fn holds(&self, question: &str) -> Result<bool> {
        let rows = self.query(question, &[]).await?;
        Ok(rows.iter().any(|row| row.get(0)))
    }

    async fn query(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        timeout(TIMEOUT, self.client.query(sql, parameters))
            .await
            .context("the database does not answer")?
            .context("the database")
    }
}

fn root_certificates(file: &Path) -> Result<RootCertStore> {
    let pem =
        fs::read(file).with_context(|| format!("cannot read DB_CA_BUNDLE, {}", file.display()))?;
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_slice_iter(&pem);
    roots.add_parsable_certificates(certificates.filter_map(Result::ok));
    if roots.is_empty() {
        bail!("DB_CA_BUNDLE, {}, holds no certificate", file.display());
    }
    Ok(roots)
}

fn describe(settings: &DatabaseSettings, mut error: anyhow::Error) -> anyhow::Error {
    if let Tls::VerifyFull { ca_bundle } = &settings.tls
        && format!("{error:#}").contains("invalid peer certificate")
    {
        error = error.context(format!(
            "its certificate is not trusted: DB_HOST must be the name in it, and DB_CA_BUNDLE, \
             {}, hold the authority that signed it",
            ca_bundle.display()
        ));
    }
    error.context(format!(
        "cannot connect to the database {} at {}:{}",
        settings.name, settings.host, settings.port
    ))
}

fn sql_state(error: &anyhow::Error) -> Option<&SqlState> {
    error.downcast_ref::<tokio_postgres::Error>()?.code()
}

/// Whether the server refuses the user or the password.
pub fn is_login_refused(error: &anyhow::Error) -> bool {
    [Some(&SqlState::INVALID_PASSWORD), Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)]
        .contains(&sql_state(error))
}

/// Whether trying again may succeed.
fn may_pass(error: &anyhow::Error) -> bool {
    use ErrorKind::*;
    if let Some(code) = sql_state(error) {
        return [SqlState::TOO_MANY_CONNECTIONS, SqlState::CANNOT_CONNECT_NOW].contains(code);
    }
    error.chain().any(|cause| {
        let closed = cause.downcast_ref::<tokio_postgres::Error>();
        let io = cause.downcast_ref::<std::io::Error>();
        closed.is_some_and(tokio_postgres::Error::is_closed)
            || io.is_some_and(|io| {
                matches!(
                    io.kind(),
                    ConnectionRefused
                        | ConnectionReset
                        | HostUnreachable
                        | NetworkUnreachable
                        | TimedOut
                        | UnexpectedEof
                )
            })
    })
}
