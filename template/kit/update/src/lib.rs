//! `update-template`: merges a newer version of the template into the repository that was
//! rendered from an older one.
//!
//! The old and the new version are rendered with the recorded answers. What differs between
//! the two is applied to the repository as git applies a commit to another branch, so that
//! edits of the user stay, and overlapping ones become ordinary conflicts.

mod answers;
mod merge;
mod render;
mod source;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result, bail};

use crate::{answers::Answers, merge::Repository, source::Source};

/// Exit code of `--check` when a newer version is out, as package managers have it.
const UPDATE_AVAILABLE: u8 = 100;

/// What to update to, and from.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Git URL, `gh:owner/name`, or directory of the template instead of the recorded one.
    pub template: Option<String>,
    /// Version instead of the newest.
    pub to: Option<String>,
    /// Directory with the template in the recorded version, where its tag cannot be had.
    pub base: Option<PathBuf>,
    /// Answers to change, and answers to new questions.
    pub define: Vec<(String, String)>,
    /// Only says whether a newer version is out.
    pub check: bool,
}

/// Updates the repository in `root`. The changes are staged and not committed.
///
/// # Errors
/// When the repository has uncommitted changes, or a version of the template cannot be had
/// or rendered. Nothing has changed then.
pub fn run(root: &std::path::Path, options: &Options) -> Result<ExitCode> {
    let old = Answers::read(root)?;
    let source = options
        .template
        .clone()
        .unwrap_or_else(|| old.source.clone());
    let scratch = tempfile::tempdir().context("cannot create a temporary directory")?;
    let template = Source::fetch(&source, &scratch.path().join("template"))?;
    let version = match &options.to {
        Some(version) => version.trim_start_matches('v').to_owned(),
        None => template.newest()?,
    };
    if options.check {
        if version == old.version {
            println!("✓ template {version}: up to date");
            return Ok(ExitCode::SUCCESS);
        }
        println!(
            "template {version} is out, this is {}: just update-template",
            old.version
        );
        return Ok(ExitCode::from(UPDATE_AVAILABLE));
    }
    let new = old.with(&options.define, &source);
    if version == old.version && new == old {
        println!("✓ template {version}: up to date");
        return Ok(ExitCode::SUCCESS);
    }

    let repository = Repository::open(root)?;
    let base = match &options.base {
        Some(directory) => directory.clone(),
        None => template.version(&old.version, &scratch.path().join("old")).with_context(|| {
            format!(
                "the template that this repository was made from, version {}, cannot be had from \
                 {source}, so there is nothing to compare the new one with. Name a directory that \
                 has it with --base, or a source that has its tag with --template",
                old.version
            )
        })?,
    };
    let target = template.version(&version, &scratch.path().join("new"))?;
    println!(
        "  rendering versions {} and {version} of the template",
        old.version
    );
    let before = render::render(root, &base, &old, &scratch.path().join("before"), false)?;
    let after = render::render(root, &target, &new, &scratch.path().join("after"), true)?;

    let merged = repository.merge(&before, &after)?;
    for path in &merged.kept_deleted {
        println!("- {path} stays deleted, though the template changed it");
    }
    if !merged.conflicts.is_empty() {
        let conflicts = merged.conflicts.join("\n  ");
        bail!(
            "you and the template changed the same lines. Edit these files, `git add` them, and \
             commit (or take all back: git reset --hard):\n  {conflicts}"
        );
    }
    merge::refresh_lock(root)?;
    println!(
        "✓ template {version}: its changes are staged. Review them (git diff --staged), then: \
         just setup, just test, git commit. To take all back: git reset --hard"
    );
    Ok(ExitCode::SUCCESS)
}
