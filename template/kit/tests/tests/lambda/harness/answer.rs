//! Expected answers.

use serde_json::{Value, json};

use super::log::SECRETS;

/// Matches anything in an expected text: a port, a path, words of another program.
const ANYTHING: char = '…';

/// A successful answer. `data` has all fields except `DurationMs`; it is empty for a Delete.
pub fn success(event: &Value, reason: &str, data: Value) -> Value {
    answer(event, "SUCCESS", reason, data)
}

/// A failed answer.
pub fn failure(event: &Value, reason: &str) -> Value {
    answer(event, "FAILED", reason, json!({}))
}

fn answer(event: &Value, status: &str, reason: &str, data: Value) -> Value {
    let id = event["PhysicalResourceId"].as_str();
    json!({
        "Status": status,
        "Reason": reason,
        "PhysicalResourceId": id.unwrap_or(super::event::PHYSICAL_ID),
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "NoEcho": false,
        "Data": data,
    })
}

/// Compares all fields of an answer. `…` in the expected `Reason` matches anything.
pub fn assert_answer(mut answer: Value, mut expected: Value) {
    assert_no_secret(&answer.to_string());
    if expected["Data"] != json!({}) {
        let duration = answer["Data"]["DurationMs"].take();
        let milliseconds = duration.as_str().and_then(|text| text.parse::<u64>().ok());
        assert!(milliseconds.is_some(), "DurationMs: {duration} in {answer}");
        expected["Data"]["DurationMs"] = Value::Null;
    }
    let (reason, pattern) = (answer["Reason"].take(), expected["Reason"].take());
    let text = reason.as_str().expect("a reason");
    let pattern = pattern.as_str().expect("a pattern");
    assert_eq!(answer, expected, "the reason: {text}");
    assert!(matches(pattern, text), "the reason is\n{text:?}\nbut not\n{pattern:?}");
}

pub fn assert_no_secret(text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} in: {text}");
    }
}

/// Whether the whole text matches the pattern.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split(ANYTHING);
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    true
}

#[test]
fn patterns_match_whole_texts() {
    for (pattern, text, expected) in [
        ("a", "a", true),
        ("a", "ab", false),
        ("a…", "ab", true),
        ("…b", "ab", true),
        ("a…c…e", "abcde", true),
        ("a…c…e", "abde", false),
        ("a…d", "abc", false),
        ("", "a", false),
    ] {
        assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
    }
}
