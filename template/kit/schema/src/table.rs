//! Takes SeaORM's one-line `CREATE TABLE` apart.

use anyhow::{Context, Result};
use atlas::sql::lexer::tokens;

/// A table as separate statements, each ending in a semicolon.
#[derive(Debug)]
pub(crate) struct Table {
    /// The name as the statement has it: quoted, with its schema if it has one.
    pub(crate) name: String,
    /// `CREATE SCHEMA` for the schema of the name, if it has one.
    pub(crate) schema: Option<String>,
    /// `CREATE TABLE` without foreign keys, a line for each column and constraint.
    pub(crate) create: String,
    /// An `ALTER TABLE ... ADD CONSTRAINT` for each foreign key.
    pub(crate) foreign_keys: Vec<String>,
}

/// Splits `CREATE TABLE "name" ( element, element, ... )`.
pub(crate) fn split(statement: &str) -> Result<Table> {
    let (name, elements) = name_and_elements(statement)
        .with_context(|| format!("cannot read this CREATE TABLE of SeaORM: {statement}"))?;
    let (foreign_keys, elements): (Vec<_>, Vec<_>) =
        elements.into_iter().partition(|element| is_foreign_key(element));
    Ok(Table {
        name: name.to_owned(),
        schema: schema(name).map(|schema| format!("CREATE SCHEMA IF NOT EXISTS {schema};")),
        create: format!("CREATE TABLE {name} (\n    {}\n);", elements.join(",\n    ")),
        foreign_keys: foreign_keys
            .iter()
            .map(|key| format!("ALTER TABLE {name} ADD {key};"))
            .collect(),
    })
}

fn name_and_elements(statement: &str) -> Option<(&str, Vec<&str>)> {
    let rest = statement.strip_prefix("CREATE TABLE ")?;
    let (mut name, mut elements) = ("", Vec::new());
    let (mut start, mut depth) = (0, 0);
    // A parenthesis or comma within quotes is part of a longer token.
    for token in tokens(rest) {
        match (token.text(rest), depth) {
            ("(", 0) => {
                name = rest[..token.start].trim_end();
                (start, depth) = (token.end, 1);
            }
            (end @ ("," | ")"), 1) => {
                elements.push(rest[start..token.start].trim());
                (start, depth) = (token.end, i32::from(end == ","));
            }
            ("(" | "[", _) => depth += 1,
            (")" | "]", _) => depth -= 1,
            _ => {}
        }
    }
    let complete = depth == 0 && !name.is_empty() && rest[start..].trim().is_empty();
    complete.then_some((name, elements))
}

/// The quoted schema in `"schema"."name"`, unless it is the one that every database has.
fn schema(name: &str) -> Option<&str> {
    let end = tokens(name).find(|token| token.text(name) == ".")?.start;
    Some(&name[..end]).filter(|schema| *schema != "\"public\"")
}

/// Whether the element reads `[CONSTRAINT "name"] FOREIGN KEY ...`. The names of columns
/// and constraints are quoted.
fn is_foreign_key(element: &str) -> bool {
    let mut words = tokens(element)
        .map(|token| token.text(element))
        .filter(|text| !text.starts_with(['"', ' ']));
    match words.next() {
        Some("CONSTRAINT") => words.next() == Some("FOREIGN"),
        first => first == Some("FOREIGN") && !element.starts_with('"'),
    }
}
