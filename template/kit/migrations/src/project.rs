use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use atlas::{Atlas, MigrationDirectory};
use catalog::Object;
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
    pub source: Source,
    /// Objects that only migrations make, and why: a pattern of kind and name, such as
    /// `table public.events_*`.
    unmanaged: Vec<(Regex, String)>,
    /// Whether plans avoid long locks on tables that are in use.
    pub online: bool,
    /// How long a planned migration waits for a lock.
    pub lock_timeout: Option<Duration>,
}

/// What describes the schema; displayed for messages.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Source {
    Entities,
    /// A folder of SQL files, relative to the root.
    Sql(String),
}

/// `[workspace.metadata.migrations]` of Cargo.toml.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Metadata {
    file_name: String,
    base_branch: String,
    #[serde(default = "entities")]
    source: String,
    #[serde(default)]
    unmanaged: Vec<Unmanaged>,
    #[serde(default = "yes")]
    online: bool,
    /// In seconds.
    #[serde(default = "lock_timeout")]
    lock_timeout: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unmanaged {
    object: String,
    reason: String,
}

fn entities() -> String {
    "entities".to_owned()
}

fn yes() -> bool {
    true
}

fn lock_timeout() -> u64 {
    3
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
            source: match metadata.source.as_str() {
                "entities" => Source::Entities,
                folder => Source::Sql(folder.trim_end_matches('/').to_owned()),
            },
            unmanaged: metadata
                .unmanaged
                .into_iter()
                .map(Unmanaged::pattern)
                .collect::<Result<_>>()?,
            online: metadata.online,
            lock_timeout: Some(Duration::from_secs(metadata.lock_timeout))
                .filter(|timeout| !timeout.is_zero()),
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

    /// Why the object is not managed by the entities or the SQL, if it is listed so.
    pub fn unmanaged_reason(&self, object: &Object) -> Option<&str> {
        let text = format!("{} {}", object.kind, object.name);
        let listed = self.unmanaged.iter().find(|(pattern, _)| pattern.is_match(&text));
        listed.map(|(_, reason)| reason.as_str())
    }

    /// Whether the schema is described in this file or folder, named relative to the root.
    pub(crate) fn describes(&self, path: &str) -> bool {
        let folder = match &self.source {
            Source::Entities => "crates/entity",
            Source::Sql(folder) => folder,
        };
        Path::new(path).starts_with(folder) && self.root.join(path).exists()
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entities => f.write_str("the entities"),
            Self::Sql(folder) => write!(f, "{folder}/"),
        }
    }
}

impl Unmanaged {
    /// The object as a pattern, in which `*` stands for any text, and the reason.
    fn pattern(self) -> Result<(Regex, String)> {
        let Self { object, reason } = self;
        ensure!(
            !reason.trim().is_empty(),
            "Cargo.toml: {object:?} in unmanaged of [workspace.metadata.migrations] needs a reason"
        );
        Ok((pattern(&object)?, reason))
    }
}

/// The whole of a text, in which `*` stands for any text.
pub(crate) fn pattern(text: &str) -> Result<Regex> {
    let parts: Vec<_> = text.split('*').map(regex_lite::escape).collect();
    Ok(Regex::new(&format!("(?s)^{}$", parts.join(".*")))?)
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
                format!("{}: cannot read [workspace.metadata.migrations]", manifest.display())
            })
    }
}

#[cfg(test)]
impl Project {
    /// Creates a project without migrations.
    pub fn sample() -> (tempfile::TempDir, Self) {
        let root = tempfile::tempdir().unwrap();
        let settings = "[workspace.metadata.migrations]\nfile-name = '\\.sql$'\nbase-branch = 'main'\n\
            unmanaged = [{ object = 'table public.events_*', reason = 'a job makes partitions' }]\n";
        std::fs::write(root.path().join("Cargo.toml"), settings).unwrap();
        std::fs::create_dir(root.path().join("migrations")).unwrap();
        let project = Self::at(root.path().to_owned()).unwrap();
        (root, project)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("table", "public.events_2026", Some("a job makes partitions"))]
    #[case("table", "public_events_2026", None)]
    #[case("index", "public.events_2026", None)]
    #[case("foreign table", "public.events_2026", None)]
    fn unmanaged_objects_match_a_pattern(
        #[case] kind: &str,
        #[case] name: &str,
        #[case] reason: Option<&str>,
    ) {
        let (_root, project) = Project::sample();
        let object = Object { kind: kind.into(), name: name.into() };
        assert_eq!(project.unmanaged_reason(&object), reason);
    }

    #[test]
    fn unmanaged_objects_need_a_reason() {
        let object = Unmanaged { object: "view public.v".into(), reason: " ".into() };
        let error = object.pattern().unwrap_err().to_string();
        assert!(error.contains("\"view public.v\"") && error.contains("needs a reason"), "{error}");
    }
}
