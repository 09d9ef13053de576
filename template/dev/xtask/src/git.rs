//! What git knows about the migrations.

use std::{collections::BTreeSet, path::Path, process::Command};

use anyhow::{Result, bail};

use crate::process::{self, text};

/// Names of migration files.
pub(crate) type BaseFiles = BTreeSet<String>;

/// The names of the migration files that the base branch has, or had where this
/// branch left it. `None` where there is no such branch, or no git repository.
///
/// # Errors
/// When the repository is a shallow clone that ends before the two branches meet.
pub(crate) fn base_files(root: &Path, base_branch: &str) -> Result<Option<BaseFiles>> {
    let Some(base) = git(
        root,
        &[
            "rev-parse",
            "--verify",
            "--quiet",
            &format!("{base_branch}^{{commit}}"),
        ],
    )?
    else {
        return Ok(None);
    };
    let Some(fork) = git(root, &["merge-base", "HEAD", base.trim()])? else {
        bail!(
            "git finds no common commit with {base_branch}: fetch the whole history \
             (`git fetch --unshallow`; in a workflow `fetch-depth: 0`)"
        );
    };
    let listed = git(
        root,
        &["ls-tree", "--name-only", "-z", fork.trim(), "migrations/"],
    )?;
    Ok(Some(
        listed
            .unwrap_or_default()
            .split('\0')
            .filter_map(|path| path.strip_prefix("migrations/"))
            .filter(|name| name.ends_with(".sql"))
            .map(str::to_owned)
            .collect(),
    ))
}

/// What git prints, or `None` when it is not installed or fails.
fn git(root: &Path, arguments: &[&str]) -> Result<Option<String>> {
    let output = process::optional(Command::new("git").current_dir(root).args(arguments))?;
    Ok(output
        .filter(|output| output.status.success())
        .map(|output| text(&output.stdout)))
}
