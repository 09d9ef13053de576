//! Runs Atlas once.

mod explain;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Error, Result};
use atlas::{
    ApplyOptions, Atlas, Commands, MigrationDirectory, MigrationFile, MigrationStatus, Revision,
};
use rds::{DatabaseSettings, Login, Tls};
use tokio::time::timeout;

use crate::child::AtlasProcess;
use crate::config::Config;
use crate::database::Database;
use crate::deadline::Deadline;
use crate::patience::{Failure, Patience, is_passing};
use crate::properties::NOTHING;
use crate::redact;
use crate::server::Server;
use crate::tunnel::Tunnel;

/// Atlas polls its lock every second or two; some more.
const LOCK_POLLING: Duration = Duration::from_secs(3);

/// Time to the first report about a statement, longest time between two, and characters of one.
const FIRST_REPORT: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
const LONGEST_REPORT: usize = 500;

/// A run of Atlas.
pub struct Run<'a> {
    pub config: &'a Config,
    pub login: &'a Login,
    pub server: &'a Server,
    pub directory: &'a MigrationDirectory,
    pub files: &'a [MigrationFile],
    /// Status of the database before the run.
    pub before: &'a MigrationStatus,
    /// The function's own connection, which can see and end Atlas' sessions.
    pub database: &'a Database,
    pub deadline: &'a Deadline,
    pub patience: &'a Patience,
    /// Name of Atlas' sessions on the server.
    pub application: String,
    /// Role that the migrations run as; `None` means the user.
    pub owner_role: Option<&'a str>,
    /// Version that a database without history is assumed to have, or [`NOTHING`].
    pub baseline: Option<&'a str>,
    pub progress: &'a mut Progress,
}

/// What the runs of an invocation did.
#[derive(Debug, Default)]
pub struct Progress {
    /// Names of the applied files.
    pub applied: Vec<String>,
    /// The migration in which the connection was lost.
    lost_in: Option<String>,
}

impl Run<'_> {
    /// Applies pending migrations.
    ///
    /// # Errors
    /// When a migration fails, or time is up. The message says which migration ran and what is
    /// applied. No statement keeps running. [`Failure::Passing`] if another run may succeed,
    /// and cannot do harm.
    pub async fn apply(&mut self, lock_timeout: Duration) -> Result<(), Failure> {
        let started = Instant::now();
        let outcome = self.run(lock_timeout).await;
        self.patience.worked(started.elapsed());
        outcome
    }

    async fn run(&mut self, lock_timeout: Duration) -> Result<(), Failure> {
        let atlas = Commands::new(&self.config.atlas).map_err(Error::new)?;
        // A wait for the lock should end, and be reported, before time is up. Atlas polls the
        // lock every second or two.
        let left = self.deadline.left_for_work();
        let longest = left.mul_f32(0.9).min(left.saturating_sub(LOCK_POLLING));
        let wait = lock_timeout.min(longest);
        let options = ApplyOptions {
            lock_timeout: Some(wait),
            baseline: self.baseline.filter(|version| *version != NOTHING).map(str::to_owned),
            allow_dirty: self.baseline == Some(NOTHING),
        };
        let tunnel = Tunnel::open(self.server.clone()).await?;
        let url = self.url(&tunnel, self.database.can_check_clients().await?);
        let command = atlas.apply(self.directory, &url, &options).map_err(Error::new)?;
        let mut process = AtlasProcess::start(command)?;
        let output = tokio::select! {
            output = process.output(self.deadline.stop_work()) => output?,
            () = self.report_progress() => unreachable!("it never ends"),
        };
        let Some(output) = output else {
            let running = self.database.running(&self.application);
            let running = timeout(self.grace(), running).await;
            process.stop(self.grace()).await;
            let ended = self.end_sessions().await;
            let running = running.ok().and_then(Result::ok).flatten();
            return Err(Failure::Final(self.out_of_time(running, ended.err()).await));
        };
        match Atlas::read_apply(&output, self.directory, &url) {
            Ok(report) => {
                for file in report.applied {
                    tracing::info!(statements = file.statements, "applied {}", file.name);
                    self.progress.applied.push(file.name);
                }
                Ok(())
            }
            // The report was too long to keep. The history has the same.
            Err(atlas::Error::Unreadable { .. }) if output.status.success() => {
                self.now().await?;
                Ok(())
            }
            Err(error) => {
                // A session of a crashed Atlas may still be active.
                let ended = self.end_sessions().await;
                let time = self.grace();
                let invalid =
                    self.ask(time, async |it| invalid_indexes(it, self.files).await).await;
                let invalid = invalid.unwrap_or_default();
                let passing = self.may_pass(&error, &tunnel, &invalid);
                let error = self.failed(error, &tunnel, wait, &invalid, ended.err()).await;
                Err(if passing { Failure::Passing(error) } else { Failure::Final(error) })
            }
        }
    }

    /// Logs what Atlas' statement has done: soon, then less often.
    async fn report_progress(&self) {
        let mut pause = FIRST_REPORT;
        loop {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            if let Ok(Some(running)) = self.database.running(&self.application).await {
                let text: String = running.chars().take(LONGEST_REPORT).collect();
                tracing::info!("still runs: {text}");
            }
        }
    }

    /// Whether another run may succeed. It must not repeat a statement that may be half done.
    fn may_pass(&mut self, error: &atlas::Error, tunnel: &Tunnel, invalid: &[String]) -> bool {
        let file = match error {
            atlas::Error::Migration(error) => error.file.clone(),
            _ => None,
        };
        let in_transaction = self
            .files
            .iter()
            .find(|other| Some(&other.name) == file.as_ref())
            .is_none_or(MigrationFile::is_transactional);
        if tunnel.lost().is_some() {
            // Twice in one migration: it may be what crashes the server.
            let again = file.is_some() && self.progress.lost_in == file;
            self.progress.lost_in = file;
            return in_transaction && !again;
        }
        let passing = tunnel.error(&error.to_string()).is_some_and(|error| is_passing(&error.code));
        passing && (in_transaction || invalid.is_empty())
    }

    /// Time to wait for Atlas and the server to stop; the answer needs time too.
    fn grace(&self) -> Duration {
        self.deadline.left().mul_f32(0.1).min(Duration::from_secs(2))
    }

    async fn end_sessions(&self) -> Result<()> {
        let time = self.grace();
        self.ask(time, async |database| database.end_sessions(&self.application, time / 2).await)
            .await
    }

    /// Returns the connection string, password included.
    fn url(&self, tunnel: &Tunnel, checks_clients: bool) -> String {
        // If this process dies before it can end a statement, the server ends it.
        let limit = self.deadline.left() + Duration::from_secs(5);
        let limit = limit.as_millis().to_string();
        let mut parameters = vec![
            ("application_name", &*self.application),
            ("statement_timeout", &limit),
            // Detects a network that drops everything.
            ("tcp_keepalives_idle", "5"),
            ("tcp_keepalives_interval", "5"),
            ("tcp_keepalives_count", "2"),
        ];
        if let Some(role) = self.owner_role {
            parameters.push(("role", role));
        }
        if checks_clients {
            // If the network breaks, the statement ends then, not at its time-out.
            parameters.push(("client_connection_check_interval", "1000"));
        }
        let (host, tls) = ("127.0.0.1".to_owned(), Tls::Disable);
        let database = self.config.database.clone();
        DatabaseSettings { host, port: tunnel.port, tls, ..database }.url(self.login, &parameters)
    }

    /// Asks the database over a new connection if the old one is lost.
    async fn ask<T>(
        &self,
        time: Duration,
        question: impl AsyncFn(&Database) -> Result<T>,
    ) -> Result<T> {
        let answer = async {
            let error = match question(self.database).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            tracing::warn!("connecting again: {error:#}");
            let settings = &self.config.database;
            // The token of the old one may have expired.
            let login = settings.login(self.patience.attempt).await?;
            redact::hide(&login.password.0);
            question(&Database::connect(settings, &login, self.server).await?).await
        };
        timeout(time, answer).await.context("the database does not answer")?
    }

    /// Returns the status now, and adds what was applied since the run began.
    async fn now(&mut self) -> Result<MigrationStatus> {
        let time = self.deadline.left_for_work().max(self.grace());
        let history: Vec<Revision> = self.ask(time, async |it| it.history().await).await?;
        let now = MigrationStatus::of(self.files, &history);
        for name in self.names_applied(&now) {
            if !self.progress.applied.contains(&name) {
                self.progress.applied.push(name);
            }
        }
        Ok(now)
    }

    /// Returns the names of files that were pending before the run and are not now.
    fn names_applied(&self, now: &MigrationStatus) -> Vec<String> {
        let mut done = self.before.pending.clone();
        done.retain(|version| !now.pending.contains(version));
        names(self.files, &done, self.baseline)
    }
}

/// Returns the invalid indexes that a migration names.
pub async fn invalid_indexes(database: &Database, files: &[MigrationFile]) -> Result<Vec<String>> {
    let mut invalid = database.invalid_indexes().await?;
    invalid.retain(|(_, name)| files.iter().any(|file| file.text().contains(name.as_str())));
    Ok(invalid.into_iter().map(|(qualified, _)| qualified).collect())
}

/// Names of the files with these versions, later than the baseline.
pub fn names(files: &[MigrationFile], versions: &[String], baseline: Option<&str>) -> Vec<String> {
    files
        .iter()
        .filter(|file| versions.iter().any(|version| version == file.version()))
        .filter(|file| baseline == Some(NOTHING) || Some(file.version()) > baseline)
        .map(|file| file.name.clone())
        .collect()
}
