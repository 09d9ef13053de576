//! Create, Update and Delete.

use rstest::rstest;
use serde_json::{Value, json};

use crate::harness::answer::{assert_answer, failure, success};
use crate::harness::event::{PHYSICAL_ID, delete};
use crate::harness::test_bed::{BOTH_APPLIED, LONG, SECOND, THIRD, TestBed, bed, data};

#[rstest]
fn create_applies_all(bed: TestBed) {
    let event = bed.create();
    let invocation = bed.invoke(&event);
    invocation.assert_succeeded();
    let expected = success(&event, BOTH_APPLIED, data("20260102000000", 2));
    assert_answer(bed.s3.answer(), expected);
    assert_eq!(bed.tables(), "orders,users");
    let summary = ("SUCCESS".to_owned(), "Create".to_owned(), 2, 0);
    assert_eq!(invocation.log.summary(), summary);
}

#[rstest]
fn update_applies_what_is_new(mut bed: TestBed) {
    bed.deploy();
    bed.migration(THIRD, "CREATE TABLE third ();\n");
    bed.assert_succeeds(
        &bed.update_with(json!({})),
        "Applied 1: 20260103000000_index.sql. … at 20260103000000.",
        data("20260103000000", 1),
    );
    assert_eq!(bed.tables(), "orders,third,users");
}

/// Lambda may deliver an event twice, and CloudFormation may repeat one.
#[rstest]
fn the_same_event_twice_is_harmless(mut bed: TestBed) {
    let mut function = bed.function();
    for (applied, reason) in [
        (2, BOTH_APPLIED),
        (0, "Nothing to apply of 2 migrations; the database is at 20260102000000."),
    ] {
        let event = bed.create();
        function.invoke(&event, LONG).assert_succeeded();
        let expected = success(&event, reason, data("20260102000000", applied));
        assert_answer(bed.s3.answer(), expected);
        bed.forget_answers();
    }
}

#[rstest]
fn no_migrations_succeed(bed: TestBed) {
    for file in bed.migrations.files().unwrap() {
        bed.remove(&file.name);
    }
    bed.assert_succeeds(
        &bed.create(),
        "Nothing to apply of 0 migrations; the database is at no version.",
        data("", 0),
    );
}

/// For CloudFormation, a changed id is a new resource, and it deletes the old one.
#[rstest]
fn update_keeps_a_foreign_id(bed: TestBed) {
    let mut event = bed.update_with(json!({}));
    event["PhysicalResourceId"] = json!("2026/11/23/[$LATEST]5b3c8a10");
    bed.assert_succeeds(&event, BOTH_APPLIED, data("20260102000000", 2));
}

/// To roll back a failed Create, CloudFormation may send an id of its own, and the properties
/// that made the Create fail.
#[rstest]
#[case::ordinary(PHYSICAL_ID, json!({}))]
#[case::after_a_failed_create("app-Migrations-1VQ2R9EXAMPLE", json!({ "NoSuchProperty": "1" }))]
fn delete_succeeds_and_changes_nothing(
    mut bed: TestBed,
    #[case] id: &str,
    #[case] properties: Value,
) {
    bed.deploy();
    // Uses neither the database nor the package.
    bed.env.set("DB_HOST", "database.invalid").unset("DB_NAME");
    bed.env.set("ATLAS", "/nowhere").set("MIGRATIONS", "/nowhere");
    let event = delete(&bed.s3.response_url(), id, properties);
    bed.assert_succeeds(&event, "Nothing is touched on Delete.", json!({}));
    assert_eq!(bed.tables(), "orders,users");
}

/// Create fails, a Delete rolls it back, and the next Create succeeds.
#[rstest]
fn a_failed_migration_is_reported_and_can_be_corrected(mut bed: TestBed) {
    bed.migration(SECOND, "CREATE TABLE orders ();\nINSERT INTO nowhere VALUES (1);\n");
    let event = bed.create();
    let invocation = bed.invoke(&event);
    invocation.assert_succeeded();
    let answer = bed.s3.answer();
    let reason = "migration 20260102000000_orders.sql failed: …relation \"nowhere\" does not \
                  exist…; in the statement: INSERT INTO nowhere VALUES (1). The database is at \
                  20260101000000. Nothing of migration 20260102000000_orders.sql is applied.";
    assert_answer(answer, failure(&event, reason));
    assert_eq!(bed.tables(), "users", "a failed migration leaves nothing");
    let (outcome, _, _, failed) = invocation.log.summary();
    assert_eq!((outcome.as_str(), failed), ("FAILED", 1));

    bed.forget_answers();
    let event = delete(&bed.s3.response_url(), PHYSICAL_ID, json!({}));
    bed.assert_succeeds(&event, "Nothing is touched on Delete.", json!({}));
    bed.forget_answers();
    bed.migration(SECOND, "CREATE TABLE orders ();\n");
    bed.assert_succeeds(
        &bed.create(),
        "Applied 1: 20260102000000_orders.sql. … at 20260102000000.",
        data("20260102000000", 1),
    );
}

#[rstest]
fn a_warm_process_leaves_no_files(mut bed: TestBed) {
    let mut function = bed.function();
    let mut left = Vec::new();
    for file in [THIRD, "20260104000000_fourth.sql", "20260105000000_fifth.sql"] {
        bed.migration(file, "SELECT 1;\n");
        function.invoke(&bed.update_with(json!({})), LONG).assert_succeeded();
        let answer = bed.s3.answer();
        assert_eq!(answer["Status"], "SUCCESS", "{answer}");
        bed.forget_answers();
        left.push(function.temporary_files());
        bed.database.assert_no_session_is_left();
    }
    assert_eq!(left[0], left[2], "files pile up");
}
