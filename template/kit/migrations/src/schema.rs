//! The schema that the project describes, as SQL.

use std::{
    io::{IsTerminal, stderr},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use process::text;
use serde_json::Value;

use crate::{Project, Source};

/// Returns the DDL of the entities, after compiling them, or the SQL files that are the source
/// of the schema. A comment before each part is the path of what it is from.
///
/// # Errors
/// With rustc's first message if the entities do not compile.
pub fn print(project: &Project) -> Result<String> {
    match &project.source {
        Source::Entities => {
            process::output(Command::new(compile(project)?).current_dir(&project.root))
                .context("cannot print the schema of the entities in crates/entity")
        }
        Source::Sql(folder) => read(&project.root, folder),
    }
}

/// Joins the SQL files of a folder in the order of their paths.
fn read(root: &Path, folder: &str) -> Result<String> {
    const SOURCE: &str = "source in [workspace.metadata.migrations] of Cargo.toml is \"entities\", or \
        a folder of SQL files";
    let files = atlas::sql::files(root, folder).context(SOURCE)?;
    ensure!(!files.is_empty(), "{SOURCE}, but no file in {folder} ends in .sql");
    let parts = files.iter().map(|(path, sql)| format!("-- {path}\n{}\n\n", sql.trim_end()));
    Ok(parts.collect())
}

/// Builds `print-schema`, and returns its path.
fn compile(project: &Project) -> Result<PathBuf> {
    let format = if stderr().is_terminal() { "json-diagnostic-rendered-ansi" } else { "json" };
    // Cargo writes its progress to standard error, and rustc's messages to standard output.
    let output = process::cargo()
        .current_dir(&project.root)
        .args(["build", "--bin", "print-schema", "--message-format", format])
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo")?;
    let stdout = text(&output.stdout);
    let messages: Vec<Value> =
        stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    if output.status.success() {
        let mut programs = messages.iter().filter_map(|message| message["executable"].as_str());
        return programs.next_back().map(PathBuf::from).context("cargo built no print-schema");
    }
    let errors: Vec<_> = messages
        .iter()
        .map(|message| &message["message"])
        // Others, such as "aborting due to 2 previous errors", are about no place.
        .filter(|error| error["level"] == "error" && error["spans"][0].is_object())
        .collect();
    let Some(first) = errors.first() else {
        bail!("cargo cannot build print-schema: see above");
    };
    let spans = first["spans"].as_array().into_iter().flatten();
    let place = spans
        .filter(|span| span["is_primary"] == true)
        .find_map(|span| Some(format!("{}:{}", span["file_name"].as_str()?, span["line_start"])))
        .unwrap_or_default();
    let more = match errors.len() - 1 {
        0 => String::new(),
        more => format!("\n\nand {more} more: cargo build --bin print-schema"),
    };
    bail!(
        "the entities do not compile: {place}\n\n{}{more}",
        first["rendered"].as_str().unwrap_or_default().trim_end()
    )
}
