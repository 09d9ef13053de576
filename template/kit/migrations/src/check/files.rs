//! Checks that need only the files.

use anyhow::Result;
use atlas::MigrationFile;

use super::list;
use crate::{
    concurrent::TXMODE_NONE,
    git::{self, BaseFiles},
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
            .filter(|file| !base.contains_key(&file.name))
            .collect(),
        None => files.last().into_iter().collect(),
    }
}

/// Are the migrations that the base branch has still the same? A database that has
/// them will never see a change in them.
pub(super) fn history(
    project: &Project,
    base: Option<&BaseFiles>,
    files: &[MigrationFile],
) -> Result<Outcome> {
    let branch = &project.base_branch;
    let Some(base) = base else {
        return Ok(Outcome::Skipped(format!(
            "git knows no {branch} (base-branch in Cargo.toml; git fetch): merged migrations \
             may have changed, and only the newest file is linted"
        )));
    };
    let mut changed = Vec::new();
    for (name, object) in base {
        let same = files.iter().any(|file| file.name == *name)
            && git::object_of(&project.root, &format!("migrations/{name}"))? == *object;
        if !same {
            changed.push(name.as_str());
        }
    }
    if changed.is_empty() {
        return Ok(Outcome::Passed(format!(
            "as {branch} has them: {}",
            count(base.len(), "file")
        )));
    }
    Ok(Outcome::Failed(format!(
        "{branch} has these otherwise, and databases may too: {}\n\
         put them back (git checkout {branch} -- migrations/FILE), then: just hash-migrations; \
         a change is a new migration",
        changed.join(", ")
    )))
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
    if let Some((newest, _)) = base.and_then(BaseFiles::last_key_value) {
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

/// Can Atlas apply the files with concurrent statements, and undo the others?
pub(super) fn concurrent(files: &[MigrationFile]) -> Outcome {
    let concurrent: Vec<_> = files
        .iter()
        .filter(|file| !file.concurrent_statements().is_empty())
        .collect();
    let wrong: Vec<_> = concurrent
        .iter()
        .copied()
        .filter(|file| file.is_transactional() || holds_other_statements(file))
        .collect();
    if !wrong.is_empty() {
        return Outcome::Failed(format!(
            "CONCURRENTLY cannot run in a transaction, and what runs outside of one is not \
             rolled back: {}\nbegin the file with the line `{TXMODE_NONE}` and an empty one, move \
             other statements into a file of their own, then: just hash-migrations",
            list(&wrong)
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

fn holds_other_statements(file: &MigrationFile) -> bool {
    atlas::sql::statements(&file.text())
        .iter()
        .any(|statement| !statement.is_concurrent())
}
