//! What comes in between while Atlas waits or works.

use std::fs;
use std::thread;
use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};

use crate::harness::answer::{assert_answer, failure};
use crate::harness::function::Function;
use crate::harness::s3::S3;
use crate::harness::stage::{FIRST, LONG, SECOND, Stage, THIRD, data, stage};

const FOURTH: &str = "20260104000000_fourth.sql";

/// Another package brings a newer migration while this one waits for the lock. Some
/// versions of Atlas then pass over the older one in silence.
#[rstest]
fn a_migration_that_is_overtaken_is_not_lost_in_silence(mut stage: Stage) {
    stage.deploy();
    stage.migration(FOURTH, "SELECT pg_sleep(4);\n");
    let newer = stage.path("newer");
    fs::create_dir(&newer).unwrap();
    for name in [FIRST, SECOND, FOURTH, "atlas.sum"] {
        fs::copy(stage.migrations.path().join(name), newer.join(name)).unwrap();
    }
    let mut environment = stage.environment.clone();
    environment.set("MIGRATIONS", newer.to_str().unwrap());
    let first = stage.update_with(json!({}));
    let bucket = std::mem::replace(&mut stage.s3, S3::start());

    stage.remove(FOURTH);
    stage.migration(THIRD, "CREATE TABLE third ();\n");
    let second = stage.update_with(json!({}));
    thread::scope(|scope| {
        let first = scope.spawn(|| Function::start(&environment).invoke(&first, LONG));
        stage.database.wait_for_statement("pg_sleep(4)");
        stage.assert_fails(&second, "…20260103000000…");
        first.join().unwrap().assert_succeeded();
    });
    assert_eq!(bucket.answer()["Status"], "SUCCESS");
    assert_eq!(stage.tables(), "orders,users");
}

/// Lambda may deliver an event twice, with one request id.
#[rstest]
fn an_event_that_comes_twice_does_not_disturb_itself(mut stage: Stage) {
    const ID: &str = "8476a536-e9f4-11e8-9739-000000000000";
    stage.deploy();
    stage.migration(THIRD, "SELECT pg_sleep(5); CREATE TABLE third ();\n");
    let event = stage.update_with(json!({ "LockTimeout": "1" }));
    let invoke = || stage.function().invoke_as(ID, &event, LONG);
    thread::scope(|scope| {
        let first = scope.spawn(invoke);
        stage.database.wait_for_statement("pg_sleep(5)");
        invoke().assert_succeeded();
        first.join().unwrap().assert_succeeded();
    });
    let statuses: Vec<Value> = stage
        .s3
        .puts()
        .iter()
        .map(|put| serde_json::from_slice::<Value>(&put.body).unwrap()["Status"].clone())
        .collect();
    assert_eq!(
        statuses,
        ["FAILED", "SUCCESS"],
        "the second gave up waiting"
    );
    assert_eq!(stage.tables(), "orders,third,users");
}

/// The function's own connection idles while Atlas works, and idle ones get lost.
#[rstest]
fn a_lost_connection_of_its_own_does_not_fail_a_deployment(mut stage: Stage) {
    stage.deploy();
    stage.migration(THIRD, "SELECT pg_sleep(3); CREATE TABLE third ();\n");
    let event = stage.update_with(json!({}));
    thread::scope(|scope| {
        scope.spawn(|| {
            stage.database.wait_for_statement("pg_sleep(3)");
            stage.database.query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE application_name = 'migration-lambda' AND datname = current_database()",
            )
        });
        stage.assert_succeeds(&event, "Applied 1: …", data("20260103000000", 1));
    });
}

/// Half a password is one too.
#[rstest]
#[case(4000)]
#[case(4070)]
#[case(4096)]
fn a_password_in_a_long_line_is_blotted_out(mut stage: Stage, #[case] before: usize) {
    stage.script(&format!(
        "#!/bin/sh\n(head -c {before} /dev/zero | tr '\\0' x; echo \"$ATLAS_URL\") >&2\nexit 1\n"
    ));
    let event = stage.create();
    // Each log is searched for secrets, whole and in part.
    let invocation = stage.function().invoke(&event, Duration::from_secs(60));
    assert!(
        invocation.log.text.contains("xxx"),
        "{}",
        invocation.log.text
    );
    assert_answer(
        stage.s3.answer(),
        failure(&event, "…failed (exit status: 1)…"),
    );
}
