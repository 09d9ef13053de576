//! Atlas is missing or misbehaves.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use rstest::rstest;

use crate::harness::answer::{assert_answer, failure};
use crate::harness::processes::children;
use crate::harness::test_bed::{TestBed, bed};

#[rstest]
fn missing(mut bed: TestBed) {
    bed.env.set("ATLAS", "/nowhere/atlas");
    bed.assert_fails(
        &bed.create(),
        "cannot run Atlas, /nowhere/atlas: No such file or directory (os error 2)",
    );
}

#[rstest]
fn not_executable(mut bed: TestBed) {
    bed.script("#!/bin/sh\n");
    let script = bed.path("atlas-script");
    fs::set_permissions(script, fs::Permissions::from_mode(0o644)).unwrap();
    bed.assert_fails(
        &bed.create(),
        "cannot run Atlas, …/atlas-script: Permission denied (os error 13)",
    );
}

#[rstest]
fn built_for_another_machine(mut bed: TestBed) {
    bed.script("\u{7f}ELF and no more");
    bed.assert_fails(
        &bed.create(),
        "cannot run Atlas, …/atlas-script: Exec format error (os error 8)",
    );
}

#[rstest]
#[case::crashes(
    "echo 'panic: runtime error' >&2; exit 2",
    "…failed (exit status: 2)\npanic: runtime error. Nothing is applied. …"
)]
#[case::is_killed("kill -SEGV $$", "…failed (signal: 11 (SIGSEGV))… Nothing is applied. …")]
#[case::prints_nothing("exit 1", "…failed (exit status: 1)… Nothing is applied. …")]
#[case::reports_success_but_applies_nothing(
    "echo '{\"Driver\": \"postgres\"}'",
    "Atlas reported success, but the database lacks 20260101000000, 20260102000000"
)]
#[case::reports_success_in_prose(
    "echo 'all is well'",
    "Atlas reported success, but the database lacks 20260101000000, 20260102000000"
)]
#[case::prints_invalid_utf_8(
    "printf '\\377\\376\\n' >&2; exit 1",
    "…failed (exit status: 1)\n\u{fffd}\u{fffd}. Nothing is applied. …"
)]
fn fails(mut bed: TestBed, #[case] script: &str, #[case] reason: &str) {
    bed.script(&format!("#!/bin/sh\n{script}\n"));
    bed.assert_fails(&bed.create(), reason);
    assert_eq!(bed.tables(), "");
}

/// Output is kept and logged up to a limit, and a full pipe never blocks Atlas.
#[rstest]
#[case::lines("yes 'a line of Atlas, as long as some, and of no interest' | head -c 10000000")]
#[case::one_line("head -c 10000000 /dev/zero | tr '\\0' x")]
#[case::to_both("head -c 10000000 /dev/zero | tr '\\0' x; yes | head -c 10000000 >&2")]
fn prints_too_much(mut bed: TestBed, #[case] script: &str) {
    bed.script(&format!("#!/bin/sh\n{script}\nexit 1\n"));
    let event = bed.create();
    let invocation = bed.invoke(&event);
    invocation.assert_succeeded();
    assert_answer(
        bed.s3.answer(),
        failure(&event, "could not apply the migrations: …Nothing is applied. …"),
    );
    // CloudWatch limits an event to 256 KiB, and charges for each.
    let longest = invocation.log.text.lines().map(str::len).max().unwrap();
    assert!(longest < 256 << 10, "a line of {longest} bytes");
    assert!(invocation.log.text.len() < 5 << 20, "{} bytes", invocation.log.text.len());
}

#[rstest]
#[case::hangs("exec sleep 1000")]
#[case::ignores_signals("trap '' TERM INT; while :; do sleep 1; done")]
fn is_stopped_in_time(mut bed: TestBed, #[case] script: &str) {
    bed.script(&format!("#!/bin/sh\n{script}\n"));
    let event = bed.create();
    let mut function = bed.function();
    let invocation = function.invoke(&event, Duration::from_secs(6));
    invocation.assert_succeeded();
    assert_answer(
        bed.s3.answer(),
        failure(
            &event,
            "out of time: the time limit is near, so Atlas was stopped. Nothing is applied. …",
        ),
    );
    let left = children(function.pid());
    assert!(left.is_empty(), "{left:?}");
}
