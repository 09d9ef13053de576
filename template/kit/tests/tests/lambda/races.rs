//! Other events while Atlas waits or works.

use std::fs;
use std::thread;
use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};

use crate::connection::WAITS;
use crate::harness::answer::{assert_answer, failure};
use crate::harness::function::Function;
use crate::harness::s3::S3;
use crate::harness::test_bed::{FIRST, LONG, SECOND, THIRD, TestBed, bed, data};

const FOURTH: &str = "20260104000000_fourth.sql";

/// Another package applies a newer migration while this one waits for the lock. Some versions
/// of Atlas then silently skip the older one.
#[rstest]
fn an_overtaken_migration_is_reported(mut bed: TestBed) {
    bed.deploy();
    bed.migration(FOURTH, "SELECT pg_sleep(5);\n");
    let newer = bed.path("newer");
    fs::create_dir(&newer).unwrap();
    for name in [FIRST, SECOND, FOURTH, "atlas.sum"] {
        fs::copy(bed.migrations.path().join(name), newer.join(name)).unwrap();
    }
    let mut env = bed.env.clone();
    env.set("MIGRATIONS", newer.to_str().unwrap());
    let first = bed.update_with(json!({}));
    let bucket = std::mem::replace(&mut bed.s3, S3::start());

    bed.remove(FOURTH);
    bed.migration(THIRD, "CREATE TABLE third ();\n");
    let second = bed.update_with(json!({}));
    thread::scope(|scope| {
        let first = scope.spawn(|| Function::start(&env).invoke(&first, LONG));
        bed.database.wait_for_statement("pg_sleep(5)");
        bed.assert_fails(&second, "…20260103000000…");
        first.join().unwrap().assert_succeeded();
    });
    assert_eq!(bucket.answer()["Status"], "SUCCESS");
    assert_eq!(bed.tables(), "orders,users");
}

/// Lambda may deliver an event twice, with the same request id.
#[rstest]
fn two_deliveries_of_an_event_do_not_interfere(mut bed: TestBed) {
    const ID: &str = "8476a536-e9f4-11e8-9739-000000000000";
    bed.deploy();
    bed.migration(THIRD, &format!("{WAITS}CREATE TABLE third ();\n"));
    let event = bed.update_with(json!({ "LockTimeout": "1" }));
    let invoke = || bed.function().invoke_as(ID, &event, LONG);
    thread::scope(|scope| {
        let first = scope.spawn(invoke);
        bed.database.wait_for_statement("pg_sleep(0.1)");
        invoke().assert_succeeded();
        bed.database.query("CREATE TABLE fast ()");
        first.join().unwrap().assert_succeeded();
    });
    let statuses: Vec<Value> = bed
        .s3
        .puts()
        .iter()
        .map(|put| serde_json::from_slice::<Value>(&put.body).unwrap()["Status"].clone())
        .collect();
    assert_eq!(statuses, ["FAILED", "SUCCESS"], "the second gave up waiting");
    assert_eq!(bed.tables(), "fast,orders,third,users");
}

/// The function's own connection is idle while Atlas works, and may be closed.
#[rstest]
fn a_lost_idle_connection_does_not_fail_a_deployment(mut bed: TestBed) {
    bed.deploy();
    bed.migration(THIRD, "SELECT pg_sleep(3); CREATE TABLE third ();\n");
    let event = bed.update_with(json!({}));
    thread::scope(|scope| {
        scope.spawn(|| {
            bed.database.wait_for_statement("pg_sleep(3)");
            bed.database.query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE application_name = 'migration-lambda' AND datname = current_database()",
            )
        });
        bed.assert_succeeds(&event, "Applied 1: …", data("20260103000000", 1));
    });
}

/// Half a password is a secret too.
#[rstest]
#[case(4000)]
#[case(4070)]
#[case(4096)]
fn a_password_in_a_long_line_is_replaced(mut bed: TestBed, #[case] before: usize) {
    bed.script(&format!(
        "#!/bin/sh\n(head -c {before} /dev/zero | tr '\\0' x; echo \"$ATLAS_URL\") >&2\nexit 1\n"
    ));
    let event = bed.create();
    // Each log is searched for secrets, whole and in part.
    let invocation = bed.function().invoke(&event, Duration::from_secs(60));
    assert!(invocation.log.text.contains("xxx"), "{}", invocation.log.text);
    assert_answer(bed.s3.answer(), failure(&event, "…failed (exit status: 1)…"));
}
