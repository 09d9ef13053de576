use std::fmt::Write;

use anyhow::Result;

/// What a check found.
#[derive(Debug)]
pub enum Outcome {
    /// All is well; the detail says what was looked at.
    Passed(String),
    /// The check could not run here; the detail says why.
    Skipped(String),
    /// Not safe to merge; the detail says what to do.
    Failed(String),
}

/// Prints a line for each check as it ends, and counts the failed ones.
#[derive(Debug, Default)]
pub struct Report {
    failed: usize,
    skipped: String,
}

impl Report {
    /// Prints what `check` came to. One that could not be carried out has failed.
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

    /// The lines of the checks that could not run.
    pub fn skipped(&self) -> &str {
        &self.skipped
    }
}

/// A number with its noun, `1 file` or `2 files`.
pub fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// The mark, the check's name, and the detail with its further lines indented.
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
    fn indents_what_follows_the_first_line() {
        assert_eq!(
            layout('✗', "drift", "differs:\nSQL"),
            "✗ drift        differs:\n               SQL"
        );
    }

    #[test]
    fn counts_what_failed_and_what_could_not_be_done() {
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
