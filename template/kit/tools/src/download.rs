//! Downloads files whose contents are known beforehand.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result};
use process::text;
use sha2::{Digest, Sha256};

/// Outcome of a download.
#[derive(Debug)]
pub enum Download {
    /// The file has the expected SHA-256.
    Done,
    /// The file has this SHA-256 instead.
    Other(String),
    /// The reason why there is no file.
    Unavailable(String),
}

/// Downloads `url` to `file` with curl, which knows the proxies and certificates of
/// this machine. `sha256` is in hexadecimal.
pub fn download(url: &str, file: &Path, sha256: &str) -> Result<Download> {
    println!("  downloading {url}");
    let curl = process::optional(
        Command::new("curl")
            .args(["--fail", "--location", "--silent", "--show-error"])
            .args(["--connect-timeout", "20", "--max-time", "600", "--output"])
            .arg(file)
            .arg(url),
    )?;
    Ok(match curl {
        None => Download::Unavailable("curl is not installed".into()),
        Some(output) if !output.status.success() => {
            Download::Unavailable(format!("{} ({url})", text(&output.stderr).trim()))
        }
        Some(_) => match sha256_of(file)? {
            found if found == sha256 => Download::Done,
            found => Download::Other(found),
        },
    })
}

/// Returns the SHA-256 of a file, in hexadecimal.
pub fn sha256_of(file: &Path) -> Result<String> {
    let contents = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(hex::encode(Sha256::digest(contents)))
}
