//! Puts concurrent statements into migrations of their own.
//!
//! PostgreSQL refuses `CREATE INDEX CONCURRENTLY` inside a transaction, and Atlas applies
//! a file in one unless it starts with `-- atlas:txmode none`, a line that Atlas does not
//! write itself. The other statements of such a file would not be rolled back on failure,
//! so they stay in transactional files.
//! <https://atlasgo.io/versioned/apply#transaction-configuration>

use anyhow::{Context, Result};
use atlas::{MigrationFile, sql};
use chrono::{NaiveDateTime, TimeDelta};

/// The line that makes Atlas apply a file outside of a transaction.
pub const TXMODE_NONE: &str = "-- atlas:txmode none";

/// Form of the version at the start of a file name: UTC, to the second.
const VERSION: &str = "%Y%m%d%H%M%S";

/// Splits a planned migration into files that are either transactional or concurrent, with
/// the statements in their order. Versions are a second apart, and later than `last`, the
/// version of the newest migration.
pub fn split(planned: &MigrationFile, last: Option<&str>) -> Result<Vec<MigrationFile>> {
    let (version, description) = planned
        .name
        .strip_suffix(".sql")
        .and_then(|stem| stem.split_once('_'))
        .with_context(|| format!("Atlas called a migration {}", planned.name))?;
    let mut version = NaiveDateTime::parse_from_str(version, VERSION)
        .with_context(|| format!("Atlas called a migration {}", planned.name))?;
    // Versions of another form sort by their name alone, as they do for Atlas.
    if let Some(Ok(last)) = last.map(|last| NaiveDateTime::parse_from_str(last, VERSION)) {
        version = version.max(last + TimeDelta::seconds(1));
    }

    let text = planned.text();
    let mut runs: Vec<(bool, Vec<&str>)> = Vec::new();
    for statement in sql::statements(&text) {
        let concurrent = statement.is_concurrent();
        match runs.last_mut() {
            Some((kind, statements)) if *kind == concurrent => statements.push(statement.text),
            _ => runs.push((concurrent, vec![statement.text])),
        }
    }

    let mut files = Vec::new();
    for (concurrent, statements) in runs {
        let (suffix, head) = if concurrent {
            ("_concurrently", format!("{TXMODE_NONE}\n\n"))
        } else {
            ("", String::new())
        };
        files.push(MigrationFile {
            name: format!("{}_{description}{suffix}.sql", version.format(VERSION)),
            contents: format!("{head}{}\n", statements.join("\n")).into_bytes(),
        });
        version += TimeDelta::seconds(1);
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(contents: &str) -> MigrationFile {
        MigrationFile { name: "20260131235959_add_index.sql".into(), contents: contents.into() }
    }

    #[test]
    fn keeps_a_transactional_migration() {
        let sql = "-- Add a column\nALTER TABLE \"t\" ADD COLUMN \"a\" bigint NULL;\n";
        assert_eq!(split(&planned(sql), None).unwrap(), [planned(sql)]);
    }

    #[test]
    fn moves_concurrent_statements_to_separate_files_in_order() {
        let files = split(
            &planned(
                "-- Drop index\nDROP INDEX CONCURRENTLY \"i\";\nALTER TABLE \"t\" DROP COLUMN \"a\";\n\
                 CREATE INDEX CONCURRENTLY \"j\" ON \"t\" (\"b\");\nCREATE UNIQUE INDEX CONCURRENTLY \"k\" ON \"t\" (\"c\");\n",
            ),
            None,
        )
        .unwrap();
        assert_eq!(
            files,
            [
                MigrationFile {
                    name: "20260131235959_add_index_concurrently.sql".into(),
                    contents: "-- atlas:txmode none\n\n-- Drop index\nDROP INDEX CONCURRENTLY \"i\";\n".into(),
                },
                MigrationFile {
                    name: "20260201000000_add_index.sql".into(),
                    contents: "ALTER TABLE \"t\" DROP COLUMN \"a\";\n".into(),
                },
                MigrationFile {
                    name: "20260201000001_add_index_concurrently.sql".into(),
                    contents: "-- atlas:txmode none\n\nCREATE INDEX CONCURRENTLY \"j\" ON \"t\" (\"b\");\n\
                               CREATE UNIQUE INDEX CONCURRENTLY \"k\" ON \"t\" (\"c\");\n"
                        .into(),
                },
            ]
        );
    }

    #[test]
    fn sorts_after_a_migration_from_a_clock_that_is_ahead() {
        let files = split(&planned("SELECT 1;"), Some("20260301000000")).unwrap();
        assert_eq!(files[0].name, "20260301000001_add_index.sql");
    }
}
