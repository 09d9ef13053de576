//! Two deployments at once on one database.

use std::thread;

use rstest::rstest;
use serde_json::json;

use crate::harness::s3::S3;
use crate::harness::stage::{LONG, Stage, stage};

const ROUNDS: u32 = 20;

/// Each migration is applied once, by whichever process; both succeed, for what they
/// were to bring about is there.
#[rstest]
fn every_migration_is_applied_once(stage: Stage) {
    stage
        .database
        .query("CREATE TABLE runs (round int); GRANT ALL ON runs TO app");
    let mut functions = [stage.function(), stage.function()];
    // Not one after the other because one starts longer.
    for function in &mut functions {
        function.wait_until_ready();
    }
    // The table `runs` is there already.
    let baseline = json!({ "BaselineVersion": "20260102000000" });
    for round in 0..ROUNDS {
        let name = format!("20260201{round:06}_round.sql");
        stage.migration(&name, &format!("INSERT INTO runs VALUES ({round});\n"));
        let applied: u32 = thread::scope(|scope| {
            let running = functions.each_mut().map(|function| {
                let s3 = S3::start();
                let mut event = stage.update_with(baseline.clone());
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
    assert_eq!(stage.database.query(runs), format!("{ROUNDS}/{ROUNDS}"));
}
