//! Random events. `FUZZ_SEED=n` repeats a run, `FUZZ_EVENTS=n` sets the number of events.

use std::time::Duration;

use fastrand::Rng;
use rstest::rstest;
use serde_json::{Map, Value, json};

use crate::harness::event::{PHYSICAL_ID, delete};
use crate::harness::function::Outcome;
use crate::harness::test_bed::{TestBed, bed};

/// The fields that CloudFormation requires in an answer.
const FIELDS: [&str; 5] =
    ["Status", "PhysicalResourceId", "StackId", "RequestId", "LogicalResourceId"];

#[rstest]
fn every_event_with_a_usable_url_is_answered(bed: TestBed) {
    fuzz(bed, 30);
}

#[rstest]
#[ignore = "soak: 1,000 random events"]
fn soak_every_event_with_a_usable_url_is_answered(bed: TestBed) {
    fuzz(bed, 1000);
}

fn fuzz(mut bed: TestBed, events: u64) {
    let seed = number("FUZZ_SEED").unwrap_or_else(|| fastrand::u64(..1_000_000));
    println!("FUZZ_SEED={seed}");
    let mut random = Rng::with_seed(seed);
    let mut function = bed.function();
    let mut answered = 0;
    for number in 0..number("FUZZ_EVENTS").unwrap_or(events) {
        let event = event(&mut random, &bed);
        let invocation = function.invoke(&event, Duration::from_secs(20));
        assert!(
            matches!(invocation.outcome, Outcome::Response(_) | Outcome::Error(_)),
            "event {number} of seed {seed}: {:?} for {event}; log: {}",
            invocation.outcome,
            invocation.log.text
        );
        let usable = event["ResponseURL"] == bed.s3.response_url();
        if !usable {
            continue;
        }
        answered += 1;
        let puts = bed.s3.puts();
        assert_eq!(puts.len(), 1, "event {number} of seed {seed}: {event}");
        let answer = bed.s3.answer();
        for field in FIELDS {
            assert!(answer[field].is_string(), "{field} of {answer} for {event}");
        }
        let status = answer["Status"].as_str().unwrap();
        assert!(["SUCCESS", "FAILED"].contains(&status), "{answer}");
        for field in ["StackId", "RequestId", "LogicalResourceId"] {
            // Longer than real ones; an answer may have 4096 bytes.
            let id = event[field].as_str().filter(|id| id.len() < 80);
            if let Some(id) = id {
                assert_eq!(answer[field], id, "{field} for {event}");
            }
        }
        bed.forget_answers();
    }
    assert!(answered > 0);
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text}")))
}

/// A valid event with some changes, or any other JSON.
fn event(random: &mut Rng, bed: &TestBed) -> Value {
    if random.u8(..) < 25 {
        let mut event = value(random, 3);
        if let Value::Object(fields) = &mut event {
            fields.insert("ResponseURL".to_owned(), json!(bed.s3.response_url()));
        }
        return event;
    }
    let mut event = match random.u8(..3) {
        0 => bed.create(),
        1 => bed.update_with(json!({})),
        _ => delete(&bed.s3.response_url(), PHYSICAL_ID, json!({})),
    };
    for _ in 0..random.u8(..4) {
        let place = match random.bool() {
            true => &mut event,
            false => &mut event["ResourceProperties"],
        };
        // An earlier change may have replaced the object.
        if let Value::Object(fields) = place {
            change(random, fields);
        }
    }
    event
}

fn change(random: &mut Rng, fields: &mut Map<String, Value>) {
    let names: Vec<String> = fields.keys().cloned().collect();
    let name = random.choice(&names).cloned().unwrap_or_default();
    // Most events should get an answer.
    if name == "ResponseURL" && random.u8(..) < 200 {
        return;
    }
    match random.u8(..6) {
        0 => drop(fields.remove(&name)),
        1 => {
            let moved = fields.remove(&name).unwrap_or_default();
            fields.insert(name.to_lowercase(), moved);
        }
        2 => {
            let more =
                ["DryRun", "BaselineVersion", "LockTimeout", "OnDatabaseAhead", "DatabasePort"];
            let more = random.choice(more).expect("some").to_owned();
            fields.insert(more, value(random, 1));
        }
        _ => drop(fields.insert(name, value(random, 2))),
    }
}

/// Any JSON, not too deep.
fn value(random: &mut Rng, depth: u8) -> Value {
    match random.u8(..if depth == 0 { 5 } else { 7 }) {
        0 => Value::Null,
        1 => json!(random.bool()),
        2 => json!(random.i64(..)),
        3 => json!(random.f64() * 1e300),
        4 => json!(text(random)),
        5 => (0..random.u8(..4)).map(|_| value(random, depth - 1)).collect(),
        _ => (0..random.u8(..4))
            .map(|_| (text(random), value(random, depth - 1)))
            .collect::<Map<_, _>>()
            .into(),
    }
}

fn text(random: &mut Rng) -> String {
    let usual = [
        "",
        " ",
        "true",
        "Create",
        "Delete",
        "0",
        "-1",
        "99999999999999999999",
        "h1:",
        "\0",
        "../..",
        "%s%n",
        "😀",
        "'; DROP TABLE users; --",
    ];
    match random.u8(..4) {
        0 => (0..random.usize(..40)).map(|_| random.char(..)).collect(),
        1 => "x".repeat(random.usize(..9000)),
        _ => (*random.choice(&usual).expect("some")).to_owned(),
    }
}
