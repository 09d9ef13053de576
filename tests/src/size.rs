//! Counts lines of code, without blank lines, comments and tests.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;

use crate::checkout;

/// Crates that a project without AWS does not have.
const AWS: [&str; 3] = ["kit/deploy", "kit/migration-lambda", "kit/rds"];

/// Lines of code of a rendered repository.
#[derive(Debug, Default)]
pub struct Size {
    /// By crate: its path below `template/`.
    crates: BTreeMap<String, usize>,
    /// The longest file, and its lines.
    pub longest: (PathBuf, usize),
}

impl Size {
    /// # Errors
    /// When a file cannot be read.
    pub fn measure() -> Result<Self> {
        let template = checkout().join("template");
        let mut size = Self::default();
        for group in ["crates", "kit"] {
            for entry in fs::read_dir(template.join(group))? {
                let path = entry?.path();
                // Not rendered.
                if !path.is_dir() || path.ends_with("kit/tests") {
                    continue;
                }
                let lines = size.add(
                    &path,
                    if group == "kit" {
                        &["rs", "sql", "rhai"]
                    } else {
                        &["rs"]
                    },
                )?;
                let name = path.strip_prefix(&template)?.display().to_string();
                size.crates.insert(name, lines);
            }
        }
        Ok(size)
    }

    /// Lines of the files with these extensions below a directory.
    fn add(&mut self, directory: &Path, extensions: &[&str]) -> Result<usize> {
        let mut total = 0;
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default();
            if path.is_dir() && name != "tests" && name != "benches" && name != "target" {
                total += self.add(&path, extensions)?;
            } else if path.is_file()
                && name != "tests.rs"
                && path
                    .extension()
                    .is_some_and(|it| extensions.iter().any(|extension| it == *extension))
            {
                let lines = count(&fs::read_to_string(&path)?);
                if lines > self.longest.1 {
                    self.longest = (path, lines);
                }
                total += lines;
            }
        }
        Ok(total)
    }

    fn total(&self, counts: impl Fn(&str) -> bool) -> usize {
        self.crates
            .iter()
            .filter(|(name, _)| counts(name))
            .map(|(_, lines)| lines)
            .sum()
    }

    /// The user's code.
    pub fn yours(&self) -> usize {
        self.total(|name| name.starts_with("crates/"))
    }

    /// The kit of a project without AWS.
    pub fn kit_without_aws(&self) -> usize {
        self.total(|name| name.starts_with("kit/") && !AWS.contains(&name))
    }

    /// The kit of a project with AWS.
    pub fn kit(&self) -> usize {
        self.total(|name| name.starts_with("kit/"))
    }
}

/// The sizes as a Markdown table.
pub fn table(size: &Size) -> String {
    let mut table = String::from("| crate | lines |\n|---|---|\n");
    for (name, lines) in &size.crates {
        let aws = if AWS.contains(&&**name) { " (AWS)" } else { "" };
        let _ = writeln!(table, "| `{name}`{aws} | {lines} |");
    }
    let _ = writeln!(table, "| **yours** | **{}** |", size.yours());
    let _ = writeln!(
        table,
        "| **the kit without AWS** | **{}** |",
        size.kit_without_aws()
    );
    let _ = writeln!(table, "| **the kit with AWS** | **{}** |", size.kit());
    table
}

/// Lines of formatted Rust, SQL or Rhai that are neither blank, nor comments, nor tests.
fn count(source: &str) -> usize {
    let mut lines = source.lines();
    let mut count = 0;
    while let Some(line) = lines.next() {
        let code = line.trim_start();
        if code == "#[cfg(test)]" {
            // The item ends where rustfmt puts its closing brace.
            let end = format!("{}}}", &line[..line.len() - code.len()]);
            let _ =
                lines.find(|line| line.ends_with(';') && !line.starts_with(' ') || *line == end);
        } else if !code.is_empty() && !code.starts_with("//") && !code.starts_with("--") {
            count += 1;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn counts_neither_blank_lines_nor_comments_nor_tests() {
        let source = "//! Docs.\n\nuse a::b;\n\n/// Docs.\nfn f() {\n    // Why.\n    g();\n}\n\
            #[cfg(test)]\nmod harness;\n\nfn g() {}\n\n#[cfg(test)]\nmod tests {\n    use super::f;\n    \
            fn t() {\n        f();\n    }\n}\n";
        assert_eq!(count(source), 5);
        assert_eq!(count("-- Why.\nSELECT 1;\n\n"), 1);
    }
}
