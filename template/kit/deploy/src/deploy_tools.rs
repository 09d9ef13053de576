//! The programs that build, check and deploy the stack: installed from PyPI into the
//! project's `.tools`, never system-wide.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use process::text;

/// A Python environment in `.tools`, from the section `[python.NAME]` of tools.toml.
#[derive(Debug, Default)]
struct PythonEnvironment {
    directory: PathBuf,
    /// Package and version.
    pins: Vec<(String, String)>,
}

/// Programs, the package that each comes in, and the arguments that make it print its
/// version, if any do.
const PROGRAMS: [(&str, &str, &[&str]); 5] = [
    ("sam", "aws-sam-cli", &["--version"]),
    ("aws", "awscli", &["--version"]),
    ("cargo-lambda", "cargo-lambda", &["lambda", "--version"]),
    ("cfn-lint", "cfn-lint", &["--version"]),
    ("ministack", "ministack", &[]),
];

/// The versions of Python that all of them run on.
const PYTHON: &str = ">=3.10,<3.15";

/// Path of the program `name`: the one that [`install`] installed, else one on PATH that is
/// not older than the version in tools.toml.
///
/// # Errors
/// When neither exists.
pub(crate) fn program(root: &Path, name: &str) -> Result<PathBuf> {
    find(root, env::var_os("PATH"), name)
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

fn find(root: &Path, path: Option<OsString>, name: &str) -> Result<PathBuf> {
    let found = PROGRAMS.iter().find(|(program, ..)| *program == name);
    let (_, package, version) = found.with_context(|| format!("no package has {name}"))?;
    let environments = environments(root)?;
    let (environment, pinned) = environments
        .iter()
        .find_map(|environment| Some((environment, environment.pin(package)?)))
        .with_context(|| format!("tools.toml has no version of {package}"))?;
    let installed = environment.directory.join("bin").join(name);
    if environment.is_installed() && installed.exists() {
        return Ok(installed);
    }
    let mut passed_over = String::new();
    if !version.is_empty()
        && let Some(on_path) = on_path(path, name)
    {
        let output = process::optional(Command::new(&on_path).args(*version))?;
        let printed = output.map(|output| text(&output.stdout)).unwrap_or_default();
        match version_in(&printed) {
            Some(version) if Some(&version) >= version_in(pinned).as_ref() => return Ok(on_path),
            _ => {
                passed_over = format!(
                    " ({} is passed over: its version is {:?})",
                    on_path.display(),
                    printed.lines().next().unwrap_or_default()
                );
            }
        }
    }
    bail!("{name} {pinned} or newer is not installed: run `just setup-deploy`{passed_over}")
}

impl PythonEnvironment {
    /// Version of a package in it.
    fn pin(&self, package: &str) -> Option<&str> {
        let mut pins = self.pins.iter();
        pins.find_map(|(name, version)| (name == package).then_some(version.as_str()))
    }

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

fn on_path(path: Option<OsString>, name: &str) -> Option<PathBuf> {
    env::split_paths(&path?).map(|directory| directory.join(name)).find(|program| program.is_file())
}

/// Parts of the first number with a dot, as in `SAM CLI, version 1.170.0` and
/// `aws-cli/2.31.0 Python/3.13.7`.
fn version_in(text: &str) -> Option<Vec<u32>> {
    text.split([' ', '\n', '/']).find_map(|word| {
        let parts: Option<Vec<u32>> = word.split('.').map(|part| part.parse().ok()).collect();
        parts.filter(|parts| parts.len() > 1)
    })
}

#[cfg(test)]
mod tests;
