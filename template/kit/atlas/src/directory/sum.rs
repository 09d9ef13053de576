//! `atlas.sum`, computed as Atlas does: `HashFile` in `sql/migrate/dir.go` of the
//! ariga/atlas repository.
//!
//! Each file's line holds a SHA-256 over the names and contents of all files up
//! to and including it, and the first line one over the lines below. v0.13.1 and
//! v1.2.3 agree on all but one corner: see [`SumFile::compute`].

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::{MigrationFile, directive};

/// The contents of an `atlas.sum`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SumFile {
    hash: String,
    lines: Vec<(String, String)>,
}

/// Why a text is no `atlas.sum`.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SumError {
    #[error("line {0} is a conflict marker of git")]
    ConflictMarker(usize),
    #[error("line {0} is not `<file> h1:<hash>`")]
    Line(usize),
    #[error("its first line is not the hash of the lines below")]
    Total,
}

impl SumFile {
    /// The sum of `files`, which must be sorted by name.
    ///
    /// A file whose first line holds `atlas:sum ignore` has no line of its own,
    /// and of it only the name counts. Where that first line ends as on Windows,
    /// Atlas versions differ: v0.13.1 obeys it, v1.2.3 and this function do not.
    pub fn compute(files: &[MigrationFile]) -> Self {
        let mut running = Sha256::new();
        let mut lines = Vec::new();
        for file in files {
            running.update(&file.name);
            if ignores_sum(file) {
                continue;
            }
            running.update(&file.contents);
            lines.push((
                file.name.clone(),
                STANDARD.encode(running.clone().finalize()),
            ));
        }
        Self::of_lines(lines)
    }

    /// Reads the text of an `atlas.sum`, as lenient about white space as Atlas.
    ///
    /// # Errors
    /// When it is not one; an empty text is not.
    pub fn parse(text: &str) -> Result<Self, SumError> {
        if let Some(at) = text.lines().position(is_conflict_marker) {
            return Err(SumError::ConflictMarker(at + 1));
        }
        let mut text = text.lines();
        let first = text.next().unwrap_or_default();
        let lines = text
            .enumerate()
            .map(|(at, line)| match line.split_once("h1:") {
                Some((name, hash)) => Ok((name.trim().to_owned(), hash.to_owned())),
                None => Err(SumError::Line(at + 2)),
            })
            .collect::<Result<_, _>>()?;
        let sum = Self::of_lines(lines);
        if first == sum.hash {
            Ok(sum)
        } else {
            Err(SumError::Total)
        }
    }

    /// The hash of the whole directory: `h1:` and 44 characters of base64.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The files that have a line, by name and hash (without `h1:`), in order.
    pub(super) fn lines(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines.iter().map(|(name, hash)| (&**name, &**hash))
    }

    fn of_lines(lines: Vec<(String, String)>) -> Self {
        let mut total = Sha256::new();
        for (name, hash) in &lines {
            total.update(name);
            total.update(hash);
        }
        let hash = format!("h1:{}", STANDARD.encode(total.finalize()));
        Self { hash, lines }
    }
}

impl fmt::Display for SumFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.hash)?;
        self.lines
            .iter()
            .try_for_each(|(name, hash)| writeln!(f, "{name} h1:{hash}"))
    }
}

/// Whether the file opts out of `atlas.sum`.
pub(super) fn ignores_sum(file: &MigrationFile) -> bool {
    let first = file.contents.split(|&byte| byte == b'\n').next();
    first.and_then(directive::of_line) == Some((b"sum".as_slice(), b"ignore".as_slice()))
}

fn is_conflict_marker(line: &str) -> bool {
    ["<<<<<<<", "=======", ">>>>>>>", "|||||||"]
        .iter()
        .any(|marker| line.starts_with(marker))
}
