//! Brings the database to the version of the package.

use std::sync::atomic::AtomicUsize;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, ensure};
use atlas::{MigrationDirectory, MigrationFile, MigrationStatus};
use rds::{Auth, Login};

use crate::apply::{Run, names};
use crate::config::Config;
use crate::database::{ConnectError, Database};
use crate::deadline::Deadline;
use crate::properties::Properties;
use crate::redact;

/// Time between a rotated password and the label of its secret.
const ROTATION: Duration = Duration::from_secs(2);

/// What was applied, or would be in a dry run.
#[derive(Debug, Default)]
pub struct Report {
    pub current: Option<String>,
    /// Names of the applied files; empty in a dry run.
    pub applied: Vec<String>,
    /// Versions that the database has and the package lacks.
    pub ahead: Vec<String>,
    /// Names of the files that a dry run would apply.
    pub plan: Option<Vec<String>>,
    /// Summary of all fields.
    pub summary: String,
}

/// Verifies the package, compares it with the database, and applies what is pending with
/// Atlas.
///
/// `applied` counts applied migrations, also when a later one fails.
///
/// # Errors
/// When the database cannot be brought to the version of the package, unless it is ahead and
/// that is allowed. The message says what is applied.
pub async fn migrate(
    properties: &Properties,
    deadline: &Deadline,
    request_id: &str,
    applied: &AtomicUsize,
) -> Result<Report> {
    let config = Config::from_env(&properties.database)?;
    let directory = MigrationDirectory::new(&config.migrations);
    verify(&directory, &properties.migration_hash)?;
    let files = directory.files()?;

    let (database, login) = connect(&config, deadline).await?;
    let before = MigrationStatus::of(&files, &database.history().await?);
    tracing::info!(
        current = before.current.as_deref(),
        pending = before.pending.len(),
        ahead = before.ahead.len(),
        "compared the package with the database"
    );
    judge(&files, &before, properties)?;
    if before.pending.is_empty() {
        return Ok(Report {
            plan: properties.dry_run.then(Vec::new),
            ..Report::new(&files, &before, Vec::new())
        });
    }
    let baseline = match &before.current {
        None => properties.baseline_version.as_deref(),
        // Only for a database without history.
        Some(_) => None,
    };
    if properties.dry_run {
        return Ok(Report::plan(&files, &before, baseline));
    }
    ensure!(
        !database.is_read_only().await?,
        "the database takes no writes: DB_HOST, {}, must be the writer's endpoint, and {} a \
         user that may write",
        config.database.host,
        login.user
    );

    let run = Run {
        config: &config,
        login: &login,
        directory: &directory,
        files: &files,
        before: &before,
        applied,
        database: &database,
        deadline,
        application: application(request_id),
        baseline,
    };
    let names = run.apply(properties.lock_timeout).await?;
    let after = MigrationStatus::of(&files, &run.history().await?);
    // Another deployment may have run while Atlas waited for its lock.
    judge(&files, &after, properties).with_context(|| match names.as_slice() {
        [] => "nothing was applied".to_owned(),
        names => format!("applied {}, but", names.join(", ")),
    })?;
    ensure!(
        after.pending.is_empty(),
        "Atlas reported success, but the database lacks {}",
        after.pending.join(", ")
    );
    Ok(Report::new(&files, &after, names))
}

/// Returns the name of Atlas' sessions on the server, unique for each attempt: Lambda may
/// deliver an event twice, and one attempt must not end the sessions of the other.
fn application(request_id: &str) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let nanoseconds = now.unwrap_or_default().subsec_nanos();
    format!("migrations-{nanoseconds:08x}-{request_id}")
}

fn verify(directory: &MigrationDirectory, expected: &str) -> Result<()> {
    let hash = directory
        .verify()
        .context("the package is damaged; build and deploy it anew")?;
    ensure!(
        hash == expected,
        "the stack names the migrations {expected}, but the package holds {hash}: \
         `just hash-migrations` writes the hash, and `just deploy` packages what it names"
    );
    Ok(())
}

async fn connect(config: &Config, deadline: &Deadline) -> Result<(Database, Login)> {
    let login = log_in(config, deadline).await?;
    let error = match Database::connect(config, &login, deadline.left_for_work()).await {
        Ok(database) => return Ok((database, login)),
        Err(error) => error,
    };
    match (error, &config.database.auth) {
        (ConnectError::Login(error), Auth::Secret { .. }) => {
            tracing::warn!("fetching the secret anew, it may have been rotated: {error:#}");
            tokio::time::sleep(ROTATION).await;
        }
        (ConnectError::Login(error), Auth::Iam { .. }) => {
            return Err(error.context(
                "RDS does not take the IAM token: the user needs `GRANT rds_iam`, the \
                 function's role rds-db:connect on it, and the instance IAM authentication",
            ));
        }
        (error, _) => return Err(error.into()),
    }
    let login = log_in(config, deadline).await?;
    let database = Database::connect(config, &login, deadline.left_for_work()).await?;
    Ok((database, login))
}

async fn log_in(config: &Config, deadline: &Deadline) -> Result<Login> {
    let login = config.database.login(deadline.left_for_work()).await?;
    redact::hide(&login.password.0);
    Ok(login)
}

/// Refuses a database that Atlas could not migrate, or must not.
fn judge(files: &[MigrationFile], status: &MigrationStatus, properties: &Properties) -> Result<()> {
    if let (None, Some(baseline)) = (&status.current, &properties.baseline_version) {
        ensure!(
            files.iter().any(|file| file.version() == baseline),
            "the property BaselineVersion is {baseline:?}, which no migration of the package has"
        );
    }
    ensure!(
        status.skipped.is_empty(),
        "the database is at {}, but lacks older migrations, which would never be applied: {}. \
         Give each a later version, then `just hash-migrations`",
        status.current.as_deref().unwrap_or_default(),
        status.skipped.join(", ")
    );
    ensure!(
        status.ahead.is_empty() || !properties.fail_when_ahead,
        "the database is ahead of this package, by {}, and OnDatabaseAhead is fail",
        status.ahead.join(", ")
    );
    if let Some(broken) = &status.partially_applied {
        ensure!(
            status.pending.is_empty() || status.pending.contains(&broken.version),
            "{} broke off after {} of {} statements, and this package lacks it, so nothing \
             can be applied: deploy a package that has it, or bring the rest about by hand and \
             declare it done with `atlas migrate set {}`",
            broken.version,
            broken.applied,
            broken.total,
            broken.version
        );
    }
    Ok(())
}

impl Report {
    fn new(files: &[MigrationFile], after: &MigrationStatus, applied: Vec<String>) -> Self {
        let report = Self {
            current: after.current.clone(),
            applied,
            ahead: after.ahead.clone(),
            plan: None,
            summary: String::new(),
        };
        Self {
            summary: report.in_words(files.len(), after),
            ..report
        }
    }

    fn plan(files: &[MigrationFile], before: &MigrationStatus, baseline: Option<&str>) -> Self {
        let plan: Vec<_> = names(files, &before.pending, baseline);
        Self {
            summary: format!("Would apply {}: {}.", plan.len(), plan.join(", ")),
            plan: Some(plan),
            ..Self::new(files, before, Vec::new())
        }
    }

    fn in_words(&self, in_package: usize, after: &MigrationStatus) -> String {
        let at = self.current.as_deref().unwrap_or("no version");
        let mut text = match self.applied.len() {
            0 => format!("Nothing to apply of {in_package} migrations; the database is at {at}."),
            count => format!(
                "Applied {count}: {}. The database is at {at}.",
                self.applied.join(", ")
            ),
        };
        if !self.ahead.is_empty() {
            text += &format!(
                " The database is ahead of this package, by {}.",
                self.ahead.join(", ")
            );
        }
        if let Some(broken) = &after.partially_applied {
            text += &format!(
                " {} broke off after {} of {} statements, which stay.",
                broken.version, broken.applied, broken.total
            );
        }
        text
    }
}
