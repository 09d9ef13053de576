use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::checkout;

/// Copies the checkout as git sees it: what is committed or modified, not what is ignored.
/// `cargo generate --path` copies ignored files too, and fails if one of them disappears
/// while it does. Returns `false` where git does not know the checkout, as in an unpacked
/// archive.
///
/// # Errors
/// When a file cannot be copied.
pub fn copy_checkout(to: &Path) -> Result<bool> {
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
        return Ok(false);
    }
    let files = String::from_utf8(listed.stdout).context("file names in UTF-8")?;
    for file in files.split_terminator('\0') {
        let to = to.join(file);
        fs::create_dir_all(to.parent().unwrap_or(&to))?;
        match fs::copy(checkout.join(file), &to) {
            // Deleted, and not committed yet.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            copied => drop(copied.with_context(|| format!("cannot copy {file}"))?),
        }
    }
    Ok(true)
}

/// A directory to render from: a copy of the checkout, or the checkout itself.
pub(crate) struct Source {
    copy: Option<TempDir>,
}

impl Source {
    /// # Errors
    /// When a file cannot be copied.
    pub(crate) fn new() -> Result<Self> {
        let copy = TempDir::new()?;
        let copied = copy_checkout(copy.path())?;
        Ok(Self {
            copy: copied.then_some(copy),
        })
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.copy
            .as_ref()
            .map_or_else(checkout, |copy| copy.path().to_owned())
    }
}
