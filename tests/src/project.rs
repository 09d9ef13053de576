use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context, Result, bail};

use crate::{Tools, source::Source, target};

/// Result of a command that ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    command: String,
    pub success: bool,
    /// Standard output, then standard error.
    pub output: String,
}

impl Outcome {
    /// # Errors
    /// When the command failed; the error holds its output.
    pub fn succeeded(self) -> Result<Self> {
        if !self.success {
            bail!("{} failed:\n{}", self.command, self.output);
        }
        Ok(self)
    }
}

/// Runs a command and waits for it.
///
/// # Panics
/// When the command cannot be started.
pub fn run(command: &mut Command) -> Outcome {
    let shown = format!("{command:?}");
    let Output {
        status,
        stdout,
        stderr,
    } = command
        .output()
        .unwrap_or_else(|error| panic!("cannot run {shown}: {error}"));
    Outcome {
        command: shown,
        success: status.success(),
        output: String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr),
    }
}

/// A repository rendered from the template.
#[derive(Debug)]
pub struct Project {
    pub root: PathBuf,
    environment: Vec<(String, String)>,
}

impl Project {
    /// Renders what git sees in the checkout into `parent/name`, with the default for each
    /// missing answer.
    ///
    /// # Panics
    /// When the checkout cannot be read.
    pub fn render(
        cargo_generate: &Path,
        parent: &Path,
        name: &str,
        answers: &[(&str, &str)],
    ) -> Outcome {
        let source = Source::new().expect("the checkout can be copied");
        Self::render_from(
            cargo_generate,
            &["--path".as_ref(), source.path().as_os_str()],
            parent,
            name,
            answers,
        )
    }

    /// Renders from another source, as arguments of `cargo generate`: `--git URL`.
    pub fn render_from(
        cargo_generate: &Path,
        source: &[&OsStr],
        parent: &Path,
        name: &str,
        answers: &[(&str, &str)],
    ) -> Outcome {
        let mut command = Command::new(cargo_generate);
        command.current_dir(parent).arg("generate").args(source);
        // cargo-generate wants an author's name, and root may have no USER.
        command.env("CARGO_NAME", "A. Developer");
        command.args(["--silent", "--no-workspace", "--name", name]);
        for (key, value) in answers {
            command.args(["--define", &format!("{key}={value}")]);
        }
        let outcome = run(&mut command);
        // cargo-generate creates no repository inside another, as ./demo is, and none without
        // its git feature. It may have changed the case of the name.
        let root = parent.join(name);
        if !outcome.success || !root.is_dir() || root.join(".git").exists() {
            return outcome;
        }
        let git = run(Command::new("git")
            .args(["init", "--quiet", "--initial-branch", "main"])
            .arg(&root));
        if git.success { outcome } else { git }
    }

    /// Renders a repository whose commands use this checkout's Atlas, and a target directory
    /// that all projects share, so that dependencies are compiled once.
    ///
    /// # Errors
    /// When rendering fails, or the tools are not installed.
    pub fn new(parent: &Path, name: &str, answers: &[(&str, &str)]) -> Result<Self> {
        Self::render(&Tools::find()?.cargo_generate, parent, name, answers).succeeded()?;
        Self::with_tools(parent.join(name))
    }

    /// Like [`Project::new`], for a repository that is rendered already.
    ///
    /// # Errors
    /// When the tools are not installed.
    pub fn with_tools(root: PathBuf) -> Result<Self> {
        let tools = Tools::find()?;
        let mut project = Self::at(root);
        project.set("CARGO_TARGET_DIR", target().join("rendered").display());
        project.set("ATLAS", tools.atlas.display());
        Ok(project)
    }

    /// An existing repository; its commands inherit the environment.
    pub fn at(root: PathBuf) -> Self {
        Self {
            root,
            environment: Vec::new(),
        }
    }

    /// Sets an environment variable for all later commands.
    pub fn set(&mut self, key: &str, value: impl ToString) {
        self.environment.push((key.to_owned(), value.to_string()));
    }

    /// A command in the repository.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(&self.root)
            .envs(self.environment.iter().map(|(key, value)| (key, value)));
        // Without a repository of its own, git must not take the checkout's.
        command.env(
            "GIT_CEILING_DIRECTORIES",
            self.root.parent().unwrap_or(&self.root),
        );
        // cargo set these for this program; they are wrong for programs in the repository.
        for variable in [
            "CARGO_MANIFEST_DIR",
            "CARGO_MANIFEST_PATH",
            "CARGO_PKG_NAME",
        ] {
            command.env_remove(variable);
        }
        command
    }

    /// Runs `just` with these arguments.
    pub fn just(&self, arguments: &[&str]) -> Outcome {
        run(self.command("just").args(arguments))
    }

    /// Runs a recipe that must succeed.
    ///
    /// # Panics
    /// When it fails, with its output.
    pub fn succeeds(&self, arguments: &[&str]) -> Outcome {
        let outcome = self.just(arguments);
        assert!(
            outcome.success,
            "{} failed:\n{}",
            outcome.command, outcome.output
        );
        outcome
    }

    /// # Errors
    /// When the file cannot be read.
    pub fn read(&self, file: &str) -> Result<String> {
        let path = self.root.join(file);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, file: &str, contents: &str) -> Result<()> {
        let path = self.root.join(file);
        fs::write(&path, contents).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Replaces text that occurs once in a file.
    ///
    /// # Errors
    /// When the text is missing, or occurs more than once.
    pub fn edit(&self, file: &str, from: &str, to: &str) -> Result<()> {
        let contents = self.read(file)?;
        if contents.matches(from).count() != 1 {
            bail!("{from:?} does not occur exactly once in {file}");
        }
        self.write(file, &contents.replace(from, to))
    }

    /// Names of the migration files, sorted.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn migrations(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.root.join("migrations"))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name.ends_with(".sql") {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }
}
