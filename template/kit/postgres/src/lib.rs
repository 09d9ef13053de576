//! Gives a PostgreSQL server to tests and to development commands.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! let server = postgres::server().await?;
//! let database = server.temporary_database("example").await?;
//! let connection = database.connect().await?;
//! # Ok(()) }
//! ```
//!
//! Takes the first of these that is available:
//!
//! 1. `TEST_DATABASE_URL`: a server that the caller runs.
//! 2. Docker: one container, for all processes.
//! 3. The server binaries of this machine: a cluster without durability, in
//!    memory where possible.
//!
//! A started server outlives its process, and the next process joins it in
//! milliseconds, until [`down`]. A project has one server for each major version:
//! changing `POSTGRES_MAJOR` starts another, and changing it back finds the old data.
//!
//! | setting | |
//! |---|---|
//! | `POSTGRES_MAJOR` | major version, default 17; local binaries of another version serve too |
//! | `TEST_DATABASE_URL` | `postgres://user:password@host:port/database` |
//! | `DEV_POSTGRES` | `url`, `docker` or `local`: use this one or fail |
//! | `POSTGRES_IMAGE` | image for Docker, default `postgres:<major>-alpine` |
//! | `DEV_POSTGRES_PATH` | directories to search for server binaries, instead of the usual ones |
//! | `DOCKER_HOST` | address of the Docker engine, instead of the current context and the usual sockets |
//! | `DOCKER_CONTEXT` | Docker context to use, instead of the current one |
//!
//! Each is read from the environment, else from `.env`, else from `.env.example`.

mod background;
mod binaries;
mod database;
mod docker;
mod engine;
mod given_url;
mod install;
mod join;
mod local;
mod processes;
mod server;
pub mod settings;
mod shared_memory;
mod site;
mod start;
mod temporary;

use std::{
    env, fs,
    io::Write as _,
    net::TcpListener,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use sea_orm::sqlx::{Connection as _, PgConnection};

pub use background::{BACKGROUND, background, wait_for};
pub use install::install_docker;
pub use server::{Provider, Server};
use settings::Config;
use site::Site;
pub use temporary::TemporaryDatabase;

/// Options of a server. They trade durability for speed, and make the servers of all
/// providers alike.
fn server_options(cluster_name: &str) -> Vec<String> {
    [
        "fsync=off",
        "synchronous_commit=off",
        "full_page_writes=off",
        "max_connections=200",
        "max_wal_size=256MB",
        "timezone=UTC",
        // As files of the cluster, so that killing it leaves nothing in /dev/shm.
        "dynamic_shared_memory_type=mmap",
        &format!("cluster_name={cluster_name}"),
    ]
    .iter()
    .flat_map(|setting| ["-c".to_owned(), (*setting).to_owned()])
    .collect()
}

/// Returns the server of the project that this process belongs to; see [`server_in`].
///
/// # Errors
///
/// Those of [`server_in`] and [`project_root`].
pub async fn server() -> Result<Server> {
    server_in(&project_root()?).await
}

/// Returns a server for the project in `root`: the user's own, the running one, or
/// one that this starts.
///
/// # Errors
///
/// When a setting is malformed, the server of `TEST_DATABASE_URL` cannot be used, or
/// nothing can be started. The messages say what to do, and hold no password.
pub async fn server_in(root: &Path) -> Result<Server> {
    let (server, session) = session_in(root).await?;
    session.close().await?;
    Ok(server)
}

/// Returns what [`server_in`] does, with the connection to the maintenance database on which
/// the server answered.
///
/// # Errors
///
/// Those of [`server_in`].
pub async fn session_in(root: &Path) -> Result<(Server, PgConnection)> {
    let root = canonical(root)?;
    let config = Config::load(&root)?;
    if let Some(url) = config.given_url() {
        return given_url::server(url).await;
    }
    let site = Site::of(&root, config.major);
    if let Some(joined) = join::join(&site, &config).await? {
        return Ok(joined);
    }
    let _lock = site.lock().await?;
    // The process that held the lock may have started it.
    if let Some(joined) = join::join(&site, &config).await? {
        return Ok(joined);
    }
    if let Err(error) = start::remove(&site, &config).await {
        // Another provider may serve now.
        notice(&format!("could not remove what an earlier run left: {error:#}"));
    }
    start::start(site, config).await
}

/// Describes in one line the server that [`server_in`] would return, without
/// starting one.
///
/// # Errors
///
/// Those of [`server_in`] that show before a server is started. Where there is no way
/// to a server, the message lists the ways.
pub async fn describe(root: &Path) -> Result<String> {
    let root = canonical(root)?;
    let config = Config::load(&root)?;
    if let Some(url) = config.given_url() {
        return Ok(given_url::server(url).await?.0.to_string());
    }
    match join::join(&Site::of(&root, config.major), &config).await? {
        Some((server, _)) => Ok(format!("{server}, running")),
        None => start::describe(&config),
    }
}

/// Stops and removes the servers that were started for the project in `root`, of all
/// major versions, with all their data. Returns each as `PostgreSQL 17 (Docker)`. The
/// server of `TEST_DATABASE_URL` is left alone.
///
/// # Errors
///
/// When a server cannot be stopped or its files cannot be removed.
pub async fn down(root: &Path) -> Result<Vec<String>> {
    let root = canonical(root)?;
    let config = Config::load(&root)?;
    let mut removed = Vec::new();
    for site in Site::all(&root, config.major) {
        let lock = site.lock().await?;
        if let Some(provider) = start::remove(&site, &config).await? {
            removed.push(format!("PostgreSQL {} ({provider})", site.major));
        }
        site.remove(lock)?;
    }
    Ok(removed)
}

/// Root of the project: the nearest directory with a `Cargo.lock`, upwards from the
/// package that cargo runs, else from the current directory.
///
/// # Errors
///
/// When there is no such directory.
pub fn project_root() -> Result<PathBuf> {
    let start = match env::var_os("CARGO_MANIFEST_DIR") {
        Some(package) => package.into(),
        None => env::current_dir()?,
    };
    start
        .ancestors()
        .find(|dir| dir.join("Cargo.lock").is_file())
        .map(Path::to_owned)
        .with_context(|| format!("no Cargo.lock in {} or above it", start.display()))
}

/// Returns a port of 127.0.0.1 that is free now; another process may take it.
///
/// # Errors
///
/// When no port can be opened.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr()?.port())
}

fn canonical(root: &Path) -> Result<PathBuf> {
    fs::canonicalize(root).with_context(|| format!("no project in {}", root.display()))
}

/// Prints to the real stderr: the test harness captures `eprintln!`.
fn notice(message: &str) {
    let _ = writeln!(std::io::stderr(), "postgres: {message}");
}
