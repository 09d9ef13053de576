//! Gives a PostgreSQL server to tests and to development commands.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! let server = postgres::server().await?;
//! let database = server.create_database("example").await?;
//! let connection = database.connect().await?;
//! # Ok(()) }
//! ```
//!
//! The first of these that there is:
//!
//! 1. `TEST_DATABASE_URL`: a server that the caller runs.
//! 2. Docker: one container, for all processes.
//! 3. The server binaries of this machine: a cluster without durability, in
//!    memory where that is possible.
//!
//! A started server outlives its process, and the next one joins it in
//! milliseconds, until [`down`]. It is replaced when the settings ask for another
//! version or provider.
//!
//! | setting | |
//! |---|---|
//! | `POSTGRES_MAJOR` | major version, 17 if not set; local binaries of another one serve too |
//! | `TEST_DATABASE_URL` | `postgres://user:password@host:port/database` |
//! | `DEV_POSTGRES` | `url`, `docker` or `local`: that one or an error |
//! | `POSTGRES_IMAGE` | what Docker runs, `postgres:<major>-alpine` if not set |
//! | `DEV_POSTGRES_PATH` | where to look for server binaries, instead of the usual places |
//! | `DOCKER_HOST` | where the Docker engine is, instead of the usual sockets |
//!
//! Each comes from the environment, else from `.env`, else from `.env.example`.

mod account;
mod binaries;
mod database;
mod docker;
mod given_url;
mod join;
mod local;
mod processes;
mod random;
mod server;
pub mod settings;
mod shared_memory;
mod start;
mod state;

use std::{
    env, fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

pub use database::Database;
pub use server::{Provider, Server};
use settings::Config;
use state::StateDir;

/// Server settings that trade durability for speed, and some that make servers
/// of all origins alike.
const FAST: [(&str, &str); 7] = [
    ("fsync", "off"),
    ("synchronous_commit", "off"),
    ("full_page_writes", "off"),
    ("max_connections", "200"),
    ("max_wal_size", "256MB"),
    ("timezone", "UTC"),
    // Files of the cluster, so that nothing stays in /dev/shm when it is killed.
    ("dynamic_shared_memory_type", "mmap"),
];

/// The server of the project that the current process belongs to; see [`server_in`].
///
/// # Errors
///
/// As of [`server_in`] and [`project_root`].
pub async fn server() -> Result<Server> {
    server_in(&project_root()?).await
}

/// A server for the project in `root`: the caller's own, the running one, or else
/// one that this starts.
///
/// # Errors
///
/// When the settings are malformed, the server of `TEST_DATABASE_URL` cannot be
/// used, or nothing can be started. The messages are for people, say what to do,
/// and hold no password.
pub async fn server_in(root: &Path) -> Result<Server> {
    let root = &canonical(root)?;
    let config = Config::load(root)?;
    if let (None | Some(Provider::Url), Some(url)) = (config.forced, &config.url) {
        return given_url::server(url).await;
    }
    join_or_start(root, root, config).await
}

/// A further server for the project in `root`, shared only by those who ask for the
/// same `name`: for tests that configure a server or stop it. It is started as the
/// project's own, but never the one of `TEST_DATABASE_URL`, and stays until
/// [`extra_down`] or [`down`].
///
/// # Errors
///
/// As of [`server_in`].
pub async fn extra_server_in(root: &Path, name: &str) -> Result<Server> {
    let root = canonical(root)?;
    let mut config = Config::load(&root)?;
    config.forced = config.forced.filter(|forced| *forced != Provider::Url);
    let place = extras(&root).join(name);
    fs::create_dir_all(&place).with_context(|| format!("could not create {}", place.display()))?;
    join_or_start(&root, &place, config).await
}

/// `root` has the settings, `place` what is known of the server.
async fn join_or_start(root: &Path, place: &Path, config: Config) -> Result<Server> {
    let dir = StateDir::of(place);
    let name = name_of(place);
    if let Some(server) = join::join(&dir, &config, &name).await? {
        return Ok(server);
    }
    let _lock = dir.lock().await?;
    // Whoever had the lock may have started it.
    if let Some(server) = join::join(&dir, &config, &name).await? {
        return Ok(server);
    }
    if let Err(error) = start::remove(root, place, &name, dir.read()).await {
        // It may have been of another provider than the one that is used now.
        notice(&format!(
            "what an earlier run left could not be removed: {error:#}"
        ));
    }
    start::start(place, config, name).await
}

/// Stops and removes the servers that were started for the project in `root`, with
/// all their data. Returns where the project's own came from, else a further one;
/// None if there was none. A server of `TEST_DATABASE_URL` is the caller's: it is
/// left alone.
///
/// # Errors
///
/// When a server cannot be stopped or its files cannot be removed.
pub async fn down(root: &Path) -> Result<Option<Provider>> {
    let root = &canonical(root)?;
    let mut extra = None;
    // None was ever started where there is no such directory.
    for entry in fs::read_dir(extras(root)).into_iter().flatten() {
        extra = extra.or(down_in(root, &entry?.path()).await?);
    }
    Ok(down_in(root, root).await?.or(extra))
}

/// The same for one server of [`extra_server_in`].
///
/// # Errors
///
/// As of [`down`].
pub async fn extra_down(root: &Path, name: &str) -> Result<Option<Provider>> {
    let root = canonical(root)?;
    let place = extras(&root).join(name);
    let removed = down_in(&root, &place).await?;
    fs::remove_dir_all(&place).with_context(|| format!("could not remove {}", place.display()))?;
    Ok(removed)
}

async fn down_in(root: &Path, place: &Path) -> Result<Option<Provider>> {
    let dir = StateDir::of(place);
    let lock = dir.lock().await?;
    let removed = start::remove(root, place, &name_of(place), dir.read()).await?;
    dir.remove(lock)?;
    Ok(removed)
}

/// Where the further servers of a project are written down.
fn extras(root: &Path) -> PathBuf {
    StateDir::of(root).path().join("extra")
}

/// The root of the project: the nearest directory with a `Cargo.lock`, upwards
/// from the package that cargo runs, else from the current directory.
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

fn canonical(root: &Path) -> Result<PathBuf> {
    fs::canonicalize(root).with_context(|| format!("no project in {}", root.display()))
}

/// What the server of a project is called wherever it runs: the name of its
/// container, its directory and its cluster. It is made from the path alone, so
/// that a server is found again when all that was written down of it is lost.
fn name_of(root: &Path) -> String {
    // FNV-1a: std's hashes differ from one version of Rust to the next.
    let hash = root
        .as_os_str()
        .as_encoded_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    format!("dev-postgres-{hash:016x}")
}

/// Tells the user. Not `eprintln!`, which the test harness holds back.
fn notice(message: &str) {
    // Nobody to tell is no reason to fail.
    let _ = writeln!(std::io::stderr(), "postgres: {message}");
}
