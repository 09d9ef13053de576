//! What a stack may ask for.

use rstest::rstest;
use serde_json::{Value, json};

use crate::harness::answer::{assert_answer, failure, success};
use crate::harness::s3::S3;
use crate::harness::stage::{BOTH_APPLIED, LONG, SECOND, Stage, THIRD, data, stage};

#[rstest]
fn a_dry_run_tells_and_applies_nothing(mut stage: Stage) {
    let mut expected = data("", 0);
    expected["Plan"] = json!("20260101000000_users.sql,20260102000000_orders.sql");
    stage.assert_succeeds(
        &stage.create_with(json!({ "DryRun": "true" })),
        "Would apply 2: 20260101000000_users.sql, 20260102000000_orders.sql.",
        expected,
    );
    assert_eq!(stage.tables(), "");
    let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'atlas%'";
    assert_eq!(stage.database.query(schemas), "0", "not even a history");
    stage.forget_answers();
    stage.deploy();

    stage.migration(THIRD, "CREATE TABLE third ();\n");
    let mut expected = data("20260102000000", 0);
    expected["Plan"] = json!(THIRD);
    // JSON's own type, as a caller other than CloudFormation would send it.
    let event = stage.update_with(json!({ "DryRun": true }));
    stage.assert_succeeds(&event, "Would apply 1: 20260103000000_index.sql.", expected);
    assert_eq!(stage.tables(), "orders,users");
}

/// `Fn::GetAtt` of an attribute that is not there would fail the stack.
#[rstest]
fn a_dry_run_with_nothing_to_do_has_a_plan(mut stage: Stage) {
    stage.deploy();
    let mut expected = data("20260102000000", 0);
    expected["Plan"] = json!("");
    stage.assert_succeeds(
        &stage.update_with(json!({ "DryRun": "true" })),
        "Nothing to apply of 2 migrations; the database is at 20260102000000.",
        expected,
    );
}

/// A database that had its tables before it had migrations.
#[rstest]
fn a_baseline_is_for_the_first_time_only(mut stage: Stage) {
    stage
        .database
        .query("SET ROLE app; CREATE TABLE users (id bigint PRIMARY KEY)");
    let baseline = json!({ "BaselineVersion": "20260101000000" });
    stage.assert_succeeds(
        &stage.create_with(baseline.clone()),
        "Applied 1: 20260102000000_orders.sql. … at 20260102000000.",
        data("20260102000000", 1),
    );
    // The property stays in the stack.
    for (applied, migration) in [(0, None), (1, Some("CREATE TABLE third ();"))] {
        stage.forget_answers();
        if let Some(sql) = migration {
            stage.migration("20260103000000_third.sql", sql);
        }
        let version = ["20260102000000", "20260103000000"][applied as usize];
        let event = stage.update_with(baseline.clone());
        stage.assert_succeeds(&event, "…", data(version, applied));
    }
    assert_eq!(stage.tables(), "orders,third,users");
}

/// Tables without a history: Atlas refuses to apply to what it does not know.
#[rstest]
fn a_database_with_tables_needs_a_baseline(stage: Stage) {
    stage.database.query("SET ROLE app; CREATE TABLE other ()");
    stage.assert_fails(&stage.create(), "…BaselineVersion…");
    assert_eq!(stage.tables(), "other");
}

#[rstest]
fn a_baseline_must_be_a_migration_of_the_package(stage: Stage) {
    stage.database.query("SET ROLE app; CREATE TABLE other ()");
    let event = stage.create_with(json!({ "BaselineVersion": "1999" }));
    stage.assert_fails(
        &event,
        "the property BaselineVersion is \"1999\", which no migration of the package has",
    );
    assert_eq!(stage.tables(), "other");
}

#[rstest]
fn force_update_only_makes_cloudformation_call(mut stage: Stage) {
    stage.deploy();
    for text in ["2026-11-23T13:51:00Z", "x"] {
        stage.assert_succeeds(
            &stage.update_with(json!({ "ForceUpdate": text })),
            "Nothing to apply of 2 migrations; the database is at 20260102000000.",
            data("20260102000000", 0),
        );
        stage.forget_answers();
    }
}

/// One function may serve several databases.
#[rstest]
fn a_stack_names_the_database(mut stage: Stage) {
    let properties = json!({
        "DatabaseName": stage.database.name,
        "DatabaseHost": "localhost",
        "DatabasePort": stage.database.cluster.port,
        "DatabaseUser": "app",
    });
    for variable in ["DB_NAME", "DB_HOST", "DB_PORT", "DB_USER"] {
        stage.environment.set(variable, "1");
    }
    let event = stage.create_with(properties);
    stage.assert_succeeds(&event, BOTH_APPLIED, data("20260102000000", 2));
}

#[rstest]
#[case::unknown(json!({ "DryRunn": "true" }), "…DryRunn…")]
#[case::dry_run(json!({ "DryRun": "yes" }), "the property DryRun is \"yes\", but must be false or true")]
#[case::lock_timeout(json!({ "LockTimeout": "1m" }), "the property LockTimeout is \"1m\", but must be a number of seconds")]
#[case::ahead(json!({ "OnDatabaseAhead": "no" }), "the property OnDatabaseAhead is \"no\", but must be succeed or fail")]
#[case::no_hash(json!({ "MigrationHash": "" }), "the property MigrationHash is missing…")]
#[case::hash_of_other_type(json!({ "MigrationHash": ["h1:"] }), "the property MigrationHash is [\"h1:\"], but must be a text")]
#[case::port(json!({ "DatabasePort": "five" }), "…\"five\"…")]
fn a_wrong_property_is_named(stage: Stage, #[case] wrong: Value, #[case] reason: &str) {
    stage.assert_fails(&stage.create_with(wrong), reason);
    assert_eq!(stage.tables(), "");
}

/// Two deployments at once: the second waits as long as it is told, and no longer.
#[rstest]
fn lock_timeout_is_how_long_another_deployment_is_waited_for(stage: Stage) {
    stage.migration(SECOND, "SELECT pg_sleep(4);\n");
    let event = stage.create();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| stage.invoke(&event));
        stage.database.wait_for_statement("pg_sleep(4)");

        let bucket = S3::start();
        let mut event = stage.create_with(json!({ "LockTimeout": "1" }));
        event["ResponseURL"] = json!(bucket.response_url());
        let impatient = stage.function().invoke(&event, LONG);
        impatient.assert_succeeded();
        assert!(impatient.took.as_secs_f32() < 3.5, "{:?}", impatient.took);
        assert_answer(
            bucket.answer(),
            failure(
                &event,
                "another deployment to this database holds the lock, and kept it for 1 s…",
            ),
        );
        first.join().unwrap().assert_succeeded();
        assert_eq!(stage.s3.answer()["Status"], "SUCCESS");
    });
}

#[rstest]
fn a_second_deployment_goes_on_when_the_first_is_done(mut stage: Stage) {
    stage.migration(SECOND, "SELECT pg_sleep(2);\n");
    let event = stage.create();
    let first = std::mem::replace(&mut stage.s3, S3::start());
    let second_event = stage.create();
    std::thread::scope(|scope| {
        let deployment = scope.spawn(|| stage.invoke(&event));
        stage.database.wait_for_statement("pg_sleep(2)");
        stage.invoke(&second_event).assert_succeeded();
        deployment.join().unwrap().assert_succeeded();
    });
    let expected = success(&event, BOTH_APPLIED, data("20260102000000", 2));
    assert_answer(first.answer(), expected);
    let expected = success(&second_event, "…", data("20260102000000", 0));
    assert_answer(stage.s3.answer(), expected);
}
