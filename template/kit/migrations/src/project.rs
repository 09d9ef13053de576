use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use atlas::{Atlas, MigrationDirectory};
use postgres::settings::setting;
use regex_lite::Regex;
use serde::Deserialize;

/// The repository that the commands work on.
#[derive(Debug)]
pub struct Project {
    pub root: PathBuf,
    pub migrations: MigrationDirectory,
    /// The pattern that names of migration files match.
    pub file_name: Regex,
    /// Git's name of the branch that migrations are merged into.
    pub base_branch: String,
}

/// `[workspace.metadata.migrations]` of Cargo.toml.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Metadata {
    file_name: String,
    base_branch: String,
}

impl Project {
    /// Finds the project that the current directory is in.
    pub fn find() -> Result<Self> {
        Self::at(postgres::project_root()?)
    }

    pub fn at(root: PathBuf) -> Result<Self> {
        let metadata = Metadata::read(&root.join("Cargo.toml"))?;
        let file_name = Regex::new(&metadata.file_name).context(
            "Cargo.toml: file-name in [workspace.metadata.migrations] is not a regular expression",
        )?;
        Ok(Self {
            migrations: MigrationDirectory::new(root.join("migrations")),
            root,
            file_name,
            base_branch: metadata.base_branch,
        })
    }

    /// Atlas, with the policy of `atlas.hcl`: the one that `ATLAS` names, in the
    /// environment or `.env`, else the one that `setup` found.
    pub fn atlas(&self) -> Result<Atlas> {
        Ok(Atlas::find(&self.root, setting(&self.root, "ATLAS")?)?)
    }

    /// Creates a directory below target/, for files that the next run may overwrite.
    pub fn scratch(&self, name: &str) -> Result<PathBuf> {
        let directory = self.root.join("target/xtask").join(name);
        std::fs::create_dir_all(&directory)
            .with_context(|| format!("cannot create {}", directory.display()))?;
        Ok(directory)
    }
}

impl Metadata {
    fn read(manifest: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(manifest)
            .with_context(|| format!("cannot read {}", manifest.display()))?;
        let document: toml::Table =
            toml::from_str(&text).with_context(|| format!("{} is not TOML", manifest.display()))?;
        document
            .get("workspace")
            .and_then(|workspace| workspace.get("metadata")?.get("migrations"))
            .context("the section is missing")
            .and_then(|section| Ok(section.clone().try_into::<Self>()?))
            .with_context(|| {
                format!(
                    "{}: [workspace.metadata.migrations] must hold file-name and base-branch",
                    manifest.display()
                )
            })
    }
}

#[cfg(test)]
impl Project {
    /// Creates a project without migrations.
    pub fn sample() -> (tempfile::TempDir, Self) {
        let root = tempfile::tempdir().unwrap();
        let settings =
            "[workspace.metadata.migrations]\nfile-name = '\\.sql$'\nbase-branch = 'main'\n";
        std::fs::write(root.path().join("Cargo.toml"), settings).unwrap();
        std::fs::create_dir(root.path().join("migrations")).unwrap();
        let project = Self::at(root.path().to_owned()).unwrap();
        (root, project)
    }
}
