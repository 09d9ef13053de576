use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use tempfile::TempDir;

/// A project without entities: `[workspace.metadata.migrations]`, sql/ and migrations/.
pub struct Project {
    pub root: TempDir,
    server: String,
}

/// What a command printed, both streams together, without colours.
#[derive(Debug)]
pub struct Outcome {
    pub success: bool,
    pub code: Option<i32>,
    pub output: String,
}

impl Project {
    /// Creates a project that describes `sql`, without migrations.
    pub async fn new(sql: &str) -> Self {
        // Whatever quotes a path wrongly fails.
        let root = tempfile::Builder::new().prefix("größe 1' ").tempdir().unwrap();
        let server = postgres::server().await.unwrap().url("postgres");
        let project = Self { root, server };
        // The root of a project is where its lock file is.
        project.write("Cargo.lock", "");
        project.metadata("");
        project.write("sql/schema.sql", sql);
        fs::create_dir(project.root.path().join("migrations")).unwrap();
        project
    }

    /// Creates a project like a rendered one, with the example, committed to git.
    pub async fn rendered() -> Self {
        let root = tempfile::tempdir().unwrap();
        let server = postgres::server().await.unwrap().url("postgres");
        let template = kit_tests::project_root();
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(template)
            .output()
            .unwrap();
        let files = String::from_utf8(listed.stdout).unwrap();
        for file in files.split_terminator('\0').filter(|file| !file.starts_with("kit/tests/")) {
            let to = root.path().join(file);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(template.join(file), to).unwrap();
        }
        // Programs are installed once, for the template.
        fs::create_dir_all(template.join(".tools")).unwrap();
        std::os::unix::fs::symlink(template.join(".tools"), root.path().join(".tools")).unwrap();
        let project = Self { root, server };
        // Cargo takes crates of one name and version for the same, in one target directory.
        let manifest = fs::read_to_string(project.root.path().join("Cargo.toml")).unwrap();
        project.write("Cargo.toml", &manifest.replace("\"0.1.0\"", "\"0.1.0-test\""));
        project.commit_all();
        project
    }

    /// Commits everything.
    pub fn commit_all(&self) {
        for command in [&["init", "-q"][..], &["add", "-A"], &["commit", "-qm", "x"]] {
            self.git(command).succeeded();
        }
    }

    /// A clone, with the branch that is checked out here.
    pub fn clone(&self, options: &[&str]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let url = format!("file://{}", self.root.path().display());
        let arguments = [&["clone", "--quiet"], options, &[&url, "."]].concat();
        let clone = Self { root, server: self.server.clone() };
        clone.git(&arguments).succeeded();
        clone
    }

    /// Writes the settings, with `more` of them.
    pub fn metadata(&self, more: &str) {
        let settings = "[workspace.metadata.migrations]\nfile-name = '^\\d{14}_[a-z0-9_]+\\.sql$'\n\
            base-branch = \"main\"\nsource = \"sql\"\n";
        self.write("Cargo.toml", &format!("{settings}{more}"));
    }

    pub fn write(&self, file: &str, text: &str) {
        let path = self.root.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Writes a migration, and updates the hash.
    pub fn migration(&self, name: &str, sql: &str) {
        self.write(&format!("migrations/{name}"), sql);
        self.run(&["hash-migrations"]).succeeded();
    }

    /// Names of the migrations, in order.
    pub fn migrations(&self) -> Vec<String> {
        let directory = atlas::MigrationDirectory::new(self.root.path().join("migrations"));
        directory.files().unwrap().into_iter().map(|file| file.name).collect()
    }

    pub fn run(&self, arguments: &[&str]) -> Outcome {
        outcome(&mut self.xtask(arguments))
    }

    /// Runs a command with more variables in its environment.
    pub fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Outcome {
        outcome(self.xtask(arguments).envs(variables.iter().copied()))
    }

    /// Runs a command on a terminal, where a user types `input`.
    #[cfg(target_os = "linux")]
    pub fn type_in(&self, arguments: &[&str], input: &str) -> Outcome {
        let command = self.xtask(arguments);
        let line = format!("{} {}", command.get_program().display(), arguments.join(" "));
        let mut script = Command::new("script");
        // The variables and the folder of the command.
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => script.env(name, value),
                None => script.env_remove(name),
            };
        }
        let typed = tempfile::NamedTempFile::new().unwrap();
        fs::write(typed.path(), input).unwrap();
        script.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
        outcome(script.current_dir(self.root.path()).stdin(typed.reopen().unwrap()))
    }

    /// Starts a command, to read its standard output meanwhile.
    pub fn spawn(&self, arguments: &[&str]) -> Child {
        self.xtask(arguments).stdout(Stdio::piped()).spawn().unwrap()
    }

    fn xtask(&self, arguments: &[&str]) -> Command {
        static XTASK: OnceLock<PathBuf> = OnceLock::new();
        let xtask = XTASK.get_or_init(|| kit_tests::build(&["--bin", "xtask"]).remove(0));
        let target = xtask.ancestors().nth(2).unwrap();
        static ATLAS: OnceLock<atlas::Atlas> = OnceLock::new();
        let mut command = Command::new(xtask);
        command
            .env("ATLAS", ATLAS.get_or_init(kit_tests::atlas).binary())
            .args(arguments)
            .env("CARGO_TARGET_DIR", target)
            .current_dir(self.root.path())
            .env_remove("CARGO_MANIFEST_DIR")
            .env_remove("GITHUB_ACTIONS")
            .env("DEV_POSTGRES", "url")
            .env("TEST_DATABASE_URL", &self.server);
        command
    }

    pub fn git(&self, arguments: &[&str]) -> Outcome {
        let identity = ["-c", "user.name=A", "-c", "user.email=a@example.com"];
        let mut git = Command::new("git");
        outcome(git.args(identity).args(arguments).current_dir(self.root.path()))
    }
}

fn outcome(command: &mut Command) -> Outcome {
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    Outcome {
        success: output.status.success(),
        code: output.status.code(),
        output: String::from_utf8(text).unwrap(),
    }
}

impl Outcome {
    /// The output of a command that must succeed.
    #[track_caller]
    pub fn succeeded(self) -> String {
        assert!(self.success, "{}", self.output);
        self.output
    }

    /// The output of a command that must fail.
    #[track_caller]
    pub fn failed(self) -> String {
        assert!(!self.success, "{}", self.output);
        self.output
    }
}

/// Asserts that `output` contains all of `parts`, in this order.
#[track_caller]
pub fn says(output: &str, parts: &[&str]) {
    let mut rest = output;
    for part in parts {
        let at =
            rest.find(part).unwrap_or_else(|| panic!("no {part:?} in its place in:\n{output}"));
        rest = &rest[at + part.len()..];
    }
}
