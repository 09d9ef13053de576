//! Secrets Manager and IAM tokens. Most other tests use a password.

use rstest::rstest;
use serde_json::json;

use crate::harness::answer::{assert_answer, success};
use crate::harness::gate::free_port;
use crate::harness::postgres::{HOST, IAM_USER, PASSWORD, USER};
use crate::harness::rds::Rds;
use crate::harness::secrets_manager::{ARN, Secret, SecretsManager};
use crate::harness::test_bed::{BOTH_APPLIED, LONG, TestBed, bed, data};
use crate::harness::tls::Certificates;

impl TestBed {
    pub fn use_secret(&mut self, url: &str) {
        self.env
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
        self.env
            .set("DB_PORT", rds.port().to_string())
            .set("DB_USER", IAM_USER)
            .unset("DB_AUTH")
            .unset("DB_PASSWORD");
        rds
    }
}

#[rstest]
fn a_secret_has_user_and_password(mut bed: TestBed) {
    let manager = SecretsManager::start(&[Secret::of_rds(USER, PASSWORD)]);
    bed.use_secret(&manager.url());
    let event = bed.create();
    bed.assert_succeeds(&event, BOTH_APPLIED, data("20260102000000", 2));
    assert_eq!(manager.asked(), 1);
}

#[rstest]
fn the_user_in_the_environment_takes_precedence(mut bed: TestBed) {
    let manager = SecretsManager::start(&[Secret::of_rds("master", PASSWORD)]);
    bed.use_secret("http://127.0.0.1:1");
    bed.env.set("DB_USER", USER);
    bed.env.unset("AWS_ENDPOINT_URL_SECRETS_MANAGER");
    bed.env.set("AWS_ENDPOINT_URL", manager.url());
    let event = bed.create();
    bed.assert_succeeds(&event, BOTH_APPLIED, data("20260102000000", 2));
}

/// Secrets Manager returns the new password shortly after the database requires it.
#[rstest]
fn a_rotated_secret_is_fetched_again(mut bed: TestBed) {
    let secrets = [Secret::of_rds(USER, "Sw0rdf1sh of yesterday"), Secret::of_rds(USER, PASSWORD)];
    let manager = SecretsManager::start(&secrets);
    bed.use_secret(&manager.url());
    let event = bed.create();
    bed.assert_succeeds(&event, BOTH_APPLIED, data("20260102000000", 2));
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
#[case::html(Secret::Garbage("<html>"), "…Secrets Manager…")]
fn an_unusable_secret(mut bed: TestBed, #[case] secret: Secret, #[case] reason: &str) {
    let manager = SecretsManager::start(&[secret]);
    bed.use_secret(&manager.url());
    bed.assert_fails(&bed.create(), reason);
}

#[rstest]
fn an_unreachable_secrets_manager(mut bed: TestBed) {
    bed.use_secret(&format!("http://127.0.0.1:{}", free_port()));
    let event = bed.create_with(json!({ "ConnectTimeout": "1" }));
    bed.assert_fails(&event, "…endpoint for Secrets Manager…Tried … times…");
}

#[rstest]
fn connects_with_an_iam_token(mut bed: TestBed) {
    let rds = bed.use_iam(false);
    let event = bed.create();
    let mut function = bed.function();
    function.invoke(&event, LONG).assert_succeeded();
    let expected = success(&event, BOTH_APPLIED, data("20260102000000", 2));
    let answer = bed.s3.answer();
    let log = function.whole_log();

    let tokens = rds.tokens();
    assert!(!tokens.is_empty());
    for token in tokens {
        let prefix = format!("localhost:{}/?", rds.port());
        let query = token.strip_prefix(&prefix).unwrap_or_else(|| panic!("{token}"));
        let mut fields: Vec<(&str, &str)> =
            query.split('&').filter_map(|field| field.split_once('=')).collect();
        let date = value(&fields, "X-Amz-Date").to_owned();
        assert_eq!((date.len(), &date[8..9]), (16, "T"), "{token}");
        let signature = value(&fields, "X-Amz-Signature").to_owned();
        assert_eq!(signature.len(), 64, "{token}");
        for text in [&log, &answer.to_string()] {
            assert!(!text.contains(&signature) && !text.contains(&token), "{text}");
        }
        let scope =
            format!("AKIAIOSFODNN7EXAMPLE%2F{}%2Feu-central-1%2Frds-db%2Faws4_request", &date[..8]);
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
fn a_refused_token(mut bed: TestBed) {
    let rds = bed.use_iam(true);
    bed.assert_fails(&bed.create(), "…rds_iam…");
    assert!(!rds.tokens().is_empty());
}

#[rstest]
fn missing_credentials(mut bed: TestBed) {
    let _rds = bed.use_iam(false);
    bed.env.unset("AWS_ACCESS_KEY_ID");
    bed.assert_fails(&bed.create(), "…AWS_ACCESS_KEY_ID…");
}
