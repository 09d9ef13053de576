//! The way from an entity to a tested migration, with the recipes of the justfile.

use std::{fs, path::Path, process::Command};

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
fn plans_checks_and_tests_migrations() {
    let project = Shared::take();
    let setup = project.succeeds(&["setup"]);
    says(&setup, &["✓ .env made", "✓ git hook", "✓ Atlas"]);
    assert_eq!(
        project.git(&["config", "core.hooksPath"]).trim(),
        ".githooks"
    );
    says(&project.succeeds(&["setup"]), &["✓ .env is there"]);

    let created = project.succeeds(&["create-migrations"]);
    says(&created, &["_initial.sql", "CREATE TABLE public.users"]);
    assert_eq!(project.migrations().unwrap().len(), 1);
    says(
        &project.succeeds(&["create-migrations"]),
        &["Nothing to do"],
    );

    let checked = project.succeeds(&["check-migrations"]);
    says(
        &checked,
        &[
            "✓ integrity",
            "✓ names",
            "✓ files",
            "✓ replay",
            "✓ locks",
            "✓ rules",
            "✓ drift",
        ],
    );
    says(
        &project.succeeds(&["check-migrations"]),
        &["nothing changed since the last pass"],
    );
    says(
        &project.succeeds(&["test"]),
        &["finds_a_user_by_email ... ok"],
    );

    add_phone(&project);
    let drift = project.just(&["check-migrations"]);
    assert!(!drift.success);
    says(
        &drift,
        &[
            "✗ drift",
            "+ column public.users.phone",
            "just create-migrations",
        ],
    );
    let created = project.succeeds(&["create-migrations", "add_user_phone"]);
    says(&created, &["_add_user_phone.sql", "ADD COLUMN phone"]);
    let checked = project.succeeds(&["check-migrations"]);
    says(&checked, &["agrees with 2 files", "✓ drift"]);
}

#[test]
fn creates_a_table_for_a_new_file_and_drops_it_with_the_file() {
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
        &project.succeeds(&["create-migrations", "add_tags"]),
        &["CREATE TABLE public.tags"],
    );
    fs::remove_file(project.root.join("crates/entity/src/tag.rs")).unwrap();
    says(
        &project.succeeds(&["create-migrations", "drop_tags"]),
        &["DROP TABLE public.tags", "This loses data:"],
    );
}

#[test]
fn refuses_entities_in_folders() {
    let project = Shared::with_first_migration();
    fs::create_dir(project.root.join("crates/entity/src/billing")).unwrap();
    project.refuses(&["create-migrations"], &["src/billing", "move the files"]);
}

#[test]
fn plans_hand_written_sql() {
    let project = Shared::with_first_migration();
    let after = "CREATE INDEX \"users_suspended\" ON \"users\" (\"created_at\") WHERE \"status\" = 'suspended';\n";
    project.write("crates/entity/sql/after.sql", after).unwrap();
    let created = project.succeeds(&["create-migrations", "index_suspended"]);
    says(
        &created,
        &["CREATE INDEX CONCURRENTLY users_suspended", "WHERE"],
    );
    project.succeeds(&["check-migrations"]);
}

#[test]
fn puts_concurrent_statements_into_a_separate_migration() {
    let project = Shared::with_first_migration();
    project
        .edit(
            USER,
            "    pub name: String,\n",
            "    #[sea_orm(indexed)]\n    pub name: String,\n    pub phone: Option<String>,\n",
        )
        .unwrap();
    project.succeeds(&["create-migrations", "index_names"]);

    let files = project.migrations().unwrap();
    assert_eq!(files.len(), 3, "{files:?}");
    let read = |file: &str| project.read(&format!("migrations/{file}")).unwrap();
    assert!(read(&files[1]).contains("ADD COLUMN phone"));
    let sql = read(&files[2]);
    assert!(sql.starts_with("-- atlas:txmode none\n\n"), "{sql}");
    assert!(sql.contains("CREATE INDEX CONCURRENTLY"), "{sql}");
    says(
        &project.succeeds(&["check-migrations"]),
        &["✓ files", "✓ locks        none"],
    );

    let concurrent = format!("migrations/{}", files[2]);
    project
        .edit(&concurrent, "-- atlas:txmode none\n\n", "")
        .unwrap();
    project.succeeds(&["hash-migrations"]);
    project.refuses(
        &["check-migrations"],
        &[
            "✗ files",
            "error[needs-no-transaction]",
            "-- atlas:txmode none",
        ],
    );
}

/// Where its edition allows, Atlas runs `print-schema` itself.
#[test]
fn atlas_alone_plans_tables() {
    let project = Shared::take();
    let tools = template_tests::Tools::find().unwrap();
    let database = project.succeeds(&["db-up"]);
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
        // The community edition has no external schemas; the recipes do not need them.
        assert!(!by_hand.success, "{}", by_hand.output);
        return println!("not tested with {version}");
    }
    by_hand.succeeded().unwrap();
    let files = project.migrations().unwrap();
    let planned = project.read(&format!("migrations/{}", files[0])).unwrap();
    assert!(planned.contains("CREATE TABLE \"public\".\"users\""));
    // What Atlas overlooks is planned after it.
    project.succeeds(&["create-migrations"]);
    project.succeeds(&["check-migrations"]);
}

#[test]
fn applies_migrations_and_shows_the_status() {
    let project = Shared::with_first_migration();
    let up = project.succeeds(&["db-up"]);
    says(&up, &["applied now: 1 migration", "/my_db"]);
    let url = up
        .output
        .lines()
        .find_map(|line| line.strip_prefix("DATABASE_URL="))
        .unwrap()
        .to_owned();

    add_phone(&project);
    project.succeeds(&["create-migrations", "add_user_phone"]);
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

    // A merge brought a migration that is older than the last applied one.
    project
        .write(
            "migrations/20200101000000_late.sql",
            "CREATE TABLE \"late\" ();\n",
        )
        .unwrap();
    project.succeeds(&["hash-migrations"]);
    says(
        &with_url("status"),
        &["too old to be applied: 20200101000000"],
    );
    let late = run(project
        .command("just")
        .arg("apply")
        .env("DATABASE_URL", &url));
    assert!(!late.success);
    says(&late, &["20200101000000", "just rebase-migrations"]);
    let up = project.just(&["db-up"]);
    assert!(!up.success);
    says(
        &up,
        &["too old to be applied: 20200101000000", "just db-down"],
    );

    let psql = run(project
        .command("sh")
        .args(["-c", "echo 'SELECT phone FROM users;' | just db-shell"]));
    says(&psql.succeeded().unwrap(), &["(0 rows)"]);
    says(&project.succeeds(&["db-down"]), &["removed PostgreSQL"]);
    says(&project.succeeds(&["db-down"]), &["no server was running"]);
}

#[test]
fn compares_migrations_with_the_base_branch() {
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

    project.succeeds(&["check-migrations"]);

    // Another migration was merged first, and sorts after ours.
    let late = "migrations/20200101000000_late.sql";
    project.write(late, "CREATE TABLE \"late\" ();\n").unwrap();
    project.succeeds(&["hash-migrations"]);
    project.refuses(
        &["check-migrations"],
        &[
            "✗ names",
            "20200101000000_late.sql",
            "just rebase-migrations",
        ],
    );
    fs::remove_file(project.root.join(late)).unwrap();

    // Databases that have applied a merged migration would not see a change in it.
    let merged = format!("migrations/{}", project.migrations().unwrap()[0]);
    let contents = project.read(&merged).unwrap();
    project
        .write(&merged, &format!("{contents}SELECT 1;\n"))
        .unwrap();
    project.succeeds(&["hash-migrations"]);
    project.refuses(
        &["check-migrations"],
        &[
            "✗ history",
            "_initial.sql",
            "put the change into a new migration",
        ],
    );
    fs::rename(
        project.root.join(&merged),
        project.root.join("migrations/20990101000000_other.sql"),
    )
    .unwrap();
    project.succeeds(&["hash-migrations"]);
    project.refuses(&["check-migrations"], &["✗ history", "_initial.sql"]);
}

/// A shell would cut the URL at `&` and run the rest in the background.
#[test]
fn passes_urls_to_atlas_unchanged() {
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
fn hook_refuses_commits_that_fail_the_checks() {
    let project = Shared::with_first_migration();
    project.succeeds(&["setup"]);
    let commit = || {
        project.git(&["add", "--all"]);
        run(project.command("git").args(["commit", "--message", "Try"]))
    };
    project
        .edit(USER, "    pub name: String,\n", "    pub   name: String,\n")
        .unwrap();
    let unformatted = commit();
    assert!(!unformatted.success);
    says(
        &unformatted,
        &["Diff in", "crates/entity/src/user.rs", "just format"],
    );
    project
        .edit(USER, "    pub   name: String,\n", "    pub name: String,\n")
        .unwrap();

    const APP: &str = "crates/app/src/lib.rs";
    let app = project.read(APP).unwrap();
    let broken = format!("{app}\npub fn broken() -> u8 {{\n    \"\"\n}}\n");
    project.write(APP, &broken).unwrap();
    let uncompilable = commit();
    assert!(!uncompilable.success);
    says(&uncompilable, &["mismatched types"]);

    // Changes that are not staged do not count, and are still noticed after that.
    project.write(APP, &app).unwrap();
    project.git(&["add", "--all"]);
    project.write(APP, &broken).unwrap();
    add_phone(&project);
    run(project.command("git").args(["commit", "--message", "Try"]))
        .succeeded()
        .unwrap();
    project.refuses(&["test"], &["mismatched types"]);
    project.write(APP, &app).unwrap();

    let drifted = commit();
    assert!(!drifted.success);
    says(&drifted, &["✗ drift"]);

    project.succeeds(&["create-migrations", "add_user_phone"]);
    let without_sql = run(project
        .command("git")
        .args(["commit", "--all", "--message", "Try"]));
    assert!(!without_sql.success);
    says(
        &without_sql,
        &["without these changes (git add)", "_add_user_phone.sql"],
    );
    commit().succeeded().unwrap();
}

/// Bytes that differ would change the hash of a migration, or break the hook's shell.
#[test]
fn checks_out_the_same_bytes_under_core_autocrlf() {
    let project = Shared::with_first_migration();
    // The author of a migration may have an editor that writes CRLF.
    let windows = "migrations/20990101000000_windows.sql";
    project
        .write(windows, "CREATE TABLE \"windows\" ();\r\n")
        .unwrap();
    project.succeeds(&["hash-migrations"]);
    project.git(&["add", "--all"]);
    project.git(&["commit", "--quiet", "--message", "Migrations"]);

    let clone = tempfile::tempdir().unwrap();
    run(Command::new("git")
        .args(["clone", "--quiet", "--config", "core.autocrlf=true"])
        .arg(&project.root)
        .arg(clone.path()))
    .succeeded()
    .unwrap();
    let files = project.git(&["ls-files", "-z"]);
    for file in files.split_terminator('\0') {
        let bytes = |root: &Path| fs::read(root.join(file)).unwrap();
        assert!(bytes(clone.path()) == bytes(&project.root), "{file}");
    }
}

#[test]
fn passes_its_own_lints() {
    Shared::with_first_migration().succeeds(&["lint"]);
}

#[test]
#[ignore = "soak: compiles everything once more"]
fn coverage_holds_the_floor() {
    let project = Shared::with_first_migration();
    says(
        &project.succeeds(&["coverage", "--if-floor"]),
        &["Cargo.toml sets no floor"],
    );
    // All of the example is covered.
    project
        .edit(
            "Cargo.toml",
            "# [workspace.metadata.coverage]\n# floor = 90\n",
            "[workspace.metadata.coverage]\nfloor = 100\n",
        )
        .unwrap();
    let covered = project.succeeds(&["coverage", "--if-floor"]);
    says(&covered, &["crates/app/src/users.rs"]);
    let mut table = covered.output.lines().filter(|line| line.contains('%'));
    assert!(
        table.all(|line| line.contains("/crates/app/") || line.starts_with("TOTAL")),
        "{}",
        covered.output
    );

    const APP: &str = "crates/app/src/lib.rs";
    let untested = "\npub fn untested(n: u8) -> u8 {\n    n\n}\n";
    project
        .write(APP, &(project.read(APP).unwrap() + untested))
        .unwrap();
    project.refuses(&["coverage"], &["less than 100 % of the lines are covered"]);
}

#[test]
fn lists_every_recipe_with_a_description() {
    for project in [checkout(), checkout().join("template")] {
        let list = run(Command::new("just").current_dir(&project))
            .succeeded()
            .unwrap()
            .output;
        let recipes: Vec<_> = list
            .lines()
            .skip(1)
            .map(str::trim)
            // Recipes are in groups, under a name in brackets.
            .filter(|line| !line.is_empty() && !line.starts_with('['))
            .collect();
        assert!(recipes.len() > 4, "{list}");
        for recipe in recipes {
            assert!(recipe.contains(" # "), "{recipe} has no description");
        }
    }
}
