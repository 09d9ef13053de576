//! Runs Atlas once.

mod explain;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use atlas::{
    ApplyOptions, Atlas, Commands, MigrationDirectory, MigrationFile, MigrationStatus, Revision,
};
use rds::Login;
use tokio::time::timeout;

use crate::child::AtlasProcess;
use crate::config::Config;
use crate::database::Database;
use crate::deadline::Deadline;

/// Atlas polls its lock every second or two; some more.
const LOCK_POLLING: Duration = Duration::from_secs(3);

/// Input of a run of Atlas.
pub struct Run<'a> {
    pub config: &'a Config,
    pub login: &'a Login,
    pub directory: &'a MigrationDirectory,
    pub files: &'a [MigrationFile],
    /// Status of the database before the run.
    pub before: &'a MigrationStatus,
    /// Number of migrations applied by this run.
    pub applied: &'a AtomicUsize,
    /// The function's own connection, which can see and end Atlas' sessions.
    pub database: &'a Database,
    pub deadline: &'a Deadline,
    /// Name of Atlas' sessions on the server.
    pub application: String,
    /// Version that a database without history is assumed to have.
    pub baseline: Option<&'a str>,
}

impl Run<'_> {
    /// Applies pending migrations and returns the names of the files.
    ///
    /// # Errors
    /// When a migration fails, or time is up. The message says which migration ran and what is
    /// applied. No statement keeps running.
    pub async fn apply(&self, lock_timeout: Duration) -> Result<Vec<String>> {
        let atlas = Commands::new(&self.config.atlas)?;
        // A wait for the lock should end, and be reported, before time is up. Atlas polls the
        // lock every second or two.
        let left = self.deadline.left_for_work();
        let longest = left.mul_f32(0.9).min(left.saturating_sub(LOCK_POLLING));
        let wait = lock_timeout.min(longest);
        let options =
            ApplyOptions { lock_timeout: Some(wait), baseline: self.baseline.map(str::to_owned) };
        let url = self.url(self.database.can_check_clients().await?);
        let mut process = AtlasProcess::start(atlas.apply(self.directory, &url, &options)?)?;
        let Some(output) = process.output(self.deadline.stop_work()).await? else {
            let running = self.database.running(&self.application);
            let running = timeout(self.grace(), running).await;
            process.stop(self.grace()).await;
            let ended = self.end_sessions().await;
            let running = running.ok().and_then(Result::ok).flatten();
            return Err(self.out_of_time(running, ended.err()).await);
        };
        match Atlas::read_apply(&output, self.directory, &url) {
            Ok(report) => {
                self.applied.store(report.applied.len(), Ordering::Relaxed);
                let files = report.applied.into_iter();
                Ok(files
                    .map(|file| {
                        tracing::info!(statements = file.statements, "applied {}", file.name);
                        file.name
                    })
                    .collect())
            }
            // The report was too long to keep. The history has the same.
            Err(atlas::Error::Unreadable { .. }) if output.status.success() => {
                let now = MigrationStatus::of(self.files, &self.history().await?);
                let names = self.names_applied(&now);
                self.applied.store(names.len(), Ordering::Relaxed);
                Ok(names)
            }
            Err(error) => {
                // A session of a crashed Atlas may still be active.
                let ended = self.end_sessions().await;
                Err(self.failed(error, wait, ended.err()).await)
            }
        }
    }

    /// Time to wait for Atlas and the server to stop; the answer needs time too.
    fn grace(&self) -> Duration {
        self.deadline.left().mul_f32(0.1).min(Duration::from_secs(2))
    }

    async fn end_sessions(&self) -> Result<()> {
        let time = self.grace();
        let end = async {
            let ended = self.database.end_sessions(&self.application, time / 2).await;
            if ended.is_ok() || !self.database.is_closed() {
                return ended;
            }
            let database = Database::connect(self.config, self.login, time).await?;
            database.end_sessions(&self.application, time / 2).await
        };
        timeout(time, end).await.context("the database does not answer")?
    }

    /// Returns the connection string, password included.
    fn url(&self, checks_clients: bool) -> String {
        // If this process dies before it can end a statement, the server ends it.
        let limit = self.deadline.left() + Duration::from_secs(5);
        let limit = limit.as_millis().to_string();
        let mut parameters = vec![
            ("application_name", &*self.application),
            ("connect_timeout", "10"),
            ("statement_timeout", &limit),
            // Detects a network that drops everything.
            ("tcp_keepalives_idle", "5"),
            ("tcp_keepalives_interval", "5"),
            ("tcp_keepalives_count", "2"),
        ];
        if checks_clients {
            // If the network breaks, the statement ends then, not at its time-out.
            parameters.push(("client_connection_check_interval", "1000"));
        }
        self.config.database.url(self.login, &parameters)
    }

    /// Reads the history, over a new connection if the old one is lost.
    pub async fn history(&self) -> Result<Vec<Revision>> {
        let error = match self.database.history().await {
            Ok(history) => return Ok(history),
            Err(error) => error,
        };
        tracing::warn!("connecting again: {error:#}");
        let time = self.deadline.left_for_work().max(self.grace());
        let again = async {
            let database = Database::connect(self.config, self.login, time).await?;
            database.history().await
        };
        timeout(time, again).await.context("it does not answer")?
    }

    /// Returns the names of files that were pending before the run and are not now.
    fn names_applied(&self, now: &MigrationStatus) -> Vec<String> {
        let mut done = self.before.pending.clone();
        done.retain(|version| !now.pending.contains(version));
        names(self.files, &done, self.baseline)
    }
}

/// Names of the files with these versions, later than the baseline.
pub fn names(files: &[MigrationFile], versions: &[String], baseline: Option<&str>) -> Vec<String> {
    files
        .iter()
        .filter(|file| versions.iter().any(|version| version == file.version()))
        .filter(|file| Some(file.version()) > baseline)
        .map(|file| file.name.clone())
        .collect()
}
