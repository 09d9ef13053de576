//! Finds the Atlas CLI and runs it.
//!
//! Everything blocks until Atlas ends. A caller with a clock to watch takes
//! [`Commands::apply`], runs the command in its own way, and hands the output to
//! [`Atlas::read_apply`].

mod apply;
mod call;
mod commands;
mod config;
mod find;
mod lint;
mod plan;
mod status;
pub(crate) mod version;

use std::path::{Path, PathBuf};

pub use commands::{ApplyOptions, Commands};
pub use config::{ENVIRONMENT, MINIMAL_CONFIG};
pub use lint::{Finding, LintReport};
pub use version::{Edition, OLDEST_SUPPORTED, Version};

use crate::Error;

/// An Atlas binary that was found to work, and the `atlas.hcl` it is run with.
#[derive(Debug)]
pub struct Atlas {
    commands: Commands,
    version: Version,
    edition: Edition,
}

impl Atlas {
    /// Finds Atlas: the program `named` by the setting `ATLAS` (relative to the
    /// project's root), else `atlas` on `PATH`, else `<project_root>/.tools/atlas`.
    /// It runs with `<project_root>/atlas.hcl` if that exists.
    ///
    /// # Errors
    /// When Atlas is not installed; when the program taken does not work or is
    /// older than [`OLDEST_SUPPORTED`]. An unusable one on `PATH` is passed over.
    pub fn find(project_root: &Path, named: Option<String>) -> Result<Self, Error> {
        let atlas = find::find(project_root, named, std::env::var_os("PATH"))?;
        let file = project_root.join("atlas.hcl");
        Ok(if file.is_file() {
            atlas.config(file)
        } else {
            atlas
        })
    }

    /// Takes the binary at `path`, which is run once to learn its version, with a
    /// configuration of our own: [`MINIMAL_CONFIG`].
    ///
    /// # Errors
    /// When it does not run, or is too old.
    pub fn with_binary(path: impl AsRef<Path>) -> Result<Self, Error> {
        let (binary, version, edition) = find::probe(path.as_ref())?;
        Ok(Self {
            commands: Commands::new(binary)?,
            version,
            edition,
        })
    }

    /// Uses an `atlas.hcl` of the project, and so its `lint` and `diff` policy.
    ///
    /// It must have the block of [`MINIMAL_CONFIG`], and no `git` block in `lint`,
    /// which Atlas refuses beside [`Self::lint`]'s count of files. Atlas runs in
    /// the file's directory, from which relative paths in it count.
    pub fn config(mut self, file: impl Into<PathBuf>) -> Self {
        self.commands = self.commands.config(file);
        self
    }

    pub fn binary(&self) -> &Path {
        self.commands.binary()
    }

    pub fn version(&self) -> Version {
        self.version
    }

    pub fn edition(&self) -> Edition {
        self.edition
    }

    /// Whether this Atlas works with a PostgreSQL of the major version.
    ///
    /// PostgreSQL 16 took away the settings `lc_collate` and `lc_ctype`, which Atlas
    /// read at every start up to v0.14.0 ("unexpected number of rows: 1"); v0.14.1 is
    /// the first without: <https://github.com/ariga/atlas/pull/2094>. No upper bound
    /// is known for later ones.
    ///
    /// # Errors
    /// When it does not, with what to do about it.
    pub fn supports_server(&self, major: u32) -> Result<(), Error> {
        const FIRST_WITH_POSTGRES_16: Version = Version::new(0, 14, 1);
        if major > 15 && self.version < FIRST_WITH_POSTGRES_16 {
            return Err(Error::ServerTooNew {
                version: self.version,
                major,
            });
        }
        Ok(())
    }

    /// Whether `atlas migrate lint` can be had: official builds from v0.38 on keep
    /// it for paying accounts. Whether somebody logged in to one is not looked at.
    /// <https://atlasgo.io/versioned/lint>
    pub fn supports_lint(&self) -> bool {
        self.edition == Edition::Community || self.version < Version::new(0, 38, 0)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{Atlas, Commands, Edition, Version};

    fn atlas(version: (u32, u32, u32), edition: Edition) -> Atlas {
        Atlas {
            commands: Commands::new("atlas").unwrap(),
            version: Version::new(version.0, version.1, version.2),
            edition,
        }
    }

    #[rstest]
    #[case((0, 13, 1), 15, true)]
    #[case((0, 13, 1), 16, false)]
    #[case((0, 14, 0), 17, false)]
    #[case((0, 14, 1), 16, true)]
    #[case((1, 2, 3), 17, true)]
    fn knows_which_servers_it_can_talk_to(
        #[case] version: (u32, u32, u32),
        #[case] major: u32,
        #[case] works: bool,
    ) {
        let answer = atlas(version, Edition::Community).supports_server(major);
        assert_eq!(answer.is_ok(), works);
        if let Err(error) = answer {
            let message = error.to_string();
            assert!(message.contains("POSTGRES_MAJOR=15 in .env"), "{message}");
            assert!(message.contains("ATLAS=/path/to/atlas"), "{message}");
        }
    }

    #[rstest]
    #[case((0, 37, 9), Edition::Official, true)]
    #[case((0, 38, 0), Edition::Official, false)]
    #[case((1, 2, 3), Edition::Community, true)]
    fn knows_whether_it_lints(
        #[case] version: (u32, u32, u32),
        #[case] edition: Edition,
        #[case] lints: bool,
    ) {
        assert_eq!(atlas(version, edition).supports_lint(), lints);
    }
}
