//! Create, Update and Delete, where at most a migration is wrong.

use rstest::rstest;
use serde_json::{Value, json};

use crate::harness::answer::{assert_answer, failure, success};
use crate::harness::event::{PHYSICAL_ID, delete};
use crate::harness::stage::{BOTH_APPLIED, LONG, SECOND, Stage, THIRD, data, stage};

#[rstest]
fn create_applies_all(stage: Stage) {
    let event = stage.create();
    let invocation = stage.invoke(&event);
    invocation.assert_succeeded();
    let expected = success(&event, BOTH_APPLIED, data("20260102000000", 2));
    assert_answer(stage.s3.answer(), expected);
    assert_eq!(stage.tables(), "orders,users");
    let summary = ("SUCCESS".to_owned(), "Create".to_owned(), 2, 0);
    assert_eq!(invocation.log.summary(), summary);
}

#[rstest]
fn update_applies_what_is_new(mut stage: Stage) {
    stage.deploy();
    stage.migration(THIRD, "CREATE TABLE third ();\n");
    stage.assert_succeeds(
        &stage.update_with(json!({})),
        "Applied 1: 20260103000000_index.sql. … at 20260103000000.",
        data("20260103000000", 1),
    );
    assert_eq!(stage.tables(), "orders,third,users");
}

/// Lambda delivers an event twice now and then, and CloudFormation repeats some.
#[rstest]
fn the_same_event_twice_does_no_harm(mut stage: Stage) {
    let mut function = stage.function();
    for (applied, reason) in [
        (2, BOTH_APPLIED),
        (
            0,
            "Nothing to apply of 2 migrations; the database is at 20260102000000.",
        ),
    ] {
        let event = stage.create();
        function.invoke(&event, LONG).assert_succeeded();
        let expected = success(&event, reason, data("20260102000000", applied));
        assert_answer(stage.s3.answer(), expected);
        stage.forget_answers();
    }
}

#[rstest]
fn no_migrations_are_no_failure(stage: Stage) {
    for file in stage.migrations.files().unwrap() {
        stage.remove(&file.name);
    }
    stage.assert_succeeds(
        &stage.create(),
        "Nothing to apply of 0 migrations; the database is at no version.",
        data("", 0),
    );
}

/// CloudFormation takes a changed id for a new resource and deletes the old one.
#[rstest]
fn update_keeps_an_id_of_other_making(stage: Stage) {
    let mut event = stage.update_with(json!({}));
    event["PhysicalResourceId"] = json!("2026/11/23/[$LATEST]5b3c8a10");
    stage.assert_succeeds(&event, BOTH_APPLIED, data("20260102000000", 2));
}

/// Rolling a failed Create back, CloudFormation may send an id that it made up. The
/// properties may be what made the Create fail.
#[rstest]
#[case::ordinary(PHYSICAL_ID, json!({}))]
#[case::after_a_failed_create("app-Migrations-1VQ2R9EXAMPLE", json!({ "NoSuchProperty": "1" }))]
fn delete_succeeds_and_touches_nothing(
    mut stage: Stage,
    #[case] id: &str,
    #[case] properties: Value,
) {
    stage.deploy();
    // Neither database nor package is asked.
    stage
        .environment
        .set("DB_HOST", "database.invalid")
        .unset("DB_NAME");
    stage
        .environment
        .set("ATLAS", "/nowhere")
        .set("MIGRATIONS", "/nowhere");
    let event = delete(&stage.s3.response_url(), id, properties);
    stage.assert_succeeds(&event, "Nothing is touched on Delete.", json!({}));
    assert_eq!(stage.tables(), "orders,users");
}

/// A stack's way: Create fails, is rolled back by a Delete, and is tried again.
#[rstest]
fn a_failed_migration_is_told_and_can_be_mended(mut stage: Stage) {
    stage.migration(
        SECOND,
        "CREATE TABLE orders ();\nINSERT INTO nowhere VALUES (1);\n",
    );
    let event = stage.create();
    let invocation = stage.invoke(&event);
    invocation.assert_succeeded();
    let answer = stage.s3.answer();
    let reason = "migration 20260102000000_orders.sql failed: …relation \"nowhere\" does not \
                  exist…; in the statement: INSERT INTO nowhere VALUES (1). The database is at \
                  20260101000000. Nothing of migration 20260102000000_orders.sql is applied.";
    assert_answer(answer, failure(&event, reason));
    assert_eq!(stage.tables(), "users", "a failed migration leaves nothing");
    let (outcome, _, _, failed) = invocation.log.summary();
    assert_eq!((outcome.as_str(), failed), ("FAILED", 1));

    stage.forget_answers();
    let event = delete(&stage.s3.response_url(), PHYSICAL_ID, json!({}));
    stage.assert_succeeds(&event, "Nothing is touched on Delete.", json!({}));
    stage.forget_answers();
    stage.migration(SECOND, "CREATE TABLE orders ();\n");
    stage.assert_succeeds(
        &stage.create(),
        "Applied 1: 20260102000000_orders.sql. … at 20260102000000.",
        data("20260102000000", 1),
    );
}

#[rstest]
fn a_warm_process_keeps_nothing(mut stage: Stage) {
    let mut function = stage.function();
    let mut left = Vec::new();
    for file in [
        THIRD,
        "20260104000000_fourth.sql",
        "20260105000000_fifth.sql",
    ] {
        stage.migration(file, "SELECT 1;\n");
        // The check of its log tells a cold start from a warm one.
        function
            .invoke(&stage.update_with(json!({})), LONG)
            .assert_succeeded();
        let answer = stage.s3.answer();
        assert_eq!(answer["Status"], "SUCCESS", "{answer}");
        stage.forget_answers();
        left.push(function.temporary_files());
        stage.database.assert_no_session_is_left();
    }
    assert_eq!(left[0], left[2], "files pile up");
}
