//! Has sea-orm-cli write the entities, and mends what it does not say.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::Path,
    process::Command,
};

use anyhow::{Context, Result, ensure};
use atlas::MigrationFile;
use postgres::Server;

use super::table::{ForeignKey, Table};
use crate::compare::Scratch;

/// The file of sea-orm-cli for enums.
const ENUMS: &str = "sea_orm_active_enums";

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
        let mut scratch = Scratch::empty(server, "plain").await?;
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
    fn relations<'a>(
        &'a self,
        table: &'a Table,
    ) -> impl Iterator<Item = (&'a ForeignKey, &'a Table)> {
        let mut seen = BTreeSet::new();
        table.foreign_keys.iter().filter_map(move |key| {
            let target = self.tables.iter().find(|target| target.qualified == key.table)?;
            seen.insert((&key.columns, &key.table, &key.references)).then_some((key, target))
        })
    }

    /// The entity of sea-orm-cli with the attributes that make the table as it is.
    ///
    /// # Errors
    /// When it lacks a column.
    fn mended(&self, table: &Table, text: &str) -> Result<String> {
        let keys = table.columns.iter().filter(|column| column.key.is_some()).count();
        let mut taken: BTreeSet<_> =
            table.columns.iter().map(|column| column.field.clone()).collect();
        let mut foreign_keys = BTreeSet::new();
        let mut mended = String::new();
        let mut attribute = String::new();
        let mut columns = 0;
        for line in text.lines().filter(|line| !line.starts_with("//!")) {
            let trimmed = line.trim();
            if trimmed.starts_with("#[sea_orm(table_name") {
                let schema = match &*table.schema {
                    "public" => String::new(),
                    schema => format!("schema_name = {schema:?}, "),
                };
                let _ = writeln!(mended, "#[sea_orm({schema}table_name = {:?})]", table.name);
            } else if line.starts_with("    #[")
                || !attribute.is_empty() && !attribute.ends_with(")]")
            {
                attribute += trimmed;
                attribute += if trimmed.ends_with(',') { " " } else { "" };
            } else if let Some((field, kind)) = field(line) {
                let column = table.columns.iter().find(|column| column.field == field);
                let attribute = std::mem::take(&mut attribute);
                match column.filter(|_| !is_relation(kind)) {
                    Some(column) => {
                        columns += 1;
                        let kind = kind.replace("DateTimeWithTimeZone", "DateTimeUtc");
                        let mut attribute = column.attribute(keys, self.enums);
                        attribute += if attribute.is_empty() { "" } else { "\n" };
                        let _ = writeln!(mended, "{attribute}pub {}: {kind}", raw(line));
                    }
                    None => {
                        let mut name = field.to_owned();
                        let attribute = self.relation(table, attribute, kind, &mut foreign_keys);
                        let attribute = match better_name(&attribute, text) {
                            Some((better, attribute)) if !taken.contains(&better) => {
                                name = better;
                                attribute
                            }
                            _ => attribute,
                        };
                        while !taken.insert(name.clone()) {
                            name += "_entity";
                        }
                        let _ = writeln!(mended, "{attribute}\npub {name}: {kind}");
                    }
                }
            } else {
                let line = line.replace(&format!("super::{ENUMS}::"), "super::enums::");
                let _ = writeln!(mended, "{line}");
            }
        }
        ensure!(
            columns == table.columns.len(),
            "sea-orm-cli wrote {columns} of the {} columns of {}: leave the table out (--exclude)",
            table.columns.len(),
            table.qualified
        );
        Ok(mended)
    }

    /// The attribute of a relation, without a foreign key where SQL makes that one.
    fn relation(
        &self,
        table: &Table,
        attribute: String,
        kind: &str,
        foreign_keys: &mut BTreeSet<String>,
    ) -> String {
        let value = |key: &str| attribute.split(key).nth(1)?.split('"').next();
        let Some((from, to)) = value("from = \"").zip(value("to = \"")) else { return attribute };
        let is_same =
            |fields: &[&str], text: &str| fields.join(", ") == text.trim_matches(['(', ')']);
        let mut keys = self.relations(table);
        let key = keys.find(|(key, target)| {
            let is_target = match kind.contains("super::") {
                true => kind.contains(&format!("super::{}::Entity", target.module)),
                false => target.module == table.module,
            };
            is_target
                && is_same(&table.fields(&key.columns), from)
                && is_same(&target.fields(&key.references), to)
        });
        // SeaORM names a foreign key after its columns.
        let is_written =
            key.is_some_and(|(key, _)| key.is_plain) && foreign_keys.insert(from.to_owned());
        if is_written { attribute } else { attribute.replace(")]", ", skip_fk)]") }
    }
}

impl Table {
    fn is_key(&self, column: &str) -> bool {
        self.columns.iter().any(|of| of.name == column && of.key.is_some())
    }

    /// Fields of the columns.
    fn fields(&self, columns: &[String]) -> Vec<&str> {
        let fields =
            columns.iter().filter_map(|name| self.columns.iter().find(|of| of.name == *name));
        fields.map(|column| &*column.field).collect()
    }
}

/// The name of a relation, and its attribute, after its column where sea-orm-cli has numbered it:
/// `owner` for `owner_id`. `None` where the file has another relation of that name.
fn better_name(attribute: &str, text: &str) -> Option<(String, String)> {
    let value = |key: &str| attribute.split(key).nth(1)?.split('"').next();
    let name = value("from = \"")?.strip_suffix("_id")?;
    let old = value("relation_enum = \"")?;
    let capital = |part: &str| part[..1].to_uppercase() + &part[1..];
    let new: String =
        name.split('_').filter(|part| part.is_ascii() && !part.is_empty()).map(capital).collect();
    let is_taken = text.contains(&format!("super::{name}::")) || new.is_empty();
    let attribute = attribute
        .replace(&format!("relation_enum = \"{old}\""), &format!("relation_enum = \"{new}\""));
    (!is_taken).then(|| (name.to_owned(), attribute))
}

/// Name and type, with the comma, of a field on a line of its own.
fn field(line: &str) -> Option<(&str, &str)> {
    let (name, kind) = line.strip_prefix("    pub ")?.split_once(": ")?;
    Some((name.trim_start_matches("r#"), kind))
}

/// The name of the field as Rust needs it.
fn raw(line: &str) -> &str {
    line.trim().trim_start_matches("pub ").split(':').next().unwrap_or_default()
}

fn is_relation(kind: &str) -> bool {
    ["BelongsTo<", "HasMany<", "HasOne<"].iter().any(|relation| kind.starts_with(relation))
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

/// The enums of a file, with those of another that it lacks.
fn with_enums(mut known: String, written: &str) -> String {
    let name = |item: &str| {
        item.split("pub enum ").nth(1).and_then(|rest| rest.split(' ').next()).map(str::to_owned)
    };
    if known.is_empty() {
        known = "use sea_orm::entity::prelude::*;\n".to_owned();
    }
    for item in written.split("#[derive(").skip(1) {
        let is_known = name(item).is_some_and(|name| known.contains(&format!("pub enum {name} ")));
        if !is_known {
            let _ = write!(known, "\n#[derive({}", capitalized(item));
        }
    }
    known
}

/// The enum with variants as Rust writes them, those of values with odd characters too.
fn capitalized(item: &str) -> String {
    let mut text = String::new();
    for line in item.lines() {
        match line.strip_prefix("    ").and_then(|variant| Some((variant, variant.chars().next()?)))
        {
            Some((variant, first)) if first.is_lowercase() => {
                let _ =
                    writeln!(text, "    {}{}", first.to_uppercase(), &variant[first.len_utf8()..]);
            }
            _ => text = text + line + "\n",
        }
    }
    text
}
