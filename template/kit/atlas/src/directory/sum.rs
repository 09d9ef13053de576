//! Computes `atlas.sum` as Atlas does: `HashFile` in `sql/migrate/dir.go` of the ariga/atlas
//! repository.
//!
//! The line of a file contains the SHA-256 of the names and contents of all files up to and
//! including it; the first line contains that of the lines below. v0.13.1 and v1.2.3 differ in
//! one corner case: see [`SumFile::compute`].

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

/// Why a text is not an `atlas.sum`.
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
    /// Computes the sum of `files`, which must be sorted by name.
    ///
    /// A file whose first line contains `atlas:sum ignore` has no line, and only its name
    /// counts. If that first line ends with CRLF, v0.13.1 ignores the file, but v1.2.3 and
    /// this function do not.
    pub fn compute(files: &[MigrationFile]) -> Self {
        let mut running = Sha256::new();
        let mut lines = Vec::new();
        for file in files {
            running.update(&file.name);
            if ignores_sum(file) {
                continue;
            }
            running.update(&file.contents);
            let hash = STANDARD.encode(running.clone().finalize());
            lines.push((file.name.clone(), hash));
        }
        Self::of_lines(lines)
    }

    /// Parses the text of an `atlas.sum`, as lenient about white space as Atlas.
    ///
    /// # Errors
    /// When the text is malformed or empty.
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
        if first == sum.hash { Ok(sum) } else { Err(SumError::Total) }
    }

    /// Hash of the whole directory: `h1:` and 44 characters of base64.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Names and hashes (without `h1:`) of the files that have a line, in order.
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
        self.lines.iter().try_for_each(|(name, hash)| writeln!(f, "{name} h1:{hash}"))
    }
}

/// Whether the file opts out of `atlas.sum`.
fn ignores_sum(file: &MigrationFile) -> bool {
    let first = file.contents.split(|&byte| byte == b'\n').next();
    first.and_then(directive::of_line) == Some((b"sum".as_slice(), b"ignore".as_slice()))
}

fn is_conflict_marker(line: &str) -> bool {
    ["<<<<<<<", "=======", ">>>>>>>", "|||||||"].iter().any(|marker| line.starts_with(marker))
}
