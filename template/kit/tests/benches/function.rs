//! Measures the function: its size, start and memory, and an update with nothing to do. Prints
//! JSON lines: `{"name", "unit", "value", "peer", "peer_value"}`.
//!
//! `cargo bench -p kit-tests`; uses the binary and the harness of the tests.

// Only the tests use all of it.
#[allow(dead_code)]
#[path = "../tests/lambda/harness/mod.rs"]
mod harness;

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use atlas::ApplyOptions;
use harness::function::{BINARY, Function, binary};
use harness::postgres::{Cluster, HOST, PASSWORD, USER};
use harness::test_bed::{LONG, TestBed};
use rds::{Auth, DatabaseSettings, Login, Password, Tls};
use serde_json::json;

const RUNS: usize = 40;

fn main() {
    // cargo passes `--bench`; test runners that list tests do not.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let built = kit_tests::build(&["--release", "--package", "migration-lambda"]);
    let built = built.into_iter().next_back().expect("cargo names the binary that it built");
    BINARY.get_or_init(|| std::env::var_os("MIGRATION_LAMBDA").map_or(built, Into::into));
    let bed = TestBed::on(&Cluster::shared());
    size();
    init(&bed);
    memory(&bed);
    noop(&bed);
}

fn print(name: &str, unit: &str, value: f64, peer: &str, peer_value: f64) {
    println!(
        "{}",
        json!({
            "name": name, "unit": unit, "value": value, "peer": peer, "peer_value": peer_value,
        })
    );
}

fn size() {
    let megabytes = |path: &std::path::Path| fs::metadata(path).unwrap().len() as f64 / 1e6;
    let name = format!("lambda_size_{}", std::env::consts::ARCH);
    let atlas = megabytes(harness::atlas().binary());
    print(&name, "MB", megabytes(binary()), "Atlas beside it", atlas);
}

/// Time from the start of the process to its first request for an event.
fn init(bed: &TestBed) {
    let value = median(|| {
        let started = Instant::now();
        let mut function = bed.function();
        function.wait_until_ready();
        started.elapsed()
    });
    let floor = median(|| {
        let started = Instant::now();
        Command::new("true").status().unwrap();
        started.elapsed()
    });
    print("lambda_init", "ms", value, "starting a program that does nothing", floor);
}

/// Peak memory of the process, without Atlas, after an update that applied migrations.
fn memory(bed: &TestBed) {
    let mut function = bed.function();
    function.wait_until_ready();
    let idle = peak(&function);
    function.invoke(&bed.create(), LONG).assert_succeeded();
    print("lambda_memory", "MB", peak(&function), "before its first event", idle);
}

/// VmHWM: the peak of the resident set.
fn peak(function: &Function) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", function.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
    kilobytes.unwrap().parse::<f64>().unwrap() / 1000.0
}

/// An Update of a warm function with nothing to do, including the answer.
fn noop(bed: &TestBed) {
    let mut function = bed.function();
    let update = bed.update_with(json!({}));
    function.invoke(&update, LONG).assert_succeeded();
    let value = median(|| {
        let invocation = function.invoke(&update, LONG);
        invocation.assert_succeeded();
        invocation.took
    });
    let settings = DatabaseSettings {
        host: HOST.to_owned(),
        port: bed.database.cluster.port,
        name: bed.database.name.clone(),
        user: None,
        auth: Auth::Password(Password(String::new())),
        tls: Tls::VerifyFull { ca_bundle: bed.path("rds-ca.pem") },
    };
    let login = Login { user: USER.to_owned(), password: Password(PASSWORD.to_owned()) };
    let url = settings.url(&login, &[]);
    let peer = median(|| {
        let started = Instant::now();
        let report = harness::atlas().apply(&bed.migrations, &url, &ApplyOptions::default());
        assert!(report.unwrap().applied.is_empty());
        started.elapsed()
    });
    print("lambda_noop", "ms", value, "atlas migrate apply", peer);
}

fn median(mut run: impl FnMut() -> Duration) -> f64 {
    let mut times: Vec<Duration> = (0..RUNS).map(|_| run()).collect();
    times.sort();
    times[RUNS / 2].as_secs_f64() * 1000.0
}
