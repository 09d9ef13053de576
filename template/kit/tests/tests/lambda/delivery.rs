//! The answer's way to CloudFormation, and its size.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};

use crate::harness::answer::{assert_answer, assert_no_secret, failure, success};
use crate::harness::event::{PHYSICAL_ID, delete};
use crate::harness::s3::{Fault, S3};
use crate::harness::stage::{LONG, SECOND, Stage, THIRD, stage};
use crate::harness::tls::Certificates;

/// What needs no database: only the answer matters here.
fn event(response_url: &str) -> Value {
    delete(response_url, PHYSICAL_ID, json!({}))
}

#[rstest]
#[case::unavailable_twice(&[Fault::Status(503), Fault::Status(503)], 2)]
#[case::internal_error(&[Fault::Status(500)], 1)]
#[case::reset_before_it_reads(&[Fault::Reset], 0)]
#[case::closed_without_an_answer(&[Fault::Close], 1)]
#[case::silent_once(&[Fault::Silence], 1)]
#[case::a_body_that_never_comes(&[Fault::NoBody], 0)]
fn a_passing_fault_is_got_over(stage: Stage, #[case] faults: &[Fault], #[case] in_vain: usize) {
    let s3 = S3::with_faults(faults);
    let event = event(&s3.response_url());
    let invocation = stage.function().invoke(&event, Duration::from_secs(40));
    invocation.assert_succeeded();
    assert_answer(
        s3.answer_after(in_vain),
        success(&event, "Nothing is touched on Delete.", json!({})),
    );
}

/// Lambda repeats an invocation that ended in an error: the last hope.
#[rstest]
fn a_refusal_is_an_error_at_once(stage: Stage) {
    let s3 = S3::broken(Fault::Status(403));
    let invocation = stage.invoke(&event(&s3.response_url()));
    let error = invocation.error();
    assert!(error.contains("403"), "{error}");
    assert_no_secret(&error);
    assert_eq!(s3.puts().len(), 1);
    assert!(invocation.took < Duration::from_secs(5));
}

#[rstest]
#[case::unavailable(Fault::Status(503))]
#[case::resets(Fault::Reset)]
#[case::never_answers(Fault::Silence)]
fn a_lasting_fault_is_an_error_before_the_deadline(stage: Stage, #[case] fault: Fault) {
    let s3 = S3::broken(fault);
    let mut function = stage.function();
    let invocation = function.invoke(&event(&s3.response_url()), Duration::from_secs(8));
    assert_no_secret(&invocation.error());
    // The process lives on.
    let s3 = S3::start();
    function
        .invoke(&event(&s3.response_url()), LONG)
        .assert_succeeded();
    s3.answer();
}

/// In a VPC without a way to S3: the most common mistake of all.
#[rstest]
fn no_way_to_s3_tells_what_is_missing(stage: Stage) {
    let event = event(&S3::gone());
    let invocation = stage.function().invoke(&event, Duration::from_secs(10));
    assert_no_secret(&invocation.error());
    let log = &invocation.log.text;
    assert!(log.contains("S3 gateway endpoint"), "{log}");
}

#[rstest]
fn a_migration_stays_applied_when_the_answer_is_lost(stage: Stage) {
    let mut event = stage.create();
    event["ResponseURL"] = json!(S3::gone());
    let mut function = stage.function();
    function.invoke(&event, Duration::from_secs(20)).error();
    // Lambda's second try.
    event["ResponseURL"] = json!(stage.s3.response_url());
    function.invoke(&event, LONG).assert_succeeded();
    let answer = stage.s3.answer();
    assert_eq!(
        (&answer["Status"], &answer["Data"]["AppliedCount"]),
        (&json!("SUCCESS"), &json!("0"))
    );
}

#[rstest]
#[case::trusted("localhost", true)]
#[case::of_another_host("127.0.0.1", false)]
fn certificates_are_verified(mut stage: Stage, #[case] host: &str, #[case] trusted: bool) {
    let certificates = Certificates::new("localhost");
    std::fs::write(stage.path("ca.pem"), &certificates.ca).unwrap();
    let bundle = stage.path("ca.pem");
    stage
        .environment
        .set("SSL_CERT_FILE", bundle.to_str().unwrap());
    let s3 = S3::with_tls(&certificates, host);
    let event = event(&s3.response_url());
    let invocation = stage.function().invoke(&event, Duration::from_secs(10));
    if trusted {
        invocation.assert_succeeded();
        assert_answer(
            s3.answer(),
            success(&event, "Nothing is touched on Delete.", json!({})),
        );
    } else {
        invocation.error();
        assert_eq!(s3.puts().len(), 0);
    }
}

#[rstest]
fn a_certificate_of_an_unknown_ca_is_refused(stage: Stage) {
    let s3 = S3::with_tls(&Certificates::new("localhost"), "localhost");
    let event = event(&s3.response_url());
    stage
        .function()
        .invoke(&event, Duration::from_secs(10))
        .error();
    assert_eq!(s3.puts().len(), 0);
}

/// CloudFormation takes 4096 bytes: [`S3::answer`] looks at the size.
#[rstest]
#[case::message("RAISE EXCEPTION '%', repeat('Ünïcödé 😀\"\\\u{1}', 3000)")]
#[case::statement(&format!("PERFORM 'Ünïcödé 😀\"\"\\', 1/0 -- {}\n", "ß€😀\"\\\t".repeat(3000)))]
fn an_enormous_error_is_cut(stage: Stage, #[case] body: &str) {
    stage.migration(THIRD, &format!("DO $$ BEGIN\n{body};\nEND $$;\n"));
    let event = stage.create();
    let answer = stage.answer(&event);
    let reason = answer["Reason"].as_str().unwrap().to_owned();
    assert!(reason.len() > 1000, "hardly anything is told: {reason}");
    assert_answer(answer, failure(&event, "…20260103000000_index.sql…"));
}

/// So are names: the ids of an event cannot be cut.
#[rstest]
fn many_migrations_fit(stage: Stage) {
    stage.remove(SECOND);
    for number in 0..300 {
        let name = format!("20260201{number:06}_{}.sql", "a_long_name".repeat(4));
        std::fs::write(stage.migrations.path().join(name), "SELECT 1;").unwrap();
    }
    stage.migrations.write_sum().unwrap();
    let event = stage.create_with(json!({ "DryRun": "true" }));
    let answer = stage.answer(&event);
    assert_eq!(answer["Status"], "SUCCESS");
    assert!(
        answer["Data"]["Plan"].as_str().unwrap().len() > 500,
        "{answer}"
    );
}
