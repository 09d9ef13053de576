//! What people and CloudWatch find in the log. That each line is JSON, tells the
//! request, and that one has metrics, is looked at in every test.

use std::time::Duration;

use rstest::rstest;
use serde_json::Value;

use crate::harness::s3::S3;
use crate::harness::stage::{LONG, Stage, stage};

#[rstest]
fn the_log_level_is_obeyed(mut stage: Stage) {
    let mut counts = Vec::new();
    for level in ["error", "info", "trace"] {
        stage.environment.set("LOG_LEVEL", level);
        let invocation = stage.invoke(&stage.create());
        invocation.assert_succeeded();
        counts.push(invocation.log.lines().len());
        stage.forget_answers();
    }
    // Metrics are no matter of the level.
    assert_eq!(counts[0], 1);
    assert!(
        counts[0] < counts[1] && counts[1] <= counts[2],
        "{counts:?}"
    );
}

#[rstest]
fn an_unknown_level_stops_nothing(mut stage: Stage) {
    stage.environment.set("LOG_LEVEL", "loud");
    let invocation = stage.invoke(&stage.create());
    invocation.assert_succeeded();
    assert!(invocation.log.lines().len() > 1);
}

#[rstest]
fn failures_are_errors_and_count(stage: Stage) {
    let mut event = stage.create();
    event["ResourceProperties"]["MigrationHash"] = "h1:other".into();
    let invocation = stage.invoke(&event);
    invocation.assert_succeeded();
    let summary = ("FAILED".to_owned(), "Create".to_owned(), 0, 1);
    assert_eq!(invocation.log.summary(), summary);
    let is_error = |line: &Value| line["level"] == "ERROR";
    assert!(
        invocation.log.lines().iter().any(is_error),
        "{}",
        invocation.log.text
    );
}

/// An answer that is not delivered is a failure, whatever became of the migrations.
#[rstest]
fn an_answer_that_is_lost_counts_as_failed(stage: Stage) {
    let mut event = stage.create();
    event["ResponseURL"] = S3::gone().into();
    let invocation = stage.function().invoke(&event, Duration::from_secs(12));
    invocation.error();
    assert_eq!(invocation.log.summary().3, 1);
}

/// Atlas' words reach the log, with the migrations that it applied.
#[rstest]
fn the_log_tells_what_was_applied(stage: Stage) {
    let invocation = stage.function().invoke(&stage.create(), LONG);
    for file in stage.migrations.files().unwrap() {
        assert!(
            invocation.log.text.contains(&file.name),
            "{}",
            invocation.log.text
        );
    }
}
