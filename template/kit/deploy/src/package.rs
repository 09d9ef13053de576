//! `package`: what the stack deploys, below `target/package`, ready to be zipped.
//!
//! ```text
//! function/bootstrap      the migration function, built for AWS Lambda
//! function/migrations/    the SQL files and atlas.sum
//! function/rds-ca.pem     the certificates that database servers are verified against
//! atlas-layer/bin/atlas   Atlas for the function's processor
//! NAME/bootstrap          the crate NAME, for each `CodeUri: target/package/NAME/`
//! NAME/rds-ca.pem         the same certificates
//! ```

mod build;
mod ca_bundle;
mod function;
mod layer;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use postgres::settings::setting;

pub(crate) use build::{build, functions, small};

use crate::stack::Architecture;
use migrations::Project;
use migrations::report::count;

/// Makes the package for `architecture`. The database that it is for has PostgreSQL
/// `major`, which the layer's Atlas must know.
///
/// # Errors
/// When a part cannot be made or is not what it should be; a package of before is
/// then still there.
pub(crate) fn run(project: &Project, architecture: Architecture, major: u32) -> Result<()> {
    let target = project.root.join("target");
    // With CARGO_TARGET_DIR set it may not be there.
    make_directory(&target)?;
    let staging = tempfile::Builder::new()
        .prefix(".package-")
        .permissions(fs::Permissions::from_mode(0o755))
        .tempdir_in(&target)?;
    let parts = make(project, architecture, major, staging.path())?;
    swap(staging.path(), &target.join("package"))?;
    for part in parts {
        println!("✓ target/package/{part}");
    }
    Ok(())
}

/// Makes the same in an empty directory. Returns a line on each part of it.
///
/// # Errors
/// As of [`run`]; the directory then has no or some of the parts.
pub(crate) fn make(
    project: &Project,
    architecture: Architecture,
    major: u32,
    directory: &Path,
) -> Result<Vec<String>> {
    // What can fail at once comes before the build, which takes minutes.
    check(project)?;
    let certificates = ca_bundle::file(&project.root)?;
    let atlas = layer::atlas(project, architecture, major)?;
    let programs = build(project, architecture)?;

    let at = |path: &str| directory.join(path);
    let migrations = function::copy_migrations(project, &at("function/migrations"))?;
    copy(&atlas.program, &at("atlas-layer/bin/atlas"), 0o755)?;
    let mut parts = Vec::new();
    for (name, program) in &programs {
        copy(program, &at(name).join("bootstrap"), 0o755)?;
        copy(&certificates, &at(name).join("rds-ca.pem"), 0o644)?;
        parts.push(format!("{name}: {architecture}, {}", size(program)?));
    }
    parts.push(format!(
        "function/migrations: {}",
        count(migrations, "migration")
    ));
    parts.push(format!(
        "atlas-layer: {}, {}",
        atlas.description,
        size(&atlas.program)?
    ));
    Ok(parts)
}

/// Whether the migrations are as their atlas.sum says, and are those of template.yaml.
pub(crate) fn check(project: &Project) -> Result<()> {
    function::check(project, &project.migrations)
}

/// Puts the new package into the place of the old one. A directory cannot be replaced
/// in one step; what is there in between is nothing, and never half a package.
fn swap(new: &Path, package: &Path) -> Result<()> {
    let cannot = || format!("cannot replace {}", package.display());
    let directory = package.parent().with_context(cannot)?;
    let old = tempfile::tempdir_in(directory).with_context(cannot)?;
    let aside = old.path().join("package");
    if package.exists() {
        fs::rename(package, &aside).with_context(cannot)?;
    }
    fs::rename(new, package)
        .with_context(cannot)
        .inspect_err(|_| {
            let _ = fs::rename(&aside, package);
        })
}

/// The major version of the database to deploy to, as the project's settings have it.
pub(crate) fn postgres_major(project: &Project) -> Result<u32> {
    setting(&project.root, "POSTGRES_MAJOR")?
        .context("POSTGRES_MAJOR is set neither in .env nor in .env.example")?
        .parse()
        .context("POSTGRES_MAJOR is no number")
}

/// Copies a file into the package, with permissions that the function's user, who is
/// not the one who packs, can work with.
fn copy(from: &Path, to: &Path, mode: u32) -> Result<()> {
    let directory = to.parent().context("no directory to copy to")?;
    make_directory(directory)?;
    fs::copy(from, to)
        .and_then(|_| fs::set_permissions(to, fs::Permissions::from_mode(mode)))
        .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}

fn make_directory(directory: &Path) -> Result<()> {
    let missing: Vec<PathBuf> = directory
        .ancestors()
        .take_while(|directory| !directory.exists())
        .map(Path::to_owned)
        .collect();
    for directory in missing.iter().rev() {
        fs::create_dir(directory)
            .and_then(|()| fs::set_permissions(directory, fs::Permissions::from_mode(0o755)))
            .with_context(|| format!("cannot create {}", directory.display()))?;
    }
    Ok(())
}

/// The size of a file, for people.
fn size(file: &Path) -> Result<String> {
    let bytes = fs::metadata(file)?.len();
    Ok(format!("{:.1} MB", bytes as f64 / 1e6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_the_whole_of_an_old_package() {
        let target = tempfile::tempdir().unwrap();
        let at = |path: &str| target.path().join(path);
        for name in ["package/old", "first/a", "second/b"] {
            make_directory(&at(name)).unwrap();
        }
        fs::remove_dir_all(at("package")).unwrap();
        swap(&at("first"), &at("package")).unwrap();
        swap(&at("second"), &at("package")).unwrap();
        assert!(at("package/b").exists());
        assert_eq!(fs::read_dir(target.path()).unwrap().count(), 1);
    }

    #[test]
    fn keeps_the_old_package_when_there_is_no_new_one() {
        let target = tempfile::tempdir().unwrap();
        let at = |path: &str| target.path().join(path);
        make_directory(&at("package/old")).unwrap();
        swap(&at("missing"), &at("package")).unwrap_err();
        assert!(at("package/old").exists());
        assert_eq!(fs::read_dir(target.path()).unwrap().count(), 1);
    }

    #[test]
    fn lets_everybody_read_and_run_what_it_copies() {
        let directory = tempfile::tempdir().unwrap();
        let (from, to) = (directory.path().join("a"), directory.path().join("b/c/d"));
        fs::write(&from, "").unwrap();
        fs::set_permissions(&from, fs::Permissions::from_mode(0o600)).unwrap();
        copy(&from, &to, 0o755).unwrap();
        for path in [to.as_path(), to.parent().unwrap()] {
            let mode = fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o755, "{}", path.display());
        }
    }
}
