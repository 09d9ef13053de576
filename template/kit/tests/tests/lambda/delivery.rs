//! Delivery and size of the answer.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};

use crate::harness::answer::{assert_answer, assert_no_secret, failure, success};
use crate::harness::event::{PHYSICAL_ID, delete};
use crate::harness::s3::{Fault, S3};
use crate::harness::test_bed::{LONG, SECOND, THIRD, TestBed, bed};
use crate::harness::tls::Certificates;

/// A Delete, which needs no database.
fn event(response_url: &str) -> Value {
    delete(response_url, PHYSICAL_ID, json!({}))
}

#[rstest]
#[case::unavailable_twice(&[Fault::Status(503), Fault::Status(503)], 2)]
#[case::internal_error(&[Fault::Status(500)], 1)]
#[case::reset_before_it_reads(&[Fault::Reset], 0)]
#[case::closed_without_an_answer(&[Fault::Close], 1)]
#[case::silent_once(&[Fault::Silence], 1)]
#[case::a_missing_body(&[Fault::NoBody], 0)]
fn a_passing_fault_is_retried(bed: TestBed, #[case] faults: &[Fault], #[case] failed: usize) {
    let s3 = S3::with_faults(faults);
    let event = event(&s3.response_url());
    let invocation = bed.function().invoke(&event, Duration::from_secs(40));
    invocation.assert_succeeded();
    assert_answer(
        s3.answer_after(failed),
        success(&event, "Nothing is touched on Delete.", json!({})),
    );
}

/// Lambda repeats a failed invocation.
#[rstest]
fn a_refusal_is_an_error_without_retries(bed: TestBed) {
    let s3 = S3::broken(Fault::Status(403));
    let invocation = bed.invoke(&event(&s3.response_url()));
    let error = invocation.error();
    assert!(error.contains("403"), "{error}");
    assert_no_secret(&error);
    assert_eq!(s3.puts().len(), 1);
}

#[rstest]
#[case::unavailable(Fault::Status(503))]
#[case::resets(Fault::Reset)]
#[case::never_answers(Fault::Silence)]
fn a_lasting_fault_is_an_error_before_the_deadline(bed: TestBed, #[case] fault: Fault) {
    let s3 = S3::broken(fault);
    let mut function = bed.function();
    let invocation = function.invoke(&event(&s3.response_url()), Duration::from_secs(5));
    assert_no_secret(&invocation.error());
    // The process handles the next event.
    let s3 = S3::start();
    function.invoke(&event(&s3.response_url()), LONG).assert_succeeded();
    s3.answer();
}

/// The most common mistake: a VPC without a route to S3.
#[rstest]
fn an_unreachable_s3_names_the_missing_endpoint(bed: TestBed) {
    let event = event(&S3::gone());
    let invocation = bed.function().invoke(&event, Duration::from_secs(5));
    assert_no_secret(&invocation.error());
    let log = &invocation.log.text;
    assert!(log.contains("S3 gateway endpoint"), "{log}");
}

#[rstest]
fn a_migration_stays_applied_when_the_answer_is_lost(bed: TestBed) {
    let mut event = bed.create();
    event["ResponseURL"] = json!(S3::gone());
    let mut function = bed.function();
    function.invoke(&event, Duration::from_secs(8)).error();
    // Lambda's second attempt.
    event["ResponseURL"] = json!(bed.s3.response_url());
    function.invoke(&event, LONG).assert_succeeded();
    let answer = bed.s3.answer();
    assert_eq!(
        (&answer["Status"], &answer["Data"]["AppliedCount"]),
        (&json!("SUCCESS"), &json!("0"))
    );
}

#[rstest]
#[case::trusted("localhost", true)]
#[case::of_another_host("127.0.0.1", false)]
fn certificates_are_verified(mut bed: TestBed, #[case] host: &str, #[case] trusted: bool) {
    let certificates = Certificates::new("localhost");
    std::fs::write(bed.path("ca.pem"), &certificates.ca).unwrap();
    let bundle = bed.path("ca.pem");
    bed.env.set("SSL_CERT_FILE", bundle.to_str().unwrap());
    let s3 = S3::with_tls(&certificates, host);
    let event = event(&s3.response_url());
    let invocation = bed.function().invoke(&event, Duration::from_secs(10));
    if trusted {
        invocation.assert_succeeded();
        assert_answer(s3.answer(), success(&event, "Nothing is touched on Delete.", json!({})));
    } else {
        invocation.error();
        assert_eq!(s3.puts().len(), 0);
    }
}

#[rstest]
fn a_certificate_of_an_unknown_ca_is_refused(bed: TestBed) {
    let s3 = S3::with_tls(&Certificates::new("localhost"), "localhost");
    let event = event(&s3.response_url());
    bed.function().invoke(&event, Duration::from_secs(10)).error();
    assert_eq!(s3.puts().len(), 0);
}

/// CloudFormation accepts 4096 bytes; [`S3::answer`] checks the size.
#[rstest]
#[case::message("RAISE EXCEPTION '%', repeat('Ünïcödé 😀\"\\\u{1}', 3000)")]
#[case::statement(&format!("PERFORM 'Ünïcödé 😀\"\"\\', 1/0 -- {}\n", "ß€😀\"\\\t".repeat(3000)))]
fn a_long_error_is_cut(bed: TestBed, #[case] body: &str) {
    bed.migration(THIRD, &format!("DO $$ BEGIN\n{body};\nEND $$;\n"));
    let event = bed.create();
    let answer = bed.answer(&event);
    let reason = answer["Reason"].as_str().unwrap().to_owned();
    assert!(reason.len() > 1000, "hardly anything is told: {reason}");
    assert_answer(answer, failure(&event, "…20260103000000_index.sql…"));
}

#[rstest]
fn a_long_plan_is_cut(bed: TestBed) {
    bed.remove(SECOND);
    for number in 0..300 {
        let name = format!("20260201{number:06}_{}.sql", "a_long_name".repeat(4));
        std::fs::write(bed.migrations.path().join(name), "SELECT 1;").unwrap();
    }
    bed.migrations.write_sum().unwrap();
    let event = bed.create_with(json!({ "DryRun": "true" }));
    let answer = bed.answer(&event);
    assert_eq!(answer["Status"], "SUCCESS");
    assert!(answer["Data"]["Plan"].as_str().unwrap().len() > 500, "{answer}");
}
