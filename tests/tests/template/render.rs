//! Answers: the good ones reach their files, the bad ones are refused.

use std::{ffi::OsStr, fs, os::unix::fs::PermissionsExt, path::Path};

use rstest::rstest;
use tempfile::TempDir;
use template_tests::{Outcome, Project, Tools, checkout, run};

use crate::shared::{self, says};

fn render(parent: &Path, answers: &[(&str, &str)]) -> Outcome {
    shared::render(parent, "my-db", answers)
}

/// The answers that a project records.
fn recorded(project: &Project) -> toml::Table {
    let answers: toml::Table = project
        .read(".template-answers.toml")
        .unwrap()
        .parse()
        .unwrap();
    answers["values"].as_table().unwrap().clone()
}

#[rstest]
fn every_answer_reaches_its_file(
    #[values("14", "15", "16", "17", "18")] major: &str,
    #[values("arm64", "x86_64")] architecture: &str,
) {
    let parent = TempDir::new().unwrap();
    let answers = [
        ("database_name", "shop_db"),
        ("postgres_major", major),
        ("aws_region", "us-gov-west-1"),
        ("stack_name", "Shop-Database"),
        ("architecture", architecture),
    ];
    render(parent.path(), &answers).succeeded().unwrap();
    let project = Project::at(parent.path().join("my-db"));

    let recorded = recorded(&project);
    let defaults = [
        ("project-name", "my-db"),
        ("aws", "yes"),
        ("database", "existing"),
        ("authentication", "iam"),
        ("example_service", "yes"),
    ];
    for (key, value) in answers.iter().chain(&defaults) {
        assert_eq!(recorded[*key].as_str(), Some(*value));
    }
    assert_eq!(recorded.len(), answers.len() + defaults.len());
    let environment = project.read(".env.example").unwrap();
    assert!(environment.contains("\nDATABASE_NAME=shop_db\n"));
    assert!(environment.contains(&format!("\nPOSTGRES_MAJOR={major}\n")));
    assert!(project.read("README.md").unwrap().starts_with("# my-db\n"));
    let deploying = project.read("DEPLOY.md").unwrap();
    assert!(deploying.contains("ON DATABASE shop_db TO"));
    assert!(deploying.contains("--stack-name Shop-Database-prod"));
    for file in [
        ".env.example",
        ".template-answers.toml",
        "DEPLOY.md",
        "README.md",
        "tools.toml",
    ] {
        let text = project.read(file).unwrap();
        assert!(
            !text.contains("{{") && !text.contains("{%"),
            "{file} has a placeholder"
        );
    }
}

#[test]
fn a_new_repository_holds_what_it_needs_and_no_more() {
    let parent = TempDir::new().unwrap();
    let outcome = render(parent.path(), &[]).succeeded().unwrap();
    assert!(
        outcome.output.contains("just create-migrations"),
        "{}",
        outcome.output
    );
    let project = Project::at(parent.path().join("my-db"));

    let mut entries: Vec<_> = fs::read_dir(&project.root)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    entries.sort();
    assert_eq!(
        entries,
        [
            ".env.example",
            ".git",
            ".gitattributes",
            ".githooks",
            ".github",
            ".gitignore",
            ".squawk.toml",
            ".template-answers.toml",
            "Cargo.lock",
            "Cargo.toml",
            "DEPLOY.md",
            "README.md",
            "atlas.hcl",
            "crates",
            "justfile",
            "kit",
            "migrations",
            "samconfig.toml",
            "template.yaml",
            "tools.toml",
        ]
    );
    let migrations: Vec<_> = fs::read_dir(project.root.join("migrations"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(migrations, [".gitkeep"]);
    let hook = fs::metadata(project.root.join(".githooks/pre-commit")).unwrap();
    assert_eq!(
        hook.permissions().mode() & 0o111,
        0o111,
        "git runs only an executable hook"
    );
}

/// template/ is worked on as it stands, so it has a rendered twin of the file that
/// programs read.
#[test]
fn the_template_builds_with_the_default_answers() {
    let parent = TempDir::new().unwrap();
    shared::render(parent.path(), "app", &[])
        .succeeded()
        .unwrap();
    let twin = fs::read_to_string(checkout().join("template/.env.example")).unwrap();
    assert_eq!(
        Project::at(parent.path().join("app"))
            .read(".env.example")
            .unwrap(),
        twin
    );
}

#[test]
fn a_git_repository_renders_too() {
    let parent = TempDir::new().unwrap();
    let tools = Tools::find().unwrap();
    // A clone of what is committed, as a user gets it.
    let source = parent.path().join("source");
    run(std::process::Command::new("git")
        .args(["clone", "--quiet"])
        .arg(checkout())
        .arg(&source))
    .succeeded()
    .unwrap();
    let url = format!("file://{}", source.display());
    Project::render_from(
        &tools.cargo_generate,
        &[OsStr::new("--git"), OsStr::new(&url)],
        parent.path(),
        "from-git",
        &[("database_name", "shop")],
    )
    .succeeded()
    .unwrap();
    let project = Project::at(parent.path().join("from-git"));
    assert!(
        project
            .read(".env.example")
            .unwrap()
            .contains("DATABASE_NAME=shop\n")
    );
    assert!(project.root.join("justfile").is_file());
    assert!(!project.root.join("hooks").exists());
}

#[rstest]
#[case("My-Shop", "my_shop", "my-shop-database")]
#[case("user", "db_user", "user-database")]
#[case("pg_shop", "db_pg_shop", "pg-shop-database")]
#[case("9lives", "db_9lives", "app-9lives-database")]
fn names_follow_the_project(#[case] project: &str, #[case] database: &str, #[case] stack: &str) {
    let parent = TempDir::new().unwrap();
    shared::render(parent.path(), project, &[])
        .succeeded()
        .unwrap();
    let entry = fs::read_dir(parent.path())
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let recorded = recorded(&Project::at(entry.path()));
    assert_eq!(recorded["database_name"].as_str(), Some(database));
    assert_eq!(recorded["stack_name"].as_str(), Some(stack));
}

/// Questions that an earlier answer settles, which `cargo generate` lists under `--silent`.
#[rstest]
#[case(
    &[("aws", "no")],
    &["aws_region", "stack_name", "architecture", "database:", "authentication", "example_service"]
)]
#[case(&[("database", "create")], &["authentication"])]
fn settled_questions_are_not_asked(#[case] answers: &[(&str, &str)], #[case] settled: &[&str]) {
    let parent = TempDir::new().unwrap();
    let outcome = render(parent.path(), answers).succeeded().unwrap();
    says(
        &outcome,
        &["postgres_major: \"17\" (default value from template)"],
    );
    for question in settled {
        let asked = format!("{question}: ");
        assert!(!outcome.output.contains(&asked), "{}", outcome.output);
    }
    for key in recorded(&Project::at(parent.path().join("my-db"))).keys() {
        assert!(!settled.contains(&&**key), "{key} is recorded");
    }
}

#[test]
fn one_version_names_a_release() {
    let read = |file: &str| fs::read_to_string(checkout().join(file)).unwrap();
    let version = read("template/kit/VERSION").trim().to_owned();
    let answers = read("template/.template-answers.toml");
    assert!(
        answers.contains(&format!("\nversion = \"{version}\"\n")),
        "{answers}"
    );
    let changelog = read("CHANGELOG.md");
    let newest = changelog
        .lines()
        .find_map(|line| line.strip_prefix("## "))
        .unwrap();
    assert_eq!(newest.split(' ').next(), Some(&*version), "CHANGELOG.md");
}

#[test]
fn several_wrong_answers_are_reported_at_once() {
    let parent = TempDir::new().unwrap();
    let answers = [
        ("database_name", "My-DB"),
        ("stack_name", "1shop"),
        ("aws_region", "Frankfurt"),
    ];
    let outcome = render(parent.path(), &answers);
    assert!(!outcome.success, "{}", outcome.output);
    for (key, value) in answers {
        says(&outcome, &[&format!("\n{key} is \"{value}\": ")]);
    }
    let directory = parent.path().join("my-db");
    says(
        &outcome,
        &[&format!(
            "Delete the empty directory {}",
            directory.display()
        )],
    );
    fs::remove_dir(directory).unwrap();
    render(parent.path(), &[]).succeeded().unwrap();
}

#[rstest]
#[case::dash(&[("database_name", "my-db")], "lower-case letters, digits and _")]
#[case::digit_first(&[("database_name", "1db")], "not beginning with a digit")]
#[case::capital(&[("database_name", "Shop")], "lower-case letters")]
#[case::too_long(&[("database_name", "a123456789b123456789c123456789d123456789e123456789f123456789g123")], "63")]
#[case::key_word(&[("database_name", "user")], "reserves that word")]
#[case::system_database(&[("database_name", "postgres")], "reserves that word")]
#[case::system_prefix(&[("database_name", "pg_shop")], "reserves that word")]
#[case::stack_digit_first(&[("stack_name", "1shop")], "a letter, then letters, digits and -")]
#[case::stack_underscore(&[("stack_name", "my_shop")], "a letter, then letters, digits and -")]
#[case::region(&[("aws_region", "Frankfurt")], "eu-central-1")]
#[case::architecture(&[("architecture", "sparc")], "not a valid value for architecture")]
#[case::old_postgres(&[("postgres_major", "13")], "not a valid value for postgres_major")]
#[case::database(&[("database", "new")], "not a valid value for database")]
#[case::authentication(&[("authentication", "password")], "not a valid value for authentication")]
#[case::example(&[("example_service", "maybe")], "not a valid value for example_service")]
#[case::created(&[("database_name", "_shop"), ("database", "create")], "must begin with a letter")]
#[case::long_stack_name(&[("stack_name", &*"a".repeat(124))], "at most 123 characters")]
fn refuses_a_wrong_answer(#[case] answers: &[(&str, &str)], #[case] rule: &str) {
    let parent = TempDir::new().unwrap();
    let outcome = render(parent.path(), answers);
    assert!(!outcome.success, "{}", outcome.output);
    assert!(outcome.output.contains(rule), "{}", outcome.output);
    assert!(outcome.output.contains(answers[0].0), "{}", outcome.output);
    // cargo-generate leaves the empty directory.
    says(&outcome, &["elete the empty directory"]);
    let left = fs::read_dir(parent.path().join("my-db")).map_or(0, Iterator::count);
    assert_eq!(left, 0, "something was rendered");
}

/// A tag can be moved to other code, a commit cannot.
#[test]
fn every_action_is_pinned_by_its_commit() {
    let mut actions = 0;
    for workflows in [".github/workflows", "template/.github/workflows"] {
        for entry in fs::read_dir(checkout().join(workflows)).unwrap() {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            for action in text.lines().filter_map(|line| line.split_once("uses: ")) {
                let commit = action.1.split(['@', ' ']).nth(1).unwrap_or_default();
                let is_commit = commit.len() == 40 && commit.chars().all(|c| c.is_ascii_hexdigit());
                assert!(is_commit, "{}: {}", path.display(), action.1);
                actions += 1;
            }
        }
    }
    assert!(actions > 5);
}
