//! Databases that are gone after use, even if the process that made them is killed.
//!
//! Each process holds a session-level advisory lock with a random key, and its
//! temporary databases have the key in their names. The lock ends with the process,
//! and the next process that creates a temporary database drops those whose key
//! nobody holds: on a server that many machines share, too.

use std::{
    collections::BTreeMap,
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use anyhow::Result;
use sea_orm::{
    DatabaseConnection,
    sqlx::{self, Connection as _, PgConnection},
};
use tokio::sync::Mutex;

use crate::{
    Server, background,
    database::{execute, quoted},
    notice, wait_for,
};

/// PostgreSQL cuts off longer names without an error.
const LONGEST_NAME: usize = 63;

/// The session of this process on each server, by the server's URL.
static OWNERS: Mutex<BTreeMap<String, Owner>> = Mutex::const_new(BTreeMap::new());

/// A session that holds the advisory lock `key`.
struct Owner {
    key: u64,
    session: PgConnection,
}

/// A database that is dropped with this value, whatever connections it has.
#[must_use = "dropping the value drops the database"]
pub struct TemporaryDatabase {
    server: Server,
    name: String,
    /// False once the database is dropped or persisted.
    owned: bool,
}

impl Server {
    /// Creates an empty database that is dropped with the returned value. Its name
    /// starts with `prefix`, shortened if need be, and is unique on the server.
    ///
    /// # Errors
    ///
    /// When the server does not answer or refuses.
    pub async fn temporary_database(&self, prefix: &str) -> Result<TemporaryDatabase> {
        TemporaryDatabase::create(self, prefix, None).await
    }

    /// Does the same, with a copy of a database that has no connections.
    ///
    /// # Errors
    ///
    /// When the server does not answer or refuses.
    pub async fn temporary_copy(&self, of: &str, prefix: &str) -> Result<TemporaryDatabase> {
        TemporaryDatabase::create(self, prefix, Some(of)).await
    }
}

impl TemporaryDatabase {
    async fn create(server: &Server, prefix: &str, copy_of: Option<&str>) -> Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let owner = server.clone();
        let key = background().spawn(async move { owner_key(&owner).await });
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let mut database = Self {
            name: fit(prefix, &format!("_tmpdb_{:016x}_{number}", key.await??)),
            server: server.clone(),
            owned: true,
        };
        let created = match copy_of {
            Some(of) => server.copy(of, &database.name).await,
            None => server.create(&database.name).await,
        };
        database.owned = created.is_ok();
        created.map(|()| database)
    }

    /// Name of the database, not quoted.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// URL of the database, password included.
    pub fn url(&self) -> String {
        self.server.url(&self.name)
    }

    /// Returns a pool of connections, as [`Server::connect`] does.
    ///
    /// # Errors
    ///
    /// When there is no connection within ten seconds.
    pub async fn connect(&self) -> Result<DatabaseConnection> {
        self.server.connect(&self.name).await
    }

    /// Drops the database now, and returns what went wrong. `Drop` blocks its thread
    /// meanwhile, and this does not.
    ///
    /// # Errors
    ///
    /// When the server does not answer or refuses.
    pub async fn drop_database(mut self) -> Result<()> {
        self.owned = false;
        self.server.drop(&self.name).await
    }

    /// Renames the database, which must have no connections, and lets it stay for good.
    ///
    /// # Errors
    ///
    /// When the server does not answer or refuses.
    pub async fn persist(mut self, name: &str) -> Result<()> {
        self.server.rename(&self.name, name).await?;
        self.owned = false;
        Ok(())
    }
}

impl Drop for TemporaryDatabase {
    fn drop(&mut self) {
        if self.owned {
            let (server, name) = (self.server.clone(), self.name.clone());
            if let Err(error) = wait_for(async move { server.drop(&name).await }) {
                notice(&format!("a later run drops what this left: {error:#}"));
            }
        }
    }
}

impl fmt::Debug for TemporaryDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TemporaryDatabase({:?} of {})", self.name, self.server)
    }
}

/// Returns the key whose lock this process holds on `server`, taking one if need be.
async fn owner_key(server: &Server) -> Result<u64> {
    let mut owners = OWNERS.lock().await;
    let url = server.url("");
    // The server may have been restarted.
    if let Some(owner) = owners.get_mut(&url)
        && owner.session.ping().await.is_ok()
    {
        return Ok(owner.key);
    }
    let key = getrandom::u64()?;
    let mut session = server.admin().await?;
    // A server may be set to end idle sessions, from PostgreSQL 14 on.
    sqlx::query(
        "SELECT pg_advisory_lock($1), (SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout')",
    )
    .bind(key.cast_signed())
    .execute(&mut session)
    .await?;
    sweep(&mut session).await?;
    owners.insert(url, Owner { key, session });
    Ok(key)
}

/// Drops the temporary databases of dead processes: those that belong to this role, are
/// named as ours are, and have neither a living owner nor a connection.
async fn sweep(session: &mut PgConnection) -> Result<()> {
    // The locks are read after the databases, and an owner takes its lock before it
    // creates any. Locks of sessions on other databases count: pg_locks shows them all.
    let abandoned: Vec<String> = sqlx::query_scalar(
        "SELECT datname::text FROM pg_database d, substring(datname FROM '_tmpdb_([0-9a-f]{16})_[0-9]+$') key
         WHERE key IS NOT NULL
           AND datdba = (SELECT oid FROM pg_roles WHERE rolname = current_user)
           AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE datid = d.oid)
           AND NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1
               AND lpad(to_hex(classid::bigint), 8, '0') || lpad(to_hex(objid::bigint), 8, '0') = key)",
    )
    .fetch_all(&mut *session)
    .await?;
    for name in abandoned {
        // Without FORCE: a connection may have come in between. Another process may
        // sweep, too. What fails now is dropped by a later run.
        let _ = execute(session, &format!("DROP DATABASE IF EXISTS {}", quoted(&name))).await;
    }
    Ok(())
}

/// Joins both, with as much of the prefix as fits into a name.
fn fit(prefix: &str, suffix: &str) -> String {
    let room = prefix.floor_char_boundary(LONGEST_NAME - suffix.len());
    format!("{}{suffix}", &prefix[..room])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_prefix_is_cut_between_characters() {
        assert_eq!(fit("short", "_1"), "short_1");
        let name = fit(&"ä".repeat(60), "_1");
        assert_eq!(name, format!("{}_1", "ä".repeat(30)));
        assert!(name.len() <= LONGEST_NAME);
    }

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(quoted(r#"a"b"#), r#""a""b""#);
    }
}
