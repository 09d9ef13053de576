//! Finds and installs the programs that `tools.toml` names, into `.tools` of the project.

pub mod atlas;
pub mod cargo;
pub mod download;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

/// Directory of the installed programs. `cargo clean` leaves it alone.
pub fn directory(root: &Path) -> PathBuf {
    root.join(".tools")
}

/// Contents of `tools.toml` in the project's root.
///
/// # Errors
/// When it cannot be read, or is not TOML.
pub fn manifest(root: &Path) -> Result<toml::Table> {
    let file = root.join("tools.toml");
    let text =
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    toml::from_str(&text).with_context(|| format!("{} is not TOML", file.display()))
}
