//! The end of the invocation comes near: the answer comes before it.

use std::thread;
use std::time::Duration;

use rstest::rstest;
use serde_json::json;

use crate::harness::answer::{assert_answer, failure};
use crate::harness::processes::children;
use crate::harness::s3::S3;
use crate::harness::stage::{Stage, THIRD, data, stage};

/// Runs the event in so little time that its migration cannot end, and looks at what
/// is left behind.
fn run_out_of_time(stage: &Stage, limit: u64, reason: &str) {
    let event = stage.update_with(json!({}));
    let mut function = stage.function();
    let invocation = function.invoke(&event, Duration::from_secs(limit));
    invocation.assert_succeeded();
    assert_answer(stage.s3.answer(), failure(&event, reason));
    let left = children(function.pid());
    assert!(left.is_empty(), "{left:?}");
    stage.database.assert_no_session_is_left();
    // There is no point in giving up long before the end.
    assert!(
        invocation.took > Duration::from_secs(limit / 2),
        "{:?}",
        invocation.took
    );
    let (outcome, _, _, failed) = invocation.log.summary();
    assert_eq!((outcome.as_str(), failed), ("FAILED", 1));
}

#[rstest]
fn a_migration_that_takes_too_long_is_rolled_back(mut stage: Stage) {
    stage.migration(THIRD, "CREATE TABLE third ();\nSELECT pg_sleep(60);\n");
    run_out_of_time(
        &stage,
        12,
        "out of time…pg_sleep(60)…The database is at 20260102000000. Nothing of migration \
         20260103000000_index.sql is applied…",
    );
    assert_eq!(stage.tables(), "orders,users");
    // The next deployment is not kept waiting by what is left of this one.
    stage.migration(THIRD, "CREATE TABLE third ();\n");
    stage.forget_answers();
    let event = stage.update_with(json!({ "LockTimeout": "1" }));
    stage.assert_succeeds(&event, "…", data("20260103000000", 1));
}

#[rstest]
fn one_outside_of_a_transaction_names_its_statement(stage: Stage) {
    stage.migration(
        THIRD,
        "-- atlas:txmode none\n\nCREATE TABLE third ();\nSELECT pg_sleep(60);\n",
    );
    run_out_of_time(
        &stage,
        8,
        "out of time…pg_sleep(60)…20260103000000_index.sql…1 of its 2 statements…pg_sleep(60)…",
    );
    assert_eq!(stage.tables(), "orders,third,users");
}

/// Which tells whom to ask to close their transaction.
#[rstest]
fn one_that_waits_for_a_lock_names_who_holds_it(stage: Stage) {
    stage.database.query("SET ROLE app; CREATE TABLE held ()");
    stage.migration(THIRD, "ALTER TABLE held ADD COLUMN id int;\n");
    let properties = json!({ "BaselineVersion": "20260101000000" });
    let event = stage.update_with(properties);
    thread::scope(|scope| {
        let holder = scope.spawn(|| {
            let lock = "SET application_name = 'a forgotten psql'; BEGIN; LOCK TABLE held; \
                        SELECT pg_sleep(11); COMMIT";
            stage.database.query(lock)
        });
        stage.database.wait_for_lock_holder();
        let mut function = stage.function();
        let invocation = function.invoke(&event, Duration::from_secs(8));
        invocation.assert_succeeded();
        let reason = "out of time…ALTER TABLE held…lock of…a forgotten psql…Nothing of migration \
                      20260103000000_index.sql is applied…";
        assert_answer(stage.s3.answer(), failure(&event, reason));
        stage.database.assert_no_session_is_left();
        holder.join().unwrap();
    });
    let columns = "SELECT count(*) FROM information_schema.columns WHERE table_name = 'held'";
    assert_eq!(stage.database.query(columns), "0");
}

/// The lock of another deployment, for longer than there is time.
#[rstest]
fn waiting_for_another_deployment(mut stage: Stage) {
    stage.migration(THIRD, "SELECT pg_sleep(11);\n");
    let slow = stage.create();
    let bucket = std::mem::replace(&mut stage.s3, S3::start());
    thread::scope(|scope| {
        let first = scope.spawn(|| stage.invoke(&slow));
        stage.database.wait_for_statement("pg_sleep(11)");
        let event = stage.update_with(json!({ "LockTimeout": "600" }));
        let invocation = stage.function().invoke(&event, Duration::from_secs(8));
        invocation.assert_succeeded();
        assert_answer(
            stage.s3.answer(),
            failure(
                &event,
                "another deployment to this database holds the lock, and kept it for … s \
                 (LockTimeout, or the end of this function's time)…",
            ),
        );
        first.join().unwrap().assert_succeeded();
    });
    assert_eq!(bucket.answer()["Status"], "SUCCESS", "it was left alone");
}

/// All of the time is gone before anything begins.
#[rstest]
fn too_little_time_to_begin_with(stage: Stage) {
    let event = stage.create();
    let invocation = stage.function().invoke(&event, Duration::from_secs(2));
    invocation.assert_succeeded();
    let answer = stage.s3.answer();
    // On a quick machine it may even do it.
    if answer["Status"] == "SUCCESS" {
        assert_eq!(stage.tables(), "orders,users");
    } else {
        assert_answer(answer, failure(&event, "…"));
        stage.database.assert_no_session_is_left();
    }
}
