//! Indexes built without locking the table need migrations of their own.
//!
//! PostgreSQL refuses `CREATE INDEX CONCURRENTLY` inside a transaction, and Atlas
//! applies a file in one unless it starts with `-- atlas:txmode none`. Atlas does
//! not write that line itself. What else stands in such a file would not be rolled
//! back on failure, so the concurrent statements get a file of their own.
//! <https://atlasgo.io/versioned/apply#transaction-configuration>

use anyhow::{Context, Result};
use atlas::sql;
use chrono::{NaiveDateTime, TimeDelta};

/// The line that makes Atlas apply a file outside of a transaction.
pub const TXMODE_NONE: &str = "-- atlas:txmode none";

/// A migration file to be written.
#[derive(Debug, PartialEq, Eq)]
pub struct Planned {
    pub name: String,
    pub contents: String,
}

/// Splits a planned migration into files, each all transactional or all concurrent,
/// in the order of their statements. `after` is the newest version there is:
/// the files' versions, a second apart, come later.
pub fn arrange(planned: Planned, after: Option<&str>) -> Result<Vec<Planned>> {
    let (version, description) = planned
        .name
        .strip_suffix(".sql")
        .and_then(|stem| stem.split_once('_'))
        .with_context(|| format!("Atlas called a migration {}", planned.name))?;
    let mut version = Version::parse(version)?;
    // Versions of another form come from elsewhere; Atlas goes by names alone.
    if let Some(Ok(after)) = after.map(Version::parse) {
        version = version.max(after.next());
    }

    let mut runs: Vec<(bool, Vec<String>)> = Vec::new();
    for statement in sql::statements(&planned.contents) {
        let concurrent = statement.is_concurrent();
        let text = statement.text.to_owned();
        match runs.last_mut() {
            Some((kind, statements)) if *kind == concurrent => statements.push(text),
            _ => runs.push((concurrent, vec![text])),
        }
    }

    let mut files = Vec::new();
    for (concurrent, statements) in runs {
        let (suffix, head) = if concurrent {
            ("_concurrently", format!("{TXMODE_NONE}\n\n"))
        } else {
            ("", String::new())
        };
        files.push(Planned {
            name: format!("{version}_{description}{suffix}.sql"),
            contents: format!("{head}{}\n", statements.join("\n")),
        });
        version = version.next();
    }
    Ok(files)
}

/// When a migration was planned: the digits at the beginning of its file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version(NaiveDateTime);

impl Version {
    const FORMAT: &str = "%Y%m%d%H%M%S";

    fn parse(text: &str) -> Result<Self> {
        NaiveDateTime::parse_from_str(text, Self::FORMAT)
            .map(Self)
            .with_context(|| {
                format!("the version {text} of a migration is no time like 20260131235959")
            })
    }

    fn next(self) -> Self {
        Self(self.0 + TimeDelta::seconds(1))
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.format(Self::FORMAT).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(contents: &str) -> Planned {
        Planned {
            name: "20260131235959_add_index.sql".into(),
            contents: contents.into(),
        }
    }

    #[test]
    fn leaves_a_transactional_migration_as_it_is() {
        let sql = "-- Add a column\nALTER TABLE \"t\" ADD COLUMN \"a\" bigint NULL;\n";
        assert_eq!(arrange(planned(sql), None).unwrap(), [planned(sql)]);
    }

    #[test]
    fn gives_concurrent_statements_files_of_their_own_in_order() {
        let files = arrange(
            planned(
                "-- Drop index\nDROP INDEX CONCURRENTLY \"i\";\nALTER TABLE \"t\" DROP COLUMN \"a\";\n\
                 CREATE INDEX CONCURRENTLY \"j\" ON \"t\" (\"b\");\nCREATE UNIQUE INDEX CONCURRENTLY \"k\" ON \"t\" (\"c\");\n",
            ),
            None,
        )
        .unwrap();
        assert_eq!(
            files,
            [
                Planned {
                    name: "20260131235959_add_index_concurrently.sql".into(),
                    contents: "-- atlas:txmode none\n\n-- Drop index\nDROP INDEX CONCURRENTLY \"i\";\n".into(),
                },
                Planned {
                    name: "20260201000000_add_index.sql".into(),
                    contents: "ALTER TABLE \"t\" DROP COLUMN \"a\";\n".into(),
                },
                Planned {
                    name: "20260201000001_add_index_concurrently.sql".into(),
                    contents: "-- atlas:txmode none\n\nCREATE INDEX CONCURRENTLY \"j\" ON \"t\" (\"b\");\n\
                               CREATE UNIQUE INDEX CONCURRENTLY \"k\" ON \"t\" (\"c\");\n"
                        .into(),
                },
            ]
        );
    }

    #[test]
    fn comes_after_a_migration_from_a_clock_that_is_ahead() {
        let files = arrange(planned("SELECT 1;"), Some("20260301000000")).unwrap();
        assert_eq!(files[0].name, "20260301000001_add_index.sql");
    }
}
