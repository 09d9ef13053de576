//! Copies of the hash in `migrations/atlas.sum`: a line `MigrationHash: h1:...` in a YAML
//! file at the top of the repository, whose reader must learn of new migrations.
//!
//! The files are the user's, so only the value is replaced. A YAML library would lose
//! comments and custom tags; this searches for the line.

use std::{
    fmt::Write,
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

const KEY: &str = "MigrationHash";

/// A file that holds a copy of the hash.
#[derive(Debug)]
pub struct HashCopy {
    pub path: PathBuf,
    /// The file; a git conflict about the hash alone is replaced by its first side.
    text: String,
    value: Range<usize>,
    /// The line of the conflict, from 1.
    conflict: Option<usize>,
}

impl HashCopy {
    /// All copies in the project, sorted by file name.
    ///
    /// # Errors
    /// When a file has more than one line with the hash, or one without a plain value.
    pub fn find_all(root: &Path) -> Result<Vec<Self>> {
        let copies = yaml_files(root)?.into_iter().map(Self::read);
        copies.filter_map(Result::transpose).collect()
    }

    fn read(path: PathBuf) -> Result<Option<Self>> {
        let text = fs::read_to_string(&path);
        let text = text.with_context(|| format!("cannot read {}", path.display()))?;
        if !text.lines().any(|line| value_start(line).is_some()) {
            return Ok(None);
        }
        let read = || {
            let (text, conflict) = without_conflict(text)?;
            let value = find(&text)?;
            Ok((text, value, conflict))
        };
        let (text, value, conflict) = read().map_err(|error| in_file(&path, error))?;
        Ok(Some(Self { path, text, value, conflict }))
    }

    /// Name of the file.
    pub fn file(&self) -> String {
        file_name(&self.path)
    }

    /// The value in the file.
    ///
    /// # Errors
    /// When a git conflict leaves it open.
    pub fn value(&self) -> Result<&str> {
        if let Some(line) = self.conflict {
            bail!(
                "{}, line {line}, is a conflict marker of git: two branches each added \
                 migrations. To put those of this branch last: just rebase-migrations",
                self.file()
            );
        }
        Ok(&self.text[self.value.clone()])
    }

    /// The file with `hash` as the value, and every other byte unchanged. This also settles
    /// a conflict about the hash.
    pub fn with(&self, hash: &str) -> String {
        let mut text = self.text.clone();
        text.replace_range(self.value.clone(), hash);
        text
    }
}

/// The YAML files at the top of the project, sorted by name.
///
/// # Errors
/// When the directory cannot be read.
pub(crate) fn yaml_files(root: &Path) -> Result<Vec<PathBuf>> {
    let cannot = || format!("cannot read {}", root.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(root).with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        if matches!(extension, Some("yaml" | "yml")) && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

fn in_file(path: &Path, error: anyhow::Error) -> anyhow::Error {
    anyhow::anyhow!("{}, {error}", file_name(path))
}

/// Where the value is in a file that has the key.
fn find(text: &str) -> Result<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        if let Some(at) = value_start(line) {
            found.push((number, start + at, &line[at..]));
        }
        start += line.len();
    }
    let [(number, start, rest)] = found[..] else {
        let lines = found.iter().fold(String::new(), |mut lines, (number, ..)| {
            let separator = if lines.is_empty() { "" } else { ", " };
            let _ = write!(lines, "{separator}{number}");
            lines
        });
        bail!("lines {lines}, all have the key {KEY}: keep one, and rename the others");
    };
    let value = scalar(rest).with_context(|| {
        format!(
            "line {number}: {KEY} must have its value on the same line, such as `{KEY}: \
             h1:...`, for `just hash-migrations` to write it there"
        )
    })?;
    Ok(start + value.start..start + value.end)
}

/// Where the value begins on a line `  MigrationHash: ...`, including blanks before it.
fn value_start(line: &str) -> Option<usize> {
    let key = line.trim_start_matches(' ');
    let rest = [KEY, &format!("\"{KEY}\""), &format!("'{KEY}'")]
        .iter()
        .find_map(|form| key.strip_prefix(*form))?;
    let rest = rest.trim_start_matches(' ').strip_prefix(':')?;
    (rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
        .then_some(line.len() - rest.len())
}

/// The value in what follows the colon, without quotes. `None` if it is not a single value
/// on this line.
fn scalar(rest: &str) -> Option<Range<usize>> {
    let start = rest.len() - rest.trim_start().len();
    let value = rest[start..].trim_end();
    if let Some(quote @ ('"' | '\'')) = value.chars().next() {
        let length = value[1..].find(quote)?;
        let after = &value[length + 2..];
        let comment = after.trim_start();
        let ends = comment.is_empty() || (comment.starts_with('#') && comment != after);
        return ends.then_some(start + 1..start + 1 + length);
    }
    // A comment begins with a blank and a number sign.
    let end = value.find(" #").or_else(|| value.find("\t#"));
    let value = value[..end.unwrap_or(value.len())].trim_end();
    let plain = !value.is_empty() && !value.starts_with(['!', '&', '*', '|', '>', '{', '[', '#']);
    plain.then_some(start..start + value.len())
}

/// Replaces the conflict that two branches with new migrations cause by its first side;
/// returns its line.
fn without_conflict(text: String) -> Result<(String, Option<usize>)> {
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    let begins = |line: &&str| line.starts_with("<<<<<<< ");
    let Some(begin) = lines.iter().position(begins) else {
        return Ok((text, None));
    };
    let settled = conflict_about_hash(&lines[begin..])
        .filter(|(_, after)| !after.iter().any(begins))
        .map(|(kept, after)| [&lines[..begin], &[kept], after].concat().concat());
    let text = settled.with_context(|| {
        format!(
            "line {}, is a conflict marker of git, and not about {KEY} alone: edit the file, \
             leaving one line {KEY} with either hash, then: just hash-migrations",
            begin + 1
        )
    })?;
    Ok((text, Some(begin + 1)))
}

/// The first side of the conflict at the beginning of `lines`, and the lines after the
/// conflict. `None` unless each side is one line with the hash.
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

#[cfg(test)]
mod tests;
