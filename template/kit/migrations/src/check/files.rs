//! Checks that need only the files.

use anyhow::Result;
use atlas::MigrationFile;

use super::list;
use crate::{
    git::Base,
    install,
    project::Project,
    report::{Outcome, count},
};

/// The line that makes Atlas apply a file outside of a transaction.
const TXMODE_NONE: &str = "-- atlas:txmode none";

/// Returns the migrations that this branch adds to its base, or the newest one if it has no
/// base.
pub(super) fn new_files<'a>(
    base: Option<&Base>,
    files: &'a [MigrationFile],
) -> Vec<&'a MigrationFile> {
    match base {
        Some(base) => files.iter().filter(|file| !base.files.contains(&file.name)).collect(),
        None => files.last().into_iter().collect(),
    }
}

/// Are merged migrations as they were? Databases that have applied one never see a change
/// in it.
pub(super) fn history(project: &Project, base: Option<&Base>) -> Result<Outcome> {
    let branch = &project.base_branch;
    let Some(base) = base else {
        return Ok(Outcome::Skipped(format!(
            "git has no {branch} (base-branch in Cargo.toml): run git fetch, or changes to \
             merged migrations go unnoticed and only the newest file is linted"
        )));
    };
    let changed = base.changed(&project.root)?;
    if changed.is_empty() {
        return Ok(Outcome::Passed(format!(
            "same as on {branch}: {}",
            count(base.files.len(), "file")
        )));
    }
    Ok(Outcome::Failed(format!(
        "differs from {branch}, which databases may have applied: {}\n\
         restore the file (git checkout {branch} -- migrations/FILE), then: just \
         hash-migrations; put the change into a new migration",
        Vec::from_iter(changed).join(", ")
    )))
}

/// Do the names match the project's pattern, and do new files sort after those that
/// databases may have applied?
pub(super) fn names(project: &Project, base: Option<&Base>, files: &[MigrationFile]) -> Outcome {
    let odd: Vec<_> = files.iter().filter(|file| !project.file_name.is_match(&file.name)).collect();
    if !odd.is_empty() {
        return Outcome::Failed(format!(
            "does not match {} (file-name in Cargo.toml): {}\nrename it, then: just hash-migrations",
            project.file_name,
            list(&odd)
        ));
    }
    let new = new_files(base, files);
    let newest = base.and_then(|base| base.files.last());
    let newest = newest.and_then(|newest| files.iter().find(|file| file.name == *newest));
    let future = install::in_future(&new, newest);
    if !future.is_empty() {
        return Outcome::Failed(format!(
            "dated in the future, and what others add until then would sort before it: {}\n\
             give each the version of today, UTC, then: just hash-migrations",
            list(&future)
        ));
    }
    if let Some(newest) = newest {
        let late: Vec<_> = new.into_iter().filter(|file| file.name < newest.name).collect();
        if !late.is_empty() {
            return Outcome::Failed(format!(
                "new, but sorts before {} of {}: {}\n\
                 to give each a later version: just rebase-migrations",
                newest.name,
                project.base_branch,
                list(&late)
            ));
        }
    }
    Outcome::Passed(format!("match the pattern, in order: {}", count(files.len(), "file")))
}

/// Are concurrent statements outside of transactions, and all others inside?
pub(super) fn concurrent(files: &[MigrationFile]) -> Outcome {
    let concurrent: Vec<_> =
        files.iter().filter(|file| !file.concurrent_statements().is_empty()).collect();
    let wrong: Vec<_> = concurrent
        .iter()
        .copied()
        .filter(|file| file.is_transactional() || holds_other_statements(file))
        .collect();
    if !wrong.is_empty() {
        return Outcome::Failed(format!(
            "CONCURRENTLY cannot run in a transaction, and other statements are not rolled \
             back outside of one: {}\nstart the file with the line `{TXMODE_NONE}` and an empty \
             line, move other statements to a separate file, then: just hash-migrations",
            list(&wrong)
        ));
    }
    Outcome::Passed(match concurrent.len() {
        0 => "no file runs outside of a transaction".into(),
        n => format!("run outside of a transaction: {}", count(n, "file")),
    })
}

fn holds_other_statements(file: &MigrationFile) -> bool {
    atlas::sql::statements(&file.text()).iter().any(|statement| !statement.is_concurrent())
}
