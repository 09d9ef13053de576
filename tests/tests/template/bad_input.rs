//! Mistakes get one clear message and a failing exit code, and change no file.

use std::fs;

use rstest::rstest;

use crate::shared::{Shared, says};

fn first_migration(project: &Shared) -> String {
    format!("migrations/{}", project.migrations().unwrap()[0])
}

#[rstest]
fn edited_migration(#[values("create-migrations", "check-migrations")] recipe: &str) {
    let project = Shared::with_first_migration();
    let file = first_migration(&project);
    project
        .write(&file, &(project.read(&file).unwrap() + "SELECT 1;\n"))
        .unwrap();
    project.refuses(&[recipe], &["_initial.sql", "just hash-migrations"]);
    // The message says what helps.
    project.succeeds(&["hash-migrations"]);
    project.succeeds(&[recipe]);
}

#[test]
fn missing_sum() {
    let project = Shared::with_first_migration();
    fs::remove_file(project.root.join("migrations/atlas.sum")).unwrap();
    project.refuses(
        &["check-migrations"],
        &["✗ integrity", "atlas.sum", "just hash-migrations"],
    );
}

#[test]
fn merge_conflict_of_two_branches_with_migrations() {
    let project = Shared::with_first_migration();
    project.git(&["add", "--all"]);
    project.git(&["commit", "--quiet", "--message", "First migration"]);
    for (name, column) in [("a", "phone"), ("b", "fax")] {
        project.git(&["checkout", "--quiet", "-B", name, "main"]);
        project
            .write(
                &format!("migrations/2099010100000{}_{name}.sql", column.len()),
                &format!("ALTER TABLE users ADD COLUMN {column} text;\n"),
            )
            .unwrap();
        project.succeeds(&["hash-migrations"]);
        project.git(&["add", "--all"]);
        project.git(&["commit", "--quiet", "--message", name]);
    }
    let merge = template_tests::run(project.command("git").args(["merge", "a"]));
    assert!(!merge.success, "the merge has no conflict");
    project.refuses(
        &["create-migrations"],
        &["atlas.sum", "conflict marker", "just rebase-migrations"],
    );
}

#[test]
fn entity_that_does_not_compile() {
    let project = Shared::with_first_migration();
    project
        .edit(
            "crates/entity/src/user.rs",
            "pub name: String,",
            "pub name: Strin,\n    pub phone: Strin,",
        )
        .unwrap();
    let words = [
        "the entities do not compile: crates/entity/src/user.rs:13",
        "cannot find type `Strin`",
        "--> crates/entity/src/user.rs:13:15",
        "more: cargo build --bin print-schema",
    ];
    project.refuses(&["check-migrations"], &[&["✗ drift"], &words[..]].concat());
    for recipe in ["create-migrations", "print-schema"] {
        project.refuses(&[recipe], &words);
        let output = project.just(&[recipe]).output;
        assert_eq!(output.matches("cannot find type").count(), 1, "{output}");
    }
}

#[test]
fn attribute_that_seaorm_ignores() {
    let project = Shared::with_first_migration();
    project
        .edit(
            "crates/entity/src/address.rs",
            "#[sea_orm(indexed)]",
            "#[sea_orm(index)]",
        )
        .unwrap();
    let words = [
        "crates/entity/src/address.rs:12: #[sea_orm(index)] is not an attribute of SeaORM",
        "did you mean \"indexed\"?",
    ];
    for recipe in ["create-migrations", "check-migrations", "print-schema"] {
        project.refuses(&[recipe], &words);
    }
}

#[test]
fn name_that_does_not_match_the_pattern() {
    let project = Shared::take();
    project.refuses(
        &["create-migrations", "Add-Phone"],
        &["Add-Phone", "snake case", "file-name in Cargo.toml"],
    );
    project.refuses(
        &["create-migrations", "add", "phone"],
        &["unexpected argument 'phone'"],
    );
}

#[test]
fn file_that_does_not_match_the_pattern() {
    let project = Shared::with_first_migration();
    project
        .write(
            "migrations/20990101000000-Tags.sql",
            "CREATE TABLE \"tags\" ();\n",
        )
        .unwrap();
    project.succeeds(&["hash-migrations"]);
    project.refuses(
        &["check-migrations"],
        &["✗ names", "20990101000000-Tags.sql"],
    );
}

#[test]
fn migration_that_does_not_apply() {
    let project = Shared::with_first_migration();
    project
        .write(
            "migrations/20990101000000_broken.sql",
            "ALTER TABLE \"nowhere\" ADD COLUMN \"a\" text;\n",
        )
        .unwrap();
    project.succeeds(&["hash-migrations"]);
    project.refuses(
        &["check-migrations"],
        &[
            "error[replay]: relation \"nowhere\" does not exist",
            "--> migrations/20990101000000_broken.sql:1:",
        ],
    );
    project.refuses(
        &["create-migrations"],
        &[
            "20990101000000_broken.sql, line 1",
            "\"nowhere\" does not exist",
            "before it, 1 migration applies",
        ],
    );
}

#[test]
fn no_migrations_yet() {
    let project = Shared::take();
    project.refuses(
        &["check-migrations"],
        &["✗ integrity", "no migrations yet", "just create-migrations"],
    );
    project.refuses(
        &["test"],
        &["there are no migrations yet", "just create-migrations"],
    );
}

#[rstest]
#[case::plan(
    "create-migrations",
    "postgres://me:secret@127.0.0.1:1/postgres",
    "127.0.0.1:1"
)]
#[case::check(
    "check-migrations",
    "postgres://me:secret@127.0.0.1:1/postgres",
    "127.0.0.1:1"
)]
#[case::not_a_url("db-up", "not a url", "TEST_DATABASE_URL")]
fn wrong_test_database_url(#[case] recipe: &str, #[case] url: &str, #[case] word: &str) {
    let mut project = Shared::with_first_migration();
    project
        .edit(
            "crates/entity/src/user.rs",
            "    pub name: String,\n",
            "    pub name: String,\n    pub phone: Option<String>,\n",
        )
        .unwrap();
    project.set("TEST_DATABASE_URL", url);
    project.refuses(&[recipe], &["TEST_DATABASE_URL", word]);
    let output = project.just(&[recipe]).output;
    assert!(!output.contains("secret"), "{output}");
}

#[test]
fn missing_atlas() {
    let mut project = Shared::take();
    project.set("ATLAS", "/nowhere/atlas");
    let url = "postgres://127.0.0.1:1/app";
    for arguments in [&["setup"][..], &["status", url]] {
        project.refuses(arguments, &["/nowhere/atlas", "ATLAS"]);
    }
}

#[test]
fn database_that_refuses_connections() {
    let project = Shared::with_first_migration();
    let url = "postgres://me:secret@127.0.0.1:1/postgres?sslmode=disable";
    for recipe in ["apply", "status"] {
        let outcome =
            template_tests::run(project.command("just").arg(recipe).env("DATABASE_URL", url));
        assert!(!outcome.success);
        says(&outcome, &["127.0.0.1:1", "refused"]);
        assert!(!outcome.output.contains("secret"), "{}", outcome.output);
    }
}
