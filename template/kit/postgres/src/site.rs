//! Where a server is recorded: `.dev-postgres/MAJOR/server.json` in the project, and a
//! lock beside it. Not under target/, where `cargo clean` would orphan the server.

use std::{
    collections::BTreeSet,
    env,
    fs::{self, File, OpenOptions},
    io::ErrorKind,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use crate::{Provider, notice};

/// A running server, or one that some process was starting.
#[derive(Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) provider: Provider,
    /// Only for Docker.
    pub(crate) image: Option<String>,
    /// None while the server is being started. If nobody holds the lock then, the
    /// process that started it has died.
    pub(crate) address: Option<Address>,
    pub(crate) password: String,
}

/// Where the server listens.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// The place of one server: of one project and one major version.
pub(crate) struct Site {
    /// The major version that the settings ask for; local binaries may run another.
    pub(crate) major: u32,
    /// Names the container, the directory of the cluster and the cluster. It depends
    /// on nothing but the project's path and the major version, so that the server is
    /// found even if its record is lost.
    pub(crate) name: String,
    /// Directory of the record.
    pub(crate) dir: PathBuf,
}

/// Exclusive until it is dropped, or the process dies.
pub(crate) struct Lock {
    _file: File,
}

impl Site {
    pub(crate) fn of(root: &Path, major: u32) -> Self {
        Self {
            major,
            name: format!("{}{major}", prefix(root)),
            dir: root.join(".dev-postgres").join(major.to_string()),
        }
    }

    /// All sites of a project: the one of `major`, those with a record, and those with
    /// a cluster that lost its record.
    pub(crate) fn all(root: &Path, major: u32) -> Vec<Self> {
        let prefix = prefix(root);
        let places = [
            (root.join(".dev-postgres"), ""),
            ("/dev/shm".into(), prefix.as_str()),
            (env::temp_dir(), prefix.as_str()),
        ];
        let mut majors = BTreeSet::from([major]);
        for (place, prefix) in places {
            let entries = fs::read_dir(place).into_iter().flatten().flatten();
            majors.extend(entries.filter_map(|entry| {
                let name = entry.file_name();
                name.to_str()?.strip_prefix(prefix)?.parse::<u32>().ok()
            }));
        }
        majors.into_iter().map(|major| Self::of(root, major)).collect()
    }

    fn file(&self) -> PathBuf {
        self.dir.join("server.json")
    }

    /// None if there is no record, or none that this version understands: the server
    /// is then found by its name.
    pub(crate) fn read(&self) -> Option<State> {
        serde_json::from_slice(&fs::read(self.file()).ok()?).ok()
    }

    /// Replaces the record in one step, so that no process reads half of it.
    pub(crate) fn write(&self, state: &State) -> Result<()> {
        let write = || -> Result<()> {
            // Only this user can read it.
            let mut file = NamedTempFile::new_in(&self.dir)?;
            serde_json::to_writer_pretty(&mut file, state)?;
            file.persist(self.file())?;
            Ok(())
        };
        write().with_context(|| format!("could not write {}", self.file().display()))
    }

    /// Removes the record, if there is one.
    pub(crate) fn forget(&self) -> Result<()> {
        gone(fs::remove_file(self.file()))
            .with_context(|| format!("could not remove {}", self.file().display()))
    }

    /// Removes the directory, and with it the lock.
    pub(crate) fn remove(&self, _lock: Lock) -> Result<()> {
        gone(fs::remove_dir_all(&self.dir))
            .with_context(|| format!("could not remove {}", self.dir.display()))?;
        // Fails while there are servers of other versions.
        let _ = self.dir.parent().map(fs::remove_dir);
        Ok(())
    }

    /// Waits for the lock, and says so when that takes long.
    pub(crate) async fn lock(&self) -> Result<Lock> {
        let dir = self.dir.clone();
        let mut waiting = tokio::task::spawn_blocking(move || lock(&dir));
        let file = match tokio::time::timeout(Duration::from_secs(5), &mut waiting).await {
            Ok(done) => done,
            Err(_) => {
                notice("waiting for another process that starts or stops the server");
                waiting.await
            }
        };
        let file = file?.with_context(|| format!("could not lock {}", self.dir.display()))?;
        Ok(Lock { _file: file })
    }
}

/// Start of the names of a project's servers.
fn prefix(root: &Path) -> String {
    let hash = Sha256::digest(root.as_os_str().as_encoded_bytes());
    format!("dev-postgres-{}-", hex::encode(&hash[..8]))
}

/// The result of a removal, where a missing file is fine.
pub(crate) fn gone(removed: std::io::Result<()>) -> std::io::Result<()> {
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn lock(dir: &Path) -> std::io::Result<File> {
    let path = dir.join("lock");
    loop {
        fs::create_dir_all(dir)?;
        let file = match OpenOptions::new().create(true).append(true).open(&path) {
            // The directory was removed in between.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            other => other?,
        };
        file.lock()?;
        // The process that removes the server removes this file too, and then the
        // lock is on a file that no other process will find.
        match fs::metadata(&path) {
            Ok(found) if found.ino() == file.metadata()?.ino() => {}
            _ => continue,
        }
        // Neither git nor tools that copy a project care for this directory.
        fs::write(dir.join(".gitignore"), "*\n")?;
        let tag = "Signature: 8a477f597d28d172789f06886806bc55\n";
        fs::write(dir.join("CACHEDIR.TAG"), tag)?;
        return Ok(file);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_unreadable_record_counts_as_missing() {
        let root = tempfile::tempdir().unwrap();
        let site = Site::of(root.path(), 17);
        assert!(site.read().is_none());
        let lock = site.lock().await.unwrap();
        let state = State {
            provider: Provider::Local,
            image: None,
            address: None,
            password: "secret".to_owned(),
        };
        site.write(&state).unwrap();
        assert_eq!(site.read().unwrap().password, "secret");
        fs::write(site.file(), "{\"provider\":\"loc").unwrap();
        assert!(site.read().is_none());
        site.remove(lock).unwrap();
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_lock_is_exclusive_even_when_its_file_is_removed() {
        let root = tempfile::tempdir().unwrap();
        let first = Site::of(root.path(), 17).lock().await.unwrap();
        let path = root.path().to_owned();
        let second = tokio::spawn(async move {
            let site = Site::of(&path, 17);
            let lock = site.lock().await.unwrap();
            assert!(site.dir.join("lock").exists());
            drop(lock);
        });
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(!second.is_finished());
        Site::of(root.path(), 17).remove(first).unwrap();
        second.await.unwrap();
    }
}
