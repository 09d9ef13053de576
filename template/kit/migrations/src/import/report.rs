//! What the import says at its end.

use std::{collections::BTreeSet, process::ExitCode};

use anyhow::Result;
use catalog::Object;
use sea_orm::sqlx::PgConnection;
use serde_json::Value;

use super::{NAME, object, read, source::Source, table::Table};
use crate::report::count;

/// Tables that cannot be entities, each with the reason.
pub(super) async fn in_sql(
    connection: &mut PgConnection,
    new: &BTreeSet<&Object>,
) -> Result<Vec<String>> {
    const TABLES: &str = ", t AS (SELECT r.name, CASE WHEN relispartition THEN NULL WHEN relkind = 'p' THEN 'partitioned'
            WHEN relkind = 'f' THEN 'a foreign table' WHEN EXISTS (SELECT FROM pg_inherits WHERE inhrelid = r.oid) THEN 'inherits'
            WHEN NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = r.oid AND contype = 'p') THEN 'no primary key, which SeaORM needs' END AS reason
        FROM relation r WHERE relkind IN ('r', 'p', 'f'))
        SELECT to_jsonb(t) FROM t WHERE reason IS NOT NULL ORDER BY name";
    let tables: Vec<Value> = read(connection, TABLES).await?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let tables = tables.iter().map(|table| (text(&table["name"]), text(&table["reason"])));
    let tables = tables.filter(|(name, _)| {
        new.contains(&object("table", name)) || new.contains(&object("foreign table", name))
    });
    Ok(tables.map(|(name, reason)| format!("{name} ({reason})")).collect())
}

/// Says what was written, and what is left to do.
pub(super) fn report(
    source: &Source,
    tables: &[Table],
    in_sql: &[String],
    version: &str,
    left: &[String],
) -> Result<ExitCode> {
    let list = |title: &str, lines: &[String]| {
        if !lines.is_empty() {
            println!("{title}\n  {}\n", lines.join("\n  "));
        }
    };
    println!(
        "crates/entity/src has {} more; migrations/{version}_{NAME}.sql makes them\n",
        count(tables.len(), "table")
    );
    list("Not entities, but SQL in crates/entity/sql:", in_sql);
    let left_out: Vec<_> =
        source.left_out.iter().map(|object| format!("{} {}", object.kind, object.name)).collect();
    list("Left out:", &left_out);
    println!(
        "A database that has all of this must learn so, once, before the next migration:\n  \
         just apply --baseline {version} URL\n\nNext: git add --all, look at it (git diff --cached), just check-migrations"
    );
    if left.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!(
        "error: the database has what neither entities nor a plan make. Write it into crates/entity/sql/after.sql \
         and into the migration by hand, then: just hash-migrations\n  {}",
        left.join("\n  ")
    );
    Ok(ExitCode::FAILURE)
}
