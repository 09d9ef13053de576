//! The expected and the observed outcome of a step, and how they differ.

use serde_json::Value;

use super::database::Snapshot;
use crate::{
    aws::{StackFailure, word},
    stack::{APPLIED_MIGRATIONS, MIGRATIONS},
};

/// The expected outcome of a step.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    /// State of the stack in CloudFormation; `None` if it does not exist.
    pub(super) stack: Option<&'static str>,
    /// Calls of the migration function, in order.
    pub(super) calls: Vec<Call>,
    pub(super) database: Database,
}

/// A call of the migration function.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Call {
    /// `Create` or `Update`.
    pub(super) request: String,
    /// `SUCCESS` or `FAILED`.
    pub(super) outcome: String,
    /// Number of migrations applied.
    pub(super) applied: u64,
    /// The message of the answer; a part of it in an expected call.
    pub(super) answer: String,
}

/// The expected change of the database.
#[derive(Clone, Debug)]
pub(super) enum Database {
    Unchanged,
    /// More migrations, the last of which has this version.
    At {
        version: String,
        more: usize,
    },
    /// A part of the migration with this version.
    PartlyAt(String),
}

/// The observed outcome of a step.
#[derive(Clone, Debug, Default)]
pub(super) struct Observed {
    pub(super) stack: Option<String>,
    pub(super) calls: Vec<Call>,
    pub(super) failures: Vec<StackFailure>,
    /// Before and after the step.
    pub(super) databases: (Snapshot, Snapshot),
    /// Log lines of the functions.
    pub(super) log: Vec<String>,
}

impl Expected {
    /// An update without effect.
    pub(super) fn unchanged() -> Self {
        Self { stack: Some("UPDATE_COMPLETE"), calls: Vec::new(), database: Database::Unchanged }
    }

    /// An update that applies `more` migrations, the last of which is `version`.
    pub(super) fn applied(version: String, more: usize) -> Self {
        Self {
            calls: vec![Call::new("Update", "SUCCESS", u64::try_from(more).unwrap_or(0), "")],
            database: Database::At { version, more },
            ..Self::unchanged()
        }
    }

    /// An update that fails with `reason`, and a rollback that the old package answers with
    /// `rollback`.
    pub(super) fn rolled_back(reason: &str, rollback: &str) -> Self {
        Self {
            stack: Some("UPDATE_ROLLBACK_COMPLETE"),
            calls: vec![
                Call::new("Update", "FAILED", 0, reason),
                Call::new("Update", "SUCCESS", 0, rollback),
            ],
            ..Self::unchanged()
        }
    }
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

    /// The calls in the lines of the function's log. Each has a line that is written before the
    /// answer is delivered; what is written after it, the emulator may cut off. It does not wait
    /// for the answer to a deletion, so those are left out.
    pub(super) fn all(log: &[String]) -> Vec<Self> {
        let lines = log.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines
            .filter_map(|line| {
                let answer = word(&line["message"]);
                let (outcome, _) = answer.split_once(": ")?;
                Some(Self {
                    request: line["request_type"].as_str()?.to_owned(),
                    outcome: outcome.to_owned(),
                    applied: line["applied"].as_u64()?,
                    answer,
                })
            })
            .filter(|call| call.request != "Delete")
            .collect()
    }

    fn matches(&self, expected: &Self) -> bool {
        self.request == expected.request
            && self.outcome == expected.outcome
            && self.applied == expected.applied
            && self.answer.contains(&expected.answer)
    }
}

impl Observed {
    /// CloudFormation's reason for the failure of the migrations: the custom resource's, or
    /// of the nested stack that was never created.
    pub(super) fn reason(&self) -> Option<&str> {
        let names = [APPLIED_MIGRATIONS, MIGRATIONS];
        let mut failures = self.failures.iter();
        let failure = failures.find(|failure| names.contains(&&*failure.resource));
        failure.map(|failure| failure.reason.as_str())
    }

    /// Differences from the expected outcome, each a sentence.
    pub(super) fn problems(&self, expected: &Expected) -> Vec<String> {
        let problems = [
            self.stack_problem(expected),
            self.calls_problem(expected),
            self.database_problem(&expected.database),
            self.reason_problem(expected),
        ];
        problems.into_iter().flatten().collect()
    }

    fn stack_problem(&self, expected: &Expected) -> Option<String> {
        let missing = "missing";
        let observed = self.stack.as_deref().unwrap_or(missing);
        let expected = expected.stack.unwrap_or(missing);
        (observed != expected).then(|| format!("the stack is {observed}, expected {expected}"))
    }

    fn calls_problem(&self, expected: &Expected) -> Option<String> {
        let mut pairs = self.calls.iter().zip(&expected.calls);
        let equal = self.calls.len() == expected.calls.len()
            && pairs.all(|(observed, expected)| observed.matches(expected));
        (!equal).then(|| {
            format!("the migration function got {:?}; expected {:?}", self.calls, expected.calls)
        })
    }

    fn database_problem(&self, expected: &Database) -> Option<String> {
        let (before, after) = &self.databases;
        let (version, migrations, broken_off) = match expected {
            Database::Unchanged if before == after => return None,
            Database::Unchanged => {
                let difference = before.difference(after);
                return Some(format!("the database has changed:\n{difference}"));
            }
            Database::At { version, more } => (version, before.migrations + more, false),
            Database::PartlyAt(version) => (version, before.migrations, true),
        };
        let expected =
            Snapshot { current: Some(version.clone()), migrations, broken_off, ..after.clone() };
        (*after != expected).then(|| format!("the database is at {after}; expected {expected}"))
    }

    /// CloudFormation must repeat the answer of a call that fails.
    fn reason_problem(&self, expected: &Expected) -> Option<String> {
        let failing = expected.calls.iter().find(|call| call.outcome == "FAILED");
        match (failing, self.reason()) {
            (None, None) => None,
            (None, Some(reason)) => Some(format!("the migrations failed: {reason}")),
            (Some(Call { answer, .. }), None) => Some(format!(
                "CloudFormation reports no failure of the migrations; expected {answer:?}"
            )),
            (Some(Call { answer, .. }), Some(reason)) => (!reason.contains(answer))
                .then(|| format!("CloudFormation's reason does not contain {answer:?}: {reason}")),
        }
    }
}

#[cfg(test)]
mod tests;
