//! What comes out of cargo-generate, for good answers and bad ones.

use std::{ffi::OsStr, fs, os::unix::fs::PermissionsExt, path::Path};

use rstest::rstest;
use tempfile::TempDir;
use template_tests::{Outcome, Project, Tools, checkout, run};

fn render(parent: &Path, answers: &[(&str, &str)]) -> Outcome {
    Project::render(
        &Tools::find().unwrap().cargo_generate,
        parent,
        "my-db",
        answers,
    )
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

    let recorded: toml::Table = project
        .read(".template-answers.toml")
        .unwrap()
        .parse()
        .unwrap();
    for (key, value) in answers.iter().chain(&[("project-name", "my-db")]) {
        assert_eq!(recorded["values"][key].as_str(), Some(*value));
    }
    let environment = project.read(".env.example").unwrap();
    assert!(environment.contains("\nDATABASE_NAME=shop_db\n"));
    assert!(environment.contains(&format!("\nPOSTGRES_MAJOR={major}\n")));
    assert!(project.read("README.md").unwrap().starts_with("# my-db\n"));
    for file in [".env.example", ".template-answers.toml", "README.md"] {
        assert!(
            !project.read(file).unwrap().contains("{{"),
            "{file} holds a placeholder"
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
            "database.yaml",
            "justfile",
            "kit",
            "migrations",
            "samconfig.toml",
            "template.yaml",
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
    // Lines that only this repository may hold.
    for word in ["{{project-name}}", "cargo-generate"] {
        assert!(!project.read("README.md").unwrap().contains(word));
    }
}

/// template/ is worked on as it stands, so it has a rendered twin of the file that
/// programs read.
#[test]
fn the_template_builds_with_the_default_answers() {
    let parent = TempDir::new().unwrap();
    render(parent.path(), &[]).succeeded().unwrap();
    let twin = fs::read_to_string(checkout().join("template/.env.example")).unwrap();
    assert_eq!(
        Project::at(parent.path().join("my-db"))
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
#[case::dash("database_name", "my-db", "lower-case letters, digits and _")]
#[case::empty("database_name", "", "lower-case letters, digits and _")]
#[case::digit_first("database_name", "1db", "not beginning with a digit")]
#[case::capital("database_name", "Shop", "lower-case letters")]
#[case::too_long(
    "database_name",
    "a123456789b123456789c123456789d123456789e123456789f123456789g123",
    "63"
)]
#[case::key_word("database_name", "user", "reserves that word")]
#[case::system_database("database_name", "postgres", "reserves that word")]
#[case::system_prefix("database_name", "pg_shop", "reserves that word")]
#[case::stack_digit_first("stack_name", "1shop", "a letter, then letters, digits and -")]
#[case::stack_underscore("stack_name", "my_shop", "a letter, then letters, digits and -")]
#[case::stack_empty("stack_name", "", "CloudFormation takes")]
#[case::region("aws_region", "Frankfurt", "eu-central-1")]
#[case::architecture("architecture", "sparc", "not a valid value for architecture")]
#[case::old_postgres("postgres_major", "13", "not a valid value for postgres_major")]
fn refuses_a_wrong_answer(#[case] key: &str, #[case] value: &str, #[case] rule: &str) {
    let parent = TempDir::new().unwrap();
    let outcome = render(parent.path(), &[(key, value)]);
    assert!(!outcome.success, "{}", outcome.output);
    assert!(outcome.output.contains(rule), "{}", outcome.output);
    assert!(outcome.output.contains(key), "{}", outcome.output);
    // cargo-generate itself leaves the empty directory.
    let left = fs::read_dir(parent.path().join("my-db")).map_or(0, Iterator::count);
    assert_eq!(left, 0, "something was rendered");
}
