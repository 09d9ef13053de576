//! The function's own connection to the database: reads the history, and finds and ends
//! Atlas' sessions. Atlas applies the migrations over its own connection.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use atlas::{Revision, history};
use rds::{DatabaseSettings, Login};
use tokio::time::{sleep, timeout};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Row, SimpleQueryMessage};

use crate::patience::Silence;
use crate::server::Server;

/// Time-out of one query.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Time-out of the queries of a snapshot.
const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(60);

/// An open connection.
pub struct Database {
    client: Client,
}

impl Database {
    /// Connects once, to each address of the host until one works.
    ///
    /// # Errors
    /// When no address works. [`is_login_refused`] says whether the login was the reason.
    pub async fn connect(
        settings: &DatabaseSettings,
        login: &Login,
        server: &Server,
    ) -> Result<Self> {
        let mut options = tokio_postgres::Config::new();
        options
            .dbname(&settings.name)
            .user(&login.user)
            .password(&login.password.0)
            .application_name("migration-lambda");
        let open = |stream| async {
            // The stream is encrypted already.
            let (client, connection) = options.connect_raw(stream, NoTls).await?;
            tokio::spawn(connection);
            Ok(Self { client })
        };
        server.connect(open).await.with_context(|| {
            let DatabaseSettings { name, host, port, .. } = settings;
            format!("cannot connect to the database {name} at {host}:{port}")
        })
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

    /// Returns why the connection is read-only, and whether that may pass, as after a failover;
    /// a setting of the role or the database stays.
    pub async fn read_only(&self) -> Result<Option<(String, bool)>> {
        let rows = self
            .query(
                "SELECT CASE WHEN pg_is_in_recovery() THEN 'in recovery' ELSE 'read-only by ' || source END,
                 pg_is_in_recovery() OR source NOT IN ('user', 'database', 'database user')
                 FROM pg_settings WHERE name = 'default_transaction_read_only'
                 AND (pg_is_in_recovery() OR setting = 'on')",
                &[],
            )
            .await?;
        Ok(rows.first().map(|row| (row.get(0), row.get(1))))
    }

    /// Returns whether the server can check for a lost client while a statement runs, as
    /// PostgreSQL 14 and later can.
    pub async fn can_check_clients(&self) -> Result<bool> {
        self.holds("SELECT current_setting('client_connection_check_interval', true) IS NOT NULL")
            .await
    }

    /// Returns the server's major version, and the rows of [`catalog::QUERY`].
    pub async fn snapshot(&self) -> Result<(u32, Vec<[String; 3]>)> {
        let version = "SELECT current_setting('server_version_num')::int / 10000";
        let major: i32 = self.query(version, &[]).await?.first().map_or(0, |row| row.get(0));
        let script = format!(
            "BEGIN READ ONLY; {}; {}; COMMIT",
            catalog::SETTINGS,
            catalog::QUERY.trim_end().trim_end_matches(';')
        );
        let messages = timeout(SNAPSHOT_TIMEOUT, self.client.simple_query(&script))
            .await
            .map_err(|_| Silence(SNAPSHOT_TIMEOUT))
            .context("the database does not answer")?
            .context("the database")?;
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                Some([0, 1, 2].map(|column| row.get(column).unwrap_or_default().to_owned()))
            }
            _ => None,
        });
        Ok((u32::try_from(major)?, rows.collect()))
    }

    /// Returns the sessions that hold an advisory lock, as Atlas does while it works, in words.
    pub async fn lock_holders(&self) -> Result<String> {
        let rows = self
            .query(
                "SELECT coalesce(string_agg(DISTINCT format(
                     '%s (user %s, application %s, connected since %s)', pid, usename,
                     application_name, date_trunc('second', backend_start)), ', '), 'none now')
                 FROM pg_locks JOIN pg_stat_activity USING (pid)
                 WHERE locktype = 'advisory' AND granted AND datname = current_database()",
                &[],
            )
            .await?;
        Ok(rows.first().map(|row| row.get(0)).unwrap_or_default())
    }

    /// Returns the qualified and the simple names of indexes that a failed concurrent build
    /// left. One of a partitioned table is not valid before all its partitions have it.
    pub async fn invalid_indexes(&self) -> Result<Vec<(String, String)>> {
        let rows = self
            .query(
                "SELECT indexrelid::regclass::text, relname::text FROM pg_index
                 JOIN pg_class ON pg_class.oid = indexrelid
                 WHERE NOT indisvalid AND relkind = 'i' ORDER BY 1",
                &[],
            )
            .await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// Returns the statement that a session of this name runs, with how far it has built an
    /// index, and who holds the lock that it waits for.
    pub async fn running(&self, application_name: &str) -> Result<Option<String>> {
        let rows = self
            .query(
                "SELECT concat(rtrim(query, E' \\n;'), (
                     SELECT format(' (%s, %s %% of this phase)', phase, coalesce(
                         100 * blocks_done / nullif(blocks_total, 0),
                         100 * tuples_done / nullif(tuples_total, 0), 0))
                     FROM pg_stat_progress_create_index p WHERE p.pid = a.pid), (
                     SELECT ' (it waits for a lock of ' || string_agg(
                         format('%s (user %s, application %s, %s)',
                             b.pid, b.usename, b.application_name, b.state), ', ') || ')'
                     FROM pg_stat_activity b WHERE b.pid = ANY (pg_blocking_pids(a.pid))))
                 FROM pg_stat_activity a
                 WHERE application_name = $1 AND state = 'active'
                 ORDER BY query_start LIMIT 1",
                &[&application_name],
            )
            .await?;
        Ok(rows.first().map(|row| row.get(0)))
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
            .map_err(|_| Silence(TIMEOUT))
            .context("the database does not answer")?
            .context("the database")
    }
}

fn sql_state(error: &anyhow::Error) -> Option<&SqlState> {
    error.downcast_ref::<tokio_postgres::Error>()?.code()
}

/// Whether the server refuses the user or the password.
pub fn is_login_refused(error: &anyhow::Error) -> bool {
    [Some(&SqlState::INVALID_PASSWORD), Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)]
        .contains(&sql_state(error))
}
