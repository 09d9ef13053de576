//! Mends the text of sea-orm-cli, which rustfmt has formatted.

use std::{collections::BTreeSet, fmt::Write as _};

use anyhow::{Result, ensure};

use super::{
    entities::{Described, ENUMS},
    table::Table,
};

impl Described<'_> {
    /// The entity of sea-orm-cli with the attributes that make the table as it is.
    ///
    /// # Errors
    /// When it lacks a column.
    pub fn mended(&self, table: &Table, text: &str) -> Result<String> {
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

/// The enums of a file, with those of another that it lacks.
pub(super) fn with_enums(mut known: String, written: &str) -> String {
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
