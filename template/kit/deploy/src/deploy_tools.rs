//! The programs that build, check and deploy the stack. They come from PyPI, into
//! `.tools` of the project, never system-wide.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use process::{self, text};

/// Packages that are installed together.
struct Environment {
    directory: &'static str,
    /// Package and version.
    pins: &'static [(&'static str, &'static str)],
    programs: &'static [Program],
}

struct Program {
    name: &'static str,
    package: &'static str,
    /// What makes it print its version; nothing does with some.
    version: &'static [&'static str],
}

/// To move to newer releases, change the versions here; `just setup-deploy` follows.
const ENVIRONMENTS: &[Environment] = &[
    Environment {
        directory: "venv",
        pins: &[
            ("aws-sam-cli", "1.170.0"),
            ("awscli", "1.46.3"),
            ("cargo-lambda", "1.9.2"),
            ("cfn-lint", "1.58.0"),
            ("ziglang", "0.17.1"),
        ],
        programs: &[
            Program {
                name: "sam",
                package: "aws-sam-cli",
                version: &["--version"],
            },
            Program {
                name: "aws",
                package: "awscli",
                version: &["--version"],
            },
            Program {
                name: "cargo-lambda",
                package: "cargo-lambda",
                version: &["lambda", "--version"],
            },
            Program {
                name: "cfn-lint",
                package: "cfn-lint",
                version: &["--version"],
            },
        ],
    },
    // Needs another botocore than aws-sam-cli, so it cannot stand beside it.
    Environment {
        directory: "venv-ministack",
        pins: &[("ministack", "1.5.33"), ("aws-sam-translator", "1.115.0")],
        programs: &[Program {
            name: "ministack",
            package: "ministack",
            version: &[],
        }],
    },
];

/// What all of them run on.
const PYTHON: &str = ">=3.10,<3.15";

/// Where `name` is: the pinned one that [`install`] installed, else one on PATH that
/// is not older.
///
/// # Errors
/// When there is neither.
pub(crate) fn program(root: &Path, name: &str) -> Result<PathBuf> {
    find(root, env::var_os("PATH"), name)
}

/// Runs such a program, with those that were installed beside it on PATH:
/// cargo-lambda looks for zig there.
pub(crate) fn command(program: &Path) -> Command {
    let path = env::var_os("PATH").unwrap_or_default();
    let directories = program.parent().map(Path::to_owned).into_iter();
    let mut command = Command::new(program);
    // A directory with a colon in its name has no place on PATH.
    if let Ok(path) = env::join_paths(directories.chain(env::split_paths(&path))) {
        command.env("PATH", path);
    }
    command
}

/// Installs the programs, unless those of the pinned versions are there.
pub(crate) fn install(root: &Path) -> Result<()> {
    for environment in ENVIRONMENTS {
        if !environment.is_installed(root) {
            println!(
                "  installing {} from PyPI, a few minutes",
                environment.list()
            );
            let directory = environment.directory(root);
            remove(&directory)?;
            make(environment, &directory).inspect_err(|_| {
                let _ = remove(&directory);
            })?;
        }
        println!("✓ {}", environment.list());
    }
    Ok(())
}

fn find(root: &Path, path: Option<OsString>, name: &str) -> Result<PathBuf> {
    let (environment, program) = ENVIRONMENTS
        .iter()
        .find_map(|environment| {
            let mut programs = environment.programs.iter();
            Some((environment, programs.find(|program| program.name == name)?))
        })
        .with_context(|| format!("{name} is not among the tools for deployment"))?;
    let installed = environment.directory(root).join("bin").join(name);
    if environment.is_installed(root) && installed.exists() {
        return Ok(installed);
    }
    let pinned = environment.pin(program.package);
    let mut passed_over = String::new();
    if !program.version.is_empty()
        && let Some(on_path) = on_path(path, name)
    {
        let output = process::optional(Command::new(&on_path).args(program.version))?;
        let printed = output
            .map(|output| text(&output.stdout))
            .unwrap_or_default();
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

impl Environment {
    fn directory(&self, root: &Path) -> PathBuf {
        root.join(".tools").join(self.directory)
    }

    fn pin(&self, package: &str) -> &'static str {
        let pin = self.pins.iter().find(|(name, _)| *name == package);
        pin.map_or("", |(_, version)| version)
    }

    /// For people: `a 1.0, b 2.0`.
    fn list(&self) -> String {
        let pins = self.pins.iter();
        let pins: Vec<_> = pins
            .map(|(name, version)| format!("{name} {version}"))
            .collect();
        pins.join(", ")
    }

    /// For pip: `a==1.0`, one a line.
    fn requirements(&self) -> String {
        let pins = self.pins.iter();
        pins.map(|(name, version)| format!("{name}=={version}\n"))
            .collect()
    }

    /// Whether the whole of it is there, with these versions, and its Python still is.
    fn is_installed(&self, root: &Path) -> bool {
        let directory = self.directory(root);
        directory.join("bin/python").exists()
            && fs::read_to_string(directory.join(COMPLETE))
                .is_ok_and(|installed| installed == self.requirements())
    }
}

/// Written last, with what was installed: without it an environment is half a one.
const COMPLETE: &str = "installed.txt";

fn make(environment: &Environment, directory: &Path) -> Result<()> {
    let requirements = environment.requirements();
    let python = directory.join("bin/python");
    let mut command = if process::optional(Command::new("uv").arg("--version"))?.is_some() {
        process::output(
            Command::new("uv")
                .args(["venv", "--quiet", "--python", PYTHON])
                .arg(directory),
        )?;
        let mut uv = Command::new("uv");
        uv.args(["pip", "install", "--quiet", "--python"])
            .arg(&python);
        uv
    } else {
        let made = process::output(Command::new("python3").args(["-m", "venv"]).arg(directory));
        made.context(
            "the tools for deployment need uv (https://docs.astral.sh/uv), or Python with venv \
             (on Debian and Ubuntu: apt install python3-venv); neither works here. Install one, \
             then: just setup-deploy",
        )?;
        let mut pip = Command::new(&python);
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]);
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
    env::split_paths(&path?)
        .map(|directory| directory.join(name))
        .find(|program| program.is_file())
}

/// The first number with a dot, as in `SAM CLI, version 1.170.0` and
/// `aws-cli/2.31.0 Python/3.13.7`, part by part.
fn version_in(text: &str) -> Option<Vec<u32>> {
    text.split([' ', '\n', '/']).find_map(|word| {
        let parts: Option<Vec<u32>> = word.split('.').map(|part| part.parse().ok()).collect();
        parts.filter(|parts| parts.len() > 1)
    })
}

#[cfg(test)]
mod tests;
