//! Are the new migrations dangerous for a database in use?

use std::process::Command;

use anyhow::Result;
use atlas::MigrationFile;

use super::list;
use crate::{
    database::Scratch,
    process::{self, text},
    project::Project,
    report::Outcome,
};

/// `atlas migrate lint`, where the installed edition has it.
pub(super) async fn atlas(
    project: &Project,
    scratch: &mut Scratch,
    new: &[&MigrationFile],
) -> Result<Outcome> {
    if new.is_empty() {
        return Ok(Outcome::Passed(format!(
            "{} has all migrations",
            project.base_branch
        )));
    }
    if !scratch.atlas.supports_lint() {
        return Ok(Outcome::Skipped(format!(
            "this Atlas ({:?} {}) keeps `migrate lint` for paying accounts; \
             use the community edition, or install squawk (https://squawkhq.com)",
            scratch.atlas.edition(),
            scratch.atlas.version()
        )));
    }
    let dev = scratch.new_database("lint").await?;
    let lint = scratch.atlas.lint(&project.migrations, &dev, new.len())?;
    let findings = lint.to_string();
    Ok(match (lint.passed, findings.trim()) {
        (true, "") => Outcome::Passed(list(new)),
        (true, findings) => {
            Outcome::Passed(format!("{} passed with remarks:\n{findings}", list(new)))
        }
        (false, findings) => Outcome::Failed(findings.to_owned()),
    })
}

/// Squawk, which knows more of locks. `None` where it is not installed.
pub(super) fn squawk(project: &Project, new: &[&MigrationFile]) -> Result<Option<Outcome>> {
    // Without files it would read the standard input.
    if new.is_empty() {
        return Ok(None);
    }
    let files = new.iter().map(|file| format!("migrations/{}", file.name));
    let Some(output) = process::optional(
        Command::new("squawk")
            .current_dir(&project.root)
            .args(files),
    )?
    else {
        return Ok(None);
    };
    let findings = text(&output.stdout) + &text(&output.stderr);
    Ok(Some(if output.status.success() {
        Outcome::Passed(list(new))
    } else {
        Outcome::Failed(format!(
            "{}\nwhich rules count is said in .squawk.toml",
            findings.trim()
        ))
    }))
}
