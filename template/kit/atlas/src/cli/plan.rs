use std::path::Path;

use super::atlas::Atlas;
use super::commands::Call;
use super::config::{DEV, SOURCE, file_url};
use crate::{Error, MigrationDirectory, MigrationFile};

impl Atlas {
    /// Plans the migration from the directory's schema to that of the DDL file `to`, writes it
    /// as `<UTC timestamp>_<name>.sql`, updates `atlas.sum`, and returns the new file, or
    /// `None` if the schemas are the same.
    ///
    /// `dev_url` is an empty database of the target's version, for Atlas to work in; it is
    /// empty again afterwards: <https://atlasgo.io/concepts/dev-database>. The `diff` policy of
    /// `atlas.hcl` applies.
    ///
    /// # Errors
    /// When Atlas fails, for example because `atlas.sum` does not match.
    pub fn diff(
        &self,
        directory: &MigrationDirectory,
        name: &str,
        to: &Path,
        dev_url: &str,
    ) -> Result<Option<MigrationFile>, Error> {
        let before = directory.files()?;
        let call = Call::new("plan a migration", "migrate diff", directory)
            .with(SOURCE, &file_url(to)?)
            .with(DEV, dev_url);
        self.run(&call, &["--", name])?.success()?;
        // Atlas reports the result in prose only, which differs between versions.
        let is_new = |file: &MigrationFile| before.iter().all(|old| old.name != file.name);
        Ok(directory.files()?.into_iter().find(is_new))
    }
}
