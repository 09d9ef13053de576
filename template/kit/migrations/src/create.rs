//! `create-migrations`: plans the way from the schema of the migrations to the described one.

use std::{
    fs,
    io::{IsTerminal, stdin},
    process::ExitCode,
};

use anyhow::{Context, Result};
use atlas::MigrationFile;
use catalog::Snapshot;
use planner::{Plan, PlannedFile, Rename, Schema, Step};
use postgres::Server;
use replay::ReplayError;
use tokio::try_join;

use crate::{
    check::trial,
    compare::{Scratch, difference},
    hash_copy::HashCopy,
    install::{check_name, install, versions, warn_of_future},
    project::Project,
    renames::Renames,
    schema,
};

/// What the user says about a plan.
#[derive(Debug, Default)]
pub struct Options {
    /// What the migration does, in snake case.
    pub name: Option<String>,
    pub renames: Vec<Rename>,
    /// Whether nothing else is a rename.
    pub no_rename: bool,
    /// Whether to print nothing where all goes well.
    pub quiet: bool,
}

/// What a plan begins with and leads to.
struct Task<'a> {
    project: &'a Project,
    server: &'a Server,
    existing: Vec<MigrationFile>,
    name: &'a str,
    wanted: Snapshot,
    wanted_schema: Schema,
    options: planner::Options,
    quiet: bool,
}

/// A plan that was applied to a copy of the migrated schema.
struct Trial {
    files: Vec<MigrationFile>,
    /// The copy.
    result: Scratch,
    refused: Option<ReplayError>,
    /// Differences that remain, a line for each.
    left: String,
}

/// Plans migrations from the difference between the migrations and the described schema.
/// Writes all of them, or nothing if they would not make that schema.
pub async fn run(project: &Project, options: &Options) -> Result<ExitCode> {
    run_on(&postgres::server_in(&project.root).await?, project, options).await
}

/// Does the same on a server that is there.
pub(crate) async fn run_on(
    server: &Server,
    project: &Project,
    options: &Options,
) -> Result<ExitCode> {
    project.migrations.verify()?;
    let existing = project.migrations.files()?;
    let default = if existing.is_empty() { "initial" } else { "changes" };
    let name = options.name.as_deref().unwrap_or(default);
    check_name(project, name)?;
    // Fail before the work if the hash could not be written after it.
    HashCopy::find_all(&project.root)?;
    let ddl = schema::print(project)?;

    // Not at once: both may create a role, which all databases share.
    let mut migrated = Scratch::migrated(server, &existing).await?;
    let mut described = Scratch::described(project, server, &ddl).await?;
    let (wanted, before) = try_join!(described.snapshot(), migrated.snapshot())?;
    if difference(project, &before, &wanted).is_empty() {
        if !options.quiet {
            println!("Nothing to do: the migrations create the schema of {}.", project.source);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let (wanted_schema, before) = try_join!(described.schema(project), migrated.schema(project))?;
    let task = Task {
        project,
        existing,
        name,
        wanted,
        wanted_schema,
        options: planner::Options {
            online: project.online,
            lock_timeout: project.lock_timeout,
            server_major: u16::try_from(server.major())?,
        },
        server,
        quiet: options.quiet,
    };
    let mut answers = stdin().lock();
    let mut renames = Renames {
        given: &options.renames,
        no_others: options.no_rename,
        answers: if stdin().is_terminal() { Some(&mut answers) } else { None },
    };
    let (mut steps, before) =
        renames.apply(project, &mut migrated, before, &task.wanted_schema).await?;
    let mut plan = planner::plan(&before, &task.wanted_schema, &task.options);
    steps.append(&mut plan.steps);
    let mut trial = task.attempt(&steps).await?;
    if trial.refused.is_none() && !trial.left.is_empty() {
        // What PostgreSQL changes along with a step is seen only after it.
        let after = trial.result.schema(project).await?;
        let rest = planner::plan(&after, &task.wanted_schema, &task.options);
        if !rest.steps.is_empty() {
            steps.extend(rest.steps);
            trial = task.attempt(&steps).await?;
        }
    }
    task.finish(&steps, &plan, trial).await
}

impl Task<'_> {
    /// Applies the files of a plan after the migrations.
    async fn attempt(&self, steps: &[Step]) -> Result<Trial> {
        let planned = planner::files(steps, &self.options);
        let versions = versions(&self.existing, planned.len());
        let files: Vec<_> = versions
            .iter()
            .zip(planned)
            .map(|(version, PlannedFile { suffix, text })| MigrationFile {
                name: format!("{version}_{}{suffix}.sql", self.name),
                contents: text.into(),
            })
            .collect();
        let mut result = Scratch::migrated(self.server, &self.existing).await?;
        let refused = result.run(&files).await.err();
        let left = difference(self.project, &result.snapshot().await?, &self.wanted).to_string();
        Ok(Trial { files, result, refused, left })
    }

    /// Writes a plan that leads where it should, and keeps another one aside.
    async fn finish(&self, steps: &[Step], plan: &Plan, trial: Trial) -> Result<ExitCode> {
        let Trial { mut files, refused, left, .. } = trial;
        let losses: Vec<_> = steps.iter().filter_map(|step| step.loses.as_deref()).collect();
        let mut reasons_missing = false;
        let folder = if refused.is_none() && left.is_empty() {
            warn_of_future(&self.existing);
            if steps.iter().any(|step| step.loses.is_some() || step.blocks) {
                reasons_missing = self.leave_room_for_reasons(&mut files).await?;
            }
            install(self.project, &self.existing, &files)?;
            "migrations"
        } else {
            self.keep_aside(&files)?
        };
        if self.quiet && refused.is_none() && left.is_empty() {
            return Ok(ExitCode::SUCCESS);
        }
        for file in &files {
            println!("{folder}/{}\n\n{}\n", file.name, file.text().trim_end());
        }
        if !losses.is_empty() {
            println!("This loses data:\n  {}\n", losses.join("\n  "));
        }
        let problem = match refused {
            None if left.is_empty() => {
                println!(
                    "Review the SQL above, {}then: just check-migrations",
                    if reasons_missing {
                        "write a reason after each `-- allow:`, just hash-migrations, "
                    } else {
                        ""
                    }
                );
                return Ok(ExitCode::SUCCESS);
            }
            Some(error) => format!(
                "the plan does not apply: {folder}/{}, line {}: {}{}",
                error.file,
                error.line.unwrap_or(1),
                error.message,
                error.statement.map(|sql| format!("\n  statement: {sql}")).unwrap_or_default()
            ),
            None => {
                let reasons = plan.unplanned.iter().map(|(object, reason)| {
                    format!("\n  {} {}: {reason}", object.kind, object.name)
                });
                format!("no plan for all of the differences; what remains:\n{left}")
                    + &reasons.collect::<String>()
            }
        };
        let by_hand = match files.as_slice() {
            [] => "write it by hand: just new-migration NAME".to_owned(),
            _ => format!(
                "the plan is in {folder}: complete it, move it to migrations/, then: just \
                 hash-migrations"
            ),
        };
        eprintln!("error: {problem}\nmigrations/ is as it was; {by_hand}");
        Ok(ExitCode::FAILURE)
    }

    /// Puts a line above each statement that `check-migrations` refuses, which allows it once
    /// somebody writes the reason. Returns whether there is any.
    async fn leave_room_for_reasons(&self, files: &mut [MigrationFile]) -> Result<bool> {
        let options = trial::options(self.project)?;
        let found = gate::run(self.server, &self.existing, files, &options).await?;
        let mut any = false;
        // From the last on: a line more does not move what is above it.
        for finding in found.findings.iter().rev().filter(|finding| finding.is_error()) {
            let mut of_place =
                files.iter_mut().filter(|file| finding.place.file.ends_with(&file.name));
            if let (Some(file), Some(above)) = (of_place.next(), finding.place.line.checked_sub(1))
            {
                let text = file.text().into_owned();
                let mut lines: Vec<_> = text.split('\n').collect();
                let allow = format!("-- allow: {}", finding.rule);
                lines.insert(above, &allow);
                file.contents = lines.join("\n").into_bytes();
                any = true;
            }
        }
        Ok(any)
    }

    /// Writes a plan below target/, in place of the last one there. Returns the folder.
    fn keep_aside(&self, files: &[MigrationFile]) -> Result<&'static str> {
        const FOLDER: &str = "target/xtask/plan";
        let folder = self.project.scratch("plan")?;
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {FOLDER}"))?;
        for file in files {
            let path = self.project.scratch("plan")?.join(&file.name);
            fs::write(&path, &file.contents)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(FOLDER)
    }
}
