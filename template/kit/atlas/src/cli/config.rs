use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::Error;

/// The `env` block of `atlas.hcl` that this crate runs Atlas with.
pub const ENVIRONMENT: &str = "project";

pub(super) const SOURCE: &str = "ATLAS_SRC_URL";
pub(super) const TARGET: &str = "ATLAS_URL";
pub(super) const DEV: &str = "ATLAS_DEV_URL";
pub(super) const DIRECTORY: &str = "ATLAS_DIR_URL";

/// An `atlas.hcl` with nothing but what this crate needs. All URLs come from the
/// environment, since any user of a machine may read a command line. Both v0.13.1
/// and v1.2.3 take it. <https://atlasgo.io/atlas-schema/projects>
pub const MINIMAL_CONFIG: &str = r#"env "project" {
  src = getenv("ATLAS_SRC_URL")
  url = getenv("ATLAS_URL")
  dev = getenv("ATLAS_DEV_URL")
  migration {
    dir = getenv("ATLAS_DIR_URL")
  }
}
"#;

/// The configuration file in use.
#[derive(Debug)]
pub(super) enum Config {
    Project(PathBuf),
    /// Holds [`MINIMAL_CONFIG`]; goes when this value does.
    Minimal(TempDir),
}

impl Config {
    pub fn minimal() -> Result<Self, Error> {
        let directory = tempfile::tempdir()
            .map_err(Error::io("create a directory in", std::env::temp_dir()))?;
        let config = Self::Minimal(directory);
        let file = config.file();
        fs::write(&file, MINIMAL_CONFIG).map_err(Error::io("write", &file))?;
        Ok(config)
    }

    pub fn file(&self) -> PathBuf {
        match self {
            Self::Project(file) => file.clone(),
            Self::Minimal(directory) => directory.path().join("atlas.hcl"),
        }
    }
}

/// The `file://` URL of a path, absolute, with what has a meaning in URLs escaped.
pub(super) fn file_url(path: &Path) -> Result<String, Error> {
    let absolute = std::path::absolute(path).map_err(Error::io("find the place of", path))?;
    let mut url = String::from("file://");
    for &byte in absolute.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn file_urls_escape_what_urls_give_a_meaning() {
        let url = super::file_url(Path::new("/a b/50%#1?é")).unwrap();
        assert_eq!(url, "file:///a%20b/50%25%231%3F%C3%A9");
    }
}
