//! Remembers the state on which `check-migrations` passed, to skip an identical run.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::{
    git::Base,
    hash_copy::yaml_files,
    project::{Project, Source},
};

/// Files and directories that the checks depend on.
const SOURCES: &[&str] = &[
    ".cargo",
    ".env",
    ".env.example",
    ".squawk.toml",
    "Cargo.lock",
    "Cargo.toml",
    "crates",
    "kit",
    "migrations",
    "rust-toolchain.toml",
];

/// Environment variables that select the server.
const VARIABLES: &[&str] = &[
    "DEV_POSTGRES",
    "DEV_POSTGRES_PATH",
    "DOCKER_HOST",
    "POSTGRES_IMAGE",
    "POSTGRES_MAJOR",
    "TEST_DATABASE_URL",
];

#[derive(Debug)]
pub struct Fingerprint {
    hash: String,
    file: PathBuf,
}

impl Fingerprint {
    /// Hashes the current state. `major` is the version of a server whose URL tells nothing.
    pub fn take(project: &Project, base: Option<&Base>, major: Option<u32>) -> Result<Self> {
        let mut hasher = Sha256::new();
        for source in SOURCES {
            add(&mut hasher, &project.root.join(source))?;
        }
        if let Source::Sql(folder) = &project.source {
            add(&mut hasher, &project.root.join(folder))?;
        }
        for file in yaml_files(&project.root)? {
            add(&mut hasher, &file)?;
        }
        for variable in VARIABLES {
            hasher.update(format!("{variable}={:?}\n", std::env::var_os(variable)));
        }
        hasher.update(format!("{base:?} {major:?}"));
        Ok(Self {
            hash: hex::encode(hasher.finalize()),
            file: project.scratch("check")?.join("passed"),
        })
    }

    /// Returns the skipped checks of the last pass if it was on the same state.
    pub fn passed_before(&self) -> Option<String> {
        let passed = fs::read_to_string(&self.file).ok()?;
        let (hash, skipped) = passed.split_once('\n')?;
        (hash == self.hash).then(|| skipped.to_owned())
    }

    /// Records that the checks passed, with the checks that were skipped.
    pub fn store_pass(&self, skipped: &str) -> Result<()> {
        fs::write(&self.file, format!("{}\n{skipped}", self.hash))
            .with_context(|| format!("cannot write {}", self.file.display()))
    }
}

/// Hashes the name and contents of a file, or of all files in a directory.
fn add(hasher: &mut Sha256, path: &Path) -> Result<()> {
    hasher.update(path.to_string_lossy().as_bytes());
    if path.is_dir() {
        let mut entries =
            fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
        entries.sort();
        return entries.iter().try_for_each(|entry| add(hasher, entry));
    }
    match fs::read(path) {
        Ok(contents) => {
            hasher.update((contents.len() as u64).to_le_bytes());
            hasher.update(contents);
            Ok(())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_with_the_files_that_may_hold_the_hash() {
        let (root, project) = Project::sample();
        let take = || Fingerprint::take(&project, None, None).unwrap();
        take().store_pass("").unwrap();
        assert!(take().passed_before().is_some());
        fs::write(root.path().join("any.yaml"), "any: {}\n").unwrap();
        assert!(take().passed_before().is_none());
    }
}
