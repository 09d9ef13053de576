use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use crate::{checkout, create_untracked};

/// The cargo-generate that the template is made for.
const CARGO_GENERATE: &str = "0.26.0";

/// Where the programs are that this checkout installed for itself.
#[derive(Clone, Debug)]
pub struct Tools {
    pub cargo_generate: PathBuf,
    pub atlas: PathBuf,
}

impl Tools {
    /// # Errors
    /// When they are not installed.
    pub fn find() -> Result<Self> {
        let tools = Self::places();
        for program in [&tools.cargo_generate, &tools.atlas] {
            ensure!(
                program.is_file(),
                "{} is missing: run `just tools`",
                program.display()
            );
        }
        Ok(tools)
    }

    /// The linter of the stack, in the place and version that the template's own
    /// `just setup-deploy` gives it.
    ///
    /// # Errors
    /// When it is not installed.
    pub fn cfn_lint() -> Result<PathBuf> {
        let program = checkout().join("template/.tools/venv/bin/cfn-lint");
        ensure!(
            program.is_file(),
            "{} is missing: run `just tools`",
            program.display()
        );
        Ok(program)
    }

    fn places() -> Self {
        let checkout = checkout();
        Self {
            cargo_generate: checkout.join(".tools/bin/cargo-generate"),
            atlas: env::var_os("ATLAS")
                .filter(|path| !path.is_empty())
                .map_or_else(|| checkout.join("template/.tools/atlas"), PathBuf::from),
        }
    }
}

/// Installs what is missing: cargo-generate, and in the way a user gets them Atlas and
/// the tools for deployment.
pub fn install() -> Result<()> {
    install_cargo_generate()?;
    println!(
        "Atlas and the tools for deployment, by the template's own `just setup` and `just setup-deploy`:"
    );
    for recipe in ["setup", "setup-deploy"] {
        let just = Command::new("just")
            .arg(recipe)
            .current_dir(checkout().join("template"))
            .status();
        ensure!(
            just.context("cannot run just")?.success(),
            "just {recipe} failed, see above"
        );
    }
    create_untracked(&checkout().join("template/.tools"))?;
    Tools::cfn_lint()?;
    Tools::find().map(drop)
}

/// Installs cargo-generate into this checkout, if it is not there, and returns its path.
pub fn install_cargo_generate() -> Result<PathBuf> {
    let program = Tools::places().cargo_generate;
    if version(&program).is_some_and(|version| version.contains(CARGO_GENERATE)) {
        return Ok(program);
    }
    println!(
        "installing cargo-generate {CARGO_GENERATE} below {}",
        checkout().join(".tools").display()
    );
    let root = checkout().join(".tools");
    create_untracked(&root)?;
    // --ignore-rust-version: it asks for a newer compiler than it needs. --debug: it
    // renders in a second all the same, and is there in a third of the time.
    let status = cargo()
        .args([
            "install",
            "--quiet",
            "--locked",
            "--debug",
            "--ignore-rust-version",
        ])
        .args(["cargo-generate", "--version", CARGO_GENERATE, "--root"])
        .arg(&root)
        .status()
        .context("cannot run cargo")?;
    ensure!(
        status.success(),
        "cargo-generate could not be installed, see above"
    );
    Ok(program)
}

fn version(program: &Path) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The cargo that runs this program, or the one on PATH.
pub(crate) fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}
