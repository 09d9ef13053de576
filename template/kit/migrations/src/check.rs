//! `check-migrations`: are the migrations safe to merge?

mod files;
mod hash_copies;
pub(crate) mod trial;

use std::{env, fs, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result};
use atlas::MigrationFile;
use catalog::Snapshot;
use gate::output;
use postgres::{Server, settings::setting};
use replay::ReplayError;
use serde_json::json;

use crate::{
    compare::{Scratch, difference},
    fingerprint::Fingerprint,
    git::Base,
    project::Project,
    report::{Outcome, Report, count},
    schema,
};

/// What to print, and where.
#[derive(Debug, Default)]
pub struct Options {
    /// Check even if nothing changed since the last pass.
    pub force: bool,
    /// Print JSON instead of lines.
    pub json: bool,
    /// Write what was found as Markdown.
    pub summary: Option<PathBuf>,
}

/// Bytes of a summary after which it shows no more SQL: a comment on GitHub holds 65,536
/// characters.
const SUMMARY: usize = 50_000;

/// Checks, and prints what it finds.
///
/// # Errors
/// Those of [`run_with`].
pub async fn run(project: &Project, force: bool) -> Result<ExitCode> {
    run_with(project, &Options { force, ..Options::default() }).await
}

/// Checks, and returns 0 if the migrations are safe to merge, 1 if they are not, and 2 if that
/// cannot be said.
///
/// # Errors
/// When the summary cannot be written.
pub async fn run_with(project: &Project, options: &Options) -> Result<ExitCode> {
    let base = Base::find(&project.root, &project.base_branch);
    let mut passing = None;
    if let Ok(base) = &base {
        let fingerprint = Fingerprint::take(project, base.as_ref(), major(project).await?)?;
        // A file or a reader of JSON wants all of it.
        let may_skip = !options.force && !options.json && options.summary.is_none();
        if may_skip && let Some(skipped) = fingerprint.passed_before() {
            println!("✓ nothing changed since the last pass (--force checks all the same)");
            print!("{skipped}");
            return Ok(ExitCode::SUCCESS);
        }
        passing = Some(fingerprint);
    }

    // First, because cargo shows its progress, and not between two checks.
    let ddl = schema::print(project);
    let mut report = Report::new(!options.json);
    let checked = checks(project, base, ddl, &mut report).await;
    let code = report.exit_code();
    if options.json {
        let mut all = json!({ "exit_code": code, "checks": report.lines() });
        if let (Some(all), serde_json::Value::Object(found)) = (all.as_object_mut(), checked.json())
        {
            all.extend(found);
        }
        println!("{all:#}");
    } else if env::var_os("GITHUB_ACTIONS").is_some() {
        let places = checked.findings().map(output::github);
        places.chain(report.github()).for_each(|command| println!("{command}"));
    }
    if let Some(summary) = &options.summary {
        let text = format!("## check-migrations\n\n{}\n{}", report.markdown(), checked.markdown());
        fs::write(summary, text).with_context(|| format!("cannot write {}", summary.display()))?;
    }
    match (report.failed(), passing) {
        (0, Some(fingerprint)) => fingerprint.store_pass(&report.skipped())?,
        (failed, _) => eprintln!("error: {failed} of the checks failed"),
    }
    Ok(ExitCode::from(code))
}

/// Version of the server that `TEST_DATABASE_URL` names.
async fn major(project: &Project) -> Result<Option<u32>> {
    Ok(match setting(&project.root, "TEST_DATABASE_URL")? {
        Some(_) => postgres::server_in(&project.root).await.ok().map(|server| server.major()),
        None => None,
    })
}

/// What the checks found, beside their lines.
#[derive(Default)]
struct Checked {
    files: Vec<gate::Finding>,
    /// `None` if nothing was tried.
    trial: Option<gate::Report>,
    new: Vec<MigrationFile>,
}

impl Checked {
    fn locks(&self) -> &[gate::Lock] {
        self.trial.as_ref().map_or(&[], |trial| &trial.locks)
    }

    fn rows(&self) -> &[gate::Filled] {
        self.trial.as_ref().map_or(&[], |trial| &trial.rows)
    }

    fn findings(&self) -> impl Iterator<Item = &gate::Finding> {
        let tried = self.trial.iter().flat_map(|trial| &trial.findings);
        self.files.iter().chain(tried.filter(|finding| finding.check != "files"))
    }

    fn json(&self) -> serde_json::Value {
        let findings: Vec<_> = self.findings().collect();
        json!({ "findings": findings, "locks": self.locks(), "tables": self.rows() })
    }

    fn markdown(&self) -> String {
        let findings: Vec<_> = self.findings().cloned().collect();
        let mut text = output::markdown(&findings, self.locks(), self.rows());
        for file in &self.new {
            let (name, sql) = (&file.name, file.text());
            let sql = match text.len() + sql.len() < SUMMARY {
                true => format!("````sql\n{}\n````", sql.trim_end()),
                false => format!("{} lines: see the file", sql.lines().count()),
            };
            text += &format!("\n<details><summary>{name}</summary>\n\n{sql}\n\n</details>\n");
        }
        text
    }
}

/// Runs the checks, and applies only migrations that `atlas.sum` vouches for.
async fn checks(
    project: &Project,
    base: Result<Option<Base>>,
    ddl: Result<String>,
    report: &mut Report,
) -> Checked {
    let mut checked = Checked::default();
    if let Some(copies) = hash_copies::check(project).transpose() {
        report.line("hash copy", copies);
    }
    let all = match files::intact(project, base.as_ref().ok().and_then(Option::as_ref)) {
        Ok(all) => all,
        Err(failed) => {
            report.line("integrity", failed);
            return checked;
        }
    };
    let agrees = format!("atlas.sum agrees with {}", count(all.len(), "file"));
    report.line("integrity", Ok(Outcome::Passed(agrees)));
    let base = match base {
        Ok(base) => base,
        Err(error) => {
            report.line("history", Err(error));
            return checked;
        }
    };
    let base = base.as_ref();
    report.line("history", files::history(project, base));
    report.line("names", Ok(files::names(project, base, &all)));
    let (merged, new) = files::split(base, &all);
    match trial::files(project, &new) {
        Ok(found) => {
            report.findings("files", count(new.len(), "new file"), &found);
            checked.files = found;
        }
        Err(error) => report.line("files", Err(error)),
    }
    let opened = async {
        let server = postgres::server_in(&project.root).await?;
        replay::prepare_roles(&server).await?;
        let scratch = Scratch::empty(&server).await?;
        anyhow::Ok((server, scratch))
    };
    let (server, mut scratch) = match opened.await {
        Ok(opened) => opened,
        Err(error) => {
            report.line("database", Err(error));
            return checked;
        }
    };
    // Meanwhile, because another process of the server does it. Its database is dropped later:
    // that would keep this thread from answering the server.
    let described = async {
        scratch.load(project, &ddl?).await?;
        scratch.snapshot().await
    };
    let tried = trial::run(project, &server, &merged, &new, report);
    let (tried, described) = tokio::join!(tried, described);
    match tried {
        Ok(trial) => {
            let drifted = match trial.applied == new.len() {
                true => drift(project, &server, &trial, described).await,
                false => Ok(Outcome::Skipped(trial::NOT_ALL.into())),
            };
            report.line("drift", drifted);
            checked.trial = Some(trial);
        }
        Err(error) => {
            report.line("replay", broken(project, error));
            report.line("drift", Ok(Outcome::Skipped(trial::NOT_ALL.into())));
        }
    }
    checked.new = new;
    checked
}

/// A migration that was merged and does not apply, or another error.
fn broken(project: &Project, error: anyhow::Error) -> Result<Outcome> {
    let failed = error.downcast::<ReplayError>()?;
    Ok(Outcome::Failed(format!(
        "{failed}\n{} has this file, so a change of this branch to it, or of PostgreSQL's version, \
         is the cause; before it, {} apply",
        project.base_branch,
        count(failed.applied, "migration")
    )))
}

/// Do the migrations create the described schema?
async fn drift(
    project: &Project,
    server: &Server,
    trial: &gate::Report,
    described: Result<Snapshot>,
) -> Result<Outcome> {
    let mut connection = server.connect_once(trial.database.name()).await?;
    let migrated = replay::snapshot(&mut connection).await?;
    let difference = difference(project, &migrated, &described?);
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
