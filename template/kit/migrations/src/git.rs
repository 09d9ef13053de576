//! Compares the migrations with those of the base branch.

use std::{collections::BTreeSet, path::Path, process::Command};

use anyhow::{Result, bail, ensure};
use process::text;

/// The migrations of the base branch.
#[derive(Debug)]
pub struct Base {
    /// The last commit that this branch shares with the base branch; the base branch itself
    /// if they share none.
    commit: String,
    /// Names of the migration files in that commit.
    pub files: BTreeSet<String>,
    /// Names of those that the base branch has by now.
    pub merged: BTreeSet<String>,
}

impl Base {
    /// Returns `None` outside of a git repository and where `base_branch` does not exist.
    ///
    /// # Errors
    /// When a shallow clone lacks the base branch, or the commit that both branches share.
    pub fn find(root: &Path, base_branch: &str) -> Result<Option<Self>> {
        let Some(base) = commit(root, base_branch)? else {
            let fetch = fetch(base_branch, " --unshallow");
            ensure!(!is_shallow(root)?, "this shallow clone has no {base_branch}: {fetch}");
            return Ok(None);
        };
        // In a merge, what comes from the base branch is not of this one either.
        let merging = commit(root, "MERGE_HEAD")?;
        let mut ancestor = vec!["merge-base", &base, "HEAD"];
        ancestor.extend(merging.as_deref());
        let commit = match git(root, &ancestor)? {
            Some(shared) => shared.trim().to_owned(),
            None if is_shallow(root)? => bail!(
                "this shallow clone ends before the commit shared with {base_branch}: {}",
                fetch(base_branch, " --unshallow")
            ),
            None => base.clone(),
        };
        let files = migrations_of(root, &commit)?.unwrap_or_default();
        let merged = migrations_of(root, &base)?.unwrap_or_default();
        Ok(Some(Self { commit, files, merged }))
    }

    /// Returns the names of migrations that the working tree has changed or deleted.
    pub fn changed(&self, root: &Path) -> Result<BTreeSet<String>> {
        let mut diff = Command::new("git");
        diff.current_dir(root)
            .args(["diff", "--name-only", "--no-renames", "--diff-filter=a", "-z"])
            .args([&self.commit, "--", "migrations/"]);
        Ok(names(&process::output(&mut diff)?))
    }
}

/// Returns the names of the migrations of a commit, or `None` if there is no such commit.
pub fn migrations_of(root: &Path, commit: &str) -> Result<Option<BTreeSet<String>>> {
    let listed = git(root, &["ls-tree", "-z", "--name-only", commit, "migrations/"])?;
    Ok(listed.map(|listed| names(&listed)))
}

/// Returns the names of SQL files in a list of paths, each followed by a NUL.
fn names(paths: &str) -> BTreeSet<String> {
    paths
        .split('\0')
        .filter(|path| path.ends_with(".sql"))
        .filter_map(|path| path.rsplit('/').next())
        .map(str::to_owned)
        .collect()
}

/// The command that gets the branch, also where a clone has another one only.
pub(crate) fn fetch(base_branch: &str, option: &str) -> String {
    match base_branch.split_once('/') {
        Some((remote, branch)) => {
            format!("git fetch{option} {remote} {branch}:refs/remotes/{base_branch}")
        }
        None => format!("git fetch{option}"),
    }
}

pub(crate) fn is_repository(root: &Path) -> Result<bool> {
    Ok(git(root, &["rev-parse", "--git-dir"])?.is_some())
}

fn commit(root: &Path, name: &str) -> Result<Option<String>> {
    let name = format!("{name}^{{commit}}");
    let found = git(root, &["rev-parse", "--verify", "--quiet", &name])?;
    Ok(found.map(|commit| commit.trim().to_owned()))
}

fn is_shallow(root: &Path) -> Result<bool> {
    let answer = git(root, &["rev-parse", "--is-shallow-repository"])?;
    Ok(answer.is_some_and(|answer| answer.trim() == "true"))
}

/// Returns what git prints, or `None` if it fails or is not installed.
fn git(root: &Path, arguments: &[&str]) -> Result<Option<String>> {
    let output = process::optional(Command::new("git").current_dir(root).args(arguments))?;
    Ok(output.filter(|output| output.status.success()).map(|output| text(&output.stdout)))
}
