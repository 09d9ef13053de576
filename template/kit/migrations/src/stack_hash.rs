//! The `MigrationHash` that `template.yaml` gives to the custom resource. It is the
//! hash in `migrations/atlas.sum`: CloudFormation calls the function when it changes.
//!
//! The file belongs to the user, so nothing but the value is written. A YAML library
//! would lose comments and CloudFormation's tags; this looks for the one line.

use std::{
    fmt::Write,
    ops::Range,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

/// The file that describes the stack, in the project's root. A project without it has
/// no stack, and all else works.
pub const TEMPLATE: &str = "template.yaml";
const FILE: &str = TEMPLATE;

const KEY: &str = "MigrationHash";

#[derive(Debug)]
pub struct StackHash {
    pub path: PathBuf,
    /// The file; a conflict of git about the hash alone is replaced by one of its sides.
    text: String,
    value: Range<usize>,
    /// The line of the conflict, from 1.
    conflict: Option<usize>,
}

impl StackHash {
    /// `None` where the project has no `template.yaml`.
    ///
    /// # Errors
    /// When it has not just one `MigrationHash`, or one that is no value on its line.
    pub fn read(root: &Path) -> Result<Option<Self>> {
        let Some(text) = template(root)? else {
            return Ok(None);
        };
        let (text, conflict) = without_conflict(text)?;
        let value = find(&text)?;
        Ok(Some(Self {
            path: root.join(FILE),
            text,
            value,
            conflict,
        }))
    }

    /// The value as it stands in the file.
    ///
    /// # Errors
    /// When a conflict of git leaves it open.
    pub fn value(&self) -> Result<&str> {
        if let Some(line) = self.conflict {
            bail!(
                "{FILE}, line {line}, is a conflict marker of git: two branches each added \
                 migrations. See that the newer one sorts last, then: just hash-migrations"
            );
        }
        Ok(&self.text[self.value.clone()])
    }

    /// The file with `hash` instead, and every other byte as it was. What git could not
    /// merge about it is settled by that, too.
    pub fn with(&self, hash: &str) -> String {
        let mut text = self.text.clone();
        text.replace_range(self.value.clone(), hash);
        text
    }
}

/// Where the value is.
fn find(text: &str) -> Result<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        if let Some(at) = value_start(line) {
            found.push((number, start + at, &line[at..]));
        }
        start += line.len();
    }
    match found[..] {
        [(number, start, rest)] => {
            let value = scalar(rest).with_context(|| {
                format!(
                    "{FILE}, line {number}: {KEY} must have its value on the same line, such as \
                     `{KEY}: h1:...`, for `just hash-migrations` to write it there"
                )
            })?;
            Ok(start + value.start..start + value.end)
        }
        [] => bail!(
            "{FILE} has no {KEY}, which makes CloudFormation run the migrations: write the line \
             `{KEY}: \"\"` under the properties of the custom resource that calls the migration \
             function, then: just hash-migrations"
        ),
        _ => {
            let lines = found.iter().fold(String::new(), |mut lines, (number, ..)| {
                let separator = if lines.is_empty() { "" } else { ", " };
                let _ = write!(lines, "{separator}{number}");
                lines
            });
            bail!(
                "{FILE} has {KEY} on the lines {lines}: keep that of the custom resource that calls \
                 the migration function, and call the others something else"
            )
        }
    }
}

/// Where the value begins on a line `  MigrationHash: ...`, blanks before it included.
/// A key at the left margin is none of a resource's properties.
fn value_start(line: &str) -> Option<usize> {
    let key = line.strip_prefix(' ')?.trim_start_matches(' ');
    let rest = [KEY, &format!("\"{KEY}\""), &format!("'{KEY}'")]
        .iter()
        .find_map(|form| key.strip_prefix(*form))?;
    let rest = rest.trim_start_matches(' ').strip_prefix(':')?;
    (rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
        .then_some(line.len() - rest.len())
}

/// The value within what follows the colon, without quotes. `None` if it is not one
/// value on this line.
fn scalar(rest: &str) -> Option<Range<usize>> {
    let start = rest.len() - rest.trim_start().len();
    let value = rest[start..].trim_end();
    if let Some(quote @ ('"' | '\'')) = value.chars().next() {
        let length = value[1..].find(quote)?;
        let behind = &value[length + 2..];
        let comment = behind.trim_start();
        let ends = comment.is_empty() || (comment.starts_with('#') && comment != behind);
        return ends.then_some(start + 1..start + 1 + length);
    }
    // A comment begins with a blank and a number sign.
    let end = value.find(" #").or_else(|| value.find("\t#"));
    let value = value[..end.unwrap_or(value.len())].trim_end();
    let plain = !value.is_empty() && !value.starts_with(['!', '&', '*', '|', '>', '{', '[', '#']);
    plain.then_some(start..start + value.len())
}

/// Replaces the conflict that two branches with migrations of their own cause, by its
/// first side; returns the line where it was.
fn without_conflict(text: String) -> Result<(String, Option<usize>)> {
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    let begins = |line: &&str| line.starts_with("<<<<<<< ");
    let Some(begin) = lines.iter().position(begins) else {
        return Ok((text, None));
    };
    let settled = conflict_about_hash(&lines[begin..])
        .filter(|(_, behind)| !behind.iter().any(begins))
        .map(|(kept, behind)| [&lines[..begin], &[kept], behind].concat().concat());
    let text = settled.with_context(|| {
        format!(
            "{FILE}, line {}, is a conflict marker of git, and not about {KEY} alone: edit the \
             file, leaving one line {KEY} with either hash, then: just hash-migrations",
            begin + 1
        )
    })?;
    Ok((text, Some(begin + 1)))
}

/// The first side of the conflict at the beginning of `lines`, and what is behind the
/// conflict. `None` unless all its sides are a line with the hash.
fn conflict_about_hash<'a, 'b>(lines: &'b [&'a str]) -> Option<(&'a str, &'b [&'a str])> {
    let end = lines.iter().position(|line| line.starts_with(">>>>>>> "))?;
    let mut first = None;
    for side in
        lines[1..end].split(|line| line.starts_with("=======") || line.starts_with("||||||| "))
    {
        let [line] = side else { return None };
        value_start(line)?;
        first = first.or(Some(*line));
    }
    Some((first?, &lines[end + 1..]))
}

/// The template, `None` where there is none.
fn template(root: &Path) -> Result<Option<String>> {
    match std::fs::read_to_string(root.join(TEMPLATE)) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(anyhow::Error::from(error).context(format!("cannot read {TEMPLATE}"))),
    }
}

#[cfg(test)]
mod tests;
