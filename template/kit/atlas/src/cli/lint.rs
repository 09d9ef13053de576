use std::fmt;

use serde::Deserialize;

use super::Atlas;
use super::call::Subject;
use crate::{Error, MigrationDirectory};

/// What `atlas migrate lint` found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LintReport {
    /// False when the policy makes a finding an error, or a file does not run.
    pub passed: bool,
    pub findings: Vec<Finding>,
}

/// One diagnostic of one file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// The file's name.
    pub file: String,
    /// Counted from 1; none when the whole file is meant.
    pub line: Option<usize>,
    /// The check's name, such as `DS103`: <https://atlasgo.io/lint/analyzers>.
    pub code: Option<String>,
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file)?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        write!(f, " {}", self.message)?;
        match &self.code {
            Some(code) => write!(f, " (https://atlasgo.io/lint/analyzers#{code})"),
            None => Ok(()),
        }
    }
}

/// A line for each finding.
impl fmt::Display for LintReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.findings
            .iter()
            .try_for_each(|finding| writeln!(f, "{finding}"))
    }
}

impl Atlas {
    /// Lints the last `latest` files of the directory after running all before them
    /// in the dev database. The `lint` policy of the project's `atlas.hcl` says
    /// which findings are errors. Ask [`Self::supports_lint`] first.
    ///
    /// # Errors
    /// When the files could not be linted; findings are no error.
    pub fn lint(
        &self,
        directory: &MigrationDirectory,
        dev_url: &str,
        latest: usize,
    ) -> Result<LintReport, Error> {
        if latest == 0 {
            // Atlas would take it for "not given".
            return Ok(LintReport {
                passed: true,
                findings: Vec::new(),
            });
        }
        let subject = Subject {
            dev_url: Some(dev_url),
            ..Subject::new(directory)
        };
        let mut command = self.command("migrate lint", &subject)?;
        command
            .args(["--latest", &latest.to_string()])
            .args(["--format", "{{ json .Files }}"]);
        let outcome = self.run("lint the migrations", "migrate lint", command, &subject)?;
        // `null` when there are no files.
        let files: Option<Vec<LintedFile>> = outcome.json()?;
        let findings: Vec<Finding> = files
            .iter()
            .flatten()
            .flat_map(LintedFile::findings)
            .map(|finding| Finding {
                message: outcome.scrub(&finding.message),
                ..finding
            })
            .collect();
        if !outcome.succeeded() && findings.is_empty() {
            return Err(outcome.failure());
        }
        Ok(LintReport {
            passed: outcome.succeeded(),
            findings,
        })
    }
}

/// `FileReport` in `cmd/atlas/internal/lint` (v0.13.1) and `sql/sqlcheck` of the
/// ariga/atlas repository, as far as it is needed.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct LintedFile {
    name: String,
    text: String,
    reports: Vec<Report>,
    error: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Report {
    text: String,
    diagnostics: Vec<Diagnostic>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Diagnostic {
    /// Bytes from the file's start.
    pos: usize,
    text: String,
    code: String,
}

impl LintedFile {
    fn findings(&self) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self
            .reports
            .iter()
            .flat_map(|report| &report.diagnostics)
            .map(|diagnostic| Finding {
                file: self.name.clone(),
                line: Some(self.line_at(diagnostic.pos)),
                code: Some(diagnostic.code.clone()).filter(|code| !code.is_empty()),
                message: diagnostic.text.clone(),
            })
            .collect();
        // A report that is an error by policy is named again as the file's error;
        // any other error is the failure to run the file.
        let is_repeated = self.reports.iter().any(|report| report.text == self.error);
        if !self.error.is_empty() && !is_repeated {
            findings.push(Finding {
                file: self.name.clone(),
                line: None,
                code: None,
                message: self.error.clone(),
            });
        }
        findings
    }

    fn line_at(&self, offset: usize) -> usize {
        let before = self.text.bytes().take(offset);
        before.filter(|&byte| byte == b'\n').count() + 1
    }
}
