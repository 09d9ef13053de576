//! The work: bring the database to where the package is.

use std::sync::atomic::AtomicUsize;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, ensure};
use atlas::{MigrationDirectory, MigrationFile, Standing};
use rds::{Auth, Login};

use crate::apply::Run;
use crate::config::Config;
use crate::database::{ConnectError, Database};
use crate::deadline::Deadline;
use crate::properties::Properties;
use crate::redact;

/// A secret that is being rotated: the moment between the new password and its label.
const ROTATION: Duration = Duration::from_secs(2);

/// What was done, or would be in a dry run.
#[derive(Debug, Default)]
pub struct Report {
    pub current: Option<String>,
    /// The names of the files applied; in a dry run none.
    pub applied: Vec<String>,
    /// The versions that the database has and the package does not.
    pub ahead: Vec<String>,
    /// In a dry run, the names of the files that would be applied.
    pub plan: Option<Vec<String>>,
    /// All this in words.
    pub summary: String,
}

/// Verifies the package, compares it with the database, and lets Atlas apply what is
/// pending.
///
/// `applied` counts the migrations that are applied, even when one fails after them.
///
/// # Errors
/// When anything keeps the database from being where the package is, unless it is
/// ahead and may be. The message says what is applied.
pub async fn migrate(
    properties: &Properties,
    deadline: &Deadline,
    request_id: &str,
    applied: &AtomicUsize,
) -> Result<Report> {
    let config = Config::read(|name| std::env::var(name).ok(), &properties.database)?;
    let directory = MigrationDirectory::new(&config.migrations);
    verify(&directory, &properties.migration_hash)?;
    let files = directory.files()?;

    let (database, login) = connect(&config, deadline).await?;
    let before = Standing::of(&files, &database.history().await?);
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
        // It is for a database without history.
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
    let after = Standing::of(&files, &run.history().await?);
    // Another deployment may have come in between, while Atlas waited for its lock.
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

/// The name of Atlas' sessions on the server: another for each attempt, as Lambda may
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

/// Whether Atlas could do its work, and may.
fn judge(files: &[MigrationFile], standing: &Standing, properties: &Properties) -> Result<()> {
    if let (None, Some(baseline)) = (&standing.current, &properties.baseline_version) {
        ensure!(
            files.iter().any(|file| file.version() == baseline),
            "the property BaselineVersion is {baseline:?}, which no migration of the package has"
        );
    }
    ensure!(
        standing.skipped.is_empty(),
        "the database is at {}, but lacks older migrations, which would never be applied: {}. \
         Give each a later version, then `just hash-migrations`",
        standing.current.as_deref().unwrap_or_default(),
        standing.skipped.join(", ")
    );
    ensure!(
        standing.ahead.is_empty() || !properties.fail_when_ahead,
        "the database is ahead of this package, by {}, and OnDatabaseAhead is fail",
        standing.ahead.join(", ")
    );
    if let Some(broken) = &standing.broken_off {
        ensure!(
            standing.pending.is_empty() || standing.pending.contains(&broken.version),
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
    fn new(files: &[MigrationFile], after: &Standing, applied: Vec<String>) -> Self {
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

    fn plan(files: &[MigrationFile], before: &Standing, baseline: Option<&str>) -> Self {
        let plan: Vec<_> = names(files, &before.pending, baseline);
        Self {
            summary: format!("Would apply {}: {}.", plan.len(), plan.join(", ")),
            plan: Some(plan),
            ..Self::new(files, before, Vec::new())
        }
    }

    fn in_words(&self, in_package: usize, after: &Standing) -> String {
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
        if let Some(broken) = &after.broken_off {
            text += &format!(
                " {} broke off after {} of {} statements, which stay.",
                broken.version, broken.applied, broken.total
            );
        }
        text
    }
}

/// The names of the files with these versions, behind the baseline.
pub fn names(files: &[MigrationFile], versions: &[String], baseline: Option<&str>) -> Vec<String> {
    files
        .iter()
        .filter(|file| versions.iter().any(|version| version == file.version()))
        .filter(|file| Some(file.version()) > baseline)
        .map(|file| file.name.clone())
        .collect()
}
