//! What a failure says, and what to do about it.

use std::thread;

use rstest::rstest;
use serde_json::json;

use crate::connection::WAITS;
use crate::harness::function::Outcome;
use crate::harness::test_bed::{BOTH_APPLIED, LONG, SECOND, THIRD, TestBed, bed, data};

#[rstest]
#[case::a_schema("CREATE SCHEMA other", "…\"other\"…")]
#[case::a_table("CREATE TABLE other ()", "…\"public\"…")]
fn what_atlas_found_is_repeated_and_no_baseline_can_be_one(
    mut bed: TestBed,
    #[case] sql: &str,
    #[case] found: &str,
) {
    bed.database.query("GRANT CREATE ON SCHEMA public TO app");
    bed.database.query(&format!("SET ROLE app; {sql}"));
    bed.assert_fails(
        &bed.create(),
        &format!("the database is not empty, but has no history of migrations: Atlas found{found}BaselineVersion…or to none…"),
    );
    bed.forget_answers();
    let event = bed.create_with(json!({ "BaselineVersion": "none" }));
    bed.assert_succeeds(&event, BOTH_APPLIED, data("20260102000000", 2));
    bed.forget_answers();
    bed.migration(THIRD, "SELECT 1;\n");
    let event = bed.update_with(json!({ "BaselineVersion": "none" }));
    bed.assert_succeeds(&event, "Applied 1: …", data("20260103000000", 1));
}

const CONCURRENTLY: &str = "-- atlas:txmode none\n\nCREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS orders_n ON orders (n);\n";

/// A table with duplicates, and the migration of a unique index.
fn duplicates(bed: &mut TestBed) {
    bed.migration(SECOND, "CREATE TABLE orders (n int);\nINSERT INTO orders VALUES (1), (1);\n");
    bed.deploy();
    bed.migration(THIRD, CONCURRENTLY);
}

#[rstest]
fn a_failed_build_of_an_index_is_not_skipped(mut bed: TestBed) {
    duplicates(&mut bed);
    bed.assert_fails(
        &bed.update_with(json!({})),
        "migration 20260103000000_index.sql failed: …could not create unique index \
         \"orders_n\"…; detail: Key (n)=(1) is duplicated.…The index orders_n is INVALID…DROP \
         INDEX CONCURRENTLY orders_n…",
    );
    // As a second attempt without the advice finds it: the file says IF NOT EXISTS.
    bed.forget_answers();
    bed.assert_fails(
        &bed.update_with(json!({})),
        "Applied 1: 20260103000000_index.sql. …But the index orders_n is INVALID…REINDEX INDEX \
         CONCURRENTLY orders_n…",
    );
    // A rollback must not fail for it, but says so.
    bed.forget_answers();
    let mut event = bed.update_with(json!({}));
    bed.assert_succeeds(&event, "Nothing to apply…INVALID…", data("20260103000000", 0));
    bed.database.query("DELETE FROM orders; REINDEX INDEX orders_n");
    bed.forget_answers();
    event = bed.update_with(json!({}));
    let reason = "Nothing to apply of 3 migrations; the database is at 20260103000000.";
    bed.assert_succeeds(&event, reason, data("20260103000000", 0));
}

/// The index of a partitioned table is invalid until each partition has its own.
#[rstest]
fn an_unfinished_partitioned_index_is_no_failure(bed: TestBed) {
    bed.migration(
        THIRD,
        "CREATE TABLE parts (n int) PARTITION BY RANGE (n);\n\
         CREATE TABLE part PARTITION OF parts DEFAULT;\n\
         CREATE INDEX parts_n ON ONLY parts (n);\n",
    );
    bed.assert_succeeds(&bed.create(), "Applied 3: …", data("20260103000000", 3));
}

#[rstest]
fn an_answer_is_printable(bed: TestBed) {
    let raise = "RAISE EXCEPTION E'red \\x1b[31m, \\x01 and \\u0085' USING HINT = E'a \\x07 hint'";
    bed.migration(THIRD, &format!("DO $$ BEGIN\n{raise};\nEND $$;\n"));
    let event = bed.create();
    let invocation = bed.invoke(&event);
    invocation.assert_succeeded();
    let answer = bed.s3.answer();
    let reason = answer["Reason"].as_str().unwrap();
    assert!(reason.contains("red \u{fffd}[31m, \u{fffd} and \u{fffd}"), "{reason}");
    assert!(reason.contains("; hint: a \u{fffd} hint"), "{reason}");
    for line in invocation.log.lines() {
        for text in line.as_object().unwrap().values().filter_map(|value| value.as_str()) {
            assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{line}");
        }
    }
}

#[rstest]
fn a_password_in_a_migration_is_hidden(bed: TestBed) {
    bed.migration(THIRD, "CREATE ROLE app PASSWORD 'hunter2hunter2';\n");
    let event = bed.create();
    let invocation = bed.invoke(&event);
    invocation.assert_succeeded();
    let text = format!("{} {}", bed.s3.answer(), invocation.log.text);
    assert!(text.contains("CREATE ROLE app PASSWORD '***'"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[rstest]
fn the_holder_of_the_lock_is_named(bed: TestBed) {
    bed.migration(SECOND, WAITS);
    let event = bed.create();
    thread::scope(|scope| {
        let first = scope.spawn(|| bed.invoke(&event));
        bed.database.wait_for_statement("pg_sleep(0.1)");
        let mut event = bed.create_with(json!({ "LockTimeout": "1" }));
        event["ResponseURL"] = json!("...");
        let error = bed.function().invoke(&event, LONG).error();
        assert!(error.contains("Sessions with such a lock: "), "{error}");
        assert!(error.contains("application migrations-"), "{error}");
        assert!(error.contains("connected since 20"), "{error}");
        bed.database.query("CREATE TABLE fast ()");
        first.join().unwrap().assert_succeeded();
    });
}

/// Nothing is applied for somebody who cannot be told.
#[rstest]
#[case::missing(json!(null))]
#[case::no_url(json!("https//s3"))]
#[case::of_a_file(json!("file:///etc/passwd"))]
#[case::without_host(json!("https://"))]
fn nothing_is_applied_without_a_usable_url(bed: TestBed, #[case] url: serde_json::Value) {
    let mut event = bed.create();
    event["ResponseURL"] = url;
    bed.function().invoke(&event, LONG).error();
    assert_eq!(bed.tables(), "");
}

/// The framework masks the URL, answers itself, and takes an error as a failure.
#[rstest]
fn works_behind_the_provider_framework(bed: TestBed) {
    let mut function = bed.function();
    let mut event = bed.create();
    event["ResponseURL"] = json!("...");
    let Outcome::Response(answer) = function.invoke(&event, LONG).outcome else { panic!() };
    assert_eq!(answer["Data"]["AppliedCount"], "2", "{answer}");
    assert!(answer["PhysicalResourceId"].is_string(), "{answer}");
    bed.migration(THIRD, "SELECT 1/0;\n");
    let mut event = bed.update_with(json!({}));
    event["ResponseURL"] = json!("...");
    let error = function.invoke(&event, LONG).error();
    assert!(error.contains("20260103000000_index.sql failed"), "{error}");
}

#[rstest]
fn can_be_called_by_hand(bed: TestBed) {
    let mut function = bed.function();
    let mut call = |event| match function.invoke(&event, LONG).outcome {
        Outcome::Response(answer) => answer,
        other => panic!("{other:?}"),
    };
    for kind in ["Status", "DryRun"] {
        let answer = call(json!({ "RequestType": kind }));
        assert_eq!(answer["Status"], "SUCCESS", "{answer}");
        let plan = "20260101000000_users.sql,20260102000000_orders.sql";
        assert_eq!(answer["Data"]["Plan"], plan, "{answer}");
    }
    assert_eq!(bed.tables(), "");
    let answer = call(json!({ "RequestType": "Apply" }));
    assert_eq!(answer["Data"]["AppliedCount"], "2", "{answer}");
    let answer =
        call(json!({ "RequestType": "Apply", "ResourceProperties": { "DryRunn": "true" } }));
    assert_eq!(answer["Status"], "FAILED", "{answer}");
    assert!(answer["Reason"].as_str().unwrap().contains("DryRunn"), "{answer}");
}
