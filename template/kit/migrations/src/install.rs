//! Writes migrations/ and the copies of its hash: `hash-migrations`, `new-migration`, and what
//! other commands add.

use std::{fs, path::PathBuf, time::SystemTime};

use anyhow::{Context, Result, ensure};
use atlas::{MigrationFile, SumFile};
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};

use crate::{hash_copy::HashCopy, project::Project, write::write_all};

/// Form of the version at the start of a file name: UTC, to the second.
const VERSION: &str = "%Y%m%d%H%M%S";

/// How far a version may be ahead of this machine's clock, which may be late, or in another
/// time zone than the author believes.
const AHEAD: TimeDelta = TimeDelta::days(1);

/// Updates atlas.sum and the copies of its hash after a deliberate edit or a merge.
pub fn hash(project: &Project) -> Result<()> {
    let sum = SumFile::compute(&project.migrations.files()?);
    let hashes = hashes(project, &sum)?;
    write_all(&hashes)?;
    for (file, _) in hashes {
        let file = file.strip_prefix(&project.root).unwrap_or(&file);
        println!("{}: {}", file.display(), sum.hash());
    }
    Ok(())
}

/// Adds an empty migration, for SQL written by hand.
pub fn new_migration(project: &Project, name: &str) -> Result<()> {
    project.migrations.verify()?;
    check_name(project, name)?;
    let existing = project.migrations.files()?;
    let file = versions(&existing, 1).remove(0) + &format!("_{name}.sql");
    warn_of_future(&existing);
    install(project, &existing, &[MigrationFile { name: file.clone(), contents: Vec::new() }])?;
    println!("migrations/{file}: write the SQL there, then: just hash-migrations");
    Ok(())
}

pub(crate) fn check_name(project: &Project, name: &str) -> Result<()> {
    let file = format!("20000101000000_{name}.sql");
    ensure!(
        project.file_name.is_match(&file),
        "\"{name}\" is not a name for a migration: {file} would not match {} \
         (file-name in Cargo.toml). Use snake case, for example add_user_phone",
        project.file_name
    );
    Ok(())
}

/// Versions for `count` new files, a second apart: now, but later than all existing ones.
pub(crate) fn versions(existing: &[MigrationFile], count: usize) -> Vec<String> {
    let last = existing.iter().filter_map(time).max();
    let first = last.map_or(now(), |last| now().max(last + TimeDelta::seconds(1)));
    let version = |number| first + TimeDelta::seconds(number);
    (0..).take(count).map(|number| version(number).format(VERSION).to_string()).collect()
}

/// Says why new files get a version in the future, if they do.
pub(crate) fn warn_of_future(existing: &[MigrationFile]) {
    let files: Vec<_> = existing.iter().collect();
    if let Some(file) = in_future(&files, None).last() {
        println!("migrations/{} is dated in the future: what is new comes after it\n", file.name);
    }
}

/// The files that are dated in the future, and later than `base`, the newest file that others
/// have.
pub(crate) fn in_future<'a>(
    files: &[&'a MigrationFile],
    base: Option<&MigrationFile>,
) -> Vec<&'a MigrationFile> {
    let limit = base.and_then(time).map_or(now(), |base| now().max(base)) + AHEAD;
    files.iter().copied().filter(|file| time(file).is_some_and(|time| time > limit)).collect()
}

fn now() -> NaiveDateTime {
    DateTime::<Utc>::from(SystemTime::now()).naive_utc()
}

fn time(file: &MigrationFile) -> Option<NaiveDateTime> {
    NaiveDateTime::parse_from_str(file.version(), VERSION).ok()
}

/// Adds files to the `existing` ones and writes the hashes, or changes nothing.
pub(crate) fn install(
    project: &Project,
    existing: &[MigrationFile],
    added: &[MigrationFile],
) -> Result<()> {
    let write = || {
        let directory = project.migrations.path();
        fs::create_dir_all(directory)?;
        ensure!(
            project.migrations.files()? == existing,
            "another migration was added or changed in the meantime: try again"
        );
        let mut files = [existing, added].concat();
        files.sort_by(|a, b| a.name.cmp(&b.name));
        let mut contents = hashes(project, &SumFile::compute(&files))?;
        for file in added {
            let path = directory.join(&file.name);
            ensure!(!path.exists(), "{} exists already", path.display());
            contents.push((path, file.contents.clone()));
        }
        write_all(&contents)
    };
    write().context("cannot write the migration; no file was changed")
}

/// Returns the new contents of the files that hold the directory's hash.
fn hashes(project: &Project, sum: &SumFile) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut files = vec![(project.migrations.sum_path(), sum.to_string().into())];
    for copy in HashCopy::find_all(&project.root)? {
        files.push((copy.path.clone(), copy.with(sum.hash()).into()));
    }
    Ok(files)
}

#[cfg(test)]
mod tests;
