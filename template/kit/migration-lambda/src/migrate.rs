//! Brings the database to the version of the package.

use std::sync::atomic::AtomicUsize;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, ensure};
use atlas::{MigrationDirectory, MigrationFile, MigrationStatus};
use rds::{Auth, Login};

use crate::apply::{Run, names};
use crate::config::Config;
use crate::database::{Database, is_login_refused};
use crate::deadline::Deadline;
use crate::properties::Properties;
use crate::redact;

/// Time between a rotated password and the label of its secret.
const ROTATION: Duration = Duration::from_secs(2);

/// Longest name of a session: PostgreSQL cuts off the rest (NAMEDATALEN).
const LONGEST_NAME: usize = 63;

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
        let plan = properties.dry_run.then(Vec::new);
        return Ok(Report::new(&files, before, Vec::new(), plan));
    }
    let baseline = match &before.current {
        None => properties.baseline_version.as_deref(),
        // Only for a database without history.
        Some(_) => None,
    };
    if properties.dry_run {
        let plan = names(&files, &before.pending, baseline);
        return Ok(Report::new(&files, before, Vec::new(), Some(plan)));
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
    Ok(Report::new(&files, after, names, None))
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

fn verify(directory: &MigrationDirectory, expected: &str) -> Result<()> {
    let hash = directory.verify().context("the package is damaged; build and deploy it again")?;
    ensure!(
        hash == expected,
        "the stack names the migrations {expected}, but the package holds {hash}: \
         `just hash-migrations` writes the hash, and `just deploy` packages what it names"
    );
    Ok(())
}

async fn connect(config: &Config, deadline: &Deadline) -> Result<(Database, Login)> {
    let mut is_retry = false;
    loop {
        let login = config.database.login(deadline.left_for_work()).await?;
        redact::hide(&login.password.0);
        let error = match Database::connect(config, &login, deadline.left_for_work()).await {
            Ok(database) => return Ok((database, login)),
            Err(error) if is_login_refused(&error) => error,
            Err(error) => return Err(error),
        };
        match &config.database.auth {
            Auth::Secret { .. } if !is_retry => {
                tracing::warn!("fetching the secret again, it may have been rotated: {error:#}");
                tokio::time::sleep(ROTATION).await;
                is_retry = true;
            }
            Auth::Iam { .. } => {
                return Err(error.context(
                    "RDS refuses the IAM token: the user needs `GRANT rds_iam`, the function's \
                     role rds-db:connect for that user, and the instance IAM authentication",
                ));
            }
            _ => return Err(error),
        }
    }
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
    if let Some(partial) = &status.partially_applied {
        let version = &partial.version;
        ensure!(
            status.pending.is_empty() || status.pending.contains(version),
            "{version} is partially applied, {} of {} statements, and this package lacks it, so \
             nothing can be applied: deploy a package that has it, or apply the rest by hand and \
             declare it as applied with `atlas migrate set {version}`",
            partial.applied,
            partial.total
        );
    }
    Ok(())
}

impl Report {
    fn new(
        files: &[MigrationFile],
        status: MigrationStatus,
        applied: Vec<String>,
        plan: Option<Vec<String>>,
    ) -> Self {
        let at = status.current.as_deref().unwrap_or("no version");
        let mut summary = match (plan.as_deref(), applied.len()) {
            (Some(plan @ [_, ..]), _) => {
                format!("Would apply {}: {}.", plan.len(), plan.join(", "))
            }
            (_, 0) => {
                let count = files.len();
                format!("Nothing to apply of {count} migrations; the database is at {at}.")
            }
            (_, count) => {
                let names = applied.join(", ");
                format!("Applied {count}: {names}. The database is at {at}.")
            }
        };
        if !status.ahead.is_empty() {
            let versions = status.ahead.join(", ");
            summary += &format!(" The database is ahead of this package, by {versions}.");
        }
        if let Some(partial) = &status.partially_applied {
            summary += &format!(
                " {} is partially applied: {} of {} statements.",
                partial.version, partial.applied, partial.total
            );
        }
        Self { current: status.current, applied, ahead: status.ahead, plan, summary }
    }
}
