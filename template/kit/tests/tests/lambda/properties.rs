//! Properties of the custom resource.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};

use crate::connection::WAITS;
use crate::harness::answer::{assert_answer, failure, success};
use crate::harness::s3::S3;
use crate::harness::test_bed::{BOTH_APPLIED, LONG, SECOND, THIRD, TestBed, bed, data};

#[rstest]
fn a_dry_run_reports_the_plan_and_applies_nothing(mut bed: TestBed) {
    let mut expected = data("", 0);
    expected["Plan"] = json!("20260101000000_users.sql,20260102000000_orders.sql");
    bed.assert_succeeds(
        &bed.create_with(json!({ "DryRun": "true" })),
        "Would apply 2: 20260101000000_users.sql, 20260102000000_orders.sql.",
        expected,
    );
    assert_eq!(bed.tables(), "");
    let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'atlas%'";
    assert_eq!(bed.database.query(schemas), "0", "not even a history");
    bed.forget_answers();
    bed.deploy();

    bed.migration(THIRD, "CREATE TABLE third ();\n");
    let mut expected = data("20260102000000", 0);
    expected["Plan"] = json!(THIRD);
    // A JSON boolean, which CloudFormation does not send.
    let event = bed.update_with(json!({ "DryRun": true }));
    bed.assert_succeeds(&event, "Would apply 1: 20260103000000_index.sql.", expected);
    assert_eq!(bed.tables(), "orders,users");
}

/// `Fn::GetAtt` of a missing attribute would fail the stack.
#[rstest]
fn a_dry_run_with_nothing_to_do_has_a_plan(mut bed: TestBed) {
    bed.deploy();
    let mut expected = data("20260102000000", 0);
    expected["Plan"] = json!("");
    bed.assert_succeeds(
        &bed.update_with(json!({ "DryRun": "true" })),
        "Nothing to apply of 2 migrations; the database is at 20260102000000.",
        expected,
    );
}

/// A database that had tables before it had migrations.
#[rstest]
fn a_baseline_counts_only_without_history(mut bed: TestBed) {
    bed.database.query("SET ROLE app; CREATE TABLE users (id bigint PRIMARY KEY)");
    let baseline = json!({ "BaselineVersion": "20260101000000" });
    bed.assert_succeeds(
        &bed.create_with(baseline.clone()),
        "Applied 1: 20260102000000_orders.sql. … at 20260102000000.",
        data("20260102000000", 1),
    );
    // The stack keeps the property.
    for (applied, migration) in [(0, None), (1, Some("CREATE TABLE third ();"))] {
        bed.forget_answers();
        if let Some(sql) = migration {
            bed.migration("20260103000000_third.sql", sql);
        }
        let version = ["20260102000000", "20260103000000"][applied as usize];
        let event = bed.update_with(baseline.clone());
        bed.assert_succeeds(&event, "…", data(version, applied));
    }
    assert_eq!(bed.tables(), "orders,third,users");
}

/// A wrong one would mark migrations as applied that are not.
#[rstest]
fn a_baseline_is_checked_against_the_database(mut bed: TestBed) {
    bed.snapshots(bed.database.cluster.major());
    bed.database.query("SET ROLE app; CREATE TABLE users (id int); CREATE TABLE other ()");
    let event = bed.create_with(json!({ "BaselineVersion": "20260102000000" }));
    bed.assert_fails(
        &event,
        "BaselineVersion is 20260102000000, but the database is not at that version: nothing is \
         applied. It lacks 2 objects, or has them differently: ~ column public.users.id: integer \
         -> bigint NOT NULL; + table public.orders",
    );
    bed.database.query("ALTER TABLE users ALTER id TYPE bigint, ALTER id SET NOT NULL");
    bed.forget_answers();
    let event = bed.create_with(json!({ "BaselineVersion": "20260101000000" }));
    bed.assert_succeeds(&event, "Applied 1: …", data("20260102000000", 1));
}

#[rstest]
fn a_baseline_must_be_a_migration_of_the_package(bed: TestBed) {
    bed.database.query("SET ROLE app; CREATE TABLE other ()");
    let event = bed.create_with(json!({ "BaselineVersion": "1999" }));
    bed.assert_fails(
        &event,
        "the property BaselineVersion is \"1999\", which no migration of the package has",
    );
    assert_eq!(bed.tables(), "other");
}

/// Users who alternate create tables of one owner.
#[rstest]
fn an_owner_role_owns_what_is_created(mut bed: TestBed) {
    let owner = format!("owner_{}", &bed.database.name[bed.database.name.len() - 16..]);
    let cluster = bed.database.cluster.clone();
    bed.database.query(&format!(
        "CREATE ROLE {owner}; GRANT {owner} TO app; GRANT CREATE ON SCHEMA public TO {owner}; \
         GRANT CREATE ON DATABASE {} TO {owner}",
        bed.database.name
    ));
    let event = bed.create_with(json!({ "DatabaseOwnerRole": owner }));
    bed.assert_succeeds(&event, BOTH_APPLIED, data("20260102000000", 2));
    let owners = "SELECT string_agg(DISTINCT tableowner, ',') FROM pg_tables WHERE tablename IN \
                  ('users', 'orders', 'atlas_schema_revisions')";
    assert_eq!(bed.database.query(owners), owner);
    // The function ends a statement of that role in time.
    bed.migration(THIRD, "SELECT pg_sleep(60);\n");
    bed.forget_answers();
    let event = bed.update_with(json!({ "DatabaseOwnerRole": owner }));
    bed.function().invoke(&event, Duration::from_secs(8)).assert_succeeded();
    assert_answer(bed.s3.answer(), failure(&event, "out of time…pg_sleep(60)…"));
    bed.database.assert_no_session_is_left();
    drop(bed);
    cluster.admin(&format!("DROP ROLE {owner}"));
}

#[rstest]
fn force_update_changes_nothing(mut bed: TestBed) {
    bed.deploy();
    for text in ["2026-11-23T13:51:00Z", "x"] {
        bed.assert_succeeds(
            &bed.update_with(json!({ "ForceUpdate": text })),
            "Nothing to apply of 2 migrations; the database is at 20260102000000.",
            data("20260102000000", 0),
        );
        bed.forget_answers();
    }
}

/// One function may serve several databases.
#[rstest]
fn properties_override_the_environment(mut bed: TestBed) {
    let properties = json!({
        "DatabaseName": bed.database.name,
        "DatabaseHost": "localhost",
        "DatabasePort": bed.database.cluster.port,
        "DatabaseUser": "app",
    });
    for variable in ["DB_NAME", "DB_HOST", "DB_PORT", "DB_USER"] {
        bed.env.set(variable, "1");
    }
    let event = bed.create_with(properties);
    bed.assert_succeeds(&event, BOTH_APPLIED, data("20260102000000", 2));
}

#[rstest]
#[case::unknown(json!({ "DryRunn": "true" }), "…DryRunn…")]
#[case::dry_run(json!({ "DryRun": "yes" }), "the property DryRun is \"yes\", but must be false or true")]
#[case::lock_timeout(json!({ "LockTimeout": "1m" }), "the property LockTimeout is \"1m\", but must be a number of seconds")]
#[case::connect_timeout(json!({ "ConnectTimeout": "-1" }), "the property ConnectTimeout is \"-1\", but must be a number of seconds")]
#[case::ahead(json!({ "OnDatabaseAhead": "no" }), "the property OnDatabaseAhead is \"no\", but must be succeed or fail")]
#[case::no_hash(json!({ "MigrationHash": "" }), "the property MigrationHash is missing…")]
#[case::hash_of_other_type(json!({ "MigrationHash": ["h1:"] }), "the property MigrationHash is [\"h1:\"], but must be a text")]
#[case::port(json!({ "DatabasePort": "five" }), "…\"five\"…")]
fn a_wrong_property_is_reported(bed: TestBed, #[case] wrong: Value, #[case] reason: &str) {
    bed.assert_fails(&bed.create_with(wrong), reason);
    assert_eq!(bed.tables(), "");
}

/// The second of two deployments waits for LockTimeout.
#[rstest]
fn lock_timeout_limits_the_wait_for_another_deployment(bed: TestBed) {
    bed.migration(SECOND, WAITS);
    let event = bed.create();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| bed.invoke(&event));
        bed.database.wait_for_statement("pg_sleep(0.1)");

        let bucket = S3::start();
        let mut event = bed.create_with(json!({ "LockTimeout": "1" }));
        event["ResponseURL"] = json!(bucket.response_url());
        let impatient = bed.function().invoke(&event, LONG);
        impatient.assert_succeeded();
        assert_answer(
            bucket.answer(),
            failure(
                &event,
                "another deployment to this database holds the lock, and kept it for 1 s…",
            ),
        );
        bed.database.query("CREATE TABLE fast ()");
        first.join().unwrap().assert_succeeded();
        assert_eq!(bed.s3.answer()["Status"], "SUCCESS");
    });
}

#[rstest]
fn a_second_deployment_continues_after_the_first(mut bed: TestBed) {
    bed.migration(SECOND, "SELECT pg_sleep(2);\n");
    let event = bed.create();
    let first = std::mem::replace(&mut bed.s3, S3::start());
    let second_event = bed.create();
    std::thread::scope(|scope| {
        let deployment = scope.spawn(|| bed.invoke(&event));
        bed.database.wait_for_statement("pg_sleep(2)");
        bed.invoke(&second_event).assert_succeeded();
        deployment.join().unwrap().assert_succeeded();
    });
    let expected = success(&event, BOTH_APPLIED, data("20260102000000", 2));
    assert_answer(first.answer(), expected);
    let expected = success(&second_event, "…", data("20260102000000", 0));
    assert_answer(bed.s3.answer(), expected);
}
