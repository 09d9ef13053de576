mod attributes;
mod cases;
mod columns;
mod mistakes;
mod odd_names;
mod schemas;
mod sql_files;

use postgres::TemporaryDatabase;
use rstest::rstest;
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DatabaseConnection, EntityTrait, IntoActiveModel, Set,
};
use serde_json::json;

/// After a deliberate change: `UPDATE_GOLDEN=1 cargo test -p kit-tests`, then review the diff.
#[rstest]
#[case("cases")]
#[case("odd_names")]
#[case("schemas")]
#[tokio::test]
async fn prints_what_the_golden_file_says(#[case] module: &str) {
    let path = format!("{}/tests/schema/{module}.sql", env!("CARGO_MANIFEST_DIR"));
    let ddl = schema::ddl(&format!("schema_tests::{module}")).await.unwrap();
    let printed = format!("{ddl}\n");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &printed).unwrap();
    }
    assert_eq!(printed, std::fs::read_to_string(path).unwrap());
}

/// The order of registration differs from process to process, so one process cannot tell.
#[tokio::test]
async fn prints_the_same_in_every_process() {
    const CHILD: &str = "PRINT_SCHEMA_CHILD";
    if std::env::var_os(CHILD).is_some() {
        return println!("<<<{}>>>", schema::ddl("schema_tests::cases").await.unwrap());
    }
    let print = || {
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "prints_the_same_in_every_process", "--nocapture"])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let output = String::from_utf8(child.stdout).unwrap();
        let (_, rest) = output.split_once("<<<").expect("the child printed a schema");
        rest.split_once(">>>").expect("the child ended").0.to_owned()
    };
    let first = print();
    for _ in 0..9 {
        assert_eq!(print(), first);
    }
}

/// Loads the schema of a module into a database.
async fn load(module: &str) -> (TemporaryDatabase, DatabaseConnection) {
    let server = postgres::server().await.unwrap();
    let database = server.temporary_database(module).await.unwrap();
    let connection = database.connect().await.unwrap();
    let ddl = schema::ddl(&format!("schema_tests::{module}")).await.unwrap();
    connection.execute_unprepared(&ddl).await.unwrap();
    (database, connection)
}

#[tokio::test]
async fn loads_into_postgresql() {
    let (_database, connection) = load("cases").await;
    // The keys of a cycle hold: each row refers to the other.
    connection
        .execute_unprepared(
            "INSERT INTO teams DEFAULT VALUES;
             INSERT INTO employees (team_id, badge, level, previous_levels, tags, salary, settings)
             SELECT id, 1, 'senior, or more', '{junior}', '{a,b}', 100, '{}' FROM teams;
             UPDATE teams SET lead_id = (SELECT id FROM employees);
             UPDATE employees SET manager_id = id;
             INSERT INTO bookings SELECT 'red', '2026-01-01', id, team_id, badge FROM employees WHERE yearly = 1200;",
        )
        .await
        .unwrap();
    let broken = connection.execute_unprepared("UPDATE employees SET manager_id = -1").await;
    assert!(broken.unwrap_err().to_string().contains("fk-employees-manager_id"));
}

#[tokio::test]
async fn loads_odd_names_as_they_are_written() {
    use odd_names::orders;

    let (_database, connection) = load("odd_names").await;
    connection
        .execute_unprepared(
            "INSERT INTO \"Order Items ( old ), it's AS\" \
             VALUES (7, 1, 2, DEFAULT, '{a}', 'b', 7, 'it''s AS (good, bad);')",
        )
        .await
        .unwrap();
    let rows = orders::Entity::find().all(&connection).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].text, "one,\ntwo) -- 'three' \\ \"four\"");
    assert_eq!((rows[0].commas, rows[0].line_break), (1, 2));
}

#[tokio::test]
async fn loads_into_a_schema_of_its_own() {
    use schemas::{invoice, user};

    let (_database, connection) = load("schemas").await;
    let user = user::ActiveModel { ..Default::default() }.insert(&connection).await.unwrap();
    let invoice = invoice::ActiveModel {
        user_id: Set(user.id),
        number: Set("1".into()),
        state: Set(invoice::State::Open),
        ..Default::default()
    };
    invoice.insert(&connection).await.unwrap();
    assert_eq!(invoice::Entity::find().all(&connection).await.unwrap().len(), 1);
}

#[tokio::test]
async fn refuses_names_that_postgresql_would_cut() {
    let error = schema::ddl("schema_tests::mistakes::long_names").await.unwrap_err().to_string();
    let lines: Vec<_> = error.lines().collect();
    let modules = "schema_tests::mistakes::long_names";
    for (line, start, remedy) in [
        (0, "user: \"a_column_whose_name_", "`column_name`"),
        (
            1,
            "user_role: \"fk-roles_that_a_user_may_have_while_the_contract_lasts-first_",
            "`skip_fk`",
        ),
        (
            2,
            "user_role: \"fk-roles_that_a_user_may_have_while_the_contract_lasts-other_",
            "after.sql",
        ),
        (
            3,
            "user_role: \"idx-roles_that_a_user_may_have_while_the_contract_lasts-first_",
            "after.sql",
        ),
    ] {
        assert!(lines[line].starts_with(&format!("{modules}::{start}")), "{error}");
        assert!(lines[line].contains(remedy), "{error}");
    }
    assert_eq!(lines.len(), 4, "{error}");
}

#[tokio::test]
async fn stores_and_reads_all_common_types() {
    use sea_orm::prelude::*;

    let (_database, connection) = load("columns").await;
    let id = Uuid::from_u128(7);
    let day = Date::from_ymd_opt(2026, 2, 28).unwrap();
    let noon = day.and_hms_milli_opt(12, 30, 59, 250).unwrap();
    let row = columns::values::Model {
        id,
        small: i16::MIN,
        integer: i32::MAX,
        big: i64::MIN,
        real: 0.5,
        double: 1e300,
        flag: true,
        text: "tëxt".into(),
        long_text: "x".repeat(10_000),
        price: Decimal::new(123_456_789_012, 2),
        bytes: vec![0, 255],
        json: json!({"b": 1, "a": [null, 1.5]}),
        jsonb: json!({"nested": {"list": [1, 2]}}),
        date: day,
        time: noon.time(),
        date_time: noon,
        utc: noon.and_utc(),
        with_time_zone: noon.and_utc().fixed_offset(),
        maybe: None,
        tags: vec!["a,b".into(), "\"c\"".into()],
        numbers: vec![1, -2],
        ids: vec![id],
        days: vec![day],
        prices: vec![Decimal::new(-1, 3)],
    };
    row.clone().into_active_model().insert(&connection).await.unwrap();
    let stored = columns::values::Entity::find_by_id(id).one(&connection).await.unwrap();
    assert_eq!(stored, Some(row));
}

#[rstest]
#[case("schema_tests::nothing_here", "no entity found in `schema_tests::nothing_here`")]
#[case("schema_tests::mistakes::same_table", "2 entities share 1 tables")]
#[case("schema_tests::mistakes::same_type", "two enums have the name \"state\"")]
#[case("schema_tests::mistakes::upper_case_type", "change its `enum_name`")]
#[tokio::test]
async fn refuses_what_would_not_load(#[case] module: &str, #[case] reason: &str) {
    let error = schema::ddl(module).await.unwrap_err().to_string();
    assert!(error.contains(reason), "{error}");
}
