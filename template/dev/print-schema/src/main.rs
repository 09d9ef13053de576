//! `cargo run -q --bin print-schema` writes the schema that the entities describe
//! to the standard output, as SQL for PostgreSQL. Needs no database.
//!
//! This is the program of Atlas' external schema, see `atlas.hcl`.

use anyhow::Result;
// An entity reaches the registry by being linked: without this line there are none.
use entity as _;

/// What entities cannot say, written by hand.
const BEFORE: &str = include_str!("../../../crates/entity/sql/before.sql");
const AFTER: &str = include_str!("../../../crates/entity/sql/after.sql");

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    println!(
        "{BEFORE}\n{}\n\n{AFTER}",
        print_schema::ddl("entity").await?
    );
    Ok(())
}
