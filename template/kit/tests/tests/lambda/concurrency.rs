//! Two deployments to one database at the same time.

use std::thread;

use rstest::rstest;
use serde_json::json;

use crate::harness::s3::S3;
use crate::harness::test_bed::{LONG, TestBed, bed};

/// Either process applies the migration, and both succeed.
#[rstest]
fn every_migration_is_applied_once(bed: TestBed) {
    race(&bed, 2);
}

#[rstest]
#[ignore = "soak: 50 rounds of two processes"]
fn soak_every_migration_is_applied_once(bed: TestBed) {
    race(&bed, 50);
}

fn race(bed: &TestBed, rounds: u32) {
    bed.database.query("CREATE TABLE runs (round int); GRANT ALL ON runs TO app");
    let mut functions = [bed.function(), bed.function()];
    // Both start before the first event, to handle it at the same time.
    for function in &mut functions {
        function.wait_until_ready();
    }
    // The database has a table, but no history.
    let baseline = json!({ "BaselineVersion": "20260102000000" });
    for round in 0..rounds {
        let name = format!("20260201{round:06}_round.sql");
        bed.migration(&name, &format!("INSERT INTO runs VALUES ({round});\n"));
        let applied: u32 = thread::scope(|scope| {
            let running = functions.each_mut().map(|function| {
                let s3 = S3::start();
                let mut event = bed.update_with(baseline.clone());
                event["ResponseURL"] = json!(s3.response_url());
                scope.spawn(move || {
                    function.invoke(&event, LONG).assert_succeeded();
                    let answer = s3.answer();
                    assert_eq!(answer["Status"], "SUCCESS", "{answer}");
                    let version = format!("20260201{round:06}");
                    assert_eq!(answer["Data"]["CurrentVersion"], version, "{answer}");
                    let applied = answer["Data"]["AppliedCount"].as_str().unwrap();
                    applied.parse::<u32>().unwrap()
                })
            });
            running.map(|one| one.join().unwrap()).iter().sum()
        });
        assert_eq!(applied, 1, "in round {round}");
    }
    let runs = "SELECT count(*) || '/' || count(DISTINCT round) FROM runs";
    assert_eq!(bed.database.query(runs), format!("{rounds}/{rounds}"));
}
