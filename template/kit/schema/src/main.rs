//! `cargo run -q --bin print-schema` prints the schema that the entities describe, as SQL
//! for PostgreSQL. Needs no database.
//!
//! This is the program of Atlas' external schema, see `atlas.hcl`.

use std::{io::Write, path::Path, process::ExitCode};

use anyhow::Result;
// Entities register themselves, but only if they are linked.
use entity as _;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

// Hand-written SQL for what entities cannot express.
const BEFORE: &str = include_str!("../../../crates/entity/sql/before.sql");
const AFTER: &str = include_str!("../../../crates/entity/sql/after.sql");

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
    schema::attributes::check(Path::new(ROOT), "crates/entity/src")?;
    let ddl = schema::ddl("entity").await?;
    let mut parts = vec![BEFORE, &ddl, AFTER];
    parts.retain(|part| !atlas::sql::statements(part).is_empty());
    let parts: Vec<_> = parts.into_iter().map(str::trim).collect();
    writeln!(std::io::stdout(), "{}", parts.join("\n\n"))?;
    Ok(())
}
