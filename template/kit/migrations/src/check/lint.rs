//! Are the new migrations dangerous for a database in use?

use std::process::Command;

use anyhow::Result;
use atlas::MigrationFile;
use process::text;

use super::list;
use crate::{dev_databases::DevDatabases, project::Project, report::Outcome};

/// Runs `atlas migrate lint` if the installed edition has it.
pub(super) async fn atlas(
    project: &Project,
    databases: &mut DevDatabases,
    new: &[&MigrationFile],
) -> Result<Outcome> {
    if new.is_empty() {
        return Ok(Outcome::Passed(format!("{} has all migrations", project.base_branch)));
    }
    if !databases.atlas.supports_lint() {
        return Ok(Outcome::Skipped(format!(
            "this Atlas ({:?} {}) keeps `migrate lint` for paying accounts; \
             use the community edition, or install squawk (https://squawkhq.com)",
            databases.atlas.edition(),
            databases.atlas.version()
        )));
    }
    let dev = databases.create("lint").await?;
    let lint = databases.atlas.lint(&project.migrations, &dev, new.len())?;
    let findings = lint.to_string();
    Ok(match (lint.passed, findings.trim()) {
        (true, "") => Outcome::Passed(list(new)),
        (true, findings) => {
            Outcome::Passed(format!("{} passed with warnings:\n{findings}", list(new)))
        }
        (false, findings) => Outcome::Failed(findings.to_owned()),
    })
}

/// Runs squawk, which knows more about locks. Returns `None` if it is not installed.
pub(super) fn squawk(project: &Project, new: &[&MigrationFile]) -> Result<Option<Outcome>> {
    let mut findings = String::new();
    for transactional in [true, false] {
        let files: Vec<_> = new
            .iter()
            .filter(|file| file.is_transactional() == transactional)
            .map(|file| format!("migrations/{}", file.name))
            .collect();
        // Without files it reads standard input.
        if files.is_empty() {
            continue;
        }
        let mut command = Command::new("squawk");
        command.current_dir(&project.root).args(["--reporter", "gcc"]);
        if transactional {
            command.arg("--assume-in-transaction");
        }
        let Some(output) = process::optional(command.args(files))? else {
            return Ok(None);
        };
        if !output.status.success() {
            findings += &text(&output.stdout);
            findings += &text(&output.stderr);
        }
    }
    Ok(Some(if findings.is_empty() {
        Outcome::Passed(list(new))
    } else {
        Outcome::Failed(format!("{}\n.squawk.toml selects the rules", findings.trim()))
    }))
}
