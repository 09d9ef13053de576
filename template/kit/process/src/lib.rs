//! Running other programs.

use std::{
    io::ErrorKind,
    path::PathBuf,
    process::{Command, Output},
};

use anyhow::{Context, Result, bail, ensure};

/// What a program wrote to its standard output, if it ended well.
///
/// # Errors
/// With what it wrote to its standard error, when it could not be started or failed.
pub fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("cannot run {name}"))?;
    if !output.status.success() {
        bail!(
            "{name} failed ({}):\n{}",
            output.status,
            text(&output.stderr).trim()
        );
    }
    Ok(text(&output.stdout))
}

/// Runs a program with inherited stdio.
///
/// # Errors
/// When it could not be started or failed.
pub fn run_inherited(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command
        .status()
        .with_context(|| format!("cannot run {name}"))?;
    ensure!(status.success(), "{name} failed ({status}): see above");
    Ok(())
}

/// What became of a program that need not be installed: `None` when it is not.
pub fn optional(command: &mut Command) -> Result<Option<Output>> {
    match command.output() {
        Ok(output) => Ok(Some(output)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error)
            .with_context(|| format!("cannot run {}", command.get_program().to_string_lossy())),
    }
}

/// The cargo that runs this program, or the one on PATH.
pub fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from))
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
