use std::fmt::Write;

use anyhow::Result;

/// The result of a check.
#[derive(Debug)]
pub enum Outcome {
    /// The detail says what was checked.
    Passed(String),
    /// The check could not run; the detail says why.
    Skipped(String),
    /// Not safe to merge; the detail says what to do.
    Failed(String),
}

/// Prints a line for each check, and counts the failed ones.
#[derive(Debug, Default)]
pub struct Report {
    failed: usize,
    skipped: String,
}

impl Report {
    /// Prints the result of a check. An error counts as a failure.
    pub fn line(&mut self, check: &str, outcome: Result<Outcome>) {
        let line = match outcome {
            Ok(Outcome::Passed(detail)) => layout('✓', check, &detail),
            Ok(Outcome::Skipped(detail)) => {
                let line = layout('-', check, &format!("skipped: {detail}"));
                self.skipped += &format!("{line}\n");
                line
            }
            Ok(Outcome::Failed(detail)) => {
                self.failed += 1;
                layout('✗', check, &detail)
            }
            Err(error) => {
                self.failed += 1;
                layout('✗', check, &format!("{error:#}"))
            }
        };
        println!("{line}");
    }

    pub fn failed(&self) -> usize {
        self.failed
    }

    /// Returns the lines of skipped checks.
    pub fn skipped(&self) -> &str {
        &self.skipped
    }
}

/// Formats a number with its noun: `1 file`, `2 files`.
pub fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Formats a line for a check, and indents the further lines of its detail.
fn layout(mark: char, check: &str, detail: &str) -> String {
    let mut lines = detail.lines();
    let mut text = format!("{mark} {check:<12} {}", lines.next().unwrap_or_default());
    for line in lines {
        let _ = write!(text, "\n               {line}");
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indents_further_lines() {
        assert_eq!(
            layout('✗', "drift", "differs:\nSQL"),
            "✗ drift        differs:\n               SQL"
        );
    }

    #[test]
    fn counts_failed_and_keeps_skipped_checks() {
        let mut report = Report::default();
        report.line("a", Ok(Outcome::Passed(String::new())));
        report.line("b", Ok(Outcome::Skipped("no squawk".into())));
        assert_eq!(report.failed(), 0);
        assert_eq!(report.skipped(), "- b            skipped: no squawk\n");
        report.line("c", Ok(Outcome::Failed("no".into())));
        report.line("d", Err(anyhow::anyhow!("broken")));
        assert_eq!(report.failed(), 2);
    }
}
