//! `cargo run -q --bin print-schema` prints the schema that the entities describe, as SQL
//! for PostgreSQL. Needs no database.
//!
//! This is the program of Atlas' external schema, see `atlas.hcl`.

use std::{io::Write, path::Path, process::ExitCode};

use anyhow::Result;
// Entities register themselves, but only if they are linked.
use entity as _;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match print().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn print() -> Result<()> {
    let root = Path::new(ROOT);
    schema::attributes::check(root, "crates/entity/src")?;
    let mut parts = schema::sql_files(root, "crates/entity/sql/before")?;
    parts.push(("crates/entity/src".into(), schema::ddl("entity").await?));
    parts.extend(schema::sql_files(root, "crates/entity/sql/after")?);
    parts.retain(|(_, part)| !atlas::sql::statements(part).is_empty());
    // `check-migrations` finds by the first line which file a statement is from.
    let parts: Vec<_> =
        parts.iter().map(|(path, part)| format!("-- {path}\n{}", part.trim_end())).collect();
    writeln!(std::io::stdout(), "{}", parts.join("\n\n"))?;
    Ok(())
}
