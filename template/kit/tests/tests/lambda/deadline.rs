//! The answer is delivered before the end of the invocation.

use std::thread;
use std::time::Duration;

use rstest::rstest;
use serde_json::json;

use crate::harness::answer::{assert_answer, failure};
use crate::harness::processes::children;
use crate::harness::s3::S3;
use crate::harness::test_bed::{THIRD, TestBed, bed, data};

/// Enough for a slow machine to start the migration, and to report it.
const LIMIT: Duration = Duration::from_secs(8);

/// Handles an Update whose migration cannot finish in time. Nothing of it may keep running.
fn run_out_of_time(bed: &TestBed, reason: &str) {
    let event = bed.update_with(json!({}));
    let mut function = bed.function();
    let invocation = function.invoke(&event, LIMIT);
    invocation.assert_succeeded();
    assert_answer(bed.s3.answer(), failure(&event, reason));
    let left = children(function.pid());
    assert!(left.is_empty(), "{left:?}");
    bed.database.assert_no_session_is_left();
    // The function uses most of its time.
    assert!(invocation.took > LIMIT / 2, "{:?}", invocation.took);
    let (outcome, _, _, failed) = invocation.log.summary();
    assert_eq!((outcome.as_str(), failed), ("FAILED", 1));
}

#[rstest]
fn a_migration_that_takes_too_long_is_rolled_back(mut bed: TestBed) {
    bed.deploy();
    bed.migration(THIRD, "CREATE TABLE third ();\nSELECT pg_sleep(60);\n");
    run_out_of_time(
        &bed,
        "out of time…pg_sleep(60)…The database is at 20260102000000. Nothing of migration \
         20260103000000_index.sql is applied…",
    );
    assert_eq!(bed.tables(), "orders,users");
    // The next deployment need not wait.
    bed.migration(THIRD, "CREATE TABLE third ();\n");
    bed.forget_answers();
    let event = bed.update_with(json!({ "LockTimeout": "1" }));
    bed.assert_succeeds(&event, "…", data("20260103000000", 1));
}

#[rstest]
fn a_migration_outside_of_a_transaction_names_its_statement(mut bed: TestBed) {
    bed.deploy();
    bed.migration(THIRD, "-- atlas:txmode none\n\nCREATE TABLE third ();\nSELECT pg_sleep(60);\n");
    run_out_of_time(
        &bed,
        "out of time…pg_sleep(60)…20260103000000_index.sql…1 of its 2 statements…pg_sleep(60)…",
    );
    assert_eq!(bed.tables(), "orders,third,users");
}

/// So that the user can close the other transaction.
#[rstest]
fn a_migration_that_waits_for_a_lock_names_the_holder(mut bed: TestBed) {
    bed.deploy();
    bed.database.query("SET ROLE app; CREATE TABLE held ()");
    bed.migration(THIRD, "ALTER TABLE held ADD COLUMN id int;\n");
    let event = bed.update_with(json!({}));
    thread::scope(|scope| {
        let holder = scope.spawn(|| {
            let lock = "SET application_name = 'a forgotten psql'; BEGIN; LOCK TABLE held; \
                        SELECT pg_sleep(10); COMMIT";
            bed.database.query(lock)
        });
        bed.database.wait_for_lock_holder();
        let mut function = bed.function();
        let invocation = function.invoke(&event, LIMIT);
        invocation.assert_succeeded();
        let reason = "out of time…ALTER TABLE held…lock of…a forgotten psql…Nothing of migration \
                      20260103000000_index.sql is applied…";
        assert_answer(bed.s3.answer(), failure(&event, reason));
        bed.database.assert_no_session_is_left();
        holder.join().unwrap();
    });
    let columns = "SELECT count(*) FROM information_schema.columns WHERE table_name = 'held'";
    assert_eq!(bed.database.query(columns), "0");
}

/// Another deployment holds its lock for longer than the time that is left.
#[rstest]
fn waiting_for_another_deployment(mut bed: TestBed) {
    bed.migration(THIRD, "SELECT pg_sleep(10);\n");
    let slow = bed.create();
    let bucket = std::mem::replace(&mut bed.s3, S3::start());
    thread::scope(|scope| {
        let first = scope.spawn(|| bed.invoke(&slow));
        bed.database.wait_for_statement("pg_sleep(10)");
        let event = bed.update_with(json!({ "LockTimeout": "600" }));
        let invocation = bed.function().invoke(&event, Duration::from_secs(6));
        invocation.assert_succeeded();
        assert_answer(
            bed.s3.answer(),
            failure(
                &event,
                "another deployment to this database holds the lock, and kept it for … s \
                 (LockTimeout, or the end of the time)…",
            ),
        );
        first.join().unwrap().assert_succeeded();
    });
    assert_eq!(bucket.answer()["Status"], "SUCCESS", "it was left alone");
}

#[rstest]
fn too_little_time_for_anything(bed: TestBed) {
    let event = bed.create();
    let invocation = bed.function().invoke(&event, Duration::from_secs(2));
    invocation.assert_succeeded();
    let answer = bed.s3.answer();
    // A fast machine may succeed.
    if answer["Status"] == "SUCCESS" {
        assert_eq!(bed.tables(), "orders,users");
    } else {
        assert_answer(answer, failure(&event, "…"));
        bed.database.assert_no_session_is_left();
    }
}
