//! Compares the migrations with those of the base branch.

use std::{collections::BTreeSet, path::Path, process::Command};

use anyhow::{Result, bail};
use process::text;

/// The migrations of the base branch.
#[derive(Debug)]
pub struct Base {
    /// The last commit that this branch shares with the base branch; the base branch itself
    /// if they share none.
    commit: String,
    /// Names of the migration files in that commit.
    pub files: BTreeSet<String>,
}

impl Base {
    /// Returns `None` outside of a git repository and where `base_branch` does not exist.
    ///
    /// # Errors
    /// When a shallow clone ends before the commit that both branches share.
    pub fn find(root: &Path, base_branch: &str) -> Result<Option<Self>> {
        let commit = format!("{base_branch}^{{commit}}");
        let Some(base) = git(root, &["rev-parse", "--verify", "--quiet", &commit])? else {
            return Ok(None);
        };
        let commit = match git(root, &["merge-base", "HEAD", base.trim()])? {
            Some(shared) => shared,
            None if is_shallow(root)? => bail!(
                "git finds no commit shared with {base_branch}: fetch the whole history \
                 (`git fetch --unshallow`; in a workflow `fetch-depth: 0`)"
            ),
            None => base,
        };
        let commit = commit.trim().to_owned();
        let files = migrations_of(root, &commit)?.unwrap_or_default();
        Ok(Some(Self { commit, files }))
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

fn is_shallow(root: &Path) -> Result<bool> {
    let answer = git(root, &["rev-parse", "--is-shallow-repository"])?;
    Ok(answer.is_some_and(|answer| answer.trim() == "true"))
}

/// Returns what git prints, or `None` if it fails or is not installed.
fn git(root: &Path, arguments: &[&str]) -> Result<Option<String>> {
    let output = process::optional(Command::new("git").current_dir(root).args(arguments))?;
    Ok(output.filter(|output| output.status.success()).map(|output| text(&output.stdout)))
}
