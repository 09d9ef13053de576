use std::path::{Path, PathBuf};

use super::commands::{Call, Commands};
use super::find;
use super::outcome::Outcome;
use crate::{Edition, Error, Version};

/// A working Atlas program, with the `atlas.hcl` to run it with.
#[derive(Debug)]
pub struct Atlas {
    pub(super) commands: Commands,
    version: Version,
    edition: Edition,
}

impl Atlas {
    /// Finds Atlas: the program `named` by the setting `ATLAS` (relative to the
    /// project's root), else `atlas` on `PATH`, else `<project_root>/.tools/atlas`.
    /// It runs with `<project_root>/atlas.hcl` if that exists.
    ///
    /// # Errors
    /// When Atlas is not installed, does not work or is older than
    /// [`OLDEST_SUPPORTED`](crate::OLDEST_SUPPORTED). An unusable one on `PATH` is passed over.
    pub fn find(project_root: &Path, named: Option<String>) -> Result<Self, Error> {
        let program = find::find(project_root, named, std::env::var_os("PATH"))?;
        let (atlas, file) = (Self::of(program)?, project_root.join("atlas.hcl"));
        Ok(if file.is_file() { atlas.config(file) } else { atlas })
    }

    /// Uses the program at `path`, with [`MINIMAL_CONFIG`](super::MINIMAL_CONFIG).
    ///
    /// # Errors
    /// When it does not run, or is too old.
    pub fn with_binary(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::of(find::probe(path.as_ref())?)
    }

    fn of(program: find::Program) -> Result<Self, Error> {
        Ok(Self {
            commands: Commands::new(program.path)?,
            version: program.version,
            edition: program.edition,
        })
    }

    /// Uses the `atlas.hcl` of a project, which must contain
    /// [`MINIMAL_CONFIG`](super::MINIMAL_CONFIG). Atlas runs in the directory of the file.
    pub fn config(mut self, file: impl Into<PathBuf>) -> Self {
        self.commands = self.commands.config(file.into());
        self
    }

    pub fn binary(&self) -> &Path {
        &self.commands.program
    }

    pub fn version(&self) -> Version {
        self.version
    }

    pub fn edition(&self) -> Edition {
        self.edition
    }

    /// Checks that this Atlas works with a major version of PostgreSQL.
    ///
    /// PostgreSQL 16 removed the settings `lc_collate` and `lc_ctype`, which Atlas reads
    /// before v0.14.1: <https://github.com/ariga/atlas/pull/2094>. No upper bound is known
    /// for later versions.
    ///
    /// # Errors
    /// When it does not.
    pub fn supports_server(&self, major: u32) -> Result<(), Error> {
        const FIRST_WITH_POSTGRES_16: Version = Version::new(0, 14, 1);
        if major > 15 && self.version < FIRST_WITH_POSTGRES_16 {
            let version = self.version;
            return Err(Error::ServerTooNew { version, major });
        }
        Ok(())
    }

    /// Runs Atlas. No argument may be secret.
    pub(super) fn run(&self, call: &Call, arguments: &[&str]) -> Result<Outcome, Error> {
        let mut command = self.commands.command(call)?;
        let output = command.args(arguments).output();
        let output = output.map_err(Error::io("run", self.binary()))?;
        Ok(Outcome::new(call, &output))
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
    fn supports_servers_up_to_a_major_version(
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
}
