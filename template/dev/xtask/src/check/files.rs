//! Checks that need only the files.

use atlas::MigrationFile;

use super::list;
use crate::{
    concurrent::TXMODE_NONE,
    git::BaseFiles,
    project::Project,
    report::{Outcome, count},
};

/// What this branch adds to its base: the newest file where there is no base.
pub(super) fn new_files<'a>(
    base: Option<&BaseFiles>,
    files: &'a [MigrationFile],
) -> Vec<&'a MigrationFile> {
    match base {
        Some(base) => files
            .iter()
            .filter(|file| !base.contains(&file.name))
            .collect(),
        None => files.last().into_iter().collect(),
    }
}

/// Is every file called as the project wants it, and does a new one sort after
/// those that other databases may have already?
pub(super) fn names(
    project: &Project,
    base: Option<&BaseFiles>,
    files: &[MigrationFile],
) -> Outcome {
    let odd: Vec<_> = files
        .iter()
        .filter(|file| !project.file_name.is_match(&file.name))
        .collect();
    if !odd.is_empty() {
        return Outcome::Failed(format!(
            "not called like {} (file-name in Cargo.toml): {}\nrename, then: just hash-migrations",
            project.file_name,
            list(&odd)
        ));
    }
    if let Some(newest) = base.and_then(|base| base.last()) {
        let late: Vec<_> = new_files(base, files)
            .into_iter()
            .filter(|file| file.name < *newest)
            .collect();
        if !late.is_empty() {
            return Outcome::Failed(format!(
                "new here, but older by name than {newest}, which {} has: {}\n\
                 give each a later version, then: just hash-migrations",
                project.base_branch,
                list(&late)
            ));
        }
    }
    Outcome::Passed(format!(
        "{} in order, called as they should be",
        count(files.len(), "file")
    ))
}

/// Can Atlas apply the files with concurrent statements?
pub(super) fn concurrent(files: &[MigrationFile]) -> Outcome {
    let concurrent: Vec<_> = files
        .iter()
        .filter(|file| !file.concurrent_statements().is_empty())
        .collect();
    let unmarked: Vec<_> = concurrent
        .iter()
        .copied()
        .filter(|file| file.is_transactional())
        .collect();
    if !unmarked.is_empty() {
        return Outcome::Failed(format!(
            "CONCURRENTLY cannot run in a transaction: {}\n\
             begin the file with the line `{TXMODE_NONE}` and an empty one, keep other statements \
             out of it, then: just hash-migrations",
            list(&unmarked)
        ));
    }
    Outcome::Passed(match concurrent.len() {
        0 => "no file needs to run outside of a transaction".into(),
        n => format!(
            "marked to run outside of a transaction: {}",
            count(n, "file")
        ),
    })
}
