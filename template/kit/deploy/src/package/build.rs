use std::{path::PathBuf, process::Command};

use anyhow::{Context, Result, ensure};
use migrations::Project;

use crate::{architecture::Architecture, deploy_tools, stack};

/// Directory of the migration function below `target/package`, and the crate of its binary.
const MIGRATION_FUNCTION: (&str, &str) = ("function", "migration-lambda");

/// Builds the stack's functions for AWS Lambda. Returns the program of each, with its
/// directory below `target/package`.
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
    optimize_for_size(&mut command);
    // By package, so that each is built with no more features than it asks for.
    for (_, name) in &functions {
        command.args(["--package", name, "--bin", name]);
    }
    println!("  building the functions for {architecture}, a few minutes the first time");
    process::run_inherited(&mut command).context(
        "the functions were not built. Besides migration-lambda, each `CodeUri: \
         target/package/NAME/` in template.yaml needs a crate NAME with a binary",
    )?;
    let program = |(name, binary)| (name, directory.join::<String>(binary).join("bootstrap"));
    Ok(functions.into_iter().map(program).collect())
}

/// Makes a release build small rather than fast, because Lambda downloads and starts the
/// program. Settings in the environment take precedence.
pub(crate) fn optimize_for_size(cargo: &mut Command) {
    for (setting, value) in
        [("OPT_LEVEL", "z"), ("LTO", "fat"), ("CODEGEN_UNITS", "1"), ("STRIP", "true")]
    {
        let variable = format!("CARGO_PROFILE_RELEASE_{setting}");
        if std::env::var_os(&variable).is_none() {
            cargo.env(variable, value);
        }
    }
}

/// The directories of the stack's functions below `target/package`, each with the crate of
/// its binary.
pub(crate) fn functions(project: &Project) -> Result<Vec<(String, String)>> {
    let (directory, binary) = MIGRATION_FUNCTION;
    let mut functions = vec![(directory.to_owned(), binary.to_owned())];
    for name in stack::packages(&project.root)? {
        ensure!(
            name != directory,
            "template.yaml: target/package/{directory} is the migration function's: rename yours"
        );
        functions.push((name.clone(), name));
    }
    Ok(functions)
}
