use std::{env, fs, path::PathBuf, process::Command, thread};

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;

use crate::{Project, checkout, create_untracked};

/// Paths of the programs that the tests use.
#[derive(Clone, Debug)]
pub struct Tools {
    pub cargo_generate: PathBuf,
    pub atlas: PathBuf,
}

impl Tools {
    /// # Errors
    /// When one is not installed.
    pub fn find() -> Result<Self> {
        let atlas = env::var_os("ATLAS").filter(|path| !path.is_empty());
        Ok(Self {
            cargo_generate: installed(".tools/bin/cargo-generate")?,
            atlas: match atlas {
                Some(path) => path.into(),
                None => installed("template/.tools/atlas")?,
            },
        })
    }

    /// Path of the stack's linter, which `just setup-deploy` installed.
    ///
    /// # Errors
    /// When it is not installed.
    pub fn cfn_lint() -> Result<PathBuf> {
        installed("template/.tools/venv/bin/cfn-lint")
    }
}

fn installed(program: &str) -> Result<PathBuf> {
    let path = checkout().join(program);
    ensure!(path.is_file(), "{program} is missing: run `just tools`");
    Ok(path)
}

/// Installs what is missing: cargo-generate, and Atlas and the tools for deployment as a
/// user does.
pub fn install() -> Result<()> {
    let template = checkout().join("template");
    create_untracked(&tools::directory(&template))?;
    println!("installing tools: cargo-generate, and what `just setup` and `just setup-deploy` do");
    let template = &Project::at(template);
    thread::scope(|scope| {
        let recipes = ["setup", "setup-deploy"];
        let recipes = recipes.map(|recipe| scope.spawn(move || template.just(&[recipe])));
        install_cargo_generate(true)?;
        for recipe in recipes {
            let outcome = recipe.join().map_err(|_| anyhow!("a thread panicked"))?;
            print!("{}", outcome.succeeded()?.output);
        }
        Tools::cfn_lint()?;
        Tools::find().map(drop)
    })
}

/// Installs cargo-generate into this checkout unless it is there, and returns its path. It
/// takes half the time without git, and then renders only from a directory.
pub fn install_cargo_generate(with_git: bool) -> Result<PathBuf> {
    let pins = tools::manifest(&checkout().join("template"))?;
    let version = pins["cargo"]["cargo-generate"].as_str();
    let version = version.context("tools.toml has no version of cargo-generate")?;
    let root = checkout().join(".tools");
    let program = root.join("bin/cargo-generate");
    // cargo writes there what it installed, and how.
    let record = fs::read(root.join(".crates2.json")).unwrap_or_default();
    let record: Value = serde_json::from_slice(&record).unwrap_or_default();
    let mut installs = record["installs"].as_object().into_iter().flatten();
    let found = installs.any(|(package, how)| {
        package.starts_with(&format!("cargo-generate {version} "))
            && (!with_git || how["no_default_features"] == false)
    });
    if found && program.is_file() {
        return Ok(program);
    }
    println!("  installing cargo-generate {version}, two or three minutes");
    create_untracked(&root)?;
    // --ignore-rust-version: it asks for a newer compiler than it needs. --debug: it renders
    // in a second all the same, and is there in a third of the time.
    let mut cargo = Command::new("cargo");
    cargo
        .args(["install", "--locked", "--debug", "--ignore-rust-version"])
        .args(["cargo-generate", "--version", version, "--root"])
        .arg(&root)
        .env("CARGO_PROFILE_DEV_DEBUG", "0");
    if !with_git {
        cargo.arg("--no-default-features");
    }
    let status = cargo.status().context("cannot run cargo")?;
    ensure!(status.success(), "cannot install cargo-generate: see above");
    Ok(program)
}
