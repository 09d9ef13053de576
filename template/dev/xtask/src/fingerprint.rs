//! Remembers what `check-migrations` passed, so that nothing is checked twice.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::{git::BaseFiles, project::Project};

/// All that the outcome of the checks depends on.
const SOURCES: &[&str] = &[
    "migrations",
    "crates/entity",
    "crates/atlas/src",
    "dev/print-schema/src",
    "dev/xtask/src",
    "Cargo.toml",
    "Cargo.lock",
    "atlas.hcl",
    ".env",
    ".env.example",
    ".squawk.toml",
];

/// Settings that choose the server and the Atlas.
const SETTINGS: &[&str] = &[
    "ATLAS",
    "POSTGRES_MAJOR",
    "DEV_POSTGRES",
    "TEST_DATABASE_URL",
];

#[derive(Debug)]
pub(crate) struct Fingerprint {
    hash: String,
    file: PathBuf,
}

impl Fingerprint {
    /// Reads all files that matter, a few dozen.
    pub(crate) fn take(project: &Project, base: Option<&BaseFiles>) -> Result<Self> {
        let mut hasher = Sha256::new();
        for source in SOURCES {
            add(&mut hasher, &project.root.join(source))?;
        }
        for setting in SETTINGS {
            hasher.update(format!("{setting}={:?}\n", std::env::var_os(setting)));
        }
        hasher.update(format!("{base:?}"));
        let hash = hasher
            .finalize()
            .iter()
            .fold(String::new(), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            });
        Ok(Self {
            hash,
            file: project.scratch("check")?.join("passed"),
        })
    }

    /// What the checks had to skip when they passed on just this.
    pub(crate) fn passed_before(&self) -> Option<String> {
        let passed = fs::read_to_string(&self.file).ok()?;
        let (hash, skipped) = passed.split_once('\n')?;
        (hash == self.hash).then(|| skipped.to_owned())
    }

    pub(crate) fn store_pass(&self, skipped: &str) -> Result<()> {
        fs::write(&self.file, format!("{}\n{skipped}", self.hash))
            .with_context(|| format!("cannot write {}", self.file.display()))
    }
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
