//! An older package on a newer database, and other histories that do not fit.

use rstest::{fixture, rstest};
use serde_json::{Value, json};

use crate::harness::stage::{SECOND, Stage, THIRD, data, stage};

/// A database that a newer package has been applied to, and the older package.
#[fixture]
fn older(mut stage: Stage) -> Stage {
    stage.migration(THIRD, "CREATE TABLE third ();\n");
    stage.migration("20260104000000_fourth.sql", "CREATE TABLE fourth ();\n");
    stage.deploy();
    stage.remove(THIRD);
    stage.remove("20260104000000_fourth.sql");
    stage
}

fn ahead(version: &str, versions: &str) -> Value {
    let mut data = data(version, 0);
    data["DatabaseAhead"] = json!("true");
    data["AheadVersions"] = json!(versions);
    data
}

#[rstest]
#[case::by_default(json!({}))]
#[case::when_told(json!({ "OnDatabaseAhead": "succeed" }))]
#[case::with_the_baseline_still_there(json!({ "BaselineVersion": "20260101000000" }))]
fn rolling_back_succeeds_and_tells(older: Stage, #[case] properties: Value) {
    older.assert_succeeds(
        &older.update_with(properties),
        "Nothing to apply of 2 migrations; the database is at 20260104000000. The database is \
         ahead of this package, by 20260103000000, 20260104000000.",
        ahead("20260104000000", "20260103000000,20260104000000"),
    );
    assert_eq!(older.tables(), "fourth,orders,third,users");
}

#[rstest]
fn rolling_back_fails_where_it_may_not_be(older: Stage) {
    older.assert_fails(
        &older.update_with(json!({ "OnDatabaseAhead": "fail" })),
        "the database is ahead of this package, by 20260103000000, 20260104000000, and \
         OnDatabaseAhead is fail",
    );
}

/// What a rollback meets when the newer package's last migration broke off half-way,
/// outside of a transaction.
#[rstest]
fn rolling_back_succeeds_behind_a_migration_that_broke_off(mut stage: Stage) {
    stage.answer(&stage.create());
    stage.migration(
        THIRD,
        "-- atlas:txmode none\n\nCREATE TABLE half ();\nINSERT INTO nowhere VALUES (1);\n",
    );
    stage.forget_answers();
    stage.assert_fails(
        &stage.update_with(json!({})),
        "migration 20260103000000_index.sql failed: …nowhere…is partially applied: 1 of its 2 \
         statements stay…",
    );
    assert_eq!(stage.tables(), "half,orders,users");

    stage.remove(THIRD);
    stage.forget_answers();
    stage.assert_succeeds(
        &stage.update_with(json!({})),
        "…ahead of this package, by 20260103000000. 20260103000000 is partially applied: 1 of 2 \
         statements.",
        ahead("20260103000000", "20260103000000"),
    );

    // The newer package again, its migration mended: it goes on where it broke off.
    stage.migration(
        THIRD,
        "-- atlas:txmode none\n\nCREATE TABLE half ();\nSELECT 1;\n",
    );
    stage.forget_answers();
    stage.assert_succeeds(
        &stage.update_with(json!({})),
        "…",
        data("20260103000000", 1),
    );
}

/// A branch merged late: Atlas would never apply the migration, and say nothing.
#[rstest]
fn a_migration_older_than_the_database_is_named(mut stage: Stage) {
    stage.deploy();
    stage.migration("20260101120000_late.sql", "CREATE TABLE late ();\n");
    stage.assert_fails(
        &stage.update_with(json!({})),
        "…lacks older migrations…20260101120000…",
    );
    assert_eq!(stage.tables(), "orders,users");
}

/// An edit of a migration that was applied. Whatever is told, nothing is applied twice.
#[rstest]
fn an_applied_migration_is_not_applied_again(mut stage: Stage) {
    stage.deploy();
    stage.migration(SECOND, "CREATE TABLE orders_anew ();\n");
    stage.answer(&stage.update_with(json!({})));
    assert_eq!(stage.tables(), "orders,users");
}
