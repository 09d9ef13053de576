//! The stack of a rendered repository: `template.yaml` with the values of `samconfig.toml`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use rstest::rstest;
use tempfile::TempDir;
use template_tests::{Outcome, Project, Tools, checkout, run};

use crate::shared::render;

const ENVIRONMENTS: [&str; 2] = ["dev", "prod"];
const EMPTY_HASH: &str =
    "\n        MigrationHash: h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";

/// The values of the stack's parameters, by their names.
type Parameters = BTreeMap<String, String>;

struct Answers {
    architecture: &'static str,
    authentication: &'static str,
    database: &'static str,
    example_service: &'static str,
}

impl Answers {
    /// Each value of each answer at least once.
    fn each() -> Vec<Self> {
        let of = |architecture, authentication, database, example_service| Self {
            architecture,
            authentication,
            database,
            example_service,
        };
        vec![
            of("arm64", "iam", "existing", "yes"),
            of("x86_64", "secret", "create", "no"),
            of("arm64", "secret", "existing", "no"),
        ]
    }

    fn every() -> Vec<Self> {
        let mut all = Vec::new();
        for architecture in ["arm64", "x86_64"] {
            for authentication in ["iam", "secret"] {
                for database in ["existing", "create"] {
                    for example_service in ["yes", "no"] {
                        all.push(Self {
                            architecture,
                            authentication,
                            database,
                            example_service,
                        });
                    }
                }
            }
        }
        all
    }

    fn render(&self, parent: &Path, name: &str) -> Project {
        let answers = [
            ("database_name", "shop"),
            ("stack_name", "Shop"),
            ("aws_region", "us-gov-west-1"),
            ("postgres_major", "16"),
            ("architecture", self.architecture),
            ("authentication", self.authentication),
            ("database", self.database),
            ("example_service", self.example_service),
        ];
        render(parent, name, &answers).succeeded().unwrap();
        Project::at(parent.join(name))
    }

    /// What `samconfig.toml` must leave for the user to fill in, with valid values.
    fn blanks(&self, environment: &str) -> BTreeMap<&'static str, &'static str> {
        let mut blanks = BTreeMap::new();
        if environment == "prod" || self.database == "existing" {
            blanks.extend([
                ("DatabaseHost", "shop.abc.us-gov-west-1.rds.amazonaws.com"),
                ("DatabaseUser", "migrations"),
                ("DatabaseResourceId", "cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
                (
                    "SecretArn",
                    "arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:rds!db-1-AbC",
                ),
                (
                    "SubnetIds",
                    "subnet-0123456789abcdef0,subnet-0123456789abcdef1",
                ),
                ("SecurityGroupIds", "sg-0123456789abcdef0"),
            ]);
        }
        blanks
    }
}

/// The parameters that `samconfig.toml` gives to the stack of an environment.
fn parameters(project: &Project, environment: &str) -> Parameters {
    deploy(project, environment)["parameter_overrides"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| {
            let (key, value) = pair.as_str().unwrap().split_once('=').unwrap();
            // sam takes a blank value in quotes only.
            let value = value.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
            (key.to_owned(), value.unwrap().to_owned())
        })
        .collect()
}

/// The options of `sam deploy --config-env ENVIRONMENT`.
fn deploy(project: &Project, environment: &str) -> toml::Table {
    let config: toml::Table = project.read("samconfig.toml").unwrap().parse().unwrap();
    config[environment]["deploy"]["parameters"]
        .as_table()
        .unwrap()
        .clone()
}

/// The parameters of a template, each with the lines that describe it.
fn declared(template: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut declared: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let mut name = None;
    let section = template.lines().skip_while(|line| *line != "Parameters:");
    for line in section.skip(1).take_while(|line| line.starts_with(' ')) {
        match line.strip_prefix("  ").and_then(|it| it.strip_suffix(':')) {
            Some(key) if !key.starts_with(' ') => {
                name = Some(key);
                declared.insert(key, Vec::new());
            }
            _ => declared.get_mut(name.unwrap()).unwrap().push(line),
        }
    }
    assert!(declared.len() >= 3, "{declared:?}");
    declared
}

/// The template with these values as the parameters' defaults: cfn-lint compares those
/// with what the parameter allows, and tries them where it is used.
fn with_values(template: &str, values: &Parameters) -> String {
    let mut text = template.to_owned();
    for (name, lines) in declared(template) {
        let Some(value) = values.get(name) else {
            continue;
        };
        let before = format!("\n  {name}:\n{}\n", lines.join("\n"));
        let kept: String = lines
            .iter()
            .filter(|line| !line.starts_with("    Default:"))
            .map(|line| format!("{line}\n"))
            .collect();
        let after = format!("\n  {name}:\n{kept}    Default: \"{value}\"\n");
        assert_eq!(text.matches(&before).count(), 1, "{before}");
        text = text.replace(&before, &after);
    }
    text
}

fn lint(files: &[PathBuf]) -> Outcome {
    run(Command::new(Tools::cfn_lint().unwrap())
        .arg("--")
        .args(files))
}

/// `samconfig.toml` has what was answered, blanks for what nobody can know yet, and
/// nothing that the template does not have.
fn check_samconfig(project: &Project, answers: &Answers, environment: &str) {
    let deploy = deploy(project, environment);
    let stack_name = format!("Shop-{environment}");
    assert_eq!(deploy["stack_name"].as_str(), Some(&*stack_name));
    assert_eq!(deploy["region"].as_str(), Some("us-gov-west-1"));
    let asks = environment == "prod";
    assert_eq!(deploy["confirm_changeset"].as_bool(), Some(asks));
    assert_eq!(deploy["fail_on_empty_changeset"].as_bool(), Some(false));

    let given = parameters(project, environment);
    let created = environment == "dev" && answers.database == "create";
    let expected = [
        ("Architecture", answers.architecture),
        ("Database", if created { "create" } else { "existing" }),
        ("DatabaseName", "shop"),
        ("PostgresMajor", "16"),
    ];
    for (name, value) in expected {
        assert_eq!(given[name], value, "{name} in {environment}");
    }
    // With a created database, the template chooses: nobody has granted rds_iam in it yet.
    let authentication = given.get("Authentication").map(String::as_str);
    let expected = (!created).then_some(answers.authentication);
    assert_eq!(authentication, expected, "{environment}");
    let blank: Vec<_> = given
        .iter()
        .filter(|(_, value)| value.is_empty())
        .map(|(name, _)| name.as_str())
        .collect();
    let expected: Vec<_> = answers.blanks(environment).into_keys().collect();
    assert_eq!(blank, expected, "{environment}");

    let template = project.read("template.yaml").unwrap();
    let declared = declared(&template);
    for name in given.keys() {
        assert!(declared.contains_key(&**name), "the template has no {name}");
    }
    for (name, lines) in &declared {
        let has = |key: &str| lines.iter().any(|line| line.starts_with(key));
        assert!(has("    Type:") && has("    Description:"), "{name}");
        assert!(
            has("    Default:") || given.contains_key(*name),
            "{name} has no value in {environment}"
        );
    }
}

/// Renders with each of the answers, and lints the stack with the values of each environment.
fn check_stacks(all: &[Answers]) {
    let parent = TempDir::new().unwrap();
    let mut files = Vec::new();
    for (number, answers) in all.iter().enumerate() {
        let project = answers.render(parent.path(), &format!("shop-{number}"));
        for nested in ["migrations", "database"] {
            files.push(project.root.join(format!("kit/deploy/{nested}.yaml")));
        }
        let template = project.read("template.yaml").unwrap();
        for environment in ENVIRONMENTS {
            check_samconfig(&project, answers, environment);
            let mut values = parameters(&project, environment);
            for (name, value) in answers.blanks(environment) {
                values.insert(name.into(), value.into());
            }
            let file = format!("{environment}.yaml");
            project
                .write(&file, &with_values(&template, &values))
                .unwrap();
            files.push(project.root.join(file));
        }
    }
    // As it is worked on, without rendering.
    files.push(checkout().join("template/template.yaml"));
    lint(&files).succeeded().unwrap();
}

#[test]
fn each_answer_makes_a_complete_stack_that_lints() {
    check_stacks(&Answers::each());
}

#[test]
#[ignore = "soak: every combination"]
fn every_combination_of_answers_makes_a_complete_stack_that_lints() {
    let all = Answers::every();
    assert_eq!(all.len(), 16);
    check_stacks(&all);
}

/// The lint above would be worthless if it accepted everything.
#[rstest]
#[case::unknown_property("template.yaml", "Tracing: Active", "Tracking: Active", "Tracking")]
#[case::value("template.yaml", "Default: arm64", "Default: sparc", "AllowedValues")]
#[case::missing_parameter(
    "template.yaml",
    "        DatabaseName: !Ref DatabaseName\n",
    "",
    "DatabaseName"
)]
#[case::unknown_resource(
    "kit/deploy/migrations.yaml",
    "role/${MigrationRole}",
    "role/${NoRole}",
    "NoRole"
)]
#[case::pattern(
    "kit/deploy/migrations.yaml",
    "Default: \"\"",
    "Default: \"a b\"",
    "AllowedPattern"
)]
fn lint_finds_a_mistake(
    #[case] file: &str,
    #[case] from: &str,
    #[case] to: &str,
    #[case] word: &str,
) {
    let directory = TempDir::new().unwrap();
    fs::create_dir_all(directory.path().join("kit/deploy")).unwrap();
    for name in [
        "template.yaml",
        "kit/deploy/migrations.yaml",
        "kit/deploy/database.yaml",
    ] {
        let mut text = fs::read_to_string(checkout().join("template").join(name)).unwrap();
        if name == file {
            assert!(text.contains(from), "{from}");
            text = text.replacen(from, to, 1);
        }
        fs::write(directory.path().join(name), text).unwrap();
    }
    let outcome = lint(&[directory.path().join(file)]);
    assert!(!outcome.success, "{}", outcome.output);
    assert!(outcome.output.contains(word), "{}", outcome.output);
}

/// cfn-lint does not compare the outputs of a nested template.
#[test]
fn the_nested_template_has_what_the_template_uses() {
    let read = |file: &str| fs::read_to_string(checkout().join("template").join(file)).unwrap();
    let (template, text) = (read("template.yaml"), read("kit/deploy/migrations.yaml"));
    let nested = declared(&text);
    let (_, passed) = template
        .split_once("TemplateURL: kit/deploy/migrations.yaml")
        .unwrap();
    let passed: Vec<_> = passed
        .lines()
        .skip_while(|line| *line != "      Parameters:")
        .skip(1)
        .take_while(|line| line.starts_with("        "))
        .filter_map(|line| line.trim().split_once(": ").filter(|_| !line.contains('#')))
        .map(|(name, _)| name)
        .collect();
    assert!(passed.len() > 10, "{passed:?}");
    for name in &passed {
        assert!(nested.contains_key(name), "migrations.yaml has no {name}");
    }
    let (_, outputs) = text.split_once("\nOutputs:\n").unwrap();
    for (_, after) in template
        .match_indices("Migrations.Outputs.")
        .map(|(at, key)| template.split_at(at + key.len()))
    {
        let name: String = after
            .chars()
            .take_while(char::is_ascii_alphabetic)
            .collect();
        assert!(
            outputs.contains(&format!("  {name}:\n")),
            "migrations.yaml has no output {name}"
        );
    }
    for (name, lines) in &nested {
        let default = lines.iter().any(|line| line.starts_with("    Default:"));
        assert!(default || passed.contains(name), "{name} has no value");
    }
}

#[rstest]
#[case("yes", true)]
#[case("no", false)]
fn the_example_is_rendered_on_request_only(#[case] answer: &str, #[case] there: bool) {
    let parent = TempDir::new().unwrap();
    render(parent.path(), "my-db", &[("example_service", answer)])
        .succeeded()
        .unwrap();
    let project = Project::at(parent.path().join("my-db"));
    for path in ["crates/count-users", "crates/entity/sql/roles.sql"] {
        assert_eq!(project.root.join(path).exists(), there, "{path}");
    }
    let template = project.read("template.yaml").unwrap();
    for word in ["CountUsers", "count-users"] {
        assert_eq!(template.contains(word), there, "{word}");
    }
    assert!(!template.contains("{%"), "a tag of liquid is left");
    // `just create-migrations` writes the hash there.
    assert_eq!(template.matches("MigrationHash:").count(), 1);
    assert!(template.contains(EMPTY_HASH), "the hash of no migrations");
}

/// template/ is worked on without rendering, so its stack is that of the default answers.
#[test]
fn the_template_has_the_stack_of_the_default_answers() {
    let parent = TempDir::new().unwrap();
    render(parent.path(), "app", &[]).succeeded().unwrap();
    let project = Project::at(parent.path().join("app"));
    let unrendered =
        |file: &str| fs::read_to_string(checkout().join("template").join(file)).unwrap();
    assert_eq!(
        project.read("samconfig.toml").unwrap(),
        unrendered("samconfig.toml")
    );
    let tags = ["{% if example_service == \"yes\" %}", "{% endif %}"];
    let template = unrendered("template.yaml");
    let without_tags = tags
        .iter()
        .fold(template, |text, tag| text.replace(tag, ""));
    // Working on the template's own migrations leaves their hash there.
    let lines = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.contains("MigrationHash:"));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(
        lines(&project.read("template.yaml").unwrap()),
        lines(&without_tags)
    );
}

/// Who applies, on which processor, and how it and the services sign in.
#[test]
fn the_nested_stack_lints_with_every_choice() {
    let template = checkout().join("template/kit/deploy/migrations.yaml");
    let template = fs::read_to_string(template).unwrap();
    let choices = [
        ("Runner", ["function", "task"]),
        ("Architecture", ["arm64", "x86_64"]),
        ("Authentication", ["iam", "secret"]),
        ("ServiceUser", ["", "app_service"]),
    ];
    let directory = TempDir::new().unwrap();
    let mut files = Vec::new();
    for number in 0..1 << choices.len() {
        let chosen = choices
            .iter()
            .enumerate()
            .map(|(bit, (name, values))| (*name, values[number >> bit & 1]));
        let others = [
            ("TaskRepository", "shop/migrations"),
            ("DatabaseUser", "migrations"),
            ("DatabaseResourceId", "db-ABCDEFGHIJKL"),
        ];
        let values = chosen
            .chain(others)
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let file = directory.path().join(format!("{number}.yaml"));
        fs::write(&file, with_values(&template, &values)).unwrap();
        files.push(file);
    }
    lint(&files).succeeded().unwrap();
}
