//! A copy of what is deployed, to add migrations to. The project itself is only read.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use atlas::{MigrationDirectory, MigrationFile};
use migrations::{HashCopy, Project};

use crate::{architecture::Architecture, package};

/// Migrations, the stack's templates, and the package that they name, in a directory that
/// the caller removes.
#[derive(Debug)]
pub(super) struct ProjectCopy {
    root: PathBuf,
    migrations: MigrationDirectory,
    /// An Atlas that runs on this machine.
    pub(super) atlas: PathBuf,
}

impl ProjectCopy {
    /// Copies the project into the new directory `root`, with functions for this machine
    /// and an Atlas for PostgreSQL `major`.
    ///
    /// # Errors
    /// When the functions cannot be built, or the project is not ready to be deployed.
    pub(super) async fn new(project: &Project, root: &Path, major: u32) -> Result<Self> {
        let package = root.join("target/package");
        fs::create_dir_all(&package).with_context(|| cannot("create", &package))?;
        let atlas = if cfg!(target_os = "linux") {
            package::make(project, Architecture::of_this_machine()?, major, &package).await?;
            package.join("atlas-layer/bin/atlas")
        } else {
            build_for_this_system(project, &package)?
        };
        Self::without_programs(project, root, atlas)
    }

    fn without_programs(project: &Project, root: &Path, atlas: PathBuf) -> Result<Self> {
        copy_templates(&project.root, root)?;
        let migrations = root.join("migrations");
        fs::create_dir(&migrations).with_context(|| cannot("create", &migrations))?;
        log_to_a_file(&root.join("target/package/function"))?;
        let copy =
            Self { root: root.to_owned(), migrations: MigrationDirectory::new(migrations), atlas };
        for file in project.migrations.files()? {
            copy.write(&file.name, &file.contents)?;
        }
        copy.pack()?;
        Ok(copy)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The number of migrations, and the version of the last.
    pub(super) fn last_migration(&self) -> Result<(usize, String)> {
        let files = self.migrations.files()?;
        let last = files.last().context("there are no migrations")?;
        Ok((files.len(), last.version().to_owned()))
    }

    /// Adds a migration after all others; returns the name of its file, and its version.
    pub(super) fn add(&self, name: &str, sql: &str) -> Result<(String, String)> {
        let (_, last) = self.last_migration()?;
        let version = version_after(&last)?;
        let file = format!("{version}_{name}.sql");
        self.replace(&file, sql)?;
        Ok((file, version))
    }

    /// Names and contents of all migrations.
    pub(super) fn files(&self) -> Result<Vec<MigrationFile>> {
        Ok(self.migrations.files()?)
    }

    /// Replaces all migrations by these.
    pub(super) fn set(&self, files: &[MigrationFile]) -> Result<()> {
        for file in self.migrations.files()? {
            let path = self.migrations.path().join(&file.name);
            fs::remove_file(&path).with_context(|| cannot("remove", &path))?;
        }
        for file in files {
            self.write(&file.name, &file.contents)?;
        }
        self.pack()
    }

    /// Writes a migration, and everything that is made from it.
    pub(super) fn replace(&self, file: &str, sql: &str) -> Result<()> {
        self.write(file, sql.as_bytes())?;
        self.pack()
    }

    fn write(&self, file: &str, contents: &[u8]) -> Result<()> {
        let path = self.migrations.path().join(file);
        fs::write(&path, contents).with_context(|| cannot("write", &path))
    }

    /// Updates atlas.sum, the hash in template.yaml and the package from the migrations.
    fn pack(&self) -> Result<()> {
        let sum = self.migrations.write_sum()?;
        for copy in HashCopy::find_all(&self.root)? {
            fs::write(&copy.path, copy.with(sum.hash()))
                .with_context(|| cannot("write", &copy.path))?;
        }
        let packed = self.root.join("target/package/function/migrations");
        if packed.exists() {
            fs::remove_dir_all(&packed).with_context(|| cannot("remove", &packed))?;
        }
        for file in entries(self.migrations.path())? {
            copy_into(&file, &packed)?;
        }
        // Rolling back a nested stack, the emulator calls only resources that refer to another
        // physical resource than before. A layer that changes with the migrations is one.
        let layer = self.root.join("target/package/atlas-layer");
        fs::create_dir_all(&layer)
            .and_then(|()| fs::write(layer.join("rehearsal"), sum.hash()))
            .with_context(|| cannot("write into", &layer))
    }
}

/// Makes the migration function write its log to the file REHEARSAL_LOG: the emulator loses
/// lines when it replaces a process.
fn log_to_a_file(package: &Path) -> Result<()> {
    let (bootstrap, program) = (package.join("bootstrap"), package.join("program"));
    if bootstrap.exists() {
        fs::rename(&bootstrap, &program)
            .and_then(|()| fs::write(&bootstrap, LOGGING))
            .and_then(|()| fs::set_permissions(&bootstrap, fs::Permissions::from_mode(0o755)))
            .with_context(|| cannot("replace", &bootstrap))?;
    }
    Ok(())
}

const LOGGING: &str = "#!/bin/sh\nexec \"${0%/*}/program\" >>\"$REHEARSAL_LOG\" 2>&1\n";

/// Builds functions that run on this machine where those for AWS Lambda, which has Linux, do
/// not. Returns the Atlas that runs here.
fn build_for_this_system(project: &Project, package: &Path) -> Result<PathBuf> {
    package::check(project)?;
    let built = project.scratch("lambda/this-system")?;
    let functions = package::functions(project)?;
    let mut cargo = process::cargo();
    cargo
        .current_dir(&project.root)
        .args(["build", "--locked", "--release", "--target-dir"])
        .arg(&built);
    package::optimize_for_size(&mut cargo);
    for (_, binary) in &functions {
        cargo.args(["--package", binary, "--bin", binary]);
    }
    process::run_inherited(&mut cargo)?;
    for (name, binary) in functions {
        let program = built.join("release").join(binary);
        copy(&program, &package.join(name).join("bootstrap"))?;
    }
    // The template has a layer, so there must be a file to upload.
    let atlas = project.atlas()?.binary().to_owned();
    copy(&atlas, &package.join("atlas-layer/bin/atlas"))?;
    Ok(atlas)
}

/// Copies all YAML files, at their paths, because one template may nest another.
fn copy_templates(from: &Path, to: &Path) -> Result<()> {
    for path in entries(from)? {
        let name = path.file_name().unwrap_or_default();
        let extension = path.extension().unwrap_or_default();
        if path.is_dir() {
            let skipped = name == "target" || name.to_string_lossy().starts_with('.');
            if !skipped && !to.starts_with(&path) {
                copy_templates(&path, &to.join(name))?;
            }
        } else if extension == "yaml" || extension == "yml" {
            copy_into(&path, to)?;
        }
    }
    Ok(())
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory).with_context(|| cannot("read", directory))?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

fn copy_into(file: &Path, directory: &Path) -> Result<()> {
    copy(file, &directory.join(file.file_name().unwrap_or_default()))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let directory = to.parent().unwrap_or(to);
    fs::create_dir_all(directory)
        .and_then(|()| fs::copy(from, to))
        .map(drop)
        .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}

/// The version after `last`, which must be a number of any length, as a timestamp is.
fn version_after(last: &str) -> Result<String> {
    let next = last.parse::<u64>().ok().and_then(|last| last.checked_add(1));
    let next = next.map(|next| format!("{next:0width$}", width = last.len()));
    next.filter(|next| next.len() == last.len()).with_context(|| {
        format!(
            "the last migration's version, {last}, is not a number that another can follow, \
                 so the rehearsal cannot add migrations"
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
    fn the_next_version_sorts_last(#[case] last: &str, #[case] next: Option<&str>) {
        assert_eq!(version_after(last).ok().as_deref(), next);
        assert!(next.is_none_or(|next| next > last));
    }

    /// A project of one migration, and a copy with everything but programs.
    fn copied() -> (tempfile::TempDir, Project, ProjectCopy) {
        let (root, project) = crate::sample_project();
        fs::write(project.migrations.path().join("1_a.sql"), "SELECT 1;").unwrap();
        let sum = project.migrations.write_sum().unwrap();
        let template = format!("R:\n  MigrationHash: {}\n", sum.hash());
        fs::write(root.path().join("template.yaml"), template).unwrap();
        fs::create_dir(root.path().join("nested")).unwrap();
        fs::write(root.path().join("nested/other.yaml"), "").unwrap();
        let copy = root.path().join("copy");
        fs::create_dir(&copy).unwrap();
        let copied = ProjectCopy::without_programs(&project, &copy, PathBuf::new()).unwrap();
        (root, project, copied)
    }

    #[test]
    fn changes_all_of_the_copy_and_nothing_of_the_project() {
        let (root, project, copied) = copied();
        assert!(copied.root().join("nested/other.yaml").exists());
        assert_eq!(copied.last_migration().unwrap(), (1, "1".to_owned()));
        let (file, version) = copied.add("b", "SELECT 2;").unwrap();
        assert_eq!((&*file, &*version), ("2_b.sql", "2"));
        let packed = copied.root().join("target/package/function/migrations");
        let packed = MigrationDirectory::new(packed);
        let first = packed.verify().unwrap();
        assert_eq!(packed.files().unwrap().len(), 2);
        let hash_in = |root: &Path| {
            let [copy] = &HashCopy::find_all(root).unwrap()[..] else {
                panic!("not one copy of the hash")
            };
            copy.value().unwrap().to_owned()
        };
        assert_eq!(hash_in(copied.root()), first);

        copied.replace(&file, "SELECT 3;").unwrap();
        let second = packed.verify().unwrap();
        assert_ne!(first, second);
        assert_eq!(hash_in(copied.root()), second);

        assert_eq!(project.migrations.files().unwrap().len(), 1);
        assert_eq!(hash_in(root.path()), project.migrations.verify().unwrap());
    }
}
