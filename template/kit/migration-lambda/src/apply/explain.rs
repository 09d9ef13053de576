//! Error messages for failed runs: which migration ran, and what is applied.

use std::time::Duration;

use anyhow::{Error, anyhow};
use atlas::{Cause, sql};

use super::Run;
use crate::database::Database;
use crate::properties::NOTHING;
use crate::tunnel::Tunnel;

impl Run<'_> {
    /// Describes a run that was stopped; `not_ended` says why its statement may still run.
    pub(super) async fn out_of_time(
        &mut self,
        running: Option<String>,
        not_ended: Option<Error>,
    ) -> Error {
        let running = running
            .map_or_else(String::new, |running| format!("; it ran the statement: {running}"));
        anyhow!(
            "out of time: the time limit is near, so Atlas was stopped{running}. {} What takes \
             longer can be done by a container task, before the deployment too (DEPLOY.md: Runner), \
             or by hand: `just apply`.",
            self.what_is_applied(not_ended).await
        )
    }

    /// Describes a failed run; `waited` is the longest wait for Atlas' lock.
    pub(super) async fn failed(
        &mut self,
        error: atlas::Error,
        tunnel: &Tunnel,
        waited: Duration,
        invalid: &[String],
        not_ended: Option<Error>,
    ) -> Error {
        let cause = match &error {
            atlas::Error::Failed { cause, .. } => *cause,
            _ => None,
        };
        let server = tunnel.error(&error.to_string());
        let text = match (error, cause) {
            (atlas::Error::Migration(error), _) => {
                let statement = error.statement.as_deref().map(one_statement);
                let statement = statement.map(|sql| format!("; in the statement: {sql}"));
                format!("{}{}", error.summary(), statement.unwrap_or_default())
            }
            (atlas::Error::Failed { output, .. }, Some(Cause::NotClean)) => {
                let found = output.split("not clean: ").nth(1).unwrap_or(&output);
                format!(
                    "the database is not empty, but has no history of migrations: Atlas {}. Set \
                     the property BaselineVersion to the last migration that the database \
                     contains, or to {NOTHING} if it contains other things only",
                    found.split(". ").next().unwrap_or(found).trim_end_matches('.')
                )
            }
            (_, Some(Cause::LockHeld)) => {
                let holders = self.ask(self.grace(), Database::lock_holders).await;
                format!(
                    "another deployment to this database holds the lock, and kept it for {} s \
                     (LockTimeout, or the end of the time): wait for its end, then \
                     deploy again. Sessions with such a lock: {}",
                    waited.as_secs(),
                    holders.as_deref().unwrap_or("unknown")
                )
            }
            (other, _) => other.to_string(),
        };
        let more = server.map(|error| error.more()).unwrap_or_default();
        let lost = tunnel.lost().map(|lost| format!("; {lost}")).unwrap_or_default();
        let invalid = match invalid {
            [] => String::new(),
            names => format!(
                " The index {0} is INVALID, a rest of a failed build: run `DROP INDEX CONCURRENTLY \
                 {0}` before the next attempt.",
                names.join(", ")
            ),
        };
        anyhow!("{text}{more}{lost}. {}{invalid}", self.what_is_applied(not_ended).await)
    }

    /// Describes the state of the database, in sentences.
    async fn what_is_applied(&mut self, not_ended: Option<Error>) -> String {
        let status = match self.now().await {
            Ok(status) => status,
            Err(error) => {
                return format!(
                    "It is not known what is applied: the database cannot be asked: {error:#}."
                );
            }
        };
        let mut text = match &status.current {
            None => "Nothing is applied.".to_owned(),
            Some(current) => format!("The database is at {current}."),
        };
        let is_next = |version| status.pending.first().is_some_and(|next| next == version);
        if let Some(file) = self.files.iter().find(|file| is_next(file.version())) {
            let name = &file.name;
            text += &match &status.partially_applied {
                Some(partial) => {
                    let file = file.text();
                    let next = sql::statements(&file).into_iter().nth(partial.applied);
                    let next = next.map(|next| one_statement(next.sql));
                    let next = next.map(|sql| format!("; the next may be half done: {sql}"));
                    format!(
                        " Migration {name} is partially applied: {} of its {} statements stay, \
                         for it does not run in a transaction{}.",
                        partial.applied,
                        partial.total,
                        next.unwrap_or_default()
                    )
                }
                None if file.is_transactional() => {
                    format!(" Nothing of migration {name} is applied.")
                }
                None => format!(
                    " No statement of migration {name} is completed, but as it does not run in \
                     a transaction, the first may be half done."
                ),
            };
        }
        if let Some(error) = not_ended {
            text += &format!(" Its statement may still run on the server: {error:#}.");
        }
        text
    }
}

/// Prepares a statement for use in a sentence.
fn one_statement(sql: &str) -> &str {
    sql.trim().trim_end_matches(';')
}
