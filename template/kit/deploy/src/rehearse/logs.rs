//! `target/rehearsal`, with the logs of the last rehearsal.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

/// The logs of the emulator, of `sam`, and of the migration function.
pub(super) const EMULATOR: &str = "emulator";
pub(super) const SAM: &str = "sam";
pub(super) const FUNCTION: &str = "function";

/// The directory of logs, locked for one rehearsal at a time.
#[derive(Debug)]
pub(super) struct Logs {
    directory: PathBuf,
    _lock: File,
}

impl Logs {
    /// Empties the directory of the project in `root`.
    ///
    /// # Errors
    /// When another rehearsal is running.
    pub(super) fn new(root: &Path) -> Result<Self> {
        let directory = root.join("target/rehearsal");
        let cannot = || format!("cannot write into {}", directory.display());
        fs::create_dir_all(&directory).with_context(cannot)?;
        let lock = directory.join("lock");
        let file = File::create(&lock).with_context(cannot)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                bail!("another rehearsal of this project is running ({} is locked)", lock.display())
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(cannot),
        }
        for entry in fs::read_dir(&directory).with_context(cannot)? {
            let path = entry?.path();
            if path.is_dir() {
                // A rehearsal that was killed could not clean up.
                fs::remove_dir_all(&path).with_context(cannot)?;
            } else if path != lock {
                fs::remove_file(&path).with_context(cannot)?;
            }
        }
        Ok(Self { directory, _lock: file })
    }

    /// A directory that is removed when it is dropped.
    pub(super) fn temporary_directory(&self) -> Result<TempDir> {
        tempfile::Builder::new()
            .prefix(".temporary-")
            .tempdir_in(&self.directory)
            .with_context(|| format!("cannot write into {}", self.directory.display()))
    }

    /// Path of the log named `name`.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.log"))
    }

    /// Complete lines of a log, which may not exist yet.
    pub(super) fn lines(&self, name: &str) -> Result<Vec<String>> {
        let path = self.path(name);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            other => other.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        Ok(lines.map(|line| line.trim_end().to_owned()).collect())
    }

    /// Appends lines to a log.
    pub(super) fn add(&self, name: &str, text: &str) -> Result<()> {
        let path = self.path(name);
        let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
        writeln!(file, "{}", text.trim_end())
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_rehearsal_at_a_time_keeps_its_logs() {
        let root = tempfile::tempdir().unwrap();
        let logs = Logs::new(root.path()).unwrap();
        logs.add("sam", "one\n").unwrap();
        logs.add("sam", "two").unwrap();
        assert_eq!(fs::read_to_string(logs.path("sam")).unwrap(), "one\ntwo\n");
        let error = Logs::new(root.path()).unwrap_err();
        assert!(error.to_string().contains("another rehearsal"), "{error}");

        let temporary = logs.temporary_directory().unwrap();
        assert!(temporary.path().starts_with(root.path().join("target/rehearsal")));
        // As a killed rehearsal leaves it.
        let left = temporary.keep();
        drop(logs);
        let logs = Logs::new(root.path()).unwrap();
        assert!(!left.exists() && !logs.path("sam").exists());
    }
}
