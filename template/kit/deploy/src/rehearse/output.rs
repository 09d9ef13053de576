//! The output of a rehearsal.

use std::time::Duration;

use process::last_lines;

use super::outcome::Observed;

/// Number of trailing log lines to show after a failed step.
const LOG_LINES: usize = 20;

/// What an emulator cannot show.
pub(super) const LIMITS: &str = "\
What this did not show, because only AWS has it:
  IAM: whether the roles and policies suffice, and who may deploy
  the network: VPC, subnets, security groups, endpoints, TLS to the database
  signing in with an IAM token, or with a secret that KMS encrypts: a plain secret was used
  Lambda's sandbox and limits: Atlas was run from the package, as there was no /opt;
    time-outs and memory were never reached
  deleting the nested stack: AWS waits for the function's answer, and keeps its log
  the database that the stack can create, metrics, alarms and traces
  your data: the tables had only what migrations insert, so nothing took its real time";

/// The heading of the steps.
pub(super) fn head() -> String {
    line(' ', "step", "time", "database afterwards")
}

/// The line of a step.
pub(super) fn row(
    number: usize,
    name: &str,
    is_as_expected: bool,
    took: Duration,
    observed: &Observed,
) -> String {
    let mark = if is_as_expected { '✓' } else { '✗' };
    let (step, time) = (format!("{number} {name}"), took.as_secs_f64());
    let database = observed.databases.1.to_string();
    line(mark, &step, &format!("{time:.1} s"), &database)
}

/// The problems of a step, and what may explain them.
pub(super) fn explanation(problems: &[String], observed: &Observed, sam: &str) -> String {
    let mut text = indented(&problems.join("\n"));
    let mut add = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            let last = last_lines(&lines.join("\n"), LOG_LINES);
            text += &format!("\n  {title}:\n{}", indented(&last));
        }
    };
    let failures = observed.failures.iter().map(ToString::to_string);
    add("CloudFormation says", failures.collect());
    add("last lines of the functions' log", observed.log.clone());
    // Otherwise sam repeats what CloudFormation says, in a narrow table.
    if observed.failures.is_empty() {
        let sam = sam.lines().filter(|line| !line.trim().is_empty());
        add("last lines of sam", sam.map(str::to_owned).collect());
    }
    text
}

fn line(mark: char, step: &str, time: &str, database: &str) -> String {
    format!("{mark} {step:<55} {time:>7}  {database}")
}

/// A text below the line of a step.
pub(super) fn indented(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(|line| format!("    {line}")).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::{super::database::Snapshot, *};
    use crate::aws::StackFailure;

    #[test]
    fn a_row_has_the_outcome_the_time_and_the_database() {
        let database = Snapshot {
            current: Some("20260131".into()),
            migrations: 1,
            tables: 3,
            ..Snapshot::default()
        };
        let observed =
            Observed { databases: (Snapshot::default(), database), ..Observed::default() };
        let row = |good| row(1, "create", good, Duration::from_millis(6049), &observed);
        assert!(row(true).starts_with("✓ 1 create  "), "{}", row(true));
        assert!(row(true).ends_with("   6.0 s  20260131, 1 migration, 3 tables"));
        assert!(row(false).starts_with("✗ 1 create  "), "{}", row(false));
        let column = |line: &str, word: &str| {
            let (before, _) = line.split_once(word).unwrap();
            before.chars().count()
        };
        assert_eq!(column(&head(), "database"), column(&row(true), "20260131"));
    }

    #[test]
    fn an_explanation_has_the_reason_and_the_last_lines() {
        let observed = Observed {
            failures: vec![StackFailure {
                resource: "Migrations".into(),
                kind: "Custom::DatabaseMigrations".into(),
                reason: "no such table".into(),
            }],
            log: (0..30).map(|number| format!("line {number}")).collect(),
            ..Observed::default()
        };
        let text = explanation(&["the stack is X".into()], &observed, "first\n\nError: last\n");
        for words in [
            "    the stack is X\n",
            "    Migrations (Custom::DatabaseMigrations): no such table\n",
            "    line 10\n",
            "    line 29",
        ] {
            assert!(text.contains(words), "{words:?} is not in:\n{text}");
        }
        assert!(!text.contains("line 9\n") && !text.contains("Error: last"));

        let text = explanation(&[], &Observed::default(), "first\n\nError: last\n");
        assert!(text.contains("    Error: last"), "{text}");
    }
}
