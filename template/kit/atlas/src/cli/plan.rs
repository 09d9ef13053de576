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

    /// Returns the SQL that leads from the directory's schema to that of the DDL file `to`, or
    /// `None` if they are the same. Writes nothing.
    ///
    /// # Errors
    /// When Atlas fails; see [`Self::diff`] for `dev_url`.
    pub fn schema_diff(
        &self,
        directory: &MigrationDirectory,
        to: &Path,
        dev_url: &str,
    ) -> Result<Option<String>, Error> {
        let call = Call::new("compare schemas", "schema diff", directory).with(DEV, dev_url);
        // v0.13.1 does not support `env://src` here; file URLs contain no secret.
        let (from, to) = (file_url(directory.path())?, file_url(to)?);
        let arguments = ["--from", &from, "--to", &to, "--format", "{{ sql . }}"];
        let sql = self.run(&call, &arguments)?.success()?;
        Ok(Some(sql).filter(|sql| !sql.trim().is_empty()))
    }
}
