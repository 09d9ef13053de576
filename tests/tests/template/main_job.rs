//! From an entity to a tested migration, by the commands of the justfile.

use std::{fs, process::Command};

use template_tests::{checkout, run};

use crate::shared::{Shared, says};

const USER: &str = "crates/entity/src/user.rs";

fn add_phone(project: &Shared) {
    project
        .edit(
            USER,
            "    pub name: String,\n",
            "    pub name: String,\n    pub phone: Option<String>,\n",
        )
        .unwrap();
}

#[test]
fn plans_checks_tests_and_plans_again() {
    let project = Shared::take();
    let setup = project.just(&["setup"]).succeeded().unwrap();
    says(&setup, &["✓ .env made", "✓ git hook", "✓ Atlas"]);
    assert_eq!(
        project.git(&["config", "core.hooksPath"]).trim(),
        ".githooks"
    );
    says(
        &project.just(&["setup"]).succeeded().unwrap(),
        &["✓ .env is there"],
    );

    let created = project.just(&["create-migrations"]).succeeded().unwrap();
    says(
        &created,
        &["_initial.sql", "CREATE TABLE \"public\".\"users\""],
    );
    assert_eq!(project.migrations().unwrap().len(), 1);
    says(
        &project.just(&["create-migrations"]).succeeded().unwrap(),
        &["Nothing to do"],
    );

    let checked = project.just(&["check-migrations"]).succeeded().unwrap();
    says(
        &checked,
        &[
            "✓ integrity",
            "✓ names",
            "✓ concurrent",
            "✓ replay",
            "✓ drift",
        ],
    );
    says(
        &project.just(&["check-migrations"]).succeeded().unwrap(),
        &["nothing changed since the last pass"],
    );
    says(
        &project.just(&["test"]).succeeded().unwrap(),
        &["finds_a_user_by_email ... ok"],
    );

    add_phone(&project);
    let drift = project.just(&["check-migrations"]);
    assert!(!drift.success);
    says(
        &drift,
        &["✗ drift", "ADD COLUMN \"phone\"", "just create-migrations"],
    );
    let created = project
        .just(&["create-migrations", "add_user_phone"])
        .succeeded()
        .unwrap();
    says(&created, &["_add_user_phone.sql", "ADD COLUMN \"phone\""]);
    let checked = project.just(&["check-migrations"]).succeeded().unwrap();
    says(&checked, &["agrees with 2 files", "_add_user_phone.sql"]);
}

#[test]
fn a_new_file_is_a_new_table_and_its_removal_drops_it() {
    let project = Shared::with_first_migration();
    let entity = "use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = \"tags\")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub name: String,
}

impl ActiveModelBehavior for ActiveModel {}
";
    project.write("crates/entity/src/tag.rs", entity).unwrap();
    says(
        &project
            .just(&["create-migrations", "add_tags"])
            .succeeded()
            .unwrap(),
        &["CREATE TABLE \"public\".\"tags\""],
    );
    fs::remove_file(project.root.join("crates/entity/src/tag.rs")).unwrap();
    says(
        &project
            .just(&["create-migrations", "drop_tags"])
            .succeeded()
            .unwrap(),
        &["DROP TABLE \"public\".\"tags\""],
    );
    // Rows would be lost: somebody has to say that this is meant.
    project.refuses(&["check-migrations"], &["✗ lint", "drop_tags"]);
}

#[test]
fn entities_in_a_folder_below_are_refused() {
    let project = Shared::with_first_migration();
    fs::create_dir(project.root.join("crates/entity/src/billing")).unwrap();
    project.refuses(&["create-migrations"], &["src/billing", "move the files"]);
}

#[test]
fn sql_that_entities_cannot_say_is_planned_too() {
    let project = Shared::with_first_migration();
    let after = "CREATE INDEX \"users_suspended\" ON \"users\" (\"created_at\") WHERE \"status\" = 'suspended';\n";
    project.write("crates/entity/sql/after.sql", after).unwrap();
    let created = project
        .just(&["create-migrations", "index_suspended"])
        .succeeded()
        .unwrap();
    says(&created, &["CREATE INDEX \"users_suspended\"", "WHERE"]);
    project.just(&["check-migrations"]).succeeded().unwrap();
}

#[test]
fn concurrent_statements_get_a_migration_that_applies() {
    let project = Shared::with_first_migration();
    let policy = project.read("atlas.hcl").unwrap()
        + "\ndiff {\n  concurrent_index {\n    add = true\n    create = true\n  }\n}\n";
    project.write("atlas.hcl", &policy).unwrap();
    project
        .edit(
            USER,
            "    pub name: String,\n",
            "    #[sea_orm(indexed)]\n    pub name: String,\n    pub phone: Option<String>,\n",
        )
        .unwrap();
    project
        .just(&["create-migrations", "index_names"])
        .succeeded()
        .unwrap();

    let files = project.migrations().unwrap();
    assert_eq!(files.len(), 3, "{files:?}");
    assert!(files[1].ends_with("_index_names.sql"));
    assert!(
        project
            .read(&format!("migrations/{}", files[1]))
            .unwrap()
            .contains("ADD COLUMN \"phone\"")
    );
    assert!(files[2].ends_with("_index_names_concurrently.sql"));
    let concurrent = format!("migrations/{}", files[2]);
    let sql = project.read(&concurrent).unwrap();
    assert!(sql.starts_with("-- atlas:txmode none\n\n"), "{sql}");
    assert!(sql.contains("CREATE INDEX CONCURRENTLY"), "{sql}");
    says(
        &project.just(&["check-migrations"]).succeeded().unwrap(),
        &["marked to run outside of a transaction: 1 file"],
    );

    project
        .edit(&concurrent, "-- atlas:txmode none\n\n", "")
        .unwrap();
    project.just(&["hash-migrations"]).succeeded().unwrap();
    project.refuses(
        &["check-migrations"],
        &[
            "✗ concurrent",
            "-- atlas:txmode none",
            "just hash-migrations",
        ],
    );
}

/// Atlas by hand, which runs `print-schema` itself, and the recipe plan the same.
#[test]
fn atlas_by_hand_plans_the_same_migration() {
    let project = Shared::take();
    let tools = template_tests::Tools::find().unwrap();
    let database = project.just(&["db-up"]).succeeded().unwrap();
    let url = database
        .output
        .lines()
        .find_map(|line| line.strip_prefix("DATABASE_URL="))
        .unwrap()
        .to_owned();
    let by_hand = run(project
        .command(&tools.atlas)
        .args(["migrate", "diff", "initial", "--env", "local"])
        .env("ATLAS_DEV_URL", &url));
    let version = run(Command::new(&tools.atlas).arg("version")).output;
    if version.contains("community") {
        // That edition runs no programs; the recipes do without.
        assert!(!by_hand.success, "{}", by_hand.output);
        return println!("not tested with {version}");
    }
    by_hand.succeeded().unwrap();
    let planned = |project: &Shared| {
        let files = project.migrations().unwrap();
        assert_eq!(files.len(), 1);
        project.read(&format!("migrations/{}", files[0])).unwrap()
    };
    let by_hand = planned(&project);
    project.git(&["clean", "--quiet", "--force", "-x", "migrations"]);
    project.just(&["create-migrations"]).succeeded().unwrap();
    assert_eq!(planned(&project), by_hand);
}

#[test]
fn a_database_is_brought_up_to_date_and_tells_where_it_stands() {
    let project = Shared::with_first_migration();
    let up = project.just(&["db-up"]).succeeded().unwrap();
    says(&up, &["applied now: 1 migration", "/my_db"]);
    let url = up
        .output
        .lines()
        .find_map(|line| line.strip_prefix("DATABASE_URL="))
        .unwrap()
        .to_owned();

    add_phone(&project);
    project
        .just(&["create-migrations", "add_user_phone"])
        .succeeded()
        .unwrap();
    let with_url = |recipe: &str| {
        run(project
            .command("just")
            .arg(recipe)
            .env("DATABASE_URL", &url))
        .succeeded()
        .unwrap()
    };
    let versions: Vec<_> = project
        .migrations()
        .unwrap()
        .iter()
        .map(|name| name.split('_').next().unwrap().to_owned())
        .collect();
    says(
        &with_url("status"),
        &[
            &format!("current version: {}", versions[0]),
            &format!("pending: {}", versions[1]),
        ],
    );
    says(
        &with_url("apply"),
        &[&format!("applied {}_add_user_phone.sql", versions[1])],
    );
    says(&with_url("apply"), &["Nothing to do"]);
    says(
        &with_url("status"),
        &[
            &format!("current version: {}", versions[1]),
            "pending: none",
        ],
    );

    // Came with a merge, older than what the database has.
    project
        .write(
            "migrations/20200101000000_late.sql",
            "CREATE TABLE \"late\" ();\n",
        )
        .unwrap();
    project.just(&["hash-migrations"]).succeeded().unwrap();
    says(
        &with_url("status"),
        &["too old to be applied: 20200101000000"],
    );
    let late = run(project
        .command("just")
        .arg("apply")
        .env("DATABASE_URL", &url));
    assert!(!late.success);
    says(&late, &["20200101000000", "a later version"]);
    let up = project.just(&["db-up"]);
    assert!(!up.success);
    says(&up, &["too old to be applied: 20200101000000", "just db-down"]);

    let psql = run(project
        .command("sh")
        .args(["-c", "echo 'SELECT phone FROM users;' | just db-shell"]));
    says(&psql.succeeded().unwrap(), &["(0 rows)"]);
    says(
        &project.just(&["db-down"]).succeeded().unwrap(),
        &["is gone"],
    );
    says(
        &project.just(&["db-down"]).succeeded().unwrap(),
        &["no server was running"],
    );
}

#[test]
fn only_what_the_base_branch_lacks_is_new() {
    let project = Shared::with_first_migration();
    let origin = project.root.with_file_name("origin.git");
    if origin.exists() {
        fs::remove_dir_all(&origin).unwrap();
    }
    project.git(&["add", "--all"]);
    project.git(&["commit", "--quiet", "--message", "First migration"]);
    run(Command::new("git")
        .args(["clone", "--quiet", "--bare"])
        .arg(&project.root)
        .arg(&origin))
    .succeeded()
    .unwrap();
    let refs = "+refs/heads/main:refs/remotes/origin/main";
    project.git(&["fetch", "--quiet", origin.to_str().unwrap(), refs]);

    says(
        &project.just(&["check-migrations"]).succeeded().unwrap(),
        &["✓ lint         origin/main has all migrations"],
    );

    // Two new ones: both are linted, not just the newest.
    project
        .write(
            "migrations/20990101000000_drop.sql",
            "DROP TABLE \"addresses\";\n",
        )
        .unwrap();
    project
        .write(
            "migrations/20990101000001_more.sql",
            "CREATE TABLE \"more\" ();\n",
        )
        .unwrap();
    project.just(&["hash-migrations"]).succeeded().unwrap();
    project.refuses(
        &["check-migrations"],
        &["✗ lint", "20990101000000_drop.sql"],
    );
    project.git(&["clean", "--quiet", "--force", "migrations"]);

    // A colleague's migration reached the base branch first; ours is older by name.
    let late = "migrations/20200101000000_late.sql";
    project.write(late, "CREATE TABLE \"late\" ();\n").unwrap();
    project.just(&["hash-migrations"]).succeeded().unwrap();
    project.refuses(
        &["check-migrations"],
        &[
            "✗ names",
            "20200101000000_late.sql",
            "give each a later version",
        ],
    );
    fs::remove_file(project.root.join(late)).unwrap();

    // Databases have the merged one already: they would never see a change in it.
    let merged = format!("migrations/{}", project.migrations().unwrap()[0]);
    let contents = project.read(&merged).unwrap();
    project
        .write(&merged, &format!("{contents}SELECT 1;\n"))
        .unwrap();
    project.just(&["hash-migrations"]).succeeded().unwrap();
    project.refuses(
        &["check-migrations"],
        &["✗ history", "_initial.sql", "a change is a new migration"],
    );
    fs::rename(
        project.root.join(&merged),
        project.root.join("migrations/20990101000000_other.sql"),
    )
    .unwrap();
    project.just(&["hash-migrations"]).succeeded().unwrap();
    project.refuses(&["check-migrations"], &["✗ history", "_initial.sql"]);
}

/// What a shell gives a meaning to: a URL cut at `&` would run in the background.
#[test]
fn a_url_reaches_atlas_as_it_is() {
    let project = Shared::with_first_migration();
    let url = "postgres://me:se(cr$et@127.0.0.1:1/db?sslmode=disable&connect_timeout=5";
    for recipe in ["apply", "status"] {
        let outcome = project.just(&[recipe, url]);
        assert!(!outcome.success);
        says(&outcome, &["127.0.0.1:1"]);
    }
    says(
        &project.just(&["apply"]),
        &["which database?", "DATABASE_URL"],
    );
}

#[test]
fn the_hook_lets_only_checked_commits_pass() {
    let project = Shared::with_first_migration();
    project.just(&["setup"]).succeeded().unwrap();
    let commit = || {
        project.git(&["add", "--all"]);
        run(project.command("git").args(["commit", "--message", "Try"]))
    };
    project
        .edit(USER, "    pub name: String,\n", "    pub   name: String,\n")
        .unwrap();
    let unformatted = commit();
    assert!(!unformatted.success);
    says(&unformatted, &["Diff in", "crates/entity/src/user.rs"]);

    project
        .edit(
            USER,
            "    pub   name: String,\n",
            "    pub name: String,\n    pub phone: Option<String>,\n",
        )
        .unwrap();
    let drifted = commit();
    assert!(!drifted.success);
    says(&drifted, &["✗ drift"]);

    project
        .just(&["create-migrations", "add_user_phone"])
        .succeeded()
        .unwrap();
    let without_sql = run(project
        .command("git")
        .args(["commit", "--all", "--message", "Try"]));
    assert!(!without_sql.success);
    says(&without_sql, &["git add migrations"]);
    commit().succeeded().unwrap();
}

#[test]
fn is_formatted_and_lints_clean() {
    Shared::take().just(&["lint"]).succeeded().unwrap();
}

#[test]
fn just_alone_lists_every_recipe_with_a_sentence() {
    for project in [checkout(), checkout().join("template")] {
        let list = run(Command::new("just").current_dir(&project))
            .succeeded()
            .unwrap()
            .output;
        let recipes: Vec<_> = list.lines().skip(1).collect();
        assert!(recipes.len() > 4, "{list}");
        for recipe in recipes {
            assert!(recipe.contains(" # "), "{recipe} says nothing about itself");
        }
    }
}
