use std::{path::Path, process::Command};

use anyhow::Result;

/// Output of a git command in `directory`, given as its words and then operands, which may
/// contain spaces.
///
/// # Errors
/// When it fails, with its message.
pub(crate) fn git(directory: &Path, words: &str, operands: &[&str]) -> Result<String> {
    output(&mut command(directory, words, operands))
}

pub(crate) fn command(directory: &Path, words: &str, operands: &[&str]) -> Command {
    let mut git = Command::new("git");
    git.current_dir(directory)
        // A question about a user name would wait for ever in CI.
        .env("GIT_TERMINAL_PROMPT", "0")
        .args(words.split_whitespace())
        .args(operands);
    git
}

/// Standard output without the line feed at its end.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    Ok(process::output(command)?.trim_end().to_owned())
}
