use std::{
    ops::Deref,
    process,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result};
use dev_postgres::Server;
use sea_orm::{ConnectionTrait, DatabaseConnection};

use crate::template::{CLONE_PREFIX, Template, now};

/// A database of its own for one test; it dereferences to a connection pool.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    server: Server,
    connection: DatabaseConnection,
}

impl TestDatabase {
    /// Clones the migrated template.
    ///
    /// # Errors
    /// When there is no server, or the migrations do not apply.
    pub async fn create() -> Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let template = Template::ready().await?;
        // The time lets a later run drop what an aborted one left; several machines,
        // with the same process ids, may share the server.
        let name = format!(
            "{CLONE_PREFIX}{}_{}_{}_{}",
            now(),
            nanoseconds(),
            process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        );
        template.clone_to(&name).await?;
        let connection = template.server.connect(&name).await?;
        Ok(Self {
            name,
            server: template.server,
            connection,
        })
    }

    /// The name of the database on its server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A URL for more connections. It holds the password.
    pub fn url(&self) -> String {
        self.server.url(&self.name)
    }
}

impl Deref for TestDatabase {
    type Target = DatabaseConnection;

    fn deref(&self) -> &DatabaseConnection {
        &self.connection
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the test's database is kept: psql '{}'", self.url());
            return;
        }
        // Dropping needs to wait for the server, and the test's own runtime may be
        // at its end: a thread with a runtime of its own does not depend on it.
        let (server, name) = (self.server.clone(), self.name.clone());
        let dropped = thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?
                .block_on(drop_database(&server, &name))
        })
        .join();
        match dropped {
            Ok(Ok(())) => {}
            Ok(Err(error)) => eprintln!("{} is left over: {error:#}", self.name),
            Err(_) => eprintln!("{} is left over", self.name),
        }
    }
}

fn nanoseconds() -> u32 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.subsec_nanos())
}

/// Drops a database, connections and all.
pub(crate) async fn drop_database(server: &Server, name: &str) -> Result<()> {
    let admin = server.connect_maintenance().await?;
    let dropped = admin
        .execute_unprepared(&format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)"))
        .await
        .with_context(|| format!("cannot drop the database {name}"));
    admin.close().await?;
    dropped.map(drop)
}
