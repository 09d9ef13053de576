//! Planning migrations, and keeping the directory in order.

use std::path::Path;

use super::Atlas;
use super::call::Subject;
use super::config::file_url;
use crate::{Error, MigrationDirectory, MigrationFile};

impl Atlas {
    /// Plans the migration from the directory's state to the DDL file `to`, writes
    /// it as `<UTC timestamp>_<name>.sql`, renews `atlas.sum`, and returns the new
    /// file; none when there is nothing to do.
    ///
    /// `dev_url` is an empty database of the target's version that Atlas may use
    /// and cleans up after itself: <https://atlasgo.io/concepts/dev-database>.
    /// The `diff` policy of the project's `atlas.hcl` counts.
    ///
    /// # Errors
    /// When Atlas fails, for one because `atlas.sum` does not match.
    pub fn diff(
        &self,
        directory: &MigrationDirectory,
        name: &str,
        to: &Path,
        dev_url: &str,
    ) -> Result<Option<MigrationFile>, Error> {
        let before = directory.files()?;
        let subject = Subject {
            source: Some(to),
            dev_url: Some(dev_url),
            ..Subject::new(directory)
        };
        let mut command = self.command("migrate diff", &subject)?;
        command.args(["--", name]);
        self.run("plan a migration", "migrate diff", command, &subject)?
            .success()?;
        // Atlas tells in words only what it did, and they differ between versions.
        let is_new = |file: &MigrationFile| before.iter().all(|old| old.name != file.name);
        Ok(directory.files()?.into_iter().find(is_new))
    }

    /// The SQL that leads from the directory's state to the DDL file `to`, without
    /// writing it anywhere; none when they are in step.
    ///
    /// # Errors
    /// When Atlas fails; see [`Self::diff`] for `dev_url`.
    pub fn schema_diff(
        &self,
        directory: &MigrationDirectory,
        to: &Path,
        dev_url: &str,
    ) -> Result<Option<String>, Error> {
        let subject = Subject {
            dev_url: Some(dev_url),
            ..Subject::new(directory)
        };
        let mut command = self.command("schema diff", &subject)?;
        // v0.13.1 does not know `env://src` here; file URLs hold no secret.
        command
            .args(["--from", &file_url(directory.path())?])
            .args(["--to", &file_url(to)?])
            .args(["--format", "{{ sql . }}"]);
        let sql = self
            .run("compare schemas", "schema diff", command, &subject)?
            .success()?;
        Ok(Some(sql).filter(|sql| !sql.trim().is_empty()))
    }

    /// Lets Atlas check `atlas.sum` and, given a dev database, that every migration
    /// runs there. [`MigrationDirectory::verify`] does the former without Atlas.
    ///
    /// # Errors
    /// When Atlas finds fault, or fails.
    pub fn validate(
        &self,
        directory: &MigrationDirectory,
        dev_url: Option<&str>,
    ) -> Result<(), Error> {
        let subject = Subject {
            dev_url,
            ..Subject::new(directory)
        };
        let command = self.command("migrate validate", &subject)?;
        self.run(
            "validate the migrations",
            "migrate validate",
            command,
            &subject,
        )?
        .success()?;
        Ok(())
    }

    /// Lets Atlas write `atlas.sum`. [`MigrationDirectory::write_sum`] writes the
    /// same without Atlas.
    ///
    /// # Errors
    /// When Atlas fails.
    pub fn hash(&self, directory: &MigrationDirectory) -> Result<(), Error> {
        let subject = Subject::new(directory);
        let command = self.command("migrate hash", &subject)?;
        self.run("hash the migrations", "migrate hash", command, &subject)?
            .success()?;
        Ok(())
    }
}
