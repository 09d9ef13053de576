//! `cargo run -q --bin print-schema` writes the schema that the entities describe
//! to the standard output, as SQL for PostgreSQL. Needs no database.
//!
//! This is the program of Atlas' external schema, see `atlas.hcl`.

use std::{io::Write, process::ExitCode};

use anyhow::Result;
// An entity reaches the registry by being linked: without this line there are none.
use entity as _;

/// What entities cannot say, written by hand.
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
    let ddl = schema::ddl("entity").await?;
    let parts = [BEFORE, &ddl, AFTER].map(str::trim);
    let parts: Vec<_> = parts
        .into_iter()
        .filter(|part| says_something(part))
        .collect();
    writeln!(std::io::stdout(), "{}", parts.join("\n\n"))?;
    Ok(())
}

/// Whether there is more than comments.
fn says_something(sql: &str) -> bool {
    sql.lines()
        .map(str::trim)
        .any(|line| !line.is_empty() && !line.starts_with("--"))
}
