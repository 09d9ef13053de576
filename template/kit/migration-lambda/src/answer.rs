//! The answers to CloudFormation.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html>

use std::collections::HashMap;

use anyhow::Error;
use aws_lambda_events::cloudformation::{
    CloudFormationCustomResourceResponse as Response,
    CloudFormationCustomResourceResponseStatus as Status,
};

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
    response: Response,
}

impl Answer {
    /// Makes a success that did nothing.
    pub fn success(envelope: &Envelope, reason: &str) -> Self {
        Self::new(envelope, Status::Success, reason)
    }

    pub fn failure(envelope: &Envelope, error: &Error) -> Self {
        Self::new(envelope, Status::Failed, &format!("{error:#}"))
    }

    /// Makes a success with the attributes for `Fn::GetAtt`.
    pub fn report(envelope: &Envelope, report: &Report, milliseconds: u128) -> Self {
        let mut answer = Self::new(envelope, Status::Success, &report.summary);
        let list = |items: &[String]| fit(&items.join(","), LONGEST_LIST);
        let data = [
            ("CurrentVersion", report.current.clone().unwrap_or_default()),
            ("AppliedCount", report.applied.len().to_string()),
            ("DatabaseAhead", (!report.ahead.is_empty()).to_string()),
            ("AheadVersions", list(&report.ahead)),
            ("DurationMs", milliseconds.to_string()),
        ];
        answer.response.data = HashMap::from(data.map(|(name, value)| (name.to_owned(), value)));
        if let Some(plan) = &report.plan {
            answer.response.data.insert("Plan".to_owned(), list(plan));
        }
        answer
    }

    pub fn succeeded(&self) -> bool {
        self.response.status == Status::Success
    }

    pub fn reason(&self) -> &str {
        self.response.reason.as_deref().unwrap_or_default()
    }

    /// Returns the body, at most [`LONGEST`] bytes.
    pub fn body(&self) -> String {
        let serialize = |reason: String| {
            let mut response = self.response.clone();
            response.reason = Some(reason);
            serde_json::to_string(&response).expect("strings make JSON")
        };
        let rest = serialize(String::new()).len();
        serialize(fit(self.reason(), LONGEST.saturating_sub(rest)))
    }

    fn new(envelope: &Envelope, status: Status, reason: &str) -> Self {
        let mut response = Response::default();
        response.status = status;
        // The whole text may be too long for the log, too.
        response.reason = Some(fit(&scrub(reason), LONGEST));
        response.physical_resource_id = fit(&envelope.physical_resource_id(), LONGEST_ID);
        response.stack_id = fit(&envelope.stack_id, LONGEST_ID);
        response.request_id = fit(&envelope.request_id, LONGEST_ID);
        response.logical_resource_id = fit(&envelope.logical_resource_id, LONGEST_ID);
        Self { response }
    }
}

/// Cuts out the middle, so that the text takes at most `bytes` in a JSON string: the failure
/// is at the beginning, and what is applied at the end.
fn fit(text: &str, bytes: usize) -> String {
    const GAP: &str = " ... ";
    let size = |char: char| serde_json::Value::from(char.to_string()).to_string().len() - 2;
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
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

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
        let body = Answer::report(&envelope(), &report, 7).body();
        assert_eq!(
            serde_json::from_str::<Value>(&body).unwrap(),
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
        assert!((LONGEST - 20..=LONGEST).contains(&body.len()), "{}", body.len());
        let value: Value = serde_json::from_str(&body).unwrap();
        let reason = value["Reason"].as_str().unwrap();
        assert!(reason.starts_with("began") && reason.ends_with("ended"));
    }

    #[test]
    fn no_event_makes_an_answer_too_long() {
        let long = "\u{1}\"x".repeat(5000);
        let envelope = Envelope::read(&json!({
            "RequestId": long, "StackId": long, "LogicalResourceId": long, "PhysicalResourceId": long,
        }));
        let body = Answer::failure(&envelope, &anyhow::anyhow!(long)).body();
        assert!(body.len() <= LONGEST, "{}", body.len());
    }
}
