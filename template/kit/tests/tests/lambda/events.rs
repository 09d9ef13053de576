//! Events that CloudFormation would not send, but somebody does: by hand, by an older
//! or newer CloudFormation, by mistake.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};

use crate::harness::answer::{assert_answer, failure};
use crate::harness::function::Outcome;
use crate::harness::stage::{LONG, Stage, stage};

#[rstest]
#[case::unknown(json!("Read"), "the RequestType is \"Read\", but …")]
#[case::empty(json!(""), "the event is malformed: it has no RequestType")]
#[case::in_lower_case(json!("create"), "the RequestType is \"create\", but …")]
#[case::a_number(json!(1), "the event is malformed: it has no RequestType")]
#[case::missing(Value::Null, "the event is malformed: it has no RequestType")]
fn an_unknown_request_type_is_told(stage: Stage, #[case] kind: Value, #[case] reason: &str) {
    let mut event = stage.create();
    event["RequestType"] = kind;
    stage.assert_fails(&event, reason);
    assert_eq!(stage.tables(), "");
}

#[rstest]
#[case::no_stack("StackId")]
#[case::no_request("RequestId")]
#[case::no_logical_id("LogicalResourceId")]
#[case::no_properties("ResourceProperties")]
#[case::no_type("ResourceType")]
#[case::nothing_but_the_url("")]
fn a_partial_event_is_answered(stage: Stage, #[case] without: &str) {
    let mut event = stage.create();
    match without {
        "" => event = json!({ "ResponseURL": stage.s3.response_url() }),
        field => drop(event.as_object_mut().unwrap().remove(field)),
    }
    let answer = stage.answer(&event);
    // Whatever CloudFormation needs to know is repeated as far as it is known.
    for field in ["StackId", "RequestId", "LogicalResourceId"] {
        let expected = event[field].as_str().unwrap_or_default();
        assert_eq!(answer[field], expected, "{field}");
    }
    assert!(
        answer["PhysicalResourceId"]
            .as_str()
            .is_some_and(|id| !id.is_empty()),
        "{answer}"
    );
    if without != "ResourceType" {
        assert_eq!(answer["Status"], "FAILED", "{answer}");
    }
}

#[rstest]
#[case::a_list(json!([]))]
#[case::a_text(json!("MigrationHash"))]
#[case::null(Value::Null)]
fn properties_of_the_wrong_kind_are_told(stage: Stage, #[case] properties: Value) {
    let mut event = stage.create();
    event["ResourceProperties"] = properties;
    stage.assert_fails(
        &event,
        "the event is malformed: ResourceProperties is no object",
    );
}

#[rstest]
fn an_update_without_old_properties_is_fine(stage: Stage) {
    let mut event = stage.update_with(json!({}));
    event
        .as_object_mut()
        .unwrap()
        .remove("OldResourceProperties");
    assert_eq!(stage.answer(&event)["Status"], "SUCCESS");
}

/// There is nobody to answer, but the invocation ends, and the next one is served.
#[rstest]
#[case::empty(json!({}))]
#[case::null(json!(null))]
#[case::a_list(json!([1, 2]))]
#[case::a_text(json!("Create"))]
#[case::no_url(json!({ "RequestType": "Delete", "StackId": "x", "RequestId": "x" }))]
#[case::url_of_another_kind(json!({ "RequestType": "Delete", "ResponseURL": 7 }))]
#[case::no_url_at_all(json!({ "RequestType": "Delete", "ResponseURL": "S1gnatureOfTheResponseURL is not here" }))]
#[case::a_file(json!({ "RequestType": "Delete", "ResponseURL": "file:///etc/passwd" }))]
fn an_event_that_cannot_be_answered_ends(stage: Stage, #[case] event: Value) {
    let mut function = stage.function();
    let invocation = function.invoke(&event, Duration::from_secs(10));
    assert!(
        matches!(invocation.outcome, Outcome::Response(_) | Outcome::Error(_)),
        "{:?}: {}",
        invocation.outcome,
        invocation.log.text
    );
    assert!(
        invocation.took < Duration::from_secs(5),
        "{:?}",
        invocation.took
    );
    function.invoke(&stage.create(), LONG).assert_succeeded();
    assert_eq!(stage.s3.answer()["Status"], "SUCCESS");
}

/// Ids are repeated as they came, whatever they hold.
#[rstest]
fn ids_of_any_kind_are_repeated(stage: Stage) {
    let mut event = stage.create();
    event["LogicalResourceId"] = json!("Ünï\"\\\n😀");
    event["RequestId"] = json!("r".repeat(300));
    event["ResourceProperties"]["MigrationHash"] = json!("h1:other");
    let mut expected = failure(&event, "the stack names the migrations h1:other, but …");
    expected["PhysicalResourceId"] = json!("Ünï\"\\\n😀-5b3c8a10-c8b0-11f0-9d2e-0a1b2c3d4e5f");
    assert_answer(stage.answer(&event), expected);
}
