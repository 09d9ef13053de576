//! What git knows about the migrations.

use std::{collections::BTreeMap, path::Path, process::Command};

use anyhow::{Result, bail};

use process::{self, text};

/// Migration files by name, with the object that git stores their contents as.
pub type BaseFiles = BTreeMap<String, String>;

/// The migrations that the base branch has, or had where this branch left it.
/// `None` where there is no such branch, or no git repository.
///
/// # Errors
/// When the repository is a shallow clone that ends before the two branches meet.
pub fn base_files(root: &Path, base_branch: &str) -> Result<Option<BaseFiles>> {
    let commit = format!("{base_branch}^{{commit}}");
    let Some(base) = git(root, &["rev-parse", "--verify", "--quiet", &commit])? else {
        return Ok(None);
    };
    let fork = match git(root, &["merge-base", "HEAD", base.trim()])? {
        Some(fork) => fork,
        None if is_shallow(root)? => bail!(
            "git finds no common commit with {base_branch}: fetch the whole history \
             (`git fetch --unshallow`; in a workflow `fetch-depth: 0`)"
        ),
        // Histories that never met, or nothing committed here yet.
        None => base,
    };
    let listed = git(root, &["ls-tree", "-z", fork.trim(), "migrations/"])?.unwrap_or_default();
    Ok(Some(
        listed.split('\0').filter_map(migration_of_tree).collect(),
    ))
}

/// The object that git would store a file of the working tree as.
pub fn object_of(root: &Path, file: &str) -> Result<String> {
    let object =
        process::output(
            Command::new("git")
                .current_dir(root)
                .args(["hash-object", "--", file]),
        )?;
    Ok(object.trim().to_owned())
}

/// Name and object of a line `<mode> blob <object>\tmigrations/<name>`.
fn migration_of_tree(line: &str) -> Option<(String, String)> {
    let (attributes, path) = line.split_once('\t')?;
    let name = path.rsplit('/').next()?;
    let object = attributes.rsplit(' ').next()?;
    name.ends_with(".sql")
        .then(|| (name.to_owned(), object.to_owned()))
}

fn is_shallow(root: &Path) -> Result<bool> {
    let answer = git(root, &["rev-parse", "--is-shallow-repository"])?;
    Ok(answer.is_some_and(|answer| answer.trim() == "true"))
}

/// What git prints, or `None` when it is not installed or fails.
fn git(root: &Path, arguments: &[&str]) -> Result<Option<String>> {
    let output = process::optional(Command::new("git").current_dir(root).args(arguments))?;
    Ok(output
        .filter(|output| output.status.success())
        .map(|output| text(&output.stdout)))
}
