//! What is known of the running server: `target/dev-postgres/server.json`, and a
//! lock beside it.

use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::{Provider, notice};

/// The running server, or the one that somebody was starting.
#[derive(Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) provider: Provider,
    /// The major version that was asked for; the server may run another.
    pub(crate) wanted_major: u32,
    /// Only for Docker.
    pub(crate) image: Option<String>,
    /// None: it was being started. If the file says so and nobody holds the
    /// lock, that process died, and what it left is to be removed.
    pub(crate) address: Option<Address>,
    pub(crate) password: String,
}

/// Where the server listens.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// The directory of the state file in a project.
pub(crate) struct StateDir(PathBuf);

/// Exclusive until it is dropped, or the process dies.
pub(crate) struct Lock {
    _file: File,
}

impl StateDir {
    pub(crate) fn of(root: &Path) -> Self {
        Self(root.join("target/dev-postgres"))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    fn file(&self) -> PathBuf {
        self.0.join("server.json")
    }

    /// None if there is no such file, or nothing that this version understands:
    /// a server that it may stand for is found by its name and removed.
    pub(crate) fn read(&self) -> Option<State> {
        serde_json::from_slice(&fs::read(self.file()).ok()?).ok()
    }

    /// Replaces the file in one step, so that nobody reads half of it.
    pub(crate) fn write(&self, state: &State) -> Result<()> {
        let new = self.0.join("server.json.new");
        let write = || -> std::io::Result<()> {
            match fs::remove_file(&new) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&new)?;
            file.write_all(&serde_json::to_vec_pretty(state)?)?;
            fs::rename(&new, self.file())
        };
        write().with_context(|| format!("could not write {}", self.file().display()))
    }

    /// Removes the file, if there is one.
    pub(crate) fn forget(&self) -> Result<()> {
        match fs::remove_file(self.file()) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("could not remove {}", self.file().display()))
            }
            _ => Ok(()),
        }
    }

    /// Removes the directory. The lock must be held, and goes with it.
    pub(crate) fn remove(&self, _lock: Lock) -> Result<()> {
        match fs::remove_dir_all(&self.0) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("could not remove {}", self.0.display()))
            }
            _ => Ok(()),
        }
    }

    /// Waits for the lock, and says so when that takes long.
    pub(crate) async fn lock(&self) -> Result<Lock> {
        let path = self.0.join("lock");
        let display = path.display().to_string();
        let mut waiting = tokio::task::spawn_blocking(move || lock(&path));
        let file = match tokio::time::timeout(Duration::from_secs(5), &mut waiting).await {
            Ok(done) => done,
            Err(_) => {
                notice("waiting for another process that starts or stops the server");
                waiting.await
            }
        };
        let file = file?.with_context(|| format!("could not lock {display}"))?;
        Ok(Lock { _file: file })
    }
}

fn lock(path: &Path) -> std::io::Result<File> {
    loop {
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir)?;
        }
        let file = match OpenOptions::new().create(true).append(true).open(path) {
            // Its directory was removed in between.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            other => other?,
        };
        file.lock()?;
        // Whoever removes the server removes this file too, and then the lock is
        // on a file that nobody else will find.
        match fs::metadata(path) {
            Ok(found) if found.ino() == file.metadata()?.ino() => return Ok(file),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        State {
            provider: Provider::Local,
            wanted_major: 17,
            image: None,
            address: None,
            password: "secret".to_owned(),
        }
    }

    #[tokio::test]
    async fn a_file_that_is_not_understood_counts_as_none() {
        let root = tempfile::tempdir().unwrap();
        let dir = StateDir::of(root.path());
        assert!(dir.read().is_none());
        let lock = dir.lock().await.unwrap();
        dir.write(&state()).unwrap();
        assert_eq!(dir.read().unwrap().wanted_major, 17);
        fs::write(dir.file(), "{\"provider\":\"loc").unwrap();
        assert!(dir.read().is_none());
        dir.remove(lock).unwrap();
        assert!(!dir.path().exists());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn one_at_a_time_even_when_the_lock_file_goes() {
        let root = tempfile::tempdir().unwrap();
        let first = StateDir::of(root.path()).lock().await.unwrap();
        let path = root.path().to_owned();
        let second = tokio::spawn(async move {
            let dir = StateDir::of(&path);
            let lock = dir.lock().await.unwrap();
            assert!(dir.path().join("lock").exists());
            drop(lock);
        });
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(!second.is_finished());
        StateDir::of(root.path()).remove(first).unwrap();
        second.await.unwrap();
    }
}
