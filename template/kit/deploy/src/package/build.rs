use std::{path::PathBuf, process::Command};

use anyhow::{Context, Result};

use crate::{
    deploy_tools,
    stack::{self, Architecture},
};
use migrations::Project;

/// Where the migration function is below `target/package`, and the crate of its binary.
const MIGRATIONS: (&str, &str) = ("function", "migration-lambda");

/// Builds the stack's functions for AWS Lambda. Returns the program of each, with the
/// directory below `target/package` that the stack has it in.
///
/// # Errors
/// When the tools are not installed, or the build fails.
pub(crate) fn build(
    project: &Project,
    architecture: Architecture,
) -> Result<Vec<(String, PathBuf)>> {
    let cargo_lambda = deploy_tools::program(&project.root, "cargo-lambda")?;
    let directory = project.scratch(&format!("lambda/{architecture}"))?;
    let functions = functions(project)?;

    let mut command = deploy_tools::command(&cargo_lambda);
    command
        .current_dir(&project.root)
        .args(["lambda", "build", "--locked", "--release"])
        .args(["--target", architecture.target(), "--lambda-dir"])
        .arg(&directory);
    small(&mut command);
    // By package: built with no more features than they ask for, they are smaller.
    for (_, name) in &functions {
        command.args(["--package", name, "--bin", name]);
    }
    process::run_inherited(&mut command).context(
        "the functions were not built. Besides migration-lambda, each `CodeUri: \
         target/package/NAME/` in template.yaml needs a crate NAME with a binary",
    )?;
    functions
        .into_iter()
        .map(|(name, binary)| {
            let program = directory.join(binary).join("bootstrap");
            architecture.check_program(&program)?;
            Ok((name, program))
        })
        .collect()
}

/// Has a release build optimized for AWS Lambda, which downloads and starts the program:
/// small before fast. What the environment says already stays.
pub(crate) fn small(cargo: &mut Command) {
    for (setting, value) in [
        ("OPT_LEVEL", "z"),
        ("LTO", "fat"),
        ("CODEGEN_UNITS", "1"),
        ("STRIP", "true"),
    ] {
        let variable = format!("CARGO_PROFILE_RELEASE_{setting}");
        if std::env::var_os(&variable).is_none() {
            cargo.env(variable, value);
        }
    }
}

/// The directories below `target/package` that the stack has functions in, each with
/// the crate of its binary.
pub(crate) fn functions(project: &Project) -> Result<Vec<(String, String)>> {
    let others = stack::packages(&project.root)?
        .into_iter()
        .filter(|name| name != MIGRATIONS.0)
        .map(|name| (name.clone(), name));
    Ok([(MIGRATIONS.0.into(), MIGRATIONS.1.into())]
        .into_iter()
        .chain(others)
        .collect())
}
