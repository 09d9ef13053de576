use std::{collections::BTreeSet, fmt, str::FromStr};

use anyhow::{Context as _, Result};
use catalog::Object;
use serde_json::Value;

use crate::{
    Schema, Step,
    types::{identifier, quoted},
};

/// Something that goes and something that comes, which may be one thing with a new name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rename {
    /// A table, a type, `table.column`, or `type.value` of an enum; the schema only if it is
    /// not `public`.
    pub from: String,
    /// The new name of the table, column or value alone.
    pub to: String,
}

impl FromStr for Rename {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (from, to) = text.split_once('=').with_context(|| {
            format!(
                "\"{text}\" is no rename: table=new, table.column=new, type=new or enum.value=new"
            )
        })?;
        Ok(Self { from: from.trim().to_owned(), to: to.trim().to_owned() })
    }
}

impl fmt::Display for Rename {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.from, self.to)
    }
}

/// Returns what may be a rename: a column for one of the same type in the same table, a table
/// for one with the same columns, an enum value for one at its place.
pub fn candidates(before: &Schema, after: &Schema) -> Vec<Rename> {
    let mut found = Vec::new();
    let gone = before.objects.keys().filter(|object| !after.objects.contains_key(object));
    for old in gone {
        let come = after
            .objects
            .keys()
            .filter(|new| new.kind == old.kind && !before.objects.contains_key(new));
        let matching = come.filter(|new| match &*old.kind {
            "column" => {
                let [was, is] = [before.detail(old), after.detail(new)];
                was["table"] == is["table"]
                    && was["own"] == true
                    && was["type"] == is["type"]
                    && was["generated"] == is["generated"]
            }
            "table" => shape(before, old) == shape(after, new),
            "enum type" | "domain" | "composite type" => {
                before.objects[old].state == after.objects[*new].state
            }
            _ => false,
        });
        found.extend(
            matching.map(|new| Rename { from: short(&old.name), to: last(&new.name).to_owned() }),
        );
    }
    for (object, old) in &before.objects {
        let Some(new) = after.objects.get(object).filter(|_| object.kind == "enum type") else {
            continue;
        };
        let [was, is] = [&old.detail, &new.detail]
            .map(|of| of["labels"].as_array().cloned().unwrap_or_default());
        if was.len() != is.len() {
            continue;
        }
        let pairs = was
            .iter()
            .zip(&is)
            .filter(|(was_label, is_label)| !is.contains(was_label) && !was.contains(is_label));
        found.extend(pairs.filter_map(|(old, new)| {
            Some(Rename {
                from: format!("{}.{}", short(&object.name), old.as_str()?),
                to: new.as_str()?.to_owned(),
            })
        }));
    }
    found
}

/// Returns the statement for a rename.
///
/// # Errors
/// When `before` has nothing of the old name.
pub fn rename(before: &Schema, rename: &Rename) -> Result<Step> {
    let by = |kind: &str, name: &str| {
        let names = [name.to_owned(), format!("public.{name}")];
        before.objects.keys().find(|object| object.kind == kind && names.contains(&object.name))
    };
    let Rename { from, to } = rename;
    let to = if to.starts_with('"') { to.clone() } else { identifier(to) };
    let (sql, what) = if let Some(table) = by("table", from) {
        (format!("ALTER TABLE {} RENAME TO {to}", table.name), "table")
    } else if let Some(domain) = by("domain", from) {
        (format!("ALTER DOMAIN {} RENAME TO {to}", domain.name), "domain")
    } else if let Some(kind) = by("enum type", from).or_else(|| by("composite type", from)) {
        (format!("ALTER TYPE {} RENAME TO {to}", kind.name), "type")
    } else if let Some(column) = by("column", from) {
        let text = |name: &str| before.detail(column)[name].as_str().unwrap_or_default();
        (format!("ALTER TABLE {} RENAME COLUMN {} TO {to}", text("table"), text("name")), "column")
    } else {
        let (name, label) = from.rsplit_once('.').unwrap_or_default();
        let object = by("enum type", name).filter(|object| {
            before.detail(object)["labels"]
                .as_array()
                .is_some_and(|labels| labels.contains(&Value::from(label)))
        });
        let object = object
            .with_context(|| format!("there is no table, column or enum value {from} to rename"))?;
        (
            format!(
                "ALTER TYPE {} RENAME VALUE {} TO {}",
                object.name,
                quoted(label),
                quoted(&rename.to)
            ),
            "value",
        )
    };
    let why = format!(
        "Rename {what} {from}. A release that still uses the old name fails from here on: if releases\n\
         overlap, add the new name beside the old one instead"
    );
    Ok(Step::new(sql, why).locks())
}

/// Returns the statements for what is the same but for its name: indexes, constraints and
/// sequences, most of them named after a table or column that has another name now. They lose
/// nothing, so nobody needs to be asked.
pub fn rename_followers(before: &Schema, after: &Schema) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut taken = BTreeSet::new();
    let step = |sql: String, object: &Object| {
        Step::new(sql, format!("{} {} has another name, and is the same", object.kind, object.name))
            .locks()
    };
    for (old, entry) in before.objects.iter().filter(|(old, _)| !after.objects.contains_key(old)) {
        let fields: &[&str] = match &*old.kind {
            "index" => &["table", "definition"],
            "constraint" => &["table", "definition"],
            "sequence" => &["column"],
            _ => continue,
        };
        let mut come = after.objects.iter().filter(|(new, entry)| {
            new.kind == old.kind
                && !before.objects.contains_key(new)
                && !taken.contains(*new)
                && (new.kind != "sequence" || before.objects[old].state == entry.state)
        });
        let same = come.find(|(_, new)| {
            fields.iter().all(|field| {
                entry.detail[field] == new.detail[field] && !new.detail[field].is_null()
            })
        });
        let Some((new, _)) = same else { continue };
        taken.insert(new.clone());
        let name = |entry: &crate::schema::Entry| entry.text("name").to_owned();
        let to = name(&after.objects[new]);
        steps.push(match &*old.kind {
            "index" => step(format!("ALTER INDEX {} RENAME TO {to}", old.name), old),
            "sequence" => step(format!("ALTER SEQUENCE {} RENAME TO {to}", old.name), old),
            _ => {
                let table = entry.text("table");
                step(format!("ALTER TABLE {table} RENAME CONSTRAINT {} TO {to}", name(entry)), old)
            }
        });
    }
    // The sequences of identity columns.
    for (object, old) in before.objects.iter().filter(|(object, _)| object.kind == "identity") {
        let sequence = |detail: &Value| detail["sequence"].as_str().unwrap_or_default().to_owned();
        let (was, is) = (sequence(&old.detail), sequence(after.detail(object)));
        if !is.is_empty() && was != is {
            steps.push(step(format!("ALTER SEQUENCE {was} RENAME TO {}", last(&is)), object));
        }
    }
    steps
}

/// Columns of a table with their types, by name.
fn shape(schema: &Schema, table: &Object) -> Vec<(String, String)> {
    let columns = schema.parts(table).iter().filter(|part| part.kind == "column");
    columns
        .map(|column| (last(&column.name).to_owned(), schema.detail(column)["type"].to_string()))
        .collect()
}

/// A name without the schema that needs no mention.
fn short(name: &str) -> String {
    name.strip_prefix("public.").unwrap_or(name).to_owned()
}

/// The last part of a qualified name, quotes included.
fn last(name: &str) -> &str {
    if let Some(quoted) = name.strip_suffix('"') {
        let start = quoted.rfind(".\"").map_or(0, |dot| dot + 1);
        return &name[start..];
    }
    name.rsplit('.').next().unwrap_or(name)
}
