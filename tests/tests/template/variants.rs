//! Every combination of answers: what a project leaves out leaves no trace.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use rstest::rstest;
use tempfile::TempDir;
use template_tests::{Project, checkout, run};

use crate::shared;

type Answers = [(&'static str, &'static str)];

const NO_AWS: &Answers = &[("aws", "no")];

/// Words that only a project with AWS may contain. Whole words, whatever their case.
const AWS: [&str; 27] = [
    "aws",
    "awscli",
    "bootstrap",
    "botocore",
    "cfn",
    "cfn-lint",
    "cloudformation",
    "deploy",
    "deployed",
    "deploying",
    "deployment",
    "deployments",
    "iam",
    "lambda",
    "lambdas",
    "ministack",
    "rds",
    "rdsadmin",
    "rehearse",
    "s3",
    "sam",
    "samconfig",
    "serverless",
    "stack",
    "stacks",
    "sts",
    "vpc",
];
/// Likewise, where a part of a word is enough.
const AWS_PARTS: [&str; 9] = [
    "amazon",
    "cargo-lambda",
    "count-users",
    "count_users",
    "lambda_runtime",
    "migrationhash",
    "setup-deploy",
    "stack_hash",
    "template.yaml",
];

/// Lines that may contain such a word all the same: the file and a part of the line.
const ALLOWED: [(&str, &str, &str); 9] = [
    (
        ".template-answers.toml",
        "aws = \"no\"",
        "the answer itself",
    ),
    (
        ".githooks/pre-commit",
        "template.yaml",
        "git accepts a path that does not exist",
    ),
    (
        "kit/kit.just",
        "import? 'deploy/deploy.just'",
        "imports what exists",
    ),
    (
        "kit/daily.just",
        "lint-stack",
        "deploy.just replaces this empty recipe",
    ),
    ("kit/atlas/src/history.rs", "deploy", "an English word"),
    ("kit/gate/", "deploy", "an English word"),
    // The kit's shared crates are the same in all projects.
    (
        "kit/migrations/src/",
        "MigrationHash",
        "keeps copies of the hash in step, whatever file has them",
    ),
    (
        "kit/tools/src/",
        "",
        "also finds programs for kit/deploy, where that exists",
    ),
    (
        "kit/update/src/",
        "",
        "also merges template.yaml, where that exists",
    ),
];

/// Renders a project, with the same answers to what both kinds of project are asked.
fn render(parent: &TempDir, answers: &Answers) -> Project {
    shared::render(parent.path(), "my-db", answers)
        .succeeded()
        .unwrap();
    Project::at(parent.path().join("my-db"))
}

/// All files below a directory but git's.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            found.push(path);
        } else if !path.ends_with(".git") {
            found.extend(files(&path));
        }
    }
    found
}

/// Lines of a project that contain one of the words, as `file:line: text`.
fn mentions(project: &Project, words: &[&str], parts: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for path in files(&project.root) {
        let file = path
            .strip_prefix(&project.root)
            .unwrap()
            .display()
            .to_string();
        let text = format!("{file}\n{}", fs::read_to_string(&path).unwrap());
        for (number, line) in text.lines().enumerate() {
            let lower = line.to_lowercase();
            let is_word = |word: &str| {
                lower
                    .split(|c: char| !c.is_alphanumeric() && c != '-')
                    .any(|it| it.trim_matches('-') == word || it.split('-').any(|it| it == word))
            };
            let allowed = ALLOWED
                .iter()
                .any(|(start, part, _)| file.starts_with(start) && line.contains(part));
            if !allowed
                && (words.iter().any(|word| is_word(word))
                    || parts.iter().any(|it| lower.contains(it)))
            {
                found.push(format!("{file}:{number}: {line}"));
            }
        }
    }
    found
}

#[test]
fn without_aws_nothing_speaks_of_it() {
    let parent = TempDir::new().unwrap();
    let project = render(&parent, NO_AWS);
    let found = mentions(&project, &AWS, &AWS_PARTS);
    assert!(found.is_empty(), "{}", found.join("\n"));

    let recipes = run(project.command("just").arg("--summary"))
        .succeeded()
        .unwrap();
    for recipe in ["deploy", "setup-deploy", "package", "logs"] {
        let mut names = recipes.output.split_whitespace();
        assert!(names.all(|name| name != recipe), "{}", recipes.output);
    }
    for path in [
        "kit/deploy",
        "kit/rds",
        "kit/migration-lambda",
        "crates/count-users",
        "crates/entity/sql/roles.sql",
        "template.yaml",
    ] {
        assert!(!project.root.join(path).exists(), "{path}");
    }
}

/// The search above would be worthless if it found nothing with AWS either.
#[test]
fn with_aws_much_speaks_of_it() {
    let parent = TempDir::new().unwrap();
    let found = mentions(&render(&parent, &[]), &AWS, &AWS_PARTS);
    for file in [
        ".env.example",
        "README.md",
        "tools.toml",
        "DEPLOY.md",
        "kit/rds",
        ".github/workflows",
    ] {
        assert!(found.iter().any(|line| line.starts_with(file)), "{file}");
    }
}

#[test]
fn without_the_example_nothing_speaks_of_it() {
    let parent = TempDir::new().unwrap();
    let project = render(&parent, &[("example_service", "no")]);
    let mut found = mentions(&project, &[], &["count-users", "count_users", "countusers"]);
    // The programs that package whatever functions there are, and their unit tests.
    found.retain(|line| !line.starts_with("kit/deploy/src/"));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// cargo refuses `--locked` when Cargo.lock has packages that nothing needs, so each kind of
/// project has a lock file of its own.
#[rstest]
#[case::aws_example("aws-example", &[])]
#[case::aws("aws", &[("example_service", "no")])]
#[case::no_aws("no-aws", NO_AWS)]
fn the_lock_file_is_exact(#[case] name: &str, #[case] answers: &Answers) {
    let parent = TempDir::new().unwrap();
    let project = render(&parent, answers);
    let resolve = |lock: &str| {
        let arguments = ["metadata", "--offline", "--format-version", "1", lock];
        run(project.command("cargo").args(arguments))
    };
    if env::var_os("UPDATE").is_some() {
        // What the template itself builds with, less what this project does not need.
        fs::copy(
            checkout().join("template/Cargo.lock"),
            project.root.join("Cargo.lock"),
        )
        .unwrap();
        resolve("--quiet").succeeded().unwrap();
        let file = checkout().join(format!("hooks/locks/{name}.lock"));
        fs::copy(project.root.join("Cargo.lock"), file).unwrap();
    }
    let resolved = resolve("--locked");
    assert!(
        resolved.success,
        "hooks/locks is out of date; run this test with UPDATE=1: {}",
        resolved.output
    );
}

/// Packages in a project's lock file have the versions that the template was tested with.
#[test]
fn lock_files_agree_with_the_template() {
    let read = |file: &str| fs::read_to_string(checkout().join(file)).unwrap();
    let packages = |text: &str| -> Vec<String> {
        let entries = text.split("[[package]]\n").skip(1);
        entries.map(|it| it.lines().take(2).collect()).collect()
    };
    let tested = packages(&read("template/Cargo.lock"));
    for name in ["aws-example", "aws", "no-aws"] {
        for package in packages(&read(&format!("hooks/locks/{name}.lock"))) {
            assert!(
                tested.contains(&package),
                "{name}: {package}; run with UPDATE=1"
            );
        }
    }
}

#[test]
#[ignore = "soak: renders all combinations of answers"]
fn every_combination_renders_completely() {
    let mut combinations = Vec::new();
    for major in ["15", "17"] {
        combinations.push(vec![("aws", "no"), ("postgres_major", major)]);
    }
    for architecture in ["arm64", "x86_64"] {
        for example in ["yes", "no"] {
            for database in [
                vec![("database", "create")],
                vec![("authentication", "iam")],
                vec![("authentication", "secret")],
            ] {
                let mut answers =
                    vec![("architecture", architecture), ("example_service", example)];
                answers.extend(database);
                combinations.push(answers);
            }
        }
    }
    for answers in combinations {
        let parent = TempDir::new().unwrap();
        let project = render(&parent, &answers);
        let recorded: toml::Table = project
            .read(".template-answers.toml")
            .unwrap()
            .parse()
            .unwrap();
        for (key, value) in &answers {
            assert_eq!(
                recorded["values"][key].as_str(),
                Some(*value),
                "{answers:?}"
            );
        }
        let rendered = [
            "README.md",
            "tools.toml",
            ".env.example",
            "DEPLOY.md",
            "samconfig.toml",
            "template.yaml",
        ];
        for file in rendered.iter().filter_map(|file| project.read(file).ok()) {
            assert!(
                !file.replace("${{", "").contains("{{") && !file.contains("{%"),
                "{answers:?}: {file}"
            );
        }
        run(project.command("cargo").args([
            "metadata",
            "--offline",
            "--locked",
            "--format-version",
            "1",
        ]))
        .succeeded()
        .unwrap();
    }
}
