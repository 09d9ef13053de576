//! Nothing secret gets out. That no log and no answer has any is looked at in every
//! test; here, with all that can be logged, and on the command line.

use std::thread;

use rstest::rstest;

use crate::harness::answer::assert_no_secret;
use crate::harness::log::SECRETS;
use crate::harness::postgres::{PASSWORD, PASSWORD_CORE};
use crate::harness::processes::children;
use crate::harness::stage::{LONG, Stage, THIRD, stage};

#[rstest]
#[case::success("SELECT pg_sleep(2);")]
#[case::failure("SELECT pg_sleep(2);\nSELECT 1/0;")]
fn no_secret_is_told(mut stage: Stage, #[case] sql: &str) {
    stage.migration(THIRD, sql);
    stage
        .environment
        .set("LOG_LEVEL", "trace")
        .set("RUST_LOG", "trace");
    stage.environment.set("RUST_BACKTRACE", "full");
    let event = stage.create();
    let mut function = stage.function();
    let pid = function.pid();
    thread::scope(|scope| {
        let invocation = scope.spawn(|| {
            let invocation = function.invoke(&event, LONG);
            invocation.assert_succeeded();
            invocation
        });
        stage.database.wait_for_statement("pg_sleep(2)");
        let atlas = children(pid);
        assert_eq!(atlas.len(), 1, "{atlas:?}");
        assert!(atlas[0].arguments.contains("migrate apply"), "{atlas:?}");
        assert_no_secret(&atlas[0].arguments);
        // Only what it needs, and nobody else can read it.
        #[cfg(target_os = "linux")]
        {
            let environment = std::fs::read(format!("/proc/{}/environ", atlas[0].pid)).unwrap();
            let environment = String::from_utf8_lossy(&environment);
            for secret in SECRETS.iter().filter(|secret| **secret != PASSWORD_CORE) {
                assert!(!environment.contains(secret), "{secret} reaches Atlas");
            }
        }
        assert!(invocation.join().unwrap().log.lines().len() > 2);
    });
    assert_no_secret(&function.whole_log());
    assert_no_secret(&stage.s3.answer().to_string());
}

/// A database may repeat a password in an error: so may a migration that sets one.
#[rstest]
fn a_password_in_an_error_is_blotted_out(stage: Stage) {
    let password = PASSWORD.replace('\'', "''");
    stage.migration(THIRD, &format!("SELECT '{password}'::int;\n"));
    let event = stage.create();
    let answer = stage.answer(&event);
    let reason = answer["Reason"].as_str().unwrap();
    assert_no_secret(reason);
    assert!(reason.contains("***"), "{reason}");
}
