//! Names that are longer than PostgreSQL keeps them.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use atlas::sql::lexer::{Kind, tokens};
use sea_orm::{DbBackend, EntityRegistry, Schema};

/// In bytes: `NAMEDATALEN` of PostgreSQL, which cuts longer names and only warns.
const LONGEST: usize = 63;

/// Refuses names that PostgreSQL would cut, two of which may become the same.
///
/// # Errors
/// When there are such names: a line for each, with the attribute that gives a shorter one.
pub(crate) fn check(statements: &[String]) -> Result<()> {
    let mut findings = BTreeMap::new();
    for statement in statements {
        let names = names(statement);
        let of_table = names.iter().filter(|(before, _)| matches!(*before, "TABLE" | "ON"));
        let table: Vec<_> = of_table.map(|(_, name)| *name).collect();
        for (before, name) in names {
            let bytes = name[1..name.len() - 1].replace("\"\"", "\"").len();
            if bytes > LONGEST
                && let Some(remedy) = remedy(before)
            {
                findings.entry(name).or_insert_with(|| {
                    let owner = entity(&table.join(".")).unwrap_or("an enum");
                    format!("{owner}: {name} has {bytes} bytes, and PostgreSQL keeps {LONGEST}: {remedy}")
                });
            }
        }
    }
    let findings: Vec<_> = findings.into_values().collect();
    ensure!(findings.is_empty(), "{}", findings.join("\n"));
    Ok(())
}

/// Quoted names, each with the word before it; of a qualified name both parts have the word
/// before the first.
fn names(statement: &str) -> Vec<(&str, &str)> {
    let mut names = Vec::new();
    let mut before = "";
    for token in tokens(statement).filter(|token| token.kind != Kind::Space) {
        match token.text(statement) {
            "." => {}
            text if text.starts_with('"') => names.push((before, text)),
            text => before = text,
        }
    }
    names
}

/// How to shorten a name that stands after a word; `None` where it only refers to an object.
fn remedy(before: &str) -> Option<&'static str> {
    Some(match before {
        "REFERENCES" | "ON" => return None,
        "TABLE" => "set a shorter `table_name`",
        "TYPE" => "set a shorter `enum_name`",
        "INDEX" => {
            "SeaORM joins table and column, or table and `unique_key`: set a shorter `table_name`, \
             `column_name` or `unique_key`, or create the index in crates/entity/sql/after.sql instead"
        }
        "CONSTRAINT" => {
            "SeaORM joins table and columns: set a shorter `table_name` or `column_name`, or \
             `skip_fk` on the relation and add the foreign key in crates/entity/sql/after.sql"
        }
        _ => "set a shorter `column_name`",
    })
}

/// Module of the entity whose table has the quoted name.
fn entity(table: &str) -> Option<&'static str> {
    let modules = inventory::iter::<EntityRegistry>().map(|entity| entity.module_path);
    let creates = |module: &&str| {
        // A prefix of the module path finds others too, but the longest that finds it is its own.
        let entities = EntityRegistry::build_schema(Schema::new(DbBackend::Postgres), module);
        let escaped = format!("{:?}", format!("CREATE TABLE {table} ("));
        format!("{entities:?}").contains(&escaped[1..escaped.len() - 1])
    };
    modules.filter(creates).max_by_key(|module| module.len())
}
