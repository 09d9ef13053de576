//! What the checks print: a line each, with the findings below it.

use std::{
    fmt::Write as _,
    io::{IsTerminal as _, stdout},
    time::Instant,
};

use anyhow::Result;
use gate::{Finding, output};
use serde::Serialize;

/// The result of a check.
#[derive(Debug)]
pub enum Outcome {
    /// The detail says what was checked.
    Passed(String),
    /// Was not needed, or not possible here; the detail says why.
    Skipped(String),
    /// Not safe to merge; the detail says what to do.
    Failed(String),
}

/// Prints a line for each check as it ends, and keeps them.
#[derive(Debug)]
pub struct Report {
    lines: Vec<Line>,
    prints: bool,
    /// When the previous check ended.
    since: Instant,
}

#[derive(Debug, Serialize)]
struct Line {
    name: String,
    outcome: Mark,
    detail: String,
    seconds: f64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Mark {
    Passed,
    Skipped,
    Failed,
    /// The check itself failed, and tells nothing about the migrations.
    CouldNotRun,
}

impl Mark {
    fn sign(self) -> char {
        match self {
            Self::Passed => '✓',
            Self::Skipped => '-',
            Self::Failed | Self::CouldNotRun => '✗',
        }
    }
}

impl Report {
    /// A report that prints each line, or none.
    pub fn new(prints: bool) -> Self {
        Self { lines: Vec::new(), prints, since: Instant::now() }
    }

    /// Adds the result of a check. An error means that it could not run.
    pub fn line(&mut self, check: &str, outcome: Result<Outcome>) {
        self.with_findings(check, outcome, &[]);
    }

    /// Adds a check with what it found. It passes, with `detail`, if nothing of that is an error.
    pub fn findings(&mut self, check: &str, detail: String, findings: &[Finding]) {
        let errors = findings.iter().filter(|finding| finding.is_error()).count();
        let allowed = findings.iter().filter(|finding| finding.allowed.is_some()).count();
        let warnings = findings.len() - errors - allowed;
        let numbers = [(errors, "error"), (warnings, "warning"), (allowed, "allowed finding")];
        let numbers = numbers.iter().filter(|(number, _)| *number > 0);
        let found: Vec<_> = numbers.map(|(number, noun)| count(*number, noun)).collect();
        let detail = match found.is_empty() {
            true => detail,
            false => format!("{}; {detail}", found.join(", ")),
        };
        let outcome = if errors > 0 { Outcome::Failed(detail) } else { Outcome::Passed(detail) };
        self.with_findings(check, Ok(outcome), findings);
    }

    fn with_findings(&mut self, check: &str, outcome: Result<Outcome>, findings: &[Finding]) {
        let (outcome, detail) = match outcome {
            Ok(Outcome::Passed(detail)) => (Mark::Passed, detail),
            Ok(Outcome::Skipped(detail)) => (Mark::Skipped, detail),
            Ok(Outcome::Failed(detail)) => (Mark::Failed, detail),
            Err(error) => (Mark::CouldNotRun, format!("{error:#}")),
        };
        let seconds = self.since.elapsed().as_secs_f64();
        self.since = Instant::now();
        let line = Line { name: check.to_owned(), outcome, detail, seconds };
        if self.prints {
            println!("{}", line.layout());
            for finding in findings {
                println!("\n{}", output::terminal(finding, has_colour()));
            }
        }
        self.lines.push(line);
    }

    /// The checks as JSON: name, outcome, detail, seconds.
    pub fn lines(&self) -> impl Serialize {
        &self.lines
    }

    /// How many checks failed, those that could not run included.
    pub fn failed(&self) -> usize {
        self.number(Mark::Failed) + self.number(Mark::CouldNotRun)
    }

    /// 1 if the migrations are not safe to merge, 2 if that is not known, 0 if they are.
    pub fn exit_code(&self) -> u8 {
        match (self.number(Mark::Failed), self.number(Mark::CouldNotRun)) {
            (0, 0) => 0,
            (0, _) => 2,
            _ => 1,
        }
    }

    fn number(&self, mark: Mark) -> usize {
        self.lines.iter().filter(|line| line.outcome == mark).count()
    }

    /// Returns the lines of skipped checks.
    pub fn skipped(&self) -> String {
        let skipped = self.lines.iter().filter(|line| line.outcome == Mark::Skipped);
        skipped.map(|line| line.layout() + "\n").collect()
    }

    /// The checks as a table of Markdown.
    pub fn markdown(&self) -> String {
        let mut table = String::from("| | check | | seconds |\n|---|---|---|---|\n");
        for line in &self.lines {
            let detail = line.detail.replace('|', "\\|").replace('\n', "<br>");
            let (sign, name, seconds) = (line.outcome.sign(), &line.name, line.seconds);
            let _ = writeln!(table, "| {sign} | {name} | {detail} | {seconds:.2} |");
        }
        table
    }

    /// Commands for GitHub Actions that show failed checks without a place in a file.
    pub fn github(&self) -> impl Iterator<Item = String> {
        let places = ["files", "replay", "locks", "rules"];
        let failed = self.lines.iter().filter(move |line| {
            line.outcome == Mark::CouldNotRun
                || line.outcome == Mark::Failed && !places.contains(&&*line.name)
        });
        failed.map(|line| {
            let detail = line.detail.replace('%', "%25").replace('\n', "%0A");
            format!("::error title={}::{detail}", line.name)
        })
    }
}

impl Line {
    /// Indents the further lines of the detail.
    fn layout(&self) -> String {
        let Self { name, outcome, detail, seconds } = self;
        let detail =
            if *outcome == Mark::Skipped { format!("skipped: {detail}") } else { detail.clone() };
        let mut lines = detail.lines();
        let first = lines.next().unwrap_or_default();
        let mut text = format!("{} {name:<12} {first} ({seconds:.2} s)", outcome.sign());
        for line in lines {
            let _ = write!(text, "\n               {line}");
        }
        text.trim_end().to_owned()
    }
}

/// Whether to colour what goes to the terminal: <https://no-color.org>,
/// <https://bixense.com/clicolors>.
fn has_colour() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !is_set("NO_COLOR") && (stdout().is_terminal() || is_set("CLICOLOR_FORCE"))
}

/// Formats a number with its noun: `1 file`, `2 files`.
pub fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indents_further_lines() {
        let line = Line {
            name: "drift".into(),
            outcome: Mark::Failed,
            detail: "differs:\nSQL".into(),
            seconds: 0.123,
        };
        assert_eq!(line.layout(), "✗ drift        differs: (0.12 s)\n               SQL");
    }

    #[test]
    fn a_failure_beats_what_could_not_run() {
        let mut report = Report::new(false);
        report.line("a", Ok(Outcome::Passed(String::new())));
        report.line("b", Ok(Outcome::Skipped("no git".into())));
        assert_eq!((report.failed(), report.exit_code()), (0, 0));
        assert!(report.skipped().starts_with("- b            skipped: no git ("));
        report.line("c", Err(anyhow::anyhow!("no server")));
        assert_eq!((report.failed(), report.exit_code()), (1, 2));
        report.line("d", Ok(Outcome::Failed("no".into())));
        assert_eq!((report.failed(), report.exit_code()), (2, 1));
    }
}
