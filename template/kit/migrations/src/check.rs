//! `check-migrations`: are the migrations safe to merge?

mod files;
mod hash_copies;
mod squawk;

use std::process::ExitCode;

use anyhow::{Result, ensure};
use atlas::MigrationFile;
use postgres::Server;

use crate::{
    compare::{Scratch, difference},
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
    let ddl = schema::print(project);
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

    if let Some(squawk) = squawk::check(project, &files::new_files(base, &files)).transpose() {
        report.line("squawk", squawk);
    }
    let server = match postgres::server_in(&project.root).await {
        Ok(server) => server,
        Err(error) => return report.line("database", Err(error)),
    };
    match Scratch::migrated(&server, &files).await {
        Ok(migrated) => {
            let applied = count(files.len(), "migration");
            report
                .line("replay", Ok(Outcome::Passed(format!("{applied}, from an empty database"))));
            report.line("drift", drift(project, &server, migrated, ddl).await);
        }
        Err(error) => {
            report.line("replay", Err(error));
            let reason = "without the migrations there is nothing to compare with";
            report.line("drift", Ok(Outcome::Skipped(reason.into())));
        }
    }
}

fn intact_files(project: &Project) -> Result<Vec<MigrationFile>> {
    project.migrations.verify()?;
    let files = project.migrations.files()?;
    ensure!(!files.is_empty(), "there are no migrations yet: just create-migrations");
    Ok(files)
}

/// Do the migrations create the described schema?
async fn drift(
    project: &Project,
    server: &Server,
    mut migrated: Scratch,
    ddl: Result<String>,
) -> Result<Outcome> {
    let mut described = Scratch::described(project, server, &ddl?).await?;
    let difference = difference(project, &migrated.snapshot().await?, &described.snapshot().await?);
    let source = &project.source;
    Ok(if difference.is_empty() {
        Outcome::Passed(format!("the migrations create the schema of {source}"))
    } else {
        Outcome::Failed(format!(
            "the migrations create another schema than {source} (+ missing, - only in the \
             migrations, ~ different):\n{difference}\n\
             to plan what is missing: just create-migrations; to keep what only migrations make: \
             describe it in SQL, or list it in unmanaged of [workspace.metadata.migrations]"
        ))
    })
}

/// Joins the names for a message.
fn list(files: &[&MigrationFile]) -> String {
    files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>().join(", ")
}
