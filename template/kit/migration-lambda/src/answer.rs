//! The answers to CloudFormation.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html>

use anyhow::Error;
use serde_json::{Value, json};

use crate::event::Envelope;
use crate::redact::scrub;
use crate::report::Report;

/// Longest answer that CloudFormation accepts, in bytes.
pub const LONGEST: usize = 4096;
/// Bytes for an id; real ones are far shorter.
const LONGEST_ID: usize = 512;
/// Bytes for a list in the data.
const LONGEST_LIST: usize = 512;

/// An answer to an event.
#[derive(Debug)]
pub struct Answer {
    pub succeeded: bool,
    pub reason: String,
    response: Value,
}

impl Answer {
    pub fn failure(envelope: &Envelope, error: &Error) -> Self {
        Self::new(envelope, false, &format!("{error:#}"))
    }

    /// Makes a success with the attributes for `Fn::GetAtt`.
    pub fn report(envelope: &Envelope, report: &Report, milliseconds: u128) -> Self {
        let mut answer = Self::new(envelope, true, &report.summary);
        let list = |items: &[String]| fit(&items.join(","), LONGEST_LIST);
        answer.response["Data"] = json!({
            "CurrentVersion": report.current.as_deref().unwrap_or_default(),
            "AppliedCount": report.applied.len().to_string(),
            "DatabaseAhead": (!report.ahead.is_empty()).to_string(),
            "AheadVersions": list(&report.ahead),
            "DurationMs": milliseconds.to_string(),
        });
        if let Some(plan) = &report.plan {
            answer.response["Data"]["Plan"] = list(plan).into();
        }
        answer
    }

    /// Returns the body, at most [`LONGEST`] bytes.
    pub fn body(&self) -> Value {
        let mut body = self.response.clone();
        let rest = body.to_string().len();
        body["Reason"] = fit(&self.reason, LONGEST.saturating_sub(rest)).into();
        body
    }

    pub fn new(envelope: &Envelope, succeeded: bool, reason: &str) -> Self {
        let id = |id: &str| fit(id, LONGEST_ID);
        let response = json!({
            "Status": if succeeded { "SUCCESS" } else { "FAILED" },
            "Reason": "",
            "PhysicalResourceId": id(&envelope.physical_resource_id()),
            "StackId": id(&envelope.stack_id),
            "RequestId": id(&envelope.request_id),
            "LogicalResourceId": id(&envelope.logical_resource_id),
            "NoEcho": false,
            "Data": {},
        });
        // The whole text may be too long for the log, too.
        Self { succeeded, reason: fit(&scrub(reason), LONGEST), response }
    }
}

/// Cuts out the middle, so that the text takes at most `bytes` in a JSON string: the failure
/// is at the beginning, and what is applied at the end.
fn fit(text: &str, bytes: usize) -> String {
    const GAP: &str = " ... ";
    let size = |char: char| Value::from(char.to_string()).to_string().len() - 2;
    if text.chars().map(size).sum::<usize>() <= bytes {
        return text.to_owned();
    }
    let half = bytes.saturating_sub(GAP.len()) / 2;
    let within = |sizes: &mut dyn Iterator<Item = char>| {
        let mut left = half;
        sizes
            .map_while(|char| {
                left = left.checked_sub(size(char))?;
                Some(char)
            })
            .collect::<Vec<_>>()
    };
    let head = within(&mut text.chars());
    let tail = within(&mut text.chars().rev());
    head.into_iter().chain(GAP.chars().take(bytes)).chain(tail.into_iter().rev()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn envelope() -> Envelope {
        Envelope::read(&json!({
            "RequestType": "Create", "RequestId": "r", "StackId": "a/b", "LogicalResourceId": "M",
        }))
    }

    #[test]
    fn a_report_is_for_get_att() {
        let report = Report {
            current: Some("3".to_owned()),
            applied: vec!["2_b.sql".to_owned()],
            ahead: vec!["3".to_owned()],
            plan: None,
            summary: "done".to_owned(),
        };
        assert_eq!(
            Answer::report(&envelope(), &report, 7).body(),
            json!({
                "Status": "SUCCESS", "Reason": "done", "PhysicalResourceId": "M-b",
                "StackId": "a/b", "RequestId": "r", "LogicalResourceId": "M", "NoEcho": false,
                "Data": {
                    "CurrentVersion": "3", "AppliedCount": "1", "DatabaseAhead": "true",
                    "AheadVersions": "3", "DurationMs": "7",
                },
            })
        );
    }

    #[rstest]
    #[case::ascii("x")]
    #[case::four_bytes("🦀")]
    #[case::escaped("\u{1}")]
    #[case::quoted("\"")]
    fn a_long_reason_keeps_its_beginning_and_end(#[case] filling: &str) {
        let reason = format!("began{}ended", filling.repeat(9000));
        let answer = Answer::failure(&envelope(), &anyhow::anyhow!(reason));
        let body = answer.body();
        let length = body.to_string().len();
        assert!((LONGEST - 20..=LONGEST).contains(&length), "{length}");
        let reason = body["Reason"].as_str().unwrap();
        assert!(reason.starts_with("began") && reason.ends_with("ended"));
    }

    #[test]
    fn no_event_makes_an_answer_too_long() {
        let long = "\u{1}\"x".repeat(5000);
        let envelope = Envelope::read(&json!({
            "RequestId": long, "StackId": long, "LogicalResourceId": long, "PhysicalResourceId": long,
        }));
        let body = Answer::failure(&envelope, &anyhow::anyhow!(long)).body().to_string();
        assert!(body.len() <= LONGEST, "{}", body.len());
    }
}
