use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::Project;

/// The schema that the entities describe, written to a file for Atlas to read.
///
/// Atlas could call the program itself, but not every edition of it does.
pub fn print(project: &Project) -> Result<PathBuf> {
    let ddl = process::output(process::cargo().current_dir(&project.root).args([
        "run",
        "--quiet",
        "--bin",
        "print-schema",
    ]))
    .context(
        "the schema could not be printed from the entities in crates/entity; no file was changed",
    )?;
    let file = project.scratch("schema")?.join("schema.sql");
    std::fs::write(&file, ddl).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}
