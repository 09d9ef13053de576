//! A copy of what is deployed, to add migrations to. The project itself is only read.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use atlas::MigrationDirectory;

use crate::{
    package,
    stack::{Architecture, StackHash},
};
use migrations::Project;

/// Migrations, the stack's templates, and the package that they name, in a directory
/// that somebody else removes.
#[derive(Debug)]
pub(super) struct Scratch {
    root: PathBuf,
    migrations: MigrationDirectory,
    /// Atlas, as the functions can run it.
    pub(super) atlas: PathBuf,
}

impl Scratch {
    /// Copies the project into the new directory `root`, with functions for this machine
    /// and an Atlas that knows PostgreSQL `major`.
    ///
    /// # Errors
    /// When the functions cannot be built, or the project is not ready to be deployed.
    pub(super) fn new(project: &Project, root: &Path, major: u32) -> Result<Self> {
        let package = root.join("target/package");
        fs::create_dir_all(&package).with_context(|| cannot("create", &package))?;
        let atlas = if cfg!(target_os = "linux") {
            package::make(project, architecture()?, major, &package)?;
            package.join("atlas-layer/bin/atlas")
        } else {
            build_for_this_system(project, &package)?
        };
        Self::of(project, root, atlas)
    }

    /// A copy of all but the programs.
    fn of(project: &Project, root: &Path, atlas: PathBuf) -> Result<Self> {
        copy_templates(&project.root, root)?;
        let migrations = root.join("migrations");
        fs::create_dir(&migrations).with_context(|| cannot("create", &migrations))?;
        let scratch = Self {
            root: root.to_owned(),
            migrations: MigrationDirectory::new(migrations),
            atlas,
        };
        for file in project.migrations.files()? {
            scratch.write(&file.name, &file.contents)?;
        }
        scratch.pack()?;
        Ok(scratch)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The number of migrations, and the version of the last.
    pub(super) fn standing(&self) -> Result<(usize, String)> {
        let files = self.migrations.files()?;
        let last = files.last().context("there are no migrations")?;
        Ok((files.len(), last.version().to_owned()))
    }

    /// Adds a migration behind all others; returns its file's name and its version.
    pub(super) fn add(&self, name: &str, sql: &str) -> Result<(String, String)> {
        let (_, last) = self.standing()?;
        let version = version_after(&last)?;
        let file = format!("{version}_{name}.sql");
        self.replace(&file, sql)?;
        Ok((file, version))
    }

    /// Writes a migration anew, and all that follows from it.
    pub(super) fn replace(&self, file: &str, sql: &str) -> Result<()> {
        self.write(file, sql.as_bytes())?;
        self.pack()
    }

    fn write(&self, file: &str, contents: &[u8]) -> Result<()> {
        let path = self.migrations.path().join(file);
        fs::write(&path, contents).with_context(|| cannot("write", &path))
    }

    /// Brings atlas.sum, the hash in template.yaml, and the package in step with the
    /// migrations.
    fn pack(&self) -> Result<()> {
        let sum = self.migrations.write_sum()?;
        let stack = StackHash::read(&self.root)?.context("there is no template.yaml")?;
        fs::write(&stack.path, stack.with(sum.hash()))
            .with_context(|| cannot("write", &stack.path))?;
        let packed = self.root.join("target/package/function/migrations");
        if packed.exists() {
            fs::remove_dir_all(&packed).with_context(|| cannot("remove", &packed))?;
        }
        copy_directory(self.migrations.path(), &packed)
    }
}

/// What this machine calls its processor is what Lambda calls it, but for one.
pub(super) fn architecture() -> Result<Architecture> {
    Ok(match std::env::consts::ARCH {
        "x86_64" => Architecture::X86_64,
        "aarch64" => Architecture::Arm64,
        other => bail!("AWS Lambda has no processor like that of this machine, {other}"),
    })
}

/// Functions that run on this machine, where those for AWS Lambda, which has Linux, do
/// not. Returns the Atlas that does.
fn build_for_this_system(project: &Project, package: &Path) -> Result<PathBuf> {
    package::check(project)?;
    let built = project.scratch("lambda/this-system")?;
    let functions = package::functions(project)?;
    let mut cargo = process::cargo();
    cargo
        .current_dir(&project.root)
        .args(["build", "--locked", "--release", "--target-dir"])
        .arg(&built);
    package::small(&mut cargo);
    for (_, binary) in &functions {
        cargo.args(["--package", binary, "--bin", binary]);
    }
    process::run_inherited(&mut cargo)?;
    for (name, binary) in functions {
        let program = built.join("release").join(binary);
        copy(&program, &package.join(name).join("bootstrap"))?;
    }
    // The template has a layer, so there must be one to upload.
    let atlas = project.atlas()?.binary().to_owned();
    copy(&atlas, &package.join("atlas-layer/bin/atlas"))?;
    Ok(atlas)
}

/// The templates that `template.yaml` may nest beside itself.
fn copy_templates(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| cannot("read", from))? {
        let path = entry?.path();
        let is_template = path
            .extension()
            .is_some_and(|extension| extension == "yaml" || extension == "yml");
        if is_template && let Some(name) = path.file_name() {
            copy(&path, &to.join(name))?;
        }
    }
    Ok(())
}

fn copy_directory(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| cannot("read", from))? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let directory = to.parent().unwrap_or(to);
    fs::create_dir_all(directory)
        .and_then(|()| fs::copy(from, to))
        .map(drop)
        .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}

/// One that sorts behind `last`, which must be a number of any length, as the time of a
/// migration's making is.
fn version_after(last: &str) -> Result<String> {
    let next = last
        .parse::<u64>()
        .ok()
        .and_then(|last| last.checked_add(1));
    let next = next.map(|next| format!("{next:0width$}", width = last.len()));
    next.filter(|next| next.len() == last.len())
        .with_context(|| {
            format!(
                "the version {last} of the last migration is not a number that another could be \
             added behind, so there is nothing to rehearse with"
            )
        })
}

fn cannot(verb: &str, path: &Path) -> String {
    format!("cannot {verb} {}", path.display())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("20261231235959", Some("20261231235960"))]
    #[case("007", Some("008"))]
    #[case("99", None)]
    #[case("v7", None)]
    #[case("", None)]
    fn the_next_version_sorts_behind(#[case] last: &str, #[case] next: Option<&str>) {
        assert_eq!(version_after(last).ok().as_deref(), next);
        assert!(next.is_none_or(|next| next > last));
    }

    /// A project of one migration, and a copy with everything but programs.
    fn copied() -> (tempfile::TempDir, Project, Scratch) {
        let (root, project) = crate::sample_project();
        fs::write(project.migrations.path().join("1_a.sql"), "SELECT 1;").unwrap();
        let sum = project.migrations.write_sum().unwrap();
        let template = format!("R:\n  MigrationHash: {}\n", sum.hash());
        fs::write(root.path().join("template.yaml"), template).unwrap();
        let copy = root.path().join("copy");
        fs::create_dir(&copy).unwrap();
        let scratch = Scratch::of(&project, &copy, PathBuf::new()).unwrap();
        (root, project, scratch)
    }

    #[test]
    fn what_is_added_is_in_all_places_of_the_copy_and_in_none_of_the_project() {
        let (root, project, scratch) = copied();
        assert_eq!(scratch.standing().unwrap(), (1, "1".to_owned()));
        let (file, version) = scratch.add("b", "SELECT 2;").unwrap();
        assert_eq!((&*file, &*version), ("2_b.sql", "2"));
        let packed = scratch.root().join("target/package/function/migrations");
        let packed = MigrationDirectory::new(packed);
        let first = packed.verify().unwrap();
        assert_eq!(packed.files().unwrap().len(), 2);
        let stack = || StackHash::read(scratch.root()).unwrap().unwrap();
        assert_eq!(stack().value().unwrap(), first);

        scratch.replace(&file, "SELECT 3;").unwrap();
        let second = packed.verify().unwrap();
        assert_ne!(first, second);
        assert_eq!(stack().value().unwrap(), second);

        assert_eq!(project.migrations.files().unwrap().len(), 1);
        let original = StackHash::read(root.path()).unwrap().unwrap();
        assert_eq!(
            original.value().unwrap(),
            project.migrations.verify().unwrap()
        );
    }
}
