//! `package`: fills `target/package` with what the stack deploys, for sam to zip.
//!
//! ```text
//! function/bootstrap      the migration function, built for AWS Lambda
//! function/migrations/    the SQL files and atlas.sum
//! function/snapshots.json the schema at each version, to check BaselineVersion with
//! function/rds-ca.pem     the certificates that database servers are verified against
//! atlas-layer/bin/atlas   Atlas for the function's processor
//! NAME/bootstrap          the crate NAME, for each `CodeUri: target/package/NAME/`
//! NAME/rds-ca.pem         the same certificates
//! ```

mod build;
mod layer;
mod migrations;
mod snapshots;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use ::migrations::{Project, report::count};
use anyhow::{Context, Result};
use postgres::settings::setting;

pub(crate) use build::{build, functions, optimize_for_size};

use crate::{architecture::Architecture, certificates};

/// Makes the package for `architecture`, with an Atlas for PostgreSQL `major`.
///
/// # Errors
/// When a part cannot be made or is wrong. The previous package then remains.
pub(crate) async fn run(project: &Project, architecture: Architecture, major: u32) -> Result<()> {
    let target = project.root.join("target");
    // With CARGO_TARGET_DIR set, it may not exist.
    make_directory(&target)?;
    let staging = tempfile::Builder::new()
        .prefix(".package-")
        .permissions(fs::Permissions::from_mode(0o755))
        .tempdir_in(&target)?;
    let parts = make(project, architecture, major, staging.path()).await?;
    swap(staging.path(), &target.join("package"))?;
    for part in parts {
        println!("✓ target/package/{part}");
    }
    Ok(())
}

/// Makes the package in an empty directory. Returns a line about each part.
///
/// # Errors
/// When a part cannot be made or is wrong. The directory then has some of the parts.
pub(crate) async fn make(
    project: &Project,
    architecture: Architecture,
    major: u32,
    directory: &Path,
) -> Result<Vec<String>> {
    // What can fail at once comes before the build, which takes minutes.
    check(project)?;
    let certificates = certificates::file(&project.root)?;
    let (atlas, description) = layer::atlas(project, architecture, major)?;
    let programs = build(project, architecture)?;

    let at = |path: &str| directory.join(path);
    let migrations = migrations::copy_migrations(project, &at("function/migrations"))?;
    copy(&atlas, &at("atlas-layer/bin/atlas"), 0o755)?;
    let mut parts = Vec::new();
    for (name, program) in &programs {
        copy(program, &at(name).join("bootstrap"), 0o755)?;
        copy(&certificates, &at(name).join("rds-ca.pem"), 0o644)?;
        parts.push(format!("{name}: {architecture}, {}", size(program)?));
    }
    let migrations = count(migrations, "migration");
    parts.push(format!("function/migrations: {migrations}"));
    if !project.migrations.files()?.is_empty() {
        let snapshots = snapshots::write(project, major, directory).await;
        let snapshots = snapshots.map_or_else(
            |error| format!("none, so BaselineVersion will not be checked: {error:#}"),
            str::to_owned,
        );
        parts.push(format!("function/snapshots.json: {snapshots}"));
    }
    parts.push(format!("atlas-layer: {description}, {}", size(&atlas)?));
    Ok(parts)
}

/// Checks that the migrations agree with their atlas.sum, and with the hash in template.yaml.
pub(crate) fn check(project: &Project) -> Result<()> {
    migrations::check(project, &project.migrations)
}

/// Replaces the old package with the new one. A failure halfway leaves no package.
fn swap(new: &Path, package: &Path) -> Result<()> {
    let cannot = || format!("cannot replace {}", package.display());
    if package.exists() {
        fs::remove_dir_all(package).with_context(cannot)?;
    }
    fs::rename(new, package).with_context(cannot)
}

/// The major version of PostgreSQL in the project's settings.
pub(crate) fn postgres_major(project: &Project) -> Result<u32> {
    setting(&project.root, "POSTGRES_MAJOR")?
        .context("POSTGRES_MAJOR is set neither in .env nor in .env.example")?
        .parse()
        .context("POSTGRES_MAJOR is not a number")
}

/// Copies a file into the package, with permissions for the user that Lambda runs functions
/// as.
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

/// Size of a file, for messages.
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
