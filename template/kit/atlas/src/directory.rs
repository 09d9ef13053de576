//! The migration directory: SQL files in the order of their names, and `atlas.sum`.
//!
//! <https://atlasgo.io/concepts/migration-directory-integrity>; the rules are read
//! off `sql/migrate/dir.go` of the ariga/atlas repository.

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

/// The name of the file that holds the directory's hash.
pub const SUM_FILE: &str = "atlas.sum";

/// A directory of SQL migrations in Atlas' own format.
///
/// Holds only the path: every method reads the disk anew.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MigrationDirectory {
    path: PathBuf,
}

impl MigrationDirectory {
    /// Touches nothing; a directory that is not there is noticed when it is read.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where `atlas.sum` stands, whether it is there or not.
    pub fn sum_path(&self) -> PathBuf {
        self.path.join(SUM_FILE)
    }

    /// The entries that end in `.sql`, hidden ones too, in byte order of their
    /// names: the order in which Atlas applies them.
    ///
    /// # Errors
    /// When the directory or one of them cannot be read. A folder or a dangling
    /// link with such a name stops Atlas as well, so it is not passed over here.
    pub fn files(&self) -> Result<Vec<MigrationFile>, Error> {
        let read_directory = || Error::io("read the migration directory", &self.path);
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(read_directory())? {
            let path = entry.map_err(read_directory())?.path();
            // A name that is not UTF-8 has no way into atlas.sum either.
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

    /// Whether the files are those that `atlas.sum` was written for; returns the
    /// directory's hash, `h1:...`. A directory with neither is in order: it has
    /// the hash of nothing, as for Atlas.
    pub fn verify(&self) -> Result<String, IntegrityError> {
        integrity::verify(self)
    }

    /// Writes `atlas.sum` for the files as they are and returns it: what
    /// `atlas migrate hash` does, without Atlas. A reader sees the old file or the
    /// new one, never half of it.
    ///
    /// # Errors
    /// When a file cannot be read, or `atlas.sum` not written.
    pub fn write_sum(&self) -> Result<SumFile, Error> {
        let sum = SumFile::compute(&self.files()?);
        let path = self.sum_path();
        let write = || -> std::io::Result<()> {
            let mut file = tempfile::Builder::new()
                .prefix(".atlas.sum.")
                // A temporary file is private by default; atlas.sum is for all to read.
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
