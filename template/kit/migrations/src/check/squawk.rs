//! Are the new migrations dangerous for a database in use?

use std::process::Command;

use anyhow::Result;
use atlas::MigrationFile;
use process::text;

use super::list;
use crate::{project::Project, report::Outcome};

/// Runs squawk. Returns `None` if it is not installed.
pub(super) fn check(project: &Project, new: &[&MigrationFile]) -> Result<Option<Outcome>> {
    if new.is_empty() {
        return Ok(Some(Outcome::Passed(format!("{} has all migrations", project.base_branch))));
    }
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
