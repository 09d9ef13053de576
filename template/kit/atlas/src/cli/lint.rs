use std::fmt;

use serde::Deserialize;

use super::atlas::Atlas;
use super::commands::Call;
use super::config::DEV;
use crate::{Error, MigrationDirectory};

/// The findings of `atlas migrate lint`; displayed one a line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LintReport {
    /// False if a finding is an error by policy, or a file does not run.
    pub passed: bool,
    /// `FILE:LINE: MESSAGE (URL)`. The line is missing if a whole file is meant.
    pub findings: Vec<String>,
}

impl fmt::Display for LintReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.findings.iter().try_for_each(|finding| writeln!(f, "{finding}"))
    }
}

impl Atlas {
    /// Lints the `latest` last files of the directory, after running all before them in the
    /// dev database. The `lint` policy of `atlas.hcl` decides which findings are errors. Check
    /// [`Self::supports_lint`] first.
    ///
    /// # Errors
    /// When the files could not be linted; not for findings.
    pub fn lint(
        &self,
        directory: &MigrationDirectory,
        dev_url: &str,
        latest: usize,
    ) -> Result<LintReport, Error> {
        let mut report = LintReport { passed: true, findings: Vec::new() };
        if latest == 0 {
            // For Atlas, 0 means "not given".
            return Ok(report);
        }
        let call = Call::new("lint the migrations", "migrate lint", directory).with(DEV, dev_url);
        let latest = latest.to_string();
        let arguments = ["--latest", &latest, "--format", "{{ json .Files }}"];
        let outcome = self.run(&call, &arguments)?;
        // `null` without files.
        let files: Option<Vec<LintedFile>> = outcome.json()?;
        report.passed = outcome.succeeded();
        for file in files.iter().flatten() {
            let findings = file.findings();
            report.findings.extend(findings.iter().map(|text| outcome.scrub(text)));
        }
        if !report.passed && report.findings.is_empty() {
            return Err(outcome.failure());
        }
        Ok(report)
    }
}

/// The fields of `FileReport` that are used, from `cmd/atlas/internal/lint` (v0.13.1) and
/// `sql/sqlcheck` of the ariga/atlas repository.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
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
    /// Offset in the file, in bytes.
    pos: usize,
    text: String,
    /// Name of the check, such as `DS103`: <https://atlasgo.io/lint/analyzers>.
    code: String,
}

impl LintedFile {
    fn findings(&self) -> Vec<String> {
        let diagnostics = self.reports.iter().flat_map(|report| &report.diagnostics);
        let mut findings: Vec<String> = diagnostics.map(|found| self.describe(found)).collect();
        // A finding that is an error by policy is repeated as the error of the file; any other
        // error means that the file does not run.
        let is_repeated = self.reports.iter().any(|report| report.text == self.error);
        if !self.error.is_empty() && !is_repeated {
            findings.push(format!("{}: {}", self.name, self.error));
        }
        findings
    }

    fn describe(&self, found: &Diagnostic) -> String {
        let before = self.text.bytes().take(found.pos);
        let line = before.filter(|&byte| byte == b'\n').count() + 1;
        let finding = format!("{}:{line}: {}", self.name, found.text);
        match &*found.code {
            "" => finding,
            code => format!("{finding} (https://atlasgo.io/lint/analyzers#{code})"),
        }
    }
}
