//! Each mistake gets one clear message, an exit code that is not 0, and changes no file.

use std::fs;

use rstest::rstest;

use crate::shared::{Shared, says};

fn first_migration(project: &Shared) -> String {
    format!("migrations/{}", project.migrations().unwrap()[0])
}

#[rstest]
fn a_migration_edited_by_hand(#[values("create-migrations", "check-migrations")] recipe: &str) {
    let project = Shared::with_first_migration();
    let file = first_migration(&project);
    project
        .write(&file, &(project.read(&file).unwrap() + "SELECT 1;\n"))
        .unwrap();
    project.refuses(&[recipe], &["_initial.sql", "just hash-migrations"]);
    // What the message says mends it.
    project.just(&["hash-migrations"]).succeeded().unwrap();
    project.just(&[recipe]).succeeded().unwrap();
}

#[rstest]
fn a_missing_sum(#[values("create-migrations", "check-migrations")] recipe: &str) {
    let project = Shared::with_first_migration();
    fs::remove_file(project.root.join("migrations/atlas.sum")).unwrap();
    project.refuses(&[recipe], &["atlas.sum", "just hash-migrations"]);
}

#[rstest]
fn a_merge_that_left_two_heads(#[values("create-migrations", "check-migrations")] recipe: &str) {
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
        project.just(&["hash-migrations"]).succeeded().unwrap();
        project.git(&["add", "--all"]);
        project.git(&["commit", "--quiet", "--message", name]);
    }
    let merge = template_tests::run(project.command("git").args(["merge", "a"]));
    assert!(!merge.success, "the merge has no conflict");
    project.refuses(&[recipe], &["atlas.sum", "just hash-migrations"]);
}

#[rstest]
fn an_entity_that_does_not_compile(
    #[values("create-migrations", "check-migrations")] recipe: &str,
) {
    let project = Shared::with_first_migration();
    project
        .edit(
            "crates/entity/src/user.rs",
            "pub name: String,",
            "pub name: Strin,",
        )
        .unwrap();
    project.refuses(
        &[recipe],
        &["crates/entity/src/user.rs", "cannot find type `Strin`"],
    );
}

#[test]
fn a_name_that_the_pattern_forbids() {
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
fn a_file_that_the_pattern_forbids() {
    let project = Shared::with_first_migration();
    project
        .write(
            "migrations/20990101000000-Tags.sql",
            "CREATE TABLE \"tags\" ();\n",
        )
        .unwrap();
    project.just(&["hash-migrations"]).succeeded().unwrap();
    project.refuses(
        &["check-migrations"],
        &["✗ names", "20990101000000-Tags.sql"],
    );
}

#[test]
fn a_migration_that_does_not_apply() {
    let project = Shared::with_first_migration();
    project
        .write(
            "migrations/20990101000000_broken.sql",
            "ALTER TABLE \"nowhere\" ADD COLUMN \"a\" text;\n",
        )
        .unwrap();
    project.just(&["hash-migrations"]).succeeded().unwrap();
    let words = ["20990101000000_broken.sql", "\"nowhere\" does not exist"];
    project.refuses(&["check-migrations"], &words);
    project.refuses(
        &["create-migrations"],
        &["nowhere", "migrations/ is as it was"],
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
#[case::refused("postgres://me:secret@127.0.0.1:1/postgres", "127.0.0.1:1")]
#[case::no_url("not a url", "TEST_DATABASE_URL")]
fn a_wrong_test_database_url(
    #[case] url: &str,
    #[case] word: &str,
    #[values("create-migrations", "check-migrations", "db-up")] recipe: &str,
) {
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
    assert!(!project.just(&[recipe]).output.contains("secret"));
}

#[test]
fn an_atlas_that_is_not_there() {
    let mut project = Shared::take();
    project.set("ATLAS", "/nowhere/atlas");
    for recipe in ["setup", "create-migrations"] {
        project.refuses(&[recipe], &["/nowhere/atlas", "ATLAS"]);
    }
}

#[test]
fn a_database_that_nobody_answers_for() {
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
