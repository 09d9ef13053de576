//! Takes SeaORM's one-line `CREATE TABLE` apart.

use anyhow::{Context, Result};

/// A table as separate statements, each ending in a semicolon.
#[derive(Debug)]
pub(crate) struct Table {
    /// As the statement names it, quoted, with its schema if it has one.
    pub(crate) name: String,
    /// `CREATE TABLE` without foreign keys, a line for each column and constraint.
    pub(crate) create: String,
    /// An `ALTER TABLE ... ADD CONSTRAINT` for each foreign key.
    pub(crate) foreign_keys: Vec<String>,
}

/// Splits `CREATE TABLE "name" ( element, element, ... )`.
pub(crate) fn split(statement: &str) -> Result<Table> {
    let (name, elements) = statement
        .strip_prefix("CREATE TABLE ")
        .and_then(|rest| rest.split_once(" ( "))
        .and_then(|(name, rest)| Some((name, rest.trim_end().strip_suffix(')')?)))
        .with_context(|| format!("not the CREATE TABLE that SeaORM used to write: {statement}"))?;
    let (foreign_keys, elements): (Vec<_>, Vec<_>) = top_level_elements(elements)
        .into_iter()
        .partition(|element| is_foreign_key(element));
    Ok(Table {
        create: format!(
            "CREATE TABLE {name} (\n    {}\n);",
            elements.join(",\n    ")
        ),
        foreign_keys: foreign_keys
            .iter()
            .map(|key| format!("ALTER TABLE {name} ADD {key};"))
            .collect(),
        name: name.to_owned(),
    })
}

fn is_foreign_key(element: &str) -> bool {
    element.starts_with("FOREIGN KEY ")
        || element
            .strip_prefix("CONSTRAINT \"")
            .is_some_and(|rest| rest.contains("\" FOREIGN KEY ("))
}

/// Splits at the commas that stand in no parentheses and no quotes.
fn top_level_elements(list: &str) -> Vec<&str> {
    let mut elements = Vec::new();
    let (mut start, mut depth) = (0, 0usize);
    let mut characters = list.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => skip_quoted(&mut characters, '"', false),
            // In E'...', which SeaORM writes where there is something to escape,
            // a backslash makes the next character part of the string.
            '\'' => skip_quoted(&mut characters, '\'', list[..at].ends_with(['E', 'e'])),
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                elements.push(list[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    elements.push(list[start..].trim());
    elements
}

/// Goes on to behind the closing quote. A doubled quote reads as two texts side by side.
fn skip_quoted(characters: &mut std::str::CharIndices<'_>, quote: char, backslash_escapes: bool) {
    while let Some((_, character)) = characters.next() {
        match character {
            '\\' if backslash_escapes => drop(characters.next()),
            end if end == quote => return,
            _ => {}
        }
    }
}
