//! The three ways to get in: a plain password is what most other tests use; here are
//! Secrets Manager and IAM tokens.

use rstest::rstest;
use serde_json::json;

use crate::harness::answer::{assert_answer, success};
use crate::harness::forwarder::free_port;
use crate::harness::postgres::{HOST, IAM_USER, PASSWORD, USER};
use crate::harness::rds::Rds;
use crate::harness::secrets_manager::{ARN, Secret, SecretsManager};
use crate::harness::stage::{BOTH_APPLIED, LONG, Stage, data, stage};
use crate::harness::tls::Certificates;

impl Stage {
    fn use_secret(&mut self, url: &str) {
        self.environment
            .set("DB_AUTH", "secret")
            .set("DB_SECRET_ARN", ARN)
            .set("AWS_ENDPOINT_URL_SECRETS_MANAGER", url)
            .unset("DB_PASSWORD")
            .unset("DB_USER");
    }

    fn use_iam(&mut self, refuses: bool) -> Rds {
        let certificates = Certificates::new(HOST);
        std::fs::write(self.path("rds-ca.pem"), &certificates.ca).unwrap();
        let rds = Rds::start(&self.database.cluster, &certificates, refuses);
        self.environment
            .set("DB_PORT", rds.port().to_string())
            .set("DB_USER", IAM_USER)
            .unset("DB_AUTH")
            .unset("DB_PASSWORD");
        rds
    }
}

#[rstest]
fn a_secret_tells_user_and_password(mut stage: Stage) {
    let manager = SecretsManager::start(&[Secret::of_rds(USER, PASSWORD)]);
    stage.use_secret(&manager.url());
    let event = stage.create();
    stage.assert_succeeds(&event, BOTH_APPLIED, data("20260102000000", 2));
    assert_eq!(manager.asked(), 1);
}

#[rstest]
fn the_environment_tells_the_user_before_the_secret(mut stage: Stage) {
    let manager = SecretsManager::start(&[Secret::of_rds("master", PASSWORD)]);
    stage.use_secret("http://127.0.0.1:1");
    stage.environment.set("DB_USER", USER);
    stage.environment.unset("AWS_ENDPOINT_URL_SECRETS_MANAGER");
    stage.environment.set("AWS_ENDPOINT_URL", manager.url());
    let event = stage.create();
    stage.assert_succeeds(&event, BOTH_APPLIED, data("20260102000000", 2));
}

/// Between the new password and the moment when Secrets Manager tells it.
#[rstest]
fn a_rotated_secret_is_fetched_anew(mut stage: Stage) {
    let secrets = [
        Secret::of_rds(USER, "Sw0rdf1sh of yesterday"),
        Secret::of_rds(USER, PASSWORD),
    ];
    let manager = SecretsManager::start(&secrets);
    stage.use_secret(&manager.url());
    let event = stage.create();
    stage.assert_succeeds(&event, BOTH_APPLIED, data("20260102000000", 2));
    assert_eq!(manager.asked(), 2);
}

#[rstest]
#[case::denied(
    Secret::Error(
        400,
        "AccessDeniedException",
        "User: x is not authorized to perform: secretsmanager:GetSecretValue"
    ),
    "…Secrets Manager…AccessDeniedException…not authorized…"
)]
#[case::gone(
    Secret::Error(
        400,
        "ResourceNotFoundException",
        "Secrets Manager can't find the specified secret."
    ),
    "…ResourceNotFoundException…"
)]
#[case::wrong_password(
    Secret::of_rds(USER, "Sw0rdf1sh of yesterday"),
    "…password authentication failed for user \"app\"…"
)]
#[case::no_json(Secret::Text("Sw0rdf1sh".to_owned()), "…Secrets Manager…not JSON…")]
#[case::no_password(Secret::Text(json!({ "username": USER }).to_string()), "…`password`…")]
#[case::no_user(Secret::Text(json!({ "password": PASSWORD }).to_string()), "…DB_USER…`username`…")]
#[case::no_text(Secret::Garbage("{\"SecretBinary\": \"AAAA\"}"), "…binary…")]
#[case::no_sense(Secret::Garbage("<html>"), "…Secrets Manager…")]
fn a_secret_that_does_not_serve(mut stage: Stage, #[case] secret: Secret, #[case] reason: &str) {
    let manager = SecretsManager::start(&[secret]);
    stage.use_secret(&manager.url());
    stage.assert_fails(&stage.create(), reason);
}

#[rstest]
fn no_way_to_secrets_manager(mut stage: Stage) {
    stage.use_secret(&format!("http://127.0.0.1:{}", free_port()));
    stage.assert_fails(&stage.create(), "…endpoint for Secrets Manager…");
}

#[rstest]
fn an_iam_token_opens_the_database(mut stage: Stage) {
    let rds = stage.use_iam(false);
    let event = stage.create();
    let mut function = stage.function();
    function.invoke(&event, LONG).assert_succeeded();
    let expected = success(&event, BOTH_APPLIED, data("20260102000000", 2));
    let answer = stage.s3.answer();
    let log = function.whole_log();

    let tokens = rds.tokens();
    assert!(!tokens.is_empty());
    for token in tokens {
        let prefix = format!("localhost:{}/?", rds.port());
        let query = token
            .strip_prefix(&prefix)
            .unwrap_or_else(|| panic!("{token}"));
        let mut fields: Vec<(&str, &str)> = query
            .split('&')
            .filter_map(|field| field.split_once('='))
            .collect();
        let date = value(&fields, "X-Amz-Date").to_owned();
        assert_eq!((date.len(), &date[8..9]), (16, "T"), "{token}");
        let signature = value(&fields, "X-Amz-Signature").to_owned();
        assert_eq!(signature.len(), 64, "{token}");
        for text in [&log, &answer.to_string()] {
            assert!(
                !text.contains(&signature) && !text.contains(&token),
                "{text}"
            );
        }
        let scope = format!(
            "AKIAIOSFODNN7EXAMPLE%2F{}%2Feu-central-1%2Frds-db%2Faws4_request",
            &date[..8]
        );
        fields.retain(|(name, _)| !["X-Amz-Date", "X-Amz-Signature"].contains(name));
        fields.sort_unstable();
        let expected = [
            ("Action", "connect"),
            ("DBUser", IAM_USER),
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", &scope),
            ("X-Amz-Expires", "900"),
            (
                "X-Amz-Security-Token",
                "IQoJb3JpZ2luX2VjE%2Bs3ssionT0ken%2F%2F%2F%2F%2F%2F%2F%2F%2FwEaCXVzLWVhc3QtMQ%3D%3D",
            ),
            ("X-Amz-SignedHeaders", "host"),
        ];
        assert_eq!(fields, expected, "{token}");
    }
    assert_answer(answer, expected);
}

fn value<'a>(fields: &[(&str, &'a str)], name: &str) -> &'a str {
    let found = fields.iter().find(|(other, _)| *other == name);
    found.unwrap_or_else(|| panic!("no {name} in {fields:?}")).1
}

#[rstest]
fn a_token_that_is_refused(mut stage: Stage) {
    let rds = stage.use_iam(true);
    stage.assert_fails(&stage.create(), "…rds_iam…");
    assert!(!rds.tokens().is_empty());
}

#[rstest]
fn credentials_that_are_missing(mut stage: Stage) {
    let _rds = stage.use_iam(false);
    stage.environment.unset("AWS_ACCESS_KEY_ID");
    stage.assert_fails(&stage.create(), "…AWS_ACCESS_KEY_ID…");
}
