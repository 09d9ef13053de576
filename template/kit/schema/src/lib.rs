//! The schema of all linked SeaORM entities as PostgreSQL DDL.
//!
//! SeaORM registers entities in an order that differs from run to run, and writes foreign
//! keys inside `CREATE TABLE`, which does not load when tables refer to each other. So this
//! crate records its statements, takes the foreign keys out, and sorts everything: schemas,
//! types, tables, indexes, then foreign keys, which may need a unique index. The same entities
//! always give the same text, and it always loads.

pub mod attributes;
mod names;
mod recorder;
mod table;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use anyhow::{Context, Result, bail, ensure};
use atlas::sql::lexer::tokens;
// Entities register themselves, but only if they are linked.
use entity as _;
use sea_orm::{DbBackend, EntityRegistry, Schema};

use crate::recorder::Recorder;

/// Returns the schema of the project in `root`: the DDL of all entities, and the SQL files for
/// what they cannot express.
///
/// # Errors
/// As of [`ddl`] and [`sql_files`].
pub async fn whole(root: &Path) -> Result<String> {
    let mut parts = sql_files(root, "crates/entity/sql/before")?;
    parts.push(("crates/entity/src".into(), ddl("entity").await?));
    parts.extend(sql_files(root, "crates/entity/sql/after")?);
    parts.retain(|(_, part)| !atlas::sql::statements(part).is_empty());
    // `check-migrations` finds by the first line which file a statement is from.
    let parts: Vec<_> =
        parts.iter().map(|(path, part)| format!("-- {path}\n{}", part.trim_end())).collect();
    Ok(parts.join("\n\n"))
}

/// Returns the DDL of every entity in the modules below `module`, a crate or a path in one,
/// without a line break at the end.
///
/// # Errors
/// When the module holds no entity, when two entities have the same table name, when a
/// name is longer than PostgreSQL keeps it, and when
/// PostgreSQL would not find an enum by the name that its columns use.
pub async fn ddl(module: &str) -> Result<String> {
    let prefix = format!("{module}::");
    ensure!(
        inventory::iter::<EntityRegistry>().all(|entity| entity.module_path != module),
        "an entity is in `{module}` itself: move it into a file of its own"
    );
    let entities = inventory::iter::<EntityRegistry>()
        .filter(|entity| entity.module_path.starts_with(&prefix))
        .count();
    ensure!(
        entities > 0,
        "no entity found in `{module}`: a table is a struct with #[sea_orm::model] and \
         #[derive(DeriveEntityModel)] in a file of that crate"
    );

    let statements = record(&prefix).await?;
    names::check(&statements)?;

    let mut schemas = BTreeSet::new();
    let mut types = BTreeMap::new();
    let mut tables = BTreeMap::new();
    let mut foreign_keys = Vec::new();
    let mut indexes = Vec::new();
    for statement in statements {
        if let Some(rest) = statement.strip_prefix("CREATE TYPE ") {
            let name = type_name(rest)?;
            ensure!(
                types.insert(name.to_owned(), format!("{statement};")).is_none(),
                "two enums have the name {name} but different values: change one `enum_name`"
            );
        } else if statement.starts_with("CREATE TABLE ") {
            let table = table::split(&statement)?;
            foreign_keys.extend(table.foreign_keys);
            schemas.extend(table.schema);
            tables.insert(table.name, table.create);
        } else if statement.starts_with("CREATE INDEX ")
            || statement.starts_with("CREATE UNIQUE INDEX ")
        {
            indexes.push(format!("{statement};"));
        } else {
            bail!("SeaORM made a statement of an unknown kind: {statement}");
        }
    }
    // SeaORM keeps one of the entities that share a table and drops the others.
    ensure!(
        tables.len() == entities,
        "{entities} entities share {} tables: two of them have the same `table_name`",
        tables.len()
    );

    foreign_keys.sort();
    indexes.sort();
    let mut groups = vec![
        schemas.into_iter().collect::<Vec<_>>().join("\n"),
        types.into_values().collect::<Vec<_>>().join("\n"),
        tables.into_values().collect::<Vec<_>>().join("\n\n"),
        indexes.join("\n"),
        foreign_keys.join("\n"),
    ];
    groups.retain(|group| !group.is_empty());
    Ok(groups.join("\n\n"))
}

/// Returns the SQL of the file `stem`.sql, or of all files in the folder `stem`, in the order
/// of their paths, which come with it. `stem` and paths are relative to `root`.
///
/// # Errors
/// When a file cannot be read, and when both the file and the folder exist.
pub fn sql_files(root: &Path, stem: &str) -> Result<Vec<(String, String)>> {
    let file = format!("{stem}.sql");
    let exists = root.join(&file).exists();
    if root.join(stem).is_dir() {
        ensure!(!exists, "{file} and {stem}/ both exist: move the file there");
        return Ok(atlas::sql::files(root, stem)?);
    }
    if !exists {
        return Ok(Vec::new());
    }
    let sql = fs::read_to_string(root.join(&file));
    let sql = sql.with_context(|| format!("cannot read {file}"))?;
    Ok(vec![(file, sql)])
}

/// Returns the statements that create the entities' tables, as SeaORM would send them.
async fn record(prefix: &str) -> Result<Vec<String>> {
    let recorder = Recorder::default();
    EntityRegistry::build_schema(Schema::new(DbBackend::Postgres), prefix)
        .apply(&recorder.connect().await?)
        .await?;
    Ok(recorder.take())
}

/// Returns the quoted name at the start of `"name" AS ENUM (...)`.
///
/// SeaORM quotes the name of a type where it creates the type but not where a column has
/// that type, and PostgreSQL folds unquoted names to lower case.
fn type_name(definition: &str) -> Result<&str> {
    let end = tokens(definition).find(|token| token.text(definition) == "AS");
    let name = definition[..end.map_or(definition.len(), |end| end.start)].trim_end();
    ensure!(
        name.trim_matches('"')
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'),
        "the name of the enum type {name} may only have lower-case letters, digits and `_`: \
         change its `enum_name`"
    );
    Ok(name)
}
