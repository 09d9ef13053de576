//! `cargo run -q --bin print-schema` prints the schema that the entities describe, as SQL
//! for PostgreSQL. Needs no database.
//!
//! This is the program of Atlas' external schema, see `atlas.hcl`.

use std::{io::Write, path::Path, process::ExitCode};

use anyhow::Result;

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
    writeln!(std::io::stdout(), "{}", schema::whole(root).await?)?;
    Ok(())
}
