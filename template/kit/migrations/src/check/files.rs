//! Checks that need only the files, and git.

use anyhow::{Result, anyhow};
use atlas::{IntegrityError, MigrationFile};

use super::list;
use crate::{
    git::{self, Base},
    install,
    project::Project,
    report::{Outcome, count},
};

/// Returns the migrations if `atlas.sum` agrees with them, or the outcome of the check.
pub(super) fn intact(
    project: &Project,
    base: Option<&Base>,
) -> Result<Vec<MigrationFile>, Result<Outcome>> {
    let error = match project.migrations.verify() {
        Ok(_) => {
            let files = project.migrations.files().map_err(|error| Err(error.into()))?;
            let none = "there are no migrations yet: just create-migrations";
            return if files.is_empty() {
                Err(Ok(Outcome::Failed(none.into())))
            } else {
                Ok(files)
            };
        }
        Err(IntegrityError::Unreadable(error)) => return Err(Err(anyhow!(error))),
        Err(error) => error,
    };
    let branch = &project.base_branch;
    let is_merged = |file: &String| base.is_some_and(|base| base.files.contains(file));
    let changed: &[String] = match &error {
        IntegrityError::Edited { file, .. } => std::slice::from_ref(file),
        IntegrityError::Gone { files, .. } => files,
        _ => &[],
    };
    let (merged, own): (Vec<_>, Vec<_>) = changed.iter().cloned().partition(is_merged);
    let verb = if matches!(error, IntegrityError::Gone { .. }) { "removed" } else { "edited" };
    let mut advice = Vec::new();
    if !merged.is_empty() {
        advice.push(format!(
            "{verb}, but {branch} has it, and databases may have applied it: {}\n\
             put it back: git checkout {branch} --{}\n\
             and put the change into a new migration",
            merged.join(", "),
            paths(&merged)
        ));
    }
    if !own.is_empty() && base.is_some() {
        advice.push(format!(
            "{verb} since atlas.sum was written, and not on {branch} yet: {}\n\
             if that is right: just hash-migrations",
            own.join(", ")
        ));
    }
    let message = if advice.is_empty() { error.to_string() } else { advice.join("\n") };
    Err(Ok(Outcome::Failed(message)))
}

/// Returns the migrations of the base, and those that this branch adds: the newest one if
/// there is no base.
pub(super) fn split(
    base: Option<&Base>,
    files: &[MigrationFile],
) -> (Vec<MigrationFile>, Vec<MigrationFile>) {
    let newest = files.last().map(|file| &file.name);
    files.iter().cloned().partition(|file| match base {
        Some(base) => base.files.contains(&file.name),
        None => Some(&file.name) != newest,
    })
}

/// Are merged migrations as they were? Databases that have applied one never see a change
/// in it.
pub(super) fn history(project: &Project, base: Option<&Base>) -> Result<Outcome> {
    let branch = &project.base_branch;
    let Some(base) = base else {
        let why = match git::is_repository(&project.root)? {
            true => format!(
                "git has no {branch} (base-branch in Cargo.toml): {}, or",
                git::fetch(branch, "")
            ),
            false => "without a git repository".to_owned(),
        };
        return Ok(Outcome::Skipped(format!(
            "{why} changes to merged migrations go unnoticed and only the newest file is tried"
        )));
    };
    let changed = base.changed(&project.root)?;
    if changed.is_empty() {
        return Ok(Outcome::Passed(format!(
            "same as on {branch}: {}",
            count(base.files.len(), "file")
        )));
    }
    let changed = Vec::from_iter(changed);
    Ok(Outcome::Failed(format!(
        "differs from {branch}, which databases may have applied: {}\n\
         put it back: git checkout {branch} --{}\n\
         then: just hash-migrations; and put the change into a new migration",
        changed.join(", "),
        paths(&changed)
    )))
}

/// Arguments for a shell.
fn paths(files: &[String]) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "._-".contains(char);
    let path = |file: &String| match file.chars().all(is_plain) {
        true => format!(" migrations/{file}"),
        false => format!(" 'migrations/{}'", file.replace('\'', "'\\''")),
    };
    files.iter().map(path).collect()
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
    let (_, new) = split(base, files);
    let new: Vec<_> = new.iter().collect();
    let newest = base.and_then(|base| base.merged.last());
    let others = newest.map(|name| MigrationFile { name: name.clone(), contents: Vec::new() });
    let future = install::in_future(&new, others.as_ref());
    if !future.is_empty() {
        return Outcome::Failed(format!(
            "dated in the future, and what others add until then would sort before it: {}\n\
             give each the version of today, UTC, then: just hash-migrations",
            list(&future)
        ));
    }
    if let (Some(base), Some(newest)) = (base, newest) {
        let is_late =
            |file: &&MigrationFile| file.name < *newest && !base.merged.contains(&file.name);
        let late: Vec<_> = new.into_iter().filter(is_late).collect();
        if !late.is_empty() {
            let branch = &project.base_branch;
            let is_here = files.iter().any(|file| file.name == *newest);
            let merge = if is_here { String::new() } else { format!("git merge {branch}, then: ") };
            return Outcome::Failed(format!(
                "new, but sorts before {newest} of {branch}: {}\n\
                 to give each a later version: {merge}just rebase-migrations",
                list(&late)
            ));
        }
    }
    Outcome::Passed(format!("match the pattern, in order: {}", count(files.len(), "file")))
}
