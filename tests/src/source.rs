use std::{fs, io::ErrorKind, path::Path, process::Command};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::checkout;

/// A copy of the checkout as git sees it: what is committed or modified, not what is
/// ignored. `cargo generate --path` copies ignored files too, and fails if one of them
/// disappears while it does.
pub(crate) struct Source {
    /// `None` where git does not know the checkout, as in an unpacked archive.
    copy: Option<TempDir>,
}

impl Source {
    /// # Errors
    /// When a file cannot be copied.
    pub(crate) fn new() -> Result<Self> {
        let checkout = checkout();
        let listed = Command::new("git")
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .current_dir(&checkout)
            .output()
            .context("cannot run git")?;
        if !listed.status.success() {
            return Ok(Self { copy: None });
        }
        let copy = TempDir::new()?;
        let files = String::from_utf8(listed.stdout).context("file names in UTF-8")?;
        for file in files.split_terminator('\0') {
            let to = copy.path().join(file);
            fs::create_dir_all(to.parent().unwrap_or(copy.path()))?;
            match fs::copy(checkout.join(file), &to) {
                // Deleted, and not committed yet.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                copied => drop(copied.with_context(|| format!("cannot copy {file}"))?),
            }
        }
        Ok(Self { copy: Some(copy) })
    }

    pub(crate) fn path(&self) -> &Path {
        match &self.copy {
            Some(copy) => copy.path(),
            None => Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")),
        }
    }
}
