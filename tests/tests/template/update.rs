//! `just update-template` over the histories that repositories have.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;
use template_tests::{Outcome, Project, Tools, checkout, run};

use crate::shared::says;

/// A template with the versions 0.1.0 and 0.2.0, and a repository made from the first.
struct World {
    directory: TempDir,
    project: Project,
}

fn git(directory: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command
        .current_dir(directory)
        .args(["-c", "user.name=A", "-c", "user.email=a@example.com"]);
    run(command.args(arguments)).succeeded().unwrap().output
}

fn write(path: &Path, contents: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, contents).unwrap();
}

fn edit(path: &Path, from: &str, to: &str) {
    let contents = fs::read_to_string(path).unwrap();
    assert!(
        contents.contains(from),
        "{from:?} is not in {}",
        path.display()
    );
    fs::write(path, contents.replacen(from, to, 1)).unwrap();
}

impl World {
    /// `change` makes the second version of the template out of the first.
    fn new(change: impl Fn(&Path)) -> Self {
        let directory = TempDir::new().unwrap();
        let template = directory.path().join("source");
        let files = run(Command::new("git").current_dir(checkout()).args([
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
        ]))
        .succeeded()
        .unwrap();
        for file in files
            .output
            .lines()
            .filter(|file| checkout().join(file).is_file())
        {
            let to = template.join(file);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(checkout().join(file), to).unwrap();
        }
        git(&template, &["init", "--quiet", "--initial-branch", "main"]);
        let release = |version: &str| {
            write(
                &template.join("template/kit/VERSION"),
                &format!("{version}\n"),
            );
            let answers = template.join("template/.template-answers.toml");
            let text = fs::read_to_string(&answers).unwrap();
            let old = text
                .lines()
                .find(|line| line.starts_with("version = "))
                .unwrap()
                .to_owned();
            edit(&answers, &old, &format!("version = \"{version}\""));
            git(&template, &["add", "--all"]);
            git(
                &template,
                &["commit", "--quiet", "--allow-empty", "--message", version],
            );
            git(&template, &["tag", &format!("v{version}")]);
        };
        release("0.1.0");
        let answers = [("template_source", template.to_str().unwrap())];
        let tools = Tools::find().unwrap();
        let at_first = ["--path".as_ref(), template.as_os_str()];
        Project::render_from(
            &tools.cargo_generate,
            &at_first,
            directory.path(),
            "shop",
            &answers,
        )
        .succeeded()
        .unwrap();
        change(&template);
        release("0.2.0");
        let project = Project::with_tools(directory.path().join("shop")).unwrap();
        let world = Self { directory, project };
        world.git(&["config", "user.name", "A"]);
        world.git(&["config", "user.email", "a@example.com"]);
        world.commit();
        world
    }

    fn source(&self) -> PathBuf {
        self.directory.path().join("source")
    }

    fn at(&self, file: &str) -> PathBuf {
        self.project.root.join(file)
    }

    fn read(&self, file: &str) -> String {
        self.project.read(file).unwrap()
    }

    fn git(&self, arguments: &[&str]) -> String {
        git(&self.project.root, arguments)
    }

    fn commit(&self) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", "work"]);
    }

    fn update(&self, options: &[&str]) -> Outcome {
        // By the program of this checkout: to build it in every render would take a minute each.
        let mut command = self.project.command(program());
        let tools = Tools::find().unwrap();
        let bin = tools.cargo_generate.parent().unwrap();
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{path}", bin.display()));
        run(command.arg("update-template").args(options))
    }
}

fn program() -> PathBuf {
    use std::sync::OnceLock;
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        let template = checkout().join("template");
        let mut cargo = Command::new("cargo");
        cargo
            .current_dir(&template)
            .args(["build", "--quiet", "--bin", "xtask"]);
        run(&mut cargo).succeeded().unwrap();
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or(template.join("target"), PathBuf::from);
        target.join("debug/xtask")
    };
    PROGRAM.get_or_init(build).clone()
}

const USER: &str = "crates/entity/src/user.rs";

#[test]
fn edits_of_the_user_stay_and_the_kit_is_replaced() {
    let world = World::new(|template| {
        write(
            &template.join("template/kit/process/NEW"),
            "new in the kit\n",
        );
        fs::remove_file(template.join("template/.squawk.toml")).unwrap();
        fs::rename(
            template.join("template/atlas.hcl"),
            template.join("template/kit/atlas.hcl"),
        )
        .unwrap();
        edit(
            &template.join("template/kit/kit.just"),
            "# The recipes",
            "# All recipes",
        );
        edit(
            &template.join("template/Cargo.toml"),
            "debug = false",
            "debug = 0",
        );
    });
    // The user has edited, deleted and renamed what is theirs, and added migrations.
    edit(
        &world.at(USER),
        "pub name: String",
        "pub name: String,\n    pub phone: Option<String>",
    );
    fs::remove_dir_all(world.at("crates/count-users")).unwrap();
    fs::rename(world.at("crates/app"), world.at("crates/shop")).unwrap();
    edit(
        &world.at("crates/shop/Cargo.toml"),
        "name = \"app\"",
        "name = \"shop\"",
    );
    edit(
        &world.at("Cargo.toml"),
        "app = { path = \"crates/app\" }",
        "shop = { path = \"crates/shop\" }",
    );
    edit(&world.at("Cargo.toml"), "\"crates/app\"", "\"crates/shop\"");
    write(
        &world.at("migrations/20260101000000_initial.sql"),
        "SELECT 1;\n",
    );
    let template = world.read("template.yaml");
    let hash = template
        .lines()
        .find(|line| line.contains("MigrationHash:"))
        .map(str::to_owned);
    if let Some(hash) = &hash {
        edit(
            &world.at("template.yaml"),
            hash,
            "      MigrationHash: h1:mine",
        );
    }
    world.commit();
    let check = world.update(&["--check"]);
    says(&check, &["template 0.2.0 is out, this is 0.1.0"]);
    assert!(!check.success);

    let update = world.update(&[]).succeeded().unwrap();
    says(&update, &["✓ template 0.2.0", "git diff --staged"]);
    assert_eq!(world.read("kit/process/NEW"), "new in the kit\n");
    assert!(world.read("kit/kit.just").starts_with("# All recipes"));
    assert!(!world.at(".squawk.toml").exists() && !world.at("atlas.hcl").exists());
    assert!(world.at("kit/atlas.hcl").exists());
    assert!(world.read("Cargo.toml").contains("debug = 0"));
    assert!(world.read(USER).contains("pub phone"));
    assert!(!world.at("crates/app").exists() && !world.at("crates/count-users").exists());
    assert!(world.at("migrations/20260101000000_initial.sql").exists());
    if hash.is_some() {
        assert!(
            world
                .read("template.yaml")
                .contains("MigrationHash: h1:mine")
        );
    }
    assert!(world.read("Cargo.lock").contains("name = \"shop\""));
    assert!(
        world
            .read(".template-answers.toml")
            .contains("version = \"0.2.0\"")
    );
    assert_eq!(
        world.git(&["diff", "--name-only"]),
        "",
        "everything is staged"
    );
    world.commit();
    says(
        &world.update(&["--check"]).succeeded().unwrap(),
        &["up to date"],
    );
    says(&world.update(&[]).succeeded().unwrap(), &["up to date"]);
}

#[test]
fn overlapping_edits_are_conflicts_and_deleted_files_stay_deleted() {
    let world = World::new(|template| {
        edit(
            &template.join("template/kit/kit.just"),
            "# The recipes of the kit",
            "# All recipes",
        );
        edit(
            &template.join("template/crates/entity/src/address.rs"),
            "pub city",
            "pub town",
        );
    });
    edit(
        &world.at("kit/kit.just"),
        "# The recipes of the kit",
        "# My recipes",
    );
    fs::remove_file(world.at("crates/entity/src/address.rs")).unwrap();
    world.commit();
    let update = world.update(&[]);
    assert!(!update.success);
    says(
        &update,
        &[
            "crates/entity/src/address.rs stays deleted",
            "kit/kit.just",
            "git reset --hard",
        ],
    );
    let conflict = world.read("kit/kit.just");
    for words in ["<<<<<<<", "# My recipes", "# All recipes", ">>>>>>>"] {
        assert!(conflict.contains(words), "{conflict}");
    }
    assert!(!world.at("crates/entity/src/address.rs").exists());
    world.git(&["reset", "--quiet", "--hard"]);
    assert!(world.read("kit/kit.just").starts_with("# My recipes"));
}

#[test]
fn a_changed_answer_brings_in_what_it_stands_for() {
    let world = World::new(|_| {});
    let without = ["--to", "0.1.0", "-d", "example_service=no"];
    world.update(&without).succeeded().unwrap();
    assert!(!world.at("crates/count-users").exists());
    world.commit();
    world
        .update(&["--to", "0.1.0", "-d", "example_service=yes"])
        .succeeded()
        .unwrap();
    assert!(world.at("crates/count-users/src/main.rs").exists());
    assert!(
        world
            .read(".template-answers.toml")
            .contains("example_service = \"yes\"")
    );
    assert!(world.read("template.yaml").contains("CountUsers:"));
}

#[test]
fn a_new_question_gets_its_default_or_the_answer_given() {
    let world = World::new(|template| {
        let config =
            "\n[placeholders.motto]\ntype = \"string\"\nprompt = \"Motto\"\ndefault = \"none\"\n";
        let file = template.join("cargo-generate.toml");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text + config).unwrap();
        let answers = template.join("template/.template-answers.toml");
        let text = fs::read_to_string(&answers).unwrap();
        fs::write(&answers, text + "motto = \"{{motto}}\"\n").unwrap();
    });
    world.update(&[]).succeeded().unwrap();
    assert!(
        world
            .read(".template-answers.toml")
            .contains("motto = \"none\"")
    );
    world.git(&["reset", "--quiet", "--hard"]);
    world.update(&["-d", "motto=onward"]).succeeded().unwrap();
    assert!(
        world
            .read(".template-answers.toml")
            .contains("motto = \"onward\"")
    );
}

#[test]
fn refuses_what_it_cannot_do_and_changes_nothing() {
    let world = World::new(|template| write(&template.join("template/kit/NEW.md"), "new\n"));
    write(&world.at("crates/app/src/draft.rs"), "// not committed\n");
    let refuse = |options: &[&str], words: &[&str]| {
        let before = world.git(&["status", "--porcelain"]);
        let update = world.update(options);
        assert!(!update.success, "{}", update.output);
        says(&update, words);
        assert_eq!(world.git(&["status", "--porcelain"]), before);
        assert!(!world.at("kit/NEW.md").exists());
    };
    refuse(
        &[],
        &[
            "uncommitted changes",
            "crates/app/src/draft.rs",
            "git stash",
        ],
    );
    world.commit();
    refuse(&["--template", "/nowhere"], &["/nowhere", "--template"]);
    refuse(&["--to", "9.9.9"], &["there is no tag v9.9.9"]);
    // An answer that the template refuses, which shows only while it renders.
    refuse(&["-d", "database_name=My-DB"], &["database_name", "My-DB"]);
    git(&world.source(), &["tag", "--delete", "v0.1.0"]);
    refuse(&[], &["version 0.1.0", "--base"]);

    let base = world.directory.path().join("base");
    git(
        &world.source(),
        &[
            "worktree",
            "add",
            "--quiet",
            base.to_str().unwrap(),
            "HEAD~1",
        ],
    );
    world
        .update(&["--base", base.to_str().unwrap()])
        .succeeded()
        .unwrap();
    assert_eq!(world.read("kit/NEW.md"), "new\n");
}

#[test]
fn a_repository_without_history_and_a_template_without_git_will_do() {
    let world = World::new(|template| write(&template.join("template/kit/NEW.md"), "new\n"));
    let base = world.directory.path().join("base");
    git(
        &world.source(),
        &[
            "worktree",
            "add",
            "--quiet",
            base.to_str().unwrap(),
            "v0.1.0",
        ],
    );
    for directory in [world.at(".git"), world.source().join(".git")] {
        fs::remove_dir_all(directory).unwrap();
    }
    let update = world
        .update(&["--base", base.to_str().unwrap()])
        .succeeded()
        .unwrap();
    says(&update, &["committing everything as it is"]);
    assert_eq!(world.read("kit/NEW.md"), "new\n");
    // There is a commit to go back to.
    git(&world.project.root, &["reset", "--quiet", "--hard"]);
    assert!(!world.at("kit/NEW.md").exists());
}

/// A repository in a folder of a larger one.
#[test]
fn a_part_of_a_larger_repository_is_updated_in_its_place() {
    let world = World::new(|template| write(&template.join("template/kit/NEW.md"), "new\n"));
    fs::remove_dir_all(world.at(".git")).unwrap();
    let outer = world.directory.path();
    write(&outer.join(".gitignore"), "/source\n");
    git(outer, &["init", "--quiet"]);
    git(outer, &["add", "--all"]);
    git(outer, &["commit", "--quiet", "--message", "all"]);
    let mut command = world.project.command("git");
    command.env_remove("GIT_CEILING_DIRECTORIES");
    let mut update = world.project.command(program());
    let bin = Tools::find().unwrap().cargo_generate;
    let path = std::env::var("PATH").unwrap();
    update.env_remove("GIT_CEILING_DIRECTORIES").env(
        "PATH",
        format!("{}:{path}", bin.parent().unwrap().display()),
    );
    run(update.arg("update-template")).succeeded().unwrap();
    assert_eq!(world.read("kit/NEW.md"), "new\n");
    let staged = run(command.args(["diff", "--staged", "--name-only"])).output;
    assert!(staged.contains("shop/kit/NEW.md"), "{staged}");
}
