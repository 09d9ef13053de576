//! One run of Atlas, and what is told of it when it fails.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Error, Result, anyhow};
use atlas::{
    ApplyOptions, Atlas, Commands, MigrationDirectory, MigrationFile, Revision, Standing, sql,
};
use rds::Login;
use tokio::time::timeout;

use crate::child::AtlasProcess;
use crate::config::Config;
use crate::database::{ConnectError, Database, Running};
use crate::deadline::Deadline;

/// Between two looks of Atlas at its lock, and some more.
const LOCK_POLLING: Duration = Duration::from_secs(3);
/// A longer name PostgreSQL cuts off (NAMEDATALEN).
const LONGEST_NAME: usize = 63;

/// All that a run of Atlas works with.
pub struct Run<'a> {
    pub config: &'a Config,
    pub login: &'a Login,
    pub directory: &'a MigrationDirectory,
    pub files: &'a [MigrationFile],
    /// Where the database stood before.
    pub before: &'a Standing,
    /// The number of migrations applied by this run.
    pub applied: &'a AtomicUsize,
    /// A connection besides Atlas', which knows what Atlas does and can end it.
    pub database: &'a Database,
    pub deadline: &'a Deadline,
    /// The name of Atlas' sessions on the server.
    pub application: String,
    /// The version that a database without history is taken to be at.
    pub baseline: Option<&'a str>,
}

impl Run<'_> {
    /// Applies what is pending; returns the names of the files.
    ///
    /// # Errors
    /// When a migration fails, or time is over. The message says which migration ran
    /// and what is applied. Nothing of it runs on.
    pub async fn apply(&self, lock_timeout: Duration) -> Result<Vec<String>> {
        let atlas = Commands::new(&self.config.atlas)?;
        // Whoever waits for the lock should say so before time is over. Atlas looks at it
        // every second or two.
        let left = self.deadline.left_for_work();
        let longest = left.mul_f32(0.9).min(left.saturating_sub(LOCK_POLLING));
        let wait = lock_timeout.min(longest);
        let options = ApplyOptions {
            lock_timeout: Some(wait),
            baseline: self.baseline.map(str::to_owned),
            dry_run: false,
        };
        let mut url = self.url();
        if self.database.can_check_clients().await? {
            // Should the network break, the statement ends then, and not at its time-out.
            url.push_str("&client_connection_check_interval=1000");
        }
        let mut process = AtlasProcess::start(atlas.apply(self.directory, &url, &options)?)?;
        let Some(output) = process.output(self.deadline.stop_work()).await? else {
            let running = self.database.running(self.application());
            let running = timeout(self.grace(), running).await;
            process.stop(self.grace()).await;
            let ended = self.end_sessions().await;
            let running = running.ok().and_then(Result::ok).flatten();
            return Err(self.out_of_time(running, ended.err()).await);
        };
        match Atlas::read_apply(&output, &url) {
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
            // The report was too long to be kept. The history tells as well.
            Err(atlas::Error::Unreadable { .. }) if output.status.success() => {
                let now = Standing::of(self.files, &self.history().await?);
                let names = self.names_applied(&now);
                self.applied.store(names.len(), Ordering::Relaxed);
                Ok(names)
            }
            Err(error) => {
                // A session of an Atlas that crashed may still be at work.
                let ended = self.end_sessions().await;
                Err(self.failed(error, wait, ended.err()).await)
            }
        }
    }

    /// How long to wait for Atlas to stop, and for the server: the answer needs time too.
    fn grace(&self) -> Duration {
        self.deadline
            .left()
            .mul_f32(0.1)
            .min(Duration::from_secs(2))
    }

    fn application(&self) -> &str {
        let end = self.application.floor_char_boundary(LONGEST_NAME);
        &self.application[..end]
    }

    async fn end_sessions(&self) -> Result<()> {
        let time = self.grace();
        let end = async {
            match self.database.end_sessions(self.application(), time).await {
                Ok(()) => Ok(()),
                Err(_) => {
                    let database = self.connect_anew(time).await?;
                    database.end_sessions(self.application(), time).await
                }
            }
        };
        timeout(time, end)
            .await
            .context("the database does not answer")?
    }

    async fn connect_anew(&self, time: Duration) -> Result<Database> {
        match Database::connect(self.config, self.login, time).await {
            Ok(database) => Ok(database),
            Err(ConnectError::Login(error) | ConnectError::Other(error)) => Err(error),
        }
    }

    /// The connection string, with the password in it.
    fn url(&self) -> String {
        // Should this process be gone before it can end a statement, the server does.
        let limit = self.deadline.left() + Duration::from_secs(5);
        let parameters = [
            ("application_name", self.application()),
            ("connect_timeout", "10"),
            ("statement_timeout", &limit.as_millis().to_string()),
            // So that it notices when the network swallows everything.
            ("tcp_keepalives_idle", "5"),
            ("tcp_keepalives_interval", "5"),
            ("tcp_keepalives_count", "2"),
        ];
        self.config.database.url(self.login, &parameters)
    }

    async fn out_of_time(&self, running: Option<Running>, not_ended: Option<Error>) -> Error {
        let mut text =
            "out of time: the function's time-out is near, so Atlas was stopped".to_owned();
        if let Some(running) = &running {
            let _ = write!(
                text,
                "; it ran the statement: {}",
                one_statement(&running.statement)
            );
            if !running.waits_for.is_empty() {
                let _ = write!(text, " (which waited for a lock of {})", running.waits_for);
            }
        }
        text.push_str(". ");
        text.push_str(&self.what_is_applied(not_ended).await);
        text.push_str(
            " Make the function's time-out longer (at most 900 s), or apply it by hand: `just apply`.",
        );
        anyhow!(text)
    }

    async fn failed(
        &self,
        error: atlas::Error,
        waited: Duration,
        not_ended: Option<Error>,
    ) -> Error {
        let mut text = match error {
            atlas::Error::Migration(error) => {
                let mut text = match &error.file {
                    Some(file) => format!("migration {file} failed: {}", error.message),
                    None => format!("applying the migrations failed: {}", error.message),
                };
                if let Some(statement) = &error.statement {
                    let _ = write!(text, "; in the statement: {}", one_statement(statement));
                }
                text
            }
            atlas::Error::Failed { output, .. } if output.contains("is not clean") => {
                "the database has tables, but no history of migrations: name the last migration \
                 that they hold with the property BaselineVersion"
                    .to_owned()
            }
            other if other.to_string().contains("acquiring database lock") => format!(
                "another deployment to this database holds the lock, and kept it for {} s \
                 (LockTimeout, or the end of this function's time): wait for its end, then deploy \
                 again",
                waited.as_secs()
            ),
            other => other.to_string(),
        };
        text.push_str(". ");
        text.push_str(&self.what_is_applied(not_ended).await);
        anyhow!(text)
    }

    /// The history, over a new connection if the old one is lost.
    pub async fn history(&self) -> Result<Vec<Revision>> {
        let error = match self.database.history().await {
            Ok(history) => return Ok(history),
            Err(error) => error,
        };
        tracing::warn!("connecting anew: {error:#}");
        let time = self.deadline.left_for_work().max(self.grace());
        let again = async { self.connect_anew(time).await?.history().await };
        timeout(time, again).await.context("it does not answer")?
    }

    /// The names of the files that were pending before, and are not any more.
    fn names_applied(&self, now: &Standing) -> Vec<String> {
        self.files
            .iter()
            .filter(|file| {
                self.before
                    .pending
                    .iter()
                    .any(|version| version == file.version())
            })
            .filter(|file| Some(file.version()) > self.baseline)
            .filter(|file| now.pending.iter().all(|version| version != file.version()))
            .map(|file| file.name.clone())
            .collect()
    }

    /// The state that the database was left in, in words.
    async fn what_is_applied(&self, not_ended: Option<Error>) -> String {
        let history = match self.history().await {
            Ok(history) => history,
            Err(error) => {
                return format!(
                    "What is applied is not known, for the database does not tell: {error:#}."
                );
            }
        };
        let standing = Standing::of(self.files, &history);
        let count = self.names_applied(&standing).len();
        self.applied.store(count, Ordering::Relaxed);
        let mut text = match &standing.current {
            None => "Nothing is applied.".to_owned(),
            Some(current) => format!("The database is at {current}."),
        };
        let next = self.files.iter().find(|file| {
            standing
                .pending
                .first()
                .is_some_and(|next| next == file.version())
        });
        if let (Some(broken), Some(file)) = (&standing.broken_off, next) {
            let _ = write!(
                text,
                " Migration {} broke off: {} of its {} statements are applied and stay, for it \
                 does not run in a transaction",
                file.name, broken.applied, broken.total
            );
            if let Some(statement) = sql::statements(&file.text()).get(broken.applied) {
                let _ = write!(
                    text,
                    "; the next may be half done: {}",
                    one_statement(statement.sql)
                );
            }
            text.push('.');
        } else if let Some(file) = next {
            if file.is_transactional() {
                let _ = write!(text, " Nothing of migration {} is applied.", file.name);
            } else {
                let _ = write!(
                    text,
                    " No statement of migration {} is completed, but as it does not run in a \
                     transaction, the first may be half done.",
                    file.name
                );
            }
        }
        if let Some(error) = not_ended {
            let _ = write!(
                text,
                " Its statement may still run on the server: {error:#}."
            );
        }
        text
    }
}

/// A statement to stand in a sentence.
fn one_statement(sql: &str) -> &str {
    sql.trim().trim_end_matches(';')
}
