//! What is printed of a rehearsal.

use std::time::Duration;

use process::last_lines;

use super::{database::Snapshot, expected::Seen};

/// Of the functions' log, so many last lines are shown where a step went wrong.
const LOG_LINES: usize = 20;

/// What an emulator cannot show.
pub(super) const NOT_SHOWN: &str = "\
What this did not show, because only AWS has it:
  IAM: whether the roles and policies suffice, and who may deploy
  the network: VPC, subnets, security groups, endpoints, TLS to the database
  signing in with an IAM token, or with a secret that KMS encrypts: a plain secret was used
  Lambda's sandbox and limits: Atlas was run from the package, as there was no /opt;
    time-outs and memory were never reached
  the database that the stack can create (database.yaml), metrics, alarms and traces
  your data: the tables had only what migrations insert, so nothing took its real time";

/// The line above the steps.
pub(super) fn head() -> String {
    line(' ', "step", "time", "database afterwards")
}

/// The line of a step.
pub(super) fn row(
    number: usize,
    name: &str,
    is_as_expected: bool,
    took: Duration,
    database: &Snapshot,
) -> String {
    let mark = if is_as_expected { '✓' } else { '✗' };
    let time = format!("{:.1} s", took.as_secs_f64());
    line(
        mark,
        &format!("{number} {name}"),
        &time,
        &database.to_string(),
    )
}

/// What was not as expected in a step, and what may tell why.
pub(super) fn explanation(problems: &[String], seen: &Seen, sam: &str) -> String {
    let mut text = indented(&problems.join("\n"));
    let mut part = |title: &str, lines: Vec<&str>| {
        if !lines.is_empty() {
            text += &format!("\n  {title}:\n{}", indented(&lines.join("\n")));
        }
    };
    let failures: Vec<_> = seen
        .failures
        .iter()
        .map(|failure| {
            format!(
                "{} ({}): {}",
                failure.resource, failure.kind, failure.reason
            )
        })
        .collect();
    part(
        "CloudFormation says",
        failures.iter().map(String::as_str).collect(),
    );
    part(
        "the functions' last log lines",
        last_lines(&seen.log.join("\n"), LOG_LINES)
            .lines()
            .collect(),
    );
    // It repeats what CloudFormation says, in a narrow table.
    if seen.failures.is_empty() {
        let lines: Vec<_> = sam.lines().filter(|line| !line.trim().is_empty()).collect();
        part(
            "sam's last lines",
            last_lines(&lines.join("\n"), LOG_LINES).lines().collect(),
        );
    }
    text
}

/// A remark on the step above it.
pub(super) fn remark(text: &str) -> String {
    indented(text)
}

fn line(mark: char, step: &str, time: &str, database: &str) -> String {
    format!("{mark} {step:<55} {time:>7}  {database}")
}

fn indented(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(|line| format!("    {line}")).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::StackFailure;

    #[test]
    fn a_row_tells_the_outcome_the_time_and_the_database() {
        let database = Snapshot {
            current: Some("20260131".into()),
            migrations: 1,
            tables: 3,
            ..Snapshot::default()
        };
        let row = |good| row(1, "create", good, Duration::from_millis(6049), &database);
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
    fn what_went_wrong_is_told_with_reason_and_last_lines() {
        let seen = Seen {
            failures: vec![StackFailure {
                resource: "Migrations".into(),
                kind: "Custom::DatabaseMigrations".into(),
                reason: "no such table".into(),
            }],
            log: (0..30).map(|number| format!("line {number}")).collect(),
            ..Seen::default()
        };
        let text = explanation(&["the stack is X".into()], &seen, "first\n\nError: last\n");
        for words in [
            "    the stack is X\n",
            "    Migrations (Custom::DatabaseMigrations): no such table\n",
            "    line 10\n",
            "    line 29",
        ] {
            assert!(text.contains(words), "{words:?} is not in:\n{text}");
        }
        assert!(!text.contains("line 9\n") && !text.contains("Error: last"));

        let text = explanation(&[], &Seen::default(), "first\n\nError: last\n");
        assert!(text.contains("    Error: last"), "{text}");
    }
}
