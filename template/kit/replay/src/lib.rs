//! Applies migrations to throwaway databases: for plans, checks and tests. In production
//! Atlas applies them; this makes the same schema in a hundredth of the time.
//!
//! [`template`] keeps a database for each history, to copy from, so that only what is new
//! is ever replayed.

mod error;
mod roles;
mod run;
mod template;

use anyhow::{Context as _, Result};
use catalog::Snapshot;
use sea_orm::sqlx::{self, Connection as _, PgConnection};

pub use error::{ReplayError, message};
pub use roles::prepare_roles;
pub use run::{Failure, Moment, reset, run, run_observed};
pub use template::{copy, template, template_name};

/// Takes a snapshot of the database that `connection` is open to.
///
/// # Errors
/// When the database does not answer.
pub async fn snapshot(connection: &mut PgConnection) -> Result<Snapshot> {
    let mut transaction = connection.begin().await?;
    let snapshot = snapshot_in(&mut transaction).await;
    transaction.rollback().await?;
    snapshot
}

/// Takes a snapshot inside the transaction that is open on `connection`, whose settings it
/// changes.
///
/// # Errors
/// When the database does not answer.
pub async fn snapshot_in(connection: &mut PgConnection) -> Result<Snapshot> {
    sqlx::raw_sql(catalog::SETTINGS).execute(&mut *connection).await?;
    let rows: Vec<(String, String, String)> = sqlx::query_as(catalog::QUERY)
        .fetch_all(connection)
        .await
        .context("cannot read the catalogs of the database")?;
    Ok(Snapshot::from_rows(rows.into_iter().map(<[String; 3]>::from)))
}
