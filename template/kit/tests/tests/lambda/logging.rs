//! The log. Every test checks that each line is JSON with the request id, and that one line
//! has the metrics.

use std::time::Duration;

use rstest::rstest;
use serde_json::Value;

use crate::harness::s3::S3;
use crate::harness::test_bed::{LONG, TestBed, bed};

#[rstest]
fn log_level_sets_the_number_of_lines(mut bed: TestBed) {
    let mut counts = Vec::new();
    for level in ["error", "info", "trace"] {
        bed.env.set("LOG_LEVEL", level);
        let invocation = bed.invoke(&bed.create());
        invocation.assert_succeeded();
        counts.push(invocation.log.lines().len());
        bed.forget_answers();
    }
    // The metrics do not depend on the level.
    assert_eq!(counts[0], 1);
    assert!(counts[0] < counts[1] && counts[1] <= counts[2], "{counts:?}");
}

#[rstest]
fn an_unknown_level_is_ignored(mut bed: TestBed) {
    bed.env.set("LOG_LEVEL", "loud");
    let invocation = bed.invoke(&bed.create());
    invocation.assert_succeeded();
    assert!(invocation.log.lines().len() > 1);
}

#[rstest]
fn failures_are_logged_as_errors_and_counted(bed: TestBed) {
    let mut event = bed.create();
    event["ResourceProperties"]["MigrationHash"] = "h1:other".into();
    let invocation = bed.invoke(&event);
    invocation.assert_succeeded();
    let summary = ("FAILED".to_owned(), "Create".to_owned(), 0, 1);
    assert_eq!(invocation.log.summary(), summary);
    let is_error = |line: &Value| line["level"] == "ERROR";
    assert!(invocation.log.lines().iter().any(is_error), "{}", invocation.log.text);
}

/// Even if the migrations succeeded.
#[rstest]
fn a_lost_answer_counts_as_failed(bed: TestBed) {
    let mut event = bed.create();
    event["ResponseURL"] = S3::gone().into();
    let invocation = bed.function().invoke(&event, Duration::from_secs(6));
    invocation.error();
    assert_eq!(invocation.log.summary().3, 1);
}

#[rstest]
fn the_log_names_applied_migrations(bed: TestBed) {
    let invocation = bed.function().invoke(&bed.create(), LONG);
    for file in bed.migrations.files().unwrap() {
        assert!(invocation.log.text.contains(&file.name), "{}", invocation.log.text);
    }
}
