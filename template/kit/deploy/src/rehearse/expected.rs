//! What a step is to come to, what was seen of it, and whether the two agree.

use serde_json::Value;

use super::database::Snapshot;
use crate::aws::{StackFailure, word};

/// What a step is to come to.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    /// The state of the stack, as CloudFormation calls it; `None`: there is no stack.
    pub(super) stack: Option<&'static str>,
    /// The calls of the migration function, in their order.
    pub(super) calls: Vec<Call>,
    /// Whether the function has a new package afterwards.
    pub(super) new_package: bool,
    pub(super) database: After,
    /// What the reason that CloudFormation gives for the failure must say, if one is to
    /// fail.
    pub(super) reason: Option<String>,
}

/// A call of the migration function.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Call {
    /// `Create`, `Update` or `Delete`.
    pub(super) request: String,
    /// `SUCCESS`, `FAILED` or `UNANSWERED`.
    pub(super) outcome: String,
    /// The number of migrations applied.
    pub(super) applied: u64,
    /// What was answered, in words; of an expected call, a part of it.
    pub(super) answer: String,
}

/// What becomes of the database.
#[derive(Clone, Debug)]
pub(super) enum After {
    /// Nothing at all.
    AsBefore,
    /// So many migrations more, to the last of them.
    At { version: String, more: usize },
    /// A part of this migration more.
    BrokenOff { version: String },
}

/// What was seen of a step.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) stack: Option<String>,
    pub(super) calls: Vec<Call>,
    pub(super) failures: Vec<StackFailure>,
    /// The hash of the function's package, before and after.
    pub(super) packages: (Option<String>, Option<String>),
    pub(super) databases: (Snapshot, Snapshot),
    /// What the functions logged.
    pub(super) log: Vec<String>,
}

impl Call {
    pub(super) fn new(request: &str, outcome: &str, applied: u64, answer: &str) -> Self {
        Self {
            request: request.to_owned(),
            outcome: outcome.to_owned(),
            applied,
            answer: answer.to_owned(),
        }
    }

    /// The calls that lines of the function's log tell of. It ends each with a line of
    /// metrics.
    pub(super) fn all(log: &[String]) -> Vec<Self> {
        let lines: Vec<Value> = log
            .iter()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        let answer_to = |id: &Value| {
            let mut messages = lines
                .iter()
                .filter(|line| line["requestId"] == *id)
                .map(|line| word(&line["message"]));
            messages.find(|text| text.starts_with("SUCCESS: ") || text.starts_with("FAILED: "))
        };
        lines
            .iter()
            .filter(|line| line.get("_aws").is_some() && line.get("RequestType").is_some())
            .map(|line| Self {
                request: word(&line["RequestType"]),
                outcome: word(&line["Outcome"]),
                applied: line["AppliedMigrations"].as_u64().unwrap_or_default(),
                answer: answer_to(&line["requestId"]).unwrap_or_default(),
            })
            .collect()
    }

    fn is_as(&self, expected: &Self) -> bool {
        let Self {
            request,
            outcome,
            applied,
            answer,
        } = expected;
        self.request == *request
            && self.outcome == *outcome
            && self.applied == *applied
            && self.answer.contains(answer)
    }

    fn in_words(&self) -> String {
        let mut text = format!(
            "{} {} ({} applied)",
            self.request, self.outcome, self.applied
        );
        if !self.answer.is_empty() {
            text += &format!(" {:?}", self.answer);
        }
        text
    }
}

impl Seen {
    /// What CloudFormation tells of the migrations that failed.
    pub(super) fn reason(&self) -> Option<&str> {
        let mut custom = self
            .failures
            .iter()
            .filter(|failure| failure.kind.starts_with("Custom::"));
        custom.next().map(|failure| failure.reason.as_str())
    }

    /// What is not as it was to be, each in a sentence.
    pub(super) fn judge(&self, expected: &Expected) -> Vec<String> {
        [
            self.judge_stack(expected),
            self.judge_calls(expected),
            self.judge_package(expected),
            self.judge_database(&expected.database),
            self.judge_reason(expected),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn judge_stack(&self, expected: &Expected) -> Option<String> {
        let none = "no stack";
        let (seen, expected) = (
            self.stack.as_deref().unwrap_or(none),
            expected.stack.unwrap_or(none),
        );
        (seen != expected).then(|| format!("the stack is {seen}, expected {expected}"))
    }

    fn judge_calls(&self, expected: &Expected) -> Option<String> {
        let as_expected = self.calls.len() == expected.calls.len()
            && self
                .calls
                .iter()
                .zip(&expected.calls)
                .all(|(seen, expected)| seen.is_as(expected));
        let list = |calls: &[Call]| match calls {
            [] => "no call".to_owned(),
            calls => calls
                .iter()
                .map(Call::in_words)
                .collect::<Vec<_>>()
                .join(", then "),
        };
        (!as_expected).then(|| {
            format!(
                "the migration function got {}; expected {}",
                list(&self.calls),
                list(&expected.calls)
            )
        })
    }

    fn judge_package(&self, expected: &Expected) -> Option<String> {
        let (before, after) = &self.packages;
        if (before != after) == expected.new_package {
            return None;
        }
        Some(if expected.new_package {
            "the function still has the package of before".to_owned()
        } else {
            format!(
                "the function has another package than before: {}, it was {}",
                after.as_deref().unwrap_or("none"),
                before.as_deref().unwrap_or("none")
            )
        })
    }

    fn judge_database(&self, expected: &After) -> Option<String> {
        let (before, after) = &self.databases;
        let (version, migrations, broken_off) = match expected {
            After::AsBefore if before == after => return None,
            After::AsBefore => {
                return Some(format!(
                    "the database has changed, but should not have:\n{}",
                    before.difference(after)
                ));
            }
            After::At { version, more } => (version, before.migrations + more, false),
            After::BrokenOff { version } => (version, before.migrations, true),
        };
        let as_expected = after.current.as_deref() == Some(version)
            && after.migrations == migrations
            && after.broken_off == broken_off;
        let expected = Snapshot {
            current: Some(version.clone()),
            migrations,
            broken_off,
            ..after.clone()
        };
        (!as_expected).then(|| format!("the database is at {after}; expected {expected}"))
    }

    fn judge_reason(&self, expected: &Expected) -> Option<String> {
        match (&expected.reason, self.reason()) {
            (None, None) => None,
            (None, Some(reason)) => Some(format!("the custom resource failed: {reason}")),
            (Some(part), None) => Some(format!(
                "CloudFormation tells of no failure of the custom resource; expected one that says {part:?}"
            )),
            (Some(part), Some(reason)) => (!reason.contains(part)).then(|| {
                format!("the reason that CloudFormation gives does not say {part:?}: {reason}")
            }),
        }
    }
}

#[cfg(test)]
mod tests;
