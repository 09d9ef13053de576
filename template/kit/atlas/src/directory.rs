//! The migration directory: SQL files in the order of their names, and `atlas.sum`.
//!
//! <https://atlasgo.io/concepts/migration-directory-integrity>; the rules are those of
//! `sql/migrate/dir.go` in the ariga/atlas repository.

mod directive;
mod file;
mod integrity;
mod sum;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

pub use file::MigrationFile;
pub use integrity::IntegrityError;
pub use sum::{SumError, SumFile};

use crate::Error;

/// Name of the file with the directory's hash.
pub const SUM_FILE: &str = "atlas.sum";

/// A directory of SQL migrations in Atlas' own format.
///
/// Stores only the path: every method reads the disk.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MigrationDirectory {
    path: PathBuf,
}

impl MigrationDirectory {
    /// Does not access the directory, which may be missing.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Path of `atlas.sum`, which may be missing.
    pub fn sum_path(&self) -> PathBuf {
        self.path.join(SUM_FILE)
    }

    /// Returns the entries whose names end in `.sql`, hidden ones included, in byte order of
    /// their names: Atlas applies them in this order.
    ///
    /// # Errors
    /// When the directory or a file cannot be read. A folder or dangling link whose name ends
    /// in `.sql` is an error for Atlas too.
    pub fn files(&self) -> Result<Vec<MigrationFile>, Error> {
        let read_directory = || Error::io("read the migration directory", &self.path);
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(read_directory())? {
            let path = entry.map_err(read_directory())?.path();
            // atlas.sum cannot contain a name that is not UTF-8.
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            if name.ends_with(".sql") {
                files.push(MigrationFile {
                    name: name.to_owned(),
                    contents: fs::read(&path).map_err(Error::io("read", &path))?,
                });
            }
        }
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(files)
    }

    /// Checks the files against `atlas.sum`, and returns the directory's hash, `h1:...`. A
    /// directory without both is valid, as for Atlas.
    ///
    /// # Errors
    /// When they do not match.
    pub fn verify(&self) -> Result<String, IntegrityError> {
        integrity::verify(self)
    }

    /// Writes `atlas.sum` for the current files and returns it, as `atlas migrate hash` does.
    /// The file is replaced atomically.
    ///
    /// # Errors
    /// When a file cannot be read, or `atlas.sum` cannot be written.
    pub fn write_sum(&self) -> Result<SumFile, Error> {
        let sum = SumFile::compute(&self.files()?);
        let path = self.sum_path();
        let write = || -> std::io::Result<()> {
            let mut file = tempfile::Builder::new()
                .prefix(".atlas.sum.")
                // Temporary files are private by default.
                .permissions(fs::Permissions::from_mode(0o644))
                .tempfile_in(&self.path)?;
            write!(file, "{sum}")?;
            file.persist(&path)?;
            Ok(())
        };
        write().map_err(Error::io("write", &path))?;
        Ok(sum)
    }
}
