use std::fs;
use std::io;
use std::path::PathBuf;

use super::sum::{SumError, SumFile};
use super::{MigrationDirectory, MigrationFile};
use crate::Error;

const REHASH: &str = "run `just hash-migrations`";
const MERGE: &str = "run `just rebase-migrations`, which puts those of this branch last";

/// A mismatch between the files of a migration directory and its `atlas.sum`.
///
/// Names are file names in `directory`.
#[derive(Debug, thiserror::Error)]
pub enum IntegrityError {
    #[error(
        "there is no migration directory at {}: \
         run from the project's root, or bring it back with `git checkout -- migrations`",
        directory.display()
    )]
    DirectoryMissing { directory: PathBuf },

    #[error(
        "{} has migrations but no atlas.sum: \
         bring it back with `git checkout -- migrations/atlas.sum`, or, if it never had one, {REHASH}",
        directory.display()
    )]
    SumMissing { directory: PathBuf },

    #[error(
        "{}, line {line}, is a conflict marker of git: two branches each added migrations. \
         Keep the files of both, and {MERGE}",
        sum.display()
    )]
    SumConflict { sum: PathBuf, line: usize },

    #[error(
        "{} is damaged: {reason}. Nobody should edit it by hand: \
         bring it back with `git checkout -- migrations/atlas.sum`, or, after a merge, {MERGE}",
        sum.display()
    )]
    SumMalformed { sum: PathBuf, reason: SumError },

    #[error(
        "{} and {second} in {} both have the version {version}, and Atlas applies a version once: \
         give the newer a later version, then {REHASH}",
        first, directory.display()
    )]
    SameVersion { directory: PathBuf, version: String, first: String, second: String },

    #[error(
        "{file} in {} was edited since atlas.sum was written. A migration that ran anywhere \
         must stay as it was: undo the edit with `git checkout -- migrations`; \
         if it was deliberate, {REHASH}",
        directory.display()
    )]
    Edited { directory: PathBuf, file: String },

    #[error(
        "{} in {}: not in atlas.sum. If that is right, {REHASH}; after a merge, {MERGE}",
        files.join(", "), directory.display()
    )]
    Added { directory: PathBuf, files: Vec<String> },

    #[error(
        "{} listed in atlas.sum, but not in {}: bring missing files back with \
         `git checkout -- migrations`; if nothing ran it anywhere and it was removed on purpose, {REHASH}",
        files.join(", "), directory.display()
    )]
    Gone { directory: PathBuf, files: Vec<String> },

    #[error(transparent)]
    Unreadable(#[from] Error),
}

pub(super) fn verify(migrations: &MigrationDirectory) -> Result<String, IntegrityError> {
    let directory = migrations.path().to_owned();
    if !directory.is_dir() {
        return Err(IntegrityError::DirectoryMissing { directory });
    }
    let files = migrations.files()?;
    let computed = SumFile::compute(&files);
    let Some(recorded) = read_sum(migrations)? else {
        return if files.is_empty() {
            Ok(computed.hash().to_owned())
        } else {
            Err(IntegrityError::SumMissing { directory })
        };
    };
    if let Some((first, second)) = same_version(&files) {
        return Err(IntegrityError::SameVersion {
            version: first.version().to_owned(),
            first: first.name.clone(),
            second: second.name.clone(),
            directory,
        });
    }
    if recorded.hash() == computed.hash() {
        return Ok(computed.hash().to_owned());
    }
    Err(explain(directory, &recorded, &computed))
}

/// Reads `atlas.sum`; `None` if the file is missing.
fn read_sum(migrations: &MigrationDirectory) -> Result<Option<SumFile>, IntegrityError> {
    let sum = migrations.sum_path();
    let text = match fs::read(&sum) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("read", sum)(error).into()),
    };
    match SumFile::parse(&text) {
        Ok(parsed) => Ok(Some(parsed)),
        Err(SumError::ConflictMarker(line)) => Err(IntegrityError::SumConflict { sum, line }),
        Err(reason) => Err(IntegrityError::SumMalformed { sum, reason }),
    }
}

/// Finds two files with the same version. Atlas does not check this: applying stops at the
/// second file (v1.2.3 crashes), and the next run silently skips it as applied.
fn same_version(files: &[MigrationFile]) -> Option<(&MigrationFile, &MigrationFile)> {
    let pairs = files.iter().enumerate();
    let mut pairs =
        pairs.flat_map(|(at, first)| files[at + 1..].iter().map(move |file| (first, file)));
    pairs.find(|(first, second)| first.version() == second.version())
}

/// Finds the file that makes the two sums differ. Added and missing files come first: they
/// change the hash of every later file.
fn explain(directory: PathBuf, recorded: &SumFile, computed: &SumFile) -> IntegrityError {
    let lacks = |sum: &SumFile, name: &str| sum.lines().all(|(other, _)| other != name);
    let names = computed.lines().map(|(name, _)| name.to_owned());
    let files: Vec<_> = names.filter(|name| lacks(recorded, name)).collect();
    if !files.is_empty() {
        return IntegrityError::Added { directory, files };
    }
    let names = recorded.lines().map(|(name, _)| name.to_owned());
    let files: Vec<_> = names.filter(|name| lacks(computed, name)).collect();
    if !files.is_empty() {
        return IntegrityError::Gone { directory, files };
    }
    let first_difference = recorded.lines().zip(computed.lines()).find(|(a, b)| a != b);
    match first_difference {
        Some(((recorded, _), (computed, _))) if recorded == computed => {
            IntegrityError::Edited { directory, file: computed.to_owned() }
        }
        // The same files in another order, or one of them twice.
        _ => IntegrityError::SumMalformed {
            sum: directory.join(super::SUM_FILE),
            reason: SumError::Total,
        },
    }
}
