//! What an entity says of a table: names that Rust allows, and the attributes of each column.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use serde::Deserialize;

/// A table that can be an entity, as `tables.sql` reads it.
#[derive(Debug, Deserialize)]
pub(super) struct Table {
    pub schema: String,
    pub name: String,
    /// Schema and name, quoted where SQL needs it.
    pub qualified: String,
    pub columns: Vec<Column>,
    pub foreign_keys: Vec<ForeignKey>,
    /// Name of the file, and of the table that sea-orm-cli reads.
    #[serde(skip)]
    pub module: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Column {
    pub name: String,
    /// As `CREATE TABLE` has it, with the collation.
    #[serde(rename = "type")]
    pub declared: String,
    cast: String,
    /// Type without precision; of a domain the one that it is made of.
    base: String,
    enum_type: Option<String>,
    pub not_null: bool,
    default: Option<String>,
    generated: Option<String>,
    identity: Option<String>,
    /// Position in the primary key, from 1.
    pub key: Option<usize>,
    /// The sequence that SERIAL made for it.
    pub serial: Option<String>,
    pub is_unique: bool,
    is_indexed: bool,
    checks: Option<Vec<String>>,
    #[serde(skip)]
    pub field: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct ForeignKey {
    pub columns: Vec<String>,
    pub table: String,
    pub references: Vec<String>,
    pub actions: String,
    /// Whether SeaORM can write all of it.
    pub is_plain: bool,
}

/// Types that have a type in Rust; true where that type says it all.
const TYPES: [(&str, bool); 18] = [
    ("bigint", true),
    ("boolean", true),
    ("bytea", true),
    ("character", false),
    ("character varying", true),
    ("date", true),
    ("double precision", true),
    ("integer", true),
    ("json", true),
    ("jsonb", false),
    ("numeric", true),
    ("real", true),
    ("smallint", true),
    ("text", false),
    ("time without time zone", true),
    ("timestamp with time zone", true),
    ("timestamp without time zone", true),
    ("uuid", true),
];

/// Modules with a meaning of their own, and the words that no module may have as its name.
const RESERVED: &str = " lib mod main enums as async await break const continue crate \
    dyn else enum extern false fn for if impl in let loop match move mut pub ref return self static \
    struct super trait true type union unsafe use where while abstract become box do final gen macro \
    override priv try typeof unsized virtual yield ";

/// Gives each table a module, and each column a field; puts the columns of a key in its order.
///
/// # Errors
/// When two tables would become one module.
pub(super) fn name(tables: &mut [Table]) -> Result<()> {
    let mut modules: BTreeMap<String, String> = BTreeMap::new();
    for table in tables {
        table.module = snake_case(&table.name);
        if RESERVED.contains(&format!(" {} ", table.module)) {
            table.module += "_table";
        }
        if let Some(other) = modules.insert(table.module.clone(), table.qualified.clone()) {
            ensure!(
                other == table.qualified,
                "{other} and {} would both become crates/entity/src/{}.rs: leave one of them out \
                 (--exclude {}), and write its entity by hand later",
                table.qualified,
                table.module,
                table.qualified
            );
        }
        let mut fields = BTreeSet::new();
        for column in &mut table.columns {
            let mut field = snake_case(&column.name);
            if matches!(&*field, "crate" | "self" | "super") {
                field += "_column";
            }
            // The variants of SeaORM's enum of columns have no underscores.
            let is_free = |field: &String| fields.contains(&field.replace('_', ""));
            let numbered = (2..).map(|number| format!("{field}{number}"));
            let free = std::iter::once(field.clone()).chain(numbered).find(|field| !is_free(field));
            column.field = free.unwrap_or(field);
            fields.insert(column.field.replace('_', ""));
        }
        let keys = table.columns.iter().filter_map(|column| column.key);
        if !keys.is_sorted() {
            table.columns.sort_by_key(|column| column.key.unwrap_or(usize::MAX));
        }
    }
    Ok(())
}

/// The name in snake case, as both Rust and sea-orm-cli leave it.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    let mut last = '_';
    for c in name.chars() {
        let is_part = c.is_ascii_digit() || c.is_alphabetic();
        if !snake.is_empty() && last != '_' && (!is_part || c.is_uppercase() && last.is_lowercase())
        {
            snake.push('_');
        }
        if is_part {
            snake.extend(c.to_lowercase());
        }
        last = if is_part { c } else { '_' };
    }
    let snake = snake.trim_end_matches('_');
    let snake = &snake[..snake.floor_char_boundary(55)];
    match snake.chars().next() {
        Some(first) if first.is_alphabetic() => snake.to_owned(),
        _ => format!("n{snake}"),
    }
}

/// Whether sea-orm-cli makes different names in Rust of the values of an enum.
pub(super) fn are_variants(values: &[String]) -> bool {
    let letters = |value: &String| value.to_lowercase().replace(|c: char| !c.is_alphanumeric(), "");
    let names: BTreeSet<_> = values.iter().map(letters).collect();
    names.len() == values.len() && !names.contains("self") && !values.is_empty()
}

impl Column {
    /// The enum that is the type of this column, or of the elements of its array, if an entity
    /// says it.
    fn known_enum<'a>(&self, enums: &'a BTreeMap<String, String>) -> Option<&'a str> {
        enums.get(self.enum_type.as_ref()?).map(String::as_str)
    }

    /// Whether the column is of an enum, and not of an array or domain of one.
    pub fn direct_enum(&self) -> Option<&str> {
        self.enum_type.as_deref().filter(|name| *name == self.declared)
    }

    /// Type for sea-orm-cli: one that it has a type in Rust for, else text.
    pub fn plain_type(&self, enums: &BTreeMap<String, String>) -> String {
        let element = self.base.trim_end_matches("[]");
        let array = if self.base.ends_with("[]") { "[]" } else { "" };
        match self.known_enum(enums) {
            Some(name) => format!("\"{name}\"{array}"),
            None if has_rust_type(element, !array.is_empty()) => self.base.clone(),
            None => format!("text{array}"),
        }
    }

    /// The attribute for the field, without a line break; empty if none is needed.
    pub fn attribute(&self, keys: usize, enums: &BTreeMap<String, String>) -> String {
        let mut parts = Vec::new();
        if self.field != self.name {
            parts.push(format!("column_name = {:?}", self.name));
        }
        let is_counted = keys == 1
            && self.identity.as_deref() == Some("GENERATED BY DEFAULT AS IDENTITY")
            && matches!(&*self.declared, "smallint" | "integer" | "bigint");
        if self.key.is_some() {
            parts.push("primary_key".to_owned());
            if keys == 1 && !is_counted {
                parts.push("auto_increment = false".to_owned());
            }
        }
        if let Some(kind) = self.column_type(enums) {
            parts.push(format!("column_type = {kind:?}"));
            if !self.not_null {
                parts.push("nullable".to_owned());
            }
        }
        if self.plain_type(enums).starts_with("text") && !matches!(&*self.base, "text" | "text[]") {
            parts.push(format!("select_as = {:?}", self.plain_type(enums)));
            if self.generated.is_none() {
                parts.push(format!("save_as = {:?}", self.cast));
            }
        }
        if self.is_unique {
            parts.push("unique".to_owned());
        } else if self.is_indexed {
            parts.push("indexed".to_owned());
        }
        if let Some(default) = self.default.as_deref().filter(|_| self.serial.is_none()) {
            parts.push(default_attribute(default));
        }
        let identity = self.identity.clone().filter(|_| !is_counted);
        let extra = identity.into_iter().chain(self.generated.clone());
        let extra: Vec<_> = extra.chain(self.checks.iter().flatten().cloned()).collect();
        if !extra.is_empty() {
            parts.push(format!("extra = {:?}", extra.join(" ")));
        }
        if parts.is_empty() { String::new() } else { format!("#[sea_orm({})]", parts.join(", ")) }
    }

    /// The value of `column_type`, where the type in Rust does not say it.
    fn column_type(&self, enums: &BTreeMap<String, String>) -> Option<String> {
        let declared = &*self.declared;
        let custom = |name: &str| Some(format!("custom({name:?})"));
        if self.serial.is_some() {
            return custom(match declared {
                "bigint" => "bigserial",
                "smallint" => "smallserial",
                _ => "serial",
            });
        }
        let element = declared.trim_end_matches("[]");
        let says_all =
            TYPES.contains(&(element, true)) && has_rust_type(element, element != declared);
        if says_all || self.known_enum(enums).is_some() && self.direct_enum().is_some() {
            return None;
        }
        let length = |head: &str| declared.strip_prefix(head)?.strip_suffix(')');
        match declared {
            "text" => Some("Text".to_owned()),
            "jsonb" => Some("JsonBinary".to_owned()),
            _ => match (length("character varying("), length("character("), length("numeric(")) {
                (Some(length), ..) => Some(format!("String(StringLen::N({length}))")),
                (_, Some(length), _) => Some(format!("Char(Some({length}))")),
                (.., Some(numbers)) if numbers.split(',').all(|n| n.parse::<u32>().is_ok()) => {
                    Some(format!("Decimal(Some(({})))", numbers.replace(',', ", ")))
                }
                _ => custom(declared),
            },
        }
    }
}

/// Whether SeaORM reads the type, or arrays of it, into one of Rust.
fn has_rust_type(name: &str, is_array: bool) -> bool {
    let is_read = !is_array || !matches!(name, "bytea" | "json" | "jsonb");
    is_read && TYPES.iter().any(|(known, _)| *known == name)
}

/// `default_value` for plain literals, else `default_expr`.
fn default_attribute(default: &str) -> String {
    let text = default.strip_prefix('\'').and_then(|rest| rest.split_once("'::"));
    match text {
        Some((text, kind)) if !text.contains(['\'', '\\']) && !kind.contains(['\'', '(', ' ']) => {
            return format!("default_value = {text:?}");
        }
        Some((text, "character varying")) if !text.contains(['\'', '\\']) => {
            return format!("default_value = {text:?}");
        }
        _ => {}
    }
    if matches!(default, "true" | "false") || default.parse::<u32>().is_ok() {
        return format!("default_value = {default}");
    }
    if default == "CURRENT_TIMESTAMP" {
        return "default_expr = \"Expr::current_timestamp()\"".to_owned();
    }
    format!("default_expr = {:?}", format!("Expr::cust({default:?})"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("users", "users")]
    #[case("OrderItems", "order_items")]
    #[case("Order  Items!", "order_items")]
    #[case("_hidden__name_", "hidden_name")]
    #[case("HTTPLog", "httplog")]
    #[case("1st", "n1st")]
    #[case("größe", "größe")]
    #[case("!", "n")]
    fn names_become_snake_case(#[case] name: &str, #[case] snake: &str) {
        assert_eq!(snake_case(name), snake);
    }

    #[rstest]
    #[case("'new'::character varying", "default_value = \"new\"")]
    #[case("'a'::public.state", "default_value = \"a\"")]
    #[case("'it''s'::text", r#"default_expr = "Expr::cust(\"'it''s'::text\")""#)]
    #[case("'{}'::jsonb", "default_value = \"{}\"")]
    #[case("7", "default_value = 7")]
    #[case("0.5", r#"default_expr = "Expr::cust(\"0.5\")""#)]
    #[case("now()", r#"default_expr = "Expr::cust(\"now()\")""#)]
    #[case("CURRENT_TIMESTAMP", r#"default_expr = "Expr::current_timestamp()""#)]
    fn literals_stay_literals(#[case] default: &str, #[case] attribute: &str) {
        assert_eq!(default_attribute(default), attribute);
    }
}
