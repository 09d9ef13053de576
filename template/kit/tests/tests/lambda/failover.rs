//! A server that takes no writes, a lock that is held, a lost connection: see [`crate::patience`].

use std::thread;
use std::time::Duration;

use rstest::rstest;
use serde_json::json;

use crate::connection::SLOW;
use crate::harness::answer::{assert_answer, failure, success};
use crate::harness::postgres::Cluster;
use crate::harness::sql::{block_on, connect};
use crate::harness::test_bed::{BOTH_APPLIED, THIRD, TestBed, bed, data};
use crate::patience::PATIENT;

/// After a failover, the writer may be in recovery, or read-only, for some seconds.
#[rstest]
fn a_writer_that_takes_no_writes_is_waited_for() {
    let cluster = Cluster::own("recovery");
    let mut bed = TestBed::on(&cluster);
    cluster.become_standby();
    let (event, answer) = bed.wait("in recovery, for ever", 1);
    let reason = "the database takes no writes (in recovery): DB_HOST, localhost,…Tried … times…";
    assert_answer(answer, failure(&event, reason));

    let later = |statements: &'static [&'static str]| {
        let cluster = cluster.clone();
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(1500));
            statements.iter().for_each(|statement| drop(cluster.admin(statement)));
        })
    };
    bed.forget_answers();
    let promotion = later(&["SELECT pg_promote()"]);
    let (event, answer) = bed.wait("in recovery, then promoted", PATIENT);
    assert_answer(answer, success(&event, BOTH_APPLIED, data("20260102000000", 2)));
    promotion.join().unwrap();

    bed.forget_answers();
    bed.migration(THIRD, "CREATE TABLE third ();\n");
    cluster.admin("ALTER SYSTEM SET default_transaction_read_only = on");
    cluster.admin("SELECT pg_reload_conf()");
    let writable =
        later(&["ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()"]);
    let (event, answer) = bed.wait("read-only, then not", PATIENT);
    assert_answer(answer, success(&event, "Applied 1: …", data("20260103000000", 1)));
    writable.join().unwrap();
}

/// Only what another run cannot harm is repeated.
#[rstest]
#[case::in_a_transaction("SET LOCAL lock_timeout = 300;\nALTER TABLE orders ADD COLUMN n int;\n")]
#[case::outside_of_one(
    "-- atlas:txmode none\n\nSET lock_timeout = 300;\nALTER TABLE orders ADD COLUMN n int;\n"
)]
fn a_lock_that_is_held_is_waited_for(mut bed: TestBed, #[case] sql: &str) {
    bed.deploy();
    bed.migration(THIRD, sql);
    let (event, answer) = thread::scope(|scope| {
        scope.spawn(|| bed.database.query("BEGIN; LOCK TABLE orders; SELECT pg_sleep(3); COMMIT"));
        bed.database.wait_for_lock_holder();
        bed.wait("a lock, held for 3 s, lock_timeout 0.3 s", PATIENT)
    });
    let reason = "Applied 1: 20260103000000_index.sql. … at 20260103000000.";
    assert_answer(answer, success(&event, reason, data("20260103000000", 1)));
}

#[rstest]
fn a_lock_that_stays_is_reported(mut bed: TestBed) {
    bed.deploy();
    bed.migration(THIRD, "SET LOCAL lock_timeout = 100;\nALTER TABLE orders ADD COLUMN n int;\n");
    let (event, answer) = thread::scope(|scope| {
        let hold = "BEGIN; LOCK TABLE orders; SELECT pg_sleep(600)";
        let holder = scope.spawn(|| {
            block_on(async {
                let client = connect(&bed.database.url()).await;
                // Ended below.
                let _ = client.batch_execute(hold).await;
            })
        });
        bed.database.wait_for_lock_holder();
        let outcome = bed.wait("a lock, held for ever, lock_timeout 0.1 s", 3);
        bed.database.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%(600)'",
        );
        holder.join().unwrap();
        outcome
    });
    let reason = "migration 20260103000000_index.sql failed: …lock timeout…Nothing of migration \
                  20260103000000_index.sql is applied. Tried … times in … s, limited by ConnectTimeout";
    assert_answer(answer, failure(&event, reason));
}

/// PostgreSQL ends one of two that wait for each other: here the migration, whose
/// deadlock_timeout is the shorter.
#[rstest]
fn a_migration_that_was_in_a_deadlock_is_repeated(mut bed: TestBed) {
    bed.deploy();
    bed.migration(THIRD, "LOCK TABLE orders;\nALTER TABLE users ADD COLUMN n int;\n");
    let event = bed.update_with(json!({}));
    let other = "SET deadlock_timeout = '60s'; BEGIN; LOCK TABLE users; DO $$ BEGIN
           WHILE NOT EXISTS (SELECT FROM pg_locks WHERE relation = 'orders'::regclass
                             AND mode = 'AccessExclusiveLock') LOOP
             PERFORM pg_sleep(0.1);
           END LOOP;
         END $$; LOCK TABLE orders; COMMIT";
    let invocation = thread::scope(|scope| {
        scope.spawn(|| bed.database.query(other));
        bed.database.wait_for_lock_holder();
        bed.invoke(&event)
    });
    let log = &invocation.log.text;
    assert!(log.contains("trying again") && log.contains("deadlock detected"), "{log}");
    let expected = success(&event, "Applied 1: …", data("20260103000000", 1));
    assert_answer(bed.s3.answer(), expected);
}

/// By a failover, for example; the second time it goes through.
#[rstest]
fn a_migration_that_lost_its_connection_is_repeated(mut bed: TestBed) {
    bed.deploy();
    bed.migration(THIRD, SLOW);
    let (event, answer) = thread::scope(|scope| {
        scope.spawn(|| {
            let pid = bed.database.wait_for_statement("pg_sleep(30)");
            let end = format!("CREATE TABLE fast (); SELECT pg_terminate_backend({pid})");
            bed.database.query(&end);
        });
        bed.wait("57P01 during a migration", PATIENT)
    });
    assert_answer(answer, success(&event, "Applied 1: …", data("20260103000000", 1)));
    assert_eq!(bed.tables(), "fast,orders,slow,users");
}
