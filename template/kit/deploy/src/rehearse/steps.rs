//! The steps of a rehearsal.

use anyhow::{Context, Result, bail};
use migrations::Base;

use super::{
    logs::SAM,
    outcome::{Call, Database, Expected},
    output,
    rehearsal::{Action, Rehearsal},
};

/// The output of the template that names the example's function.
const EXAMPLE: &str = "CountUsersFunction";

/// Creates what the other migrations of the rehearsal change. Two notes are equal.
const NEW: &str = "\
CREATE SCHEMA \"deployment_rehearsal\";
CREATE TABLE \"deployment_rehearsal\".\"notes\" (\"id\" bigint NOT NULL, \"text\" text NOT NULL, PRIMARY KEY (\"id\"));
INSERT INTO \"deployment_rehearsal\".\"notes\" (\"id\", \"text\") VALUES (1, 'alike'), (2, 'alike');
";

/// Fails because the notes have no author yet.
const FAILING: &str = "\
CREATE TABLE \"deployment_rehearsal\".\"authors\" (\"id\" bigint NOT NULL, PRIMARY KEY (\"id\"));
ALTER TABLE \"deployment_rehearsal\".\"notes\" ADD COLUMN \"author_id\" bigint NOT NULL;
";
const REPAIRED: &str = "\
CREATE TABLE \"deployment_rehearsal\".\"authors\" (\"id\" bigint NOT NULL, PRIMARY KEY (\"id\"));
ALTER TABLE \"deployment_rehearsal\".\"notes\" ADD COLUMN \"author_id\" bigint NULL;
";

/// Cannot run in a transaction. The first statement remains applied when the second finds
/// equal notes and leaves an invalid index.
const HALF_APPLIED: &str = "\
-- atlas:txmode none

CREATE INDEX CONCURRENTLY \"notes_author_id\" ON \"deployment_rehearsal\".\"notes\" (\"author_id\");
CREATE UNIQUE INDEX CONCURRENTLY \"notes_text\" ON \"deployment_rehearsal\".\"notes\" (\"text\");
";
const CONTINUED: &str = "\
-- atlas:txmode none

CREATE INDEX CONCURRENTLY \"notes_author_id\" ON \"deployment_rehearsal\".\"notes\" (\"author_id\");
DROP INDEX CONCURRENTLY \"deployment_rehearsal\".\"notes_text\";
CREATE INDEX CONCURRENTLY \"notes_text\" ON \"deployment_rehearsal\".\"notes\" (\"text\");
";

/// Plays the steps, up to the first with another outcome than expected: the migrations of the
/// base branch, `rows`, those of this branch, the rollback; with `all`, what can fail.
///
/// # Errors
/// After such a step, once it is printed.
pub(super) async fn play(
    rehearsal: &mut Rehearsal,
    base: Option<&Base>,
    rows: Option<&str>,
    all: bool,
) -> Result<()> {
    println!("{}", output::head());
    let mut steps = Steps { rehearsal, number: 0 };
    steps.this_branch(base, rows).await?;
    if all {
        steps.add_migration().await?;
        steps.fail_and_repair().await?;
        steps.fail_half_way_and_continue().await?;
    }
    let expected = Expected { stack: None, ..Expected::unchanged() };
    let name = "delete: the database stays";
    steps.play(name, Action::Delete, expected).await
}

struct Steps<'a> {
    rehearsal: &'a mut Rehearsal,
    number: usize,
}

impl Steps<'_> {
    /// Without migrations of its own, or without a base, all are applied at once.
    async fn this_branch(&mut self, base: Option<&Base>, rows: Option<&str>) -> Result<()> {
        let branch = self.rehearsal.copy.files()?;
        let mut shared = branch.clone();
        shared.retain(|file| base.is_none_or(|base| base.files.contains(&file.name)));
        let new = branch.len() - shared.len();
        if new == 0 || shared.is_empty() {
            return self.create("create: all migrations are applied", rows).await;
        }
        self.rehearsal.copy.set(&shared)?;
        self.create("create: the base branch's migrations", rows).await?;
        self.rehearsal.copy.set(&branch)?;
        let (_, version) = self.rehearsal.copy.last_migration()?;
        let expected = Expected::applied(version, new);
        self.deploy("update: this branch's migrations", expected).await?;
        self.rehearsal.copy.set(&shared)?;
        let ahead = Call::new("Update", "SUCCESS", 0, "ahead of this package");
        let expected = Expected { calls: vec![ahead], ..Expected::unchanged() };
        self.deploy("back to the base: the database stays ahead", expected).await?;
        self.rehearsal.copy.set(&branch)?;
        let nothing = Call::new("Update", "SUCCESS", 0, "Nothing to apply");
        let expected = Expected { calls: vec![nothing], ..Expected::unchanged() };
        self.deploy("this branch again: nothing to apply", expected).await
    }

    async fn create(&mut self, name: &str, rows: Option<&str>) -> Result<()> {
        let (count, version) = self.rehearsal.copy.last_migration()?;
        let expected = Expected {
            stack: Some("CREATE_COMPLETE"),
            calls: vec![Call::new("Create", "SUCCESS", u64::try_from(count)?, "")],
            ..Expected::applied(version, count)
        };
        self.deploy(name, expected).await?;
        if let Some(rows) = rows {
            self.rehearsal.database.execute(rows).await.context("REHEARSAL_ROWS")?;
        }
        let answer = self.rehearsal.invoke(EXAMPLE).await;
        if let Some(answer) = answer.context("the example does not work with the database")? {
            println!("{}", output::indented(&format!("{EXAMPLE} answers {answer}")));
        }
        let expected = Expected { stack: Some("CREATE_COMPLETE"), ..Expected::unchanged() };
        self.deploy("no change: nothing runs", expected).await
    }

    async fn add_migration(&mut self) -> Result<()> {
        let (_, version) = self.rehearsal.copy.add("rehearsal_new", NEW)?;
        let expected = Expected::applied(version, 1);
        self.deploy("a new migration is applied", expected).await?;
        self.rehearsal.set("ForceUpdate", "rehearsal");
        let expected = Expected {
            calls: vec![Call::new("Update", "SUCCESS", 0, "Nothing to apply")],
            ..Expected::unchanged()
        };
        let name = "ForceUpdate: runs, applies nothing";
        self.deploy(name, expected).await
    }

    async fn fail_and_repair(&mut self) -> Result<()> {
        let (file, version) = self.rehearsal.copy.add("rehearsal_failing", FAILING)?;
        let name = "a migration fails: rolled back";
        let expected = Expected::rolled_back(&file, "");
        self.deploy(name, expected).await?;
        self.rehearsal.copy.replace(&file, REPAIRED)?;
        let name = "the same, repaired, is applied";
        self.deploy(name, Expected::applied(version, 1)).await
    }

    async fn fail_half_way_and_continue(&mut self) -> Result<()> {
        let copy = &self.rehearsal.copy;
        let (file, version) = copy.add("rehearsal_half_applied", HALF_APPLIED)?;
        let ahead = "The database is ahead of this package";
        let expected = Expected {
            database: Database::PartlyAt(version.clone()),
            ..Expected::rolled_back("partially applied", ahead)
        };
        let name = "one without a transaction fails half-way";
        self.deploy(name, expected).await?;
        self.rehearsal.copy.replace(&file, CONTINUED)?;
        let name = "the same, repaired, continues";
        self.deploy(name, Expected::applied(version, 1)).await
    }

    async fn deploy(&mut self, name: &str, expected: Expected) -> Result<()> {
        self.play(name, Action::Deploy, expected).await
    }

    async fn play(&mut self, name: &str, action: Action, expected: Expected) -> Result<()> {
        self.number += 1;
        let number = self.number;
        let title = format!("== step {number}: {name}");
        self.rehearsal.logs.add(SAM, &title)?;
        let played = self.rehearsal.play(action).await;
        let (observed, took) =
            played.with_context(|| format!("step {number} ({name}) could not be played"))?;
        let problems = observed.problems(&expected);
        let row = output::row(number, name, problems.is_empty(), took, &observed);
        println!("{row}");
        if !problems.is_empty() {
            let sam = &self.rehearsal.sam_output;
            println!("{}", output::explanation(&problems, &observed, sam));
            bail!("step {number} ({name}) had another outcome than expected");
        }
        if let Some(reason) = observed.reason() {
            let remark = format!("CloudFormation says: {reason}");
            println!("{}", output::indented(&remark));
        }
        Ok(())
    }
}
