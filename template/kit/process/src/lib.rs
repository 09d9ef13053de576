//! Runs other programs.

use std::{
    io::ErrorKind,
    path::PathBuf,
    process::{Command, ExitCode, Output},
};

use anyhow::{Context, Result, bail, ensure};

/// Returns the exit code of a program, after printing the error if there is one.
pub fn exit_code(outcome: Result<ExitCode>) -> ExitCode {
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

/// Returns what a program wrote to its standard output.
///
/// # Errors
/// When it cannot be started or fails, with what it wrote to its standard error.
pub fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot run {name}"))?;
    if !output.status.success() {
        bail!("{name} failed ({}):\n{}", output.status, text(&output.stderr).trim());
    }
    Ok(text(&output.stdout))
}

/// Runs a program with inherited stdio.
///
/// # Errors
/// When it cannot be started or fails.
pub fn run_inherited(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| format!("cannot run {name}"))?;
    ensure!(status.success(), "{name} failed ({status}): see above");
    Ok(())
}

/// Returns the output of a program, or `None` when it is not installed.
pub fn optional(command: &mut Command) -> Result<Option<Output>> {
    match command.output() {
        Ok(output) => Ok(Some(output)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error)
            .with_context(|| format!("cannot run {}", command.get_program().to_string_lossy())),
    }
}

/// The cargo that runs this program, else the one on PATH.
pub fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from))
}

/// The bytes as text, with replacement characters for invalid UTF-8.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The last `count` lines of a text, without blank lines after them.
pub fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
