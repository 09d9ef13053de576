//! `update-template`: merges a newer version of the template into a repository that was
//! rendered from an older one.
//!
//! Both versions are rendered with the recorded answers. The difference between the two is
//! applied to the repository as git applies a commit to another branch, so that edits of the
//! user stay, and overlapping edits become ordinary conflicts.

mod answers;
mod git;
mod lock;
mod merge;
mod render;
mod source;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;

use crate::{answers::Answers, merge::Repository, source::Source};

/// Exit code of `--check`, the same as that of `dnf check-update`.
const UPDATE_DUE: u8 = 100;

const UNDO: &str = "To undo it all: git reset --hard";

/// What to update to, and from.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Git URL, gh:OWNER/NAME or directory of the template [default: the recorded one]
    #[arg(long)]
    template: Option<String>,
    /// Version to update to [default: the newest]
    #[arg(long, value_name = "VERSION")]
    to: Option<String>,
    /// Directory with the template in the recorded version, where its tag is missing
    #[arg(long, value_name = "PATH")]
    base: Option<PathBuf>,
    /// Change an answer, or answer a new question
    #[arg(short, long, value_name = "KEY=VALUE", value_parser = key_value)]
    define: Vec<(String, String)>,
    /// Only report whether an update is due; the exit code is 100 if it is
    #[arg(long)]
    check: bool,
}

fn key_value(text: &str) -> Result<(String, String)> {
    let (key, value) = text.split_once('=').context("expected KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Updates the repository in `root`. The changes are staged and not committed.
///
/// # Errors
/// When the repository has uncommitted changes, or a version of the template is missing or
/// cannot be rendered: nothing has changed then. Also after a merge with conflicts.
pub fn run(root: &Path, options: &Options) -> Result<ExitCode> {
    let old = Answers::read(root)?;
    let recorded = &old.template.version;
    let source = options.template.as_ref().unwrap_or(&old.template.source);
    let scratch = tempfile::tempdir().context("cannot create a temporary directory")?;
    let place = |name: &str| scratch.path().join(name);
    let template = Source::find(root, source)?;
    let version = match &options.to {
        Some(version) => version.trim_start_matches('v').to_owned(),
        None => Some(template.newest(&place("new"))?)
            .filter(|newest| source::is_newer(newest, recorded))
            .unwrap_or_else(|| recorded.clone()),
    };
    let new = old.with(&options.define, source);
    if version == *recorded && (options.check || new == old) {
        println!("✓ template {version}: up to date");
        return Ok(ExitCode::SUCCESS);
    }
    if options.check {
        println!("template {version} is available, this is {recorded}: just update-template");
        return Ok(ExitCode::from(UPDATE_DUE));
    }

    let repository = Repository::open(root)?;
    let base = match &options.base {
        Some(directory) => root.join(directory),
        None => template.version(recorded, &place("old")).with_context(|| {
            format!(
                "cannot get version {recorded} of the template from {source}. The update is the \
                 difference from that version to the new one: name a directory that has it with \
                 --base, or another source with --template"
            )
        })?,
    };
    let target = template.version(&version, &place("new"))?;
    println!("  rendering versions {recorded} and {version}");
    let before = render::render(root, &base, &old, &place("before"))
        .with_context(|| format!("cannot render version {recorded}"))?;
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
    if let Some(error) = merged.lock_error {
        return Err(error.context(format!(
            "template {version} is staged, but cargo cannot update Cargo.lock. Correct the \
             cause below, then: cargo update --workspace, git add --all. {UNDO}"
        )));
    }
    println!(
        "✓ template {version} is staged. Review it (git diff --staged), then: just setup, just \
         test, git commit. {UNDO}"
    );
    Ok(ExitCode::SUCCESS)
}
