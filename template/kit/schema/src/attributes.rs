//! Finds `#[sea_orm(...)]` keys that have no effect and that SeaORM does not report.

use std::{collections::BTreeSet, fs, io, path::Path};

use anyhow::{Context, Result, anyhow, ensure};
use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};

/// Keys of a column, from `expand_derive_entity_model` in `src/derives/entity_model.rs` of
/// sea-orm-macros 2.0.4, which skips all others. (Unknown keys of tables, relations and
/// enums are errors of SeaORM.)
pub const COLUMN_KEYS: &str = "auto_increment, column_name, column_type, comment, default_expr, \
    default_value, enum_name, extra, ignore, indexed, nullable, primary_key, renamed_from, \
    save_as, select_as, unique, unique_key";

/// Checks the entities in the files of `directory`, a path below `root`.
///
/// # Errors
/// When a key has no effect: a line `FILE:LINE: what to write instead` for each.
pub fn check(root: &Path, directory: &str) -> Result<()> {
    let names: BTreeSet<_> = fs::read_dir(root.join(directory))
        .and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect::<io::Result<_>>())
        .with_context(|| format!("cannot read {directory}"))?;
    let mut findings = Vec::new();
    for name in names {
        let file = format!("{directory}/{}", name.to_string_lossy());
        if !file.ends_with(".rs") {
            continue;
        }
        let source =
            fs::read_to_string(root.join(&file)).with_context(|| format!("cannot read {file}"))?;
        let tokens = source.parse().map_err(|error| anyhow!("{file} is not Rust: {error}"))?;
        for (key, of_column) in entity_keys(tokens) {
            if let Some(problem) = problem(&key.to_string(), of_column) {
                let line = key.span().start().line;
                findings.push(format!("{file}:{line}: #[sea_orm({key})] {problem}"));
            }
        }
    }
    ensure!(findings.is_empty(), "{}", findings.join("\n"));
    Ok(())
}

fn problem(key: &str, of_column: bool) -> Option<String> {
    // SeaORM does not write these two into the DDL for PostgreSQL.
    if key == "comment" {
        return Some("has no effect: put a COMMENT ON into crates/entity/sql/after.sql".into());
    }
    if key == "renamed_from" {
        return Some("has no effect: just create-migrations --rename table.old=new".into());
    }
    let known: Vec<_> = COLUMN_KEYS.split(", ").collect();
    // An Arrow schema has keys of its own, `arrow_field` for one.
    if !of_column || known.contains(&key) || key.starts_with("arrow_") {
        return None;
    }
    let same_letters = |known: &str| {
        let pairs = known.bytes().zip(key.bytes());
        pairs.take_while(|(known, given)| known == given).count()
    };
    let similar = known.iter().max_by_key(|known| same_letters(known))?;
    let advice = if same_letters(similar) >= 3 {
        format!("did you mean \"{similar}\"?")
    } else {
        format!("a column may have: {COLUMN_KEYS}")
    };
    Some(format!("is not an attribute of SeaORM and does nothing; {advice}"))
}

/// Returns the keys of entities and of their columns, with `true` for those of columns.
fn entity_keys(tokens: TokenStream) -> Vec<(Ident, bool)> {
    let mut keys = Vec::new();
    let mut attributes = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => {
                attributes.push(group.stream());
            }
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                if attributes.iter().any(derives_entity) {
                    let own = attributes.drain(..).flat_map(sea_orm_keys);
                    keys.extend(own.map(|key| (key, false)));
                    keys.extend(column_keys(group.stream()).map(|key| (key, true)));
                } else {
                    keys.extend(entity_keys(group.stream()));
                }
                attributes.clear();
            }
            TokenTree::Punct(punct) if punct.as_char() == ';' => attributes.clear(),
            _ => {}
        }
    }
    keys
}

fn derives_entity(attribute: &TokenStream) -> bool {
    let text = attribute.to_string();
    text.starts_with("derive") && text.contains("DeriveEntityModel")
}

fn column_keys(fields: TokenStream) -> impl Iterator<Item = Ident> {
    let is_relation = |token: &TokenTree| {
        matches!(token, TokenTree::Ident(ident)
            if ["BelongsTo", "HasMany", "HasOne"].iter().any(|kind| ident == kind))
    };
    split_at_commas(fields)
        .into_iter()
        .filter(move |field| !field.iter().any(is_relation))
        .flatten()
        .filter_map(|token| match token {
            TokenTree::Group(group) => Some(group.stream()),
            _ => None,
        })
        .flat_map(sea_orm_keys)
}

/// Returns the keys of an attribute `sea_orm(key, key = value)`, and none of any other.
fn sea_orm_keys(attribute: TokenStream) -> Vec<Ident> {
    let mut tokens = attribute.into_iter();
    match (tokens.next(), tokens.next()) {
        (Some(TokenTree::Ident(path)), Some(TokenTree::Group(group))) if path == "sea_orm" => {
            let arguments = split_at_commas(group.stream()).into_iter();
            let firsts = arguments.filter_map(|argument| argument.into_iter().next());
            firsts
                .filter_map(|token| match token {
                    TokenTree::Ident(key) => Some(key),
                    _ => None,
                })
                .collect()
        }
        _ => Vec::new(),
    }
}

fn split_at_commas(tokens: TokenStream) -> Vec<Vec<TokenTree>> {
    let tokens: Vec<_> = tokens.into_iter().collect();
    tokens
        .split(|token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ','))
        .map(<[TokenTree]>::to_vec)
        .collect()
}
