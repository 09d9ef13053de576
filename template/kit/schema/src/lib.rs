//! The schema of all linked SeaORM entities as PostgreSQL DDL.
//!
//! SeaORM registers entities in an order that differs from run to run and writes
//! each foreign key inside its table, which does not load when tables refer to
//! each other. So its statements are recorded, the foreign keys taken out, and
//! everything sorted: types, tables, indexes, foreign keys, which may need a unique index. The same entities
//! always give the same text, and it always loads.

mod recorder;
mod table;

use std::collections::BTreeMap;

use anyhow::{Result, bail, ensure};
use sea_orm::{DbBackend, EntityRegistry, Schema};

use crate::recorder::Recorder;

/// The DDL of every entity in the modules below `module`, a crate or a path in one.
/// Ends without a line break.
///
/// # Errors
/// When the module holds no entity, when two entities name one table, and when
/// an enum could not be stored as its columns name it.
pub async fn ddl(module: &str) -> Result<String> {
    let prefix = format!("{module}::");
    ensure!(
        inventory::iter::<EntityRegistry>().all(|entity| entity.module_path != module),
        "an entity stands in `{module}` itself: move it into a file of its own"
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

    let mut types = BTreeMap::new();
    let mut tables = BTreeMap::new();
    let mut foreign_keys = Vec::new();
    let mut indexes = Vec::new();
    for statement in statements {
        if let Some(rest) = statement.strip_prefix("CREATE TYPE ") {
            let name = rest.split(" AS ").next().unwrap_or(rest).to_owned();
            check_type_name(&name)?;
            ensure!(
                types
                    .insert(name.clone(), format!("{statement};"))
                    .is_none(),
                "two enums are called {name} and differ in their values: \
                 give each an `enum_name` of its own"
            );
        } else if statement.starts_with("CREATE TABLE ") {
            let table = table::split(&statement)?;
            foreign_keys.extend(table.foreign_keys);
            tables.insert(table.name, table.create);
        } else if statement.starts_with("CREATE INDEX ")
            || statement.starts_with("CREATE UNIQUE INDEX ")
        {
            indexes.push(format!("{statement};"));
        } else {
            bail!("SeaORM made a statement that is not expected in a schema: {statement}");
        }
    }
    // SeaORM keeps one of several entities for a table and drops the others.
    ensure!(
        tables.len() == entities,
        "{entities} entities share {} tables: two of them have the same `table_name`",
        tables.len()
    );

    foreign_keys.sort();
    indexes.sort();
    let groups = [
        types.into_values().collect::<Vec<_>>().join("\n"),
        tables.into_values().collect::<Vec<_>>().join("\n\n"),
        indexes.join("\n"),
        foreign_keys.join("\n"),
    ];
    let groups: Vec<_> = groups
        .into_iter()
        .filter(|group| !group.is_empty())
        .collect();
    Ok(groups.join("\n\n"))
}

/// What SeaORM would send to a server to create the entities' tables.
async fn record(prefix: &str) -> Result<Vec<String>> {
    let recorder = Recorder::default();
    EntityRegistry::build_schema(Schema::new(DbBackend::Postgres), prefix)
        .apply(&recorder)
        .await?;
    Ok(recorder.into_statements())
}

/// SeaORM quotes a type's name where it creates the type but not where a column
/// has that type, and PostgreSQL folds what is not quoted to lower case.
fn check_type_name(quoted: &str) -> Result<()> {
    let name = quoted
        .rsplit('.')
        .next()
        .unwrap_or(quoted)
        .trim_matches('"');
    ensure!(
        name.chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'),
        "the enum type {quoted} must be called by lower-case letters, digits and `_`: change its `enum_name`"
    );
    Ok(())
}
