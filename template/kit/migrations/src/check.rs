//! `check-migrations`: is it safe to merge what is in migrations/?

mod files;
mod hash_copies;
mod lint;

use std::process::ExitCode;

use anyhow::{Result, ensure};
use atlas::MigrationFile;

use crate::{
    fingerprint::Fingerprint,
    git,
    project::Project,
    report::{Outcome, Report, count},
    schema,
    scratch::Scratch,
};

pub async fn run(project: &Project, force: bool) -> Result<ExitCode> {
    let base = git::base_files(&project.root, &project.base_branch)?;
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

/// Carries out all checks that make sense: what cannot be trusted is not applied.
async fn checks(project: &Project, base: Option<&git::BaseFiles>, report: &mut Report) {
    if let Some(copies) = hash_copies::check(project).transpose() {
        report.line("hash copy", copies);
    }
    let files = match intact_files(project) {
        Ok(files) => files,
        Err(error) => return report.line("integrity", Err(error)),
    };
    report.line(
        "integrity",
        Ok(Outcome::Passed(format!(
            "atlas.sum agrees with {}",
            count(files.len(), "file")
        ))),
    );
    report.line("history", files::history(project, base, &files));
    report.line("names", Ok(files::names(project, base, &files)));
    report.line("concurrent", Ok(files::concurrent(&files)));

    match Scratch::open(project).await {
        Ok(mut scratch) => {
            report.line("replay", replay(project, &mut scratch).await);
            report.line("drift", drift(project, &mut scratch).await);
            let new = files::new_files(base, &files);
            report.line("lint", lint::atlas(project, &mut scratch, &new).await);
            scratch.close().await;
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
    ensure!(
        !files.is_empty(),
        "there are no migrations yet: just create-migrations"
    );
    Ok(files)
}

/// Do all migrations apply to an empty database?
async fn replay(project: &Project, scratch: &mut Scratch) -> Result<Outcome> {
    let applied = scratch.replay(&project.migrations).await?;
    Ok(Outcome::Passed(format!(
        "applied to an empty database: {}",
        count(applied, "migration")
    )))
}

/// Do the migrations make what the entities describe?
async fn drift(project: &Project, scratch: &mut Scratch) -> Result<Outcome> {
    let schema = schema::print(project)?;
    let dev = scratch.new_database("drift").await?;
    Ok(
        match scratch
            .atlas
            .schema_diff(&project.migrations, &schema, &dev)?
        {
            None => {
                Outcome::Passed("the migrations make the schema that the entities describe".into())
            }
            Some(sql) => Outcome::Failed(format!(
                "entities and migrations differ; `just create-migrations` plans this:\n{}",
                sql.trim()
            )),
        },
    )
}

/// The names, for a message.
fn list(files: &[&MigrationFile]) -> String {
    files
        .iter()
        .map(|file| file.name.as_str())
        .collect::<Vec<_>>()
        .join(", ")
}
