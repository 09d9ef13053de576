//! `check-migrations`: are the migrations safe to merge?

mod files;
mod hash_copies;
mod lint;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Result, ensure};
use atlas::MigrationFile;

use crate::{
    dev_databases::DevDatabases,
    fingerprint::Fingerprint,
    git::Base,
    project::Project,
    report::{Outcome, Report, count},
    schema,
};

pub async fn run(project: &Project, force: bool) -> Result<ExitCode> {
    let base = Base::find(&project.root, &project.base_branch)?;
    let fingerprint = Fingerprint::take(project, base.as_ref())?;
    if !force && let Some(skipped) = fingerprint.passed_before() {
        println!("✓ nothing changed since the last pass");
        print!("{skipped}");
        return Ok(ExitCode::SUCCESS);
    }

    let mut report = Report::default();
    checks(project, base.as_ref(), &mut report).await;
    if report.failed() > 0 {
        eprintln!("error: {} of the checks failed", report.failed());
        return Ok(ExitCode::FAILURE);
    }
    fingerprint.store_pass(report.skipped())?;
    Ok(ExitCode::SUCCESS)
}

/// Runs the checks, and applies only migrations that `atlas.sum` vouches for.
async fn checks(project: &Project, base: Option<&Base>, report: &mut Report) {
    // First, because cargo shows its progress, and not between two checks.
    let schema = schema::write(project);
    if let Some(copies) = hash_copies::check(project).transpose() {
        report.line("hash copy", copies);
    }
    let files = match intact_files(project) {
        Ok(files) => files,
        Err(error) => return report.line("integrity", Err(error)),
    };
    report.line(
        "integrity",
        Ok(Outcome::Passed(format!("atlas.sum agrees with {}", count(files.len(), "file")))),
    );
    report.line("history", files::history(project, base));
    report.line("names", Ok(files::names(project, base, &files)));
    report.line("concurrent", Ok(files::concurrent(&files)));

    match DevDatabases::open(project).await {
        Ok(mut databases) => {
            report.line("replay", replay(project, &mut databases).await);
            report.line("drift", drift(project, &mut databases, schema).await);
            let new = files::new_files(base, &files);
            report.line("lint", lint::atlas(project, &mut databases, &new).await);
            if let Some(squawk) = lint::squawk(project, &new).transpose() {
                report.line("squawk", squawk);
            }
        }
        Err(error) => report.line("database", Err(error)),
    }
}

fn intact_files(project: &Project) -> Result<Vec<MigrationFile>> {
    project.migrations.verify()?;
    let files = project.migrations.files()?;
    ensure!(!files.is_empty(), "there are no migrations yet: just create-migrations");
    Ok(files)
}

/// Do all migrations apply to an empty database?
async fn replay(project: &Project, databases: &mut DevDatabases) -> Result<Outcome> {
    let applied = databases.replay(&project.migrations).await?;
    Ok(Outcome::Passed(format!("applied to an empty database: {}", count(applied, "migration"))))
}

/// Do the migrations create the schema of the entities?
async fn drift(
    project: &Project,
    databases: &mut DevDatabases,
    schema: Result<PathBuf>,
) -> Result<Outcome> {
    let schema = schema?;
    let dev = databases.create("drift").await?;
    Ok(match databases.atlas.schema_diff(&project.migrations, &schema, &dev)? {
        None => Outcome::Passed("the migrations create the schema of the entities".into()),
        Some(sql) => Outcome::Failed(format!(
            "the migrations lack this SQL to create the schema of the entities:\n{}\n\
                 to plan it: just create-migrations (if a difference remains after that, write \
                 a migration by hand, then: just hash-migrations)",
            sql.trim()
        )),
    })
}

/// Joins the names for a message.
fn list(files: &[&MigrationFile]) -> String {
    files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>().join(", ")
}
