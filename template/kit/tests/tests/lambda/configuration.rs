//! Wrong environment variables are reported, all at once.

use rstest::rstest;

use crate::harness::test_bed::{BOTH_APPLIED, TestBed, bed, data};

#[rstest]
#[case::nothing_is_set(
    &[("DB_HOST", ""), ("DB_NAME", ""), ("DB_USER", ""), ("DB_PASSWORD", "")],
    "the function is not configured…: DB_HOST is missing…DB_USER is missing…DB_NAME is missing…DB_PASSWORD is missing…"
)]
#[case::blanks_are_unset(&[("DB_HOST", " ")], "the function is not configured…: DB_HOST is missing…")]
#[case::several_are_malformed(
    &[("DB_PORT", "http"), ("DB_SSLMODE", "prefer")],
    "the function is not configured…: DB_SSLMODE is \"prefer\"…DB_PORT is \"http\"…"
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
#[case::proxy(
    &[("DB_HOST", "app.proxy-c1abcdefghij.eu-central-1.rds.amazonaws.com")],
    "the function is not configured…: DB_HOST, app.proxy-c1abcdefghij.…, is an RDS Proxy, which refuses…the writer's of the cluster"
)]
#[case::endpoint_of_a_proxy(
    &[("DB_HOST", "app.endpoint.Proxy-c1abcdefghij.cn-north-1.rds.amazonaws.com.cn")],
    "…is an RDS Proxy…"
)]
#[case::no_secret(&[("DB_AUTH", "secret")], "the function is not configured…: DB_SECRET_ARN is missing…")]
fn wrong_variables_are_reported(
    mut bed: TestBed,
    #[case] variables: &[(&str, &str)],
    #[case] reason: &str,
) {
    for (name, value) in variables {
        bed.env.set(name, *value);
    }
    bed.assert_fails(&bed.create(), reason);
}

#[rstest]
fn directories_can_be_elsewhere(mut bed: TestBed) {
    let place = bed.path("elsewhere");
    std::fs::rename(bed.migrations.path(), &place).unwrap();
    let ca = bed.path("ca.pem");
    std::fs::rename(bed.path("rds-ca.pem"), &ca).unwrap();
    bed.env.set("MIGRATIONS", place.to_str().unwrap());
    bed.env.set("DB_CA_BUNDLE", ca.to_str().unwrap());
    bed.migrations = atlas::MigrationDirectory::new(place);
    let event = bed.create();
    bed.assert_succeeds(&event, BOTH_APPLIED, data("20260102000000", 2));
}
