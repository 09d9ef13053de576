//! The steps of a rehearsal.

use anyhow::{Context, Result, bail};

use super::{
    expected::{After, Call, Expected},
    logs::{FUNCTIONS, SAM},
    stage::{Action, Stage},
    table,
};

/// The output of the template that names the function of the example service.
const EXAMPLE: &str = "CountUsersFunction";

/// Makes what the other migrations of the rehearsal change. Two notes are alike.
const NEW: &str = "\
CREATE SCHEMA \"deployment_rehearsal\";
CREATE TABLE \"deployment_rehearsal\".\"notes\" (\"id\" bigint NOT NULL, \"text\" text NOT NULL, PRIMARY KEY (\"id\"));
INSERT INTO \"deployment_rehearsal\".\"notes\" (\"id\", \"text\") VALUES (1, 'alike'), (2, 'alike');
";

/// Fails as it would with real rows: they have no author yet.
const FAILING: &str = "\
CREATE TABLE \"deployment_rehearsal\".\"authors\" (\"id\" bigint NOT NULL, PRIMARY KEY (\"id\"));
ALTER TABLE \"deployment_rehearsal\".\"notes\" ADD COLUMN \"author_id\" bigint NOT NULL;
";
const MENDED: &str = "\
CREATE TABLE \"deployment_rehearsal\".\"authors\" (\"id\" bigint NOT NULL, PRIMARY KEY (\"id\"));
ALTER TABLE \"deployment_rehearsal\".\"notes\" ADD COLUMN \"author_id\" bigint NULL;
";

/// Cannot run in a transaction. The first statement stays when the second finds notes
/// that are alike, and the second leaves an invalid index behind.
const BREAKING_OFF: &str = "\
-- atlas:txmode none

CREATE INDEX CONCURRENTLY \"notes_author_id\" ON \"deployment_rehearsal\".\"notes\" (\"author_id\");
CREATE UNIQUE INDEX CONCURRENTLY \"notes_text\" ON \"deployment_rehearsal\".\"notes\" (\"text\");
";
const CONTINUING: &str = "\
-- atlas:txmode none

CREATE INDEX CONCURRENTLY \"notes_author_id\" ON \"deployment_rehearsal\".\"notes\" (\"author_id\");
DROP INDEX CONCURRENTLY \"deployment_rehearsal\".\"notes_text\";
CREATE INDEX CONCURRENTLY \"notes_text\" ON \"deployment_rehearsal\".\"notes\" (\"text\");
";

/// Plays all steps, up to the first that does not come to what it should.
///
/// # Errors
/// When there is such a step, after telling of it.
pub(super) async fn walk(stage: &mut Stage) -> Result<()> {
    println!("{}", table::head());
    let mut steps = Steps { stage, number: 0 };
    steps.create().await?;
    steps.no_change().await?;
    steps.new_migration().await?;
    let failing = steps.failing_migration().await?;
    steps.mended_migration(failing).await?;
    steps.forced().await?;
    let broken_off = steps.broken_off().await?;
    steps.continued(broken_off).await?;
    steps.delete().await
}

struct Steps<'a> {
    stage: &'a mut Stage,
    number: usize,
}

/// A migration that does not work yet.
struct Migration {
    file: String,
    version: String,
}

impl Steps<'_> {
    async fn create(&mut self) -> Result<()> {
        let (count, version) = self.stage.scratch.standing()?;
        let expected = Expected {
            stack: Some("CREATE_COMPLETE"),
            calls: vec![Call::new("Create", "SUCCESS", u64::try_from(count)?, "")],
            new_package: true,
            database: After::At {
                version,
                more: count,
            },
            reason: None,
        };
        self.step(
            "create: all migrations are applied",
            Action::Deploy,
            expected,
        )
        .await?;
        let answer = self.stage.invoke(EXAMPLE);
        let answer = answer.context("the example does not work with the migrated database")?;
        if let Some(answer) = answer {
            println!("{}", table::remark(&format!("{EXAMPLE} answers {answer}")));
        }
        Ok(())
    }

    async fn no_change(&mut self) -> Result<()> {
        let expected = Expected {
            stack: Some("CREATE_COMPLETE"),
            ..untouched()
        };
        self.step("no change: nothing runs", Action::Deploy, expected)
            .await
    }

    async fn new_migration(&mut self) -> Result<()> {
        let (_, version) = self.stage.scratch.add("rehearsal_new", NEW)?;
        self.step(
            "a new migration is applied",
            Action::Deploy,
            applied(version),
        )
        .await
    }

    async fn failing_migration(&mut self) -> Result<Migration> {
        let migration = self.add("rehearsal_failing", FAILING)?;
        let expected = Expected {
            database: After::AsBefore,
            ..rolled_back(&migration.file, "")
        };
        self.step(
            "a migration fails: all is as before",
            Action::Deploy,
            expected,
        )
        .await?;
        Ok(migration)
    }

    async fn mended_migration(&mut self, migration: Migration) -> Result<()> {
        self.stage.scratch.replace(&migration.file, MENDED)?;
        let expected = applied(migration.version);
        self.step("the same, mended, is applied", Action::Deploy, expected)
            .await
    }

    async fn forced(&mut self) -> Result<()> {
        self.stage.set("ForceUpdate", "rehearsal");
        let expected = Expected {
            calls: vec![Call::new("Update", "SUCCESS", 0, "Nothing to apply")],
            ..untouched()
        };
        self.step(
            "ForceUpdate: runs, applies nothing",
            Action::Deploy,
            expected,
        )
        .await
    }

    async fn broken_off(&mut self) -> Result<Migration> {
        let migration = self.add("rehearsal_breaking_off", BREAKING_OFF)?;
        let expected = Expected {
            database: After::BrokenOff {
                version: migration.version.clone(),
            },
            ..rolled_back(
                "is partially applied",
                "The database is ahead of this package",
            )
        };
        self.step(
            "one without transaction breaks off: rolled back",
            Action::Deploy,
            expected,
        )
        .await?;
        Ok(migration)
    }

    async fn continued(&mut self, migration: Migration) -> Result<()> {
        self.stage.scratch.replace(&migration.file, CONTINUING)?;
        let expected = applied(migration.version);
        self.step(
            "the same, mended, goes on where it was",
            Action::Deploy,
            expected,
        )
        .await
    }

    async fn delete(&mut self) -> Result<()> {
        let expected = Expected {
            stack: None,
            calls: vec![Call::new("Delete", "SUCCESS", 0, "")],
            new_package: true,
            ..untouched()
        };
        self.step("delete: the database stays", Action::Delete, expected)
            .await
    }

    fn add(&self, name: &str, sql: &str) -> Result<Migration> {
        let (file, version) = self.stage.scratch.add(name, sql)?;
        Ok(Migration { file, version })
    }

    async fn step(&mut self, name: &str, action: Action, expected: Expected) -> Result<()> {
        self.number += 1;
        let number = self.number;
        let title = format!("== step {number}: {name}");
        for log in [SAM, FUNCTIONS] {
            self.stage.logs.add(log, std::slice::from_ref(&title))?;
        }
        let played = self.stage.play(action).await;
        let (seen, took) = played.with_context(|| format!("step {number} ({name}) broke off"))?;
        self.stage.logs.add(FUNCTIONS, &seen.log)?;
        let problems = seen.judge(&expected);
        let database = &seen.databases.1;
        println!(
            "{}",
            table::row(number, name, problems.is_empty(), took, database)
        );
        if !problems.is_empty() {
            println!("{}", table::explanation(&problems, &seen, &self.stage.sam));
            bail!("step {number} ({name}) did not come to what it should");
        }
        if let Some(reason) = seen.reason() {
            println!(
                "{}",
                table::remark(&format!("CloudFormation says: {reason}"))
            );
        }
        // Lets Ctrl-C through.
        tokio::task::yield_now().await;
        Ok(())
    }
}

fn applied(version: String) -> Expected {
    Expected {
        calls: vec![Call::new("Update", "SUCCESS", 1, "")],
        new_package: true,
        database: After::At { version, more: 1 },
        ..untouched()
    }
}

/// The new package fails, saying `reason`, and the old one is asked in turn.
fn rolled_back(reason: &str, then: &str) -> Expected {
    Expected {
        stack: Some("UPDATE_ROLLBACK_COMPLETE"),
        calls: vec![
            Call::new("Update", "FAILED", 0, reason),
            Call::new("Update", "SUCCESS", 0, then),
        ],
        reason: Some(reason.to_owned()),
        ..untouched()
    }
}

fn untouched() -> Expected {
    Expected {
        stack: Some("UPDATE_COMPLETE"),
        calls: Vec::new(),
        new_package: false,
        database: After::AsBefore,
        reason: None,
    }
}
