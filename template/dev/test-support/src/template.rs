//! The migrated database that every test database is a copy of.

use std::{
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, ensure};
use atlas::{ApplyOptions, Atlas, MigrationDirectory};
use dev_postgres::{Provider, Server, settings::setting};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement, TransactionTrait};
use sha2::{Digest, Sha256};

use crate::database::drop_database;

/// Begins the name of a template, followed by what it was made from.
const TEMPLATE_PREFIX: &str = "test_template_";
/// Begins the name of a test's own database, followed by the time in seconds.
pub(crate) const CLONE_PREFIX: &str = "test_support_";
/// A test database as old as this is left over from an aborted run, in seconds.
const LEFT_OVER: u64 = 24 * 60 * 60;
/// Whoever holds this advisory lock may build a template.
const LOCK: i64 = 0x7465_6d70_6c61_7465;

/// The template of the current migrations.
#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) server: Server,
    /// Never connected to: PostgreSQL copies only a database that nobody uses.
    name: String,
    /// A copy for the transactions that are rolled back.
    pub(crate) shared: String,
}

impl Template {
    /// The template, built if no test of any process has built it yet.
    pub(crate) async fn ready() -> Result<Self> {
        let root = dev_postgres::project_root()?;
        let migrations = MigrationDirectory::new(root.join("migrations"));
        migrations.verify()?;
        let files = migrations.files()?;
        ensure!(
            !files.is_empty(),
            "there are no migrations yet: run `just create-migrations`"
        );
        let server = dev_postgres::server_in(&root).await?;
        // Not atlas.sum's hash, which may leave files out.
        let mut hasher = Sha256::new();
        for file in &files {
            hasher.update(format!("{} {}\n", file.name, file.contents.len()));
            hasher.update(&file.contents);
        }
        let key: String = hasher.finalize()[..8]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let name = format!("{TEMPLATE_PREFIX}{key}");
        let template = Self {
            shared: format!("{name}_shared"),
            name,
            server,
        };

        let admin = template.server.connect_maintenance().await?;
        let ready = template.build_if_missing(&admin, &root, &migrations).await;
        admin.close().await?;
        ready.map(|()| template)
    }

    /// Makes a copy of the template.
    pub(crate) async fn clone_to(&self, name: &str) -> Result<()> {
        let admin = self.server.connect_maintenance().await?;
        let cloned = self.copy(&admin, &self.name, name).await;
        admin.close().await?;
        cloned
    }

    async fn build_if_missing(
        &self,
        admin: &DatabaseConnection,
        root: &Path,
        migrations: &MigrationDirectory,
    ) -> Result<()> {
        if exists(admin, &self.shared).await? {
            return Ok(());
        }
        // The lock goes with the transaction, however that ends.
        let lock = admin.begin().await?;
        lock.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({LOCK})"))
            .await?;
        if !exists(admin, &self.shared).await? {
            self.build(admin, root, migrations).await?;
            self.remove_left_overs(admin).await?;
        }
        lock.commit().await?;
        Ok(())
    }

    /// Builds under other names, so that nobody sees a template that is half there.
    async fn build(
        &self,
        admin: &DatabaseConnection,
        root: &Path,
        migrations: &MigrationDirectory,
    ) -> Result<()> {
        let atlas = find_atlas(root)?;
        atlas.supports_server(self.server.major())?;
        let unfinished = format!("{}_unfinished", self.name);
        for name in [&unfinished, &self.name, &self.shared] {
            drop_database(&self.server, name).await?;
        }
        admin
            .execute_unprepared(&format!("CREATE DATABASE \"{unfinished}\""))
            .await?;
        atlas.apply(
            migrations,
            &self.server.url(&unfinished),
            &ApplyOptions::default(),
        )?;
        admin
            .execute_unprepared(&format!(
                "ALTER DATABASE \"{unfinished}\" RENAME TO \"{}\"",
                self.name
            ))
            .await?;
        // Somebody's open connection would make every copy fail.
        admin
            .execute_unprepared(&format!(
                "ALTER DATABASE \"{}\" ALLOW_CONNECTIONS false",
                self.name
            ))
            .await?;
        self.copy(admin, &self.name, &unfinished).await?;
        // What is looked for comes last.
        admin
            .execute_unprepared(&format!(
                "ALTER DATABASE \"{unfinished}\" RENAME TO \"{}\"",
                self.shared
            ))
            .await?;
        Ok(())
    }

    async fn copy(&self, admin: &DatabaseConnection, from: &str, to: &str) -> Result<()> {
        // Copying files is much quicker than logging each page, the default, where
        // durability does not matter. PostgreSQL 14 knows no other way.
        let strategy = if self.server.major() >= 15 {
            " STRATEGY file_copy"
        } else {
            ""
        };
        admin
            .execute_unprepared(&format!(
                "CREATE DATABASE \"{to}\" TEMPLATE \"{from}\"{strategy}"
            ))
            .await
            .with_context(|| format!("cannot copy the database {from}"))?;
        Ok(())
    }

    /// Drops what aborted runs left: test databases as old as a day that nobody uses.
    /// On a server of this project's own, the templates of other migrations too.
    async fn remove_left_overs(&self, admin: &DatabaseConnection) -> Result<()> {
        let of_this_project = self.server.provider() != Provider::Url;
        let databases = admin
            .query_all_raw(Statement::from_string(
                DbBackend::Postgres,
                "SELECT datname FROM pg_database",
            ))
            .await?;
        for row in databases {
            let name: String = row.try_get_by_index(0)?;
            let old_template = of_this_project
                && name.starts_with(TEMPLATE_PREFIX)
                && !name.starts_with(&self.name);
            if old_template || is_left_over(&name, now()) {
                // Without FORCE: one that somebody looks into stays.
                let _ = admin
                    .execute_unprepared(&format!("DROP DATABASE IF EXISTS \"{name}\""))
                    .await;
            }
        }
        Ok(())
    }
}

/// The Atlas that `ATLAS` names, in the environment or `.env`, else the one that
/// `just setup` found.
fn find_atlas(root: &Path) -> Result<Atlas> {
    Ok(match setting(root, "ATLAS")? {
        Some(program) => Atlas::with_binary(program)?,
        None => Atlas::find(root)?,
    })
}

/// Whether a name is that of a test database made a day or more before `now`, in
/// seconds. The server may hold databases of others: all of the name must fit.
fn is_left_over(name: &str, now: u64) -> bool {
    let Some(numbers) = name.strip_prefix(CLONE_PREFIX) else {
        return false;
    };
    let numbers: Result<Vec<u64>, _> = numbers.split('_').map(str::parse).collect();
    matches!(numbers.as_deref(), Ok([made, _, _, _]) if made + LEFT_OVER <= now)
}

async fn exists(admin: &DatabaseConnection, name: &str) -> Result<bool> {
    let row = admin
        .query_one_raw(Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT 1 FROM pg_database WHERE datname = $1",
            [name.into()],
        ))
        .await?;
    Ok(row.is_some())
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_test_databases_are_left_over() {
        let now = 1_800_000_000;
        assert!(is_left_over("test_support_1700000000_5_12_0", now));
        assert!(!is_left_over("test_support_1799999999_5_12_0", now));
        for of_others in [
            "test_1",
            "test_support_2024",
            "test_support_1_2_3_backup",
            "shop",
        ] {
            assert!(!is_left_over(of_others, now), "{of_others}");
        }
    }
}
