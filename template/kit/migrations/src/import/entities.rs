//! Has sea-orm-cli write the entities, and mends what it does not say.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::Path,
    process::Command,
};

use anyhow::{Context, Result};
use atlas::MigrationFile;
use postgres::Server;

use super::{
    mend::with_enums,
    table::{ForeignKey, Table},
};
use crate::compare::Scratch;

/// The file of sea-orm-cli for enums.
pub(super) const ENUMS: &str = "sea_orm_active_enums";

/// What the entities say.
pub(super) struct Described<'a> {
    pub tables: &'a [Table],
    /// Names of enums in the database and in an entity.
    pub enums: &'a BTreeMap<String, String>,
    /// Values of each enum, by its name in the database.
    pub values: &'a BTreeMap<String, Vec<String>>,
}

impl Described<'_> {
    /// Writes a file for each table, and one for the enums, into `directory`.
    ///
    /// sea-orm-cli reads a database that has the same tables with names that Rust allows, and
    /// no types that it does not know: it gives up at others.
    ///
    /// # Errors
    /// When sea-orm-cli or rustfmt fails.
    pub async fn write(&self, server: &Server, program: &Path, directory: &Path) -> Result<()> {
        let file = MigrationFile { name: "plain tables".into(), contents: self.plain().into() };
        let mut scratch = Scratch::empty(server).await?;
        scratch.run(&[file]).await?;
        let written = tempfile::tempdir()?;
        let mut generate = Command::new(program);
        generate
            .args(["generate", "entity", "--entity-format", "dense", "--include-hidden-tables"])
            .args(["--with-prelude", "none", "--with-copy-enums", "--banner-version", "off"])
            .arg("--output-dir")
            .arg(written.path())
            .current_dir(written.path())
            // Not an argument, which shows in the process list.
            .env("DATABASE_URL", scratch.url())
            .env_remove("DATABASE_SCHEMA");
        process::output(&mut generate).context("sea-orm-cli cannot write the entities")?;

        let mut files = Vec::new();
        for table in self.tables {
            let file = format!("{}.rs", table.module);
            let text = fs::read_to_string(written.path().join(&file))
                .with_context(|| format!("sea-orm-cli wrote no {file}"))?;
            let mended = self.mended(table, &text)?;
            files.push((directory.join(file), mended));
        }
        if let Ok(text) = fs::read_to_string(written.path().join(format!("{ENUMS}.rs"))) {
            let path = directory.join("enums.rs");
            let known = fs::read_to_string(&path).unwrap_or_default();
            files.push((path, with_enums(known, &text)));
        }
        for (path, text) in &files {
            fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        let paths = files.iter().map(|(path, _)| path);
        process::output(Command::new("rustfmt").args(["--edition", "2024"]).args(paths))?;
        Ok(())
    }

    /// DDL of the tables that sea-orm-cli reads.
    fn plain(&self) -> String {
        let mut sql = String::new();
        for (name, known) in self.enums {
            let values =
                self.values[name].iter().map(|value| format!("'{}'", value.replace('\'', "''")));
            let _ = writeln!(sql, "CREATE TYPE \"{known}\" AS ENUM ({});", joined(values));
        }
        for table in self.tables {
            let column = |column: &super::table::Column| {
                let rest = if column.not_null { " NOT NULL" } else { "" };
                let rest = rest.to_owned() + if column.is_unique { " UNIQUE" } else { "" };
                format!("\"{}\" {}{rest}", column.field, column.plain_type(self.enums))
            };
            let mut keys: Vec<_> = table.columns.iter().filter(|of| of.key.is_some()).collect();
            keys.sort_by_key(|column| column.key);
            let keys = joined(keys.iter().map(|column| format!("\"{}\"", column.field)));
            let columns = joined(table.columns.iter().map(column));
            let _ = writeln!(
                sql,
                "CREATE TABLE \"{}\" ({columns}, PRIMARY KEY ({keys}));",
                table.module
            );
        }
        for table in self.tables {
            for (key, target) in self.relations(table) {
                let (from, to) = (table.fields(&key.columns), target.fields(&key.references));
                let quote = |names: &[&str]| joined(names.iter().map(|name| format!("\"{name}\"")));
                if !key.references.iter().all(|name| target.is_key(name)) {
                    let _ = writeln!(
                        sql,
                        "CREATE UNIQUE INDEX ON \"{}\" ({});",
                        target.module,
                        quote(&to)
                    );
                }
                let _ = writeln!(
                    sql,
                    "ALTER TABLE \"{}\" ADD FOREIGN KEY ({}) REFERENCES \"{}\" ({}){};",
                    table.module,
                    quote(&from),
                    target.module,
                    quote(&to),
                    key.actions
                );
            }
        }
        sql
    }

    /// Foreign keys of a table, with the tables that they refer to; one for the same columns
    /// of both.
    pub fn relations<'a>(
        &'a self,
        table: &'a Table,
    ) -> impl Iterator<Item = (&'a ForeignKey, &'a Table)> {
        let mut seen = BTreeSet::new();
        table.foreign_keys.iter().filter_map(move |key| {
            let target = self.tables.iter().find(|target| target.qualified == key.table)?;
            seen.insert((&key.columns, &key.table, &key.references)).then_some((key, target))
        })
    }
}

impl Table {
    fn is_key(&self, column: &str) -> bool {
        self.columns.iter().any(|of| of.name == column && of.key.is_some())
    }

    /// Fields of the columns.
    pub fn fields(&self, columns: &[String]) -> Vec<&str> {
        let fields =
            columns.iter().filter_map(|name| self.columns.iter().find(|of| of.name == *name));
        fields.map(|column| &*column.field).collect()
    }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}
