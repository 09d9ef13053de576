//! Remembers what `check-migrations` passed, so that nothing is checked twice.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::{git::BaseFiles, hash_copy::yaml_files, project::Project};

/// All that the outcome of the checks depends on.
const SOURCES: &[&str] = &[
    ".cargo",
    ".env",
    ".env.example",
    ".squawk.toml",
    "Cargo.lock",
    "Cargo.toml",
    "atlas.hcl",
    "crates",
    "kit",
    "migrations",
    "rust-toolchain.toml",
];

/// Settings of the environment that choose the server and the tools.
const SETTINGS: &[&str] = &[
    "ATLAS",
    "DEV_POSTGRES",
    "DEV_POSTGRES_PATH",
    "DOCKER_HOST",
    "POSTGRES_IMAGE",
    "POSTGRES_MAJOR",
    "TEST_DATABASE_URL",
];

/// Programs that may come, go or be replaced on PATH.
const PROGRAMS: &[&str] = &["atlas", "squawk"];

#[derive(Debug)]
pub struct Fingerprint {
    hash: String,
    file: PathBuf,
}

impl Fingerprint {
    /// Reads all files that matter, some hundred.
    pub fn take(project: &Project, base: Option<&BaseFiles>) -> Result<Self> {
        let mut hasher = Sha256::new();
        for source in SOURCES {
            add(&mut hasher, &project.root.join(source))?;
        }
        for file in yaml_files(&project.root)? {
            add(&mut hasher, &file)?;
        }
        for setting in SETTINGS {
            hasher.update(format!("{setting}={:?}\n", std::env::var_os(setting)));
        }
        let installed = project.root.join(".tools/atlas");
        for program in std::iter::once(installed).chain(on_path()) {
            if let Ok(metadata) = fs::metadata(&program) {
                let (size, modified) = (metadata.len(), metadata.modified());
                hasher.update(format!("{} {size} {modified:?}\n", program.display()));
            }
        }
        hasher.update(format!("{base:?}"));
        Ok(Self {
            hash: hex::encode(hasher.finalize()),
            file: project.scratch("check")?.join("passed"),
        })
    }

    /// What the checks had to skip when they passed on just this.
    pub fn passed_before(&self) -> Option<String> {
        let passed = fs::read_to_string(&self.file).ok()?;
        let (hash, skipped) = passed.split_once('\n')?;
        (hash == self.hash).then(|| skipped.to_owned())
    }

    pub fn store_pass(&self, skipped: &str) -> Result<()> {
        fs::write(&self.file, format!("{}\n{skipped}", self.hash))
            .with_context(|| format!("cannot write {}", self.file.display()))
    }
}

/// Where the programs are or could be.
fn on_path() -> impl Iterator<Item = PathBuf> {
    let directories: Vec<_> =
        std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect();
    directories
        .into_iter()
        .flat_map(|directory| PROGRAMS.iter().map(move |program| directory.join(program)))
}

/// Adds the name and contents of a file, or of all files of a directory.
fn add(hasher: &mut Sha256, path: &Path) -> Result<()> {
    hasher.update(path.to_string_lossy().as_bytes());
    if path.is_dir() {
        let mut entries = fs::read_dir(path)?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<Vec<_>>>()?;
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
        let take = || Fingerprint::take(&project, None).unwrap();
        take().store_pass("").unwrap();
        assert!(take().passed_before().is_some());
        fs::write(root.path().join("any.yaml"), "any: {}\n").unwrap();
        assert!(take().passed_before().is_none());
    }
}
