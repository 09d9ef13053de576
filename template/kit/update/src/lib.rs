//! `update-template`: merges a newer version of the template into a repository that was
//! rendered from an older one.
//!
//! Both versions are rendered with the recorded answers. The difference between the two is
//! applied to the repository as git applies a commit to another branch, so that edits of the
//! user stay, and overlapping edits become ordinary conflicts.

mod answers;
mod lock;
mod merge;
mod render;
mod source;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{answers::Answers, merge::Repository, source::Source};

/// Exit code of `--check` when an update is due, as of `dnf check-update`.
const UPDATE_DUE: u8 = 100;

const UNDO: &str = "To take all back: git reset --hard";

/// What to update to, and from.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Git URL, `gh:owner/name`, or directory of the template instead of the recorded one.
    pub template: Option<String>,
    /// Version instead of the newest.
    pub to: Option<String>,
    /// Directory with the template in the recorded version, where its tag is missing.
    pub base: Option<PathBuf>,
    /// Answers to change, and answers to new questions.
    pub define: Vec<(String, String)>,
    /// Only report whether an update is due.
    pub check: bool,
}

/// Updates the repository in `root`. The changes are staged and not committed.
///
/// # Errors
/// When the repository has uncommitted changes, or a version of the template is missing or
/// cannot be rendered: nothing has changed then. Also after a merge with conflicts.
pub fn run(root: &Path, options: &Options) -> Result<ExitCode> {
    let old = Answers::read(root)?;
    let source = options.template.as_ref().unwrap_or(&old.source);
    let scratch = tempfile::tempdir().context("cannot create a temporary directory")?;
    let place = |name: &str| scratch.path().join(name);
    let template = Source::fetch(root, source, &place("template"))?;
    let version = match &options.to {
        Some(version) => version.trim_start_matches('v').to_owned(),
        None => Some(template.newest()?)
            .filter(|newest| source::is_newer(newest, &old.version))
            .unwrap_or_else(|| old.version.clone()),
    };
    let new = old.with(&options.define, source);
    if version == old.version && (options.check || new == old) {
        println!("✓ template {version}: up to date");
        return Ok(ExitCode::SUCCESS);
    }
    if options.check {
        let recorded = &old.version;
        println!("template {version} is available, this is {recorded}: just update-template");
        return Ok(ExitCode::from(UPDATE_DUE));
    }

    let repository = Repository::open(root)?;
    let base = match &options.base {
        Some(directory) => root.join(directory),
        None => template.version(&old.version, &place("old")).with_context(|| {
            format!(
                "cannot get version {} of the template from {source}, which this repository was \
                 made from and the new one is compared with. Name a directory with that version \
                 with --base, or another source with --template",
                old.version
            )
        })?,
    };
    let target = template.version(&version, &place("new"))?;
    println!("  rendering versions {} and {version}", old.version);
    let before = render::render(root, &base, &old, &place("before"))
        .with_context(|| format!("cannot render version {}", old.version))?;
    let after = render::render_and_ask(root, &target, &new, &place("after"))
        .with_context(|| format!("cannot render version {version}"))?;
    let asked = Answers::read(&after)?.values;
    for (key, _) in &options.define {
        ensure!(
            asked.contains_key(key),
            "the template does not ask for {key} with these answers, but for: {}",
            asked.keys().cloned().collect::<Vec<_>>().join(", ")
        );
    }

    let merged = repository.merge(&before, &after, &format!("Update to template {version}"))?;
    for path in &merged.kept_deleted {
        println!("- {path} stays deleted, though the template changed it");
    }
    if !merged.conflicts.is_empty() {
        bail!(
            "template {version} is staged, but your changes and the template's overlap in the \
             files below. Edit them and `git add` them, then: just setup, just test, git commit \
             --all. {UNDO}\n  {}",
            merged.conflicts.join("\n  ")
        );
    }
    merged.lock.with_context(|| {
        format!(
            "template {version} is staged, but cargo cannot bring Cargo.lock in step with it. \
             Correct the cause below, then: cargo update --workspace, git add --all. {UNDO}"
        )
    })?;
    println!(
        "✓ template {version} is staged. Review it (git diff --staged), then: just setup, just \
         test, git commit. {UNDO}"
    );
    Ok(ExitCode::SUCCESS)
}
