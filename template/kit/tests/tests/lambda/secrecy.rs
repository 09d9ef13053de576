//! Secrets stay secret. Every test checks logs and answers; these tests do so at the most
//! verbose log level, and check command lines.

use std::thread;

use rstest::rstest;

use crate::harness::answer::assert_no_secret;
use crate::harness::log::SECRETS;
use crate::harness::postgres::{PASSWORD, PASSWORD_CORE};
use crate::harness::processes::children;
use crate::harness::test_bed::{LONG, THIRD, TestBed, bed};

#[rstest]
#[case::success("SELECT pg_sleep(3);")]
#[case::failure("SELECT pg_sleep(3);\nSELECT 1/0;")]
fn no_secret_is_logged_or_passed_as_argument(mut bed: TestBed, #[case] sql: &str) {
    bed.migration(THIRD, sql);
    bed.env.set("LOG_LEVEL", "trace").set("RUST_LOG", "trace");
    bed.env.set("RUST_BACKTRACE", "full");
    let event = bed.create();
    let mut function = bed.function();
    let pid = function.pid();
    thread::scope(|scope| {
        let invocation = scope.spawn(|| {
            let invocation = function.invoke(&event, LONG);
            invocation.assert_succeeded();
            invocation
        });
        bed.database.wait_for_statement("pg_sleep(3)");
        let atlas = children(pid);
        assert_eq!(atlas.len(), 1, "{atlas:?}");
        assert!(atlas[0].arguments.contains("migrate apply"), "{atlas:?}");
        assert_no_secret(&atlas[0].arguments);
        // The environment contains only what Atlas needs.
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
    assert_no_secret(&bed.s3.answer().to_string());
}

/// An error of the database may contain a password from the migration that sets it.
#[rstest]
fn a_password_in_an_error_is_replaced(bed: TestBed) {
    let password = PASSWORD.replace('\'', "''");
    bed.migration(THIRD, &format!("SELECT '{password}'::int;\n"));
    let event = bed.create();
    let answer = bed.answer(&event);
    let reason = answer["Reason"].as_str().unwrap();
    assert_no_secret(reason);
    assert!(reason.contains("***"), "{reason}");
}
