//! Migrations that a container task applies. A stand-in for ECS starts the real program.

use std::fs;
use std::process::Command;
use std::thread;

use rstest::rstest;
use serde_json::json;

use crate::connection::WAITS;
use crate::harness::answer::{assert_answer, assert_no_secret, failure, success};
use crate::harness::ecs::{Ecs, Fault};
use crate::harness::function::binary;
use crate::harness::postgres::{PASSWORD, USER};
use crate::harness::secrets_manager::{Secret, SecretsManager};
use crate::harness::test_bed::{BOTH_APPLIED, LONG, THIRD, TestBed, bed, data};

impl TestBed {
    /// As the stack sets it up with Runner "task".
    fn use_task(&mut self, faults: &[Fault]) -> Ecs {
        let ecs = Ecs::start(&self.env, faults);
        let request = json!({
            "cluster": "c", "taskDefinition": "t", "launchType": "FARGATE",
            "networkConfiguration": { "awsvpcConfiguration": {
                "subnets": ["subnet-1"], "securityGroups": ["sg-1"],
            } },
        });
        self.env.set("TASK", request.to_string()).set("AWS_ENDPOINT_URL_ECS", ecs.url());
        ecs
    }
}

#[rstest]
fn a_task_applies_reports_progress_and_answers(mut bed: TestBed) {
    bed.deploy();
    let ecs = bed.use_task(&[]);
    let build = "CREATE INDEX CONCURRENTLY orders_id ON orders (id);\n";
    bed.migration(THIRD, &format!("-- atlas:txmode none\n\n{build}"));
    let event = bed.update_with(json!({}));
    let (status, log) = thread::scope(|scope| {
        let writes = "BEGIN; INSERT INTO orders VALUES (1); SELECT pg_sleep(8); COMMIT";
        scope.spawn(|| bed.database.query(writes));
        bed.database.wait_for_lock_holder();
        let invocation = bed.invoke(&event);
        invocation.assert_succeeded();
        assert!(invocation.log.text.contains("started the task"), "{}", invocation.log.text);
        ecs.wait()
    });
    assert!(status.success(), "{log}");
    let expected = success(&event, "Applied 1: …", data("20260103000000", 1));
    assert_answer(bed.s3.answer(), expected);
    let report = "still runs: CREATE INDEX CONCURRENTLY orders_id ON orders (id) (waiting for \
                  writers before build, 0 % of this phase)";
    assert!(log.contains(report), "{log}");
    assert_no_secret(&log);
}

/// So a rollback does not depend on an image.
#[rstest]
fn without_anything_to_apply_there_is_no_task(mut bed: TestBed) {
    bed.deploy();
    let ecs = bed.use_task(&[]);
    let reason = "Nothing to apply of 2 migrations; the database is at 20260102000000.";
    bed.assert_succeeds(&bed.update_with(json!({})), reason, data("20260102000000", 0));
    assert_eq!(ecs.tasks(), 0);
}

#[rstest]
#[case::denied(
    Fault::Error(400, "AccessDeniedException", "not authorized to perform: ecs:RunTask"),
    "cannot start the task: …AccessDeniedException…"
)]
#[case::no_image(
    Fault::Stops("CannotPullContainerError: i/o timeout"),
    "the task stopped before it answered: CannotPullContainerError…endpoints…"
)]
fn a_task_that_cannot_run_is_reported(mut bed: TestBed, #[case] fault: Fault, #[case] why: &str) {
    let _ecs = bed.use_task(&[fault]);
    bed.assert_fails(&bed.create(), why);
    assert_eq!(bed.tables(), "");
}

#[rstest]
#[case::throttled(Fault::Error(400, "ThrottlingException", "Rate exceeded"))]
#[case::no_capacity(Fault::NoCapacity)]
#[case::broken(Fault::Error(500, "ServerException", "Service Unavailable"))]
fn a_fault_of_ecs_passes(mut bed: TestBed, #[case] fault: Fault) {
    let ecs = bed.use_task(&[fault]);
    let event = bed.create();
    bed.invoke(&event).assert_succeeded();
    ecs.wait();
    let expected = success(&event, BOTH_APPLIED, data("20260102000000", 2));
    assert_answer(bed.s3.answer(), expected);
}

/// Lambda may deliver an event twice.
#[rstest]
fn two_deliveries_start_one_task(mut bed: TestBed) {
    let ecs = bed.use_task(&[]);
    bed.migration(THIRD, WAITS);
    let event = bed.create();
    for _ in 0..2 {
        bed.invoke(&event).assert_succeeded();
    }
    assert_eq!(ecs.tasks(), 1);
    bed.database.query("CREATE TABLE fast ()");
    ecs.wait();
    let expected = success(&event, "Applied 3: …", data("20260103000000", 3));
    assert_answer(bed.s3.answer(), expected);
}

/// Nothing may work behind a stack that gave up.
#[rstest]
#[case::when_the_stack_gives_up("out of time…pg_sleep(60)…", false)]
#[case::when_it_is_told_to("the task was stopped from outside…", true)]
fn a_task_ends_in_time(mut bed: TestBed, #[case] reason: &str, #[case] stop: bool) {
    let ecs = bed.use_task(&[]);
    bed.migration(THIRD, "SELECT pg_sleep(60);\n");
    // The last attempt of Lambda may begin after 300 s.
    let event = bed.create_with(json!({ "ServiceTimeout": "310" }));
    bed.function().invoke(&event, LONG).assert_succeeded();
    bed.database.wait_for_statement("pg_sleep(60)");
    if stop {
        ecs.stop();
    }
    let (status, log) = ecs.wait();
    assert!(status.success(), "it has answered: {log}");
    assert_answer(bed.s3.answer(), failure(&event, reason));
    bed.database.assert_no_session_is_left();
    assert_eq!(bed.tables(), "orders,users");
}

/// With the credentials that ECS gives to tasks.
#[rstest]
fn a_task_can_be_started_by_hand(mut bed: TestBed) {
    let manager = SecretsManager::start(&[Secret::of_rds(USER, PASSWORD)]);
    bed.use_secret(&manager.url());
    let ecs = bed.use_task(&[]);
    ecs.run_by_hand();
    let (status, log) = ecs.wait();
    assert!(status.success(), "{log}");
    assert_eq!(bed.tables(), "orders,users");
    // The deployment finds it done.
    bed.assert_succeeds(&bed.create(), "Nothing to apply…", data("20260102000000", 0));

    bed.migration(THIRD, "SELECT 1/0;\n");
    ecs.run_by_hand();
    let (status, log) = ecs.wait();
    assert!(!status.success() && log.contains("division by zero"), "{log}");
}

/// A base with the same C library as the one that users get, which has no shell.
const BASE: &str = "debian-base:bookworm";

#[rstest]
fn the_image_has_all_that_a_task_needs(mut bed: TestBed) {
    let docker = |arguments: &[&str]| Command::new("docker").args(arguments).output();
    if !docker(&["image", "inspect", BASE]).is_ok_and(|output| output.status.success()) {
        return eprintln!("the image of the task: not tested, no Docker engine has {BASE}");
    }
    // As `just package` lays it out.
    fs::create_dir_all(bed.path("atlas-layer/bin")).unwrap();
    fs::create_dir(bed.path("function")).unwrap();
    fs::copy(bed.env.get("ATLAS").unwrap(), bed.path("atlas-layer/bin/atlas")).unwrap();
    fs::copy(binary(), bed.path("function/bootstrap")).unwrap();
    for name in ["migrations", "rds-ca.pem"] {
        fs::rename(bed.path(name), bed.path("function").join(name)).unwrap();
    }
    let file = kit_tests::project_root().join("kit/deploy/Dockerfile");
    let (file, context) = (file.to_str().unwrap(), bed.path(""));
    let base = format!("--build-arg=BASE={BASE}");
    let arguments = ["build", "--quiet", "--file", file, &base, context.to_str().unwrap()];
    let built = docker(&arguments).unwrap();
    let image = String::from_utf8_lossy(&built.stdout).trim().to_owned();
    bed.env.unset("ATLAS").unset("LAMBDA_TASK_ROOT");
    bed.env.set("EVENT", r#"{"RequestType":"Apply"}"#);
    let mut run = Command::new("docker");
    run.args(["run", "--rm", "--network=host"]);
    for (name, value) in bed.env.all() {
        run.arg(format!("--env={name}={value}"));
    }
    let ran = run.arg(&image).output().unwrap();
    let _ = docker(&["rmi", "--no-prune", &image]);
    let log = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{built:?} {ran:?}");
    assert!(log.contains("Applied 2: "), "{log}");
    assert_eq!(bed.tables(), "orders,users");
}
