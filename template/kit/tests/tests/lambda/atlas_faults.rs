//! Atlas is not there, or is not itself.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use rstest::rstest;

use crate::harness::answer::{assert_answer, failure};
use crate::harness::processes::children;
use crate::harness::stage::{Stage, stage};

#[rstest]
fn missing(mut stage: Stage) {
    stage.environment.set("ATLAS", "/nowhere/atlas");
    stage.assert_fails(
        &stage.create(),
        "cannot run Atlas, /nowhere/atlas: No such file or directory (os error 2)",
    );
}

#[rstest]
fn not_executable(mut stage: Stage) {
    stage.script("#!/bin/sh\n");
    let script = stage.path("atlas-script");
    fs::set_permissions(script, fs::Permissions::from_mode(0o644)).unwrap();
    stage.assert_fails(
        &stage.create(),
        "cannot run Atlas, …/atlas-script: Permission denied (os error 13)",
    );
}

#[rstest]
fn built_for_another_machine(mut stage: Stage) {
    stage.script("\u{7f}ELF and no more");
    stage.assert_fails(
        &stage.create(),
        "cannot run Atlas, …/atlas-script: Exec format error (os error 8)",
    );
}

#[rstest]
#[case::crashes(
    "echo 'panic: runtime error' >&2; exit 2",
    "…failed (exit status: 2)\npanic: runtime error. Nothing is applied. …"
)]
#[case::is_killed(
    "kill -SEGV $$",
    "…failed (signal: 11 (SIGSEGV))… Nothing is applied. …"
)]
#[case::says_nothing("exit 1", "…failed (exit status: 1)… Nothing is applied. …")]
#[case::claims_success_in_vain(
    "echo '{\"Driver\": \"postgres\"}'",
    "Atlas reported success, but the database lacks 20260101000000, 20260102000000"
)]
#[case::claims_success_in_prose(
    "echo 'all is well'",
    "Atlas reported success, but the database lacks 20260101000000, 20260102000000"
)]
#[case::writes_no_utf_8(
    "printf '\\377\\376\\n' >&2; exit 1",
    "…failed (exit status: 1)\n\u{fffd}\u{fffd}. Nothing is applied. …"
)]
fn fails(mut stage: Stage, #[case] script: &str, #[case] reason: &str) {
    stage.script(&format!("#!/bin/sh\n{script}\n"));
    stage.assert_fails(&stage.create(), reason);
    assert_eq!(stage.tables(), "");
}

/// No output is kept or logged without bounds, nor does it stop Atlas in a full pipe.
#[rstest]
#[case::lines("yes 'a line of Atlas, as long as some, and of no interest' | head -c 10000000")]
#[case::one_line("head -c 10000000 /dev/zero | tr '\\0' x")]
#[case::to_both("head -c 10000000 /dev/zero | tr '\\0' x; yes | head -c 10000000 >&2")]
fn talks_too_much(mut stage: Stage, #[case] script: &str) {
    stage.script(&format!("#!/bin/sh\n{script}\nexit 1\n"));
    let event = stage.create();
    let invocation = stage.invoke(&event);
    invocation.assert_succeeded();
    assert_answer(
        stage.s3.answer(),
        failure(
            &event,
            "could not apply the migrations: …Nothing is applied. …",
        ),
    );
    // CloudWatch takes 256 KiB for an event, and money for each.
    let longest = invocation.log.text.lines().map(str::len).max().unwrap();
    assert!(longest < 256 << 10, "a line of {longest} bytes");
    assert!(
        invocation.log.text.len() < 5 << 20,
        "{} bytes",
        invocation.log.text.len()
    );
}

#[rstest]
#[case::hangs("exec sleep 1000")]
#[case::ignores_signals("trap '' TERM INT; while :; do sleep 1; done")]
fn is_stopped_in_time(mut stage: Stage, #[case] script: &str) {
    stage.script(&format!("#!/bin/sh\n{script}\n"));
    let event = stage.create();
    let mut function = stage.function();
    let invocation = function.invoke(&event, Duration::from_secs(8));
    invocation.assert_succeeded();
    assert_answer(
        stage.s3.answer(),
        failure(
            &event,
            "out of time: the function's time-out is near, so Atlas was stopped. Nothing is applied. …",
        ),
    );
    let left = children(function.pid());
    assert!(left.is_empty(), "{left:?}");
}
