use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context, Result, bail};

use crate::{Tools, checkout};

/// What a command came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    command: String,
    pub success: bool,
    /// What it wrote to both streams, standard output first.
    pub output: String,
}

impl Outcome {
    /// # Errors
    /// With all that the command wrote, if it failed.
    pub fn succeeded(self) -> Result<Self> {
        if !self.success {
            bail!("{} failed:\n{}", self.command, self.output);
        }
        Ok(self)
    }
}

/// Runs a command to its end.
///
/// # Panics
/// When it cannot be started.
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
    /// Renders the checkout into `parent/name`, with the default for each answer
    /// that is not given.
    pub fn render(
        cargo_generate: &Path,
        parent: &Path,
        name: &str,
        answers: &[(&str, &str)],
    ) -> Outcome {
        Self::render_from(
            cargo_generate,
            &["--path".as_ref(), checkout().as_os_str()],
            parent,
            name,
            answers,
        )
    }

    /// Renders from a source that `cargo generate` knows, `--git URL` for example.
    pub fn render_from(
        cargo_generate: &Path,
        source: &[&OsStr],
        parent: &Path,
        name: &str,
        answers: &[(&str, &str)],
    ) -> Outcome {
        let mut command = Command::new(cargo_generate);
        command.current_dir(parent).arg("generate").args(source);
        // It asks the environment for the author's name, and root may have no USER.
        command.env("CARGO_NAME", "A. Developer");
        // The checkout is a repository: cargo-generate makes none inside of another by itself.
        command.args([
            "--silent",
            "--no-workspace",
            "--force-git-init",
            "--name",
            name,
        ]);
        for (key, value) in answers {
            command.args(["--define", &format!("{key}={value}")]);
        }
        run(&mut command)
    }

    /// A rendered repository whose commands use this checkout's Atlas and a target
    /// directory that the projects share, so that dependencies are compiled once.
    ///
    /// # Errors
    /// When rendering fails, or the tools are not installed.
    pub fn new(parent: &Path, name: &str, answers: &[(&str, &str)]) -> Result<Self> {
        Self::render(&Tools::find()?.cargo_generate, parent, name, answers).succeeded()?;
        Self::with_tools(parent.join(name))
    }

    /// Such a repository that was rendered before.
    ///
    /// # Errors
    /// When the tools are not installed.
    pub fn with_tools(root: PathBuf) -> Result<Self> {
        let tools = Tools::find()?;
        let mut project = Self::at(root);
        project.set(
            "CARGO_TARGET_DIR",
            checkout().join("target/rendered").display(),
        );
        project.set("ATLAS", tools.atlas.display());
        Ok(project)
    }

    /// A repository that is there already, with the environment as it is.
    pub fn at(root: PathBuf) -> Self {
        Self {
            root,
            environment: Vec::new(),
        }
    }

    /// Sets a variable for all commands from here on.
    pub fn set(&mut self, key: &str, value: impl ToString) {
        self.environment.push((key.to_owned(), value.to_string()));
    }

    /// A command in the repository.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(&self.root)
            .envs(self.environment.iter().map(|(key, value)| (key, value)));
        // If it is no repository itself, the one around it is not the one that is meant.
        command.env(
            "GIT_CEILING_DIRECTORIES",
            self.root.parent().unwrap_or(&self.root),
        );
        // Set for this program by cargo; to one that cargo starts there, they are another's.
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

    /// Replaces a text that occurs once in a file.
    ///
    /// # Errors
    /// When it does not occur, or more than once.
    pub fn edit(&self, file: &str, from: &str, to: &str) -> Result<()> {
        let contents = self.read(file)?;
        if contents.matches(from).count() != 1 {
            bail!("{from:?} is not once in {file}");
        }
        self.write(file, &contents.replace(from, to))
    }

    /// The migration files, sorted by name.
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
