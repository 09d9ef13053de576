//! An older package on a newer database, and other histories that do not match.

use rstest::{fixture, rstest};
use serde_json::{Value, json};

use crate::harness::test_bed::{SECOND, THIRD, TestBed, bed, data};

/// The database of a newer package, with an older package.
#[fixture]
fn older(mut bed: TestBed) -> TestBed {
    bed.migration(THIRD, "CREATE TABLE third ();\n");
    bed.migration("20260104000000_fourth.sql", "CREATE TABLE fourth ();\n");
    bed.deploy();
    bed.remove(THIRD);
    bed.remove("20260104000000_fourth.sql");
    bed
}

fn ahead(version: &str, versions: &str) -> Value {
    let mut data = data(version, 0);
    data["DatabaseAhead"] = json!("true");
    data["AheadVersions"] = json!(versions);
    data
}

#[rstest]
#[case::by_default(json!({}))]
#[case::when_allowed(json!({ "OnDatabaseAhead": "succeed" }))]
#[case::with_a_baseline(json!({ "BaselineVersion": "20260101000000" }))]
fn rolling_back_succeeds_and_reports_it(older: TestBed, #[case] properties: Value) {
    older.assert_succeeds(
        &older.update_with(properties),
        "Nothing to apply of 2 migrations; the database is at 20260104000000. The database is \
         ahead of this package, by 20260103000000, 20260104000000.",
        ahead("20260104000000", "20260103000000,20260104000000"),
    );
    assert_eq!(older.tables(), "fourth,orders,third,users");
}

#[rstest]
fn rolling_back_fails_if_forbidden(older: TestBed) {
    older.assert_fails(
        &older.update_with(json!({ "OnDatabaseAhead": "fail" })),
        "the database is ahead of this package, by 20260103000000, 20260104000000, and \
         OnDatabaseAhead is fail",
    );
}

/// The last migration of the newer package failed outside of a transaction.
#[rstest]
fn rolling_back_succeeds_after_a_partially_applied_migration(mut bed: TestBed) {
    bed.answer(&bed.create());
    bed.migration(
        THIRD,
        "-- atlas:txmode none\n\nCREATE TABLE half ();\nINSERT INTO nowhere VALUES (1);\n",
    );
    bed.forget_answers();
    bed.assert_fails(
        &bed.update_with(json!({})),
        "migration 20260103000000_index.sql failed: …nowhere…is partially applied: 1 of its 2 \
         statements stay…",
    );
    assert_eq!(bed.tables(), "half,orders,users");

    bed.remove(THIRD);
    bed.forget_answers();
    bed.assert_succeeds(
        &bed.update_with(json!({})),
        "…ahead of this package, by 20260103000000. 20260103000000 is partially applied: 1 of 2 \
         statements.",
        ahead("20260102000000", "20260103000000"),
    );

    // The newer package with a corrected migration: Atlas continues after the statement.
    bed.migration(THIRD, "-- atlas:txmode none\n\nCREATE TABLE half ();\nSELECT 1;\n");
    bed.forget_answers();
    bed.assert_succeeds(&bed.update_with(json!({})), "…", data("20260103000000", 1));
}

/// A branch merged late: Atlas would silently skip the migration.
#[rstest]
fn a_migration_older_than_the_database_is_named(mut bed: TestBed) {
    bed.deploy();
    bed.migration("20260101120000_late.sql", "CREATE TABLE late ();\n");
    bed.assert_fails(&bed.update_with(json!({})), "…lacks older migrations…20260101120000…");
    assert_eq!(bed.tables(), "orders,users");
}

/// Whatever the answer to an edited migration, it is not applied twice.
#[rstest]
fn an_applied_migration_is_not_applied_again(mut bed: TestBed) {
    bed.deploy();
    bed.migration(SECOND, "CREATE TABLE orders_anew ();\n");
    bed.answer(&bed.update_with(json!({})));
    assert_eq!(bed.tables(), "orders,users");
}
