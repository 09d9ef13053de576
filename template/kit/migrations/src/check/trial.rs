//! Are the new migrations dangerous for a database in use? `kit/gate` tells.

use std::fs;

use anyhow::{Context as _, Result};
use atlas::MigrationFile;
use gate::{Finding, Mode, Options};
use postgres::Server;

use crate::{
    project::Project,
    report::{Outcome, Report, count},
};

/// Why a check that needs all migrations does not run.
pub(super) const NOT_ALL: &str = "not all migrations were applied";

/// What the project sets for the trial.
///
/// # Errors
/// When a file of it cannot be read.
pub(crate) fn options(project: &Project) -> Result<Options> {
    let read = |file: &str| {
        let path = project.root.join(file);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    };
    let squawk = read(".squawk.toml")?.unwrap_or_default();
    let squawk = toml::from_str(&squawk).context(".squawk.toml is not as squawk has it")?;
    Ok(Options { rows: read("crates/entity/sql/rows.sql")?, squawk })
}

/// Reads the directory and the new files, without a server.
///
/// # Errors
/// When the directory cannot be read.
pub(super) fn files(project: &Project, new: &[MigrationFile]) -> Result<Vec<Finding>> {
    let mut found = gate::files::unread(project.migrations.path())?;
    found.extend(new.iter().flat_map(gate::files::check));
    Ok(found)
}

/// Tries the new migrations, and reports the three checks that see something then.
///
/// # Errors
/// When a migration of the base does not apply, or the server does not answer.
pub(super) async fn run(
    project: &Project,
    server: &Server,
    base: &[MigrationFile],
    new: &[MigrationFile],
    report: &mut Report,
) -> Result<gate::Report> {
    let found = gate::run(server, base, new, &options(project)?).await?;
    let of = |check: &str| -> Vec<Finding> {
        found.findings.iter().filter(|finding| finding.check == check).cloned().collect()
    };
    let filled = found.rows.iter().filter(|table| table.why_empty.is_none()).count();
    let mut replayed = format!(
        "{} after {}, with rows in {} of {}",
        count(found.applied, "new migration"),
        base.len(),
        filled,
        count(found.rows.len(), "table")
    );
    for table in found.rows.iter().filter(|table| table.why_empty.is_some()) {
        let why = table.why_empty.as_deref().unwrap_or_default().replace('\n', " ");
        replayed += &format!("\nno rows in {}: {why}", table.table);
    }
    let replay = of("replay");
    let is_whole = found.applied == new.len();
    // A file that cannot be run was told by another check.
    if !is_whole && replay.is_empty() {
        replayed = format!("{replayed}; the next file cannot be run");
    }
    report.findings("replay", replayed, &replay);
    for (check, passed) in [("locks", locks(&found)), ("rules", String::new())] {
        let found = of(check);
        match is_whole || !found.is_empty() {
            true => report.findings(check, passed, &found),
            false => report.line(check, Ok(Outcome::Skipped(NOT_ALL.into()))),
        }
    }
    Ok(found)
}

/// Names the locks that keep others from reading or writing.
fn locks(found: &gate::Report) -> String {
    let blocking = found.locks.iter().filter(|lock| lock.mode >= Mode::SHARE);
    let lines: Vec<String> = blocking
        .map(|lock| {
            let held = count(lock.statements, "statement");
            format!(
                "{} on {} for {held} ({}:{})",
                lock.mode.name(),
                lock.table,
                lock.file,
                lock.line
            )
        })
        .collect();
    match lines.len() {
        0 => "none that blocks reads or writes of an existing table".into(),
        _ => lines.join("\n"),
    }
}
