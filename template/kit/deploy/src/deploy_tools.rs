//! The programs that build, check and deploy the stack: installed from PyPI into the
//! project's `.tools`, never system-wide.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

/// A Python environment in `.tools`, from the section `[python.NAME]` of tools.toml.
#[derive(Debug, Default)]
struct PythonEnvironment {
    directory: PathBuf,
    /// Package and version.
    pins: Vec<(String, String)>,
}

/// The versions of Python that all of them run on.
const PYTHON: &str = ">=3.10,<3.15";

/// Path of the program `name`, as [`install`] installed it.
///
/// # Errors
/// When it is not installed in the version of tools.toml.
pub(crate) fn program(root: &Path, name: &str) -> Result<PathBuf> {
    let environments = environments(root)?;
    let installed = environments.iter().filter(|environment| environment.is_installed());
    let mut programs = installed.map(|environment| environment.directory.join("bin").join(name));
    let found = programs.find(|program| program.exists());
    found.with_context(|| format!("{name} is not installed: run `just setup-deploy`"))
}

/// Runs a program with its directory on PATH, where cargo-lambda looks for zig.
pub(crate) fn command(program: &Path) -> Command {
    let path = env::var_os("PATH").unwrap_or_default();
    let directories = program.parent().map(Path::to_owned).into_iter();
    let mut command = Command::new(program);
    // A directory with a colon in its name cannot be on PATH.
    if let Ok(path) = env::join_paths(directories.chain(env::split_paths(&path))) {
        command.env("PATH", path);
    }
    command
}

/// Installs the programs, unless those of the pinned versions are installed.
pub(crate) fn install(root: &Path) -> Result<()> {
    for environment in environments(root)? {
        if !environment.is_installed() {
            println!("  installing {} from PyPI, a few minutes", environment.list());
            remove(&environment.directory)?;
            create(&environment).inspect_err(|_| {
                let _ = remove(&environment.directory);
            })?;
        }
        println!("✓ {}", environment.list());
    }
    Ok(())
}

fn environments(root: &Path) -> Result<Vec<PythonEnvironment>> {
    let manifest = tools::manifest(root)?;
    let sections = manifest.get("python").and_then(toml::Value::as_table);
    let sections = sections.context("tools.toml has no section [python.NAME]")?;
    let environment = |(name, pins): (&String, &toml::Value)| {
        Ok(PythonEnvironment {
            directory: tools::directory(root).join(name),
            pins: pins
                .clone()
                .try_into::<BTreeMap<_, _>>()
                .with_context(|| format!("tools.toml: [python.{name}] must hold versions"))?
                .into_iter()
                .collect(),
        })
    };
    sections.iter().map(environment).collect()
}

impl PythonEnvironment {
    /// For messages: `a 1.0, b 2.0`.
    fn list(&self) -> String {
        let pins = self.pins.iter();
        let pins: Vec<_> = pins.map(|(name, version)| format!("{name} {version}")).collect();
        pins.join(", ")
    }

    /// For pip: `a==1.0`, one per line.
    fn requirements(&self) -> String {
        let pins = self.pins.iter();
        pins.map(|(name, version)| format!("{name}=={version}\n")).collect()
    }

    /// Whether it is complete, with these versions, and its Python still exists.
    fn is_installed(&self) -> bool {
        let sorted = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
        self.directory.join("bin/python").exists()
            && fs::read_to_string(self.directory.join(COMPLETE))
                .is_ok_and(|installed| sorted(&installed) == sorted(&self.requirements()))
    }
}

/// Written last, with the requirements: without it the installation is incomplete.
const COMPLETE: &str = "installed.txt";

fn create(environment: &PythonEnvironment) -> Result<()> {
    let directory = &environment.directory;
    let requirements = environment.requirements();
    let python = directory.join("bin/python");
    let mut command = if process::optional(Command::new("uv").arg("--version"))?.is_some() {
        process::output(
            Command::new("uv").args(["venv", "--quiet", "--python", PYTHON]).arg(directory),
        )?;
        let mut uv = Command::new("uv");
        uv.args(["pip", "install", "--quiet", "--python"]).arg(&python);
        uv
    } else {
        let created = process::output(Command::new("python3").args(["-m", "venv"]).arg(directory));
        created.context(
            "the tools for deployment need uv (https://docs.astral.sh/uv), or Python with venv \
             (on Debian and Ubuntu: apt install python3-venv); neither works here. Install one, \
             then: just setup-deploy",
        )?;
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        pip
    };
    process::output(command.args(requirements.lines())).with_context(|| {
        format!(
            "{} cannot be installed. They need Python {PYTHON} and PyPI, or a mirror of it \
             (PIP_INDEX_URL for pip, UV_DEFAULT_INDEX for uv)",
            environment.list()
        )
    })?;
    fs::write(directory.join(COMPLETE), requirements)
        .with_context(|| format!("cannot write into {}", directory.display()))
}

fn remove(directory: &Path) -> Result<()> {
    if !directory.exists() {
        return Ok(());
    }
    fs::remove_dir_all(directory).with_context(|| format!("cannot remove {}", directory.display()))
}

#[cfg(test)]
mod tests;
