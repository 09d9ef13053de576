//! Unusual events: sent by hand, by mistake, or by another version of CloudFormation.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};

use crate::harness::answer::{assert_answer, failure};
use crate::harness::function::Outcome;
use crate::harness::test_bed::{LONG, TestBed, bed};

#[rstest]
#[case::unknown(json!("Read"), "the RequestType is \"Read\", but …")]
#[case::empty(json!(""), "the event is malformed: it has no RequestType")]
#[case::in_lower_case(json!("create"), "the RequestType is \"create\", but …")]
#[case::a_number(json!(1), "the event is malformed: it has no RequestType")]
#[case::missing(Value::Null, "the event is malformed: it has no RequestType")]
fn an_unknown_request_type_is_reported(bed: TestBed, #[case] kind: Value, #[case] reason: &str) {
    let mut event = bed.create();
    event["RequestType"] = kind;
    bed.assert_fails(&event, reason);
    assert_eq!(bed.tables(), "");
}

#[rstest]
#[case::no_stack("StackId")]
#[case::no_request("RequestId")]
#[case::no_logical_id("LogicalResourceId")]
#[case::no_properties("ResourceProperties")]
#[case::no_type("ResourceType")]
#[case::nothing_but_the_url("")]
fn a_partial_event_is_answered(bed: TestBed, #[case] without: &str) {
    let mut event = bed.create();
    match without {
        "" => event = json!({ "ResponseURL": bed.s3.response_url() }),
        field => drop(event.as_object_mut().unwrap().remove(field)),
    }
    let answer = bed.answer(&event);
    // The answer repeats the ids of the event that are there.
    for field in ["StackId", "RequestId", "LogicalResourceId"] {
        let expected = event[field].as_str().unwrap_or_default();
        assert_eq!(answer[field], expected, "{field}");
    }
    assert!(answer["PhysicalResourceId"].as_str().is_some_and(|id| !id.is_empty()), "{answer}");
    if without != "ResourceType" {
        assert_eq!(answer["Status"], "FAILED", "{answer}");
    }
}

#[rstest]
#[case::a_list(json!([]))]
#[case::a_text(json!("MigrationHash"))]
#[case::null(Value::Null)]
fn properties_of_the_wrong_type_are_reported(bed: TestBed, #[case] properties: Value) {
    let mut event = bed.create();
    event["ResourceProperties"] = properties;
    bed.assert_fails(&event, "the event is malformed: ResourceProperties is no object");
}

#[rstest]
fn an_update_without_old_properties_succeeds(bed: TestBed) {
    let mut event = bed.update_with(json!({}));
    event.as_object_mut().unwrap().remove("OldResourceProperties");
    assert_eq!(bed.answer(&event)["Status"], "SUCCESS");
}

/// The invocation ends, and the next one succeeds.
#[rstest]
#[case::empty(json!({}))]
#[case::null(json!(null))]
#[case::a_list(json!([1, 2]))]
#[case::a_text(json!("Create"))]
#[case::no_url(json!({ "RequestType": "Delete", "StackId": "x", "RequestId": "x" }))]
#[case::url_of_another_kind(json!({ "RequestType": "Delete", "ResponseURL": 7 }))]
#[case::no_url_at_all(json!({ "RequestType": "Delete", "ResponseURL": "S1gnatureOfTheResponseURL is not here" }))]
#[case::a_file(json!({ "RequestType": "Delete", "ResponseURL": "file:///etc/passwd" }))]
fn an_event_without_a_usable_url_ends(bed: TestBed, #[case] event: Value) {
    let mut function = bed.function();
    let invocation = function.invoke(&event, Duration::from_secs(10));
    assert!(
        matches!(invocation.outcome, Outcome::Response(_) | Outcome::Error(_)),
        "{:?}: {}",
        invocation.outcome,
        invocation.log.text
    );
    assert!(invocation.took < Duration::from_secs(5), "{:?}", invocation.took);
    function.invoke(&bed.create(), LONG).assert_succeeded();
    assert_eq!(bed.s3.answer()["Status"], "SUCCESS");
}

#[rstest]
fn ids_with_special_characters_are_repeated(bed: TestBed) {
    let mut event = bed.create();
    event["LogicalResourceId"] = json!("Ünï\"\\\n😀");
    event["RequestId"] = json!("r".repeat(300));
    event["ResourceProperties"]["MigrationHash"] = json!("h1:other");
    let mut expected = failure(&event, "the stack names the migrations h1:other, but …");
    expected["PhysicalResourceId"] = json!("Ünï\"\\\n😀-5b3c8a10-c8b0-11f0-9d2e-0a1b2c3d4e5f");
    assert_answer(bed.answer(&event), expected);
}
