//! Brings the database to the version of the package.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, anyhow, ensure};
use atlas::{MigrationDirectory, MigrationFile, MigrationStatus};
use rds::{Auth, Login};
use serde_json::Value;

use crate::apply::{Progress, Run, invalid_indexes, names};
use crate::baseline::check as check_baseline;
use crate::config::Config;
use crate::database::{Database, is_login_refused};
use crate::deadline::Deadline;
use crate::patience::{Failure, Patience};
use crate::properties::{NOTHING, Properties};
use crate::redact;
use crate::report::Report;
use crate::server::Server;
use crate::task::Task;

/// Time between a rotated password and the label of its secret.
const ROTATION: Duration = Duration::from_secs(2);

/// Longest name of a session: PostgreSQL cuts off the rest (NAMEDATALEN).
const LONGEST_NAME: usize = 63;

/// Verifies the package, compares it with the database, and applies what is pending with
/// Atlas. Waits for what may come back.
///
/// `applied` counts applied migrations, also when a later one fails. If there is something to
/// apply, a container task may do it, which then answers `event` itself: returns `None`.
///
/// # Errors
/// When the database cannot be brought to the version of the package, unless it is ahead and
/// that is allowed. The message says what is applied.
pub async fn migrate(
    properties: &Properties,
    deadline: &Deadline,
    request_id: &str,
    applied: &AtomicUsize,
    event: Option<&Value>,
) -> Result<Option<Report>> {
    let config = Config::from_env(&properties.database)?;
    let directory = MigrationDirectory::new(&config.migrations);
    verify(&directory, properties.migration_hash.as_deref())?;
    let files = directory.files()?;
    files.iter().for_each(|file| redact::hide_passwords(&file.text()));
    let patience =
        Patience::new(properties.connect_timeout, "ConnectTimeout", deadline.stop_work());
    let task = event.zip(config.task.as_deref());
    let task = task.map(|(event, task)| Task::new(task, event, properties.service_timeout));
    let mut deployment = Deployment {
        task: task.transpose()?,
        files,
        server: Server::new(&config.database, patience.attempt),
        config,
        directory,
        properties,
        deadline,
        request_id,
        patience: &patience,
        progress: Progress::default(),
        login_refused: false,
    };
    let attempt = async || {
        let outcome = deployment.attempt().await;
        applied.store(deployment.progress.applied.len(), Ordering::Relaxed);
        outcome
    };
    patience.retry(attempt).await
}

/// The work of an invocation.
struct Deployment<'a> {
    /// Who applies migrations instead.
    task: Option<Task>,
    config: Config,
    directory: MigrationDirectory,
    files: Vec<MigrationFile>,
    server: Server,
    properties: &'a Properties,
    deadline: &'a Deadline,
    request_id: &'a str,
    patience: &'a Patience,
    progress: Progress,
    /// Whether the database refused the login before.
    login_refused: bool,
}

impl Deployment<'_> {
    /// Does everything from the login on: after a failover, the name leads to another server,
    /// and a token expires.
    async fn attempt(&mut self) -> Result<Option<Report>, Failure> {
        let (database, login) = self.connect().await?;
        let (files, properties) = (&self.files, self.properties);
        let before = MigrationStatus::of(files, &database.history().await?);
        tracing::info!(
            current = before.current.as_deref(),
            pending = before.pending.len(),
            ahead = before.ahead.len(),
            "compared the package with the database"
        );
        self.judge(&before)?;
        let invalid = invalid_indexes(&database, files).await?;
        if before.pending.is_empty() {
            let plan = properties.dry_run.then(Vec::new);
            return self.report(before, plan, &invalid);
        }
        let baseline = match &before.last {
            None => properties.baseline_version.as_deref(),
            // Only for a database without history.
            Some(_) => None,
        };
        if let Some(version) = baseline.filter(|version| *version != NOTHING) {
            check_baseline(&database, &self.config.snapshots, version).await?;
        }
        if properties.dry_run {
            let plan = names(files, &before.pending, baseline);
            return self.report(before, Some(plan), &invalid);
        }
        if let Some(task) = &self.task {
            task.start(self.patience.attempt, self.deadline).await?;
            return Ok(None);
        }
        if let Some((reason, may_pass)) = database.read_only().await? {
            let error = anyhow!(
                "the database takes no writes ({reason}): DB_HOST, {}, must be the writer's \
                 endpoint, and {} a user that may write",
                self.config.database.host,
                login.user
            );
            return Err(if may_pass { Failure::Passing(error) } else { Failure::Final(error) });
        }
        let mut run = Run {
            config: &self.config,
            login: &login,
            server: &self.server,
            directory: &self.directory,
            files,
            before: &before,
            database: &database,
            deadline: self.deadline,
            patience: self.patience,
            application: application(self.request_id),
            owner_role: properties.owner_role.as_deref(),
            baseline,
            progress: &mut self.progress,
        };
        run.apply(properties.lock_timeout).await?;
        let after = MigrationStatus::of(files, &database.history().await?);
        // Another deployment may have run while Atlas waited for its lock.
        self.judge(&after).with_context(|| match self.progress.applied.as_slice() {
            [] => "nothing was applied".to_owned(),
            names => format!("applied {}, but", names.join(", ")),
        })?;
        if !after.pending.is_empty() {
            let lacks = after.pending.join(", ");
            let error = anyhow!("Atlas reported success, but the database lacks {lacks}");
            return Err(Failure::Final(error));
        }
        let invalid = invalid_indexes(&database, files).await?;
        self.report(after, None, &invalid)
    }

    /// Reports success, unless this invocation applied something and an index is not built to
    /// the end. If nothing was applied, this may be a rollback, which must not fail for it.
    fn report(
        &self,
        status: MigrationStatus,
        plan: Option<Vec<String>>,
        invalid: &[String],
    ) -> Result<Option<Report>, Failure> {
        let mut report = Report::new(&self.files, status, self.progress.applied.clone(), plan);
        if !invalid.is_empty() {
            let names = invalid.join(", ");
            report.summary += &format!(
                " But the index {names} is INVALID: its build failed, so no query uses it, and a \
                 unique one may not keep duplicates out. Remove them, then run `REINDEX INDEX \
                 CONCURRENTLY {names}`."
            );
            tracing::error!("{}", report.summary);
            if !report.applied.is_empty() {
                return Err(Failure::Final(anyhow!("{}", report.summary)));
            }
        }
        Ok(Some(report))
    }

    async fn connect(&mut self) -> Result<(Database, Login), Failure> {
        let settings = &self.config.database;
        let login = settings.login(self.patience.attempt).await?;
        redact::hide(&login.password.0);
        let error = match Database::connect(settings, &login, &self.server).await {
            Ok(database) => return Ok((database, login)),
            Err(error) if is_login_refused(&error) => error,
            Err(error) => return Err(error.into()),
        };
        Err(match &settings.auth {
            // It may have been rotated: then the new version appears in a moment.
            Auth::Secret { .. } if !self.login_refused => {
                self.login_refused = true;
                tokio::time::sleep(ROTATION).await;
                Failure::Passing(error.context("fetching the secret again"))
            }
            Auth::Iam { .. } => Failure::Final(error.context(
                "RDS refuses the IAM token: the user needs `GRANT rds_iam`, the function's role \
                 rds-db:connect for that user, and the instance IAM authentication",
            )),
            _ => Failure::Final(error),
        })
    }

    /// Refuses a database that Atlas could not migrate, or must not.
    fn judge(&self, status: &MigrationStatus) -> Result<()> {
        if let (None, Some(baseline)) = (&status.last, &self.properties.baseline_version) {
            ensure!(
                baseline == NOTHING || self.files.iter().any(|file| file.version() == baseline),
                "the property BaselineVersion is {baseline:?}, which no migration of the package \
                 has"
            );
        }
        ensure!(
            status.skipped.is_empty(),
            "the database is at {}, but lacks older migrations, which would never be applied: {}. \
             Give each a later version, then `just hash-migrations`",
            status.last.as_deref().unwrap_or_default(),
            status.skipped.join(", ")
        );
        ensure!(
            status.ahead.is_empty() || !self.properties.fail_when_ahead,
            "the database is ahead of this package, by {}, and OnDatabaseAhead is fail",
            status.ahead.join(", ")
        );
        if let Some(partial) = &status.partially_applied {
            let version = &partial.version;
            ensure!(
                status.pending.is_empty() || status.pending.contains(version),
                "{version} is partially applied, {} of {} statements, and this package lacks it, \
                 so nothing can be applied: deploy a package that has it, or apply the rest by \
                 hand and declare it as applied with `atlas migrate set {version}`",
                partial.applied,
                partial.total
            );
        }
        Ok(())
    }
}

/// Returns the name of Atlas' sessions on the server, unique for each attempt: Lambda may
/// deliver an event twice, and one attempt must not end the sessions of the other.
fn application(request_id: &str) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let nanoseconds = now.unwrap_or_default().subsec_nanos();
    let mut name = format!("migrations-{nanoseconds:08x}-{request_id}");
    name.truncate(name.floor_char_boundary(LONGEST_NAME));
    name
}

fn verify(directory: &MigrationDirectory, expected: Option<&str>) -> Result<()> {
    let hash = directory.verify().context("the package is damaged; build and deploy it again")?;
    let expected = expected.unwrap_or(&hash);
    ensure!(
        hash == expected,
        "the stack names the migrations {expected}, but the package holds {hash}: \
         `just hash-migrations` writes the hash, and `just deploy` packages what it names"
    );
    Ok(())
}
