//! Error messages for failed runs: which migration ran, and what is applied.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Error, anyhow};
use atlas::{Cause, MigrationStatus, sql};

use super::Run;
use crate::database::Running;

impl Run<'_> {
    /// Describes a run that was stopped; `not_ended` says why its statement may still run.
    pub(super) async fn out_of_time(
        &self,
        running: Option<Running>,
        not_ended: Option<Error>,
    ) -> Error {
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

    /// Describes a failed run; `waited` is the longest wait for Atlas' lock.
    pub(super) async fn failed(
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
            atlas::Error::Failed {
                cause: Some(Cause::NotClean),
                ..
            } => "the database has tables, but no history of migrations: name the last migration \
                 that they hold with the property BaselineVersion"
                .to_owned(),
            atlas::Error::Failed {
                cause: Some(Cause::LockHeld),
                ..
            } => format!(
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

    /// Describes the state of the database.
    async fn what_is_applied(&self, not_ended: Option<Error>) -> String {
        let history = match self.history().await {
            Ok(history) => history,
            Err(error) => {
                return format!(
                    "What is applied is not known, for the database does not tell: {error:#}."
                );
            }
        };
        let status = MigrationStatus::of(self.files, &history);
        let count = self.names_applied(&status).len();
        self.applied.store(count, Ordering::Relaxed);
        let mut text = match &status.current {
            None => "Nothing is applied.".to_owned(),
            Some(current) => format!("The database is at {current}."),
        };
        let next = self.files.iter().find(|file| {
            status
                .pending
                .first()
                .is_some_and(|next| next == file.version())
        });
        if let (Some(broken), Some(file)) = (&status.partially_applied, next) {
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

/// Prepares a statement for use in a sentence.
fn one_statement(sql: &str) -> &str {
    sql.trim().trim_end_matches(';')
}
