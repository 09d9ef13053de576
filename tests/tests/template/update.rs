//! `just update-template` in repositories with all kinds of history.

use std::{
    collections::BTreeSet,
    env, fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    thread,
    time::Duration,
};

use tempfile::TempDir;
use template_tests::{Outcome, Project, Tools, checkout, copy_checkout, run};

use crate::shared::says;

/// A template with the versions 0.1.0 and 0.2.0, and a repository rendered from the first.
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

fn append(path: &Path, text: &str) {
    let contents = fs::read_to_string(path).unwrap();
    fs::write(path, contents + text).unwrap();
}

/// Commits the template at `template` as a version, with its tag.
fn release(template: &Path, version: &str) {
    write(
        &template.join("template/kit/VERSION"),
        &format!("{version}\n"),
    );
    let answers = template.join("template/.template-answers.toml");
    let text = fs::read_to_string(&answers).unwrap();
    let old = text.lines().find(|line| line.starts_with("version = "));
    edit(&answers, old.unwrap(), &format!("version = \"{version}\""));
    git(template, &["add", "--all"]);
    let message = ["--quiet", "--allow-empty", "--message", version];
    git(template, &[&["commit"], &message[..]].concat());
    git(template, &["tag", &format!("v{version}")]);
}

/// Renders a template that is a directory, into `parent/shop`.
fn render(template: &Path, parent: &Path, answers: &[(&str, &str)]) -> Project {
    let tools = Tools::find().unwrap();
    let source = ["--path".as_ref(), template.as_os_str()];
    fs::create_dir_all(parent).unwrap();
    Project::render_from(&tools.cargo_generate, &source, parent, "shop", answers)
        .succeeded()
        .unwrap();
    Project::with_tools(parent.join("shop")).unwrap()
}

/// The commands of this checkout: building them in every render would take a minute each.
fn program() -> PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        let template = checkout().join("template");
        let mut cargo = Command::new("cargo");
        cargo.current_dir(&template);
        run(cargo.args(["build", "--quiet", "--bin", "xtask"]))
            .succeeded()
            .unwrap();
        let target = env::var_os("CARGO_TARGET_DIR").map_or(template.join("target"), PathBuf::from);
        target.join("debug/xtask")
    };
    PROGRAM.get_or_init(build).clone()
}

impl World {
    /// `change` turns the first version of the template into the second.
    fn new(answers: &[(&str, &str)], change: impl Fn(&Path)) -> Self {
        let directory = TempDir::new().unwrap();
        let template = directory.path().join("source");
        assert!(copy_checkout(&template).unwrap());
        git(&template, &["init", "--quiet", "--initial-branch", "main"]);
        release(&template, "0.1.0");
        let source = [("template_source", template.to_str().unwrap())];
        let project = render(&template, directory.path(), &[answers, &source].concat());
        change(&template);
        release(&template, "0.2.0");
        let world = Self { directory, project };
        world.git(&["config", "user.name", "A"]);
        world.git(&["config", "user.email", "a@example.com"]);
        world.commit();
        world
    }

    fn source(&self) -> PathBuf {
        self.directory.path().join("source")
    }

    /// A directory with version 0.1.0 of the template, for `--base`.
    fn base(&self) -> String {
        let base = self.directory.path().join("base").display().to_string();
        git(
            &self.source(),
            &["worktree", "add", "--quiet", &base, "HEAD~1"],
        );
        base
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

    fn command(&self, options: &[&str]) -> Command {
        let mut command = self.project.command(program());
        let tools = Tools::find().unwrap();
        let bin = tools.cargo_generate.parent().unwrap();
        let path = env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{path}", bin.display()));
        command.arg("update-template").args(options);
        command
    }

    fn update(&self, options: &[&str]) -> Outcome {
        run(&mut self.command(options))
    }

    /// Runs an update that must fail, print all of `words`, and change nothing.
    fn refuses(&self, options: &[&str], words: &[&str]) {
        let before = self.git(&["status", "--porcelain"]);
        let update = self.update(options);
        assert!(!update.success, "{}", update.output);
        says(&update, words);
        assert_eq!(self.git(&["status", "--porcelain"]), before);
    }

    fn lock_is_in_step(&self) {
        let mut cargo = self.project.command("cargo");
        run(cargo.args(["update", "--workspace", "--locked", "--offline"]))
            .succeeded()
            .unwrap();
    }
}

const USER: &str = "crates/entity/src/user.rs";

#[test]
fn edits_of_the_user_stay_and_the_kit_is_replaced() {
    let world = World::new(&[], |template| {
        let at = |file: &str| template.join("template").join(file);
        write(&at("kit/process/NEW"), "new in the kit\n");
        fs::remove_file(at(".squawk.toml")).unwrap();
        fs::rename(at("atlas.hcl"), at("kit/atlas.hcl")).unwrap();
        fs::remove_dir_all(at("kit/deploy")).unwrap();
        edit(&at("kit/kit.just"), "# The recipes", "# All recipes");
        edit(&at("Cargo.toml"), "debug = false", "debug = 0");
        append(&at("crates/app/src/lib.rs"), "// better\n");
        write(&at("crates/app/src/new.rs"), "// new\n");
        let stack = fs::read_to_string(at("template.yaml")).unwrap();
        let stack = stack.replace("MigrationHash:", "  MigrationHash:");
        fs::write(at("template.yaml"), stack).unwrap();
    });
    // The user edited, deleted and renamed what is theirs, and added migrations.
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
    let manifest = world.read("Cargo.toml");
    let manifest = manifest.replace("app = {", "shop = {");
    fs::write(
        world.at("Cargo.toml"),
        manifest.replace("crates/app", "crates/shop"),
    )
    .unwrap();
    write(
        &world.at("migrations/20260101000000_initial.sql"),
        "SELECT 1;\n",
    );
    let stack = world.read("template.yaml");
    let hash = stack.lines().find(|line| line.contains("MigrationHash:"));
    let (indent, _) = hash.unwrap().split_once("MigrationHash:").unwrap();
    edit(
        &world.at("template.yaml"),
        hash.unwrap(),
        &format!("{indent}MigrationHash: h1:mine"),
    );
    append(&world.at(".template-answers.toml"), "# Ask Ann first.\n");
    world.commit();
    let check = world.update(&["--check"]);
    says(&check, &["template 0.2.0 is available, this is 0.1.0"]);
    assert!(!check.success);

    let update = world.update(&[]).succeeded().unwrap();
    says(
        &update,
        &["✓ template 0.2.0 is staged", "git diff --staged"],
    );
    assert_eq!(world.read("kit/process/NEW"), "new in the kit\n");
    assert!(world.read("kit/kit.just").starts_with("# All recipes"));
    for gone in [".squawk.toml", "atlas.hcl", "kit/deploy"] {
        assert!(!world.at(gone).exists(), "{gone}");
    }
    assert!(world.at("kit/atlas.hcl").exists());
    assert!(world.read("Cargo.toml").contains("debug = 0"));
    assert!(world.read(USER).contains("pub phone"));
    assert!(!world.at("crates/app").exists() && !world.at("crates/count-users").exists());
    assert!(
        world
            .read("crates/shop/src/lib.rs")
            .ends_with("// better\n")
    );
    assert_eq!(world.read("crates/shop/src/new.rs"), "// new\n");
    assert!(world.at("migrations/20260101000000_initial.sql").exists());
    says_in_file(
        &world,
        "template.yaml",
        &format!("{indent}  MigrationHash: h1:mine\n"),
    );
    says_in_file(&world, "Cargo.lock", "name = \"shop\"");
    world.lock_is_in_step();
    for text in ["version = \"0.2.0\"", "# Ask Ann first."] {
        says_in_file(&world, ".template-answers.toml", text);
    }
    assert_eq!(world.git(&["diff", "--name-only"]), "", "all is staged");
    world.commit();
    says(
        &world.update(&["--check"]).succeeded().unwrap(),
        &["up to date"],
    );
    // A version that was taken back is not a reason to go back.
    git(&world.source(), &["tag", "--delete", "v0.2.0"]);
    says(&world.update(&[]).succeeded().unwrap(), &["up to date"]);
}

fn says_in_file(world: &World, file: &str, text: &str) {
    let contents = world.read(file);
    assert!(contents.contains(text), "{text:?} is not in:\n{contents}");
}

#[test]
fn overlapping_edits_are_conflicts_and_deleted_files_stay_deleted() {
    let world = World::new(&[], |template| {
        let at = |file: &str| template.join("template").join(file);
        edit(
            &at("kit/kit.just"),
            "# The recipes of the kit",
            "# All recipes",
        );
        edit(&at("crates/entity/src/address.rs"), "pub city", "pub town");
        fs::remove_file(at("kit/deploy/deploy.just")).unwrap();
    });
    edit(
        &world.at("kit/kit.just"),
        "# The recipes of the kit",
        "# My recipes",
    );
    append(&world.at("kit/deploy/deploy.just"), "# my recipe\n");
    fs::remove_file(world.at("crates/entity/src/address.rs")).unwrap();
    world.commit();
    let update = world.update(&[]);
    assert!(!update.success);
    says(
        &update,
        &[
            "crates/entity/src/address.rs stays deleted",
            "kit/kit.just",
            "kit/deploy/deploy.just",
            "git reset --hard",
        ],
    );
    for words in ["<<<<<<<", "# My recipes", "# All recipes", ">>>>>>>"] {
        says_in_file(&world, "kit/kit.just", words);
    }
    says_in_file(&world, "kit/deploy/deploy.just", "# my recipe");
    assert!(!world.at("crates/entity/src/address.rs").exists());
    world.lock_is_in_step();
    world.git(&["reset", "--quiet", "--hard"]);
    assert!(world.read("kit/kit.just").starts_with("# My recipes"));
    assert_eq!(world.git(&["status", "--porcelain"]), "");
}

/// The same version, with another answer.
#[test]
fn a_changed_answer_brings_in_what_it_stands_for() {
    let world = World::new(&[("aws", "no")], |_| {});
    write(
        &world.at("migrations/20260101000000_initial.sql"),
        "SELECT 1;\n",
    );
    world.commit();
    world
        .update(&["--to", "0.1.0", "-d", "aws=yes"])
        .succeeded()
        .unwrap();
    world.lock_is_in_step();
    world.commit();
    let fresh = render(
        Path::new(&world.base()),
        &world.directory.path().join("fresh"),
        &[("template_source", world.source().to_str().unwrap())],
    );
    git(&fresh.root, &["add", "--all"]);
    let list = |root: &Path| {
        let list = git(root, &["ls-files", "--stage"]);
        let lines = list.lines().map(str::to_owned);
        lines.collect::<BTreeSet<_>>()
    };
    let (updated, fresh) = (list(&world.project.root), list(&fresh.root));
    let differences = updated.symmetric_difference(&fresh);
    let mut unexpected = differences.filter(|line| {
        !line.ends_with("Cargo.lock") && !line.ends_with("20260101000000_initial.sql")
    });
    assert_eq!(unexpected.next(), None);

    world
        .update(&["--to", "0.1.0", "-d", "example_service=no"])
        .succeeded()
        .unwrap();
    assert!(!world.at("crates/count-users").exists());
    says_in_file(&world, ".template-answers.toml", "example_service = \"no\"");
    assert!(!world.read("template.yaml").contains("CountUsers:"));
    world.lock_is_in_step();
}

#[test]
fn a_new_question_gets_its_default_or_the_given_answer() {
    let world = World::new(&[], |template| {
        append(
            &template.join("cargo-generate.toml"),
            "\n[placeholders.motto]\ntype = \"string\"\nprompt = \"Motto\"\ndefault = \"none\"\n",
        );
        append(
            &template.join("template/.template-answers.toml"),
            "motto = \"{{motto}}\"\n",
        );
    });
    world.update(&[]).succeeded().unwrap();
    says_in_file(&world, ".template-answers.toml", "motto = \"none\"");
    world.git(&["reset", "--quiet", "--hard"]);
    world.update(&["-d", "motto=onward"]).succeeded().unwrap();
    says_in_file(&world, ".template-answers.toml", "motto = \"onward\"");
}

#[test]
fn refuses_what_it_cannot_do_and_changes_nothing() {
    let world = World::new(&[], |template| {
        write(&template.join("template/kit/NEW.md"), "new\n");
    });
    write(&world.at("crates/app/src/draft.rs"), "// not committed\n");
    world.refuses(
        &[],
        &[
            "uncommitted changes",
            "crates/app/src/draft.rs",
            "git stash",
        ],
    );
    world.commit();
    world.refuses(&["--template", "/nowhere"], &["/nowhere", "--template"]);
    world.refuses(&["--to", "9.9.9"], &["there is no tag v9.9.9"]);
    // Answers that the template refuses or does not know, which shows when it is rendered.
    world.refuses(&["-d", "database_name=My-DB"], &["database_name", "My-DB"]);
    world.refuses(
        &["-d", "example=no"],
        &["does not ask for example", "example_service"],
    );
    git(&world.source(), &["tag", "--delete", "v0.1.0"]);
    world.refuses(&[], &["version 0.1.0", "--base"]);

    world
        .update(&["--base", &world.base()])
        .succeeded()
        .unwrap();
    assert_eq!(world.read("kit/NEW.md"), "new\n");
}

/// Stopped at the last moment before the working tree changes.
#[test]
fn a_killed_update_leaves_the_working_tree_as_it_was() {
    let world = World::new(&[], |template| {
        write(&template.join("template/kit/NEW.md"), "new\n");
    });
    let cargo = world.directory.path().join("cargo");
    let started = world.directory.path().join("started");
    let script = format!(
        "#!/bin/sh\necho $$ > {}\nexec sleep 60\n",
        started.display()
    );
    write(&cargo, &script);
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
    let mut update = world.command(&[]).env("CARGO", cargo).spawn().unwrap();
    let child = loop {
        match fs::read_to_string(&started) {
            Ok(id) if id.ends_with('\n') => break id,
            _ => thread::sleep(Duration::from_millis(50)),
        }
        assert!(update.try_wait().unwrap().is_none(), "cargo was not called");
    };
    update.kill().unwrap();
    update.wait().unwrap();
    run(Command::new("kill").arg(child.trim()));
    assert_eq!(world.git(&["status", "--porcelain"]), "");
    assert!(!world.at("kit/NEW.md").exists());

    world.update(&[]).succeeded().unwrap();
    assert_eq!(world.read("kit/NEW.md"), "new\n");
}

#[test]
fn a_repository_without_history_and_a_template_without_git_work() {
    let world = World::new(&[], |template| {
        write(&template.join("template/kit/NEW.md"), "new\n");
    });
    let base = world.base();
    for directory in [world.at(".git"), world.source().join(".git")] {
        fs::remove_dir_all(directory).unwrap();
    }
    let mut command = world.command(&["--base", &base]);
    for variable in ["GIT_AUTHOR", "GIT_COMMITTER"] {
        command.env(format!("{variable}_NAME"), "A");
        command.env(format!("{variable}_EMAIL"), "a@example.com");
    }
    let update = run(&mut command).succeeded().unwrap();
    says(&update, &["committing everything as it is"]);
    assert_eq!(world.read("kit/NEW.md"), "new\n");
    // There is a commit to return to.
    world.git(&["reset", "--quiet", "--hard"]);
    assert!(!world.at("kit/NEW.md").exists());
}

/// A repository in a directory of a larger one.
#[test]
fn a_part_of_a_larger_repository_is_updated_in_its_place() {
    let world = World::new(&[], |template| {
        write(&template.join("template/kit/NEW.md"), "new\n");
    });
    fs::remove_dir_all(world.at(".git")).unwrap();
    let outer = world.directory.path();
    git(outer, &["init", "--quiet"]);
    let update = || {
        let mut command = world.command(&[]);
        run(command.env_remove("GIT_CEILING_DIRECTORIES"))
    };
    says(
        &update(),
        &["not committed in the git repository around it"],
    );
    write(&outer.join(".gitignore"), "/source\n");
    git(outer, &["add", "--all"]);
    git(outer, &["commit", "--quiet", "--message", "all"]);
    update().succeeded().unwrap();
    assert_eq!(world.read("kit/NEW.md"), "new\n");
    let staged = git(outer, &["diff", "--staged", "--name-only"]);
    assert!(staged.contains("shop/kit/NEW.md"), "{staged}");
    assert_eq!(git(outer, &["diff", "--name-only"]), "");
}
