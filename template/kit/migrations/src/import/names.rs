//! Names that Rust and sea-orm-cli allow.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};

use super::table::Table;

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
}
