//! Faults that pass are waited for, and others are not. Prints a table of both:
//! `cargo test -p kit-tests --test lambda_tests patience -- --nocapture | grep '^|'`.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use rstest::rstest;
use serde_json::{Value, json};

use crate::harness::answer::{assert_answer, failure, success};
use crate::harness::gate::{Fault, Gate, free_port};
use crate::harness::postgres::{PASSWORD, USER};
use crate::harness::secrets_manager::{Secret, SecretsManager};
use crate::harness::test_bed::{BOTH_APPLIED, TestBed, bed, data};

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Enough for any machine; a tenth of it is the time of an attempt.
pub const PATIENT: u32 = 30;

impl TestBed {
    /// Leads the function to the database through faults.
    fn gate(&mut self, faults: &[Fault], forever: bool) -> Gate {
        let port = free_port();
        self.env.set("DB_PORT", port.to_string());
        Gate::with_faults(LOCALHOST, port, &self.database.cluster, faults, forever)
    }

    /// Handles an event as `ConnectTimeout` (in seconds) allows, and prints a line of the table.
    pub fn wait(&self, fault: &str, connect_timeout: u32) -> (Value, Value) {
        let event = self.update_with(json!({ "ConnectTimeout": connect_timeout }));
        let started = Instant::now();
        let answer = self.answer(&event);
        let text = |name: &str| answer[name].as_str().unwrap().replace('\n', " ");
        let (took, status, reason) =
            (started.elapsed().as_secs_f32(), text("Status"), text("Reason"));
        println!("| {fault} | {connect_timeout} | {took:.1} | {status}: {reason} |");
        (event, answer)
    }
}

const STARTING: Fault = Fault::Fatal("57P03", "the database system is starting up");
const STOPPING: Fault = Fault::Fatal("57P03", "the database system is shutting down");
const RECOVERY: Fault = Fault::Fatal("57P03", "the database system is in recovery mode");
const ENDED: Fault = Fault::Fatal("57P01", "terminating connection due to administrator command");
const FULL: Fault = Fault::Fatal("53300", "sorry, too many clients already");
const RESERVED: Fault = Fault::Fatal(
    "53300",
    "remaining connection slots are reserved for non-replication superuser connections",
);

#[rstest]
#[case::silent(&[Fault::Silence, Fault::Silence])]
#[case::reset(&[Fault::Reset, Fault::Reset])]
#[case::reset_in_tls(&[Fault::ResetInTls])]
#[case::closed_at_login(&[Fault::Close])]
#[case::starting(&[STARTING, STARTING])]
#[case::stopping(&[STOPPING, Fault::Reset, STARTING])]
#[case::in_recovery(&[RECOVERY])]
#[case::ended(&[ENDED])]
#[case::full(&[FULL, RESERVED])]
fn a_fault_of_the_server_passes(
    mut bed: TestBed,
    #[case] faults: &[Fault],
    #[values(false, true)] rollback: bool,
) {
    let expected = if rollback {
        bed.deploy();
        ("Nothing to apply of 2 migrations; the database is at 20260102000000.", 0)
    } else {
        (BOTH_APPLIED, 2)
    };
    let gate = bed.gate(faults, false);
    let kind = if rollback { "nothing to apply" } else { "two migrations" };
    let (event, answer) = bed.wait(&format!("{faults:?}, {kind}"), PATIENT);
    assert_answer(answer, success(&event, expected.0, data("20260102000000", expected.1)));
    assert!(gate.connections() > faults.len());
}

/// Of Atlas' connections, not the function's own.
#[rstest]
#[case::full(&[Fault::None, FULL])]
#[case::full_for_the_second(&[Fault::None, Fault::None, FULL])]
#[case::reset(&[Fault::None, Fault::Reset])]
#[case::reset_in_tls(&[Fault::None, Fault::ResetInTls])]
#[case::silent(&[Fault::None, Fault::Silence])]
#[case::starting(&[Fault::None, STARTING])]
#[case::closed(&[Fault::None, Fault::None, Fault::Close])]
fn a_fault_of_atlas_connection_passes(mut bed: TestBed, #[case] faults: &[Fault]) {
    let _gate = bed.gate(faults, false);
    let (event, answer) = bed.wait(&format!("{faults:?}"), PATIENT);
    assert_answer(answer, success(&event, BOTH_APPLIED, data("20260102000000", 2)));
}

#[rstest]
#[case::silent(Fault::Silence, "…no answer within 1 s…")]
#[case::reset(Fault::Reset, "…onnection reset…")]
#[case::starting(STARTING, "…the database system is starting up…")]
#[case::full(FULL, "…sorry, too many clients already…")]
fn a_lasting_fault_is_reported_with_its_time(
    mut bed: TestBed,
    #[case] fault: Fault,
    #[case] what: &str,
) {
    let gate = bed.gate(&[fault], true);
    let (event, answer) = bed.wait(&format!("{fault:?}, for ever"), 3);
    let reason = format!(
        "cannot connect to the database{what}Tried … times in … s, limited by ConnectTimeout"
    );
    assert_answer(answer, failure(&event, &reason));
    assert!(gate.connections() > 1);
}

#[rstest]
#[case::password(Fault::Fatal("28P01", "password authentication failed for user \"app\""))]
#[case::rule(Fault::Fatal("28000", "no pg_hba.conf entry for host"))]
#[case::database(Fault::Fatal("3D000", "database \"app\" does not exist"))]
#[case::denied(Fault::Fatal("42501", "permission denied for database \"app\""))]
#[case::closed_for_all(Fault::Fatal("55000", "database is not currently accepting connections"))]
fn waiting_cannot_mend_a_refusal(mut bed: TestBed, #[case] fault: Fault) {
    let gate = bed.gate(&[fault], true);
    let (event, answer) = bed.wait(&format!("{fault:?}"), PATIENT);
    let Fault::Fatal(_, text) = fault else { unreachable!() };
    assert_answer(answer, failure(&event, &format!("cannot connect…{text}…")));
    assert_eq!(gate.connections(), 1);
}

#[rstest]
fn waiting_cannot_mend_a_certificate(mut bed: TestBed) {
    bed.env.set("DB_HOST", "127.0.0.1");
    let gate = bed.gate(&[], false);
    let (event, answer) = bed.wait("certificate of another host", PATIENT);
    assert_answer(answer, failure(&event, "…its certificate is not trusted…"));
    assert_eq!(gate.connections(), 1);
}

#[cfg(target_os = "linux")]
mod names {
    use super::*;
    use crate::harness::resolver::use_resolver;

    #[rstest]
    fn the_resolver_has_no_answer_yet(mut bed: TestBed, #[values(false, true)] rollback: bool) {
        if rollback {
            bed.deploy();
        }
        let directory = bed.path("");
        use_resolver(&mut bed.env, &directory, 3, "127.0.0.1");
        let (_, answer) = bed.wait("EAI_AGAIN three times", PATIENT);
        assert_eq!(answer["Status"], "SUCCESS", "{answer}");
        let count = std::fs::read_to_string(bed.path("resolver.count")).unwrap();
        assert!(count.parse::<u32>().unwrap() > 3);
    }

    #[rstest]
    fn the_resolver_never_has_an_answer(mut bed: TestBed) {
        let directory = bed.path("");
        use_resolver(&mut bed.env, &directory, 1000, "127.0.0.1");
        let (event, answer) = bed.wait("EAI_AGAIN, for ever", 2);
        let reason = "cannot connect…Temporary failure in name resolution. Tried … times in … s, \
                      limited by ConnectTimeout";
        assert_answer(answer, failure(&event, reason));
    }

    /// Each gets its own try.
    #[rstest]
    fn the_first_address_is_silent(mut bed: TestBed) {
        let working = bed.gate(&[], false);
        let port = bed.env.get("DB_PORT").unwrap().parse().unwrap();
        let silent = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
        let faults = [Fault::Silence];
        let silent = Gate::with_faults(silent, port, &bed.database.cluster, &faults, true);
        let directory = bed.path("");
        use_resolver(&mut bed.env, &directory, 0, "127.0.0.2 127.0.0.3 127.0.0.1");
        let (event, answer) = bed.wait("two addresses: one silent, one refuses, one works", 10);
        assert_answer(answer, success(&event, BOTH_APPLIED, data("20260102000000", 2)));
        assert!(silent.connections() > 0 && working.connections() > 0);
    }
}

const THROTTLED: Secret = Secret::Error(400, "ThrottlingException", "Rate exceeded");
const BROKEN: Secret = Secret::Error(500, "InternalServiceError", "An error occurred");

#[rstest]
#[case::throttled(&[THROTTLED, THROTTLED])]
#[case::too_many(&[Secret::Error(429, "TooManyRequestsException", "slow down")])]
#[case::broken(&[BROKEN])]
#[case::unavailable(&[Secret::Error(503, "ServiceUnavailable", "try again")])]
#[case::closes(&[Secret::Close])]
#[case::silent(&[Secret::Silence])]
fn a_fault_of_secrets_manager_passes(
    mut bed: TestBed,
    #[case] faults: &[Secret],
    #[values(false, true)] rollback: bool,
) {
    if rollback {
        bed.deploy();
    }
    let secrets = [faults, &[Secret::of_rds(USER, PASSWORD)]].concat();
    let manager = SecretsManager::start(&secrets);
    bed.use_secret(&manager.url());
    let (_, answer) = bed.wait(&format!("Secrets Manager: {faults:?}"), PATIENT);
    assert_eq!(answer["Status"], "SUCCESS", "{answer}");
    assert_eq!(manager.asked(), secrets.len());
}

#[rstest]
#[case::throttled(
    THROTTLED,
    "…ThrottlingException Rate exceeded. Tried … times in … s, limited by ConnectTimeout",
    false
)]
#[case::denied(
    Secret::Error(400, "AccessDeniedException", "no"),
    "…AccessDeniedException no",
    true
)]
#[case::missing(
    Secret::Error(400, "ResourceNotFoundException", "no"),
    "…ResourceNotFoundException no",
    true
)]
fn a_lasting_fault_of_secrets_manager(
    mut bed: TestBed,
    #[case] fault: Secret,
    #[case] reason: &str,
    #[case] at_once: bool,
) {
    let name = format!("Secrets Manager: {fault:?}, for ever");
    let manager = SecretsManager::start(&[fault]);
    bed.use_secret(&manager.url());
    let (event, answer) = bed.wait(&name, 2);
    assert_answer(answer, failure(&event, reason));
    assert_eq!(manager.asked() == 1, at_once);
}
