//! What is wrong with the function's environment is named, all at once.

use rstest::rstest;

use crate::harness::stage::{BOTH_APPLIED, Stage, data, stage};

#[rstest]
#[case::nothing_is_set(
    &[("DB_HOST", ""), ("DB_NAME", ""), ("DB_USER", ""), ("DB_PASSWORD", "")],
    "the function is not configured…: DB_HOST is missing…DB_USER is missing…DB_NAME is missing…DB_PASSWORD is missing…"
)]
#[case::blanks_are_nothing(&[("DB_HOST", " ")], "the function is not configured…: DB_HOST is missing…")]
#[case::much_is_malformed(
    &[("DB_PORT", "http"), ("DB_SSLMODE", "prefer"), ("DB_CONNECT_TIMEOUT", "1m")],
    "the function is not configured…: DB_SSLMODE is \"prefer\"…DB_PORT is \"http\"…DB_CONNECT_TIMEOUT is \"1m\"…"
)]
#[case::port_too_high(&[("DB_PORT", "65536")], "the function is not configured…: DB_PORT is \"65536\"…")]
#[case::no_such_authentication(
    &[("DB_AUTH", "kerberos")],
    "the function is not configured…: DB_AUTH is \"kerberos\", but must be iam, secret or password…"
)]
#[case::iam_without_tls(
    &[("DB_AUTH", "iam"), ("DB_SSLMODE", "disable")],
    "the function is not configured…: DB_SSLMODE is disable, but DB_AUTH=iam needs TLS…"
)]
#[case::iam_is_the_default(
    &[("DB_AUTH", ""), ("DB_SSLMODE", "disable")],
    "…DB_AUTH=iam needs TLS…"
)]
#[case::no_secret(&[("DB_AUTH", "secret")], "the function is not configured…: DB_SECRET_ARN is missing…")]
fn a_wrong_environment_is_named(
    mut stage: Stage,
    #[case] variables: &[(&str, &str)],
    #[case] reason: &str,
) {
    for (name, value) in variables {
        stage.environment.set(name, *value);
    }
    stage.assert_fails(&stage.create(), reason);
}

#[rstest]
fn directories_are_where_lambda_puts_them_or_where_told(mut stage: Stage) {
    let place = stage.path("elsewhere");
    std::fs::rename(stage.migrations.path(), &place).unwrap();
    let ca = stage.path("ca.pem");
    std::fs::rename(stage.path("rds-ca.pem"), &ca).unwrap();
    stage.environment.set("MIGRATIONS", place.to_str().unwrap());
    stage.environment.set("DB_CA_BUNDLE", ca.to_str().unwrap());
    stage.migrations = atlas::MigrationDirectory::new(place);
    let event = stage.create();
    stage.assert_succeeds(&event, BOTH_APPLIED, data("20260102000000", 2));
}
