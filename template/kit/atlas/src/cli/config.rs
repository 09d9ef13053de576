//! The configuration that Atlas runs with. It gets all paths and URLs from environment
//! variables: every user of a machine may read a command line.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use url::Url;

use crate::Error;

/// Name of the `env` block in `atlas.hcl` that this crate uses.
pub(super) const ENVIRONMENT: &str = "project";

pub(super) const TARGET: &str = "ATLAS_URL";
pub(super) const DIRECTORY: &str = "ATLAS_DIR_URL";

/// The part of `atlas.hcl` that this crate needs; works from v0.13.1 to v1.3.0.
/// <https://atlasgo.io/atlas-schema/projects>
pub const MINIMAL_CONFIG: &str = r#"env "project" {
  url = getenv("ATLAS_URL")
  migration {
    dir = getenv("ATLAS_DIR_URL")
  }
}
"#;

/// Writes [`MINIMAL_CONFIG`] to a temporary directory; returns both.
pub(super) fn minimal() -> Result<(PathBuf, TempDir), Error> {
    let directory =
        tempfile::tempdir().map_err(Error::io("create a directory in", std::env::temp_dir()))?;
    let file = directory.path().join("atlas.hcl");
    fs::write(&file, MINIMAL_CONFIG).map_err(Error::io("write", &file))?;
    Ok((file, directory))
}

/// Returns the `file://` URL of a path, which may be relative.
pub(super) fn file_url(path: &Path) -> Result<String, Error> {
    let absolute = std::path::absolute(path).map_err(Error::io("find the place of", path))?;
    let url = Url::from_file_path(absolute).expect("the path is absolute");
    Ok(url.into())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn file_urls_escape_reserved_characters() {
        let url = super::file_url(Path::new("/a b/50%#1?é")).unwrap();
        assert_eq!(url, "file:///a%20b/50%25%231%3F%C3%A9");
    }
}
