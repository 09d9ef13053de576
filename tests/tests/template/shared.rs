//! One rendered repository for all tests that build, because each render compiles its own
//! crates. Tests take turns, and each begins with the repository as it was rendered.

use std::{
    fs::{self, File},
    ops::{Deref, DerefMut},
    path::Path,
    process::Command,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

use template_tests::{Outcome, Project, Tools, run, target};

/// Tag of the commit that every test begins with.
const RENDERED_TAG: &str = "rendered";

/// The rendered and committed repository, locked for one test.
pub struct Shared {
    project: Project,
    _turn: (MutexGuard<'static, ()>, File),
}

impl Shared {
    /// Waits for the test that has the repository, then undoes its changes.
    pub fn take() -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        static RENDERED: OnceLock<()> = OnceLock::new();
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let parent = target().join("projects");
        // Another process may run these tests too.
        fs::create_dir_all(&parent).unwrap();
        let file = File::create(parent.join("lock")).unwrap();
        file.lock().unwrap();
        let root = parent.join("my-db");
        RENDERED.get_or_init(|| render_shared(&parent, &root));
        git(&root, &["reset", "--quiet", "--hard"]);
        git(&root, &["checkout", "--quiet", "-B", "main", RENDERED_TAG]);
        git(&root, &["clean", "--quiet", "-d", "--force", "-x"]);
        git(&root, &["update-ref", "-d", "refs/remotes/origin/main"]);
        git(&root, &["config", "core.hooksPath", ""]);
        Self {
            project: Project::with_tools(root).unwrap(),
            _turn: (turn, file),
        }
    }

    /// Takes the repository and plans the first migration.
    pub fn with_first_migration() -> Self {
        let shared = Self::take();
        shared.succeeds(&["create-migrations"]);
        shared
    }

    /// Names and contents of the files in migrations/.
    pub fn snapshot(&self) -> Vec<(String, Vec<u8>)> {
        let mut files: Vec<_> = fs::read_dir(self.root.join("migrations"))
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                (
                    entry.file_name().into_string().unwrap(),
                    fs::read(entry.path()).unwrap(),
                )
            })
            .collect();
        files.sort();
        files
    }

    pub fn git(&self, arguments: &[&str]) -> String {
        git(&self.root, arguments)
    }

    /// Runs a recipe that must fail, print all of `words`, and not change migrations/.
    pub fn refuses(&self, arguments: &[&str], words: &[&str]) {
        self.refuses_with(self.command("just").args(arguments), words);
    }

    pub fn refuses_with(&self, command: &mut Command, words: &[&str]) {
        let before = self.snapshot();
        let outcome = run(command);
        assert!(
            !outcome.success,
            "{command:?} succeeded:\n{}",
            outcome.output
        );
        says(&outcome, words);
        assert_eq!(self.snapshot(), before, "migrations/ has changed");
    }
}

/// Renders the template into `parent/name`.
pub fn render(parent: &Path, name: &str, answers: &[(&str, &str)]) -> Outcome {
    Project::render(
        &Tools::find().unwrap().cargo_generate,
        parent,
        name,
        answers,
    )
}

/// Asserts that the output contains all of `words`.
pub fn says(outcome: &Outcome, words: &[&str]) {
    for word in words {
        assert!(
            outcome.output.contains(word),
            "{word:?} is not in:\n{}",
            outcome.output
        );
    }
}

impl Deref for Shared {
    type Target = Project;

    fn deref(&self) -> &Project {
        &self.project
    }
}

impl DerefMut for Shared {
    fn deref_mut(&mut self) -> &mut Project {
        &mut self.project
    }
}

fn render_shared(parent: &Path, root: &Path) {
    // An earlier run may have left a server, which would lose its directory.
    if root.join("justfile").is_file() {
        Project::with_tools(root.to_owned())
            .unwrap()
            .just(&["db-down"]);
    }
    if root.exists() {
        fs::remove_dir_all(root).unwrap();
    }
    fs::create_dir_all(parent).unwrap();
    let answers = [("database_name", "my_db"), ("postgres_major", "15")];
    Project::new(parent, "my-db", &answers).unwrap();
    git(root, &["config", "user.name", "A. Developer"]);
    git(root, &["config", "user.email", "developer@example.com"]);
    git(root, &["add", "--all"]);
    git(root, &["commit", "--quiet", "--message", "Begin"]);
    git(root, &["tag", RENDERED_TAG]);
}

fn git(root: &Path, arguments: &[&str]) -> String {
    // As a command of the project, so that git does not find the checkout.
    run(Project::at(root.to_owned()).command("git").args(arguments))
        .succeeded()
        .unwrap()
        .output
}
